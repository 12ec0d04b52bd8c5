"""Reads all that says whose the seats of one event are, one thing after another: for the audit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

from billetter.domain.booking import Status
from billetter.domain.ids import BOOKINGS_MAX, BookingNumber, EventId, booking_id
from billetter.engine import key_patterns, keys
from billetter.engine.allowances import Part, parts_of
from billetter.engine.debts import owed_by
from billetter.engine.inspection import SeenBooking, booking_faults, see_booking
from billetter.engine.journal import Inventory
from billetter.engine.places import Live
from billetter.engine.scripts import Store
from billetter.engine.seat_inspection import Suspicion
from billetter.engine.unreadable import digits, noting

BATCH = 500

_BITS = [[bit for bit in range(8) if byte & 0x80 >> bit] for byte in range(256)]


@dataclass(slots=True)
class FirstLook:
    """Seats of one event from each place that says whose they are.

    odd: bookings with something wrong by themselves. unlisted: those that no list of their user
    has. wrong: what could not be read.
    """

    bookings: int = 0
    odd: list[SeenBooking] = field(default_factory=list)
    unlisted: list[BookingNumber] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
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
            self.paid[booking.number] = int(booking.amount) if digits(booking.amount) else 0
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


class FirstLooker:
    """Takes first looks at events; what is odd is noted, and the rest is looked at all the same."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def look(self, event: EventId, last: int) -> FirstLook:
        """last: the largest number that a booking of the event has."""
        first = FirstLook()
        async for booking in self._bookings(event, last, first):
            first.add(booking)
            if any(booking_faults(event, booking, 0)):
                first.odd.append(booking)
        own = keys.of_event(event)
        first.taken = await self._bitmap(own.taken, "bitmap of taken seats", first)
        first.sold = await self._bitmap(own.sold, "bitmap of sold seats", first)
        await self._holders(own.holders, first)
        return first

    async def lacks(self, event: EventId, booking: SeenBooking) -> bool:
        """Whether the list of its user lacks a booking."""
        index, id_ = keys.user_bookings(booking.user), booking_id(event, booking.number)
        return await self._store.command("ZSCORE", index, id_, reads=True) is None

    async def _bookings(
        self, event: EventId, last: int, first: FirstLook
    ) -> AsyncIterator[SeenBooking]:
        """Every booking of the event, by counting through their numbers."""
        for start in range(1, last + 1, BATCH):
            numbers = map(BookingNumber, range(start, min(start + BATCH, last + 1)))
            for booking in await asyncio.gather(*(self._see(event, n, first) for n in numbers)):
                if booking is not None:
                    yield booking

    async def _see(
        self, event: EventId, number: BookingNumber, first: FirstLook
    ) -> SeenBooking | None:
        name = f"booking {booking_id(event, number)}"
        booking = None
        with noting(lambda why: first.wrong.append(f"{name} {why}")):
            booking = await see_booking(self._store, event, number)
        if booking is None:
            return None
        with noting(lambda why: first.wrong.append(f"the list of its user has {name}: {why}")):
            if await self.lacks(event, booking):
                first.unlisted.append(number)
        return booking

    async def _bitmap(self, key: str, name: str, first: FirstLook) -> set[int]:
        bitmap = None
        with noting(lambda why: first.wrong.append(f"its {name} {why}")):
            bitmap = await self._store.command("GET", key, reads=True)
        return {8 * at + bit for at, byte in enumerate(bitmap or b"") for bit in _BITS[byte]}

    async def _holders(self, key: str, first: FirstLook) -> None:
        with noting(lambda why: first.wrong.append(f"its list of holders {why}")):
            async for batch in self._store.scan_hash(key):
                for index, holder in batch:
                    with noting(lambda why: first.wrong.append(f"a holder of its seats {why}")):
                        first.holders[int(index)] = BookingNumber(int(holder))


def sort_key(key: bytes, found: dict[EventId, int], numbers: dict[EventId, int]) -> None:
    """Remember the event, or the number of the booking, whose key this is, if it is one.

    ValueError: it looks like one, and no script would ever find it.
    """
    if (event := key_patterns.event_of(key)) is not None:
        if keys.of_event(event).event.encode() != key:
            raise ValueError("no event is kept under that name")
        found[event] = 0
    elif (booking := key_patterns.booking_of(key)) is not None:
        of, number = booking
        if keys.of_event(of).booking(number).encode() != key or number > BOOKINGS_MAX:
            raise ValueError("no booking is kept under that name")
        numbers[of] = max(number, numbers.get(of, 0))


def _differing(one: dict[int, BookingNumber], other: dict[int, BookingNumber]) -> set[int]:
    return {index for index, _ in one.items() ^ other.items()}
