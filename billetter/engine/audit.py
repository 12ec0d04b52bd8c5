"""Proves the invariants on a live Redis.

Reading a large event takes a while and bookings go on meanwhile, so a first look only finds what
seems wrong. A second look then reads all that concerns one seat or one booking in one script:
every change is one script as well, so what is wrong at that moment is wrong.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from billetter.domain.booking import Status
from billetter.domain.event import Event
from billetter.domain.ids import BookingNumber, EventId, SeatIndex, booking_id, seat_id
from billetter.engine import keys
from billetter.engine.allowances import Part, parts_of, share_faults
from billetter.engine.debts import debt_faults, owed_by
from billetter.engine.events import Events
from billetter.engine.inspection import (
    Fault,
    SeatInspector,
    SeenBooking,
    Suspicion,
    booking_faults,
    see_booking,
    see_event,
    tally_faults,
)
from billetter.engine.journal import Inventory, Replay
from billetter.engine.places import Live, line_fault, place_faults
from billetter.engine.scripts import Store

BATCH = 500
MENDS_MAX = 5
SETTLE_S = 4.5
"""An index is written by the call after the one that made what it lists. Two calls take 4 s at
most (`redis_deadline_ms`); what an index lacks for longer, nobody is about to write."""
PAUSE_S_MAX = 0.5

_BITS = [[bit for bit in range(8) if byte & 0x80 >> bit] for byte in range(256)]
Suspect = TypeVar("Suspect")


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never be. mended: it has been set right."""

    event: EventId
    what: str
    mended: bool = False


@dataclass(slots=True)
class Report:
    """What an audit saw. unreplayed: events whose journal no longer has their creation."""

    events: int = 0
    bookings: int = 0
    seats: int = 0
    violations: list[Violation] = field(default_factory=list)
    unreplayed: list[EventId] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return all(violation.mended for violation in self.violations)


@dataclass(slots=True)
class _FirstLook:
    """Seats of one event from each place that says whose they are, read one after another."""

    bookings: int = 0
    odd: list[SeenBooking] = field(default_factory=list)
    listed: dict[int, BookingNumber] = field(default_factory=dict)
    confirmed: set[int] = field(default_factory=set)
    paid: dict[BookingNumber, int] = field(default_factory=dict)
    live: dict[BookingNumber, Live] = field(default_factory=dict)
    owed: dict[BookingNumber, int] = field(default_factory=dict)
    parts: set[Part] = field(default_factory=set)
    holders: dict[int, BookingNumber] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)
    sold: set[int] = field(default_factory=set)
    suspects: set[Suspicion] = field(default_factory=set)

    def add(self, booking: SeenBooking) -> None:
        self.bookings += 1
        self.parts.update(parts_of(booking))
        with suppress(TypeError, ValueError):  # What cannot be read is a fault of the booking.
            if owed := owed_by(booking):
                self.owed[booking.number] = owed
        for index in booking.seats:
            if index in self.listed:
                self.suspects |= {(index, booking.number), (index, self.listed[index])}
            self.listed[index] = booking.number
        if booking.status is Status.CONFIRMED:
            self.confirmed.update(booking.seats)
            self.paid[booking.number] = int(booking.amount or 0)
        if booking.status in (Status.CONFIRMED, Status.WAITING):
            self.live[booking.number] = (booking.user, booking.status)

    def suspicious(self, told: Inventory) -> set[Suspicion]:
        """Seats on which two places do not agree, each with the bookings that may hold it."""
        odd = (self.taken ^ self.holders.keys()) | (self.sold ^ self.confirmed)
        odd |= _differing(self.holders, self.listed)
        if told.whole:
            odd |= _differing(self.holders, told.holders) | (self.sold ^ told.sold)
        holders = (self.holders, self.listed)
        return self.suspects | {(index, each.get(index)) for index in odd for each in holders}


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
        self._unlisted: set[tuple[EventId, BookingNumber]] = set()
        self._report = Report()

    async def run(self, progress: Callable[[int, int], None]) -> Report:
        found = await self._find()
        progress(0, len(found))
        for partition in range(keys.PARTITIONS):
            replay = Replay(self._store, keys.partition_tag(partition))
            for event in found:
                if event % keys.PARTITIONS == partition:
                    await self._look_at(event, replay)
                    progress(self._report.events, len(found))
        for event, number in sorted(await _lasting(self._unlisted, self._is_unlisted)):
            await self._miss(event, number)
        return self._report

    async def _find(self) -> list[EventId]:
        """Every event there is, listed or not; what the list gets wrong is reported."""
        ids = await self._store.command("ZRANGE", keys.EVENTS_INDEX, 0, -1, reads=True)
        existing = {
            event
            async for batch in self._store.scan(keys.OURS)
            for key in batch
            if (event := keys.event_of(key)) is not None
        }
        wrong = existing ^ {EventId(int(each)) for each in ids}
        for event in sorted(await _lasting(wrong, self._is_misplaced)):
            if event in existing:
                fault = Fault("the event is not listed", ("ZADD", keys.EVENTS_INDEX, event, event))
            else:
                fault = Fault("the event is gone, but listed", ("ZREM", keys.EVENTS_INDEX, event))
            await self._add(event, fault)
        return sorted(existing)

    async def _is_misplaced(self, event: EventId) -> bool:
        exists = await see_event(self._store, event) is not None
        listed = await self._store.command("ZSCORE", keys.EVENTS_INDEX, event, reads=True)
        return exists != (listed is not None)

    async def _look_at(self, event_id: EventId, replay: Replay) -> None:
        self._report.events += 1
        self._events.forget(event_id)
        event, seen = await self._events.get(event_id), await see_event(self._store, event_id)
        if event is None or seen is None:
            return  # Removed since it was found.
        await replay.advance(seen.entry)
        known, gaps = set(replay.of(event_id).paid), replay.gaps
        first = await self._first_look(event_id, seen.bookings)
        wrong = await self._second_look(event, first, replay)
        wrong += await share_faults(self._store, event, first.parts)
        wrong += await place_faults(self._store, event_id, first.live)
        wrong += await debt_faults(self._store, event_id, first.owed, replay)
        seen = await see_event(self._store, event_id)
        if seen is None:
            return  # What is left of its bookings waits to be discarded.
        await replay.advance(seen.entry)
        told = replay.of(event_id)
        if replay.gaps == gaps:
            wrong += tally_faults(seen, first.paid, known, told)
        self._report.violations += [Violation(event_id, what) for what in wrong]
        if fault := await line_fault(self._store, event):
            await self._add(event_id, fault)
        for booking in first.odd:
            await self._judge(event_id, booking.number)
        self._report.bookings += first.bookings
        self._report.seats += len(first.holders)
        if not told.whole:
            self._report.unreplayed.append(event_id)

    async def _first_look(self, event: EventId, last: int) -> _FirstLook:
        own = keys.of_event(event)
        first = _FirstLook()
        async for booking in self._bookings(event, last):
            first.add(booking)
            if any(booking_faults(event, booking, 0)):
                first.odd.append(booking)
        first.taken = _bits(await self._store.command("GET", own.taken, reads=True))
        first.sold = _bits(await self._store.command("GET", own.sold, reads=True))
        async for batch in self._store.scan_hash(own.holders):
            for index, holder in batch:
                first.holders[int(index)] = BookingNumber(int(holder))
        return first

    async def _bookings(self, event: EventId, last: int) -> AsyncIterator[SeenBooking]:
        """Every booking of the event, by counting through their numbers."""
        for start in range(1, last + 1, BATCH):
            numbers = map(BookingNumber, range(start, min(start + BATCH, last + 1)))
            looks = await asyncio.gather(*(see_booking(self._store, event, n) for n in numbers))
            seen = [booking for booking in looks if booking is not None]
            unlisted = await asyncio.gather(*(self._lacks(event, booking) for booking in seen))
            for booking, missing in zip(seen, unlisted, strict=True):
                if missing:
                    self._unlisted.add((event, booking.number))
                yield booking

    async def _second_look(self, event: Event, first: _FirstLook, replay: Replay) -> list[str]:
        suspicions = first.suspicious(replay.of(event.id))
        found = await SeatInspector(self._store, replay).faults(event.id, suspicions)
        wrong = [f"seat {seat_id(event.id, SeatIndex(it))} {what}" for it, what in sorted(found)]
        strays = (index for index in first.taken if event.layout.zone_of(index) is None)
        return wrong + [f"index {index} is taken, and is no seat" for index in strays]

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
        return booking is not None and await self._lacks(suspect[0], booking)

    async def _miss(self, event: EventId, number: BookingNumber) -> None:
        booking = await see_booking(self._store, event, number)
        if booking is not None:
            id_, index = booking_id(event, number), keys.user_bookings(booking.user)
            what = f"booking {id_} is not in its user's list"
            await self._add(event, Fault(what, ("ZADD", index, booking.created, id_)))

    async def _lacks(self, event: EventId, booking: SeenBooking) -> bool:
        """Whether the list of its user lacks a booking."""
        index, id_ = keys.user_bookings(booking.user), booking_id(event, booking.number)
        return await self._store.command("ZSCORE", index, id_, reads=True) is None

    async def _add(self, event: EventId, fault: Fault) -> None:
        mended = self._repair and fault.mend is not None
        if mended and fault.mend is not None:
            await self._store.command(*fault.mend)
        self._report.violations.append(Violation(event, fault.what, mended))


async def _lasting(
    suspects: Iterable[Suspect], still: Callable[[Suspect], Awaitable[bool]]
) -> list[Suspect]:
    """Those suspects that stay so for longer than it takes to write an index."""
    left, pause_s, give_up = list(suspects), 0.02, time.monotonic() + SETTLE_S
    while left and time.monotonic() < give_up:
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, PAUSE_S_MAX)
        left = [each for each in left if await still(each)]
    return left


def _differing(one: dict[int, BookingNumber], other: dict[int, BookingNumber]) -> set[int]:
    return {index for index, _ in one.items() ^ other.items()}


def _bits(bitmap: bytes | None) -> set[int]:
    return {8 * place + bit for place, byte in enumerate(bitmap or b"") for bit in _BITS[byte]}
