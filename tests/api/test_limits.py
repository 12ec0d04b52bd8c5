"""Rate limits over HTTP: whose bucket a request takes from, which apply, how they are told."""

from itertools import count
from random import randrange

import orjson
import pytest

from billetter.api.limits import RATE_LIMITED, Caller, Gates, limited, told
from billetter.api.replies import reply
from billetter.domain.ids import UserId
from billetter.domain.policy import Allowance, By, Group, parse_policies
from billetter.engine import Engine
from billetter.settings import Settings
from billetter.wire.topology import Wire

ANN = UserId("a:7")
_numbers = count(randrange(2**40))


@pytest.fixture
def address() -> str:
    """An IPv6 client that no other test has."""
    number = f"{next(_numbers):012x}"
    return f"fd00:{number[:4]}:{number[4:8]}:{number[8:]}::1"


@pytest.mark.parametrize(
    ("by", "caller", "subject"),
    [
        (By.IP, Caller("192.0.2.7", ANN), "192.0.2.7"),
        (By.IP, Caller("2001:db8::9"), "2001:db8::/64"),
        (By.USER, Caller("192.0.2.7", ANN, b"Bearer x"), "a:7"),
        (By.USER, Caller("192.0.2.7"), "192.0.2.7"),
        (By.ACCOUNT, Caller("192.0.2.7", ANN, account="ann@example.org"), "ann@example.org"),
        (By.ACCOUNT, Caller("192.0.2.7", ANN), "192.0.2.7"),
        (By.KEY, Caller("192.0.2.7", ANN, b"Bearer \xff"), "Bearer \xff"),
        (By.KEY, Caller("192.0.2.7", ANN), "192.0.2.7"),
        (By.KEY, Caller(""), "local"),
    ],
)
def test_whose_bucket_a_request_takes_from(by: By, caller: Caller, subject: str) -> None:
    assert caller.subject(by) == subject


async def test_a_route_without_limits_has_no_gate(wire: Wire) -> None:
    limits, policies = Engine(wire).limits, parse_policies("login=10/1m/ip")
    for group in (None, Group.READ, Group.PAYMENTS):
        assert Gates.of(group, policies, limits) == Gates(None, None)


async def test_addresses_are_counted_before_credentials_are_looked_at(wire: Wire) -> None:
    limits = Engine(wire).limits
    by_address = Gates.of(Group.READ, parse_policies("default=9/1m/ip"), limits)
    by_user = Gates.of(Group.READ, parse_policies("read=9/1m/user"), limits)
    assert (by_address.outer is None, by_address.inner is None) == (False, True)
    assert (by_user.outer is None, by_user.inner is None) == (True, False)


async def test_a_login_is_limited_by_address_and_by_account(wire: Wire, address: str) -> None:
    default = parse_policies(Settings.model_fields["rate_limits"].default)
    gates = Gates.of(Group.LOGIN, default, Engine(wire).limits)
    assert gates.outer is not None
    assert gates.inner is not None
    one = [await gates.outer.admit(Caller(address, account=f"{n}@{address}")) for n in range(11)]
    assert [each.remaining for each in one] == [*reversed(range(10)), 0]
    assert [each.retry_after_s is None for each in one] == [True] * 10 + [False]
    crowd = [Caller(f"192.0.2.{n}", account=f"ann@{address}") for n in range(11)]
    many = [await gates.inner.admit(caller) for caller in crowd]
    assert [each.retry_after_s is None for each in many] == [True] * 10 + [False]


async def test_a_group_without_limits_of_its_own_shares_the_default(
    wire: Wire, address: str
) -> None:
    limits, policies = Engine(wire).limits, parse_policies("default=2/1h/ip,login=2/1h/ip")
    left = []
    for group in (Group.READ, Group.WRITE, Group.REGISTER, Group.LOGIN):
        gate = Gates.of(group, policies, limits).outer
        assert gate is not None
        left.append(await gate.admit(Caller(address)))
    assert [each.remaining for each in left] == [1, 0, 0, 1]
    assert [each.retry_after_s is None for each in left] == [True, True, False, True]


def test_what_is_left_is_told() -> None:
    assert told(Allowance(100, 99, 9)) == [
        (b"ratelimit-limit", b"100"),
        (b"ratelimit-remaining", b"99"),
        (b"ratelimit-reset", b"9"),
    ]


def test_a_refusal_says_when_to_come_again() -> None:
    refusal = limited(Allowance(10, 0, 60, retry_after_s=6))
    assert refusal.status == 429
    body = orjson.loads(refusal.body)
    assert (body["error"], list(body)) == ("rate_limited", ["error", "message"])
    headers = dict(refusal.headers)
    assert headers[b"retry-after"] == b"6"
    assert headers[b"ratelimit-remaining"] == b"0"
    assert headers[b"ratelimit-reset"] == b"60"
    assert b"retry-after" not in dict(RATE_LIMITED.headers)


def test_a_route_can_word_it_otherwise() -> None:
    bare = reply(429, {"error": "rate_limited"})
    refusal = limited(Allowance(10, 0, 60, retry_after_s=6), bare)
    assert refusal.body == b'{"error":"rate_limited"}'
    assert dict(refusal.headers)[b"retry-after"] == b"6"
