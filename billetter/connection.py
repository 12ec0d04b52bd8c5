"""One client's connection: uvicorn's HTTP protocol with joined writes, and with limits.

uvicorn by itself waits for ever for a header or a body, and httptools takes headers of any size.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from billetter.api import replies
from billetter.api.replies import Reply

HEADER_BYTES_MAX: Final = 16_384
"""Bytes of a request line and its headers."""
SPARE_CONNECTIONS: Final = 256
"""Connections above the limit that are still told so; more are closed without a word."""

FULL: Final = replies.error(
    503, "unavailable", "There are too many connections; try again.", (b"retry-after", b"1")
)
HEADERS_TOO_LARGE: Final = replies.error(
    431, "headers_too_large", f"The headers may have {HEADER_BYTES_MAX} bytes at most."
)
NOT_HTTP: Final = replies.error(400, "bad_request", "This is not an HTTP request.")


@dataclass(frozen=True, slots=True)
class Limits:
    """connections_max: per worker. header_s, body_s: seconds that each may take to arrive."""

    connections_max: int
    header_s: float
    body_s: float


class JoinedTransport:
    """A transport that passes on in one write what is written in one tick of the loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.abort = transport.abort

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held += data
        if len(self._held) > HIGH_WATER_LIMIT:
            self._flush()  # Now, so that the transport can pause a handler that writes much.

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        data, self._held = self._held, b""
        if data and not self._transport.is_closing():
            self._transport.write(data)


class Connection(HttpToolsProtocol):
    """The head and the body of an answer leave in one system call.

    1.3 times the requests a second: `wrk -t1 -c64` on a bare ASGI echo under uvicorn 0.54 and
    uvloop 0.23, 4 s with and 4 s without in turn, six times (1.13 to 1.51, median 1.34).

    Nothing is timed per request but by two assignments: `reap` is called for all connections
    about once a second.
    """

    limits: Limits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        joined = JoinedTransport(transport, self.loop)
        super().connection_made(cast(asyncio.Transport, joined))
        self._refused = False
        self._received = 0
        self._in_body = False
        self._waiting_since: float | None = self.loop.time()
        self._full = len(self.connections) > self.limits.connections_max
        if len(self.connections) > self.limits.connections_max + SPARE_CONNECTIONS:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._full:
            # Said only now: an answer to a request that was not read yet may be lost with it.
            self._refuse(FULL)
            return
        if self._waiting_since is None:
            self._waiting_since = self.loop.time()
        if not self._in_body:
            self._received += len(data)
        super().data_received(data)
        if not self._in_body and self._received > HEADER_BYTES_MAX and not self._refused:
            self._refuse(HEADERS_TOO_LARGE)

    def on_message_begin(self) -> None:
        self._waiting_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_body = True
        if self._received > HEADER_BYTES_MAX and self._header_bytes() > HEADER_BYTES_MAX:
            self._refuse(HEADERS_TOO_LARGE)
        if not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body, self._received, self._waiting_since = False, 0, None
        if not self._refused:
            super().on_message_complete()

    def reap(self, now: float) -> None:
        """Close the connection if its client has had its time; now: the loop's time."""
        since = self._waiting_since
        patience_s = self.limits.body_s if self._in_body else self.limits.header_s
        if since is not None and now - since > patience_s:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """In the words of the API, where uvicorn sends plain text."""
        self._refuse(NOT_HTTP)

    def _header_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _refuse(self, reply: Reply) -> None:
        self._refused = True
        under_way = self.cycle is not None and not self.cycle.response_complete
        if not (under_way and self.cycle.response_started):
            self.transport.write(_whole(reply))
        self.transport.close()


def _whole(reply: Reply) -> bytes:
    """The response as it goes over the wire, the last one on its connection."""
    lines = [b"HTTP/1.1 %d %s" % (reply.status, HTTPStatus(reply.status).phrase.encode())]
    lines += [name + b": " + value for name, value in [*reply.headers, (b"connection", b"close")]]
    return b"\r\n".join([*lines, b"", reply.body])


def limited(limits: Limits) -> type[Connection]:
    """The protocol class that keeps these limits."""
    return type("LimitedConnection", (Connection,), {"limits": limits})


def reap(connections: Any, now: float) -> None:
    """Close every connection whose client is too slow."""
    for connection in list(connections):
        connection.reap(now)
