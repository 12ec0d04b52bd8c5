"""A private redis-server for people who have none: found, started, watched and ended here.

Everything is in one data directory: the append-only file, the log, the socket and two locks.
`billetter.lock` belongs to the process that owns the directory. `redis.lock` belongs to the
redis-server, which inherits the locked descriptor: who can take that lock knows that no server
writes here any more, and who cannot, adopts the server that outlived its owner.
"""

import asyncio
import itertools
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from billetter.wire import files
from billetter.wire.binaries import Binary
from billetter.wire.files import EmbeddedError
from billetter.wire.presence import SERVER_LOCK, answering, lock, socket_path

LOG: Final = "redis.log"
POLL_S: Final = 0.005
ADOPT_S_MAX: Final = 30.0
"""Seconds a server that was found running may take to load its data and answer."""
REPORT_S: Final = 5
"""Seconds between two reports of a server that does not answer at its start."""
ROOM_BYTES_MIN: Final = 1_000_000
"""Free bytes under which a disk is said to be full."""
STOP_S_MAX: Final = 10.0
"""Seconds after which a server that ignores SIGTERM is killed; its disk has all it answered."""
ADVICE: Final = "check-aof"
"""What the server's own advice names: a tool that cuts the file."""
DAMAGED: Final = "The file is left as it is: keep a copy, and restore a backup (billetter restore)."
OPTIONS: Final = (
    "--port 0 --unixsocketperm 700 --appendonly yes --appendfsync always"
    " --no-appendfsync-on-rewrite no --aof-load-truncated yes --maxmemory-policy noeviction"
)

log = logging.getLogger(__name__)


class EmbeddedRedis:
    """A redis-server on a unix socket in `data`, kept alive from `start` to `stop`.

    Its death is logged as a warning and it is started again at once; after three starts that
    fail in a row, after 0.1 s, 0.2 s, … up to 5 s.
    """

    def __init__(self, data: Path, binary: Binary) -> None:
        self.data = data.absolute()
        self.binary = binary
        self._redis_lock = self._log = -1
        self._open: list[int] = []
        self._socket = self.data / "redis.sock"
        self._process: asyncio.subprocess.Process | None = None
        self.adopted: int | None = None  # Process id of a server that another owner started.
        self._keeper: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """unix:// address, once `start` has returned."""
        return f"unix://{quote(os.fsencode(self._socket))}"

    async def start(self) -> None:
        """Take the directory and return when a Redis answers in it, its data loaded.

        The directory is made, for this user alone, if there is none.
        Raises EmbeddedError: it cannot be used, is in use, or the server does not start.
        Call `stop` in any case.
        """
        try:
            self._take_directory()
            alone = lock(self._redis_lock)
            self._socket = socket_path(self.data, fresh=alone)
        except OSError as error:
            reason = f"the data directory {self.data} cannot be used: {error.strerror}."
            raise EmbeddedError(reason) from None
        if alone:
            files.begin(self.data)
        await (self._launch() if alone else self._adopt())
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End the server, which syncs its log to disk, and give the directory free."""
        if self._keeper:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        for by in (signal.SIGTERM, signal.SIGKILL):
            with suppress(TimeoutError, ProcessLookupError):
                await asyncio.wait_for(self._end(by), STOP_S_MAX)
                break
        if self._socket.parent != self.data and lock(self._redis_lock):
            shutil.rmtree(self._socket.parent, ignore_errors=True)
        while self._open:
            os.close(self._open.pop())

    async def _end(self, by: signal.Signals) -> None:
        if self._process:
            if self._process.returncode is None:
                self._process.send_signal(by)
            await self._process.wait()
        elif self.adopted and not lock(self._redis_lock):
            os.kill(self.adopted, by)
            await self._ended()

    def _take_directory(self) -> None:
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("billetter.lock", SERVER_LOCK, LOG):
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
            self._open.append(os.open(self.data / name, flags, 0o600))
        owner_lock, self._redis_lock, self._log = self._open
        if not lock(owner_lock):
            pid = os.pread(owner_lock, 20, 0).decode()
            raise EmbeddedError(f"the data directory {self.data} is already in use by pid {pid}.")
        os.truncate(owner_lock, 0)
        os.write(owner_lock, str(os.getpid()).encode())

    async def _launch(self) -> None:
        """Start a server and wait until it answers. Raises EmbeddedError if it ends instead."""
        self._process = self.adopted = None
        files.check(self.data)  # They may have been taken away since.
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *self._command(),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=[self._redis_lock],
                umask=0o077,
                start_new_session=True,  # Ctrl-C must end the server last, not first.
            )
        except OSError as error:
            reason = f"{self.binary.path} cannot be started: {error.strerror}."
            raise EmbeddedError(reason) from None
        async with self._reported():
            while process.returncode is None:
                if await answering(self._socket):
                    return
                await asyncio.sleep(POLL_S)
        raise EmbeddedError(f"{self.binary.path} did not start: {self._reason()}")

    def _reason(self) -> str:
        """Why the server has ended, as far as it can be told."""
        status = self._process.returncode if self._process else None
        killed = status is not None and status < 0 and f"signal {-status} ended it."
        # On a full disk its log ends before it could say so.
        return _full(self.data) or killed or _last_words(self.data / LOG)

    @asynccontextmanager
    async def _reported(self) -> AsyncIterator[None]:
        """Say every few seconds that the server does not answer yet."""

        async def report() -> None:
            for seconds in itertools.count(REPORT_S, REPORT_S):
                await asyncio.sleep(REPORT_S)
                log.warning(
                    "The Redis in %s has not answered for %d s: it loads its data, or hangs (%s).",
                    *(self.data, seconds, _last_words(self.data / LOG)),
                )

        reporter = asyncio.create_task(report())
        try:
            yield
        finally:
            reporter.cancel()

    def _command(self) -> list[str]:
        places = ["--dir", self.data, "--logfile", self.data / LOG, "--unixsocket", self._socket]
        return [str(self.binary.path), *OPTIONS.split(), "--save", "", *map(str, places)]

    async def _adopt(self) -> None:
        """Take over the server that holds the lock, or start one if it goes away meanwhile."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + ADOPT_S_MAX
        async with self._reported():
            while loop.time() < give_up:
                self.adopted = await answering(self._socket)
                if self.adopted:
                    return
                if lock(self._redis_lock):
                    break
                await asyncio.sleep(POLL_S)
        if loop.time() < give_up:
            return await self._launch()
        reason = "from an earlier start still runs there and does not answer: end it first."
        raise EmbeddedError(f"the data directory {self.data} cannot be used: a server {reason}")

    async def _keep(self) -> None:
        """Start a server whenever the last one has ended."""
        while True:
            await self._ended()
            log.warning(
                "The Redis in %s has ended, and is started again: %s", self.data, self._reason()
            )
            for failures in itertools.count():
                if failures >= 3:
                    await asyncio.sleep(min(5.0, 0.1 * 2 ** (failures - 3)))
                try:
                    await self._launch()
                    break
                except EmbeddedError as error:
                    log.warning("Redis stays away: %s", error)

    async def _ended(self) -> None:
        """Return when the server has ended: a child by its exit, an adopted one by its lock."""
        if self._process:
            await self._process.wait()
            return
        while not lock(self._redis_lock):
            with suppress(OSError):
                # An open connection says at once when the server ends; asking would be late.
                reader, writer = await asyncio.open_unix_connection(self._socket)
                with closing(writer):
                    await reader.read()
            await asyncio.sleep(POLL_S)


def _last_words(log_file: Path) -> str:
    """Why the server gave up: the last warning in its log, else the last line.

    Without its advice: to cut a file until it can be read destroys what was sold.
    """
    with log_file.open("rb") as file:  # By its name, as others may have rotated it.
        file.seek(-min(8192, file.seek(0, os.SEEK_END)), os.SEEK_END)
        lines = file.read().decode(errors="replace").splitlines()
    warnings = [words for line in lines if (words := line.partition(" # ")[2])]
    words = (warnings or lines or ["it said nothing"])[-1]
    return words if ADVICE not in words else f"{words.partition(': ')[0]}. {DAMAGED}"


def _full(data: Path) -> str:
    """What to say where there is no room left on the disk; else nothing."""
    free = shutil.disk_usage(data).free
    return "" if free > ROOM_BYTES_MIN else f"the disk of {data} is full, {free} bytes are free."
