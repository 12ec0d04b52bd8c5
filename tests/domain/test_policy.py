"""Rate limits: read from text, found by group."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billetter.domain.policy import (
    COUNT_MAX,
    OPEN_LIMITS,
    REQUIRED_LIMITS,
    WINDOW_S_MAX,
    By,
    Group,
    Policy,
    parse_policies,
    policies_of,
)

LOGIN = Policy(Group.LOGIN, 10, 60, By.IP)
ACCOUNT = Policy(Group.LOGIN, 10, 60, By.ACCOUNT)
DEFAULT = Policy(Group.DEFAULT, 100, 900, By.USER)


@pytest.mark.parametrize(
    ("text", "policies"),
    [
        ("", ()),
        ("  ", ()),
        ("login=10/1m/ip", (LOGIN,)),
        ("login=10/60s/ip", (LOGIN,)),
        (" login=10/1m/ip , default=100/15m/user", (LOGIN, DEFAULT)),
        ("login=10/1m/account,login=10/1m/ip", (ACCOUNT, LOGIN)),
        ("write=1/1h/key", (Policy(Group.WRITE, 1, 3_600, By.KEY),)),
        ("payments=1000000/30d/ip", (Policy(Group.PAYMENTS, COUNT_MAX, WINDOW_S_MAX, By.IP),)),
        ("register=3/1d/account", (Policy(Group.REGISTER, 3, 86_400, By.ACCOUNT),)),
    ],
)
def test_limits_are_read(text: str, policies: tuple[Policy, ...]) -> None:
    assert parse_policies(text) == policies


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("login", "'login' is no limit such as login=10/1m/ip"),
        ("login=10/1m/ip,", "'' is no limit such as"),
        ("login=ten/1m/ip", "'login=ten/1m/ip' is no limit such as"),
        ("login=-1/1m/ip", "is no limit such as"),
        ("login=10/1w/ip", "is no limit such as"),
        ("login=10/m/ip", "is no limit such as"),
        ("login=10/1m/ip\n;", "is no limit such as"),
        ("login=٣/1m/ip", "is no limit such as"),
        ("sales=10/1m/ip", "'sales=10/1m/ip': the groups are login, register, read, write"),
        ("login=10/1m/city", "'login=10/1m/city': the last word is one of ip, user, account, key"),
        ("login=0/1m/ip", "the count is 1 to 1000000"),
        ("login=1000001/1m/ip", "the count is 1 to 1000000"),
        ("login=10/0s/ip", "the window is 1s to 30d"),
        ("login=10/31d/ip", "the window is 1s to 30d"),
        ("read=10/1m/account", "only login and register name an account"),
        ("login=10/1m/ip,login=10/60s/ip", "'login=10/60s/ip' stands there twice"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        parse_policies(text)


@given(
    st.builds(
        Policy,
        st.sampled_from(Group),
        st.integers(1, COUNT_MAX),
        st.integers(1, WINDOW_S_MAX),
        st.sampled_from([By.IP, By.USER, By.KEY]),
    )
)
def test_a_limit_reads_as_it_is_written(policy: Policy) -> None:
    assert parse_policies(str(policy)) == (policy,)


@given(st.integers(1, COUNT_MAX), st.integers(1, WINDOW_S_MAX))
def test_no_more_than_the_count_comes_back_in_a_window(count: int, window_s: int) -> None:
    interval_us = Policy(Group.READ, count, window_s, By.IP).interval_us
    assert 0 <= count * interval_us - window_s * 1_000_000 < count
    assert count * interval_us + 2**51 < 2**53  # 2^51 µs since 1970 come in 2041.


def test_a_group_has_its_own_limits_or_the_default_ones() -> None:
    policies = (LOGIN, DEFAULT, ACCOUNT)
    assert policies_of(Group.LOGIN, policies) == (LOGIN, ACCOUNT)
    assert policies_of(Group.WRITE, policies) == (DEFAULT,)
    assert policies_of(Group.WRITE, (LOGIN,)) == ()


def test_payments_are_limited_by_name_only() -> None:
    payments = Policy(Group.PAYMENTS, 5, 1, By.IP)
    assert policies_of(Group.PAYMENTS, (DEFAULT,)) == ()
    assert policies_of(Group.PAYMENTS, (DEFAULT, payments)) == (payments,)


def test_keys_are_limited_by_name_only_as_their_routes_are_limited_too() -> None:
    keys = Policy(Group.KEYS, 5, 1, By.USER)
    assert policies_of(Group.KEYS, (DEFAULT,)) == ()
    assert policies_of(Group.KEYS, (DEFAULT, keys)) == (keys,)


def test_the_limits_of_both_modes_can_be_read() -> None:
    assert {each.group for each in parse_policies(OPEN_LIMITS)} == {Group.LOGIN}
    required = {(each.group, each.by): each for each in parse_policies(REQUIRED_LIMITS)}
    bounded = {group for group, _ in required}
    assert bounded == {Group.LOGIN, Group.REGISTER, Group.WRITE, Group.KEYS}
    # Nobody uses up the numbers of an event, 99 999 999, within ten years.
    write = required[Group.WRITE, By.USER]
    assert write.count + write.count * 3_650 * 86_400 / write.window_s < 99_999_999


def test_so_many_times_as_many() -> None:
    assert LOGIN.times(7) == Policy(Group.LOGIN, 70, 60, By.IP)
    assert LOGIN.times(10**9).count == COUNT_MAX
