"""Bookings: opened, paid, ended, read."""

import asyncio
import time
from collections.abc import Sequence

from billetter.domain.booking import Booking, Status
from billetter.domain.ids import (
    BookingId,
    BookingNumber,
    EventId,
    SeatId,
    UserId,
    booking_id,
    split_booking_id,
)
from billetter.domain.listing import Listed, Window
from billetter.domain.outcome import Answer, AwaitingPayment, Opened, Outcome
from billetter.domain.payment import UNNAMED, Notice, parse_payments, parse_refunds
from billetter.engine import keys
from billetter.engine.events import Events, Wanted
from billetter.engine.lines import Lines
from billetter.engine.listing import part_of
from billetter.engine.once import Once
from billetter.engine.opening import Opener, priced
from billetter.engine.repeat import Repeater
from billetter.engine.scripts import Store

LISTED_AHEAD_MS = 60_000
"""How long a booking may be listed before it is made: longer than any change may take."""
WALK_MIN, WALK_MAX = 20, 2_000
"""Booking numbers looked at in one step, and in one call."""
READ_AT_ONCE = 20


class Bookings:
    """keep_ms: how long a cancelled booking is kept."""

    def __init__(
        self,
        store: Store,
        events: Events,
        repeater: Repeater,
        opener: Opener,
        lines: Lines,
        keep_ms: int,
    ) -> None:
        self._store = store
        self._events = events
        self._repeater = repeater
        self._lines = lines
        self._opener = opener
        self._keep_ms = keep_ms

    async def open(
        self,
        event_id: EventId,
        user: UserId,
        seats: Sequence[SeatId] = (),
        once: Once | None = None,
    ) -> Opened | Answer:
        """Open a booking, and claim all of `seats` with it: both, or neither.

        A refusal: NO_EVENT, EXHAUSTED, NO_SEAT, WRONG_EVENT, SEAT_TAKEN, TOO_MANY, NOT_ON_SALE (its
        state, or window), CAP_REACHED (which cap, and what it is).
        """

        async def wanted() -> Wanted | Answer:
            return await self._events.wanted(event_id, seats)

        return await self._opener.open(event_id, user, wanted, once)

    async def begin_payment(
        self, booking: BookingId, user: UserId, once: Once | None = None
    ) -> AwaitingPayment | Answer:
        """Fix the amount and start the payment's time; again while awaiting, the same answer.

        A refusal: NO_BOOKING, NOT_YOURS, NO_SEATS, CLOSED, NOT_ON_SALE (the event is cancelled).
        """
        event, number = split_booking_id(booking)
        own = keys.of_event(event)
        declared = [own.event, own.booking(number), own.hold(number), own.deadlines, own.journal]
        answer = await self._store.change("begin_payment", own, declared, once, user, event, number)
        if answer.outcome is not Outcome.AWAITING_PAYMENT:
            return answer
        amount, expires_ms = map(int, answer.fields)
        return AwaitingPayment(amount, expires_ms, answer.outcome, answer.replayed)

    async def confirm(
        self, booking: BookingId, once: Once | None = None, notice: Notice = UNNAMED
    ) -> Answer:
        """A payment succeeded.

        CONFIRMED, REFUND_DUE, CANCELLED (it cost nothing, and has ended), NOT_INITIATED (nothing
        is to be paid yet) or UNMATCHED (why nothing can be sold for it); both are kept for the
        organizer. NO_BOOKING (NO_EVENT where even that is gone).
        """
        event, number = split_booking_id(booking)
        own, about = keys.of_event(event), (event, number, notice.id, *notice.terms)
        return await self._repeater.final(
            event,
            lambda: self._store.change("confirm_booking", own, own.to_settle(number), once, *about),
        )

    async def cancel(self, booking: BookingId, user: UserId, once: Once | None = None) -> Answer:
        """Its owner gives it up: CANCELLED, NO_BOOKING, NOT_YOURS, ALREADY_CONFIRMED or CLOSED."""
        return await self._cancel(booking, user, "", once)

    async def fail(self, booking: BookingId, once: Once | None = None) -> Answer:
        """Its payment failed: CANCELLED, NO_BOOKING or ALREADY_CONFIRMED."""
        return await self._cancel(booking, "", "payment_failed", once)

    async def refund(self, booking: BookingId, user: UserId, once: Once | None = None) -> Answer:
        """Its owner gives back what they have paid for, as long as the event allows it.

        REFUND_DUE (the amount); CANCELLED: it is already, or no payment brought anything; NO_EVENT,
        NO_BOOKING, NOT_YOURS, CLOSED (not confirmed) or TOO_LATE (until when it could be done, ms).
        """
        event, number = split_booking_id(booking)
        own, named = keys.of_event(event), once or Once.anew()
        answer = await self._store.change(
            "refund_booking",
            own,
            own.to_refund(number),
            named,
            user,
            event,
            number,
            "",
            self._keep_ms,
        )
        if answer.outcome in (Outcome.REFUND_DUE, Outcome.CANCELLED):
            await self._lines.serve(event)
        return answer

    async def give_back(self, booking: BookingId, user: UserId, once: Once | None = None) -> Answer:
        """Cancel it, or refund it if it is paid for: what both of them answer."""
        answer = await self.cancel(booking, user, once)
        if answer.outcome is not Outcome.ALREADY_CONFIRMED:
            return answer
        return await self.refund(booking, user, once and once.then("refund"))

    async def note(self, booking: BookingId, text: str, once: Once) -> Answer:
        """Write into the journal what a gateway said: NOTED or NO_BOOKING."""
        event, number = split_booking_id(booking)
        own = keys.of_event(event)
        declared = [own.booking(number), own.journal]
        return await self._store.change("note_payment", own, declared, once, event, number, text)

    async def get(self, booking: BookingId) -> Booking | None:
        event, number = split_booking_id(booking)
        own = keys.of_event(event)
        answer = await self._store.run("read_booking", [own.booking(number), own.hold(number)])
        return None if answer.outcome is Outcome.NO_BOOKING else _booking(booking, answer)

    async def page(self, user: UserId, skip: int, take: int) -> tuple[list[Booking], int]:
        """`take` bookings of a user, newest first, and how many there are."""
        listed = await self.listed(user, Window(skip, take))
        return [*listed.items], listed.total

    async def listed(self, user: UserId, window: Window) -> Listed[Booking]:
        """Some of a user's bookings.

        Entries without a booking go; unless they are new, as their bookings may be about to come.
        """
        index = keys.user_bookings(user)
        while True:
            part = await part_of(self._store, index, window)
            read = await self._all_of([BookingId(entry.id) for entry in part.entries])
            # A number that was listed here in vain may have been given to somebody else.
            found = [booking for booking in read if booking.user == user]
            made = {booking.id for booking in found}
            since_ms = time.time_ns() // 1_000_000 - LISTED_AHEAD_MS
            missing = [entry for entry in part.entries if entry.id not in made]
            gone = [entry.id for entry in missing if entry.score < since_ms]
            if not gone:
                return Listed(found, part.total - len(missing), part.newer, part.older)
            await self._store.command("ZREM", index, *gone)

    async def _all_of(self, ids: Sequence[BookingId]) -> list[Booking]:
        """Those that there are; a few at a time, as one of many seats takes a while to read."""
        found: list[Booking] = []
        for start in range(0, len(ids), READ_AT_ONCE):
            read = await asyncio.gather(*map(self.get, ids[start : start + READ_AT_ONCE]))
            found += [booking for booking in read if booking]
        return found

    async def of_event(
        self, event: EventId, before: BookingNumber | None, take: int
    ) -> tuple[list[Booking], BookingNumber | None]:
        """Bookings of an event, newest first, and where to go on: None at the end.

        before: numbers below this one; None: from the newest on. Numbers have gaps, where empty
        bookings were, so a look at WALK_MAX of them may find fewer than `take`.
        """
        last = await self._last(event)
        upper = last if before is None else min(before - 1, last)
        numbers = range(upper, max(0, upper - WALK_MAX), -1)
        found, end = await self._walk(event, numbers, take)
        return found, end if end and end > 1 else None

    async def after(
        self, event: EventId, after: BookingNumber, take: int
    ) -> tuple[list[Booking], BookingNumber | None]:
        """Bookings of an event next above a number, newest first, and where to go on above them.

        None: no more are drawn yet. A look at WALK_MAX numbers may find fewer than `take`.
        """
        last = await self._last(event)
        numbers = range(after + 1, min(last, after + WALK_MAX) + 1)
        found, end = await self._walk(event, numbers, take)
        end = end or after
        return found[::-1], end if end < last else None

    async def _last(self, event: EventId) -> int:
        """The last number that was drawn for a booking of the event."""
        own = keys.of_event(event)
        return int(await self._store.command("HGET", own.event, "bookings", reads=True) or 0)

    async def _walk(
        self, event: EventId, numbers: range, take: int
    ) -> tuple[list[Booking], BookingNumber | None]:
        """The first `take` bookings that have one of the numbers, and the last one looked at."""
        found: list[Booking] = []
        looked = 0
        while looked < len(numbers) and len(found) < take:
            step = numbers[looked : looked + max(take - len(found), WALK_MIN)]
            found += await self._all_of([booking_id(event, BookingNumber(each)) for each in step])
            looked += len(step)
        if len(found) > take:
            return found[:take], split_booking_id(found[take - 1].id)[1]
        return found, BookingNumber(numbers[looked - 1]) if looked else None

    async def expire(self, event: EventId, number: BookingNumber) -> Answer:
        """End the booking if its hold has lapsed; nothing is left of one that held no seat."""
        return await self._repeater.expire(event, number)

    async def forget(self, event: EventId, number: BookingNumber) -> Answer:
        """Remove an ended booking whose time is up, from its owner's list too."""
        own = keys.of_event(event)
        answer = await self._store.run("forget_booking", own.to_forget(number), event, number)
        if answer.outcome is Outcome.FORGOTTEN:
            await self._repeater.unlist(UserId(answer.fields[0]), event, number)
        return answer

    async def _cancel(self, booking: BookingId, user: str, why: str, once: Once | None) -> Answer:
        event, number = split_booking_id(booking)
        own = keys.of_event(event)
        about = (user, event, number, self._keep_ms, why)
        declared = own.to_end(number)
        answer = await self._store.change("cancel_booking", own, declared, once, *about)
        if answer.outcome is Outcome.CANCELLED:
            await self._lines.serve(event)
        return answer


def _booking(booking: BookingId, answer: Answer) -> Booking:
    user, status, taken, amount, created, expires, refund, had, payments, owed = answer.fields
    event, _ = split_booking_id(booking)
    seats, prices = priced(event, taken)
    refunds = parse_refunds(owed)
    return Booking(
        booking,
        event,
        UserId(user),
        Status(status),
        seats,
        int(amount) if amount else sum(prices),
        int(created),
        int(expires) if expires else None,
        refund or None,
        prices,
        priced(event, had)[0],
        parse_payments(payments, refunds),
        refunds,
    )
