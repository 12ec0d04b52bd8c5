"""A user with everything that can be asked for tickets without numbers, each call written down."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from secrets import token_hex
from typing import TypeVar

from bench.torture.told import NEVER, Call, Said, Scribe, Told, Verb
from billetter.domain.booking import Booking, Status
from billetter.domain.event import Event
from billetter.domain.ids import BookingId, BookingNumber, EventId, SeatId, UserId, booking_id
from billetter.domain.outcome import (
    Answer,
    AwaitingPayment,
    Opened,
    Outcome,
    OutcomeUnknown,
    Unavailable,
)
from billetter.domain.payment import Notice
from billetter.domain.ticket import Item, Rank, Reserved, Standing
from billetter.engine import Engine
from billetter.engine.once import Once

MARGIN_S = 0.002
"""A hold may end so much earlier: its end is rounded, and two clocks are read to know of it."""
NAMED_MS = 120_000
SECOND_AMOUNT = 7
"""What no booking costs, in minor units: a second payment is never taken for the first."""
"""How long a call can be repeated."""
RANKS = {Rank.CONFIRMED: Said.HAS, Rank.WAITING: Said.WAITS, Rank.CANCELLED: Said.OVER}
STATUSES = {
    Status.BOOKED: Said.NOTHING,
    Status.SEATS_SELECTED: Said.HAS,
    Status.PAYMENT_INITIATED: Said.HAS,
    Status.CONFIRMED: Said.HAS,
    Status.WAITING: Said.WAITS,
    Status.CANCELLED: Said.OVER,
    Status.EXPIRED: Said.OVER,
}
UNKNOWN = Told(Said.NOTHING, "unknown")
T = TypeVar("T")


class Customer:
    """Every method gives what was told; UNKNOWN, where the reply was lost.

    What gives something has a name of its own, so that it can be repeated if its process dies.
    """

    def __init__(self, engine: Engine, scribe: Scribe, user: UserId) -> None:
        self._engine = engine
        self._scribe = scribe
        self.user = user

    async def open(self, event: EventId, items: Sequence[Item]) -> Told:
        return await self.make(event, self._named(Verb.OPEN, tuple(items)))

    async def book(self, event: EventId) -> Told:
        return await self.make(event, self._named(Verb.BOOK))

    async def reserve(self, event: EventId) -> Told:
        return await self.make(event, self._named(Verb.RESERVE))

    async def make(self, event: EventId, call: Call) -> Told:
        """Make a call that gives something, or make it again, under its name."""
        tickets, once = self._engine.tickets, Once(call.name, NAMED_MS)
        again = replace(call, start=time.monotonic())
        match call.verb:
            case Verb.OPEN:
                opens = tickets.open(event, self.user, call.items, once)
                return await self._told(event, again, opens, _of_opened)
            case Verb.BOOK:
                books = tickets.book(event, self.user, once)
                return await self._told(event, again, books, lambda said: _of_place(event, said))
            case _:
                reserves = tickets.reserve(event, self.user, once)
                return await self._told(event, again, reserves, lambda said: _of_place(event, said))

    async def standing(self, event: EventId) -> Told:
        stands = self._engine.tickets.standing(event, self.user)
        return await self._ask(Verb.STANDING, event, 0, stands, lambda it: _of_place(event, it))

    async def look(self, event: EventId, booking: int) -> Told:
        looks = self._engine.bookings.get(BookingId(booking))
        return await self._ask(Verb.LOOK, event, booking, looks, _of_booking)

    async def pay(self, event: EventId, has: Told) -> Told:
        begins = self._engine.bookings.begin_payment(BookingId(has.booking), self.user)
        return await self._ask(
            Verb.PAY, event, has.booking, begins, lambda said: _of_payment(has, said)
        )

    async def confirm(self, event: EventId, has: Told) -> Told:
        confirms = self._engine.bookings.confirm(BookingId(has.booking))
        return await self._ask(
            Verb.CONFIRM, event, has.booking, confirms, lambda said: _of_payment(has, said)
        )

    async def pay_again(self, event: EventId, booking: int) -> Told:
        """A second payment of what may be paid already; it is due back, and settled."""
        notice = Notice(token_hex(8), amount=SECOND_AMOUNT)
        pays = self._engine.payments.succeed(BookingId(booking), notice, None)
        told = await self._ask(Verb.NOTE, event, booking, pays, _of_note)
        if told.outcome == Outcome.REFUND_DUE.value:
            settles = self._engine.payments.settle(
                BookingId(booking), "wire", payment_id=notice.payment_id
            )
            told = await self._ask(Verb.NOTE, event, booking, settles, _of_note)
        return told

    async def cancel(self, event: EventId, booking: int) -> Told:
        return await self._end(
            event, booking, self._engine.bookings.cancel(BookingId(booking), self.user)
        )

    async def fail(self, event: EventId, booking: int) -> Told:
        return await self._end(event, booking, self._engine.bookings.fail(BookingId(booking)))

    async def refund(self, event: EventId, booking: int) -> Told:
        return await self._end(
            event, booking, self._engine.bookings.refund(BookingId(booking), self.user)
        )

    async def give_up(self, event: EventId, booking: int) -> Told:
        """booking: what the user believes to be their place."""
        return await self._end(event, booking, self._engine.tickets.give_up(event, self.user))

    async def release(self, event: EventId, has: Told) -> Told:
        """Give the first of one's seats back; a look tells what is left then."""
        releases = self._engine.seats.release(SeatId(has.seats[0]), self.user)
        return await self._end(event, has.booking, releases)

    async def grow(self, event: EventId, organizer: UserId, zone: int) -> Told:
        """A zone gets one ticket more."""

        def change(now: Event) -> Event:
            size = now.layout.zone(zone).size + 1
            return replace(now, layout=now.layout.sized(zone, size))

        amends = self._engine.organizers.amend(event, organizer, change)
        return await self._ask(Verb.GROW, event, 0, amends, _of_end)

    async def _end(self, event: EventId, booking: int, ends: Awaitable[Answer]) -> Told:
        return await self._ask(Verb.END, event, booking, ends, _of_end)

    async def _ask(
        self,
        verb: Verb,
        event: EventId,
        booking: int,
        call: Awaitable[T],
        read: Callable[[T], Told],
    ) -> Told:
        return await self._told(event, Call(verb, self.user, time.monotonic(), booking), call, read)

    def _named(self, verb: Verb, items: tuple[Item, ...] = ()) -> Call:
        return Call(verb, self.user, time.monotonic(), name=token_hex(12), items=items)

    async def _told(
        self, event: EventId, call: Call, answer: Awaitable[T], read: Callable[[T], Told]
    ) -> Told:
        number = self._scribe.asks(event, call)
        try:
            told = read(await answer)
        except Unavailable:
            told = Told(Said.NOTHING, "unavailable")
        except OutcomeUnknown:
            return UNKNOWN
        self._scribe.answers(number, told)
        return told


def _of_opened(said: Opened | Answer) -> Told:
    if isinstance(said, Answer):
        return Told(Said.NOTHING, said.outcome.value)
    if said.replayed:
        return _again(said)
    ends, tickets = _ends(said.expires_ms), len(said.seats)
    return Told(Said.HAS, said.outcome.value, said.id, tickets, said.seats, ends)


def _of_place(event: EventId, said: Standing | Reserved | Answer | None) -> Told:
    match said:
        case Standing(replayed=True) | Reserved(replayed=True):
            return _again(said)
        case Standing():
            rank = RANKS[said.status]
            return Told(rank, said.outcome.value, said.id, int(rank is Said.HAS))
        case Reserved():
            return Told(Said.HAS, said.outcome.value, said.id, 1)
        case Answer(Outcome.ALREADY_BOOKED):
            number = BookingNumber(int(said.fields[0]))
            return Told(Said.NOTHING, said.outcome.value, booking_id(event, number))
        case Answer():
            return Told(Said.NOTHING, said.outcome.value)
    return Told(Said.NOTHING, "no place")


def _again(said: Opened | Standing | Reserved) -> Told:
    """An answer given before: what has become of the booking since is not told."""
    return Told(Said.NOTHING, f"{said.outcome.value} again", said.id)


def _of_booking(booking: Booking | None) -> Told:
    if booking is None:
        return Told(Said.OVER, "gone")
    ends = NEVER if booking.expires_ms is None else _ends(booking.expires_ms)
    seats = booking.seats
    return Told(STATUSES[booking.status], "looked", booking.id, len(seats), seats, ends)


def _of_payment(has: Told, said: AwaitingPayment | Answer) -> Told:
    """What it has, for longer; what it has bought; or that its money goes back."""
    if isinstance(said, AwaitingPayment):
        return has._replace(outcome=said.outcome.value, until=_ends(said.expires_ms))
    if said.outcome is Outcome.CONFIRMED:
        return has._replace(outcome=said.outcome.value, until=NEVER)
    over = said.outcome is Outcome.REFUND_DUE
    return Told(Said.OVER if over else Said.NOTHING, said.outcome.value, has.booking)


def _of_note(said: Answer) -> Told:
    """It changes nothing of the seats."""
    return Told(Said.NOTHING, said.outcome.value)


def _of_end(said: Answer) -> Told:
    done = {Outcome.CANCELLED, Outcome.REFUND_DUE, Outcome.RELEASED, Outcome.AMENDED}
    return Told(Said.OVER if said.outcome in done else Said.NOTHING, said.outcome.value)


def _ends(expires_ms: int) -> float:
    return expires_ms / 1000 - time.time() + time.monotonic() - MARGIN_S
