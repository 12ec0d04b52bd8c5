"""The same calls as a Lane's, answered by fakeredis inside the process; nothing is kept."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import Any

import hiredis
import redis
from redis.asyncio.connection import AbstractConnection

from billetter.wire.errors import NotRun, Rejected, ReplyLost, WireError, refusal
from billetter.wire.lane import Argument
from billetter.wire.link import Reply, refuse

FAKE_VERSION = (7, 0)


class FakeLane:
    """A wire to a Redis that lives in this process.

    name: lanes of one name share one server, which lives as long as the process.
    server: the server of a lane without a name; without one it has a server to itself.
    in_flight_max: calls under way at once; more are refused.
    Raises ModuleNotFoundError where fakeredis or its Lua is not installed.
    """

    def __init__(
        self, name: str = "", *, server: object = None, in_flight_max: int = 32_768
    ) -> None:
        self._connect = _connector(name, server)
        self._in_flight_max = in_flight_max
        self._connection: AbstractConnection
        self._calls: asyncio.Queue[tuple[bytes, asyncio.Future[Reply]]]
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        return self._task is not None

    async def start(self) -> None:
        # Both belong to the loop: one that was closed may start again in another.
        self._connection, self._calls = self._connect(), asyncio.Queue()
        await self._connection.connect()  # type: ignore[no-untyped-call]
        self._task = asyncio.get_running_loop().create_task(self._answer_calls())

    async def close(self) -> None:
        """Stop; calls under way fail at once."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            while not self._calls.empty():
                _settle(self._calls.get_nowait()[1], NotRun("closed"))
            await self._connection.disconnect()

    def call(self, *args: Argument) -> Awaitable[Reply]:
        """Run one command, in the order of the calls; see Lane.call."""
        if self._task is None:
            raise NotRun("not connected: not started, or closed")
        if self._calls.qsize() >= self._in_flight_max:
            raise NotRun(f"{self._calls.qsize()} calls are under way already")
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        # Packed here, as in a Lane, so that a wrong argument fails in the same way.
        packed: bytes = hiredis.pack_command(args)  # type: ignore[arg-type]
        self._calls.put_nowait((packed, future))
        return future

    async def _answer_calls(self) -> None:
        while True:
            packed, future = await self._calls.get()
            if future.done():
                continue
            try:
                await self._connection.send_packed_command(packed)
                _settle(future, await self._connection.read_response(disable_decoding=True))
            except redis.RedisError as error:
                _settle(future, _wire_error(error))
            except asyncio.CancelledError:
                _settle(future, ReplyLost("closed"))
                raise
            except Exception as error:
                # fakeredis itself broke, and with it the connection; the next call makes one.
                _settle(future, Rejected("ERR", f"fakeredis failed: {error!r}"))


def fake_server() -> object:
    """A server for several lanes. Raises ModuleNotFoundError as FakeLane."""
    return _fakeredis().FakeServer(version=FAKE_VERSION)


def _connector(name: str, server: object) -> Callable[[], AbstractConnection]:
    # By name fakeredis finds a server that is there already.
    alone = None if name else server or fake_server()
    # No timeout: the wait_for behind it may lose a cancellation before Python 3.12, and close()
    # would then wait for ever.
    client = _fakeredis().FakeAsyncRedis(
        host=name, server=alone, version=FAKE_VERSION, protocol=2, socket_timeout=None
    )
    # A connection, not the client: clients turn replies into Python's types.
    return client.connection_pool.make_connection  # type: ignore[no-any-return]


def _fakeredis() -> Any:
    try:
        import fakeredis

        importlib.import_module("lupa")  # Without it fakeredis has no scripts.
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "fake:// needs fakeredis with Lua: pip install 'billetter[embedded]'"
        ) from error
    return fakeredis


def _settle(future: asyncio.Future[Reply], result: Reply | WireError) -> None:
    if future.done():
        return  # Its caller has gone away.
    if isinstance(result, WireError):
        refuse(future, result)
    else:
        future.set_result(result)


def _wire_error(error: redis.RedisError) -> WireError:
    # redis-py takes the code off those replies it has a class for; of these only two can come: this
    # one, and ERR, which is what no code means to refusal().
    if isinstance(error, redis.exceptions.NoScriptError):
        return Rejected("NOSCRIPT", f"NOSCRIPT {error}")
    return refusal(str(error))
