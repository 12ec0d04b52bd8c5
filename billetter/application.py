"""The application as ASGI servers see it: one callable, whatever loop calls it, and how often.

Connections and tasks belong to one event loop. So what serves requests is built anew for each loop
that needs it, and ends with it: several test clients may use one application one after another, or
at once, each with a loop of its own, and all of them see the same Redis.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from threading import get_ident
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from billetter.api.replies import NOT_STARTED

logger = logging.getLogger("billetter")


class Service(NamedTuple):
    """What serves the requests of one loop, and what has to run meanwhile. Neither is begun yet."""

    app: ASGIApp
    background: contextlib.AbstractAsyncContextManager[None]


class _Usual(NamedTuple):
    """What serves most requests, and how to see which: its loop is that which runs in this thread.

    Before Python 3.12, to ask for the running loop takes as long as half of all that this costs.
    """

    loop: asyncio.AbstractEventLoop | None
    is_running: Callable[[], bool]
    thread: int
    app: ASGIApp


async def _serve_nothing(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotImplementedError


_NOTHING = _Usual(None, lambda: False, 0, _serve_nothing)


class Application:
    """An ASGI 3 application. It starts with the server's lifespan, or else by the first request.

    build: makes a Service. It is called once at once, so that whoever makes the application hears
    what is wrong with its settings.
    """

    def __init__(self, build: Callable[[], Service]) -> None:
        self._build = build
        self._spare: Service | None = build()
        self._started: dict[asyncio.AbstractEventLoop, _Started] = {}
        self._usual = _NOTHING

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            usual = self._usual  # At once: loops of other threads may change it.
            if usual.is_running() and get_ident() == usual.thread:
                await usual.app(scope, receive, send)
            else:
                await self._serve_unstarted(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
        else:
            raise ValueError(f"this application does not know the ASGI scope {kind!r}")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run what has to run in this loop, until the last who wanted it has left.

        Raises what keeps it from starting. For an application that mounts this one, as servers
        give their lifespan to the outermost alone.
        """
        started = await self._start()
        started.users += 1
        try:
            yield
        finally:
            started.users -= 1
            if not started.users:
                await self._stop(started)

    async def _serve_unstarted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of a loop in which nothing was started, or of one loop of several."""
        try:
            started = await self._start(by_request=True)
        except Exception:
            logger.exception("the application could not be started by a request")
            await NOT_STARTED.send(scope, send)
        else:
            await started.app(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        phase = "startup"
        try:
            async with self.running():
                await send({"type": "lifespan.startup.complete"})
                await receive()
                phase = "shutdown"
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            await send({"type": f"lifespan.{phase}.failed", "message": message})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self, *, by_request: bool = False) -> "_Started":
        """What serves in this loop, started once for all who ask for it."""
        loop = asyncio.get_running_loop()
        started = self._started.get(loop)
        if started is None:
            if by_request:
                logger.info("started by a request: nothing has run the lifespan of this loop")
            self._started = {at: each for at, each in self._started.items() if not at.is_closed()}
            service, self._spare = self._spare or self._build(), None
            started = self._started[loop] = _Started(service, loop)
        try:
            await started.ready()
        except Exception:
            if self._started.get(loop) is started:
                del self._started[loop]  # The next one tries again.
            raise
        if self._started.get(loop) is started:
            self._usual = _Usual(loop, loop.is_running, get_ident(), started.app)
        return started

    async def _stop(self, started: "_Started") -> None:
        loop = asyncio.get_running_loop()
        if self._started.get(loop) is started:
            del self._started[loop]
        if self._usual.loop is loop:
            self._usual = _NOTHING
        await started.stop()


class _Started:
    """A service in its loop. users: how many have entered it; requests alone do not.

    One task begins and ends it, so that it ends well even where nobody stops it: with its loop,
    which cancels its tasks.
    """

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self.app = service.app
        self.users = 0
        self._stopping = asyncio.Event()
        self._ready: asyncio.Future[None] = loop.create_future()
        self._task = loop.create_task(self._run(service.background))

    async def ready(self) -> None:
        """Return when it has started. Raises what kept it from that."""
        await asyncio.shield(self._ready)

    async def stop(self) -> None:
        self._stopping.set()
        await asyncio.wait([self._task])
        self._task.result()

    async def _run(self, background: contextlib.AbstractAsyncContextManager[None]) -> None:
        try:
            async with background:
                self._ready.set_result(None)
                await self._stopping.wait()
        except Exception as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)
            self._ready.exception()  # Perhaps all who waited for it have gone.
        finally:
            if not self._ready.done():
                self._ready.cancel()
