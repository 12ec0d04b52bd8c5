"""Events: made, read, listed, counted."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from math import inf
from typing import Any, NamedTuple

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
from billetter.domain.outcome import Answer, Created, Outcome
from billetter.domain.search import Search, Sort
from billetter.engine import fields, keys
from billetter.engine.idempotency import Idempotency, Keys
from billetter.engine.scripts import Store

CACHED_BYTES_MAX = 100_000_000
"""About what the events that a process remembers may take.

Ten thousand events of ten zones do. One that is not remembered is read anew by whatever is done in
it: a claim takes three times as long then.
"""
EVENT_BYTES, ZONE_BYTES, ROW_BYTES = 1_000, 620, 48
LIST_BATCH = 500


class Wanted(NamedTuple):
    """Seats as the scripts take them: the layout's version, then index, price, index, price …

    tickets: what is wanted without naming seats, as lua/lib/tickets has it.
    """

    version: str
    seats: list[int]
    tickets: str = ""


class _Found(NamedTuple):
    """An event that was looked at. price: its lowest, where that was asked for."""

    event: ListedEvent
    price: int = 0
    kept: bool = True


class Events:
    """The events, and this process's memory of those it has seen.

    Layouts are remembered; a script that is given an outdated version says so, and the caller
    forgets the event and asks again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys = Keys(store)
        self._known: dict[EventId, Event] = {}
        self._known_bytes = 0

    async def create(
        self, plan: EventPlan, user: UserId, idempotency: Idempotency | None = None
    ) -> Created:
        """Make an event on sale. The same Idempotency-Key makes it once."""
        event = EventId(await self._store.command("INCR", keys.EVENTS_NEXT))
        if idempotency:
            event = EventId(await self._keys.bind_id(idempotency, event))
        return await self.create_as(event, plan, user)

    async def create_as(
        self, event: EventId, plan: EventPlan, user: UserId, *, seeded: bool = False
    ) -> Created:
        """Make the event of this id, unless it exists. Seeded ones outlive a reset."""
        own = keys.of_event(event)
        made = fields.of_plan(plan) | ({"seeded": "1"} if seeded else {})
        flat = [text for field in made.items() for text in field]
        answer = await self._store.run("create_event", [own.event, own.journal], event, user, *flat)
        await self._store.complete("ZADD", keys.EVENTS_INDEX, event, event)
        return Created(event, answer.outcome, answer.replayed)

    async def get(self, event: EventId) -> Event | None:
        """The event as this process knows it, read first if need be; None where there is none."""
        known = self._known.get(event)
        if known is None:
            known = await self._read(event)
            if known is not None:
                self._remember(known)
        return known

    def _remember(self, event: Event) -> None:
        """Those that were read first make room, until it is the only one."""
        self.forget(event.id)  # Others may have read it at the same time.
        self._known[event.id] = event
        self._known_bytes += about_bytes(event)
        while self._known_bytes > CACHED_BYTES_MAX and len(self._known) > 1:
            self.forget(next(iter(self._known)))

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
        known = self._known.pop(event, None)
        if known is not None:
            self._known_bytes -= about_bytes(known)

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

    async def page(self, skip: int, take: int) -> tuple[list[ListedEvent], int]:
        """`take` events, newest first, and how many there are."""
        total = await self._store.command("ZCARD", keys.EVENTS_INDEX, reads=True)
        ids = await self._ids(skip, skip + take - 1)
        return await self._listed(ids), int(total)

    async def search(self, search: Search, skip: int, take: int) -> tuple[list[ListedEvent], int]:
        """The same among events that `search` finds, in the order it asks for."""
        found: list[_Found] = []
        async for batch in self._all():
            described = [event for event in batch if search.describes(event.details)]
            found += await asyncio.gather(*(self._found(search, event) for event in described))
        kept = [each for each in found if each.kept]
        kept.sort(key=lambda each: _place(each, search), reverse=search.descending)
        return [each.event for each in kept[skip : skip + take]], len(kept)

    async def _found(self, search: Search, listed: ListedEvent) -> "_Found":
        """Prices are looked at, and seats counted, only where that is asked for."""
        price = 0
        if search.by_prices:
            event = await self.get(listed.id)
            if event is None or not search.prices(event.layout):
                return _Found(listed, kept=False)
            price = min(zone.price for zone in event.layout.zones)
        if search.available is not None:
            sales = await self.sales(listed.id)
            return _Found(listed, price, kept=sales is not None and search.sells(sales))
        return _Found(listed, price)

    async def _all(self) -> AsyncIterator[list[ListedEvent]]:
        skip = 0
        while ids := await self._ids(skip, skip + LIST_BATCH - 1):
            yield await self._listed(ids)
            skip += LIST_BATCH

    async def _ids(self, first: int, last: int) -> list[EventId]:
        ids = await self._store.command("ZREVRANGE", keys.EVENTS_INDEX, first, last, reads=True)
        return [EventId(int(event)) for event in ids]

    async def _listed(self, ids: Sequence[EventId]) -> list[ListedEvent]:
        reads = (
            self._store.command("HMGET", keys.of_event(event).event, *fields.LISTED, reads=True)
            for event in ids
        )
        rows = await asyncio.gather(*reads)
        # An event that is gone may still be in the index for a moment.
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
    rows = sum(len(zone.rows) for zone in zones)
    texts = len(details.title) + len(details.description or "")
    return EVENT_BYTES + texts + ZONE_BYTES * len(zones) + ROW_BYTES * rows


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


def _place(found: _Found, search: Search) -> Any:
    """What events are sorted by. Without a start they come last, whichever way."""
    match search.sort:
        case Sort.TITLE:
            return found.event.details.title.casefold()
        case Sort.PRICE:
            return found.price
        case Sort.DATE:
            starts_at_ms = found.event.details.starts_at_ms
            never = -inf if search.descending else inf
            return never if starts_at_ms is None else starts_at_ms
    return found.event.id
