"""Which data a Redis holds: an id in every partition, compared with the one that is expected.

Without it, a Redis that was emptied, or one that starts empty beside its files, looks like a new
one: event ids begin at 1 again, and every seat is sold again.
"""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final

from billetter.domain.outcome import EngineError, OutcomeUnknown, Unavailable
from billetter.engine import keys, partition_keys
from billetter.engine.scripts import Store
from billetter.wire.lane import Argument

WATCH_S: Final = 1.0
"""Between two looks whether the data is still there."""

logger = logging.getLogger("billetter.identity")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a Redis says of its data's id.

    claimed: the id that whoever prepared it first has chosen. settled: every partition was given
    it. partitions: the id in each of them. counters: whether ids can be drawn.
    """

    claimed: str | None
    settled: bool
    partitions: tuple[str | None, ...]
    counters: bool

    @property
    def blank(self) -> bool:
        """Nobody has given it an id: it is new, or of an older version."""
        return self.claimed is None and not self.settled and not any(self.partitions)

    def fault(self, expected: str | None) -> str | None:
        """What is wrong with it for one that should have the id `expected`, if that is known."""
        if self.blank:
            return None if expected is None else "it has none at all"
        if self.claimed is None:
            return "its marks are gone in part"
        if expected not in (None, self.claimed):
            return f"it has {self.claimed}"
        if not self.settled:
            return None
        right = Counter(self.partitions)[self.claimed]
        if right != keys.PARTITIONS:
            return f"{keys.PARTITIONS - right} of {keys.PARTITIONS} partitions do not have it"
        return None if self.counters else "the counters that ids are drawn from are gone"


class Identity:
    """The id of the data behind a store. known: what it must be, once it has been claimed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.known: str | None = None

    async def see(self) -> Seen:
        """What Redis says of it now, whether or not the store refuses calls."""
        # One after another: a burst of them would take the room of those who buy.
        ask = self._ask
        claimed, settled = await ask("HMGET", keys.META, "data", "settled")
        tags = [partition_keys.partition_tag(each) for each in range(keys.PARTITIONS)]
        ids = [_text(await ask("GET", partition_keys.data(tag))) for tag in tags]
        counters = [await ask("EXISTS", each) for each in (keys.EVENTS_NEXT, keys.USERS_NEXT)]
        return Seen(_text(claimed), settled is not None, tuple(ids), all(counters))

    async def claim(self, expected: str | None = None, fresh: str | None = None) -> str:
        """The id of the data, which is given one if it has none: `fresh`, or a random one.

        EngineError, with all calls of the store refused from now on: it is not the `expected` one,
        or is gone in part.
        """
        seen = await self.see()
        if seen.fault(expected) is not None:
            seen = await self.see()  # Another may just have begun to give it its id.
        if (fault := seen.fault(expected)) is None and not seen.settled:
            await self._settle(fresh or token_hex(16))
            seen = await self.see()
            fault = seen.fault(expected)
        if fault is not None or seen.claimed is None:
            self.known = expected or seen.claimed  # What is watched for.
            self._store.refusal = _refusal(expected, fault or "it is gone again")
            raise EngineError(self._store.refusal)
        self.known, self._store.refusal, self._store.claimed = seen.claimed, None, True
        return seen.claimed

    async def watch(self) -> None:
        """Look again and again whether the data is still there, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                await self.check()
            except (Unavailable, OutcomeUnknown) as error:
                logger.debug("the data was not looked at: %s", error)
            except EngineError:
                logger.exception("the data's id cannot be read")

    async def check(self) -> None:
        """Refuse all calls while the data is gone; serve again when it is back."""
        if self.known is None:
            return
        fault, before = (await self.see()).fault(self.known), self._store.refusal
        self._store.refusal = None if fault is None else _refusal(self.known, fault)
        if fault is not None and self._store.refusal != before:
            logger.critical("%s", self._store.refusal)
        elif before is not None and fault is None:
            logger.warning("The data %s is back, and served again.", self.known)

    async def _ask(self, *args: Argument) -> Any:
        """What may be asked again whatever became of it: it says so as a read does."""
        return await self._store.direct(*args, reads=True)

    async def _settle(self, fresh: str) -> None:
        """Give every partition the id. Several may do so at once, and after one that died."""
        ask = self._ask
        await ask("HSETNX", keys.META, "data", fresh)
        id_ = _text(await ask("HGET", keys.META, "data")) or fresh
        for tag in partition_keys.TAGS:
            await ask("SET", partition_keys.data(tag), id_, "NX")
        # Older versions have no counter before the first draw.
        listed = await ask("ZREVRANGE", keys.EVENTS_INDEX, 0, 0)
        await ask("SET", keys.EVENTS_NEXT, int(listed[0]) if listed else 0, "NX")
        if not await ask("EXISTS", keys.USERS_NEXT):
            accounts = await ask("HVALS", keys.EMAILS)
            await ask("SET", keys.USERS_NEXT, max(map(int, accounts), default=0), "NX")
        await ask("HSET", keys.META, "settled", 1)


def _refusal(expected: str | None, fault: str) -> str:
    named = f"the data {expected}" if expected else "its data any more"
    return (
        f"this Redis does not hold {named}: {fault}. It was emptied, or it is another one. Nothing"
        " is read or changed until the data is back; to restore it, see `billetter restore --help`."
    )


def _text(field: bytes | None) -> str | None:
    return None if field is None else field.decode(errors="replace")
