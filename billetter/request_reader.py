"""What a client sends, made into requests: uvicorn's HTTP protocol, with bounds on all of it.

uvicorn by itself takes any number of requests at once and trailers of any size, says that the last
bytes are wrong instead of what the requests before them did, and stops at an offer to upgrade.
"""

import asyncio
import math
from abc import abstractmethod
from functools import partial
from typing import Any, Final
from weakref import ref

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from billetter.api import replies
from billetter.api.endpoint import LARGE_BODY
from billetter.api.replies import WHOLE, Reply
from billetter.flow import Flow
from billetter.request_head import Head, Refused, Resumed, inspect, is_usual, size_of

HEADER_BYTES_MAX: Final = 16_384
"""Bytes of a request line and its headers, and as many of what frames a body: see FRAMING."""
FRAMING: Final = 8
"""Bytes of chunk sizes, extensions and trailers that each byte of a body may bring with it.

A chunk of one byte brings five.
"""
QUEUED_MAX: Final = 8
"""Requests of a connection that wait for the one before them; more are not read."""
TURN_BYTES: Final = 16_384
"""Bytes of a connection that are parsed before others have their turn: in chunks of one, 2 ms."""
FEW: Final = 512
"""Bytes of which one need not ask how many requests they are."""
HEAD_END: Final = b"\r\n\r\n"

HEADERS_TOO_LARGE: Final = replies.error(
    431, "headers_too_large", f"The headers may have {HEADER_BYTES_MAX} bytes at most."
)
NOT_HTTP: Final = replies.error(400, "bad_request", "This is not an HTTP request.")


class RequestReader(HttpToolsProtocol):
    """Queues what is asked, in order; what cannot be understood is said after the answers to it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow: Flow = Flow(transport)
        self._deaf = False
        """Whether nothing more is taken from the client."""
        self._parting: Reply | None = None
        """Said when all requests before it are answered; then the connection ends."""
        self._unparsed = b""
        self._received = 0
        """Bytes that are no body since something was understood."""
        self._discarded = 0
        self._in_body = self._draining = False
        self._whole_first = False
        """Whether the connection ends if the request is answered before its body has come."""
        self._serving: RequestResponseCycle | None = None
        """The request under way where others are queued."""
        self._waiting_since = self.loop.time()
        """For the rest of a request. inf, here and below: not at all."""
        self._idle_since = math.inf
        """For a next request."""
        self._leaving_since = math.inf
        """For the client to end, too, after the last word."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._serving is not None and not self._serving.response_complete:
            self._serving.disconnected = True
            self._serving.message_event.set()
        self.pipeline.clear()
        self._unparsed = b""

    def data_received(self, data: bytes) -> None:
        """Parse it, up to as many requests as may be queued."""
        if self._deaf or self._unparsed:
            return self._put_off(data)
        self._idle_since = math.inf
        if self._waiting_since == math.inf:
            self._waiting_since = self.loop.time()
        size = len(data)
        if size <= FEW or (size <= TURN_BYTES and data.count(HEAD_END) <= QUEUED_MAX):
            self._feed(data)
        else:
            self._feed_in_pieces(data)

    def _put_off(self, data: bytes) -> None:
        """Keep it until there is room; what comes too late is dropped, up to a limit."""
        if not self._deaf:
            self._unparsed += data
            return
        self._discarded += len(data)
        if self._discarded > LARGE_BODY:
            if self._leaving_since == math.inf:
                self.flow.pause_reading()  # A last request is under way, and ends the connection.
            else:
                self.transport.close()

    def _feed_in_pieces(self, data: bytes) -> None:
        at = 0
        while at < len(data) and not self._deaf:
            if at >= TURN_BYTES or len(self.pipeline) >= QUEUED_MAX:
                self._unparsed = data[at:]
                self.flow.hold()
                self.loop.call_soon(self._go_on)
                return
            # No piece ends more than one head.
            found = data.find(HEAD_END, at, at + TURN_BYTES)
            end = at + TURN_BYTES if found < 0 else found + len(HEAD_END)
            self._feed(data[at:end])
            at = end

    def _go_on(self) -> None:
        if self._unparsed and not self.pipeline:
            self._read_on()

    def _feed(self, data: bytes) -> None:
        self._received += len(data)
        if self._in_body and self.cycle.response_complete:
            self._discarded += len(data)
            if self._discarded > LARGE_BODY:
                self._leave()
                return
        while data:
            try:
                self.parser.feed_data(data)
                data = b""
            except httptools.HttpParserUpgrade as offer:
                data = data[offer.args[0] :]
                self.parser = httptools.HttpRequestParser(Resumed(self))
                self.parser.feed_data(Resumed.head(self.headers))
            except httptools.HttpParserError as error:
                cause = error.__context__
                self._refuse(cause.reply if isinstance(cause, Refused) else NOT_HTTP)
                return
        if self._received > HEADER_BYTES_MAX:
            self._refuse(HEADERS_TOO_LARGE)

    def on_message_begin(self) -> None:
        if self._deaf:
            raise Refused(NOT_HTTP)  # Nobody is told: the request before it was the last.
        self._waiting_since = self.loop.time()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_body:  # As trailers are.
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._received > HEADER_BYTES_MAX < size_of(self.url, self.headers):
            raise Refused(HEADERS_TOO_LARGE)
        head = None if is_usual(self.url, self.headers) else self._inspect()
        before = self.cycle
        super().on_headers_complete()
        self._in_body, self._received = True, 0
        # The task that serves the request starts in the next turn of the loop.
        # It must not own the cycle: that owns the scope, and only circles need the collector.
        whole: Any = partial(self.send_whole, ref(self.cycle))
        self.scope["extensions"] = {WHOLE: whole}
        self.cycle.keep_alive &= not self._draining
        if head is not None:
            self._prepare(head)
        if self.pipeline:
            self.flow.held = True
            if len(self.pipeline) == 1:
                self._serving = before

    def _inspect(self) -> Head:
        method, version = self.parser.get_method(), self.parser.get_http_version()
        head = inspect(method, self.url, version, self.headers)
        self.url = head.target
        self.expect_100_continue = head.expects_100
        return head

    def _prepare(self, head: Head) -> None:
        """Make ready for a body of which one cannot know yet whether it will come as it should."""
        if head.chunked:
            receive: Any = partial(self._receive, ref(self.cycle))
            self.cycle.receive = receive  # type: ignore[method-assign]
        self._whole_first = (head.expects_100 or head.large) and self.cycle.keep_alive
        if self._whole_first:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        left = self._received - (1 + FRAMING) * len(body)
        self._received = left if left > 0 else 0
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # Its body, which this parser does not see, is yet to come.
        self._in_body, self._received, self._waiting_since = False, 0, math.inf
        self._discarded = 0
        cycle = self.cycle
        if self._whole_first:
            self._whole_first, cycle.keep_alive = False, not cycle.response_started
        if not cycle.keep_alive:
            self._deaf = True
        cycle.more_body = False
        cycle.message_event.set()

    @abstractmethod
    def send_whole(self, asked: "ref[RequestResponseCycle]", reply: Reply) -> bool: ...

    async def _receive(self, asked: "ref[RequestResponseCycle]") -> Any:
        """What comes of a body in chunks; a refusal of the chunks answers the request."""
        cycle = asked()
        if cycle is None:
            return {"type": "http.disconnect"}
        message = await RequestResponseCycle.receive(cycle)
        if self._parting is not None and cycle is self.cycle and cycle.more_body:
            cycle.disconnected = True
            self._part()
            return {"type": "http.disconnect"}
        return message

    def on_response_complete(self) -> None:
        """Serve the next request, or say the last word, or read on.

        `reap` is the timer of an idle connection: one a request is 1.3 µs of CPU time.
        """
        self.server_state.total_requests += 1
        if self._leaving_since != math.inf or self.transport.is_closing():
            return
        if self.pipeline:
            self._serving, app = self.pipeline.pop()
            self._start_asgi_task(self._serving, app)
        elif self._parting is not None:
            self._part()
            return
        else:
            self._idle_since = self.loop.time()
        if self.flow.held:
            if not self.pipeline:
                self._read_on()
        else:
            self.flow.resume_reading()

    def _read_on(self) -> None:
        """Take what was left while requests were queued."""
        self.flow.let_go()
        if self._waiting_since != math.inf:
            self._waiting_since = self.loop.time()
        if self._unparsed:
            data, self._unparsed = self._unparsed, b""
            self.data_received(data)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = math.inf

    def _refuse(self, reply: Reply) -> None:
        """Take nothing more, and say why once what was asked before is answered."""
        if self._deaf:
            return
        self._deaf, self._parting, self._waiting_since = True, reply, math.inf
        if self.cycle is None or self.cycle.response_complete:
            self._part()
        elif self._in_body:
            self.cycle.message_event.set()  # It waits for the body that is refused: see `_receive`.

    def _part(self) -> None:
        """Say the last word, unless the request it is about has an answer."""
        last, self._parting = self._parting, None
        answered = self._in_body and self.cycle.response_started
        if last is not None and not answered and not self.transport.is_closing():
            self._write_last(last)
        self._leave()

    def _write_last(self, reply: Reply) -> None:
        last = reply.plus((b"connection", b"close"))
        self.transport.write(STATUS_LINE[reply.status] + last.head + reply.body)

    def _leave(self) -> None:
        """End what we say; drop what still comes until the client ends too, or has had its time."""
        self._deaf = True
        if self._leaving_since != math.inf or self.transport.is_closing():
            return
        self.flow.let_go()
        self._leaving_since, self._waiting_since = self.loop.time(), math.inf
        self._discarded = 0
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()
