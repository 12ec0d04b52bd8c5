"""A connection to Redis: what is sent over it, in order, and the replies, in the same order."""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from typing import Protocol, TypeAlias, cast

import hiredis

from billetter.wire.errors import NotRun, ReplyLost, WireError, refusal

Reply: TypeAlias = bytes | int | list["Reply"] | None

_INCOMPLETE = object()


def refuse(future: asyncio.Future[Reply], error: WireError) -> None:
    """End a call with an error, which nobody has to look at: asyncio would log that otherwise."""
    future.set_exception(error)
    future.exception()


class Call:
    """A command under way. sends: how often it was written to a connection."""

    __slots__ = ("deadline", "future", "packed", "sends")

    def __init__(
        self, future: asyncio.Future[Reply], packed: bytes, deadline: float, sends: int = 0
    ) -> None:
        self.future = future
        self.packed = packed
        self.deadline = deadline
        self.sends = sends

    def fail(self, why: str) -> None:
        if not self.future.done():
            refuse(self.future, ReplyLost(why) if self.sends else NotRun(why))


class Owner(Protocol):
    """Whom a link serves."""

    def flush(self) -> None:
        """The link can be written to again."""

    def lost(self, link: "Link") -> None:
        """The link can no longer be used; it may be told more than once."""


class Link(asyncio.Protocol):
    """One connection, from its opening to its loss; `greeting` is what it sends first."""

    def __init__(self, owner: Owner, greeting: Sequence[Call]) -> None:
        self.sent: deque[Call] = deque()
        self.closed = asyncio.Event()
        self.heard_at, self.looked = -math.inf, False
        self._greeting = greeting
        self._loop = asyncio.get_running_loop()
        self._owner = owner
        self._paused = False
        self._reader = hiredis.Reader(replyError=refusal, notEnoughData=_INCOMPLETE)
        self._transport: asyncio.Transport | None = None

    @property
    def writable(self) -> bool:
        transport = self._transport
        return not (self._paused or transport is None or transport.is_closing())

    def send(self, calls: Sequence[Call]) -> None:
        if self._transport is not None:
            for call in calls:
                call.sends += 1
            self.sent.extend(calls)
            self._transport.write(b"".join([call.packed for call in calls]))

    def drop(self) -> None:
        """Give the connection up now; its calls go back to the lane."""
        if self._transport is not None:
            self._transport.abort()
        self._owner.lost(self)

    async def close(self) -> None:
        """Give the connection up and wait until its socket is closed."""
        self.drop()
        if self._transport is not None:
            await self.closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asserted: uvloop's transports do not descend from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        # At once: a server with too many clients says so, and hangs up, without being asked.
        self.send(self._greeting)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
        self._owner.lost(self)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._owner.flush()

    def data_received(self, data: bytes) -> None:
        self.heard_at, self.looked = self._loop.time(), False
        gets, next_call = self._reader.gets, self.sent.popleft
        try:
            self._reader.feed(data)
            while (reply := gets()) is not _INCOMPLETE:
                future = next_call().future
                if future.done():
                    continue  # Its caller has gone away; the reply had to be taken all the same.
                if isinstance(reply, WireError):
                    refuse(future, reply)
                else:
                    future.set_result(reply)
        except (hiredis.HiredisError, IndexError):
            # Not RESP, or a reply nobody asked for: nothing more that comes can be trusted.
            self.drop()
