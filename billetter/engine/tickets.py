"""Tickets without numbers: claimed from a zone, one place for each user, lines for what is sold."""

from collections.abc import Sequence

from billetter.domain.ids import EventId, UserId
from billetter.domain.outcome import Answer, Opened
from billetter.domain.ticket import Item, Reserved, Standing
from billetter.engine.events import Events
from billetter.engine.once import Once
from billetter.engine.repeat import Repeater
from billetter.engine.scripts import Store


class Tickets:
    def __init__(self, store: Store, events: Events, repeater: Repeater) -> None:
        self._store = store
        self._events = events
        self._repeater = repeater

    async def open(
        self, event_id: EventId, user: UserId, items: Sequence[Item], once: Once | None = None
    ) -> Opened | Answer:
        """Open a booking with tickets of each item, all or none.

        A refusal: NO_EVENT, EXHAUSTED, NOT_ON_SALE (the event's state), TOO_MANY (seats of one
        booking at most), NO_ZONE (zone number: there is none, or its seats have numbers),
        SOLD_OUT (zone number), CAP_REACHED (which cap, and what it is).
        """
        raise NotImplementedError

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
