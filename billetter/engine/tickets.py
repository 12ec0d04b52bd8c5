"""Tickets without numbers: claimed from a zone, one place for each user, lines for what is sold."""

from collections import Counter
from collections.abc import Sequence

from billetter.domain.event import Event
from billetter.domain.ids import EventId, UserId
from billetter.domain.layout import Zone
from billetter.domain.outcome import Answer, Opened, Outcome
from billetter.domain.ticket import Item, Reserved, Standing
from billetter.engine.events import Events, Wanted
from billetter.engine.once import Once
from billetter.engine.opening import Opener
from billetter.engine.repeat import Repeater
from billetter.engine.scripts import Store


class Tickets:
    def __init__(self, store: Store, events: Events, repeater: Repeater) -> None:
        self._store = store
        self._events = events
        self._repeater = repeater
        self._opener = Opener(store, repeater)

    async def open(
        self, event_id: EventId, user: UserId, items: Sequence[Item], once: Once | None = None
    ) -> Opened | Answer:
        """Open a booking with tickets of each item, all or none.

        A refusal: NO_EVENT, EXHAUSTED, NOT_ON_SALE (the event's state), TOO_MANY (seats of one
        booking at most), NO_ZONE (zone number: there is none, or its seats have numbers),
        SOLD_OUT (zone number), CAP_REACHED (which cap, and what it is).
        """

        async def wanted() -> Wanted | Answer:
            event = await self._events.get(event_id)
            return Answer(Outcome.NO_EVENT) if event is None else _wanted(event, items)

        return await self._opener.open(event_id, user, wanted, True, once)

    async def reserve(
        self, event_id: EventId, user: UserId, once: Once | None = None
    ) -> Reserved | Answer:
        """Give the user one place, any free seat of the event in zone order, sold at once.

        Reserved (outcome RESERVED), or a refusal: NO_EVENT, EXHAUSTED, ALREADY_BOOKED, NOT_ON_SALE
        (the event's state), SOLD_OUT.
        """
        raise NotImplementedError

    async def book(
        self, event_id: EventId, user: UserId, once: Once | None = None
    ) -> Standing | Answer:
        """The same; where no seat is free, a place at the end of the line.

        Standing (outcome CONFIRMED or WAITING), or a refusal: NO_EVENT, EXHAUSTED, ALREADY_BOOKED,
        NOT_ON_SALE (the event's state).
        """
        raise NotImplementedError

    async def give_up(self, event_id: EventId, user: UserId, once: Once | None = None) -> Answer:
        """Give the user's place back, and hand it to the first who waits; or leave the line.

        CANCELLED, or NO_EVENT, NO_BOOKING (the user has none, or gave it up already).
        """
        raise NotImplementedError

    async def standing(self, event_id: EventId, user: UserId) -> Standing | None:
        """What `reserve` or `book` last gave the user, and what became of it."""
        raise NotImplementedError

    async def waiting(self, event_id: EventId) -> int | None:
        """How many wait for a place; None: no such event."""
        raise NotImplementedError


def _wanted(event: Event, items: Sequence[Item]) -> Wanted | Answer:
    """All items, each zone once; NO_ZONE where one is none, or its seats have numbers."""
    quantities = Counter[int]()
    for zone, quantity in items:
        quantities[zone] += quantity
    zones = {zone.number: zone for zone in event.layout.zones if not zone.numbered}
    if unknown := sorted(quantities.keys() - zones.keys()):
        return Answer(Outcome.NO_ZONE, (str(unknown[0]),))
    tickets = (_ticket(zones[number], each) for number, each in quantities.items())
    return Wanted(event.version, [], ",".join(tickets))


def _ticket(zone: Zone, quantity: int) -> str:
    """As lua/lib/tickets has it."""
    extents = "+".join(f"{start}-{start + size - 1}" for start, size in zone.extents)
    return f"{zone.number}:{zone.price}:{quantity}:{extents}"
