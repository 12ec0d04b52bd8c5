"""New bookings: drawn, listed for their users, and made with what they want."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

from billetter.domain.ids import (
    BookingNumber,
    EventId,
    SeatId,
    SeatIndex,
    UserId,
    booking_id,
    seat_id,
)
from billetter.domain.outcome import Answer, Opened, Outcome, Unavailable
from billetter.engine import keys
from billetter.engine.events import Events, Wanted
from billetter.engine.numbers import Numbers
from billetter.engine.once import Once
from billetter.engine.repeat import ATTEMPTS_MAX, Repeater
from billetter.engine.scripts import Store
from billetter.engine.unit_of_work import one_change
from billetter.wire.link import Reply

Wants = Callable[[], Awaitable[Wanted | Answer]]
"""What a new booking wants, by what is known of the event now; or why it cannot be had."""

_MADE = frozenset({Outcome.OPENED, Outcome.CONFIRMED, Outcome.WAITING, Outcome.CANCELLED})
"""Answers with four fields: the user's booking by its number, and third, when that was made, ms."""


class Opener:
    def __init__(self, store: Store, events: Events, repeater: Repeater) -> None:
        self._store = store
        self._events = events
        self._repeater = repeater
        self._numbers = Numbers(store)

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

        answer = await self.make(event_id, user, once, attempt)
        if answer.outcome is not Outcome.OPENED:
            return answer
        number, expires_ms, _, taken = answer.fields
        booking = booking_id(event_id, BookingNumber(int(number)))
        seats, prices = priced(event_id, taken)
        said = (int(expires_ms), answer.outcome, answer.replayed)
        return Opened(booking, event_id, seats, prices, *said)

    @one_change
    async def make(
        self,
        event: EventId,
        user: UserId,
        once: Once | None,
        attempt: Callable[[BookingNumber], Awaitable[Answer]],
        numbers_max: int = ATTEMPTS_MAX,
    ) -> Answer:
        """The final answer of what makes a booking under a number; NO_EVENT or EXHAUSTED.

        The user's list has the booking before there is one: whatever dies in between, nobody has a
        booking that they do not find, and both reach the disk at one stroke.
        """
        number, repeats = await self._numbers.draw(event), self._store.repeats
        if isinstance(number, Answer):
            self._events.forget(event)
            refusal = number
            return await self._repeater.final(
                event, lambda: self._repeater.refuse(event, once, refusal)
            )
        index, booking = keys.user_bookings(user), booking_id(event, number)
        entry = ("ZADD", index, time.time_ns() // 1_000_000, booking)
        listed = self._store.begin(*entry)
        try:
            answer = await self._repeater.final(event, lambda: attempt(number))
        except Unavailable:
            self._unlist(index, event, number, repeats)
            raise
        if answer.outcome in _MADE and answer.fields[0] == str(number):
            await self._store.ensure(listed, *entry)
            return answer
        if answer.outcome is Outcome.NUMBER_USED:
            self._unlist(index, event, number)
            if numbers_max == 1:
                raise Unavailable("the numbers that were drawn are in use")
            return await self.make(event, user, once, attempt, numbers_max - 1)
        self._unlist(index, event, number, repeats)
        if answer.outcome in _MADE:
            await self._relist(index, event, answer)
        return answer

    async def _relist(self, index: str, event: EventId, made: Answer) -> None:
        """What an earlier call made, and may not have listed; it may be gone by now."""
        earlier, _, created_ms, _ = made.fields
        own, number = keys.of_event(event), BookingNumber(int(earlier))
        if await self._store.command("EXISTS", own.booking(number), reads=True):
            known = booking_id(event, number)
            await self._store.command("ZADD", index, "NX", created_ms, known)

    def _unlist(self, index: str, event: EventId, number: BookingNumber, repeats: int = -1) -> None:
        """What is left of an entry whose booking was not made goes when it is seen.

        repeats: what they were before; nothing but a call that was sent twice can still use the
        number. Once it is in no list, it is given back.
        """
        with suppress(Unavailable):
            unlisted = self._store.begin("ZREM", index, booking_id(event, number))
            if self._store.repeats == repeats:
                free = partial(self._give_back, event, number, repeats)
                asyncio.ensure_future(unlisted).add_done_callback(free)

    def _give_back(
        self,
        event: EventId,
        number: BookingNumber,
        repeats: int,
        unlisted: asyncio.Future[Reply],
    ) -> None:
        lost = unlisted.cancelled() or unlisted.exception()
        if not lost and self._store.repeats == repeats:
            self._numbers.give_back(event, [number])


def priced(event: EventId, taken: str) -> tuple[tuple[SeatId, ...], tuple[int, ...]]:
    """Seats and their prices, of the text 'index:price,…'."""
    flat = taken.replace(":", ",").split(",") if taken else []
    first = seat_id(event, SeatIndex(0))
    seats = tuple(map(SeatId, map(first.__add__, map(int, flat[::2]))))
    return seats, tuple(map(int, flat[1::2]))
