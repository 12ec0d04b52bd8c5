"""Background work: returns the seats of lapsed holds, hands on what others wait for, forgets what
is long over.

Every worker may run it. Nothing depends on it for being right: whoever wants the seat of a
lapsed hold gets it without waiting; the sweeper only makes lists say so.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from billetter.domain.ids import BookingNumber, EventId
from billetter.domain.outcome import EngineError
from billetter.engine import keys, partition_keys
from billetter.engine.bookings import Bookings
from billetter.engine.lines import Lines
from billetter.engine.organizers import Organizers
from billetter.engine.scripts import Store
from billetter.engine.unreadable import Faults

INTERVAL_S = 0.25
"""Between two looks for lapsed holds."""
OPENINGS_S = 1.0
"""Between two looks for sales that have opened and that somebody waited for."""
UPKEEP_S = 30.0
"""Between two rounds of forgetting and trimming."""
BATCH_MAX = 500
BATCHES_MAX = 1_000
"""In one visit to a partition."""
LEASE_MS = 500
"""How long a sweeper may take for one batch before another may join in."""
PUT_OFF_MS = 3_600_000
"""How long it takes until what could not be read is looked at again."""

logger = logging.getLogger("billetter.sweeper")
Handler = Callable[[EventId, BookingNumber], Awaitable[object]]
Work = Callable[[], Coroutine[Any, Any, object]]


class Sweeper:
    """journal_keep_ms, journal_max: age and length that each partition's journal may reach."""

    def __init__(
        self,
        store: Store,
        bookings: Bookings,
        organizers: Organizers,
        lines: Lines,
        journal_keep_ms: int,
        journal_max: int,
    ) -> None:
        self._store = store
        self._bookings = bookings
        self._organizers = organizers
        self._lines = lines
        self._journal_keep_ms = journal_keep_ms
        self._journal_max = journal_max
        self._faults = Faults(logger)

    async def run(self) -> None:
        """Sweep until cancelled. Redis being away only delays it."""
        often = (self.expire_lapsed, self._lines.drain)
        rarely = (self.settle_events, self.forget_ended, self.trim_journals)
        rounds = 0
        while True:
            work: list[Work] = [*often]
            if rounds % int(OPENINGS_S / INTERVAL_S) == 0:
                work.append(self.open_sales)
            if rounds % int(UPKEEP_S / INTERVAL_S) == 0:
                work += rarely
            try:
                for each in work:
                    with self._faults.noting(f"what {each.__name__} goes by"):
                        await each()
            except EngineError as error:
                logger.debug("sweep put off: %s", error)
            rounds += 1
            await asyncio.sleep(INTERVAL_S)

    async def expire_lapsed(self) -> int:
        """Free the seats of every hold that has lapsed by now; how many bookings were handled."""
        return await self._drain(partition_keys.deadlines, self._bookings.expire)

    async def forget_ended(self) -> int:
        """Remove the ended bookings that have been kept long enough."""
        return await self._drain(partition_keys.ended, self._bookings.forget)

    async def open_sales(self) -> int:
        """Hand on what others waited for until a sale opened; in how many events."""
        return await self._lines.open_due(await self._now_ms())

    async def settle_events(self) -> int:
        """Go on where the cancellation of an event, or a count, was cut short; in how many."""
        left = 0
        for tag in partition_keys.TAGS:
            members = await self._store.command("SMEMBERS", partition_keys.chores(tag), reads=True)
            for event in members:
                with self._faults.noting(f"event {event.decode(errors='replace')}"):
                    await self._organizers.settle(EventId(int(event)))
            left += len(members)
        return left

    async def trim_journals(self) -> None:
        """Cut journals to their age and length. What is cut is whole nodes of the stream."""
        oldest = await self._now_ms() - self._journal_keep_ms
        tags = partition_keys.TAGS
        for journal in (keys.USERS_JOURNAL, *map(partition_keys.journal, tags)):
            await self._store.command("XTRIM", journal, "MINID", "~", oldest)
            await self._store.command("XTRIM", journal, "MAXLEN", "~", self._journal_max)

    async def _drain(self, index: Callable[[str], str], handle: Handler) -> int:
        now = await self._now_ms()
        indexes = [index(tag) for tag in partition_keys.TAGS]
        due = await asyncio.gather(*(self._due(each, now) for each in indexes))
        waiting = [each for each, members in zip(indexes, due, strict=True) if members]
        return sum([await self._empty(each, now, handle) for each in waiting])

    async def _empty(self, index: str, now_ms: int, handle: Handler) -> int:
        """Handle what is due in one partition, unless another sweeper is at it.

        Two of them would do no harm, but everything twice. The lease of one that was stopped ends.
        """
        lease = partition_keys.lease(index)
        if not await self._store.command("SET", lease, 1, "NX", "PX", LEASE_MS):
            return 0
        handled = 0
        for _ in range(BATCHES_MAX):
            batch = await self._due(index, now_ms)
            await asyncio.gather(*(self._handle(index, each, handle, now_ms) for each in batch))
            handled += len(batch)
            if len(batch) < BATCH_MAX:
                break
            await self._store.command("PEXPIRE", lease, LEASE_MS)
        await self._store.command("DEL", lease)
        return handled

    async def _handle(self, index: str, member: bytes, handle: Handler, now_ms: int) -> None:
        """One that cannot be read is put off, so that the others come before it."""
        read = False
        with self._faults.noting(f"{member.decode(errors='replace')} of {index}"):
            await handle(*_parsed(member))
            read = True
        if not read:
            await self._store.command("ZADD", index, "XX", now_ms + PUT_OFF_MS, member)

    async def _due(self, index: str, now_ms: int) -> list[bytes]:
        """Members whose time is over by `now_ms`, a batch at most."""
        members = await self._store.command(
            "ZRANGEBYSCORE", index, "-inf", f"({now_ms}", "LIMIT", 0, BATCH_MAX, reads=True
        )
        return list(members)

    async def _now_ms(self) -> int:
        seconds, micros = await self._store.command("TIME", reads=True)
        return int(seconds) * 1000 + int(micros) // 1000


def _parsed(member: bytes) -> tuple[EventId, BookingNumber]:
    event, number = member.split(b":")
    return EventId(int(event)), BookingNumber(int(number))
