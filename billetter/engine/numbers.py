"""Booking numbers: drawn from Redis before the booking is made, in a rush some ahead."""

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field

from billetter.domain.ids import BOOKINGS_MAX, BookingNumber, EventId
from billetter.domain.outcome import Answer, Outcome
from billetter.engine import keys
from billetter.engine.scripts import Store

SPARE_S = 1.0
"""How long a number that was drawn ahead may wait for its booking.

No longer than any call may be under way: should Redis lose numbers, as in a failover, it draws
them again.
"""
URNS_MAX = 4_096

Drawn = BookingNumber | Answer


@dataclass(slots=True)
class _Urn:
    """What was drawn for one event.

    met: how many were asked for since the last draw was sent; ahead: while the one before was on
    its way. drawn_at: when that was answered, by the loop's clock.
    """

    spare: deque[BookingNumber] = field(default_factory=deque)
    waiting: deque[asyncio.Future[Drawn]] = field(default_factory=deque)
    met: int = 0
    ahead: int = 0
    drawn_at: float = math.inf
    drawing: asyncio.Task[None] | None = None

    def tell(self, count: int, refusal: Answer | Exception) -> None:
        """Refuse the first `count` who wait."""
        for _ in range(count):
            asked = self.waiting.popleft()
            if asked.done():  # Who asked has gone away.
                continue
            if isinstance(refusal, Exception):
                asked.set_exception(refusal)
            else:
                asked.set_result(refusal)

    def give(self) -> None:
        """Give what there is to those who wait."""
        while self.waiting and self.spare:
            asked = self.waiting.popleft()
            if not asked.done():
                asked.set_result(self.spare.popleft())


class Numbers:
    """Draws for all who ask at the same time at one stroke, and for those who will, before they do.

    How many will is what the draw before met on its way: who opens a booking in a rush does not
    wait for its number, and a quiet event has none to spare. What is left over is skipped.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._urns: dict[EventId, _Urn] = {}

    async def draw(self, event: EventId) -> Drawn:
        """A number that nobody else has; or NO_EVENT, EXHAUSTED."""
        loop = asyncio.get_running_loop()
        urn = self._urn(event, loop.time())
        urn.met += 1
        if urn.drawing is None and len(urn.spare) < max(1, urn.ahead):
            urn.drawing = loop.create_task(self._fill(event, urn))
        if urn.spare:
            return urn.spare.popleft()
        asked: asyncio.Future[Drawn] = loop.create_future()
        urn.waiting.append(asked)
        return await asked

    def _urn(self, event: EventId, now: float) -> _Urn:
        urn = self._urns.get(event)
        if urn is None or (urn.drawing is None and now - urn.drawn_at > SPARE_S):
            while len(self._urns) >= URNS_MAX:
                del self._urns[next(iter(self._urns))]
            urn = self._urns[event] = _Urn()
        return urn

    async def _fill(self, event: EventId, urn: _Urn) -> None:
        """Starts in the next turn of the loop: until then others may join."""
        loop = asyncio.get_running_loop()
        own = keys.of_event(event)
        while urn.waiting or len(urn.spare) < urn.ahead:
            asked = len(urn.waiting)
            count = asked + max(0, 2 * urn.ahead - len(urn.spare))
            urn.met = 0
            try:
                drawn = await self._store.run("draw_numbers", [own.event], BOOKINGS_MAX, count)
            except Exception as error:
                urn.ahead = 0
                urn.tell(asked, error)
                continue
            urn.ahead, urn.drawn_at = urn.met, loop.time()
            if drawn.outcome is Outcome.DRAWN:
                first, last = map(int, drawn.fields)
                urn.spare += map(BookingNumber, range(first, last + 1))
                urn.give()
            else:
                urn.ahead = 0
                urn.tell(asked, drawn)
        urn.drawing = None
