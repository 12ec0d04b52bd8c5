"""A stand-in for Redis that answers, stays silent or hangs up exactly as a test says."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import hiredis

CUT = None
"""What an answer function returns to have the connection cut."""

Answer = Callable[[list[bytes]], bytes | None]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that no event tells; TimeoutError after 20 s."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


class StubServer:
    """Reads commands on a unix socket (and with `tls` on a TCP port) and sends what `answer` gives.

    answer: gets each command and returns the bytes to send, b"" for silence or CUT; PING is
        answered by the stub itself unless `answer` is given it by `pings=True`.
    seen: every command received but PING, over all connections; `connections` counts those, and
        `opened` those that are open.
    """

    def __init__(
        self,
        directory: Path,
        answer: Answer,
        *,
        pings: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.path = directory / "stub.sock"
        self.port = 0
        self.seen: list[list[bytes]] = []
        self.connections = 0
        self._answer = answer
        self._pings = pings
        self._tls = tls
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def opened(self) -> int:
        return len(self._writers)

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    async def __aenter__(self) -> Self:
        if self._tls is None:
            self._server = await asyncio.start_unix_server(self._serve, self.path)
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        commands = hiredis.Reader(notEnoughData=CUT)
        try:
            while data := await reader.read(65_536):
                commands.feed(data)
                while (command := commands.gets()) is not CUT:
                    reply = self._reply(command)
                    if reply is CUT:
                        return
                    writer.write(reply)
        except OSError:
            pass  # The other side hung up.
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    def _reply(self, command: list[bytes]) -> bytes | None:
        if command == [b"PING"] and not self._pings:
            return b"+PONG\r\n"
        if command != [b"PING"]:
            self.seen.append(command)
        return self._answer(command)
