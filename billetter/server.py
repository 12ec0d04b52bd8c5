"""Billetter as processes: a parent that owns the port and the Redis, and workers that serve.

    billetter serve      the port, the signals; starts again what ends
      ├─ redis-server    only where no Redis URL is given; in its own session, ended last
      └─ n workers       the app under uvicorn on the parent's port; in its own process group

A parent that is killed takes its workers with it, and leaves the redis-server to the next one.
"""

import asyncio
import contextlib
import importlib.util
import ipaddress
import logging
import os
import pickle
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from billetter.domain.outcome import EngineError
from billetter.identifying import identify
from billetter.settings import Settings
from billetter.wire.binaries import EmbeddedError, find_server
from billetter.wire.embedded import EmbeddedRedis
from billetter.wire.errors import WireError
from billetter.wire.topology import ServerFacts, inspect, objection
from billetter.worker import BACKLOG, KILL_AFTER_S, READY

APP: Final = "billetter.app:create_app"
FAKE: Final = "fake://billetter"
INSTALL: Final = (
    "install Redis 6.2 or newer (its redis-server is found on the PATH) or, on Linux x86-64 with"
    " Python up to 3.12, billetter[embedded]; or name a running one by --redis-url."
)
STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = logging.getLogger(__name__)


class StartError(Exception):
    """Billetter cannot start. The message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Running:
    """What runs, told once every worker serves; `embedded` if the Redis is our own."""

    host: str
    port: int
    facts: ServerFacts
    embedded: EmbeddedRedis | None
    data_id: str | None = None


def run(settings: Settings, announce: Callable[[Running], None], app: str = APP) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP, and return when everything has ended.

    app: "module:factory", called in each worker as factory(settings, redis_url).
    Raises StartError, with everything ended, if it cannot be done.
    """
    with listen(settings) as listener:
        asyncio.run(_Parent(settings, listener, app).serve(announce))


def listen(settings: Settings) -> socket.socket:
    """The listening socket. Raises StartError: no such address, taken, or not allowed."""
    where = f"{settings.host} port {settings.port}"
    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError):
        raise StartError(f"--host (BILLETTER_HOST) {settings.host!r} is no address.") from None
    # A name such as localhost has both kinds of address, and every client tries IPv4.
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    guests = settings.auth == "open" and not settings.allow_public
    if guests and not ipaddress.ip_address(address[0]).is_loopback:
        raise StartError(
            f"{where} is not a loopback address, and whoever reaches it could act as the shared"
            " guest: set BILLETTER_AUTH=required, with a BILLETTER_SECRET, or else"
            " BILLETTER_ALLOW_PUBLIC=1 if that is meant."
        )
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(f"cannot listen on {where} (--host, --port): {error.strerror}.") from None
    return listener


class _Worker:
    """One worker process, seen from its parent."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.process = process
        self._control = control

    @classmethod
    async def start(cls, listener: int, *job: object) -> Self:
        """Start the process and send it the job that `work` unpacks. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "billetter.worker"),
                stdin=theirs.fileno(),
                pass_fds=[listener],
                process_group=0,  # Ctrl-C is for the parent alone, which then ends the workers.
            )
        ours.setblocking(False)
        ours.send(pickle.dumps((listener, *job)))
        return cls(process, ours)

    async def ready(self) -> None:
        """Return when it serves. Raises StartError, with its reason, if it ends instead."""
        answer = b""
        with contextlib.suppress(ConnectionError):
            while part := await asyncio.get_running_loop().sock_recv(self._control, 4096):
                answer += part
                if answer == READY:
                    return
        status = await self.ended()
        raise StartError(answer.decode() or f"a worker ended while starting, with status {status}.")

    async def ended(self) -> int:
        """Its exit status, or minus the signal, once it has ended."""
        status = await self.process.wait()
        self._control.close()
        return status


class _Parent:
    """Everything that `run` starts, and its end."""

    def __init__(self, settings: Settings, listener: socket.socket, app: str) -> None:
        self._settings = settings
        self._listener = listener
        self._app = app
        self._redis: EmbeddedRedis | None = None
        self._workers: set[_Worker] = set()

    async def serve(self, announce: Callable[[Running], None]) -> None:
        # Signals cancel the work, never this task, so what was started is ended in any case.
        work = asyncio.create_task(self._work(announce))
        for sign in STOP_SIGNALS:
            if sign != signal.SIGHUP or signal.getsignal(sign) != signal.SIG_IGN:  # Under nohup.
                asyncio.get_running_loop().add_signal_handler(sign, work.cancel)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await work
        except EmbeddedError as error:
            raise StartError(str(error)) from None
        finally:
            self._listener.close()  # Newcomers are refused rather than left waiting.
            await self._end_workers()
            if self._redis:
                await self._redis.stop()

    async def _work(self, announce: Callable[[Running], None]) -> None:
        url = await self._open_redis()
        facts = await _inspect(url)
        await self._identify(url)
        host, port, *_ = self._listener.getsockname()
        workers = [await self._start_worker(url) for _ in range(self._settings.workers)]
        await asyncio.gather(*(worker.ready() for worker in workers))
        announce(Running(host, port, facts, self._redis, self._settings.data_id))
        await asyncio.gather(*(self._keep(worker, url) for worker in workers))

    async def _open_redis(self) -> str:
        """The URL of the Redis to use, once there is one. Raises StartError, EmbeddedError."""
        url = self._settings.redis_url
        binary = None if url else find_server(self._settings.data)
        if binary:
            self._redis = EmbeddedRedis(self._settings.data, binary)
            await self._redis.start()
            return self._redis.url
        url = url or FAKE
        if url.startswith("fake:"):
            if not importlib.util.find_spec("fakeredis"):
                raise StartError(f"there is no Redis to use: {INSTALL}")
            if self._settings.workers > 1:
                raise StartError(f"workers would not share one Redis: run one worker, or {INSTALL}")
        return url

    async def _identify(self, url: str) -> None:
        """Pin the workers to the data that is there now. Raises StartError: it is not ours."""
        if url.startswith("fake:"):
            return
        data = self._redis.data if self._redis else None
        try:
            id_ = await identify(url, data, self._settings.data_id)
        except (EngineError, WireError) as error:
            raise StartError(str(error)) from None
        self._settings = self._settings.model_copy(update={"data_id": id_})

    async def _start_worker(self, url: str) -> _Worker:
        job = (self._listener.fileno(), self._app, self._settings, url)
        worker = await _Worker.start(*job)
        self._workers.add(worker)
        return worker

    async def _keep(self, worker: _Worker, url: str) -> None:
        """Start a worker whenever the last one has ended; later and later while none starts."""
        failures = 0
        while True:
            status = await worker.ended()
            self._workers.discard(worker)
            log.warning("A worker has ended, with status %d; another is started.", status)
            if failures:
                await asyncio.sleep(min(5.0, 0.1 * 2**failures))
            try:
                worker = await self._start_worker(url)
                await worker.ready()
                failures = 0
            except (StartError, OSError) as error:
                log.warning("The new worker did not start: %s", error)
                failures += 1

    async def _end_workers(self) -> None:
        ends = [asyncio.create_task(worker.ended()) for worker in self._workers]
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for worker in self._workers:
                # Not Process.send_signal: it may collect the exit code that asyncio waits for.
                if worker.process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(worker.process.pid, sign)
            if ends:
                await asyncio.wait(ends, timeout=self._settings.shutdown_s + KILL_AFTER_S)


async def _inspect(url: str) -> ServerFacts:
    """The facts about a Redis that Billetter can work on. Raises StartError for any other."""
    try:
        facts = await inspect(url)
        reason = objection(facts)
    except ValueError as error:
        raise StartError(f"--redis-url (BILLETTER_REDIS_URL): {error}") from None
    except WireError as error:
        reason = f"cannot be reached or used: {error}."
        raise StartError(f"the Redis of --redis-url (BILLETTER_REDIS_URL) {reason}") from None
    if reason:
        raise StartError(reason)
    return facts
