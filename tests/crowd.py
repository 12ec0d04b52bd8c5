"""A crowd: thousands of kept-alive HTTP/1.1 connections in one process.

A client library spends a millisecond on a request, so 10 000 of its clients would never be in
front of the counter at once. Here a request is one write, and an answer is read where it arrives.
"""

import asyncio
import re
import resource
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

import orjson

Address = tuple[str, int]

OPENING_MAX = 200
"""Connections being opened at once: the server's queue of newcomers is short."""
SPARE_DESCRIPTORS = 1_000

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Answer(NamedTuple):
    """status, headers with names in lower case, and the body as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


class Connection(asyncio.Protocol):
    """A kept-alive connection, for one request after the other."""

    def __init__(self, address: Address) -> None:
        self._host = b"%s:%d" % (address[0].encode(), address[1])
        self._transport: asyncio.Transport
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None
        self._lost: Exception | None = None

    @classmethod
    async def open(cls, address: Address) -> "Connection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: cls(address), *address)
        return connection

    def send(
        self, method: str, path: str, body: object = None, key: str | None = None
    ) -> asyncio.Future[Answer]:
        """Send a request, with a body if there is one; the future gives its answer.

        body: bytes as they are, anything else as JSON.
        key: the Idempotency-Key. A connection that is lost raises OSError, here or in the future.
        """
        assert self._answer is None, "an answer is still awaited"
        if self._lost is not None:
            raise self._lost
        content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        head = b"%s %s HTTP/1.1\r\nhost: %s\r\n" % (method.encode(), path.encode(), self._host)
        if key is not None:
            head += b"idempotency-key: %s\r\n" % key.encode()
        if content:
            head += b"content-type: application/json\r\ncontent-length: %d\r\n" % len(content)
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(head + b"\r\n" + content)
        return self._answer

    def close(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or (length and len(rest) < int(length[1])):
            return
        answer, self._answer, self._received = self._answer, None, b""
        if answer is not None and not answer.done():
            answer.set_result(_parsed(head, rest))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = exc or ConnectionResetError("closed by the server")
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._lost)


def _parsed(head: bytes, body: bytes) -> Answer:
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Answer(int(status.split()[1]), headers, body)


@asynccontextmanager
async def gathered(address: Address, size: int) -> AsyncIterator[list[Connection]]:
    """`size` open connections; all are closed at the end."""
    crowd: list[Connection] = []

    async def arrive(count: int) -> None:
        for _ in range(count):
            crowd.append(await Connection.open(address))

    entrances = min(size, OPENING_MAX)
    shares = [size // entrances + (number < size % entrances) for number in range(entrances)]
    try:
        await asyncio.gather(*map(arrive, shares))
        yield crowd
    finally:
        for connection in crowd:
            connection.close()
        await asyncio.sleep(0)  # The transports close their sockets in the next turn.


async def all_at_once(
    crowd: Sequence[Connection], method: str, path: str, bodies: Sequence[object]
) -> list[Answer]:
    """Each sends its own body before any answer is read."""
    pairs = zip(crowd, bodies, strict=True)
    return await asyncio.gather(*[each.send(method, path, body) for each, body in pairs])


def largest_crowd(wanted: int) -> int:
    """How many connections this process may hold, `wanted` at most; raises the soft limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard - SPARE_DESCRIPTORS)
    if possible < wanted:
        print(f"only {possible} connections of {wanted}: the limit of descriptors is {hard}")
    return possible
