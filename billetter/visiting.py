"""How commands visit the Redis of a server: while it runs, or what it left when it ended."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from billetter.engine import FORMAT, Engine, keys
from billetter.wire.binaries import find_server
from billetter.wire.embedded import EmbeddedRedis, socket_of
from billetter.wire.errors import WireError
from billetter.wire.topology import inspect, objection, open_wire

DEADLINE_S: Final = 10.0
"""Seconds that one call may take; a busy Redis answers a visitor late."""

Found = TypeVar("Found")


class VisitError(Exception):
    """There is nothing to visit. The message is one sentence for the operator."""


@asynccontextmanager
async def visited(url: str | None, data: Path) -> AsyncIterator[Engine]:
    """An engine on the Redis at `url`, or on the embedded one of `data`.

    Where no server runs for `data`, one is started and ended again. Raises VisitError, and
    EmbeddedError where it does not start.
    """
    if there := url or await _running(data):
        async with _engine_at(there) as engine:
            yield engine
        return
    binary = find_server(data)
    if binary is None:
        raise VisitError(f"no redis-server was found that could read {data}.")
    redis = EmbeddedRedis(data, binary)
    try:
        await redis.start()
        async with _engine_at(redis.url) as engine:
            yield engine
    finally:
        await redis.stop()


async def stoppable(work: Coroutine[Any, Any, Found]) -> Found:
    """SIGTERM ends the work as Ctrl-C does, so that a Redis that was started ends with it."""
    task = asyncio.create_task(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def _running(data: Path) -> str | None:
    """The address of the Redis that runs for `data`, None if none does. VisitError: no data."""
    try:
        if not any((data / name).exists() for name in ("appendonlydir", "appendonly.aof")):
            raise VisitError(f"{data} (--data, BILLETTER_DATA) holds nothing that Billetter keeps.")
        url = f"unix://{quote(str(socket_of(data)))}"
        await inspect(url)
    except (OSError, WireError):
        return None
    return url


@asynccontextmanager
async def _engine_at(url: str) -> AsyncIterator[Engine]:
    try:
        # What it throws away when its memory is full keeps servers from starting, not visitors.
        reason = objection(replace(await inspect(url), policy=None))
        wire = open_wire(url, deadline_s=DEADLINE_S)
        await wire.start()
    except ValueError as error:
        raise VisitError(f"--redis-url (BILLETTER_REDIS_URL): {error}") from None
    except WireError as error:
        raise VisitError(f"the Redis cannot be reached or used: {error}.") from None
    try:
        if reason:
            raise VisitError(reason)
        engine = Engine(wire)
        await _check_format(engine)
        yield engine
    finally:
        await wire.close()


async def _check_format(engine: Engine) -> None:
    """VisitError if another Billetter set this Redis up. Unlike `prepare` it writes nothing."""
    for field, needed in (("format", FORMAT), ("partitions", keys.PARTITIONS)):
        found = await engine.store.command("HGET", keys.META, field, reads=True)
        if found is not None and int(found) != needed:
            told = f"{field} {int(found)}, this Billetter needs {needed}"
            raise VisitError(f"this Redis was set up with {told}.")
