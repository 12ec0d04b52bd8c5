"""Booking numbers: nobody gets another's, many are drawn at one stroke, none is kept for long."""

import asyncio
from collections.abc import Awaitable

import pytest

from billetter.domain.event import Details, EventPlan, Terms
from billetter.domain.ids import BOOKINGS_MAX, GUEST, BookingNumber, EventId
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.outcome import Answer, Outcome, OutcomeUnknown, Unavailable
from billetter.engine import Engine, keys, numbers
from billetter.engine.numbers import Drawn, Numbers
from billetter.wire.errors import NotRun, ReplyLost, WireError
from billetter.wire.lane import Argument
from billetter.wire.link import Reply
from billetter.wire.topology import Wire

NOWHERE = EventId(888_888_888)


class Held(Wire):
    """A wire whose scripts wait to be let go; `draws` are how many numbers each asks for."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.holds = False
        self.fails: WireError | None = None
        self.draws: list[int] = []
        self.gate = asyncio.Event()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def call(self, *args: Argument) -> Awaitable[Reply]:
        return self._draw(*args) if args[0] == "EVALSHA" else self._wire.call(*args)

    async def _draw(self, *args: Argument) -> Reply:
        self.draws.append(int(args[-1]))
        if self.holds:
            await self.gate.wait()
        if self.fails:
            raise self.fails
        return await self._wire.call(*args)

    def let_go(self) -> None:
        """Let what is held go on, and hold what comes next."""
        passed, self.gate = self.gate, asyncio.Event()
        passed.set()


@pytest.fixture
async def engine(wire: Wire) -> Engine:
    engine = Engine(wire)
    await engine.prepare()
    return engine


@pytest.fixture
async def event(engine: Engine) -> EventId:
    plan = EventPlan(
        Details("A title"), Terms(60_000, 60_000, 8), Layout.plan([ZonePlan("Hall", 500, (10,))])
    )
    return (await engine.events.create(plan, GUEST)).id


@pytest.fixture
async def held(engine: Engine, wire: Wire) -> Held:
    return Held(wire)


@pytest.fixture
async def drawn(engine: Engine, held: Held) -> Numbers:
    other = Engine(held)
    await other.store.load()
    return Numbers(other.store)


def ask(drawn: Numbers, event: EventId, times: int) -> list[asyncio.Task[Drawn]]:
    return [asyncio.create_task(drawn.draw(event)) for _ in range(times)]


async def turns() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def settled(drawn: Numbers, event: EventId) -> None:
    """Return when nothing is being drawn."""
    urn = drawn._urns.get(event)
    if urn is not None and urn.drawing is not None:
        await urn.drawing


async def test_one_after_the_other_count_without_gaps(
    drawn: Numbers, held: Held, event: EventId
) -> None:
    assert [await drawn.draw(event) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert held.draws == [1] * 5


async def test_who_ask_together_are_drawn_for_at_one_stroke(
    drawn: Numbers, held: Held, event: EventId
) -> None:
    assert await asyncio.gather(*ask(drawn, event, 50)) == [*range(1, 51)]
    assert held.draws == [50]


async def test_in_a_rush_numbers_are_there_before_they_are_asked_for(
    drawn: Numbers, held: Held, event: EventId
) -> None:
    held.holds = True
    first = ask(drawn, event, 3)
    await turns()
    meanwhile = ask(drawn, event, 4)
    await turns()
    held.let_go()
    assert await asyncio.gather(*first) == [1, 2, 3]
    await turns()
    # Those four who came meanwhile, and twice as many for those who come while this is drawn.
    assert held.draws == [3, 12]
    held.let_go()
    assert await asyncio.gather(*meanwhile) == [4, 5, 6, 7]
    await settled(drawn, event)
    assert await asyncio.wait_for(drawn.draw(event), 1) == 8
    assert held.draws == [3, 12]


async def test_nobody_has_the_number_of_another(engine: Engine, event: EventId) -> None:
    """Two processes in a rush that comes and goes."""
    both = [Numbers(engine.store), Numbers(engine.store)]
    found: list[Drawn] = []

    async def asker(drawn: Numbers, pause_s: float) -> None:
        for _ in range(30):
            found.append(await drawn.draw(event))
            await asyncio.sleep(pause_s)

    await asyncio.gather(*(asker(both[each % 2], each % 5 / 1_000) for each in range(40)))
    assert len(found) == len(set(found)) == 1_200
    assert all(isinstance(each, int) for each in found)


async def test_what_is_left_over_is_not_used_later(
    drawn: Numbers, held: Held, event: EventId, monkeypatch: pytest.MonkeyPatch
) -> None:
    held.holds = True
    rush = ask(drawn, event, 2)
    await turns()
    rush += ask(drawn, event, 2)
    await turns()
    held.holds = False
    held.let_go()
    assert await asyncio.gather(*rush) == [1, 2, 3, 4]
    await settled(drawn, event)
    assert held.draws == [2, 6]
    monkeypatch.setattr(numbers, "SPARE_S", -1.0)
    assert await drawn.draw(event) == 9
    assert held.draws == [2, 6, 1]


async def test_who_goes_away_takes_nobodys_number(
    drawn: Numbers, held: Held, event: EventId
) -> None:
    held.holds = True
    first, second, third = ask(drawn, event, 3)
    await turns()
    second.cancel()
    await turns()
    held.let_go()
    assert (await first, await third) == (1, 2)
    held.holds = False
    assert await drawn.draw(event) == 3


@pytest.mark.parametrize(
    ("error", "said"), [(NotRun("gone"), Unavailable), (ReplyLost("gone"), OutcomeUnknown)]
)
async def test_all_who_wait_are_told_what_failed(
    drawn: Numbers, held: Held, event: EventId, error: WireError, said: type[Exception]
) -> None:
    held.fails = error
    told = await asyncio.gather(*ask(drawn, event, 3), return_exceptions=True)
    assert [type(each) for each in told] == [said] * 3
    held.fails = None
    assert await drawn.draw(event) == 1


async def test_no_event(drawn: Numbers) -> None:
    refusal = Answer(Outcome.NO_EVENT)
    assert await asyncio.gather(*ask(drawn, NOWHERE, 2)) == [refusal, refusal]


async def test_a_refusal_is_not_for_who_asks_after_it_was_sent(
    drawn: Numbers, held: Held, event: EventId, wire: Wire
) -> None:
    """The event may have come to be in between."""
    own = keys.of_event(event)
    held.holds = True
    await wire.call("RENAME", own.event, own.waiting)
    (early,) = ask(drawn, event, 1)
    await turns()
    (late,) = ask(drawn, event, 1)
    await turns()
    held.let_go()
    assert await early == Answer(Outcome.NO_EVENT)
    await turns()
    await wire.call("RENAME", own.waiting, own.event)
    held.let_go()
    assert await late == 1


async def test_the_last_numbers_go_to_the_first_who_asked(
    drawn: Numbers, event: EventId, wire: Wire
) -> None:
    await wire.call("HSET", keys.of_event(event).event, "bookings", BOOKINGS_MAX - 2)
    exhausted = Answer(Outcome.EXHAUSTED)
    last = [BookingNumber(BOOKINGS_MAX - 1), BookingNumber(BOOKINGS_MAX)]
    assert await asyncio.gather(*ask(drawn, event, 4)) == [*last, exhausted, exhausted]


async def test_old_events_are_forgotten(
    drawn: Numbers, event: EventId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "URNS_MAX", 3)
    for nowhere in range(10):
        await drawn.draw(EventId(NOWHERE + nowhere))
    assert len(drawn._urns) == 3
    assert await drawn.draw(event) == 1
