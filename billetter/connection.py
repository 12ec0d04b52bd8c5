"""One client's connection: uvicorn's HTTP protocol with whole responses, and with limits.

uvicorn by itself waits for ever for a header, a body or a reader.
"""

import asyncio
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from weakref import ref

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from billetter.api import replies
from billetter.api.replies import Reply
from billetter.flow import drop
from billetter.request_reader import RequestReader

UNREAD_BYTES_MAX: Final = 16_384
"""Bytes of answers that wait for a client to read, beside one answer."""
LINGER_S: Final = 2.0
"""Seconds for the client to read why it is sent away, before what it still sends resets that."""
REAP_S: Final = 1.0
"""In which all connections are looked at."""
TURNS: Final = 10
"""In which that is done, if there is time."""
SPARE_CONNECTIONS: Final = 256
"""Connections above the limit that are still told so; more are closed without a word."""
FULL: Final = replies.error(
    503, "unavailable", "There are too many connections; try again.", (b"retry-after", b"1")
)


@dataclass(frozen=True, slots=True)
class Limits:
    """connections_max: per worker. header_s, body_s: seconds that each may take to arrive.

    body_s is also how long a client may read nothing while answers wait for it.
    """

    connections_max: int
    header_s: float
    body_s: float


class Connection(RequestReader):
    """An endpoint's reply leaves as it is, in one system call: see `send_whole`.

    Nothing is timed per request but by two assignments: see `Reaper`.
    """

    limits: Limits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=UNREAD_BYTES_MAX)
        # uvicorn would log as soon as anybody listens to its loggers, and see each answer for it.
        self.access_log = False
        self._full = self._deaf = len(self.connections) > self.limits.connections_max
        if len(self.connections) > self.limits.connections_max + SPARE_CONNECTIONS:
            transport.abort()

    def shutdown(self) -> None:
        self._whole_first = False
        if self._leaving_since == math.inf:
            super().shutdown()
        else:
            self.transport.close()

    def drain(self) -> None:
        """Close with the answer that is due, or the next one: others serve in place of this worker.

        An idle connection is not closed at once, as its client may be sending a request just now.
        """
        self._draining = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def _put_off(self, data: bytes) -> None:
        if self._full and not self.transport.is_closing():
            # Said only now: an answer to a request that was not read yet may be lost with it.
            self._write_last(FULL)
            self.transport.close()
        else:
            super()._put_off(data)

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
        if not self.transport.is_closing():  # As after a timeout.
            self.transport.write(self._bytes_of(cycle, reply))
        cycle.message_event.set()
        if not cycle.keep_alive:
            self._end_after(cycle)
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

    def reap(self, now: float) -> None:
        """Close the connection if its client has had its time; now: the loop's time."""
        if self.flow.unread_for(now) > self.limits.body_s:
            drop(self.transport)
        patience_s = self.limits.body_s if self._in_body else self.limits.header_s
        late = now - self._waiting_since > patience_s and not self.flow.read_paused
        idle = now - self._idle_since > self.timeout_keep_alive
        if late or idle or now - self._leaving_since > LINGER_S:
            self.transport.close()

    def _end_after(self, cycle: RequestResponseCycle) -> None:
        if self._in_body and cycle is self.cycle:
            self._leave()
        else:
            self.transport.close()


def limited(limits: Limits) -> type[Connection]:
    """The protocol class that keeps these limits."""
    return type("LimitedConnection", (Connection,), {"limits": limits})


class Reaper:
    """Looks at every connection about once a second: at a few of them each time it is called.

    All at once, ten thousand take 20 ms. It goes by the clock: under load, the time between two
    calls is as long as it likes.
    """

    def __init__(self, connections: Collection[Any]) -> None:
        self._connections = connections
        self._due: list[Connection] = []
        self._all = 0
        self._began = 0.0

    def look(self, now: float) -> None:
        """Close those of whose clients one has waited long enough; now: the loop's time."""
        if not self._due:
            if now - self._began < REAP_S:
                return
            self._due, self._began = list(self._connections), now
            self._all = len(self._due)
        left = self._all * max(0.0, 1 - (now - self._began) / REAP_S - 1 / TURNS)
        while len(self._due) > left:
            connection = self._due.pop()
            if connection in self._connections:
                connection.reap(now)
