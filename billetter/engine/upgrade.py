"""Brings what older versions wrote up to date, once, while others book."""

import asyncio
import logging
from typing import Final

from billetter.domain.ids import BookingNumber, EventId, booking_id
from billetter.domain.outcome import EngineError
from billetter.engine import key_patterns, keys, partition_keys
from billetter.engine.scripts import Store
from billetter.engine.unreadable import Faults

MARK: Final = "refunds"
"""A field of keys.META: there once all refunds that older versions owed are listed."""
LEASE_MS: Final = 5_000
"""How long a batch may take before another worker may join in."""
RETRY_S: Final = 5.0
"""Between two tries."""

logger = logging.getLogger("billetter.upgrade")


class Upgrade:
    """keep_ms: how long an ended booking is kept."""

    def __init__(self, store: Store, keep_ms: int) -> None:
        self._store = store
        self._keep_ms = keep_ms
        self._done = False
        self._faults = Faults(logger)

    async def finish(self) -> None:
        """Try until it is done, by this worker or another. Redis being away only delays it."""
        while True:
            try:
                await self.run()
            except EngineError as error:
                logger.debug("upgrade put off: %s", error)
            if self._done:
                return
            await asyncio.sleep(RETRY_S)

    async def run(self) -> int:
        """Look at every booking there is, unless that was done; at how many.

        Two workers at it would do no harm, but everything twice.
        """
        command, lease = self._store.command, partition_keys.lease(keys.META)
        self._done = self._done or bool(await command("HEXISTS", keys.META, MARK, reads=True))
        if self._done or not await command("SET", lease, 1, "NX", "PX", LEASE_MS):
            return 0
        seen = 0
        async for batch in self._store.scan(keys.BOOKINGS):
            found = [each for each in map(key_patterns.booking_of, batch) if each]
            await asyncio.gather(*(self._upgrade(*each) for each in found))
            await command("PEXPIRE", lease, LEASE_MS)
            seen += len(found)
        await command("HSET", keys.META, MARK, 1)
        await command("DEL", lease)
        self._done = True
        return seen

    async def _upgrade(self, event: EventId, number: BookingNumber) -> None:
        """What cannot be read is for the audit to report, and no reason to stop."""
        with self._faults.noting(f"booking {booking_id(event, number)}"):
            declared = keys.of_event(event).to_upgrade(number)
            await self._store.run("upgrade_booking", declared, event, number, self._keep_ms)
