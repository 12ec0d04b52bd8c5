"""How commands visit the Redis of a server: while it runs, or what it left when it ended."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from billetter.domain.outcome import EngineError
from billetter.engine import FORMAT, Engine, keys
from billetter.identifying import claim, confirm
from billetter.wire.binaries import find_server
from billetter.wire.embedded import EmbeddedRedis
from billetter.wire.errors import WireError
from billetter.wire.files import copy_data, holds_data
from billetter.wire.presence import answering, in_use, socket_of
from billetter.wire.topology import inspect, objection, open_wire

DEADLINE_S: Final = 10.0
"""Seconds that one call may take; a busy Redis answers a visitor late."""
LOADING_S_MAX: Final = 60.0
"""Seconds that a Redis which is there may take to load its data and answer."""
POLL_S: Final = 0.02

Found = TypeVar("Found")


class VisitError(Exception):
    """There is nothing to visit. The message is one sentence for the operator."""


@asynccontextmanager
async def visited(url: str | None, data: Path, *, writes: bool) -> AsyncIterator[Engine]:
    """An engine on the Redis at `url`, or on the embedded one of `data`.

    Where no server runs for `data`, one is started and ended again. writes: whether anything is
    to be changed; if not, a directory that cannot be written is looked at in a copy. Raises
    VisitError, and EmbeddedError where it does not start.
    """
    if there := url or await address_of(data):
        async with engine_at(there) as engine:
            await _identify(engine, None if url else data, writes)
            yield engine
        return
    with ExitStack() as stack:
        if not writes and not _writable(data):
            data = stack.enter_context(_copied(data))
        async with started(data) as redis, engine_at(redis.url) as engine:
            await _identify(engine, data, writes)
            yield engine


@asynccontextmanager
async def started(data: Path) -> AsyncIterator[EmbeddedRedis]:
    """A Redis in `data`, ended again. VisitError, EmbeddedError: there is none, or it fails."""
    binary = find_server(data)
    if binary is None:
        raise VisitError(f"no redis-server was found that could read {data}.")
    redis = EmbeddedRedis(data, binary)
    try:
        await redis.start()
        yield redis
    finally:
        await redis.stop()


async def _identify(engine: Engine, data: Path | None, writes: bool) -> None:
    try:
        await (claim if writes else confirm)(engine, data)
    except EngineError as error:
        raise VisitError(str(error)) from None


def _writable(data: Path) -> bool:
    """Whether its owner lets it be written; root may do so even where that is not meant."""
    return bool(data.stat().st_mode & 0o222) and os.access(data, os.W_OK)


@contextmanager
def _copied(data: Path) -> Iterator[Path]:
    """A private copy of what a server reads."""
    with tempfile.TemporaryDirectory(prefix="billetter-") as directory:
        copy = Path(directory)
        try:
            copy_data(data, copy)
        except OSError as error:
            told = f"{data} cannot be written, nor copied to {copy}: {error.strerror}"
            raise VisitError(f"{told}; TMPDIR names another place.") from None
        yield copy


async def stoppable(work: Coroutine[Any, Any, Found]) -> Found:
    """SIGTERM ends the work as Ctrl-C does, so that a Redis that was started ends with it."""
    task = asyncio.create_task(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def address_of(data: Path) -> str | None:
    """The address of the Redis that runs for `data`, once it answers; None if none does.

    VisitError: there is no data, or the one that runs does not answer.
    """
    if not holds_data(data):
        raise VisitError(f"{data} (--data, BILLETTER_DATA) holds nothing that Billetter keeps.")
    give_up = time.monotonic() + LOADING_S_MAX
    while time.monotonic() < give_up:
        with suppress(OSError):  # Of a copy, or one of which a server was never started.
            socket = socket_of(data)
            if await answering(socket):
                return f"unix://{quote(os.fsencode(socket))}"
        if not in_use(data):
            return None
        await asyncio.sleep(POLL_S)
    raise VisitError(f"the Redis of {data} runs, and does not answer: it may still be loading.")


@asynccontextmanager
async def engine_at(url: str) -> AsyncIterator[Engine]:
    """An engine on the Redis at `url`. VisitError: it cannot be used."""
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
