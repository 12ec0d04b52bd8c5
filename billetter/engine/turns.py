"""Long work on the event loop: it gives way to others, and some of it is done one at a time."""

import asyncio
from collections import deque
from time import perf_counter

TURN_S = 0.002
"""How long something may be worked out before others get their turn."""


class Turns:
    """Asked again and again while something long is worked out; lets others go first in time."""

    def __init__(self) -> None:
        self._until = perf_counter() + TURN_S

    async def pause(self) -> None:
        if perf_counter() >= self._until:
            await asyncio.sleep(0)
            self._until = perf_counter() + TURN_S


class OneAtATime:
    """Lets one in, and a few wait in line, each for a short time."""

    def __init__(self, waiting_max: int, wait_s: float) -> None:
        self._waiting_max = waiting_max
        self._wait_s = wait_s
        self._busy = False
        self._line: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> bool:
        """Whether the caller is in. Whoever is in must leave."""
        if not self._busy:
            self._busy = True
            return True
        if len(self._line) >= self._waiting_max:
            return False
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            await asyncio.wait([turn], timeout=self._wait_s)
        except asyncio.CancelledError:
            if turn.done():
                self.leave()
            raise
        finally:
            if turn in self._line:
                self._line.remove(turn)
        return turn.done()

    def leave(self) -> None:
        """Let the first one in who waits."""
        if self._line:
            self._line.popleft().set_result(None)
        else:
            self._busy = False
