"""Asking again: what a script found out of date is set right, and the script runs anew."""

import asyncio
from collections.abc import Awaitable, Callable

from billetter.domain.ids import (
    BookingNumber,
    EventId,
    SeatIndex,
    UserId,
    booking_id,
    seat_id,
)
from billetter.domain.outcome import Answer, Outcome, Unavailable
from billetter.engine import keys
from billetter.engine.events import Events
from billetter.engine.once import Once
from billetter.engine.scripts import Store

ATTEMPTS_MAX = 4
"""One more than there are things to be out of date: layout, holders of seats, own bookings."""


class Repeater:
    """Runs an attempt until its answer is final.

    keep_ms: how long a booking is kept after it has ended.
    """

    def __init__(self, store: Store, events: Events, keep_ms: int) -> None:
        self._store = store
        self._events = events
        self._keep_ms = keep_ms

    async def final(self, event: EventId, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
        """The first answer that does not ask for something to be set right.

        Unavailable after the fourth that does: the seats change hands faster than one can look.
        """
        for _ in range(ATTEMPTS_MAX):
            answer = await attempt()
            match answer.outcome:
                case Outcome.STALE_LAYOUT:
                    self._events.forget(event)
                case Outcome.LAPSED:
                    holders = (BookingNumber(int(number)) for number in answer.fields)
                    await asyncio.gather(*(self.expire(event, holder) for holder in holders))
                case Outcome.CALLED_OFF:
                    await self.call_off(event, BookingNumber(int(answer.fields[0])))
                case Outcome.CHANGED:
                    pass
                case Outcome.SEAT_TAKEN:
                    return _with_seat_id(event, answer)
                case _:
                    return answer
        raise Unavailable("the seats are changing hands too fast")

    async def expire(self, event: EventId, number: BookingNumber) -> Answer:
        """End the booking if its hold has lapsed; nothing is left of one that held no seat."""
        declared = keys.of_event(event).to_expire(number)
        answer = await self._store.run("expire_hold", declared, event, number, self._keep_ms)
        if answer.outcome is Outcome.VANISHED:
            await self.unlist(UserId(answer.fields[0]), event, number)
        return answer

    async def call_off(self, event: EventId, number: BookingNumber) -> Answer:
        """End the booking as its event is cancelled; what was paid for it is due back."""
        own = keys.of_event(event)
        why = "event_cancelled"
        about = ("", event, number)
        answer = await self._store.change(
            "cancel_booking", own, own.to_end(number), None, *about, self._keep_ms, why
        )
        if answer.outcome is not Outcome.ALREADY_CONFIRMED:
            return answer
        return await self._store.change(
            "refund_booking", own, own.to_refund(number), None, *about, why, self._keep_ms
        )

    async def unlist(self, user: UserId, event: EventId, number: BookingNumber) -> None:
        await self._store.command("ZREM", keys.user_bookings(user), booking_id(event, number))

    async def refuse(self, event: EventId, once: Once | None, refusal: Answer) -> Answer:
        """A refusal that needed no script, recorded where the caller asked for that."""
        if once is None:
            return refusal
        return await self._store.change(
            "record_refusal",
            keys.of_event(event),
            (),
            once,
            refusal.outcome.value,
            *refusal.fields,
        )


def _with_seat_id(event: EventId, answer: Answer) -> Answer:
    index, held_until = answer.fields
    seat = seat_id(event, SeatIndex(int(index)))
    return Answer(answer.outcome, (str(seat), held_until), answer.replayed)
