"""One worker: the app under uvicorn, on the socket that its parent has bound.

The parent (`server`) holds the other end of this process's standard input, a socket. It sends the
job, and the worker answers READY or one sentence that says why it cannot serve; then ALIVE, once a
second. DRAIN tells it that others have taken its place: it accepts nobody any more, and ends when
its clients have gone. The end of that file means that the parent is gone: the worker then ends too,
and the port is free again.
"""

import asyncio
import contextlib
import gc
import importlib
import math
import os
import pickle
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Final, NoReturn

import uvicorn

from billetter.connection import Limits, Reaper, limited
from billetter.domain.outcome import EngineError
from billetter.listener import BACKLOG
from billetter.logs import open_logs
from billetter.settings import Settings
from billetter.wire.errors import WireError

READY: Final = b"ready"
ALIVE: Final = b"."
DRAIN: Final = b"drain"
KILL_AFTER_S: Final = 2
"""Seconds a worker has beyond shutdown_s before it is killed."""

KEEP_ALIVE_S: Final = 65
"""Seconds that a connection may idle between requests: a little more than most clients keep it."""
DESCRIPTORS_SPARED: Final = 512
"""File descriptors that client connections leave to everything else."""
GC_ALLOCATIONS: Final = 1_000_000
"""Objects made, less objects gone, between two looks for garbage in circles."""
ALIVE_S: Final = 1.0
"""Between two signs of life. By the clock: under load, ticks take as long as they like."""

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def work() -> None:
    """Do the one job that comes on standard input; return when told to stop."""
    open_logs()
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    try:
        with control.makefile("rb") as pipe:
            listener, factory, chosen, url = pickle.load(pipe)
    except EOFError:
        return  # The parent went away before it could send the job.
    # By name: the parent may run an older version, from before an upgrade.
    settings = Settings(**{name: chosen[name] for name in chosen.keys() & Settings.model_fields})
    _raise_descriptor_limit()
    try:
        module, _, name = factory.partition(":")
        app = getattr(importlib.import_module(module), name)(settings, url)
    except Exception as error:
        _give_up(control, error)
    _collect_rarely()
    server = _Server(_config(_Guarded(app, control), settings), control)
    server.run([socket.socket(fileno=listener)])


def _raise_descriptor_limit() -> None:
    """Allow as many open sockets as the system does: the usual soft limit is 1024."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):  # macOS does not take its own "unlimited".
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _collect_rarely() -> None:
    """Look for garbage in circles only after very many allocations; the usual number is 700.

    Requests leave next to none, and looking means to visit all that is alive: with 10 000 requests
    under way it took a third of a worker's time at 50 000 allocations, and takes none now. A select
    by 64 clients costs 39 µs of CPU time instead of 45.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 20, 50)


def _give_up(control: socket.socket, error: Exception) -> NoReturn:
    """End because of `error`, which the parent tells; the traceback is shown for bugs only."""
    reason = str(error)
    if not isinstance(error, EngineError | WireError | OSError):
        traceback.print_exception(error)
        reason = f"{type(error).__name__}: {error}"
    with contextlib.suppress(OSError):
        control.sendall(" ".join(reason.split()).encode())
    sys.stderr.flush()
    os._exit(1)  # Nothing is served yet, and uvicorn would report the same again, at length.


def _config(app: "_Guarded", settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        interface="asgi3",
        http=limited(_limits(settings)),
        ws="none",
        lifespan="on",
        loop="auto",  # uvloop where there is one.
        backlog=BACKLOG,
        proxy_headers=False,
        server_header=False,
        log_config=None,  # Like all else: see open_logs.
        log_level="warning",
        access_log=False,  # The app writes one of its own.
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.shutdown_s,
    )


def _limits(settings: Settings) -> Limits:
    """As set, but never so many connections that descriptors run out for everything else."""
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    possible = max(1, descriptors - DESCRIPTORS_SPARED)
    return Limits(
        min(settings.connections_max, possible), settings.header_timeout_s, settings.body_timeout_s
    )


class _Guarded:
    """The app, whose failing start-up becomes one sentence for the parent."""

    def __init__(self, app: Asgi, control: socket.socket) -> None:
        self._app = app
        self._control = control

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        if scope["type"] == "lifespan":
            return self._lifespan(scope, receive, send)
        return self._app(scope, receive, send)

    async def _lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        started, failure = False, ""

        async def watched(message: Any) -> None:
            nonlocal started, failure
            if message["type"] == "lifespan.startup.failed":
                # Starlette's is a traceback; the exception itself comes after it.
                failure = message.get("message") or "no reason given"
            else:
                started |= message["type"] == "lifespan.startup.complete"
                await send(message)

        try:
            await self._app(scope, receive, watched)
            if failure:
                raise RuntimeError(failure)
        except Exception as error:
            if started:
                raise
            _give_up(self._control, error)


class _Server(uvicorn.Server):
    """uvicorn's server, started, watched and ended by a parent instead of a terminal."""

    def __init__(self, config: uvicorn.Config, control: socket.socket) -> None:
        super().__init__(config)
        self._control = control
        self._reaper = Reaper(self.server_state.connections)
        self._told_at = -math.inf
        """When the parent was told last that it is alive."""
        self._drained_by = math.inf
        """When a server that drains ends, though clients are left."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """In place of uvicorn's, which raises the signal once more after a clean end."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self.handle_exit, signal.SIGTERM, None)
        self._control.setblocking(False)
        loop.add_reader(self._control, self._hear)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._say(READY)

    async def on_tick(self, counter: int) -> bool:
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= ALIVE_S:
            self._told_at = now
            self._say(ALIVE)
        self._reaper.look(now)
        if self._drained_by < math.inf and not self.server_state.connections:
            self.should_exit = True
        self.should_exit |= now >= self._drained_by
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn has it; one that finishes what is in flight is alive all the while."""
        alive = asyncio.create_task(self._go_on())
        try:
            await super().shutdown(sockets)
        finally:
            alive.cancel()

    async def _go_on(self) -> None:
        while True:
            self._say(ALIVE)
            await asyncio.sleep(ALIVE_S)

    def _say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):  # A parent that was stopped hears it no more than once.
            self._control.send(word)

    def _hear(self) -> None:
        heard = b""
        with contextlib.suppress(ConnectionError):
            heard = self._control.recv(64)
        if heard:
            self._drain()
        else:
            self._orphaned()

    def _drain(self) -> None:
        """Accept nobody any more, and let go of each client with the next answer.

        One that is idle may be about to ask: it has until the end to do so.
        """
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.drain()  # type: ignore[union-attr]  # They are all ours.
        patience_s = self.config.timeout_graceful_shutdown or 0
        self._drained_by = asyncio.get_running_loop().time() + patience_s

    def _orphaned(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._control)
        self.should_exit = True
        # Nobody is left to kill it if it hangs.
        patience_s = (self.config.timeout_graceful_shutdown or 0) + KILL_AFTER_S
        loop.call_later(patience_s if self.started else 0, os._exit, 1)


if __name__ == "__main__":
    work()
