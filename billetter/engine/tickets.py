"""Tickets without numbers: claimed from a zone, one place for each user, lines for what is sold."""

from collections import Counter
from collections.abc import Sequence

from billetter.domain.event import Event
from billetter.domain.ids import BookingNumber, EventId, UserId, booking_id
from billetter.domain.outcome import Answer, Opened, Outcome
from billetter.domain.ticket import Item, Rank, Reserved, Standing
from billetter.engine import keys
from billetter.engine.events import Events, Wanted
from billetter.engine.lines import Lines, ticket, tickets
from billetter.engine.once import Once
from billetter.engine.opening import Opener
from billetter.engine.repeat import Repeater
from billetter.engine.scripts import Store

_RANKS = {
    Outcome.CONFIRMED: Rank.CONFIRMED,
    Outcome.WAITING: Rank.WAITING,
    Outcome.CANCELLED: Rank.CANCELLED,
}


class Tickets:
    """keep_ms: how long a place that was given up is kept."""

    def __init__(
        self,
        store: Store,
        events: Events,
        repeater: Repeater,
        opener: Opener,
        lines: Lines,
        keep_ms: int,
    ) -> None:
        self._store = store
        self._events = events
        self._repeater = repeater
        self._lines = lines
        self._keep_ms = keep_ms
        self._opener = opener

    async def open(
        self, event_id: EventId, user: UserId, items: Sequence[Item], once: Once | None = None
    ) -> Opened | Answer:
        """Open a booking with tickets of each item, all or none.

        A refusal: NO_EVENT, EXHAUSTED, NOT_ON_SALE (its state, or window), TOO_MANY (seats of one
        booking at most), NO_ZONE (zone number: there is none, or its seats have numbers),
        SOLD_OUT (zone number), CAP_REACHED (which cap, and what it is).
        """

        async def wanted() -> Wanted | Answer:
            event = await self._events.get(event_id)
            if event is None:
                return Answer(Outcome.NO_EVENT)
            known = _wanted(event, items)
            if isinstance(known, Answer) and (now := await self._events.renewed(event)):
                return _wanted(now, items)
            return known

        return await self._opener.open(event_id, user, wanted, once)

    async def reserve(
        self,
        event_id: EventId,
        user: UserId,
        once: Once | None = None,
        *,
        giver: UserId | None = None,
    ) -> Reserved | Answer:
        """Give the user one place, any free seat of the event in zone order, without a payment.

        giver: who gives it. What costs something is given in their own events only; None: by one
        who may do so in all of them.

        Reserved (outcome RESERVED), or a refusal: NO_EVENT, EXHAUSTED, ALREADY_BOOKED (the number
        of the booking), NOT_ON_SALE (its state, or window), SOLD_OUT, PAYMENT_REQUIRED (only
        places are left that cost something), CAP_REACHED (which cap, and what it is).
        """
        said = await self._place(event_id, user, False, giver, once)
        if isinstance(said, Answer):
            return said
        return Reserved(said.id, event_id, user, said.created_ms, Outcome.RESERVED, said.replayed)

    async def book(
        self,
        event_id: EventId,
        user: UserId,
        once: Once | None = None,
        *,
        giver: UserId | None = None,
    ) -> Standing | Answer:
        """The same; where no seat is free, and while others wait, a place at the end of the line.

        Who waits is given what the giver may give now, whoever they are by then.
        Standing (outcome CONFIRMED or WAITING), or a refusal: NO_EVENT, EXHAUSTED, ALREADY_BOOKED,
        NOT_ON_SALE (its state, or window), PAYMENT_REQUIRED, CAP_REACHED (which cap, and what it
        is).
        """
        return await self._place(event_id, user, True, giver, once)

    async def give_up(self, event_id: EventId, user: UserId, once: Once | None = None) -> Answer:
        """Give the user's place back, and hand it to the first who waits; or leave the line.

        CANCELLED, or NO_EVENT, NO_BOOKING (the user has none, or gave it up already), TOO_LATE
        (until when it could be done, ms).
        """
        own, named = keys.of_event(event_id), once or Once.anew()

        async def attempt() -> Answer:
            number = await self._number(event_id, user)
            about = (user, event_id, number, self._keep_ms)
            declared = own.to_give_up(number)
            return await self._store.change("give_up_place", own, declared, named, *about)

        answer = await self._repeater.final(event_id, attempt)
        if answer.outcome is Outcome.CANCELLED:
            await self._lines.serve(event_id)
        return answer

    async def standing(self, event_id: EventId, user: UserId) -> Standing | None:
        """What `reserve` or `book` last gave the user, and what became of it."""
        own, number = keys.of_event(event_id), await self._number(event_id, user)
        answer = await self._store.run("read_standing", [own.booking(number), own.waiting], number)
        return _standing(event_id, user, answer) if answer.outcome in _RANKS else None

    async def _place(
        self,
        event_id: EventId,
        user: UserId,
        waits: bool,
        giver: UserId | None,
        once: Once | None,
    ) -> Standing | Answer:
        own = keys.of_event(event_id)

        async def attempt(number: BookingNumber) -> Answer:
            event = await self._events.get(event_id)
            if event is None:
                return await self._repeater.refuse(event_id, once, Answer(Outcome.NO_EVENT))
            wanted = (int(waits), tickets(event.layout), int(giver in (None, event.organizer)))
            about = (user, event_id, number, event.version, *wanted)
            return await self._store.change("book_place", own, own.to_book(number), once, *about)

        answer = await self._opener.make(event_id, user, once, attempt)
        return _standing(event_id, user, answer) if answer.outcome in _RANKS else answer

    async def _number(self, event_id: EventId, user: UserId) -> BookingNumber:
        """The booking of the user's one place, past ones included; 0: there is none."""
        patrons = keys.of_event(event_id).patrons
        place = await self._store.command("HGET", patrons, user, reads=True)
        return BookingNumber(int(place.partition(b":")[0]) if place else 0)


def _standing(event: EventId, user: UserId, answer: Answer) -> Standing:
    number, position, created_ms, updated_ms = map(int, answer.fields)
    return Standing(
        booking_id(event, BookingNumber(number)),
        event,
        user,
        _RANKS[answer.outcome],
        position or None,
        created_ms,
        updated_ms,
        answer.outcome,
        answer.replayed,
    )


def _wanted(event: Event, items: Sequence[Item]) -> Wanted | Answer:
    """All items, each zone once; NO_ZONE where one is none, or its seats have numbers."""
    quantities = Counter[int]()
    for zone, quantity in items:
        quantities[zone] += quantity
    zones = {zone.number: zone for zone in event.layout.zones if not zone.numbered}
    if unknown := sorted(quantities.keys() - zones.keys()):
        return Answer(Outcome.NO_ZONE, (str(unknown[0]),))
    wanted = (ticket(zones[number], each) for number, each in quantities.items())
    return Wanted(event.version, [], ",".join(wanted))
