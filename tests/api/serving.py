"""The API on a real socket: in this process on the session's loop, or as a process of its own."""

import asyncio
import contextlib
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from billetter.app import create_app
from billetter.connection import Limits, limited
from billetter.listener import BACKLOG
from billetter.settings import Settings
from billetter.wire.topology import open_wire
from tests.api.client import Api
from tests.crowd import Address

STOP_S_MAX = 30.0
_LISTENS = re.compile(rb"listens on http://([0-9.]+):(\d+)")


class _Server(uvicorn.Server):
    """uvicorn's server as a guest of a loop whose signals belong to others."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(url: str, **settings: Any) -> AsyncIterator[Api]:
    """The app on the Redis at `url`, with a free port; the sweeper is off unless asked for."""
    chosen = Settings(**{"sweep": False, **settings})
    app = create_app(chosen, url)
    limits = Limits(chosen.connections_max, chosen.header_timeout_s, chosen.body_timeout_s)
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http=limited(limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    server = _Server(config)
    running = asyncio.create_task(server.serve([listener]))
    try:
        while not server.started:
            assert not running.done(), "the server ended while starting"
            await asyncio.sleep(0.001)
        async with looking_at(url, listener.getsockname()) as api:
            yield api
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def looking_at(url: str, address: Address) -> AsyncIterator[Api]:
    """A client of the server at `address`, and a look into its Redis."""
    wire = open_wire(url)
    try:
        async with Api(address, wire) as api:
            yield api
    finally:
        await wire.close()


@asynccontextmanager
async def process(url: str, **settings: object) -> AsyncIterator["Process"]:
    """`billetter serve` on the Redis at `url`; settings as BILLETTER_ variables."""
    variables = {name: value for name, value in os.environ.items() if "BILLETTER_" not in name}
    variables |= {f"BILLETTER_{name.upper()}": str(value) for name, value in settings.items()}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "billetter", "serve", "--port", "0", "--redis-url", url),
        env=variables,
        stdout=asyncio.subprocess.PIPE,
    )
    process = Process(child)
    try:
        assert child.stdout is not None
        said = await child.stdout.readline()
        listens = _LISTENS.search(said)
        assert listens, f"billetter serve said {said!r}"
        process.address = listens[1].decode(), int(listens[2])
        yield process
    finally:
        await process.stop()


class Process:
    """A running `billetter serve`."""

    address: Address

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    async def stop(self) -> None:
        """SIGTERM, and return when it has ended; nothing if it has already."""
        with contextlib.suppress(ProcessLookupError):
            self._child.terminate()
        await asyncio.wait_for(self._child.communicate(), STOP_S_MAX)
