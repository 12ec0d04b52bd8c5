"""The lane on real servers: order, limits, deadlines, servers that die and come back."""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import uvloop

from billetter.testing import RedisServer
from billetter.wire.errors import NotRun, Rejected, ReplyLost
from billetter.wire.lane import WRITE_CALLS, Lane
from billetter.wire.topology import Wire, open_wire
from tests.wire.stub import until


@asynccontextmanager
async def opened(
    url: str, deadline_s: float = 20.0, in_flight_max: int = 1000
) -> AsyncIterator[Lane]:
    lane = cast(Lane, open_wire(url, deadline_s=deadline_s, in_flight_max=in_flight_max))
    await lane.start()
    try:
        yield lane
    finally:
        await lane.close()


async def reads_of(lane: Wire) -> int:
    info = cast(bytes, await lane.call("INFO", "stats"))
    return int(info.split(b"total_reads_processed:")[1].split()[0])


async def test_calls_at_once_share_writes_and_get_their_own_replies(lane: Wire) -> None:
    before = await reads_of(lane)
    calls = [lane.call("ECHO", number) for number in range(10_000)]
    replies = await asyncio.gather(*calls)

    assert replies == [b"%d" % number for number in range(10_000)]
    assert await reads_of(lane) - before < 2 * 10_000 / WRITE_CALLS


async def test_calls_of_many_tasks_get_their_own_replies(lane: Wire) -> None:
    async def ask(task: int) -> None:
        for number in range(50):
            assert await lane.call("ECHO", f"{task}:{number}") == b"%d:%d" % (task, number)

    await asyncio.gather(*[ask(task) for task in range(200)])


async def test_cancelled_calls_never_shift_replies(lane: Wire) -> None:
    dice = random.Random(7)
    for _ in range(50):
        calls = [asyncio.ensure_future(lane.call("ECHO", number)) for number in range(200)]
        gone = dice.sample(range(200), 80)
        for number in gone[:40]:
            calls[number].cancel()
        await asyncio.sleep(0)  # Now the others are sent.
        for number in gone[40:]:
            calls[number].cancel()
        kept = [number for number in range(200) if number not in gone]
        assert [await calls[number] for number in kept] == [b"%d" % number for number in kept]


async def test_replies_keep_their_kind(lane: Wire) -> None:
    script = "return {1, 'two', {3, {}}, false, redis.status_reply('OK')}"
    assert await lane.call("EVAL", script, 0) == [1, b"two", [3, []], None, b"OK"]
    assert await lane.call("GET", "test:lane:none") is None
    assert await lane.call("EXISTS", "test:lane:none") == 0
    assert await lane.call("PING") == b"PONG"


async def test_large_and_binary_values_come_back_whole(lane: Wire) -> None:
    value = random.Random(1).randbytes(1_000_000) + b"\r\n$-1\r\n"
    key = b"test:lane:\x00\xff\r\n"
    await lane.call("SET", key, value, "EX", 60)
    replies = await asyncio.gather(lane.call("GET", key), lane.call("PING"), lane.call("GET", key))
    assert list(replies) == [value, b"PONG", value]


async def test_an_error_is_its_own_calls_alone(lane: Wire) -> None:
    sha = "0" * 40
    calls = [lane.call("ECHO", 1), lane.call("EVALSHA", sha, 0), lane.call("ECHO", 2)]
    first, error, second = await asyncio.gather(*calls, return_exceptions=True)
    assert (first, second) == (b"1", b"2")
    assert isinstance(error, Rejected)
    assert error.code == "NOSCRIPT"


async def test_errors_may_hold_any_bytes(lane: Wire) -> None:
    with pytest.raises(Rejected) as caught:
        await lane.call("EVAL", b"return redis.error_reply('ERR \xff\xfe')", 0)
    assert caught.value.code == "ERR"
    assert await lane.call("PING") == b"PONG"


async def test_wrong_arguments_are_refused_and_harm_nothing(lane: Wire) -> None:
    with pytest.raises(TypeError):
        lane.call("ECHO", None)  # type: ignore[arg-type]
    assert await lane.call("PING") == b"PONG"


async def test_calls_past_the_bound_are_refused_at_once(redis_url: str) -> None:
    async with opened(redis_url, in_flight_max=10) as lane:
        calls = [lane.call("ECHO", number) for number in range(10)]
        with pytest.raises(NotRun, match="10 calls are under way"):
            lane.call("PING")
        await asyncio.gather(*calls)
        assert await lane.call("PING") == b"PONG"


async def test_a_silent_server_costs_the_reply_and_nothing_more(own_server: RedisServer) -> None:
    async with opened(own_server.url, deadline_s=0.3) as lane:
        os.kill(own_server.pid, signal.SIGSTOP)
        with pytest.raises(ReplyLost):
            await lane.call("INCR", "n")
        os.kill(own_server.pid, signal.SIGCONT)
        await until(lambda: lane.connected)
        assert await lane.call("PING") == b"PONG"


async def test_what_did_not_fit_the_socket_was_not_run(own_server: RedisServer) -> None:
    async with opened(own_server.url, deadline_s=0.3) as lane:
        os.kill(own_server.pid, signal.SIGSTOP)
        large = lane.call("SET", "large", b"x" * 30_000_000)
        await asyncio.sleep(0)  # Sent, as far as it fits.
        small = lane.call("SET", "small", "x")
        results = await asyncio.gather(large, small, return_exceptions=True)
        os.kill(own_server.pid, signal.SIGCONT)
    assert [type(result) for result in results] == [ReplyLost, NotRun]


async def test_what_waited_for_a_full_socket_follows_when_it_empties(
    own_server: RedisServer,
) -> None:
    async with opened(own_server.url) as lane:
        os.kill(own_server.pid, signal.SIGSTOP)
        large = lane.call("SET", "large", b"x" * 30_000_000)
        await asyncio.sleep(0)  # Sent, as far as it fits.
        small = lane.call("SET", "small", "x")
        os.kill(own_server.pid, signal.SIGCONT)
        assert await small == b"OK"
        assert await large == b"OK"


async def test_calls_outlive_a_killed_server(own_server: RedisServer) -> None:
    async with opened(own_server.url) as lane:
        assert await lane.call("INCR", "n") == 1
        own_server.kill()
        calls = [lane.call("ECHO", number) for number in range(100)]
        await until(lambda: not lane.connected)
        calls += [lane.call("ECHO", number) for number in range(100, 200)]
        await asyncio.to_thread(own_server.start)
        assert await asyncio.gather(*calls) == [b"%d" % number for number in range(200)]


async def test_without_a_server_calls_wait_their_deadline_then_are_shed(
    own_server: RedisServer,
) -> None:
    async with opened(own_server.url, deadline_s=0.2) as lane:
        await asyncio.sleep(0.3)  # The time it was up does not count as time away.
        own_server.kill()
        await until(lambda: not lane.connected)
        waited = lane.call("INCR", "n")
        with pytest.raises(NotRun):
            await waited
        with pytest.raises(NotRun, match="not connected"):
            lane.call("INCR", "n")
        await asyncio.to_thread(own_server.start)
        await until(lambda: lane.connected)
        assert await lane.call("INCR", "n") == 1


async def test_a_stall_of_this_process_is_no_slow_server(own_server: RedisServer) -> None:
    async with opened(own_server.url, deadline_s=0.2) as lane:
        for passes in (0, 1, 2):
            calls = [lane.call("INCR", "n") for _ in range(3)]
            for _ in range(passes):
                await asyncio.sleep(0)
            time.sleep(0.4)  # noqa: ASYNC251
            assert await calls[-1] == 3 * (passes + 1)


async def test_a_lane_may_start_before_its_server(own_server: RedisServer) -> None:
    own_server.stop()
    lane = cast(Lane, open_wire(own_server.url, deadline_s=0.2))
    with pytest.raises(NotRun, match="No such file"):
        await lane.start()
    await asyncio.to_thread(own_server.start)
    await until(lambda: lane.connected)
    assert await lane.call("PING") == b"PONG"
    await lane.close()


async def test_a_server_that_never_shakes_hands_is_given_up(own_server: RedisServer) -> None:
    os.kill(own_server.pid, signal.SIGSTOP)
    lane = open_wire(own_server.url, deadline_s=0.1)
    with pytest.raises(NotRun, match=r"no answer within 0\.1 s"):
        await lane.start()
    await lane.close()
    os.kill(own_server.pid, signal.SIGCONT)


async def test_closing_ends_what_is_under_way(own_server: RedisServer) -> None:
    async with opened(own_server.url) as lane:
        os.kill(own_server.pid, signal.SIGSTOP)
        sent = lane.call("PING")
        await asyncio.sleep(0)
        unsent = lane.call("PING")
        await lane.close()
        results = await asyncio.gather(sent, unsent, return_exceptions=True)
        os.kill(own_server.pid, signal.SIGCONT)
        assert [type(result) for result in results] == [ReplyLost, NotRun]
        assert not lane.connected
        with pytest.raises(NotRun, match="closed"):
            lane.call("PING")


async def test_a_lane_that_was_not_started_refuses(redis_url: str) -> None:
    lane = open_wire(redis_url)
    with pytest.raises(NotRun, match="not started"):
        lane.call("PING")
    await lane.close()


async def test_the_same_on_uvloop(own_server: RedisServer) -> None:
    async def scenario() -> None:
        async with opened(own_server.url, in_flight_max=5000) as lane:
            calls = [lane.call("ECHO", number) for number in range(5000)]
            assert await asyncio.gather(*calls) == [b"%d" % number for number in range(5000)]
            own_server.kill()
            again = [lane.call("ECHO", number) for number in range(100)]
            await asyncio.to_thread(own_server.start)
            assert await asyncio.gather(*again) == [b"%d" % number for number in range(100)]
        async with opened(own_server.url, deadline_s=0.2) as lane:
            os.kill(own_server.pid, signal.SIGSTOP)
            with pytest.raises(ReplyLost):
                await lane.call("PING")
            os.kill(own_server.pid, signal.SIGCONT)

    await asyncio.to_thread(uvloop.run, scenario())
