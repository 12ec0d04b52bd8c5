"""A client's connection: joined writes, and limits that slow or greedy clients meet."""

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import cast

import pytest

from billetter.connection import HEADER_BYTES_MAX, JoinedTransport
from tests.processes import Process, eventually, short_directory

CONNECTIONS_MAX = 20
LIMITS = {
    "BILLETTER_HEADER_TIMEOUT_S": "1",
    "BILLETTER_BODY_TIMEOUT_S": "2",
    "BILLETTER_CONNECTIONS_MAX": str(CONNECTIONS_MAX),
}
HEAD = b"GET /health HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /api/bookings HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server with tight limits."""
    with short_directory() as directory:
        arguments = ("-m", "billetter", "serve", "--port", "0", "--data", str(directory / "data"))
        with Process(*arguments, env=LIMITS) as parent:
            eventually(lambda: "Ctrl-C" in parent.out or parent.code is not None)
            assert parent.code is None, parent.err
            found = re.search(r"http://127\.0\.0\.1:(\d+)", parent.out)
            assert found is not None
            yield int(found[1])


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def told(client: socket.socket) -> bytes:
    """Everything the server says until it closes the connection."""
    said = b""
    try:
        while data := client.recv(65_536):
            said += data
    except ConnectionResetError:
        pass
    return said


def answers(port: int) -> bool:
    with connect(port) as client:
        client.sendall(HEAD + b"Connection: close\r\n\r\n")
        return told(client).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET", HEAD, HEAD + b"X: 1", b"\r\n\r\n", POST, POST + b'{"event_id"'],
    ids=["nothing", "a word", "half a header", "half a line", "blank", "no body", "half a body"],
)
def test_a_client_that_stops_half_way_is_let_go(port: int, sent: bytes) -> None:
    with connect(port) as client:
        client.sendall(sent)
        assert told(client) == b""
    assert answers(port)


def trickle(client: socket.socket) -> None:
    client.sendall(HEAD)
    while True:
        client.sendall(b"X: 1\r\n")
        time.sleep(0.05)


def test_a_client_that_trickles_is_let_go(port: int) -> None:
    with connect(port) as client, pytest.raises(OSError, match=r"reset|pipe"):
        trickle(client)


def test_a_second_request_has_its_own_time(port: int) -> None:
    with connect(port) as client:
        for _ in range(3):
            client.sendall(HEAD + b"\r\n")
            assert client.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")
        client.sendall(b"GET /heal")
        assert told(client) == b""


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "endless"])
def test_large_headers_are_refused(port: int, whole: bool) -> None:
    with connect(port) as client:
        client.sendall(HEAD + b"X: " + b"x" * HEADER_BYTES_MAX + b"\r\n\r\n" * whole)
        said = told(client)
    assert said.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b'"error":"headers_too_large"' in said
    assert b"connection: close" in said


def test_headers_up_to_the_limit_are_taken_with_a_body_behind_them(port: int) -> None:
    body = b'{"event_id": 1' + b" " * 16_000 + b"}"
    lines = b"POST /api/bookings HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    lines += b"Content-Length: %d\r\nX: %s\r\n\r\n" % (len(body), b"x" * 16_000)
    with connect(port) as client:
        client.sendall(lines + body)
        assert told(client).startswith(b"HTTP/1.1 404 Not Found\r\n")


def test_what_is_no_http_is_told_so_in_json(port: int) -> None:
    with connect(port) as client:
        client.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        said = told(client)
    assert said.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b'"error":"bad_request"' in said


def test_too_many_connections_are_told_so_at_once(port: int) -> None:
    with ExitStack() as stack:
        kept = [stack.enter_context(connect(port)) for _ in range(CONNECTIONS_MAX)]
        for client in kept:
            client.sendall(HEAD + b"\r\n")
            assert client.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")
        with connect(port) as client:
            client.sendall(HEAD + b"\r\n")
            said = told(client)
        assert said.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"retry-after: 1" in said
        assert b'"error":"unavailable"' in said
    eventually(lambda: answers(port))


class Transport:
    """What asyncio gives a protocol, as far as it is used here; it notes what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def __getattr__(self, name: str) -> object:
        return None


def joined(transport: Transport) -> JoinedTransport:
    loop = asyncio.get_running_loop()
    return JoinedTransport(cast(asyncio.Transport, transport), loop)


async def test_writes_of_one_tick_are_one() -> None:
    transport = Transport()
    joint = joined(transport)
    joint.write(b"head ")
    joint.write(b"body")
    assert transport.written == []
    await asyncio.sleep(0)
    joint.write(b"next")
    await asyncio.sleep(0)
    assert transport.written == [b"head body", b"next"]


async def test_close_comes_after_what_was_written() -> None:
    transport = Transport()
    joint = joined(transport)
    joint.write(b"last")
    joint.close()
    assert (transport.written, transport.closed) == ([b"last"], True)
    joint.write(b"too late")
    await asyncio.sleep(0)
    assert transport.written == [b"last"]


async def test_much_is_written_at_once() -> None:
    transport = Transport()
    joint = joined(transport)
    for _ in range(3):
        joint.write(b"." * 40_000)
    assert [len(data) for data in transport.written] == [80_000]
    await asyncio.sleep(0)
    assert sum(map(len, transport.written)) == 120_000
