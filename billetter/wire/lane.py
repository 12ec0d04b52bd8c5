"""One connection to Redis that carries all calls of a process.

Calls made in the same turn of the event loop leave in a few writes; Redis answers in order, so
replies are matched by position. Sentences a lane keeps, whatever happens to the connection:

- A call ends within its deadline, within twice that while Redis goes on answering others, and at
  most `in_flight_max` are under way.
- A call is sent at most twice, the second time because the connection was lost before its reply;
  callers make sure that running it twice is harmless.
- Without a reply, a call that was never sent ends as NotRun and one that was sent as ReplyLost.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import hiredis

from billetter.wire.errors import NotRun
from billetter.wire.link import Call, Link, Reply

Argument: TypeAlias = str | bytes | int
Connect: TypeAlias = Callable[[Callable[[], asyncio.Protocol]], Awaitable[object]]

SENDS_MAX = 2
PAUSE_S_MIN = 0.010
PAUSE_S_MAX = 0.250
WRITE_CALLS = 16
"""Calls that do not wait for the end of the loop's turn, so that Redis works while others are made.

With 64 clients a tenth more selects and bookings a second than in one write for each turn.
"""
LOOK_S = 0.05  # Between two looks at a connection that is late.

# The stub of hiredis asks for a tuple of one.
_pack: Callable[[tuple[Argument, ...]], bytes] = hiredis.pack_command  # type: ignore[assignment]


class Lane:
    """One multiplexed connection, kept up in the background from start() to close().

    It belongs to the loop that started it; once closed, another may start it again.

    connect: opens a connection for a protocol factory, like loop.create_connection; any exception
        means that it could not be had, and it is tried again.
    handshake: commands that must succeed on a connection before calls may use it.
    deadline_s: seconds a call may take, and a connection may take to be made.
    in_flight_max: calls under way at once; more are refused.

    repeats: how many calls went back to be sent again, as their connection was lost. The first
        sending of one may still run, at any time after the second.
    """

    def __init__(
        self,
        connect: Connect,
        handshake: Sequence[tuple[Argument, ...]] = (("PING",),),
        *,
        deadline_s: float = 2.0,
        in_flight_max: int = 32_768,
    ) -> None:
        self._connect = connect
        self._handshake = [_pack(command) for command in handshake]
        self._deadline_s = deadline_s
        self._in_flight_max = in_flight_max
        self._loop: asyncio.AbstractEventLoop
        self._task: asyncio.Task[None] | None = None
        self._link: Link | None = None
        self.repeats = 0
        self._up = asyncio.Event()
        self._lost_at = -math.inf
        self._reason = "not started"
        self._waiting: deque[Call] = deque()
        self._flush_due = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def connected(self) -> bool:
        return self._link is not None

    async def start(self) -> None:
        """Connect; NotRun says why that was not possible by the deadline.

        The lane goes on trying even then, so a service may start while Redis is away.
        """
        self._loop = asyncio.get_running_loop()
        self._up, self._flush_due = asyncio.Event(), False
        self._lost_at = self._loop.time()
        self._reason = f"no answer within {self._deadline_s} s"
        self._task = self._loop.create_task(self._keep_connected())
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._up.wait()
        except TimeoutError:
            raise NotRun(self._reason) from None

    async def close(self) -> None:
        """End the connection; calls under way fail at once."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        if (link := self._link) is not None:
            link.drop()  # Before anything is awaited, so that nothing more is sent.
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._reason = "closed"
        while self._waiting:
            self._waiting.popleft().fail(self._reason)
        await asyncio.wait([task])
        if link is not None:
            await link.close()

    def call(self, *args: Argument) -> Awaitable[Reply]:
        """Send one command; the awaitable gives its reply.

        Replies are as in RESP2: bytes (also for OK), int, None or a list of these.
        Raises NotRun at once when too many calls are under way, or when there has been no
        connection for longer than the deadline; the awaitable raises any WireError.
        Not for commands that block or change how the connection talks (BLPOP, SUBSCRIBE, MULTI).
        """
        link = self._link
        under_way = len(self._waiting)
        if link is not None:
            under_way += len(link.sent)
        elif self._task is None or self._loop.time() - self._lost_at > self._deadline_s:
            raise NotRun(f"not connected: {self._reason}")
        if under_way >= self._in_flight_max:
            raise NotRun(f"{under_way} calls are under way already")
        deadline = self._loop.time() + self._deadline_s
        call = Call(self._loop.create_future(), _pack(args), deadline)
        self._waiting.append(call)
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self.flush)
        elif len(self._waiting) >= WRITE_CALLS:
            self.flush()
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._expire)
        return call.future

    def flush(self) -> None:
        self._flush_due = False
        link = self._link
        if link is not None and link.writable and self._waiting:
            calls = [call for call in self._waiting if not call.future.done()]
            self._waiting.clear()
            link.send(calls)

    def _expire(self) -> None:
        """Fail what is past its deadline; every call has the same, so the oldest come first.

        The clock of a busy process runs against Redis: so what waits is sent first, and a
        connection is given up only at a second look, after Redis was silent for that long or the
        oldest call had its time twice. So do calls that wait behind others which are answered.
        """
        self._timer = None
        now, link = self._loop.time(), self._link
        if link is not None:
            self.flush()
            deadline = link.sent[0].deadline if link.sent else math.inf
            if max(deadline, min(link.heard_at, deadline) + self._deadline_s) <= now:
                if link.looked:
                    link.drop()
                link.looked = True  # Timers run before reading: what has arrived comes next.
        late = now - self._deadline_s if link and now - link.heard_at < self._deadline_s else now
        while self._waiting and self._waiting[0].deadline <= late:
            self._waiting.popleft().fail(f"no reply within {self._deadline_s} s")
        oldest = link.sent if link is not None and link.sent else self._waiting
        if oldest:
            self._timer = self._loop.call_at(max(oldest[0].deadline, now + LOOK_S), self._expire)

    def lost(self, link: Link) -> None:
        """Take back what was sent over `link`; harmless when that was done before."""
        if link is self._link:
            self._link = None
            self._lost_at = self._loop.time()
        calls = [call for call in link.sent if not call.future.done()]
        link.sent.clear()
        for call in reversed(calls):
            if call.sends < SENDS_MAX:
                self.repeats += 1
                self._waiting.appendleft(call)
            else:
                call.fail("the connection was lost before the reply")

    async def _keep_connected(self) -> None:
        pause_s = PAUSE_S_MIN
        while True:
            try:
                link = await self._open()
            except Exception as error:
                # Whatever it was, it must not end the attempts: nobody else would make any.
                self._reason = str(error) or f"no answer within {self._deadline_s} s"
            else:
                pause_s = PAUSE_S_MIN
                await self._use(link)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_S_MAX)

    async def _open(self) -> Link:
        # As if sent once already: on another connection they would be out of place.
        greeting = [
            Call(self._loop.create_future(), packed, math.inf, sends=SENDS_MAX - 1)
            for packed in self._handshake
        ]
        link = Link(self, greeting)
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._connect(lambda: link)
                await asyncio.gather(*[call.future for call in greeting])
        except BaseException:
            await link.close()
            raise
        return link

    async def _use(self, link: Link) -> None:
        """Let calls travel over `link` until it is lost."""
        self._link = link
        self._reason = "the connection was lost"
        self._up.set()
        self.flush()
        await link.closed.wait()
        self.lost(link)  # It may have gone before it was in use.
