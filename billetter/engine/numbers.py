"""Booking numbers: drawn from Redis before the booking is made, in a rush some ahead.

What no booking was made of goes back to Redis, which gives it out again once numbers run short, so
that nobody can use up the numbers of an event by asking for what is refused.
"""

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from billetter.domain.ids import BOOKINGS_MAX, BookingNumber, EventId
from billetter.domain.outcome import Answer, EngineError, Outcome
from billetter.engine import keys
from billetter.engine.once import Once
from billetter.engine.scripts import Store

SPARE_S = 1.0
"""How long a number that was drawn ahead may wait for its booking.

No longer than any call may be under way: should Redis lose numbers, as in a failover, it draws
them again.
"""
URNS_MAX = 4_096
TICK_S = 0.01
RETURN_S = 0.1
"""How long numbers wait for others to go back with them."""
RETURNED_MAX = 500
"""Numbers that go back at one stroke."""

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
    wait for its number, and a quiet event has none to spare. What is left over goes back.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._urns: dict[EventId, _Urn] = {}
        self._unused: defaultdict[EventId, list[BookingNumber]] = defaultdict(list)
        self._returning: set[asyncio.Task[None]] = set()

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

    def give_back(self, event: EventId, numbers: Sequence[BookingNumber]) -> None:
        """Let others have numbers that were drawn a moment ago, and that surely no booking has.

        Those that do not reach Redis are skipped.
        """
        if not self._unused:
            asyncio.get_running_loop().call_later(RETURN_S, self._send_back)
        self._unused[event] += numbers

    def _send_back(self) -> None:
        unused, self._unused = self._unused, defaultdict(list)
        task = asyncio.get_running_loop().create_task(self._return(unused))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    async def _return(self, unused: dict[EventId, list[BookingNumber]]) -> None:
        for event, numbers in unused.items():
            own = keys.of_event(event)
            for start in range(0, len(numbers), RETURNED_MAX):
                some = numbers[start : start + RETURNED_MAX]
                once = Once.anew()
                declared = own.to_return(once.digest, some)
                with suppress(EngineError):
                    await self._store.run("return_numbers", declared, once.ttl_ms, *some)

    def _retire(self, event: EventId, urn: _Urn) -> None:
        """Give back what nobody asked for in time, unless there was another draw."""
        age_s = asyncio.get_running_loop().time() - urn.drawn_at
        if urn.spare and urn.drawing is None and age_s >= SPARE_S:
            spare, urn.spare = list(urn.spare), deque()
            self.give_back(event, spare)

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
                drawn = await self._store.run("draw_numbers", own.to_draw(), BOOKINGS_MAX, count)
            except Exception as error:
                urn.ahead = 0
                urn.tell(asked, error)
                continue
            urn.ahead, urn.drawn_at = urn.met, loop.time()
            if drawn.outcome is Outcome.DRAWN:
                first, last, *again = map(int, drawn.fields)
                urn.spare += map(BookingNumber, (*again, *range(first, last + 1)))
                urn.give()
            else:
                urn.ahead = 0
                urn.tell(asked, drawn)
        urn.drawing = None
        if urn.spare:
            # Not before its time: this clock may be a little ahead of the loop's timers.
            loop.call_later(SPARE_S + TICK_S, self._retire, event, urn)
