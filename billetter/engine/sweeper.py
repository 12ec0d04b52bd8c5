"""Background work: returns the seats of lapsed holds, hands on what others wait for, forgets what
is long over.

Every worker may run it. Nothing depends on it for being right: whoever wants the seat of a
lapsed hold gets it without waiting; the sweeper only makes lists say so.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from billetter.domain.ids import BookingNumber, EventId
from billetter.domain.outcome import EngineError
from billetter.engine import keys, partition_keys
from billetter.engine.bookings import Bookings
from billetter.engine.lines import Lines
from billetter.engine.organizers import Organizers
from billetter.engine.scripts import Store

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

logger = logging.getLogger("billetter.sweeper")
Handler = Callable[[EventId, BookingNumber], Awaitable[object]]


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

    async def run(self) -> None:
        """Sweep until cancelled. Redis being away only delays it."""
        rounds = 0
        while True:
            try:
                await self.expire_lapsed()
                await self._lines.drain()
                if rounds % int(OPENINGS_S / INTERVAL_S) == 0:
                    await self._lines.open_due(await self._now_ms())
                if rounds % int(UPKEEP_S / INTERVAL_S) == 0:
                    await self.settle_events()
                    await self.forget_ended()
                    await self.trim_journals()
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

    async def settle_events(self) -> int:
        """Go on where the cancellation of an event, or a count, was cut short; in how many."""
        left = 0
        for tag in partition_keys.TAGS:
            members = await self._store.command("SMEMBERS", partition_keys.chores(tag), reads=True)
            for event in members:
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
            await asyncio.gather(*(handle(*_parsed(member)) for member in batch))
            handled += len(batch)
            if len(batch) < BATCH_MAX:
                break
            await self._store.command("PEXPIRE", lease, LEASE_MS)
        await self._store.command("DEL", lease)
        return handled

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
