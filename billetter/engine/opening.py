"""New bookings: drawn, opened with what they want, and listed for their users."""

from collections.abc import Awaitable, Callable, Sequence

from billetter.domain.ids import (
    BookingId,
    BookingNumber,
    EventId,
    SeatId,
    SeatIndex,
    UserId,
    booking_id,
    seat_id,
)
from billetter.domain.outcome import Answer, Opened, Outcome
from billetter.engine import keys
from billetter.engine.events import Wanted
from billetter.engine.once import Once
from billetter.engine.repeat import Repeater
from billetter.engine.scripts import Store

Wants = Callable[[], Awaitable[Wanted | Answer]]
"""What a new booking wants, by what is known of the event now; or why it cannot be had."""


class Opener:
    def __init__(self, store: Store, repeater: Repeater) -> None:
        self._store = store
        self._repeater = repeater

    async def open(
        self, event_id: EventId, user: UserId, wants: Wants, once: Once | None
    ) -> Opened | Answer:
        """Open a booking with all that it wants, or say why there is none."""
        own = keys.of_event(event_id)

        async def attempt(number: BookingNumber) -> Answer:
            wanted = await wants()
            if isinstance(wanted, Answer):
                return await self._repeater.refuse(event_id, once, wanted)
            plan = (wanted.version, wanted.tickets)
            about: Sequence[str | int] = (user, event_id, number, *plan, *wanted.seats)
            return await self._store.change("open_booking", own, own.to_claim(number), once, *about)

        answer = await self._repeater.numbered(event_id, once, attempt)
        if answer.outcome is not Outcome.OPENED:
            return answer
        number, expires_ms, created_ms, taken = answer.fields
        booking = booking_id(event_id, BookingNumber(int(number)))
        await self.enlist(user, booking, int(created_ms))
        seats, prices = priced(event_id, taken)
        said = (int(expires_ms), answer.outcome, answer.replayed)
        return Opened(booking, event_id, seats, prices, *said)

    async def enlist(self, user: UserId, booking: BookingId, created_ms: int) -> None:
        await self._store.complete("ZADD", keys.user_bookings(user), created_ms, booking)


def priced(event: EventId, taken: str) -> tuple[tuple[SeatId, ...], tuple[int, ...]]:
    """Seats and their prices, of the text 'index:price,…'."""
    pairs = [seat.split(":") for seat in taken.split(",")] if taken else []
    seats = tuple(seat_id(event, SeatIndex(int(index))) for index, _ in pairs)
    return seats, tuple(int(price) for _, price in pairs)
