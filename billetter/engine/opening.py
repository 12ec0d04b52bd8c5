"""New bookings: drawn, opened with what they want, and listed for their users."""

from collections.abc import Awaitable, Callable, Sequence

from billetter.domain.ids import BookingId, BookingNumber, EventId, UserId, booking_id
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
        self, event_id: EventId, user: UserId, wants: Wants, with_seats: bool, once: Once | None
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
        opened, expires_ms, created_ms = map(int, answer.fields)
        booking = booking_id(event_id, BookingNumber(opened))
        await self.enlist(user, booking, created_ms)
        return Opened(booking, event_id, with_seats, expires_ms, answer.outcome, answer.replayed)

    async def enlist(self, user: UserId, booking: BookingId, created_ms: int) -> None:
        await self._store.complete("ZADD", keys.user_bookings(user), created_ms, booking)
