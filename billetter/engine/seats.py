"""Seats: claimed and released."""

from collections.abc import Sequence

from billetter.domain.ids import (
    BookingId,
    BookingNumber,
    EventId,
    SeatId,
    UserId,
    split_booking_id,
    split_seat_id,
)
from billetter.domain.outcome import Answer, Outcome
from billetter.engine import keys
from billetter.engine.events import Events
from billetter.engine.lines import Lines
from billetter.engine.once import Once
from billetter.engine.repeat import Repeater
from billetter.engine.scripts import Store


class Seats:
    def __init__(self, store: Store, events: Events, repeater: Repeater, lines: Lines) -> None:
        self._store = store
        self._events = events
        self._repeater = repeater
        self._lines = lines

    async def claim(
        self,
        booking: BookingId,
        user: UserId,
        seats: Sequence[SeatId],
        once: Once | None = None,
    ) -> Answer:
        """Hold all of `seats` for `booking`, or none of them.

        CLAIMED, or a refusal: NO_BOOKING, NOT_YOURS, CLOSED, NO_SEAT, WRONG_EVENT, SEAT_TAKEN
        (fields: the seat's id and when its hold ends, ms; 0: sold), TOO_MANY, NOT_ON_SALE (its
        state, or window), CAP_REACHED (`held_max` or `bought_max`, and what it is).
        """
        event_id, number = split_booking_id(booking)
        own = keys.of_event(event_id)

        async def attempt() -> Answer:
            wanted = await self._events.wanted(event_id, seats)
            if isinstance(wanted, Answer):
                refusal = await self._refusal(event_id, number, user, wanted)
                return await self._repeater.refuse(event_id, once, refusal)
            args: Sequence[str | int] = (user, event_id, number, wanted.version, *wanted.seats)
            return await self._store.change("claim_seats", own, own.to_claim(number), once, *args)

        return await self._repeater.final(event_id, attempt)

    async def release(self, seat: SeatId, user: UserId, once: Once | None = None) -> Answer:
        """Give one seat back.

        RELEASED, or a refusal: NO_SEAT, NOT_HELD, NOT_YOURS, CLOSED (in payment or sold).
        """
        event_id, index = split_seat_id(seat)
        own = keys.of_event(event_id)
        named = once or Once.anew()

        async def attempt() -> Answer:
            wanted = await self._events.wanted(event_id, [seat])
            if isinstance(wanted, Answer):
                return await self._repeater.refuse(event_id, once, Answer(Outcome.NO_SEAT))
            holder = await self._store.command("HGET", own.holders, index, reads=True)
            number = BookingNumber(int(holder or 0))
            declared = own.to_release(number)
            return await self._store.change(
                "release_seats", own, declared, named, user, event_id, number, index
            )

        answer = await self._repeater.final(event_id, attempt)
        if answer.outcome is Outcome.RELEASED:
            await self._lines.serve(event_id)
        return answer

    async def _refusal(
        self, event: EventId, number: BookingNumber, user: UserId, reason: Answer
    ) -> Answer:
        """Why seats that are none of the booking's event cannot be claimed: who asks goes first."""
        own = keys.of_event(event)
        booking = await self._store.run("read_booking", [own.booking(number), own.hold(number)])
        if booking.outcome is Outcome.NO_BOOKING:
            return booking
        return reason if booking.fields[0] == user else Answer(Outcome.NOT_YOURS)
