"""One fetch for many: callers who ask for the same thing at the same time share it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class Shared(Generic[K, T]):
    """Gives each caller what a fetch found that began after he asked, so nobody reads the past.

    At most one fetch for a key is under way; whoever asks meanwhile shares the next one.
    """

    def __init__(self, fetch: Callable[[K], Awaitable[T]]) -> None:
        self._fetch = fetch
        self._under_way: dict[K, asyncio.Task[T]] = {}
        self._next: dict[K, asyncio.Task[T]] = {}

    async def get(self, key: K) -> T:
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._run(key))
            task.add_done_callback(_forget_failure)
        # Shielded: one who goes away must not take the others' answer with him.
        return await asyncio.shield(task)

    async def _run(self, key: K) -> T:
        """Starts in the next turn of the loop: until then others may join."""
        task = self._next[key]
        while (before := self._under_way.get(key)) is not None:
            await asyncio.wait([before])
        self._under_way[key] = self._next.pop(key)
        try:
            return await self._fetch(key)
        finally:
            if self._under_way.get(key) is task:
                del self._under_way[key]


def _forget_failure(task: asyncio.Task[T]) -> None:
    """All who asked were told; if all of them went away, nobody needs to know."""
    if not task.cancelled():
        task.exception()
