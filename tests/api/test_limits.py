"""Rate limits over HTTP: whose bucket a request takes from, which apply, how they are told."""

from itertools import count
from random import randrange

import orjson
import pytest

from billetter.api.limits import RATE_LIMITED, Caller, Gate, Gates, limited, rate_limit_headers
from billetter.api.replies import reply
from billetter.domain.ids import UserId
from billetter.domain.policy import OPEN_LIMITS, Allowance, By, Group, parse_policies
from billetter.engine import Engine
from billetter.wire.topology import Wire

ANN = UserId("a:7")
_numbers = count(randrange(2**40))


@pytest.fixture
def address() -> str:
    """An IPv6 client that no other test has."""
    number = f"{next(_numbers):012x}"
    return f"fd00:{number[:4]}:{number[4:8]}:{number[8:]}::1"


async def admitted(gate: Gate, caller: Caller) -> Allowance:
    allowance = await gate.admit(caller)
    assert allowance is not None
    return allowance


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
        assert Gates.of(group, policies, limits) == Gates()


async def test_addresses_are_counted_before_credentials_are_looked_at(wire: Wire) -> None:
    limits = Engine(wire).limits
    by_address = Gates.of(Group.READ, parse_policies("default=9/1m/ip"), limits)
    by_user = Gates.of(Group.READ, parse_policies("read=9/1m/user"), limits)
    assert (by_address.outer is None, by_address.inner is None) == (False, True)
    assert (by_user.outer is None, by_user.inner is None) == (True, False)


async def test_changes_are_counted_when_it_is_known_who_makes_them(wire: Wire) -> None:
    gates = Gates.of(Group.WRITE, parse_policies("default=9/1m/ip"), Engine(wire).limits)
    assert (gates.outer is None, gates.inner is None) == (True, False)


async def test_services_are_not_counted_for_what_they_do_for_others(
    wire: Wire, address: str
) -> None:
    policies = parse_policies("write=2/1h/ip,write=2/1h/user,write=4/1h/key,keys=1/1h/user")
    gates = Gates.of(Group.WRITE, policies, Engine(wire).limits)
    box_office = Caller(address, ANN, f"Bearer {address}".encode(), trusted=True)
    left = [await gates.inner.admit(box_office) for _ in range(2)] if gates.inner else []
    left += [await gates.keyed.admit(box_office) for _ in range(2)] if gates.keyed else []
    assert [each and (each.limit, each.remaining) for each in left] == [
        *((4, 3), (4, 2), (4, 1), (4, 0))
    ]
    others = Gates.of(Group.WRITE, parse_policies("write=1/1h/ip"), Engine(wire).limits).inner
    assert others is not None
    assert await others.admit(box_office) is None
    reading = Gates.of(Group.READ, parse_policies("read=1/1h/user"), Engine(wire).limits).inner
    assert reading is not None
    assert await reading.admit(Caller(address, UserId(address), trusted=True)) is not None


async def test_keys_are_counted_beside_what_they_are_keys_of(wire: Wire, address: str) -> None:
    policies = parse_policies("write=5/1h/user,keys=2/1h/user,default=1/1h/user")
    gates, ann = Gates.of(Group.WRITE, policies, Engine(wire).limits), Caller("", UserId(address))
    assert gates.inner is not None
    assert gates.keyed is not None
    told = [await gates.keyed.admit(ann) for _ in range(3)]
    assert [each and each.limit for each in told] == [2, 2, 2]
    assert [each and each.retry_after_s is None for each in told] == [True, True, False]
    # What was refused has cost nothing.
    last = await gates.inner.admit(ann)
    assert last is not None
    assert (last.limit, last.remaining) == (5, 2)


async def test_a_login_is_limited_by_address_and_by_account(wire: Wire, address: str) -> None:
    default = parse_policies(OPEN_LIMITS)
    gates = Gates.of(Group.LOGIN, default, Engine(wire).limits)
    assert gates.outer is not None
    assert gates.inner is not None
    callers = [Caller(address, account=f"{n}@{address}") for n in range(11)]
    one = [await admitted(gates.outer, caller) for caller in callers]
    assert [each.remaining for each in one] == [*reversed(range(10)), 0]
    assert [each.retry_after_s is None for each in one] == [True] * 10 + [False]
    crowd = [Caller(f"192.0.2.{n}", account=f"ann@{address}") for n in range(11)]
    many = [await admitted(gates.inner, caller) for caller in crowd]
    assert [each.retry_after_s is None for each in many] == [True] * 10 + [False]


async def test_a_group_without_limits_of_its_own_shares_the_default(
    wire: Wire, address: str
) -> None:
    limits, policies = Engine(wire).limits, parse_policies("default=2/1h/ip,login=2/1h/ip")
    left = []
    for group in (Group.READ, Group.WRITE, Group.REGISTER, Group.LOGIN):
        gates = Gates.of(group, policies, limits)
        gate = gates.outer or gates.inner
        assert gate is not None
        left.append(await admitted(gate, Caller(address)))
    assert [each.remaining for each in left] == [1, 0, 0, 1]
    assert [each.retry_after_s is None for each in left] == [True, True, False, True]


def test_what_is_left_is_told() -> None:
    assert rate_limit_headers(Allowance(100, 99, 9)) == [
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
