"""Proves the invariants on a live Redis.

Reading a large event takes a while and bookings go on meanwhile, so a first look only finds what
seems wrong. A second look then reads all that concerns one seat or one booking in one script:
every change is one script as well, so what is wrong at that moment is wrong.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager
from typing import TypeVar

from billetter.domain.event import Event
from billetter.domain.ids import (
    BOOKINGS_MAX,
    BookingNumber,
    EventId,
    SeatIndex,
    booking_id,
    seat_id,
)
from billetter.engine import keys, partition_keys
from billetter.engine.allowances import share_faults
from billetter.engine.audit_report import Report, Violation
from billetter.engine.debts import debt_faults, owed_list_faults, unmatched_faults
from billetter.engine.events import Events
from billetter.engine.first_look import FirstLook, FirstLooker, sort_key
from billetter.engine.inspection import (
    Fault,
    SeenEvent,
    booking_faults,
    is_gone,
    number_faults,
    see_booking,
    see_event,
    tally_faults,
)
from billetter.engine.journal import Replay
from billetter.engine.places import line_fault, place_faults
from billetter.engine.scripts import Store
from billetter.engine.seat_inspection import SeatInspector
from billetter.engine.unreadable import digits, noting

MENDS_MAX = 5
SETTLE_S = 4.5
"""An index is written by the call after the one that made what it lists. Two calls take 4 s at
most (`redis_deadline_ms`); what an index lacks for longer, nobody is about to write."""
PAUSE_S_MAX = 0.5

Suspect = TypeVar("Suspect")
_LISTS = {
    "its list of unused numbers": number_faults,
    "its list of refunds": owed_list_faults,
    "its list of unmatched payments": unmatched_faults,
}


class Audit:
    """keep_ms: how long an ended booking is kept, for entries that are mended."""

    def __init__(self, store: Store, events: Events, keep_ms: int) -> None:
        self._store = store
        self._events = events
        self._keep_ms = keep_ms

    async def run(
        self, *, repair: bool = False, progress: Callable[[int, int], None] = lambda *_: None
    ) -> Report:
        """Look at every event. progress is told how many are done, and of how many."""
        return await _Course(self._store, self._events, self._keep_ms, repair).run(progress)


class _Course:
    """One audit. Bookings that no list of their user had are looked at again in the end."""

    def __init__(self, store: Store, events: Events, keep_ms: int, repair: bool) -> None:
        self._store = store
        self._events = events
        self._keep_ms = keep_ms
        self._repair = repair
        self._first = FirstLooker(store)
        self._noted = set[tuple[EventId | None, str]]()
        self._unlisted: set[tuple[EventId, BookingNumber]] = set()
        self._report = Report()

    async def run(self, progress: Callable[[int, int], None]) -> Report:
        found = await self._find()
        progress(0, len(found))
        for partition in range(keys.PARTITIONS):
            replay = Replay(self._store, partition_keys.partition_tag(partition))
            for event, largest in found.items():
                if event % keys.PARTITIONS == partition:
                    with self._noting(event, "the event"):
                        await self._look_at(event, largest, replay)
                    progress(self._report.events, len(found))
            await self._end(replay)
        await self._look_at_lists(EventId(0))  # What is kept where no event is known.
        for event, number in sorted(await _lasting(self._unlisted, self._is_unlisted)):
            await self._miss(event, number)
        return self._report

    async def _end(self, replay: Replay) -> None:
        """Report what of a partition's journal could not be read, to its end."""
        with self._noting(None, f"the journal {replay.key}"):
            await replay.finish()
        for entry in replay.unread:
            self._note(
                entry.event, [f"entry {entry.id} of {replay.key} cannot be read: {entry.why}"]
            )

    async def _find(self) -> dict[EventId, int]:
        """Every event there is, listed or not, with the largest number of a booking of it.

        What the list of events gets wrong is reported.
        """
        listed, found = set[EventId](), dict[EventId, int]()
        with self._noting(None, "the list of events"):
            for each in await self._store.command("ZRANGE", keys.EVENTS_INDEX, 0, -1, reads=True):
                with self._noting(None, "an entry of the list of events"):
                    listed.add(EventId(int(each)))
        numbers: dict[EventId, int] = {}
        async for batch in self._store.scan(keys.OURS):
            for key in batch:
                with self._noting(None, f"the key {key!r}"):
                    sort_key(key, found, numbers)
        wrong = found.keys() ^ listed
        for event in sorted(await _lasting(wrong, self._is_misplaced)):
            if event in found:
                fault = Fault("the event is not listed", ("ZADD", keys.EVENTS_INDEX, event, event))
            else:
                fault = Fault("the event is gone, but listed", ("ZREM", keys.EVENTS_INDEX, event))
            await self._add(event, fault)
        return {event: numbers.get(event, 0) for event in sorted(found)}

    async def _is_misplaced(self, event: EventId) -> bool:
        exists = await self._store.command("EXISTS", keys.of_event(event).event, reads=True)
        listed = await self._store.command("ZSCORE", keys.EVENTS_INDEX, event, reads=True)
        return bool(exists) != (listed is not None)

    async def _look_at(self, event_id: EventId, largest: int, replay: Replay) -> None:
        self._report.events += 1
        self._events.forget(event_id)
        was_gone = await is_gone(self._store, event_id)
        event = None
        with self._noting(event_id, "the event"):
            event = await self._events.get(event_id)
        seen = await self._see(event_id)
        if seen is None:
            return
        if was_gone:
            await self._add(event_id, Fault("the event was taken away, and has come back"))
        await replay.advance(seen.entry)
        known, gaps = set(replay.of(event_id).paid), replay.gaps
        last = await self._last(event_id, seen, largest)
        first = await self._first.look(event_id, last)
        self._unlisted |= {(event_id, number) for number in first.unlisted}
        wrong = [*first.wrong, *await self._second_look(event_id, event, first, replay)]
        seen = await self._see(event_id)
        if seen is None:
            return  # What is left of its bookings waits to be discarded.
        await replay.advance(seen.entry)
        told = replay.of(event_id)
        if replay.gaps == gaps:
            wrong += tally_faults(seen, first.paid, known, told)
        self._note(event_id, wrong)
        if event is not None:
            await self._look_at_line(event)
        await self._look_at_lists(event_id)
        for booking in first.odd:
            await self._judge(event_id, booking.number)
        self._report.bookings += first.bookings
        self._report.seats += len(first.holders)
        if not told.whole:
            self._report.unreplayed.append(event_id)

    async def _see(self, event: EventId) -> SeenEvent | None:
        """The event's sums; None where it was removed since it was found, or cannot be read."""
        seen, unread = None, list[str]()
        with noting(unread.append):
            seen = await see_event(self._store, event)
        if seen is None and not unread:
            key = keys.of_event(event).event
            if await self._store.command("EXISTS", key, reads=True):
                unread.append("cannot be read: it has no version")
        self._note(event, [f"the event {why}" for why in unread])
        return seen

    async def _last(self, event: EventId, seen: SeenEvent, largest: int) -> int:
        """The largest number that a booking of it has, by its own word or by what there is."""
        drawn = int(seen.bookings) if digits(seen.bookings) else 0
        if drawn < largest:
            told = f"{seen.bookings} is the last number drawn"
            self._note(event, [f"booking {booking_id(event, BookingNumber(largest))}: {told}"])
        return min(max(drawn, largest), BOOKINGS_MAX)

    async def _second_look(
        self, id_: EventId, event: Event | None, first: FirstLook, replay: Replay
    ) -> list[str]:
        suspicions = first.suspicious(replay.of(id_))
        found = await SeatInspector(self._store, replay).faults(id_, suspicions)
        wrong = [f"seat {seat_id(id_, SeatIndex(it))} {what}" for it, what in sorted(found)]
        with noting(lambda why: wrong.append(f"its list of refunds {why}")):
            wrong += await debt_faults(self._store, id_, first.owed, replay)
        with noting(lambda why: wrong.append(f"its list of places {why}")):
            wrong += await place_faults(self._store, id_, first.live)
        if event is None:
            return wrong  # Its layout and its caps are not known.
        with noting(lambda why: wrong.append(f"its list of shares {why}")):
            wrong += await share_faults(self._store, event, first.parts)
        strays = (index for index in first.taken if event.layout.zone_of(index) is None)
        return wrong + [f"index {index} is taken, and is no seat" for index in strays]

    async def _look_at_lists(self, event: EventId) -> None:
        for name, look in _LISTS.items():
            with self._noting(event or None, name):
                for fault in await look(self._store, event):
                    await self._add(event or None, fault)

    async def _look_at_line(self, event: Event) -> None:
        with self._noting(event.id, "its line"):
            if fault := await line_fault(self._store, event):
                await self._add(event.id, fault)

    async def _judge(self, event: EventId, number: BookingNumber) -> None:
        """Report what is wrong with a booking; if it is to be mended, until nothing is."""
        told = set[str]()
        for _ in range(MENDS_MAX):
            booking = await see_booking(self._store, event, number)
            seconds = int((await self._store.command("TIME", reads=True))[0])
            forget_ms = seconds * 1_000 + self._keep_ms
            faults = [] if booking is None else [*booking_faults(event, booking, forget_ms)]
            fresh = [fault for fault in faults if fault.what not in told]
            for fault in fresh:
                await self._add(event, fault)
            told |= {fault.what for fault in fresh}
            # A booking may change while its entries are mended, so they are looked at once more.
            if not self._repair or not any(fault.mend for fault in fresh):
                return

    async def _is_unlisted(self, suspect: tuple[EventId, BookingNumber]) -> bool:
        booking = await see_booking(self._store, *suspect)
        return booking is not None and await self._first.lacks(suspect[0], booking)

    async def _miss(self, event: EventId, number: BookingNumber) -> None:
        booking = await see_booking(self._store, event, number)
        if booking is not None:
            id_, index = booking_id(event, number), keys.user_bookings(booking.user)
            mend = ("ZADD", index, booking.created, id_) if digits(booking.created) else None
            await self._add(event, Fault(f"booking {id_} is not in its user's list", mend))

    async def _add(self, event: EventId | None, fault: Fault) -> None:
        mended = self._repair and fault.mend is not None
        if mended and fault.mend is not None:
            await self._store.command(*fault.mend)
        self._report.violations.append(Violation(event, fault.what, mended))

    def _noting(self, event: EventId | None, what: str) -> AbstractContextManager[None]:
        """Report what cannot be read, and go on behind it."""
        return noting(lambda why: self._note(event, [f"{what} {why}"]))

    def _note(self, event: EventId | None, wrong: Iterable[str]) -> None:
        """Report what nothing is to be done about, each once."""
        for what in dict.fromkeys(wrong):
            if (event, what) not in self._noted:
                self._noted.add((event, what))
                self._report.violations.append(Violation(event, what))


async def _lasting(
    suspects: Iterable[Suspect], still: Callable[[Suspect], Awaitable[bool]]
) -> list[Suspect]:
    """Those suspects that stay so for longer than it takes to write an index.

    One that cannot be read any more is none: what it is now is reported elsewhere.
    """
    left, pause_s, give_up = list(suspects), 0.02, time.monotonic() + SETTLE_S
    while left and time.monotonic() < give_up:
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, PAUSE_S_MAX)
        lasting = []
        for each in left:
            with noting(lambda why: None):
                if await still(each):
                    lasting.append(each)
        left = lasting
    return left
