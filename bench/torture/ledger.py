"""What buyers were told, so that it can be held against Redis afterwards.

Of each booking the log knows every state it may be in. An answer that no such state allows was
untrue; a booking found in another state than those has lost a change that was acknowledged.
"""

import asyncio
from dataclasses import dataclass, field

from bench.torture.run import Figure, none_of
from billetter.domain.booking import Booking, Status
from billetter.domain.ids import (
    BookingId,
    BookingNumber,
    EventId,
    UserId,
    booking_id,
    split_seat_id,
)
from billetter.domain.outcome import Answer, AwaitingPayment, Opened, Outcome
from billetter.engine import Engine, keys

SEATS_MAX = 8
"""Seats of one booking."""
READ_MAX = 500

Seats = frozenset[int]
Told = Answer | AwaitingPayment | Opened


@dataclass(frozen=True, slots=True)
class State:
    """What a booking may be. status: None while it does not exist."""

    status: Status | None = None
    seats: Seats = frozenset()


NOWHERE = State()


@dataclass(frozen=True, slots=True)
class Change:
    """What a buyer asks for. what: open, claim, release, pay, confirm, fail or cancel."""

    what: str
    seats: Seats = frozenset()

    def on(self, state: State) -> dict[Outcome, State]:
        """What may be answered in this state, and the state after it."""
        match self.what, state.status:
            case "open", None:
                taking = Status.SEATS_SELECTED if self.seats else Status.BOOKED
                opened = State(taking, self.seats)
                return {Outcome.OPENED: opened, Outcome.SEAT_TAKEN: state}
            case _, None:
                return {}
            case "claim" | "release", Status.BOOKED | Status.SEATS_SELECTED:
                return self._on_seats(state)
            case "fail" | "cancel", Status.CONFIRMED:
                return {Outcome.ALREADY_CONFIRMED: state}
            case "fail" | "cancel", _:
                return {Outcome.CANCELLED: State(Status.CANCELLED)}
        return self._on_payment(state)

    def _on_seats(self, state: State) -> dict[Outcome, State]:
        if self.what == "release":
            if not self.seats <= state.seats:
                return {Outcome.NOT_HELD: state, Outcome.NOT_YOURS: state}
            left = state.seats - self.seats
            return {Outcome.RELEASED: State(Status.SEATS_SELECTED if left else Status.BOOKED, left)}
        refused = {Outcome.SEAT_TAKEN: state} if self.seats - state.seats else {}
        claimed = State(Status.SEATS_SELECTED, state.seats | self.seats)
        if len(claimed.seats) > SEATS_MAX:
            return {Outcome.TOO_MANY: state, **refused}
        return {Outcome.CLAIMED: claimed, **refused}

    def _on_payment(self, state: State) -> dict[Outcome, State]:
        match self.what, state.status:
            case "pay", Status.BOOKED:
                return {Outcome.NO_SEATS: state}
            case "pay", Status.SEATS_SELECTED | Status.PAYMENT_INITIATED:
                return {Outcome.AWAITING_PAYMENT: State(Status.PAYMENT_INITIATED, state.seats)}
            case "confirm", Status.PAYMENT_INITIATED | Status.CONFIRMED:
                return {Outcome.CONFIRMED: State(Status.CONFIRMED, state.seats)}
            case "confirm", Status.BOOKED | Status.SEATS_SELECTED:
                return {Outcome.NOT_INITIATED: state}
        return {}


@dataclass(slots=True)
class Entry:
    """One booking: the states it may be in, and how many of its changes were acknowledged."""

    user: UserId
    states: set[State] = field(default_factory=lambda: {NOWHERE})
    acknowledged: int = 0


@dataclass(slots=True)
class Log:
    """What buyers were told. orphans: bookings that may have been opened, by user.

    unknown: calls that ended as OutcomeUnknown; unavailable: as Unavailable. unsettled: changes
    that nobody could say anything of by the end. errors: anything else, which must not be.
    """

    event: EventId
    bookings: dict[BookingId, Entry] = field(default_factory=dict)
    orphans: dict[UserId, list[State]] = field(default_factory=dict)
    acknowledged: int = 0
    unknown: int = 0
    unavailable: int = 0
    unsettled: int = 0
    untrue: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def told(self, entry: Entry, change: Change, before: set[State], told: Told) -> None:
        """An answer came; `before` are the states that it may have met."""
        after = {next_ for state in before if (next_ := change.on(state).get(told.outcome))}
        if not after:
            self.untrue.append(f"{change} of {entry.user}: {told.outcome.value} in {before}")
            return
        entry.states = after
        if after != before:
            entry.acknowledged += 1
            self.acknowledged += 1


@dataclass(slots=True)
class Verdict:
    """What Redis and a log do not agree on, one sentence each.

    lost: bookings in a state that they cannot be in after what was acknowledged.
    strangers: bookings that nobody can have opened.
    """

    lost: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


async def verify(engine: Engine, log: Log) -> Verdict:
    """Hold the log against what Redis has now; nothing may be under way."""
    found = await bookings_of(engine, log.event)
    verdict = Verdict()
    for booking, entry in log.bookings.items():
        state = _state(found.get(booking))
        if state not in entry.states:
            verdict.lost.append(f"booking {booking} is {state}, not {entry.states}")
    orphans = {user: list(states) for user, states in log.orphans.items()}
    for booking in found.keys() - log.bookings.keys():
        state, user = _state(found[booking]), found[booking].user
        if state in orphans.get(user, []):
            orphans[user].remove(state)
        else:
            verdict.strangers.append(f"booking {booking} of {user} is {state}")
    return verdict


async def figures(engine: Engine, log: Log) -> list[Figure]:
    """The log and its verdict, each with its bar."""
    verdict = await verify(engine, log)
    untrue = [*log.untrue, *verdict.strangers]
    return [
        Figure("acknowledged changes", str(log.acknowledged), "> 0", log.acknowledged > 0),
        none_of("acknowledged and lost", verdict.lost),
        none_of("untrue answers", untrue),
        none_of("other errors", log.errors),
        Figure(
            "calls answered unavailable / unknown / never settled",
            f"{log.unavailable} / {log.unknown} / {log.unsettled}",
        ),
    ]


async def bookings_of(engine: Engine, event: EventId) -> dict[BookingId, Booking]:
    """Every booking of the event as Redis has it, found by counting through their numbers."""
    own = keys.of_event(event)
    last = int(await engine.store.command("HGET", own.event, "bookings", reads=True) or 0)
    found: dict[BookingId, Booking] = {}
    for first in range(1, last + 1, READ_MAX):
        numbers = map(BookingNumber, range(first, min(first + READ_MAX, last + 1)))
        looks = (engine.bookings.get(booking_id(event, number)) for number in numbers)
        found |= {booking.id: booking for booking in await asyncio.gather(*looks) if booking}
    return found


def _state(booking: Booking | None) -> State:
    if booking is None:
        return NOWHERE
    return State(booking.status, frozenset(split_seat_id(seat)[1] for seat in booking.seats))
