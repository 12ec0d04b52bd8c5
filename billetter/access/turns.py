"""Work that is done beside the event loop, from several queues in turn."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from threading import Lock
from typing import Any, TypeVar

from billetter.access.principal import TooBusy

Made = TypeVar("Made")


class Turns:
    """Threads that take work from their queues in turn: a long one delays another by one at most.

    May be used from several event loops, one after another or at once.
    """

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._lock = Lock()
        self._queues: deque[Queue] = deque()

    def queue(self, waiting_max: int) -> "Queue":
        """Another queue; waiting_max: pieces of work that wait in it or are being done."""
        made = Queue(self, waiting_max)
        self._queues.append(made)
        return made

    def due(self) -> None:
        """There is one piece of work more, in one of the queues."""
        self._threads.submit(self._work)

    def _work(self) -> None:
        """Do one piece, of the queue that has waited longest for its turn."""
        with self._lock:
            queue = next(each for each in self._queues if each.waiting)
            self._queues.remove(queue)
            self._queues.append(queue)
            future, work = queue.waiting.popleft()
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)


class Queue:
    """Pieces of work of one kind."""

    def __init__(self, turns: Turns, waiting_max: int) -> None:
        self._turns = turns
        self._under_way = 0
        self._waiting_max = waiting_max
        self.waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    async def run(self, work: Callable[[], Made]) -> Made:
        """What the work gives, when it was its turn. TooBusy: too much waits already.

        Who leaves takes his work out of the queue, unless a thread is at it already.
        """
        if self._under_way >= self._waiting_max:
            raise TooBusy(f"{self._under_way} passwords are at work or wait for it")
        future: Future[Made] = Future()
        self._under_way += 1
        try:
            self.waiting.append((future, work))
            self._turns.due()
            return await asyncio.wrap_future(future)
        finally:
            self._under_way -= 1
