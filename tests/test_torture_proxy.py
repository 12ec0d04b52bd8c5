"""The fault proxy: each fault is what it says it is, as seen by a lane and in Redis."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.torture.proxy import Fault, Proxy, names
from bench.torture.resp import end_of, taken, words
from billetter.testing import RedisServer
from billetter.wire.errors import ReplyLost, WireError
from billetter.wire.topology import Wire, open_wire

DEADLINE_S = 0.3
DROPPED = [Fault.DROP_REPLY, Fault.CUT_REPLY]


@pytest.fixture
async def proxy(own_server: RedisServer) -> AsyncIterator[Proxy]:
    with tempfile.TemporaryDirectory(prefix="billetter-") as directory:
        async with Proxy(Path(directory) / "proxy.sock", own_server.socket) as proxy:
            yield proxy


@pytest.fixture
async def through(proxy: Proxy) -> AsyncIterator[Wire]:
    wire = open_wire(proxy.url, deadline_s=DEADLINE_S)
    await wire.start()
    yield wire
    await wire.close()


async def count_of(server: RedisServer) -> int:
    """What the counter is, seen past the proxy."""
    wire = open_wire(server.url)
    await wire.start()
    try:
        value = await wire.call("GET", "counter")
    finally:
        await wire.close()
    assert value is None or isinstance(value, bytes)
    return int(value or 0)


@pytest.mark.parametrize(
    "value",
    [
        b"+OK\r\n",
        b"-ERR no\r\n",
        b":7\r\n",
        b"$-1\r\n",
        b"$0\r\n\r\n",
        b"$4\r\n\r\n\r\n\r\n",
        b"*0\r\n",
        b"*-1\r\n",
        b"*2\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n",
    ],
)
def test_values_end_where_they_end(value: bytes) -> None:
    assert end_of(value) == len(value)
    assert end_of(b":0\r\n" + value + b":0\r\n", 4) == 4 + len(value)
    assert [end_of(value[:cut]) for cut in range(len(value))] == [None] * len(value)


def test_what_is_incomplete_stays() -> None:
    buffer = bytearray(b":1\r\n$2\r\nab\r\n$5\r\nab")
    assert list(taken(buffer)) == [b":1\r\n", b"$2\r\nab\r\n"]
    assert buffer == b"$5\r\nab"


def test_other_protocols_are_refused() -> None:
    with pytest.raises(ValueError, match="RESP2"):
        end_of(b"HTTP/1.1 200\r\n")


def test_words_may_hold_anything() -> None:
    assert words(b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n*1\r\n") == [b"SET", b"", b"\r\n*1"]


async def test_without_a_trap_everything_passes(
    through: Wire, proxy: Proxy, own_server: RedisServer
) -> None:
    replies = await asyncio.gather(*(through.call("INCR", "counter") for _ in range(2_000)))
    assert replies == list(range(1, 2_001))
    assert await through.call("ECHO", b"\r\n" * 100_000) == b"\r\n" * 100_000
    assert proxy.commands.count([b"INCR", b"counter"]) == 2_000


@pytest.mark.parametrize("fault", DROPPED)
async def test_a_lost_reply_is_that_of_a_command_that_ran(
    through: Wire, proxy: Proxy, own_server: RedisServer, fault: Fault
) -> None:
    trap = proxy.arm(fault, names("incr"), nth=2)
    assert await through.call("INCR", "counter") == 1
    assert await through.call("INCR", "counter") == 3, "it ran, was lost and sent again"
    assert trap.sprung == 1
    assert await count_of(own_server) == 3


@pytest.mark.parametrize("fault", DROPPED)
async def test_replies_lost_twice(
    through: Wire, proxy: Proxy, own_server: RedisServer, fault: Fault
) -> None:
    trap = proxy.arm(fault, names("INCR"), times=2)
    with pytest.raises(ReplyLost):
        await through.call("INCR", "counter")
    assert trap.sprung == 2
    assert await count_of(own_server) == 2


async def test_redis_is_away_after_a_reply(
    through: Wire, proxy: Proxy, own_server: RedisServer
) -> None:
    proxy.arm(Fault.LEAVE, names("INCR"))
    assert await through.call("INCR", "counter") == 1
    for _ in range(2):
        assert isinstance(await answer(through, "INCR", "counter"), WireError)
    assert await count_of(own_server) == 1
    proxy.away = False
    for _ in range(500):
        if await answer(through, "INCR", "counter") == 2:
            return
        await asyncio.sleep(0.01)
    pytest.fail("the lane never came back")


async def test_half_a_request_does_not_run(
    through: Wire, proxy: Proxy, own_server: RedisServer
) -> None:
    trap = proxy.arm(Fault.CUT_REQUEST, names("INCR"))
    assert await through.call("INCR", "counter") == 1
    assert trap.sprung == 1
    assert await count_of(own_server) == 1


@pytest.mark.parametrize(("fault", "ran"), [(Fault.HALF_OPEN, 0), (Fault.MUTE, 1)])
async def test_silence_lasts_until_the_deadline(
    through: Wire, proxy: Proxy, own_server: RedisServer, fault: Fault, ran: int
) -> None:
    proxy.arm(fault, names("INCR"))
    began = time.monotonic()
    with pytest.raises(ReplyLost):
        await through.call("INCR", "counter")
    assert DEADLINE_S <= time.monotonic() - began < DEADLINE_S + 1
    assert await count_of(own_server) == ran
    assert await through.call("INCR", "counter") == ran + 1, "on another connection all is well"


async def test_a_late_reply_is_late_and_right(through: Wire, proxy: Proxy) -> None:
    proxy.arm(Fault.DELAY, names("INCR"), delay_s=0.1)
    began = time.monotonic()
    assert await asyncio.gather(*(through.call("INCR", "counter") for _ in range(3))) == [1, 2, 3]
    assert time.monotonic() - began >= 0.1


async def test_a_hook_runs_before_its_command(
    through: Wire, proxy: Proxy, own_server: RedisServer
) -> None:
    seen = []

    async def look() -> None:
        seen.append(await count_of(own_server))

    proxy.arm(Fault.PASS, names("INCR"), nth=2, hook=look)
    assert [await through.call("INCR", "counter") for _ in range(3)] == [1, 2, 3]
    assert seen == [1]


async def test_a_server_that_is_away_hangs_up(
    through: Wire, proxy: Proxy, own_server: RedisServer
) -> None:
    own_server.kill()
    with pytest.raises(ReplyLost):
        await asyncio.wait_for(through.call("PING"), 2)
    own_server.start()
    answers = []
    for _ in range(500):
        answers.append(await answer(through))
        if answers[-1] == b"PONG":
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"the lane never came back: {answers[-1]}")


async def answer(wire: Wire, *command: str) -> object:
    try:
        return await wire.call(*(command or ("PING",)))
    except WireError as error:
        return error
