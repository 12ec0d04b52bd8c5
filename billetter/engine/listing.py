"""Sorted sets as lists, newest first: found by number, or by a cursor that stays good."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from billetter.domain.listing import Window
from billetter.engine.scripts import Store


class Entry(NamedTuple):
    """A member of a sorted set with its score."""

    id: int
    score: int

    @property
    def cursor(self) -> str:
        """As `Window` takes it."""
        return f"{self.id}" if self.id == self.score else f"{self.score}-{self.id}"


class Part(NamedTuple):
    """A part of a sorted set. beyond: how many there are after it."""

    entries: Sequence[Entry]
    skipped: int
    beyond: int

    @property
    def newer(self) -> str:
        return self.entries[0].cursor if self.entries and self.skipped else ""

    @property
    def older(self) -> str:
        return self.entries[-1].cursor if self.entries and self.beyond > 0 else ""

    @property
    def total(self) -> int:
        return self.skipped + len(self.entries) + self.beyond


async def part_of(store: Store, index: str, window: Window) -> Part:
    """The entries of a window."""
    skip, take = await _place(store, index, window)
    flat, total = await asyncio.gather(
        store.command("ZREVRANGE", index, skip, skip + take - 1, "WITHSCORES", reads=True),
        store.command("ZCARD", index, reads=True),
    )
    # Where none is to be taken, Redis takes the last index for one counted from the end.
    numbers = [*map(int, flat)] if take else []
    entries = [Entry(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
    skipped = min(skip, int(total))
    return Part(entries, skipped, max(0, int(total) - skipped - len(entries)))


async def _place(store: Store, index: str, window: Window) -> tuple[int, int]:
    """How many to skip and to take."""
    if window.before:
        return await _newer(store, index, window.before, itself=1), window.take
    if window.after:
        newer = await _newer(store, index, window.after)
        take = min(newer, window.take)
        return newer - take, take
    return window.skip, window.take


async def _newer(store: Store, index: str, cursor: str, itself: int = 0) -> int:
    """How many are newer than a cursor; where that is in the list, it is counted as `itself`."""
    score, _, id_ = cursor.partition("-")
    rank = await store.command("ZREVRANK", index, id_ or score, reads=True)
    if rank is not None:
        return int(rank) + itself
    return int(await store.command("ZCOUNT", index, f"({score}", "+inf", reads=True))
