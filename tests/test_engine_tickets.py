"""Tickets without numbers: claimed by many at once, one place for each user, and the line."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from billetter.domain.event import Details, EventPlan, Terms
from billetter.domain.ids import EventId, SeatIndex, UserId, seat_id
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.outcome import Answer, Opened, Outcome
from billetter.domain.ticket import Item
from billetter.engine import Engine
from billetter.engine.once import Once
from billetter.wire.topology import Wire
from tests.invariants import violations

ANN, BOB, ORGANIZER = UserId("a:1"), UserId("a:2"), UserId("a:3")
HOUR_MS = 3_600_000
TERMS = Terms(hold_ms=HOUR_MS, payment_ms=HOUR_MS, seats_max=10)
FLEETING = replace(TERMS, hold_ms=1)
HALL, FLOOR = ZonePlan("Hall", 500, (4, 6)), ZonePlan("Floor", 300, (20,), numbered=False)
BALCONY = ZonePlan("Balcony", 200, (5,), numbered=False)


@pytest.fixture
async def engine(wire: Wire) -> Engine:
    engine = Engine(wire)
    await engine.prepare()
    return engine


async def make(engine: Engine, *zones: ZonePlan, terms: Terms = TERMS) -> EventId:
    layout = Layout.plan(zones or [HALL, FLOOR, BALCONY])
    return (await engine.events.create(EventPlan(Details("A title"), terms, layout), ORGANIZER)).id


def named(prefix: str, count: int) -> list[UserId]:
    return [UserId(f"x:{prefix}{number}") for number in range(count)]


async def free(engine: Engine, event: EventId) -> list[int]:
    sales = await engine.events.sales(event)
    assert sales is not None
    return [zone.free for zone in sales.zones]


async def outcomes(calls: Sequence[Awaitable[object]]) -> Counter[Outcome]:
    said: list[Any] = await asyncio.gather(*calls)
    return Counter(each.outcome for each in said)


# Tickets.


async def test_tickets_of_several_zones(engine: Engine, wire: Wire) -> None:
    event = await make(engine)
    items = [Item(2, 3), Item(3, 2), Item(2, 1)]
    said = await engine.tickets.open(event, ANN, items)
    assert isinstance(said, Opened)
    assert (said.event_id, said.with_seats) == (event, True)
    booking = await engine.bookings.get(said.id)
    assert booking is not None
    assert booking.seats == tuple(
        seat_id(event, SeatIndex(index)) for index in (16, 17, 18, 19, 40, 41)
    )
    assert booking.total == 4 * 300 + 2 * 200
    assert await free(engine, event) == [10, 16, 3]
    assert (await engine.bookings.page(ANN, 0, 1_000))[0][0] == booking
    assert await violations(wire, event) == []


async def test_why_there_are_no_tickets(engine: Engine) -> None:
    event = await make(engine)
    tickets = engine.tickets
    assert await tickets.open(EventId(99_000_000), ANN, [Item(2, 1)]) == Answer(Outcome.NO_EVENT)
    for zone in (0, 1, 4):
        said = await tickets.open(event, ANN, [Item(2, 1), Item(zone, 1)])
        assert said == Answer(Outcome.NO_ZONE, (str(zone),))
    assert await tickets.open(event, ANN, [Item(2, 11)]) == Answer(Outcome.TOO_MANY, ("10",))
    sold_out = Answer(Outcome.SOLD_OUT, ("3",))
    assert await tickets.open(event, ANN, [Item(2, 1), Item(3, 6)]) == sold_out
    assert await free(engine, event) == [10, 20, 5]
    once = Once("a" * 20 + str(event), 60_000)
    assert await tickets.open(event, ANN, [Item(3, 6)], once) == sold_out
    assert await tickets.open(event, ANN, [Item(3, 1)], once) == replace(sold_out, replayed=True)


async def test_a_crowd_gets_as_many_tickets_as_there_are(engine: Engine, wire: Wire) -> None:
    event = await make(engine, replace(FLOOR, rows=(99,)), BALCONY)
    calls = [engine.tickets.open(event, user, [Item(1, 4)]) for user in named("crowd", 60)]
    assert await outcomes(calls) == {Outcome.OPENED: 24, Outcome.SOLD_OUT: 36}
    assert await free(engine, event) == [3, 5]
    assert await violations(wire, event) == []


async def test_tickets_of_lapsed_bookings_are_had_without_waiting(
    engine: Engine, wire: Wire
) -> None:
    event = await make(engine, BALCONY, terms=FLEETING)
    for user in named("hasty", 5):
        assert isinstance(await engine.tickets.open(event, user, [Item(1, 1)]), Opened)
    async with asyncio.timeout(10):
        while not isinstance(await engine.tickets.open(event, ANN, [Item(1, 5)]), Opened):
            pass
    assert (await violations(wire, event)) == []


async def test_a_zone_that_grew_sells_its_new_seats(engine: Engine, wire: Wire) -> None:
    event = await make(engine, BALCONY, HALL)
    assert isinstance(await engine.tickets.open(event, ANN, [Item(1, 5)]), Opened)
    other = Engine(wire)
    await other.organizers.amend(
        event, ORGANIZER, lambda it: replace(it, layout=it.layout.sized(1, 9))
    )
    assert isinstance(await engine.tickets.open(event, BOB, [Item(1, 4)]), Opened)
    assert await engine.tickets.open(event, BOB, [Item(1, 1)]) == Answer(Outcome.SOLD_OUT, ("1",))
    assert await violations(wire, event) == []
