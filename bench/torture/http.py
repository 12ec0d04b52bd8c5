"""The smallest HTTP client that can be ten thousand clients, and the server they call."""

import asyncio
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

import orjson

ROOT = Path(__file__).parents[2]
START_S_MAX = 30.0
ANSWER_S_MAX = 30.0
OPENING_MAX = 200
"""Connections being opened at once: the server's queue of newcomers is short."""
SPARE_DESCRIPTORS = 1_000

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PORT = re.compile(r"listens on http://127\.0\.0\.1:(\d+)")


class Reply(NamedTuple):
    """Status 0: there was none, the connection was lost."""

    status: int
    head: bytes
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)

    def header(self, name: str) -> str:
        found = re.search(rb"\r\n" + name.encode() + rb": *([^\r]*)", self.head, re.IGNORECASE)
        return found[1].decode() if found else ""


LOST = Reply(0, b"", b"")


class Client(asyncio.Protocol):
    """A kept-alive connection, for one request after the other."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.lost = False
        self._received = b""
        self._reply: asyncio.Future[Reply] | None = None

    @classmethod
    async def open(cls, port: int) -> Self:
        """Raises OSError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(ANSWER_S_MAX):
            return (await loop.create_connection(cls, "127.0.0.1", port))[1]

    def ask(self, request: bytes) -> asyncio.Future[Reply]:
        """Send it; the future gives its reply, LOST if the connection ends before it."""
        self._reply = asyncio.get_running_loop().create_future()
        if self.lost:
            self._reply.set_result(LOST)
        else:
            self.transport.write(request)
        return self._reply

    def close(self) -> None:
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if found and len(rest) >= (int(length[1]) if length else 0):
            self._received = b""
            self._settle(Reply(int(head[9:12]), head, rest))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._settle(LOST)

    def _settle(self, reply: Reply) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(reply)


def request(
    method: str, path: str, body: object = None, key: str = "", credentials: str = ""
) -> bytes:
    """One request with a JSON body if there is one; key: its Idempotency-Key."""
    content = b"" if body is None else orjson.dumps(body)
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n"
    if key:
        head += f"idempotency-key: {key}\r\n"
    if credentials:
        head += f"authorization: {credentials}\r\n"
    if content:
        head += f"content-type: application/json\r\ncontent-length: {len(content)}\r\n"
    return f"{head}\r\n".encode() + content


async def once_asked(port: int, asked: bytes) -> Reply:
    """The reply to one request on a connection of its own."""
    client = await Client.open(port)
    try:
        async with asyncio.timeout(ANSWER_S_MAX):
            return await client.ask(asked)
    finally:
        client.close()


@asynccontextmanager
async def crowd(port: int, size: int) -> AsyncIterator[list[Client]]:
    """`size` open connections; all are closed at the end."""
    clients: list[Client] = []

    async def arrive(count: int) -> None:
        for _ in range(count):
            clients.append(await Client.open(port))

    doors = min(size, OPENING_MAX)
    try:
        await asyncio.gather(
            *(arrive(size // doors + (door < size % doors)) for door in range(doors))
        )
        yield clients
    finally:
        for client in clients:
            client.close()
        await asyncio.sleep(0)  # The transports close their sockets in the next turn.


def most_connections(wanted: int) -> int:
    """How many connections this process may hold, `wanted` at most; raises the soft limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard - SPARE_DESCRIPTORS)


class Server:
    """`billetter serve` on the Redis at `url`, as a process group of its own."""

    def __init__(
        self, url: str, directory: Path, workers: int = 2, env: Mapping[str, str] | None = None
    ) -> None:
        self._options = ("--port", "0", "--redis-url", url, "--workers", str(workers))
        self._log = directory / "billetter.log"
        self._env = env or {}
        self._process: subprocess.Popen[bytes]
        self.port = 0

    async def start(self) -> None:
        """Start it and wait until it serves."""
        self._process = self._spawn()
        try:
            self.port = await self._announced()
        except BaseException:
            await self.__aexit__()  # Nobody else would end what has only begun to start.
            raise

    async def _announced(self) -> int:
        give_up = time.monotonic() + START_S_MAX
        while not (found := _PORT.search(self.said())):
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"billetter does not serve: {self.said()}")
            await asyncio.sleep(0.02)
        return int(found[1])

    def _spawn(self) -> "subprocess.Popen[bytes]":
        plain = {name: it for name, it in os.environ.items() if not name.startswith("BILLETTER_")}
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "billetter", "serve", *self._options],
                cwd=self._log.parent,
                env={**plain, "PYTHONPATH": str(ROOT), **self._env},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def said(self) -> str:
        return self._log.read_text()

    def workers(self) -> list[int]:
        """Process ids of its workers."""
        told = subprocess.run(
            ["ps", "-axww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True
        )
        rows = (line.split(maxsplit=2) for line in told.stdout.splitlines())
        parent = str(self._process.pid)
        return [int(pid) for pid, above, it in rows if above == parent and "billetter.worker" in it]

    def memory_mb(self) -> float:
        """Resident memory of its workers."""
        pids: Sequence[str] = [str(pid) for pid in self.workers()]
        told = subprocess.run(
            ["ps", "-o", "rss=", "-p", ",".join(pids)], capture_output=True, text=True, check=True
        )
        return sum(map(int, told.stdout.split())) / 1024

    async def stop(self) -> tuple[int, float]:
        """SIGTERM; its exit code, and how many seconds it took."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(self._process.wait, START_S_MAX)
        return code, time.monotonic() - began

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                await self.stop()
            self._process.kill()
            self._process.wait()
