"""What scripts cost Redis, by its own account."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.figures import Sample
from billetter.engine import Engine

_COUNTED = re.compile(rb"cmdstat_(?:evalsha|eval)(?:_ro)?:calls=(\d+),usec=(\d+)")


@dataclass(slots=True)
class Spent:
    """Calls of scripts, whoever made them, and the microseconds that they took."""

    calls: int = 0
    us: int = 0

    def sample(self, times: int, fault: str = "") -> Sample:
        """What is done once takes, on average, if this was done so many times."""
        once_us = self.us / times
        return Sample(1e6 / once_us, fault, cpu_us=once_us)


@asynccontextmanager
async def adding_scripts(engine: Engine, spent: Spent) -> AsyncIterator[None]:
    """Add to `spent` what scripts cost within the context. One at a time: Redis counts anew."""
    await engine.store.command("CONFIG", "RESETSTAT")
    yield
    info = await engine.store.command("INFO", "commandstats")
    for calls, us in _COUNTED.findall(info):
        spent.calls += int(calls)
        spent.us += int(us)
