"""A proxy between a lane and Redis that loses, cuts, delays and withholds what passes through.

async with Proxy(directory / "proxy.sock", server.socket) as proxy:
    trap = proxy.arm(Fault.DROP_REPLY, names("EVALSHA"), nth=3)
    ...  # A lane on proxy.url works.
    assert trap.sprung == 1
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from bench.torture.resp import Command, taken, words

CLOSE_S_MAX = 1.0

Matches = Callable[[Command], bool]
Hook = Callable[[], Awaitable[object]]


class Fault(Enum):
    """What happens to a command that springs a trap."""

    PASS = auto()
    """Nothing; for a hook that is run before the command, or to count."""
    CUT_REQUEST = auto()
    """Half of the command reaches Redis, then the connection is cut: it does not run."""
    DROP_REPLY = auto()
    """It runs, and the connection is cut instead of giving the reply."""
    CUT_REPLY = auto()
    """It runs, and the connection is cut in the middle of the reply."""
    LEAVE = auto()
    """It runs and is answered; then the connection is cut, and `away` is set."""
    HALF_OPEN = auto()
    """It does not run: from here on everything is swallowed, and nothing is ever answered."""
    MUTE = auto()
    """It runs, as does all that follows on its connection, and nothing is ever answered."""
    DELAY = auto()
    """Its reply comes late, and so do all after it."""


@dataclass(slots=True)
class Trap:
    """Springs on the nth command that matches, and on the next ones, `times` in all.

    hook: is awaited before the command is passed on. delay_s: for DELAY.
    """

    fault: Fault
    matches: Matches
    nth: int = 1
    times: int = 1
    hook: Hook | None = None
    delay_s: float = 0.0
    seen: int = 0
    sprung: int = 0

    def springs(self, command: Command) -> bool:
        if not self.matches(command):
            return False
        self.seen += 1
        springs = self.nth <= self.seen < self.nth + self.times
        self.sprung += springs
        return springs


def anything(command: Command) -> bool:
    """Every command but those of a lane's handshake."""
    return command[0] != b"PING"


def names(*wanted: str) -> Matches:
    """Commands of these names; `EVALSHA` covers the EVAL that mends a NOSCRIPT, too."""
    upper = {name.upper().encode() for name in wanted}
    return lambda command: command[0].upper() in upper


class _Side(asyncio.Protocol):
    """One of a link's two connections; `values` ends with None when it is lost."""

    def __init__(self, made: Callable[["_Side"], None] = lambda _: None) -> None:
        self.transport: asyncio.Transport
        self.values: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._made = made
        self._buffer = bytearray()
        self._closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._made(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        for value in taken(self._buffer):
            self.values.put_nowait(value)

    def connection_lost(self, exc: Exception | None) -> None:
        self.values.put_nowait(None)
        self._closed.set()

    async def close(self) -> None:
        """Close the connection, after what was written has left, if it leaves."""
        self.transport.close()
        try:
            async with asyncio.timeout(CLOSE_S_MAX):
                await self._closed.wait()
        except TimeoutError:
            self.transport.abort()
            await self._closed.wait()


class _Link:
    """A client's connection and the one to Redis that belongs to it."""

    def __init__(self, proxy: "Proxy", client: _Side, server: _Side) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._awaited: deque[Trap | None] = deque()
        self._swallows = False
        self._mute = False

    async def run(self) -> None:
        """Pass on until one side ends, or a fault ends both."""
        ways = [
            asyncio.create_task(_pump(self._client, self._request)),
            asyncio.create_task(_pump(self._server, self._reply)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
        for way in ways:
            if not way.cancelled():
                way.result()  # A fault of the proxy itself is not to pass for one it makes.

    async def _request(self, raw: bytes) -> bool:
        if self._swallows:
            return True
        command = words(raw)
        self._proxy.commands.append(command)
        trap = self._proxy.trap_for(command)
        if trap is not None and trap.hook is not None:
            await trap.hook()
        match trap.fault if trap else Fault.PASS:
            case Fault.HALF_OPEN:
                self._swallows = self._mute = True
                return True
            case Fault.CUT_REQUEST:
                self._server.transport.write(raw[: len(raw) // 2])
                return False
        self._awaited.append(trap)
        self._server.transport.write(raw)
        return True

    async def _reply(self, raw: bytes) -> bool:
        trap = self._awaited.popleft() if self._awaited else None
        match trap.fault if trap else Fault.PASS:
            case Fault.DROP_REPLY:
                return False
            case Fault.LEAVE:
                self._proxy.away = True
                self._client.transport.write(raw)
                return False
            case Fault.CUT_REPLY:
                self._client.transport.write(raw[: len(raw) // 2])
                return False
            case Fault.MUTE:
                self._mute = True
            case Fault.DELAY if trap is not None:
                await asyncio.sleep(trap.delay_s)
        if not self._mute:
            self._client.transport.write(raw)
        return True


async def _pump(side: _Side, pass_on: Callable[[bytes], Awaitable[bool]]) -> None:
    """Pass on each value that comes, until the connection is lost or one says that it ends."""
    while (raw := await side.values.get()) is not None:
        if not await pass_on(raw):
            return


class Proxy:
    """Listens on the unix socket `path` and passes on to the one at `target`.

    commands: all that were asked to be passed on, those that sprang a trap as well.
    away: whoever connects is sent away at once.
    """

    def __init__(self, path: Path, target: Path) -> None:
        self._path = path
        self._target = target
        self._traps: list[Trap] = []
        self._links: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server
        self.commands: list[Command] = []
        self.away = False

    @property
    def url(self) -> str:
        return f"unix://{self._path}"

    def arm(
        self,
        fault: Fault,
        matches: Matches = anything,
        *,
        nth: int = 1,
        times: int = 1,
        hook: Hook | None = None,
        delay_s: float = 0.0,
    ) -> Trap:
        """Set a trap; it counts commands from now on. The first armed that springs acts alone."""
        trap = Trap(fault, matches, nth, times, hook, delay_s)
        self._traps.append(trap)
        return trap

    def trap_for(self, command: Command) -> Trap | None:
        springing = [trap for trap in self._traps if trap.springs(command)]
        return springing[0] if springing else None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Side(self._accept), str(self._path))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        links = list(self._links)
        for task in links:
            task.cancel()
        ends = await asyncio.gather(*links, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    def _accept(self, client: _Side) -> None:
        # Kept until the proxy ends, so that a fault of its own is not lost.
        self._links.add(asyncio.get_running_loop().create_task(self._serve(client)))

    async def _serve(self, client: _Side) -> None:
        if self.away:
            return await client.close()
        loop = asyncio.get_running_loop()
        try:
            _, server = await loop.create_unix_connection(_Side, str(self._target))
        except OSError:
            await client.close()  # Redis is away: it would hang up as well.
            return
        try:
            await _Link(self, client, server).run()
        finally:
            await asyncio.gather(client.close(), server.close())
