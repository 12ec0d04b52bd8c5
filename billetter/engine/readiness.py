"""Whether Redis can do what Billetter needs of it: answer, take writes, and keep them."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from billetter.domain.outcome import NotReady
from billetter.engine import keys
from billetter.engine.identity import Identity
from billetter.engine.scripts import Store
from billetter.engine.share import Shared
from billetter.wire import topology
from billetter.wire.errors import NotRun, WireError
from billetter.wire.topology import ServerFacts, Wire

PROBE_TTL_MS: Final = 1_000
"""How long what was written may stay if nobody gets to remove it."""
WATCH_S: Final = 5.0
"""Between two looks of a process that tells its log."""
REASONS: Final = {
    "LOADING": "loading",
    "MISCONF": "disk",
    "NOREPLICAS": "replicas",
    "OOM": "memory",
    "READONLY": "read_only",
}
"""Codes of refusals, and what they come from."""

logger = logging.getLogger("billetter.readiness")


@dataclass(frozen=True, slots=True)
class Readiness:
    """The Redis behind the engine. durability: "fsync", "everysec" or "memory"."""

    version: str
    durability: str


class ReadinessCheck:
    """Looks at one Redis, by reading what it says of itself and by writing a key of no use.

    Looks that are asked for at the same time are one.
    """

    def __init__(self, wire: Wire, store: Store, identity: Identity) -> None:
        self._wire = wire
        self._store = store
        self._identity = identity
        self._shared = Shared[None, Readiness](self._look)
        self._told: str | None = None

    async def look(self) -> Readiness:
        """What the Redis is. NotReady: it does not answer, or refuses what Billetter needs."""
        return await self._shared.get(None)

    async def watch(self) -> None:
        """Tell the log when Redis stops being ready, why, and when it is again; until cancelled."""
        while True:
            try:
                await self.look()
                self._tell(None)
            except NotReady as error:
                self._tell(f"{error.reason}: {error}")
            await asyncio.sleep(WATCH_S)

    def _tell(self, wrong: str | None) -> None:
        if wrong == self._told:
            return
        self._told = wrong
        if wrong is None:
            logger.warning("Redis is ready again.")
        else:
            logger.warning("Redis is not ready, changes are answered by 503; %s", wrong)

    async def _look(self, _: None) -> Readiness:
        if self._store.refusal:
            raise NotReady("data", self._store.refusal)
        try:
            server = await topology.facts(self._wire)
            found = await self._wire.call("HGET", keys.META, "data")
            if (known := self._identity.known) and found != known.encode():
                raise NotReady("data", f"this Redis does not hold the data {known} any more")
            await self._wire.call("SET", keys.PROBE, 1, "PX", PROBE_TTL_MS)
            await self._wire.call("DEL", keys.PROBE)
        except NotRun as error:
            raise NotReady(REASONS.get(error.code, "redis"), str(error)) from error
        except WireError as error:
            raise NotReady("redis", str(error)) from error
        if server.policy not in (None, topology.KEEPS_ALL):
            raise NotReady("evicts", f"its maxmemory-policy is {server.policy}")
        return Readiness(_version(server), server.durability)


def _version(server: ServerFacts) -> str:
    return ".".join(map(str, server.version))
