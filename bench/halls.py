"""Events to sell, and requests for their seats."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from billetter.domain.event import Details, EventPlan, Terms
from billetter.domain.ids import (
    GUEST,
    BookingId,
    EventId,
    SeatId,
    SeatIndex,
    UserId,
    seat_id,
)
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.outcome import Opened
from billetter.engine import Engine

Found = TypeVar("Found")
Order = tuple[EventId, Sequence[int]]
"""An event and the indexes of its seats."""

SEATS = 100_000
ZONES, ROW = 10, 100
HOLD_MS = 3_600_000
"""Nothing lapses while it is measured."""
SEATS_MAX = 100
TICKETS_ZONE = 1
SEATS_OF_A_BUYER = 4
AT_ONCE = 500
"""Calls under way at once while something is set up. Divides the bookings of a hall."""
FIRST_RATE = 20_000
"""Requests a second that are prepared for before any were measured."""
SPARE = 1.3
"""Requests prepared for each one that the fastest run so far has sent."""


async def new_hall(engine: Engine, seats: int, zones: int = ZONES) -> EventId:
    """An event with neighbouring seat indexes; `seats` must be a multiple of 8 · zones, or 1."""
    full, rest = divmod(seats // zones, ROW)
    rows = (ROW,) * full + ((rest,) if rest else ())
    plans = [ZonePlan(f"Zone {zone + 1}", 4_500, rows) for zone in range(zones)]
    return await _created(engine, plans)


async def new_standing(engine: Engine, tickets: int) -> EventId:
    """An event with one zone, TICKETS_ZONE, of tickets without numbers."""
    return await _created(engine, [ZonePlan("Standing", 4_500, (tickets,), numbered=False)])


async def _created(engine: Engine, zones: Sequence[ZonePlan]) -> EventId:
    terms = Terms(HOLD_MS, HOLD_MS, SEATS_MAX)
    plan = EventPlan(Details("A night at the opera"), terms, Layout.plan(zones))
    return (await engine.events.create(plan, GUEST)).id


async def new_halls(engine: Engine, count: int, seats: int) -> list[EventId]:
    return await all_of([lambda: new_hall(engine, seats)] * count)


async def all_of(calls: Sequence[Callable[[], Awaitable[Found]]]) -> list[Found]:
    """What the calls give, in their order; some of them are under way at once."""
    found: list[Found] = []
    for start in range(0, len(calls), AT_ONCE):
        found += await asyncio.gather(*(call() for call in calls[start : start + AT_ONCE]))
    return found


def seat(event: EventId, index: int) -> SeatId:
    return seat_id(event, SeatIndex(index))


async def opened(engine: Engine, orders: Sequence[Order], user: UserId = GUEST) -> list[BookingId]:
    """Bookings that hold these seats."""

    async def open_one(order: Order) -> BookingId:
        event, indexes = order
        told = await engine.bookings.open(event, user, [seat(event, at) for at in indexes])
        if not isinstance(told, Opened):
            raise RuntimeError(f"seats {indexes} of event {event} cannot be had: {told}")
        return told.id

    return await all_of([partial(open_one, order) for order in orders])


async def take(engine: Engine, event: EventId, seats: Sequence[int]) -> None:
    """Have these seats held, as many as may be by each booking."""
    parts = [seats[start : start + SEATS_MAX] for start in range(0, len(seats), SEATS_MAX)]
    await opened(engine, [(event, part) for part in parts])


def select(booking: BookingId, seat: SeatId) -> str:
    return f'PATCH /api/seats/select {{"booking_id": {booking}, "seat_id": {seat}}}'


class Fresh(ABC):
    """Requests that are sent once each."""

    def __init__(self) -> None:
        self._rates: list[float] = []

    def seen(self, rate: float) -> None:
        """So many a second were answered in a run."""
        self._rates.append(rate)

    def wanted(self, seconds: float) -> int:
        """More than are answered in that time, by all that was seen."""
        return int(max(self._rates, default=FIRST_RATE) * seconds * SPARE)

    @abstractmethod
    async def requests(self, seconds: float) -> list[str]:
        """As many as are wanted for that time."""


class FreshSeats(Fresh):
    """Selects of seats that nobody has, in bookings of a few seats each, all of one user."""

    def __init__(self, engine: Engine, user: UserId = GUEST) -> None:
        super().__init__()
        self._engine = engine
        self._user = user
        self._event: EventId | None = None
        self._next = 0
        self._ready: list[str] = []

    async def requests(self, seconds: float) -> list[str]:
        wanted = self.wanted(seconds)
        while len(self._ready) < wanted:
            self._ready += await self._more()
        asked, self._ready = self._ready[:wanted], self._ready[wanted:]
        return asked

    async def _more(self) -> list[str]:
        if self._event is None or self._next == SEATS:
            self._event, self._next = await new_hall(self._engine, SEATS), 0
        event, first = self._event, self._next
        self._next += AT_ONCE * SEATS_OF_A_BUYER
        bookings = await opened(self._engine, [(event, ())] * AT_ONCE, self._user)
        return [
            select(booking, seat(event, first + buyer * SEATS_OF_A_BUYER + place))
            for buyer, booking in enumerate(bookings)
            for place in range(SEATS_OF_A_BUYER)
        ]
