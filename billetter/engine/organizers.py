"""What those who run an event do with it: change, close, cancel, delete it.

A user of None is an administrator, who may do it with every event; others with their own.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace

from billetter.domain.event import Change, Event, WindowError, check_window
from billetter.domain.ids import BookingNumber, EventId, UserId
from billetter.domain.layout import LayoutError
from billetter.domain.outcome import Answer, Outcome
from billetter.engine import fields, keys
from billetter.engine.events import Events
from billetter.engine.lines import Lines
from billetter.engine.once import RETRY_TTL_MS, Once
from billetter.engine.repeat import Repeater
from billetter.engine.scripts import Store
from billetter.engine.unit_of_work import one_change

COUNTED_MAX = 500
"""Bookings counted at once."""
ENDED_MAX = 500
"""Bookings of a line ended at once."""
ROUNDS_MAX = 10
"""Looks at what is left to do in one event; what is left after them waits for the sweeper."""


class Organizers:
    def __init__(self, store: Store, events: Events, repeater: Repeater, lines: Lines) -> None:
        self._store = store
        self._events = events
        self._repeater = repeater
        self._lines = lines

    @one_change
    async def amend(
        self, event_id: EventId, user: UserId | None, change: Change, once: Once | None = None
    ) -> Answer:
        """Make of the event what `change` makes of it: details, terms, layout, and state.

        The state can become `closed`, or `on_sale` again. AMENDED (version), or a refusal:
        NO_EVENT, NOT_YOURS, NOT_ON_SALE (cancelled), BAD_LAYOUT and BAD_WINDOW (why), SEAT_TAKEN (a
        seat that would go). Bookings keep their seats and prices. Caps hold for what users have
        already as soon as this returns; those who have more keep it, and get no more.
        """
        named = once or Once.anew()

        async def attempt() -> Answer:
            event = await self._events.get(event_id)
            if event is None:
                return await self._repeater.refuse(event_id, once, Answer(Outcome.NO_EVENT))
            try:
                changed = change(event)
                check_window(changed.terms.sale_starts_at_ms, changed.sale_ends_at_ms)
            except LayoutError as error:
                refusal = Answer(Outcome.BAD_LAYOUT, (str(error),))
                return await self._repeater.refuse(event_id, _briefly(once), refusal)
            except WindowError as error:
                refusal = Answer(Outcome.BAD_WINDOW, (str(error),))
                return await self._repeater.refuse(event_id, _briefly(once), refusal)
            own = keys.of_event(event_id)
            args = (user or "", event_id, event.version, *_difference(event, changed))
            return await self._store.change("amend_event", own, own.to_amend(), named, *args)

        answer = await self._repeater.final(event_id, attempt)
        if answer.outcome is Outcome.AMENDED:
            self._events.forget(event_id)
            await self.settle(event_id)
            await self._lines.serve(event_id)
        return answer

    @one_change
    async def cancel(
        self, event_id: EventId, user: UserId | None, once: Once | None = None
    ) -> Answer:
        """Cancel the event for good, and end its bookings: what was paid is due back.

        CANCELLED, or CANCELLING when some of its bookings are left to be ended by the sweeper;
        NO_EVENT or NOT_YOURS.
        """
        own = keys.of_event(event_id)
        declared = [own.event, own.chores, own.journal]
        answer = await self._store.change("cancel_event", own, declared, once, user or "", event_id)
        self._events.forget(event_id)
        if answer.outcome is Outcome.CANCELLING:
            settled = await self.settle(event_id)
            return Answer(Outcome.CANCELLED) if _is_over(settled) else answer
        return answer

    @one_change
    async def delete(
        self, event_id: EventId, user: UserId | None, once: Once | None = None
    ) -> Answer:
        """Take the event away: REMOVED, or NO_EVENT, NOT_YOURS, HAS_BOOKINGS.

        Once a payment has begun for anything of it, it can only be cancelled.
        """
        own = keys.of_event(event_id)
        answer = await self._store.change(
            "delete_event", own, own.to_remove(), once or Once.anew(), user or "", event_id
        )
        if answer.outcome is Outcome.REMOVED:
            await self._store.command("ZREM", keys.EVENTS_INDEX, event_id)
        self._events.forget(event_id)
        return answer

    async def settle(self, event_id: EventId) -> Answer:
        """Go on with what is left to do in an event: end its bookings, or count them.

        CANCELLED, KEPT or NO_EVENT when all is done; HELD or UNCOUNTED when something is left.
        """
        own = keys.of_event(event_id)
        counted = "0"
        for _ in range(ROUNDS_MAX):
            answer = await self._store.run("settle_event", own.to_finish(), event_id, counted)
            match answer.outcome:
                case Outcome.HELD:
                    await self._end_bookings(event_id)
                case Outcome.UNCOUNTED:
                    counted = answer.fields[0]
                    await self._count(event_id, int(counted))
                case _:
                    break
        self._events.forget(event_id)
        return answer

    async def _end_bookings(self, event_id: EventId) -> None:
        """End every booking that has seats or waits; the others can do nothing but lapse."""
        own = keys.of_event(event_id)
        async for batch in self._store.scan_hash(own.holders):
            await self._call_off(event_id, {number for _, number in batch})
        ended: list[bytes] = []
        while (waiting := await self._line(event_id)) != ended:
            await self._call_off(event_id, waiting)
            ended = waiting

    async def _line(self, event_id: EventId) -> list[bytes]:
        """The first who wait."""
        line = keys.of_event(event_id).waiting
        return list(await self._store.command("ZRANGE", line, 0, ENDED_MAX - 1, reads=True))

    async def _call_off(self, event_id: EventId, numbers: Iterable[bytes]) -> None:
        ends = (self._repeater.call_off(event_id, BookingNumber(int(each))) for each in numbers)
        await asyncio.gather(*ends)

    async def _count(self, event_id: EventId, last: int) -> None:
        own = keys.of_event(event_id)
        for first in range(1, last + 1, COUNTED_MAX):
            numbers = range(first, min(first + COUNTED_MAX, last + 1))
            declared = ([own.event, own.booking(BookingNumber(n)), own.shares] for n in numbers)
            await asyncio.gather(
                *(
                    self._store.run("count_booking", keys_of_one, number)
                    for keys_of_one, number in zip(declared, numbers, strict=True)
                )
            )


def _difference(event: Event, changed: Event) -> Iterator[str | int]:
    """What amend_event is told: seats that go, whether to count, fields that go, fields."""
    old, new = fields.of_event(event), fields.of_event(changed)
    gone = event.layout.gone(changed.layout)
    yield ",".join(f"{span.start}-{span.start + span.size - 1}" for span in gone)
    new_caps = fields.caps_of(changed.terms).keys() - fields.caps_of(event.terms).keys()
    yield int(bool(new_caps))
    yield ",".join(old.keys() - new.keys())
    for name, value in new.items():
        if old.get(name) != value:
            yield name
            yield value


def _is_over(settled: Answer) -> bool:
    """Whether the event is cancelled, by this call or by another meanwhile."""
    return settled.outcome in (Outcome.CANCELLED, Outcome.KEPT)


def _briefly(once: Once | None) -> Once | None:
    """For a request that is at fault: its key is not used up, but what it did before counts."""
    return once and replace(once, ttl_ms=RETRY_TTL_MS)
