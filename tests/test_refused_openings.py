"""Openings that are refused: they leave no trace, and use up no number."""

import asyncio
from dataclasses import replace

import pytest

from billetter.domain.event import Details, EventPlan, State, Terms
from billetter.domain.ids import (
    BookingNumber,
    EventId,
    SeatId,
    SeatIndex,
    UserId,
    booking_id,
    seat_id,
    split_booking_id,
)
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.outcome import Answer, Opened, Outcome, OutcomeUnknown, Unavailable
from billetter.domain.ticket import Standing
from billetter.engine import Engine, keys, numbers
from billetter.engine.once import Once
from billetter.wire.topology import Wire
from tests.invariants import violations

BOB = UserId("a:92002")
HOUR_MS = 3_600_000
TERMS = Terms(hold_ms=HOUR_MS, payment_ms=HOUR_MS, seats_max=5)
WAIT_S_MAX = 20.0
SOLD_OUT = Answer(Outcome.SOLD_OUT)


@pytest.fixture
async def engine(wire: Wire) -> Engine:
    engine = Engine(wire)
    await engine.prepare()
    return engine


@pytest.fixture
async def event(engine: Engine) -> EventId:
    """An event of two seats; Bob holds the first, with booking 1."""
    layout = Layout.plan([ZonePlan("Hall", 500, (2,))])
    made = (await engine.events.create(EventPlan(Details("A title"), TERMS, layout), BOB)).id
    await opened(engine, made, BOB, 0)
    return made


@pytest.fixture
def ann(event: EventId) -> UserId:
    """Nobody whom another test knows."""
    return UserId(f"x:ann{event}")


async def opened(engine: Engine, event: EventId, user: UserId, *seats: int) -> int:
    said = await engine.bookings.open(event, user, ids(event, *seats))
    assert isinstance(said, Opened)
    return split_booking_id(said.id)[1]


def ids(event: EventId, *seats: int) -> list[SeatId]:
    return [seat_id(event, SeatIndex(index)) for index in seats]


async def drawn(engine: Engine, event: EventId) -> int:
    return int(await engine.store.command("HGET", keys.of_event(event).event, "bookings"))


async def unused(engine: Engine, event: EventId) -> list[int]:
    found = await engine.store.command("ZRANGE", keys.of_event(event).unused, 0, -1)
    return [int(number) for number in found]


async def given_back(engine: Engine, event: EventId, used: int) -> None:
    """Return when every number is in use, or to be drawn again."""
    async with asyncio.timeout(WAIT_S_MAX):
        while used + len(await unused(engine, event)) != await drawn(engine, event):
            pass


async def test_whatever_refuses_it_the_number_is_drawn_again(
    engine: Engine, wire: Wire, event: EventId, ann: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "RETURN_S", 0.0)
    monkeypatch.setattr(numbers, "BOOKINGS_MAX", 2)
    for seats in (
        ids(event, 0),
        [*ids(event, 1), SeatId(10**12 + 1)],
        ids(event, 0, 1),
        ids(event, 99),
    ):
        for once in (None, Once.anew()):
            assert isinstance(await engine.bookings.open(event, ann, seats, once), Answer)
            await given_back(engine, event, 1)
    assert await drawn(engine, event) == 2
    terms = replace(TERMS, sale_ends_at_ms=1)
    await engine.organizers.amend(event, None, lambda it: replace(it, terms=terms))
    assert isinstance(await engine.tickets.reserve(event, ann), Answer)
    await given_back(engine, event, 1)
    await engine.organizers.amend(
        event, None, lambda it: replace(it, terms=TERMS, state=State.CLOSED)
    )
    assert isinstance(await engine.tickets.book(event, ann), Answer)
    await given_back(engine, event, 1)
    assert await drawn(engine, event) == 2
    assert await wire.call("EXISTS", keys.user_bookings(ann)) == 0
    assert await violations(wire, event) == []


async def test_a_crowd_that_is_refused_uses_no_number_up(
    engine: Engine, wire: Wire, event: EventId, ann: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "BOOKINGS_MAX", 120)
    crowd = [UserId(f"x:{event}-{each}") for each in range(50)]
    for _ in range(4):
        calls = (engine.bookings.open(event, user, ids(event, 0)) for user in crowd)
        refused = await asyncio.gather(*calls)
        assert {said.outcome for said in refused} == {Outcome.SEAT_TAKEN}
        await given_back(engine, event, 1)
    # As many as were asked for at once, and a few that were drawn ahead; not those of every round.
    assert await drawn(engine, event) < 50 * 4
    lists = [await wire.call("EXISTS", keys.user_bookings(user)) for user in crowd]
    assert lists == [0] * 50
    assert await opened(engine, event, ann, 1) <= 50


async def test_while_there_are_enough_who_comes_later_has_a_larger_number(
    engine: Engine, event: EventId, ann: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "RETURN_S", 0.0)
    had = [await opened(engine, event, ann)]
    for _ in range(3):
        assert isinstance(await engine.bookings.open(event, ann, ids(event, 0)), Answer)
        await given_back(engine, event, 1 + len(had))
        had.append(await opened(engine, event, ann))
    assert had == sorted(had)
    listed, _ = await engine.bookings.of_event(event, None, 10)
    assert [split_booking_id(each.id)[1] for each in listed][:4] == had[::-1]


async def test_what_was_drawn_ahead_goes_back(
    engine: Engine, event: EventId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "SPARE_S", 0.2)
    pool = engine.bookings._opener._numbers
    asks = [asyncio.create_task(pool.draw(event)) for _ in range(3)]
    for _ in range(3):
        await asyncio.sleep(0)
    asks += [asyncio.create_task(pool.draw(event)) for _ in range(4)]
    had = await asyncio.gather(*asks)
    assert len(set(had)) == 7
    await given_back(engine, event, 1 + 7)


async def test_who_repeats_a_request_uses_no_second_number(
    engine: Engine, event: EventId, ann: UserId
) -> None:
    once = Once.anew()
    first = await engine.bookings.open(event, ann, ids(event, 1), once)
    again = await engine.bookings.open(event, ann, ids(event, 1), once)
    assert isinstance(first, Opened)
    assert again == replace(first, replayed=True)
    await given_back(engine, event, 2)


async def test_one_place_twice_uses_no_second_number(
    engine: Engine, event: EventId, ann: UserId
) -> None:
    assert isinstance(await engine.tickets.book(event, ann), Standing)
    said = await engine.tickets.book(event, ann)
    assert isinstance(said, Answer)
    assert said.outcome is Outcome.ALREADY_BOOKED
    await given_back(engine, event, 2)


@pytest.mark.parametrize(
    ("error", "is_free"), [(Unavailable("away"), True), (OutcomeUnknown("lost"), False)]
)
async def test_only_what_surely_was_not_made_is_given_back(
    engine: Engine, event: EventId, ann: UserId, error: Exception, is_free: bool
) -> None:
    async def fail(_: BookingNumber) -> Answer:
        raise error

    with pytest.raises(type(error)):
        await engine.bookings._opener.make(event, ann, None, fail)
    await engine.bookings._opener.make(event, ann, None, refusing)
    await given_back(engine, event, 1 if is_free else 2)
    assert await unused(engine, event) == ([2, 3] if is_free else [3])


async def refusing(_: BookingNumber) -> Answer:
    return SOLD_OUT


async def test_what_was_sent_twice_is_not_given_back(
    engine: Engine, wire: Wire, event: EventId, ann: UserId
) -> None:
    """The first sending may still make a booking under that number."""

    async def refuse(_: BookingNumber) -> Answer:
        setattr(wire, "repeats", getattr(wire, "repeats", 0) + 1)  # noqa: B010
        return SOLD_OUT

    assert await engine.bookings._opener.make(event, ann, None, refuse) == SOLD_OUT
    assert await engine.bookings._opener.make(event, ann, None, refusing) == SOLD_OUT
    await given_back(engine, event, 2)
    assert await unused(engine, event) == [3]


async def test_a_number_that_is_in_use_is_left_to_whose_it_is(
    engine: Engine, wire: Wire, event: EventId, ann: UserId
) -> None:
    own = keys.of_event(event)
    await wire.call("HSET", own.event, "bookings", 0)
    assert await opened(engine, event, ann, 1) == 2
    listed, _ = await engine.bookings.page(ann, 0, 10)
    assert [booking.id for booking in listed] == [booking_id(event, BookingNumber(2))]
    await given_back(engine, event, 2)
    first = await engine.bookings.get(booking_id(event, BookingNumber(1)))
    assert first is not None
    assert first.user == BOB
    for number in range(3, 8):
        await wire.call("HSET", own.booking(BookingNumber(number)), "user", BOB, "created", 1)
        await wire.call("HSET", own.booking(BookingNumber(number)), "status", "cancelled")
    with pytest.raises(Unavailable):
        await engine.bookings.open(event, ann)
    assert await unused(engine, event) == []


async def test_a_list_shows_nothing_of_others(
    engine: Engine, wire: Wire, event: EventId, ann: UserId
) -> None:
    """An entry was left behind when Redis went away, and its number was drawn again."""
    await wire.call("ZADD", keys.user_bookings(ann), 1, booking_id(event, BookingNumber(1)))
    assert await engine.bookings.page(ann, 0, 10) == ([], 0)
    assert await wire.call("EXISTS", keys.user_bookings(ann)) == 0
    listed, total = await engine.bookings.page(BOB, 0, 1_000)
    assert booking_id(event, BookingNumber(1)) in [booking.id for booking in listed]
    assert total == len(listed)


async def test_no_two_have_one_number_whatever_comes_back(
    engine: Engine, wire: Wire, event: EventId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Openings and refusals at once, in two processes, with everything going back at once."""
    monkeypatch.setattr(numbers, "RETURN_S", 0.0)
    other = Engine(wire)
    await other.prepare()
    found: list[int] = []

    async def buyer(number: int) -> None:
        served, user = (engine, other)[number % 2], UserId(f"x:{event}-{number % 7}")
        for each in range(20):
            if each % 3:
                await served.bookings.open(event, user, ids(event, 0))
            else:
                found.append(await opened(served, event, user))

    await asyncio.gather(*(buyer(number) for number in range(20)))
    assert len(found) == len(set(found)) == 140
    await given_back(engine, event, 141)
    assert await violations(wire, event) == []
    for number in range(7):
        user = UserId(f"x:{event}-{number}")
        listed, total = await engine.bookings.page(user, 0, 1_000)
        assert total == len(listed)
        assert {booking.user for booking in listed} == {user}
        assert {split_booking_id(booking.id)[1] for booking in listed} <= set(found)
