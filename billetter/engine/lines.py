"""The lines of events: what becomes free is handed to the first who wait."""

import asyncio
import logging
from contextlib import suppress

from billetter.domain.ids import BookingNumber, EventId
from billetter.domain.layout import Layout, Zone
from billetter.domain.outcome import EngineError, Outcome
from billetter.engine import keys, partition_keys
from billetter.engine.events import Events
from billetter.engine.scripts import Store
from billetter.engine.unreadable import Faults

PROMOTIONS_MAX = 1_000
"""Places handed on in one event before an answer; those left after them wait for the sweeper."""
OPENINGS_MAX = 500
"""Events of one partition whose opening is seen to at a time."""
NOBODY = BookingNumber(0)

logger = logging.getLogger("billetter.sweeper")


class Lines:
    def __init__(self, store: Store, events: Events) -> None:
        self._store = store
        self._events = events
        self._faults = Faults(logger)

    async def serve(self, event: EventId) -> None:
        """Hand on what a change that was just made may have freed.

        That change stands whatever happens here: what fails is left to the sweeper.
        """
        waiting = keys.of_event(event).waiting
        with suppress(EngineError):
            first = await self._store.command("ZRANGE", waiting, 0, 0, reads=True)
            if first:
                await self._hand_on(event, BookingNumber(int(first[0])))

    async def drain(self) -> int:
        """Hand on what was left in any event; in how many."""
        tags = partition_keys.TAGS
        sets = (
            self._store.command("SMEMBERS", partition_keys.promote(tag), reads=True) for tag in tags
        )
        left = [EventId(int(event)) for events in await asyncio.gather(*sets) for event in events]
        await self._hand_on_in(left)
        return len(left)

    async def open_due(self, now_ms: int) -> int:
        """Hand on in events whose line waited for the sale to open, which it has; in how many."""
        indexes = map(partition_keys.openings, partition_keys.TAGS)
        due = await asyncio.gather(*(self._opened(index, now_ms) for index in indexes))
        opened = [event for events in due for event in events]
        await self._hand_on_in(opened)
        return len(opened)

    async def _opened(self, index: str, now_ms: int) -> list[EventId]:
        window = (index, "-inf", now_ms, "LIMIT", 0, OPENINGS_MAX)
        events = await self._store.command("ZRANGEBYSCORE", *window, reads=True)
        return [EventId(int(event)) for event in events]

    async def _hand_on_in(self, events: list[EventId]) -> None:
        """One that cannot be read keeps the others from nothing."""
        for event in events:
            with self._faults.noting(f"the line of event {event}"):
                await self._hand_on(event, NOBODY)

    async def _hand_on(self, event_id: EventId, first: BookingNumber) -> None:
        """Give free seats to those who wait, one after the other, from the first on."""
        own = keys.of_event(event_id)
        for _ in range(PROMOTIONS_MAX):
            event = await self._events.get(event_id)
            version, seats = (event.version, tickets(event.layout)) if event else ("", "")
            answer = await self._store.run(
                "promote_waiting", own.to_promote(first), event_id, first, version, seats
            )
            match answer.outcome:
                case Outcome.STALE_LAYOUT:
                    self._events.forget(event_id)
                case Outcome.CHANGED | Outcome.PROMOTED if answer.fields[0] != str(NOBODY):
                    first = BookingNumber(int(answer.fields[0]))
                case _:
                    return


def tickets(layout: Layout) -> str:
    """All seats of an event, of which one is wanted."""
    told = layout.derived.get(tickets)
    if told is None:  # A microsecond for every zone, once.
        told = layout.derived[tickets] = ",".join(ticket(zone, 1) for zone in layout.zones)
    return told


def ticket(zone: Zone, quantity: int) -> str:
    """So many tickets of a zone, as lua/lib/tickets has it."""
    extents = "+".join(f"{start}-{start + size - 1}" for start, size in zone.extents)
    return f"{zone.number}:{zone.price}:{quantity}:{extents}"
