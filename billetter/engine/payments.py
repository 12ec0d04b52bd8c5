"""What gateways tell of payments: matched to bookings, settled, or kept for the organizer."""

import asyncio
import logging
from contextlib import suppress
from hashlib import blake2b
from urllib.parse import quote

from billetter.domain.booking import Booking
from billetter.domain.ids import (
    BookingId,
    BookingNumber,
    EventId,
    UserId,
    booking_id,
    split_booking_id,
)
from billetter.domain.outcome import Answer, Outcome
from billetter.domain.payment import Notice, Owed, Refund, Unmatched, parse_unmatched
from billetter.engine import keys
from billetter.engine.bookings import Bookings
from billetter.engine.once import Once
from billetter.engine.scripts import Store
from billetter.engine.unit_of_work import one_change
from billetter.engine.unreadable import noting

KNOWN_TTL_MS = 34_560_000_000
"""How long a payment is known by its id alone: 400 days."""
NO_EVENT = EventId(0)
"""Where payments are kept of which not even the event is known: there is no event 0, so that the
number of a booking in it is its whole id."""
ALL_DUE = "*"

logger = logging.getLogger("billetter.payments")
_RECORDED = frozenset({Outcome.CONFIRMED, Outcome.REFUND_DUE})


class Payments:
    """keep_ms: how long an ended booking is kept once what was due has gone back."""

    def __init__(self, store: Store, bookings: Bookings, keep_ms: int) -> None:
        self._store = store
        self._bookings = bookings
        self._keep_ms = keep_ms

    async def find(self, payment_id: str) -> BookingId | None:
        """The booking that a payment was recorded with."""
        found = await self._store.command("GET", _known(payment_id), reads=True)
        return None if found is None else BookingId(int(found))

    @one_change
    async def succeed(self, booking: BookingId, notice: Notice, once: Once | None) -> Answer:
        """As Bookings.confirm; of what is no booking the payment is kept, too."""
        answer = _noticed(await self._bookings.confirm(booking, once, notice))
        if answer.outcome in _RECORDED and notice.payment_id:
            known = ("SET", _known(notice.payment_id), booking, "NX", "PX", KNOWN_TTL_MS)
            await self._store.command(*known)
        elif answer.outcome in (Outcome.NO_BOOKING, Outcome.NO_EVENT) and notice.payment_id:
            await self.keep(booking, notice, "no_booking", Once.anew())
        return answer

    async def keep(
        self,
        booking: BookingId | None,
        notice: Notice,
        reason: str,
        once: Once,
        *,
        money: bool = True,
    ) -> Answer:
        """Write down what can be settled for no booking: UNMATCHED.

        money: whether it may have come in, so that the organizer is to see it.
        """
        told = (notice.id, ":".join(notice.terms), reason, int(money))
        if booking is None:
            return await self._keep(NO_EVENT, BookingNumber(0), told, once)
        event, number = split_booking_id(booking)
        answer = await self._keep(event, number, told, once)
        if answer.outcome is Outcome.NO_EVENT:
            elsewhere = once.then("elsewhere")
            return await self._keep(NO_EVENT, BookingNumber(booking), told, elsewhere)
        return answer

    async def _keep(
        self, event: EventId, number: BookingNumber, told: tuple[str | int, ...], once: Once
    ) -> Answer:
        own = keys.of_event(event)
        declared, about = [own.event, own.unmatched, own.journal], (event, number, *told)
        return _noticed(await self._store.change("keep_payment", own, declared, once, *about))

    async def settle(
        self,
        booking: BookingId | None,
        reference: str,
        *,
        organizer: UserId | None = None,
        payment_id: str | None = None,
        once: Once | None = None,
    ) -> Answer:
        """The money has gone back: of one payment, which may be unmatched, or all that is due.

        booking: None for a payment of no known booking. organizer: who asks; None: somebody who
        may. SETTLED (the amount, "0" where it was done before), NO_EVENT, NO_BOOKING, NOT_YOURS or
        NO_REFUND (nothing was due).
        """
        homes = [(NO_EVENT, BookingNumber(0))]
        if booking is not None:
            homes = [split_booking_id(booking), (NO_EVENT, BookingNumber(booking)), *homes]
        payment = ALL_DUE if payment_id is None else quote(payment_id, safe="")
        first, *elsewhere = homes
        answer = await self._settle(first, payment, reference, organizer or "", once)
        if payment_id is None or organizer is not None:
            return answer
        # One that came for what was no booking is kept where no event is known.
        for home in elsewhere:
            if answer.outcome is Outcome.SETTLED:
                break
            again = once and once.then(f"elsewhere {home[1]}")
            other = await self._settle(home, payment, reference, "", again)
            answer = other if other.outcome is Outcome.SETTLED else answer
        return answer

    async def _settle(
        self,
        home: tuple[EventId, BookingNumber],
        payment: str,
        reference: str,
        user: str,
        once: Once | None,
    ) -> Answer:
        event, number = home
        own = keys.of_event(event)
        about = (user, event, number, payment, quote(reference, safe=""), self._keep_ms)
        declared = own.to_pay_back(number)
        return await self._store.change("settle_refund", own, declared, once, *about)

    async def owed(self, event: EventId, skip: int, take: int) -> tuple[list[Owed], int]:
        """Bookings of an event whose refund is due, the longest first, and how many there are."""
        index = keys.of_event(event).refunds
        flat, total = await asyncio.gather(
            self._store.command("ZRANGE", index, skip, skip + take - 1, "WITHSCORES", reads=True),
            self._store.command("ZCARD", index, reads=True),
        )
        since_ms = map(int, map(float, flat[1::2]))
        read = await asyncio.gather(*(self._owing(event, number) for number in flat[::2]))
        found = zip(read, since_ms, strict=True)
        owed = [
            Owed(booking.id, booking.user, booking.total, _due(booking.refunds), since)
            for booking, since in found
            if booking
        ]
        return owed, int(total)

    async def _owing(self, event: EventId, number: bytes) -> Booking | None:
        """A booking that is listed as owed; None where it is gone, or cannot be read."""
        found = None
        with noting(lambda why: logger.error("a refund of event %d %s", event, why)):
            found = await self._bookings.get(booking_id(event, BookingNumber(int(number))))
        return found

    async def unmatched(self, event: EventId, skip: int, take: int) -> tuple[list[Unmatched], int]:
        """Payments of an event for which nothing could be sold, newest first, and how many."""
        kept = await self._store.command("HGETALL", keys.of_event(event).unmatched, reads=True)
        pairs = zip(kept[::2], kept[1::2], strict=True)
        found: list[Unmatched] = []
        for field, value in pairs:
            with suppress(ValueError):  # The audit tells of it.
                found.append(parse_unmatched(event, field.decode(), value.decode()))
        found.sort(key=lambda each: each.received_ms, reverse=True)
        return found[skip : skip + take], len(found)


def _noticed(answer: Answer) -> Answer:
    """The same; what had to go for what is kept is money that nobody sees any more."""
    kept = {Outcome.UNMATCHED: 1, Outcome.NOT_INITIATED: 0}.get(answer.outcome)
    if kept is not None and not answer.replayed:
        for dropped in answer.fields[kept:]:
            logger.error("too many unmatched payments: %s is not kept any more", dropped)
    return answer


def _known(payment_id: str) -> str:
    return keys.payment(blake2b(payment_id.encode(), digest_size=16).hexdigest())


def _due(refunds: tuple[Refund, ...]) -> tuple[Refund, ...]:
    return tuple(refund for refund in refunds if refund.state == "due")
