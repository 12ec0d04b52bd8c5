"""One client's connection: uvicorn's HTTP protocol with whole responses, and with limits.

uvicorn by itself waits for ever for a header or a body, and httptools takes headers of any size.
"""

import asyncio
import math
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from weakref import ref

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from billetter.api import replies
from billetter.api.replies import WHOLE, Reply

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


class Connection(HttpToolsProtocol):
    """An endpoint's reply leaves as it is, in one system call: see `send_whole`.

    Nothing is timed per request but by two assignments: `reap` is called for all connections
    about once a second.
    """

    limits: Limits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # uvicorn would log as soon as anybody listens to its loggers, and see each answer for it.
        self.access_log = False
        self._refused = False
        self._received = 0
        self._in_body = False
        self._draining = False
        self._waiting_since = self.loop.time()
        """For the rest of a request. inf, here and below: not at all."""
        self._idle_since = math.inf
        """For a next request."""
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
        if self._waiting_since == math.inf:
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
            # The task that serves the request starts in the next turn of the loop.
            # It must not own the cycle: that owns the scope, and only circles need the collector.
            whole: Any = partial(self.send_whole, ref(self.cycle))
            self.scope["extensions"] = {WHOLE: whole}

            if self._draining:
                self.cycle.keep_alive = False

    def drain(self) -> None:
        """Close with the answer that is due, or the next one: others serve in place of this worker.

        An idle connection is not closed at once, as its client may be sending a request just now.
        """
        self._draining = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body, self._received, self._waiting_since = False, 0, math.inf
        if not self._refused:
            super().on_message_complete()

    def send_whole(self, asked: "ref[RequestResponseCycle]", reply: Reply) -> bool:
        """Send a reply in one write, made of bytes that were joined once; False: not this way.

        uvicorn takes it in two messages, looks at every byte of its headers twice and writes twice.
        """
        cycle = asked()
        if cycle is None or cycle.flow.write_paused or cycle.response_started:
            return False
        if cycle.disconnected:
            return True
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        if not self.transport.is_closing():  # As after a refusal of what came next.
            self.transport.write(self._bytes_of(cycle, reply))
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True

    def _bytes_of(self, cycle: RequestResponseCycle, reply: Reply) -> bytes:
        parts = [STATUS_LINE[reply.status]]
        parts += [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        if not cycle.keep_alive:
            parts.append(b"connection: close\r\n")
        parts.append(reply.head)
        if cycle.scope["method"] != "HEAD":
            parts.append(reply.body)
        return b"".join(parts)

    def on_response_complete(self) -> None:
        """As uvicorn has it, but that `reap` is the timer of a connection without a request.

        One timer a request, started here and stopped by the next one, is 1.3 µs of CPU time.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle_since = self.loop.time()

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = math.inf

    def reap(self, now: float) -> None:
        """Close the connection if its client has had its time; now: the loop's time."""
        patience_s = self.limits.body_s if self._in_body else self.limits.header_s
        late = now - self._waiting_since > patience_s
        if late or now - self._idle_since > self.timeout_keep_alive:
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
            last = reply.plus((b"connection", b"close"))
            self.transport.write(STATUS_LINE[reply.status] + last.head + reply.body)
        self.transport.close()


def limited(limits: Limits) -> type[Connection]:
    """The protocol class that keeps these limits."""
    return type("LimitedConnection", (Connection,), {"limits": limits})


def reap(connections: Any, now: float) -> None:
    """Close every connection whose client is too slow."""
    for connection in list(connections):
        connection.reap(now)
