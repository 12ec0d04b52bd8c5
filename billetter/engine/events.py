"""Events: made, read, listed, counted."""

import asyncio
from collections.abc import Iterable, Sequence
from sys import getsizeof
from typing import NamedTuple

from billetter.domain.event import (
    Counts,
    Event,
    EventPlan,
    ListedEvent,
    Sales,
    State,
)
from billetter.domain.ids import EventId, SeatId, UserId, split_seat_id
from billetter.domain.layout import Span
from billetter.domain.listing import Listed, Window
from billetter.domain.outcome import Answer, Created, Outcome
from billetter.domain.rows import RUN_BYTES
from billetter.engine import fields, keys
from billetter.engine.idempotency import Idempotency, Keys
from billetter.engine.listing import part_of
from billetter.engine.memory import Memory
from billetter.engine.scripts import Store
from billetter.engine.unit_of_work import one_change

CACHED_BYTES_MAX = 128_000_000
"""About what the events that a process remembers may take.

Ten thousand events of ten zones do. One that is not remembered is read anew by whatever is done in
it: a claim takes three times as long then.
"""
EVENT_BYTES, ZONE_BYTES, EXTENT_BYTES = 1_000, 550, 450


class Wanted(NamedTuple):
    """Seats as the scripts take them: the layout's version, then index, price, index, price …

    tickets: what is wanted without naming seats, as lua/lib/tickets has it.
    """

    version: str
    seats: list[int]
    tickets: str = ""


class Events:
    """The events, and this process's memory of those it has seen.

    Layouts are remembered; a script that is given an outdated version says so, and the caller
    forgets the event and asks again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys = Keys(store)
        self.known = Memory[EventId, Event](CACHED_BYTES_MAX)

    async def create(
        self, plan: EventPlan, user: UserId, idempotency: Idempotency | None = None
    ) -> Created:
        """Make an event on sale. The same Idempotency-Key makes it once."""
        if idempotency and idempotency.id:
            return await self.create_as(EventId(int(idempotency.id)), plan, user)
        event = EventId(await self._store.draw_id(keys.EVENTS_NEXT))
        if idempotency:
            event = EventId(await self._keys.bind_id(idempotency, event))
        return await self.create_as(event, plan, user)

    @one_change
    async def create_as(
        self, event: EventId, plan: EventPlan, user: UserId, *, seeded: bool = False
    ) -> Created:
        """Make the event of this id, unless it exists, or did. Seeded ones outlive a reset.

        Who repeats a creation is told what it was told, even when the event is gone by now.
        """
        own = keys.of_event(event)
        made = fields.of_plan(plan) | ({"seeded": "1"} if seeded else {})
        flat = [text for field in made.items() for text in field]
        answer = await self._store.run("create_event", own.to_create(), event, user, *flat)
        _, created_ms, standing = answer.fields
        if standing == "1":
            await self._store.command("ZADD", keys.EVENTS_INDEX, event, event)
        return Created(event, int(created_ms), answer.outcome, answer.replayed)

    async def get(self, event: EventId) -> Event | None:
        """The event as this process knows it, read first if need be; None where there is none."""
        known = self.known.get(event)
        if known is None:
            known = await self._read(event)
            if known is not None:
                self.known.keep(event, known, about_bytes(known))
        return known

    async def holding(self, event_id: EventId, seats: Iterable[SeatId]) -> Event | None:
        """The event, no older than these seats of it."""
        event = await self.get(event_id)
        indexes = (split_seat_id(seat)[1] for seat in seats)
        if event and any(event.layout.zone_of(index) is None for index in indexes):
            return await self.renewed(event)
        return event

    async def current(self, event_id: EventId) -> Event | None:
        """The event as it is now; None where there is none."""
        event = await self.get(event_id)
        return event and await self.renewed(event)

    async def renewed(self, event: Event) -> Event | None:
        """The event as it is now; None where it is gone."""
        own = keys.of_event(event.id)
        version = await self._store.command("HGET", own.event, "version", reads=True)
        if version == event.version.encode():
            return event
        self.forget(event.id)
        return await self.get(event.id)

    def forget(self, event: EventId) -> None:
        self.known.forget(event)

    async def wanted(self, event_id: EventId, seats: Iterable[SeatId]) -> Wanted | Answer:
        """`seats` of one event with their prices, each once; NO_EVENT, NO_SEAT or WRONG_EVENT."""
        event = await self.get(event_id)
        if event is None:
            return Answer(Outcome.NO_EVENT)
        wanted = Wanted(event.version, [])
        for seat in dict.fromkeys(seats):
            home, index = split_seat_id(seat)
            zone = event.layout.zone_of(index) if home == event_id else None
            if zone is None:
                # Of another event, or of a layout that is not known here yet: that one has
                # another version, so that the script will ask for it all to be looked at again.
                owner = await self.holding(home, [seat])
                zone = owner.layout.zone_of(index) if owner else None
            if zone is None:
                return Answer(Outcome.NO_SEAT)
            if home != event_id:
                return Answer(Outcome.WRONG_EVENT)
            wanted.seats.extend((index, zone.price))
        return wanted

    async def sales(self, event_id: EventId) -> Sales | None:
        """Counts of every zone at one moment, revenue and confirmed bookings."""
        while True:
            event = await self.get(event_id)
            if event is None:
                return None
            answer = await self._count(event)
            if answer.outcome is Outcome.COUNTS:
                return _sales(event, answer)
            self.forget(event_id)

    async def listed(self, window: Window) -> Listed[ListedEvent]:
        """Some of all events."""
        part = await part_of(self._store, keys.EVENTS_INDEX, window)
        found = await self.described([EventId(entry.id) for entry in part.entries])
        return Listed(found, part.total, part.newer, part.older)

    async def described(self, ids: Sequence[EventId]) -> list[ListedEvent]:
        """Those that there are: one that is gone may still be in the index for a moment."""
        reads = (
            self._store.command("HMGET", keys.of_event(event).event, *fields.LISTED, reads=True)
            for event in ids
        )
        rows = await asyncio.gather(*reads)
        return [
            ListedEvent(event, int(row[0]), fields.details(row[2:]), State(row[1].decode()))
            for event, row in zip(ids, rows, strict=True)
            if row[0] is not None
        ]

    async def _read(self, event: EventId) -> Event | None:
        own = keys.of_event(event)
        row = await self._store.command("HMGET", own.event, *fields.WHOLE, reads=True)
        return None if row[0] is None else fields.event(event, row)

    async def _count(self, event: Event) -> Answer:
        own = keys.of_event(event.id)
        ranges = [edge for span in event.layout.spans() for edge in byte_range(span)]
        return await self._store.run(
            "count_seats", [own.event, own.taken, own.sold], event.version, *ranges
        )


def about_bytes(event: Event) -> int:
    """The memory that an event takes, within a factor of two."""
    zones, details = event.layout.zones, event.details
    told = (details.title, details.description, details.location, details.category)
    texts = sum(getsizeof(text) for text in (*told, *(zone.name for zone in zones)))
    extents = EXTENT_BYTES * len(event.layout.extents)
    runs = RUN_BYTES * sum(zone.rows.run_count for zone in zones)
    return EVENT_BYTES + texts + ZONE_BYTES * len(zones) + extents + runs


def byte_range(span: Span) -> tuple[int, int]:
    """First and last byte of the bitmaps that hold the span."""
    return span.start // 8, (span.start + span.size - 1) // 8


def _sales(event: Event, answer: Answer) -> Sales:
    revenue, confirmed, waiting, unpaid, *counts = map(int, answer.fields)
    pairs = iter(zip(counts[::2], counts[1::2], strict=True))
    zones = []
    for zone in event.layout.zones:
        counted = [next(pairs) for _ in zone.extents]
        taken, sold = (sum(column) for column in zip(*counted, strict=True))
        # What is free is theirs who wait; some of them may have only what costs nothing.
        awaited = waiting > unpaid or (waiting and zone.price == 0)
        zones.append(Counts(zone.size, zone.size if awaited else taken, sold))
    return Sales(event, tuple(zones), revenue, confirmed, waiting)
