"""Tickets without numbers: claimed by many at once, one place for each user, and the line."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from billetter.domain.booking import Status
from billetter.domain.event import Details, EventPlan, State, Terms
from billetter.domain.ids import (
    BookingId,
    BookingNumber,
    EventId,
    SeatIndex,
    UserId,
    seat_id,
    split_booking_id,
)
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.outcome import Answer, Opened, Outcome
from billetter.domain.ticket import Item, Rank, Reserved, Standing
from billetter.engine import Engine, keys
from billetter.engine.once import Once
from billetter.wire.lane import Argument
from billetter.wire.link import Reply
from billetter.wire.topology import Wire
from tests.invariants import violations

ANN, BOB, ORGANIZER = UserId("a:900001"), UserId("a:900002"), UserId("a:900003")
"""Nobody whom another test registers on the same server."""
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
    assert said.event_id == event
    booking = await engine.bookings.get(said.id)
    assert booking is not None
    assert booking.seats == tuple(
        seat_id(event, SeatIndex(index)) for index in (16, 17, 18, 19, 40, 41)
    )
    assert (said.seats, said.prices) == (booking.seats, booking.prices)
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


# One place for each user.


async def test_a_place_is_sold_at_once_in_zone_order(engine: Engine, wire: Wire) -> None:
    event = await make(engine, ZonePlan("Box", 700, (1, 1)), replace(FLOOR, rows=(2,)))
    for user, total in zip(named("fan", 4), (700, 700, 300, 300), strict=True):
        said = await engine.tickets.reserve(event, user)
        assert isinstance(said, Reserved)
        booking = await engine.bookings.get(said.id)
        assert booking is not None
        assert (booking.user, booking.status, booking.total) == (user, Status.CONFIRMED, total)
        assert (said.event_id, said.user, said.created_ms) == (event, user, booking.created_ms)
        assert (await engine.bookings.page(user, 0, 1_000))[0][0] == booking
    sales = await engine.events.sales(event)
    assert sales is not None
    assert (sales.revenue, sales.confirmed, sales.all.sold) == (2_000, 4, 4)
    assert await engine.tickets.reserve(event, ANN) == Answer(Outcome.SOLD_OUT)
    assert await violations(wire, event) == []


async def test_fifty_places_for_two_hundred(engine: Engine, wire: Wire) -> None:
    event = await make(engine, replace(FLOOR, rows=(30,)), ZonePlan("Hall", 500, (12, 8)))
    calls = [engine.tickets.reserve(event, user) for user in named("crowd", 200)]
    assert await outcomes(calls) == {Outcome.RESERVED: 50, Outcome.SOLD_OUT: 150}
    assert await free(engine, event) == [0, 0]
    assert await violations(wire, event) == []


async def test_one_place_however_often_a_user_asks(engine: Engine, wire: Wire) -> None:
    event = await make(engine, BALCONY)
    calls = [engine.tickets.reserve(event, ANN) for _ in range(20)]
    assert await outcomes(calls) == {Outcome.RESERVED: 1, Outcome.ALREADY_BOOKED: 19}
    await asyncio.gather(*(engine.tickets.reserve(event, user) for user in named("crowd", 9)))
    said = await engine.tickets.reserve(event, ANN)
    assert isinstance(said, Answer)
    assert said.outcome is Outcome.ALREADY_BOOKED
    assert await violations(wire, event) == []


async def test_the_same_request_is_answered_once(engine: Engine, wire: Wire) -> None:
    event = await make(engine, BALCONY)
    once = Once(f"places-{event}", 60_000)
    first = await engine.tickets.book(event, ANN, once)
    assert isinstance(first, Standing)
    for _ in range(2):
        assert await engine.tickets.book(event, ANN, once) == replace(first, replayed=True)
    gone = Once(f"leaves-{event}", 60_000)
    assert await engine.tickets.give_up(event, ANN, gone) == Answer(Outcome.CANCELLED)
    again = await engine.tickets.give_up(event, ANN, gone)
    assert again == Answer(Outcome.CANCELLED, replayed=True)
    assert await engine.tickets.give_up(event, ANN) == Answer(Outcome.NO_BOOKING)
    assert await violations(wire, event) == []


@pytest.mark.parametrize("way", ["give_up", "refund"])
async def test_who_gave_a_place_up_may_have_another(engine: Engine, wire: Wire, way: str) -> None:
    event = await make(engine, replace(BALCONY, rows=(1,)))
    first = await engine.tickets.reserve(event, ANN)
    assert isinstance(first, Reserved)
    assert await engine.tickets.reserve(event, BOB) == Answer(Outcome.SOLD_OUT)
    if way == "refund":
        said = await engine.bookings.refund(first.id, ANN)
        assert said == Answer(Outcome.CANCELLED)
    else:
        assert await engine.tickets.give_up(event, ANN) == Answer(Outcome.CANCELLED)
    standing = await engine.tickets.standing(event, ANN)
    assert standing is not None
    assert (standing.id, standing.status) == (first.id, Rank.CANCELLED)
    ended = await engine.bookings.get(first.id)
    assert ended is not None
    assert (ended.status, ended.refund, ended.seats) == (Status.CANCELLED, None, ())
    second = await engine.tickets.reserve(event, ANN)
    assert isinstance(second, Reserved)
    assert second.id != first.id
    assert await violations(wire, event) == []


async def waiting(engine: Engine, event: EventId) -> int | None:
    """How many wait for a place; None: no such event."""
    sales = await engine.events.sales(event)
    return None if sales is None else sales.waiting


async def test_nobody_knows_of_an_event_that_is_not(engine: Engine) -> None:
    nowhere, nothing = EventId(99_000_000), Answer(Outcome.NO_EVENT)
    assert await engine.tickets.reserve(nowhere, ANN) == nothing
    assert await engine.tickets.book(nowhere, ANN) == nothing
    assert await engine.tickets.give_up(nowhere, ANN) == nothing
    assert await engine.tickets.standing(nowhere, ANN) is None
    assert await waiting(engine, nowhere) is None


async def test_places_count_towards_caps(engine: Engine, wire: Wire) -> None:
    event = await make(engine, FLOOR, terms=replace(TERMS, bought_max=1))
    assert isinstance(await engine.tickets.open(event, ANN, [Item(1, 1)]), Opened)
    capped = Answer(Outcome.CAP_REACHED, ("bought_max", "1"))
    assert await engine.tickets.reserve(event, ANN) == capped
    assert isinstance(await engine.tickets.reserve(event, BOB), Reserved)
    assert await engine.tickets.open(event, BOB, [Item(1, 1)]) == capped
    assert await violations(wire, event) == []


# The line.


async def booked(engine: Engine, event: EventId, users: Sequence[UserId]) -> list[Standing]:
    said = await asyncio.gather(*(engine.tickets.book(event, user) for user in users))
    return [each for each in said if isinstance(each, Standing)]


async def in_line(engine: Engine, event: EventId, users: Sequence[UserId]) -> list[UserId]:
    """Those of the users who wait, by their position."""
    said = await asyncio.gather(*(engine.tickets.standing(event, user) for user in users))
    waiting = [each for each in said if each and each.position]
    return [each.user for each in sorted(waiting, key=lambda each: each.position or 0)]


async def test_who_comes_too_late_waits_in_order(engine: Engine, wire: Wire) -> None:
    event, users = await make(engine, replace(FLOOR, rows=(50,))), named("crowd", 200)
    standings = await booked(engine, event, users)
    ranks = Counter(each.status for each in standings)
    assert ranks == {Rank.CONFIRMED: 50, Rank.WAITING: 150}
    told = sorted(each.position for each in standings if each.position)
    assert told == list(range(1, 151))
    assert await waiting(engine, event) == 150
    for each in standings:
        assert await engine.tickets.standing(event, each.user) == each
    assert await violations(wire, event) == []


async def test_what_is_given_up_goes_to_the_first_who_wait(engine: Engine, wire: Wire) -> None:
    event, users = await make(engine, replace(FLOOR, rows=(50,))), named("crowd", 200)
    standings = await booked(engine, event, users)
    have = [each.user for each in standings if each.status is Rank.CONFIRMED]
    line = await in_line(engine, event, users)
    leaving = [engine.tickets.give_up(event, user) for user in have]
    left, newcomers = await asyncio.gather(
        asyncio.gather(*leaving), booked(engine, event, named("late", 100))
    )
    assert set(left) == {Answer(Outcome.CANCELLED)}
    assert {each.status for each in newcomers} == {Rank.WAITING}
    for user in line[:50]:
        standing = await engine.tickets.standing(event, user)
        assert standing is not None
        assert standing.status is Rank.CONFIRMED
    everybody = users + named("late", 100)
    assert (await in_line(engine, event, everybody))[:100] == line[50:]
    assert await waiting(engine, event) == 200
    assert await free(engine, event) == [0]
    assert await violations(wire, event) == []


async def test_who_waits_may_leave_and_the_others_close_up(engine: Engine, wire: Wire) -> None:
    event = await make(engine, replace(BALCONY, rows=(1,)))
    users = named("crowd", 5)
    for user in users:
        await engine.tickets.book(event, user)
    assert await engine.tickets.give_up(event, users[2]) == Answer(Outcome.CANCELLED)
    assert await in_line(engine, event, users) == [users[1], users[3], users[4]]
    standing = await engine.tickets.standing(event, users[3])
    assert standing is not None
    cancel = await engine.bookings.cancel(standing.id, users[3])
    assert cancel == Answer(Outcome.CANCELLED)
    assert await in_line(engine, event, users) == [users[1], users[4]]
    assert isinstance(await engine.tickets.book(event, users[3]), Standing)
    assert await in_line(engine, event, users) == [users[1], users[4], users[3]]
    assert await violations(wire, event) == []


async def test_while_anybody_waits_nothing_is_free(engine: Engine, wire: Wire) -> None:
    event = await make(engine, BALCONY, HALL)
    holding = await engine.tickets.open(event, ANN, [Item(1, 5)])
    assert isinstance(holding, Opened)
    for user in named("early", 10):
        assert isinstance(await engine.tickets.reserve(event, user), Reserved)
    assert isinstance(await engine.tickets.book(event, BOB), Standing)
    # A seat that a crash has left between two owners.
    own = keys.of_event(event)
    await wire.call("SETBIT", own.taken, 8, 0)
    assert await free(engine, event) == [0, 0]
    newcomer = UserId("x:new")
    seat = seat_id(event, SeatIndex(8))
    taken = Answer(Outcome.SEAT_TAKEN, (str(seat), "0"))
    assert await engine.bookings.open(event, newcomer, [seat]) == taken
    assert await engine.seats.claim(holding.id, ANN, [seat]) == taken
    sold_out = Answer(Outcome.SOLD_OUT, ("1",))
    assert await engine.tickets.open(event, newcomer, [Item(1, 1)]) == sold_out
    assert await engine.tickets.reserve(event, newcomer) == Answer(Outcome.SOLD_OUT)
    await wire.call("SETBIT", own.taken, 8, 1)
    assert await violations(wire, event) == []


Freeing = Callable[[Engine, EventId, BookingId], Awaitable[object]]


async def expire(engine: Engine, event: EventId, booking: BookingId) -> None:
    own, (_, number) = keys.of_event(event), split_booking_id(booking)
    await engine.store.command("DEL", own.hold(number))
    await engine.bookings.expire(event, number)
    await engine.lines.drain()


async def grow(engine: Engine, event: EventId, booking: BookingId) -> None:
    await engine.organizers.amend(
        event, ORGANIZER, lambda it: replace(it, layout=it.layout.sized(1, 3))
    )


async def pay_and_refund(engine: Engine, event: EventId, booking: BookingId) -> None:
    await engine.bookings.begin_payment(booking, ANN)
    await engine.bookings.confirm(booking)
    await engine.bookings.refund(booking, ANN)


async def discard(engine: Engine, event: EventId, booking: BookingId) -> None:
    own, (_, number) = keys.of_event(event), split_booking_id(booking)
    await engine.store.run("discard_booking", own.to_discard(number), event, number)
    await engine.lines.drain()


WAYS: dict[str, Freeing] = {
    "cancel": lambda engine, _, booking: engine.bookings.cancel(booking, ANN),
    "fail": lambda engine, _, booking: engine.bookings.fail(booking),
    "release": lambda engine, event, _: engine.seats.release(seat_id(event, SeatIndex(0)), ANN),
    "refund": pay_and_refund,
    "expire": expire,
    "amend": grow,
    "discard": discard,
}


@pytest.mark.parametrize("way", WAYS)
async def test_whatever_becomes_free_is_handed_on(engine: Engine, wire: Wire, way: str) -> None:
    event = await make(engine, replace(BALCONY, rows=(2,)))
    holding = await engine.tickets.open(event, ANN, [Item(1, 1)])
    assert isinstance(holding, Opened)
    await engine.tickets.reserve(event, ORGANIZER)
    first, second = named("patient", 2)
    for user in (first, second):
        await engine.tickets.book(event, user)
    await WAYS[way](engine, event, holding.id)
    standing = await engine.tickets.standing(event, first)
    assert standing is not None
    assert standing.status is Rank.CONFIRMED
    assert await in_line(engine, event, [first, second]) == [second]
    if way != "discard":
        assert await violations(wire, event) == []


class Repeating:
    """A wire on which each reply of one script is lost once, so that it runs twice."""

    def __init__(self, wire: Wire, engine: Engine, script: str) -> None:
        self._wire = wire
        self._sha = engine.store._scripts[script].sha

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def call(self, *args: Argument) -> Reply:
        if args[:2] == ("EVALSHA", self._sha):
            await self._wire.call(*args)
        return await self._wire.call(*args)


async def test_what_is_refunded_is_handed_on_though_a_reply_was_lost(
    engine: Engine, wire: Wire
) -> None:
    event = await make(engine, replace(BALCONY, rows=(1,)))
    place = await engine.tickets.reserve(event, ANN)
    assert isinstance(place, Reserved)
    await engine.tickets.book(event, BOB)
    repeating = Engine(Repeating(wire, engine, "refund_booking"))
    await repeating.prepare()
    said = await repeating.bookings.refund(place.id, ANN)
    assert said == Answer(Outcome.CANCELLED, replayed=True)
    assert await in_line(engine, event, [BOB]) == []
    assert await violations(wire, event) == []


async def test_what_a_crash_left_is_handed_on_by_the_sweeper(engine: Engine, wire: Wire) -> None:
    event = await make(engine, replace(BALCONY, rows=(1,)))
    await engine.tickets.reserve(event, ANN)
    await engine.tickets.book(event, BOB)
    own = keys.of_event(event)
    number = await engine.store.command("HGET", own.patrons, ANN, reads=True)
    booking = BookingNumber(int(number.partition(b":")[0]))
    once = Once.anew()
    about = (ANN, event, booking, HOUR_MS)
    await engine.store.change("give_up_place", own, own.to_give_up(booking), once, *about)
    assert await in_line(engine, event, [BOB]) == [BOB]
    assert await violations(wire, event) == []
    assert await engine.lines.drain() >= 1
    assert await in_line(engine, event, [BOB]) == []
    assert await violations(wire, event) == []


async def test_a_closed_event_hands_nothing_on_until_it_opens(engine: Engine, wire: Wire) -> None:
    event = await make(engine, replace(BALCONY, rows=(1,)))
    await engine.tickets.reserve(event, ANN)
    await engine.tickets.book(event, BOB)

    async def become(state: State) -> None:
        await engine.organizers.amend(event, ORGANIZER, lambda it: replace(it, state=state))

    await become(State.CLOSED)
    assert await engine.tickets.give_up(event, ANN) == Answer(Outcome.CANCELLED)
    assert await in_line(engine, event, [BOB]) == [BOB]
    assert await violations(wire, event) == []
    await become(State.ON_SALE)
    assert await in_line(engine, event, [BOB]) == []
    assert await violations(wire, event) == []


async def test_a_cancelled_event_ends_its_line(engine: Engine, wire: Wire) -> None:
    event, users = await make(engine, BALCONY), named("crowd", 30)
    await booked(engine, event, users)
    assert (await engine.organizers.delete(event, ORGANIZER)).outcome is Outcome.HAS_BOOKINGS
    assert await engine.organizers.cancel(event, ORGANIZER) == Answer(Outcome.CANCELLED)
    assert await waiting(engine, event) == 0
    for user in users:
        standing = await engine.tickets.standing(event, user)
        assert standing is not None
        assert standing.status is Rank.CANCELLED
    assert await engine.tickets.give_up(event, users[0]) == Answer(Outcome.NO_BOOKING)
    refused = Answer(Outcome.NOT_ON_SALE, ("cancelled",))
    assert await engine.tickets.book(event, ANN) == refused
    assert await violations(wire, event) == []


async def test_a_late_payment_does_not_go_before_the_line(engine: Engine, wire: Wire) -> None:
    event = await make(engine, replace(BALCONY, rows=(1,)))
    holding = await engine.tickets.open(event, ANN, [Item(1, 1)])
    assert isinstance(holding, Opened)
    await engine.bookings.begin_payment(holding.id, ANN)
    await engine.tickets.book(event, BOB)
    own, (_, number) = keys.of_event(event), split_booking_id(holding.id)
    await wire.call("DEL", own.hold(number))
    await engine.bookings.expire(event, number)
    assert await engine.bookings.confirm(holding.id) == Answer(Outcome.REFUND_DUE)
    await engine.lines.drain()
    assert await in_line(engine, event, [BOB]) == []
    assert await violations(wire, event) == []


async def test_the_sweeper_hands_on_what_has_lapsed(engine: Engine, wire: Wire) -> None:
    event = await make(engine, replace(BALCONY, rows=(1,)), terms=replace(TERMS, hold_ms=1_000))
    assert isinstance(await engine.tickets.open(event, ANN, [Item(1, 1)]), Opened)
    standing = await engine.tickets.book(event, BOB)
    assert isinstance(standing, Standing)
    assert standing.status is Rank.WAITING
    sweeping = asyncio.create_task(engine.sweeper.run())
    try:
        async with asyncio.timeout(30):
            while await in_line(engine, event, [BOB]):
                pass
    finally:
        sweeping.cancel()
    assert await violations(wire, event) == []
