"""The ledger of a torture sees a change that was acknowledged and is lost, and an untrue answer."""

import asyncio
import random

import pytest

from bench.torture.ledger import NOWHERE, Change, Entry, Log, State, figures, verify
from bench.torture.workload import Load, planned
from billetter.domain.booking import Status
from billetter.domain.ids import (
    BookingId,
    EventId,
    SeatId,
    SeatIndex,
    UserId,
    seat_id,
    split_booking_id,
)
from billetter.domain.outcome import Answer, Opened, Outcome
from billetter.engine import Engine, keys
from billetter.wire.topology import Wire

ANN = UserId("x:ann")


@pytest.fixture
async def engine(wire: Wire) -> Engine:
    engine = Engine(wire)
    await engine.prepare()
    return engine


async def bought(engine: Engine) -> tuple[Log, BookingId]:
    """A booking of ann's with seats 0 and 1, in Redis and in a log."""
    event = await planned(engine)
    log, entry = Log(event), Entry(ANN)
    opened = await engine.bookings.open(event, ANN, seats(event, 0, 1))
    assert isinstance(opened, Opened)
    log.bookings[opened.id] = entry
    log.told(entry, Change("open", frozenset({0, 1})), {NOWHERE}, opened)
    return log, opened.id


def seats(event: EventId, *indexes: int) -> list[SeatId]:
    return [seat_id(event, SeatIndex(index)) for index in indexes]


async def test_what_was_acknowledged_and_is_there_is_not_lost(engine: Engine) -> None:
    log, _ = await bought(engine)
    assert (await verify(engine, log)).lost == []
    assert all(figure.ok for figure in await figures(engine, log))


async def test_a_planted_loss_is_found(engine: Engine) -> None:
    log, booking = await bought(engine)
    event, number = split_booking_id(booking)
    await engine.store.command("DEL", keys.of_event(event).booking(number))
    assert len((await verify(engine, log)).lost) == 1
    assert not all(figure.ok for figure in await figures(engine, log))


async def test_a_hold_that_is_gone_is_a_loss(engine: Engine) -> None:
    log, booking = await bought(engine)
    event, number = split_booking_id(booking)
    await engine.store.command("DEL", keys.of_event(event).hold(number))
    assert len((await verify(engine, log)).lost) == 1


async def test_a_later_change_that_is_lost_is_found(engine: Engine) -> None:
    log, booking = await bought(engine)
    claim = Change("claim", frozenset({2}))
    log.told(log.bookings[booking], claim, log.bookings[booking].states, Answer(Outcome.CLAIMED))
    assert log.untrue == []
    assert len((await verify(engine, log)).lost) == 1


async def test_a_booking_that_nobody_opened_is_found(engine: Engine) -> None:
    log, _ = await bought(engine)
    await engine.bookings.open(log.event, ANN)
    assert len((await verify(engine, log)).strangers) == 1
    log.orphans[ANN] = [State(Status.BOOKED)]
    assert (await verify(engine, log)).strangers == []


@pytest.mark.parametrize(
    ("before", "what", "told"),
    [
        (State(Status.BOOKED), "pay", Outcome.AWAITING_PAYMENT),
        (State(Status.CANCELLED), "cancel", Outcome.ALREADY_CONFIRMED),
        (State(Status.CONFIRMED, frozenset({1})), "confirm", Outcome.NOT_INITIATED),
        (State(Status.SEATS_SELECTED, frozenset({1})), "claim", Outcome.NO_BOOKING),
        (State(Status.SEATS_SELECTED, frozenset({7})), "claim", Outcome.SEAT_TAKEN),
        (State(Status.SEATS_SELECTED, frozenset({1})), "release", Outcome.RELEASED),
        (NOWHERE, "confirm", Outcome.CONFIRMED),
    ],
)
def test_an_answer_that_no_state_allows_is_untrue(before: State, what: str, told: Outcome) -> None:
    log, entry = Log(EventId(1)), Entry(ANN, {before})
    log.told(entry, Change(what, frozenset({7})), {before}, Answer(told))
    assert len(log.untrue) == 1
    assert log.acknowledged == 0


def test_an_unknown_outcome_leaves_both() -> None:
    before = State(Status.SEATS_SELECTED, frozenset({1}))
    after = State(Status.PAYMENT_INITIATED, frozenset({1}))
    log, entry = Log(EventId(1)), Entry(ANN, {before, after})
    log.told(entry, Change("confirm"), {before, after}, Answer(Outcome.NOT_INITIATED))
    assert entry.states == {before}
    assert log.acknowledged == 1, "it is known now"


async def test_a_load_on_a_healthy_server_has_nothing_to_tell(engine: Engine) -> None:
    load = Load(engine, await planned(engine), random.Random(1), buyers=4)
    running = asyncio.create_task(load())
    await load.progress(20)
    load.stop()
    log = await running
    assert all(figure.ok for figure in await figures(engine, log))
    assert log.acknowledged >= 20
