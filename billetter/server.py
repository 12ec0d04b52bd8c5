"""Billetter as processes: a parent that owns the port and the Redis, and workers that serve.

    billetter serve      the port, the signals; starts again what ends
      ├─ redis-server    only where no Redis URL is given; in its own session, ended last
      └─ n workers       the app under uvicorn on the parent's port; in its own process group

A parent that is killed takes its workers with it, and leaves the redis-server to the next one.
"""

import asyncio
import contextlib
import importlib.util
import logging
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from billetter.domain.outcome import EngineError
from billetter.identifying import identify
from billetter.listener import Listener, StartError, listen
from billetter.settings import Settings
from billetter.wire.binaries import find_server
from billetter.wire.embedded import EmbeddedRedis
from billetter.wire.errors import WireError
from billetter.wire.files import EmbeddedError
from billetter.wire.topology import ServerFacts, inspect, objection
from billetter.worker import DESCRIPTORS_SPARED, KILL_AFTER_S
from billetter.worker_process import WorkerProcess

APP: Final = "billetter.app:create_served_app"
FAKE: Final = "fake://billetter"
INSTALL: Final = (
    "install Redis 6.2 or newer (its redis-server is found on the PATH) or, on Linux x86-64 with"
    " Python up to 3.12, billetter[embedded]; or name a running one by --redis-url."
)
STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """What runs, told once every worker serves; `embedded` if the Redis is our own.

    host, port: the address; of a Unix socket its path, and None.
    """

    host: str
    port: int | None
    facts: ServerFacts
    embedded: EmbeddedRedis | None
    data_id: str | None = None


def run(settings: Settings, announce: Callable[[Running], None], app: str = APP) -> None:
    """Serve until SIGTERM or SIGINT, and return when everything has ended.

    SIGHUP replaces the workers by new ones, without a request that fails; only the end of the
    terminal that this runs in is an end.
    app: "module:factory", called in each worker as factory(settings, redis_url).
    Raises StartError, with everything ended, if it cannot be done.
    """
    _look_at_descriptors(settings)
    with contextlib.closing(listen(settings)) as listener:
        asyncio.run(_Parent(settings, listener, app).serve(announce))


def _look_at_descriptors(settings: Settings) -> None:
    """Say so where the system allows fewer open files than there may be connections."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    needed = settings.connections_max + DESCRIPTORS_SPARED
    if hard != resource.RLIM_INFINITY and hard < needed:
        log.warning(
            "Only %d files may be open in a process (ulimit -Hn), so a worker serves %d connections"
            " at most; for BILLETTER_CONNECTIONS_MAX=%d allow %d (LimitNOFILE in systemd).",
            *(hard, max(1, hard - DESCRIPTORS_SPARED), settings.connections_max, needed),
        )


class _Parent:
    """Everything that `run` starts, and its end."""

    def __init__(self, settings: Settings, listener: Listener, app: str) -> None:
        self._settings = settings
        self._listener = listener
        self._app = app
        self._redis: EmbeddedRedis | None = None
        self._workers: set[WorkerProcess] = set()
        self._asked = asyncio.Event()
        """To reload."""

    async def serve(self, announce: Callable[[Running], None]) -> None:
        # Signals cancel the work, never this task, so what was started is ended in any case.
        work = asyncio.create_task(self._work(announce))
        loop, in_terminal = asyncio.get_running_loop(), _has_terminal()
        for sign in STOP_SIGNALS:
            loop.add_signal_handler(sign, work.cancel)

        def hang_up() -> None:
            if in_terminal and not _has_terminal():
                work.cancel()
            else:
                self._asked.set()

        loop.add_signal_handler(signal.SIGHUP, hang_up)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await work
        except EmbeddedError as error:
            raise StartError(str(error)) from None
        finally:
            self._listener.close()  # Newcomers are refused rather than left waiting.
            await self._end(self._workers)
            if self._redis:
                await self._redis.stop()

    async def _work(self, announce: Callable[[Running], None]) -> None:
        url = await self._open_redis()
        facts = await _inspect(url)
        await self._identify(url)
        workers = await self._start_workers(url)
        announce(Running(*self._listener.address, facts, self._redis, self._settings.data_id))
        async with asyncio.TaskGroup() as tasks:
            while True:
                keepers = [tasks.create_task(self._keep(worker, url)) for worker in workers]
                workers = await self._renewed(url)
                for keeper in keepers:
                    keeper.cancel()
                for worker in self._workers.difference(workers):
                    tasks.create_task(self._retire(worker))

    async def _renewed(self, url: str) -> list[WorkerProcess]:
        """New workers that serve, when that is asked for; those that cannot serve are ended."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                return await self._start_workers(url)
            except (StartError, OSError) as error:
                log.warning("Not reloaded, the workers stay as they are: %s", error)

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

    async def _start_workers(self, url: str) -> list[WorkerProcess]:
        """All workers, once they serve; none, with the reason, where one of them cannot."""
        workers = [await self._start_worker(url) for _ in range(self._settings.workers)]
        try:
            await asyncio.gather(*(worker.ready() for worker in workers))
        except StartError:
            await self._end(set(workers))
            self._workers.difference_update(workers)
            raise
        return workers

    async def _start_worker(self, url: str) -> WorkerProcess:
        settings = self._settings.model_dump()
        worker = await WorkerProcess.start(self._listener.socket.fileno(), self._app, settings, url)
        self._workers.add(worker)
        return worker

    async def _keep(self, worker: WorkerProcess, url: str) -> None:
        """Start a worker whenever the last one has ended; later and later while none starts."""
        failures = 0
        while True:
            status = await self._end_of(worker)
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

    async def _end_of(self, worker: WorkerProcess) -> int:
        """Its exit status once it has ended; one that no longer reacts is killed."""
        patience_s = self._settings.worker_timeout_s
        silent = asyncio.create_task(worker.silent(patience_s))
        ended = asyncio.create_task(worker.ended())
        try:
            await asyncio.wait([silent, ended], return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                log.warning(
                    "Worker %d has not reacted for %d s; it is killed.",
                    *(worker.process.pid, patience_s),
                )
                worker.signal(signal.SIGKILL)
            return await ended
        finally:
            silent.cancel()
            ended.cancel()

    async def _retire(self, worker: WorkerProcess) -> None:
        """End a worker that others have replaced, when it has finished what it began."""
        worker.drain()
        patience_s = 2 * self._settings.shutdown_s + KILL_AFTER_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await worker.ended()
        worker.signal(signal.SIGKILL)
        await worker.ended()
        self._workers.discard(worker)

    async def _end(self, workers: set[WorkerProcess]) -> None:
        ends = [asyncio.create_task(worker.ended()) for worker in workers]
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for worker in workers:
                worker.signal(sign)
            if ends:
                await asyncio.wait(ends, timeout=self._settings.shutdown_s + KILL_AFTER_S)


def _has_terminal() -> bool:
    """Whether there is a terminal that can end this process by going away, and it is there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


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
