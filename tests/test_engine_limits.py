"""Rate limits of the engine: exact however many come at once, true when Redis is away."""

import asyncio
from collections.abc import Awaitable
from itertools import count
from random import randrange

import pytest

from billetter.domain.outcome import Unavailable
from billetter.domain.policy import Allowance, By, Group, Policy
from billetter.engine import Engine
from billetter.engine.limits import scarcest
from billetter.wire.errors import NotRun, ReplyLost, WireError
from billetter.wire.lane import Argument
from billetter.wire.link import Reply
from billetter.wire.topology import Wire

SLOW = Policy(Group.WRITE, 3, 3_600, By.IP)
"""Nothing comes back within a test."""

_numbers = count(randrange(2**40))


def nobody() -> str:
    """A subject that no other test has."""
    return f"nobody-{next(_numbers)}"


class Broken:
    """A wire that fails in one way."""

    def __init__(self, error: WireError) -> None:
        self._error = error

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def _fail(self) -> Reply:
        raise self._error

    def call(self, *args: Argument) -> Awaitable[Reply]:
        return self._fail()


async def test_what_is_left_goes_down_to_nothing(wire: Wire) -> None:
    limits, subject = Engine(wire).limits, nobody()
    assert await limits.take(SLOW, subject) == Allowance(3, 2, 1_200)
    assert (await limits.take(SLOW, subject)).remaining == 1
    assert (await limits.take(SLOW, subject)).remaining == 0
    refused = await limits.take(SLOW, subject)
    assert (refused.limit, refused.remaining) == (3, 0)
    assert refused.retry_after_s is not None
    assert 1_100 < refused.retry_after_s <= 1_200
    assert 3_500 < refused.reset_s <= 3_600


async def test_seconds_are_rounded_up(wire: Wire) -> None:
    limits, subject = Engine(wire).limits, nobody()
    policy = Policy(Group.WRITE, 7, 3, By.IP)
    assert (await limits.take(policy, subject)).reset_s == 1


async def test_of_500_at_once_exactly_as_many_as_allowed(wire: Wire) -> None:
    limits, subject = Engine(wire).limits, nobody()
    policy = Policy(Group.WRITE, 100, 86_400, By.IP)
    taken = await asyncio.gather(*(limits.take(policy, subject) for _ in range(500)))
    admitted = [each.remaining for each in taken if each.retry_after_s is None]
    assert sorted(admitted) == list(range(100))


@pytest.mark.parametrize(
    "other",
    [
        Policy(Group.READ, 3, 3_600, By.IP),
        Policy(Group.WRITE, 4, 3_600, By.IP),
        Policy(Group.WRITE, 3, 7_200, By.IP),
        Policy(Group.WRITE, 3, 3_600, By.USER),
    ],
    ids=str,
)
async def test_limits_are_counted_apart(wire: Wire, other: Policy) -> None:
    limits, subject = Engine(wire).limits, nobody()
    for _ in range(4):
        await limits.take(SLOW, subject)
    assert (await limits.take(other, subject)).remaining == other.count - 1


async def test_subjects_are_counted_apart_however_long_or_odd(wire: Wire) -> None:
    limits, start = Engine(wire).limits, nobody()
    for subject in (start, start + "}{", start + "☀" * 5_000, start + "☀" * 5_001):
        assert (await limits.take(SLOW, subject)).remaining == 2


async def test_the_scarcest_is_told(wire: Wire) -> None:
    limits, ann, bob = Engine(wire).limits, nobody(), nobody()
    wide = Policy(Group.WRITE, 50, 3_600, By.USER)
    assert (await limits.take_each([(wide, ann), (SLOW, bob)])).limit == 3
    assert (await limits.take_each([(SLOW, ann), (wide, bob)])).limit == 3
    assert scarcest([Allowance(9, 5, 1), Allowance(5, 4, 1)]) == Allowance(5, 4, 1)


async def test_a_refusal_leaves_the_buckets_after_it_alone(wire: Wire) -> None:
    limits, attacker, victim = Engine(wire).limits, nobody(), nobody()
    once = Policy(Group.LOGIN, 1, 3_600, By.IP)
    account = Policy(Group.LOGIN, 3, 3_600, By.ACCOUNT)
    for _ in range(5):
        allowance = await limits.take_each([(once, attacker), (account, victim)])
    assert allowance.limit == 1
    assert allowance.retry_after_s is not None
    assert (await limits.take(account, victim)).remaining == 1


@pytest.mark.parametrize("error", [NotRun("away"), ReplyLost("lost")])
async def test_without_redis_nobody_can_say(error: WireError) -> None:
    # A lost reply is no unknown outcome here: what the caller wants was not begun.
    with pytest.raises(Unavailable):
        await Engine(Broken(error)).limits.take(SLOW, nobody())


async def test_a_refusal_costs_nothing(wire: Wire) -> None:
    limits, ann = Engine(wire).limits, nobody()
    once, wide = (Policy(Group.READ, most, 3_600, By.IP) for most in (1, 9))
    for _ in range(4):
        allowance = await limits.take_each([(wide, ann), (once, ann)])
    assert allowance.retry_after_s is not None
    assert (await limits.take(wide, ann)).remaining == 7


async def test_all_at_once_or_none(wire: Wire) -> None:
    limits, ann, bob = Engine(wire).limits, nobody(), nobody()
    wide = Policy(Group.WRITE, 50, 3_600, By.USER)
    for remaining in (2, 1, 0):
        allowance = await limits.take_all([(wide, ann), (SLOW, bob)])
        assert (allowance.limit, allowance.remaining) == (3, remaining)
    refused = await limits.take_all([(wide, ann), (SLOW, bob)])
    assert refused.limit == 3
    assert refused.retry_after_s is not None
    assert (await limits.take(wide, ann)).remaining == 46


async def test_of_refusals_the_longest_is_told(wire: Wire) -> None:
    limits, ann = Engine(wire).limits, nobody()
    short, long = Policy(Group.WRITE, 1, 60, By.USER), Policy(Group.WRITE, 1, 7_200, By.USER)
    for _ in range(2):
        allowance = await limits.take_all([(long, ann), (short, ann)])
    assert (allowance.retry_after_s or 0) > 3_600


async def test_a_token_given_back_can_be_taken_again(wire: Wire) -> None:
    limits, ann = Engine(wire).limits, nobody()
    for _ in range(5):
        assert (await limits.take(SLOW, ann)).remaining == 2
        await limits.give_back(SLOW, ann)


@pytest.mark.parametrize("error", [NotRun("away"), ReplyLost("lost")])
async def test_what_cannot_be_given_back_comes_back_by_itself(error: WireError) -> None:
    await Engine(Broken(error)).limits.give_back(SLOW, nobody())


async def test_all_at_once_also_where_the_server_has_forgotten_the_script(wire: Wire) -> None:
    limits, ann = Engine(wire).limits, nobody()
    wide = Policy(Group.WRITE, 50, 3_600, By.KEY)
    await limits.take_all([(wide, ann), (SLOW, ann)])
    await wire.call("SCRIPT", "FLUSH")
    allowance = await limits.take_all([(wide, ann), (SLOW, ann)])
    assert (allowance.limit, allowance.remaining) == (3, 1)
    assert (await limits.take(wide, ann)).remaining == 47


@pytest.mark.parametrize("error", [NotRun("away"), ReplyLost("lost")])
async def test_all_at_once_without_redis(error: WireError) -> None:
    with pytest.raises(Unavailable):
        await Engine(Broken(error)).limits.take_all([(SLOW, nobody())])
