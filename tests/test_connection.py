"""A client's connection: whole answers, and limits that slow or greedy clients meet."""

import asyncio
import gc
import re
import socket
import time
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from billetter.api.replies import reply
from billetter.connection import Limits, limited
from billetter.request_head import HEADER_BYTES_MAX
from tests.processes import Process, eventually, short_directory

CONNECTIONS_MAX = 20
LIMITS = {
    "BILLETTER_HEADER_TIMEOUT_S": "1",
    "BILLETTER_BODY_TIMEOUT_S": "2",
    "BILLETTER_CONNECTIONS_MAX": str(CONNECTIONS_MAX),
}
HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /api/bookings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n"


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
    lines = b"POST /api/bookings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
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
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> object:
        return None

    def __getattr__(self, name: str) -> object:
        return lambda *_, **__: None


class Session:
    """A connection whose requests are answered with one reply; `says` gives what was written."""

    def __init__(self) -> None:
        self.transport = Transport()
        self.settings = Config(self._app, interface="asgi3", proxy_headers=False, log_config=None)
        self.settings.load()
        state = ServerState()
        state.default_headers = [(b"date", b"today")]
        limits = Limits(connections_max=1, header_s=10, body_s=10)
        self.connection = limited(limits)(self.settings, state, {})
        self.connection.connection_made(cast(asyncio.Transport, self.transport))

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        await REPLY.send(scope, send)

    async def hears(self, *requests: bytes) -> None:
        """Returns when all that is asked so far is answered."""
        self.connection.data_received(b"".join(requests))
        async with asyncio.timeout(20):
            while self.connection.tasks:  # noqa: ASYNC110  # uvicorn tells nobody.
                await asyncio.sleep(0)

    async def says(self, *requests: bytes) -> list[bytes]:
        await self.hears(*requests)
        self.connection.connection_lost(None)
        return self.transport.written

    def closed_after(self, seconds: float) -> bool:
        """Whether it is closed when one looks at it that long from now."""
        self.connection.reap(asyncio.get_running_loop().time() + seconds)
        return self.transport.closed


REPLY = reply(201, "made", (b"x", b"y"))
HEADERS = b"date: today\r\n%b" + REPLY.head
CREATED = b"HTTP/1.1 201 Created\r\n" + HEADERS
ASKED = HEAD + b"\r\n"


async def test_an_answer_is_one_write() -> None:
    assert await Session().says(ASKED) == [CREATED % b"" + b'"made"']


async def test_what_comes_together_is_answered_in_order() -> None:
    assert await Session().says(ASKED, ASKED) == [CREATED % b"" + b'"made"'] * 2


async def test_the_answer_to_head_has_no_body() -> None:
    assert await Session().says(b"HEAD" + ASKED[3:]) == [CREATED % b""]


@pytest.mark.parametrize("how", [b"1.1\r\nConnection: close", b"1.0"])
async def test_the_last_answer_says_so_and_ends_the_connection(how: bytes) -> None:
    session = Session()
    assert await session.says(b"GET / HTTP/" + how + b"\r\nHost: a\r\n\r\n") == [
        CREATED % b"connection: close\r\n" + b'"made"'
    ]
    assert session.transport.closed


async def test_a_client_that_does_not_read_is_waited_for() -> None:
    session = Session()
    session.connection.pause_writing()
    session.connection.data_received(ASKED)
    for _ in range(5):
        await asyncio.sleep(0)
    assert session.transport.written == []
    session.connection.resume_writing()
    assert b"".join(await session.says()) == CREATED % b"" + b'"made"'


async def test_a_connection_without_a_request_is_closed_after_a_while() -> None:
    session = Session()
    await session.hears(ASKED)
    assert not session.closed_after(session.settings.timeout_keep_alive - 1)
    await session.hears(ASKED)
    assert not session.closed_after(session.settings.timeout_keep_alive - 1)
    assert session.closed_after(session.settings.timeout_keep_alive + 1)
    assert session.transport.written == [CREATED % b"" + b'"made"'] * 2


async def test_a_request_under_way_keeps_its_connection() -> None:
    session = Session()
    await session.hears(ASKED)
    session.connection.data_received(ASKED)
    assert not session.closed_after(session.settings.timeout_keep_alive + 1)
    await session.hears()
    assert session.closed_after(session.settings.timeout_keep_alive + 1)


async def test_nothing_is_written_to_who_has_gone() -> None:
    session = Session()
    session.connection.data_received(ASKED)
    session.transport.close()
    assert await session.says() == []


async def test_a_request_leaves_nothing_to_the_garbage_collector() -> None:
    session = Session()
    gc.collect()
    gc.disable()
    try:
        await session.says(ASKED)
        asked = weakref.ref(session.connection.cycle)
        session.connection.cycle = session.connection.scope = None  # type: ignore[assignment]
        assert asked() is None
    finally:
        gc.enable()
