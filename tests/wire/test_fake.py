"""fakeredis behind the same calls: same replies, same errors, same limits as a lane."""

import asyncio
import sys

import pytest

from billetter.wire.errors import NotRun, Rejected, ReplyLost
from billetter.wire.fake import FakeLane
from billetter.wire.topology import Wire, open_wire


async def started(name: str = "", in_flight_max: int = 32_768) -> FakeLane:
    lane = FakeLane(name, in_flight_max=in_flight_max)
    await lane.start()
    return lane


async def test_replies_are_the_same_on_every_wire(wire: Wire) -> None:
    key = "test:fake:replies"
    script = "return {1, 'two', {3, {}}, false, redis.status_reply('OK'), 3.9}"
    assert await wire.call("EVAL", script, 0) == [1, b"two", [3, []], None, b"OK", 3]
    assert await wire.call("DEL", key, f"{key}:none") in (0, 1)
    assert await wire.call("HSET", key, "a", 1, "b", b"\xff\x00") == 2
    assert await wire.call("HGETALL", key) == [b"a", b"1", b"b", b"\xff\x00"]
    assert await wire.call("EXPIRE", key, 60) == 1
    assert await wire.call("GET", f"{key}:none") is None
    assert await wire.call("PING") == b"PONG"


async def test_a_script_that_is_not_loaded_is_rejected_everywhere(wire: Wire) -> None:
    sha = await wire.call("SCRIPT", "LOAD", "return ARGV[1]")
    assert isinstance(sha, bytes)
    assert await wire.call("EVALSHA", sha, 0, "x") == b"x"
    with pytest.raises(Rejected) as caught:
        await wire.call("EVALSHA", "0" * 40, 0)
    assert caught.value.code == "NOSCRIPT"


async def test_calls_are_answered_in_order_even_if_some_are_abandoned(wire: Wire) -> None:
    calls = [asyncio.ensure_future(wire.call("ECHO", number)) for number in range(200)]
    for call in calls[::3]:
        call.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    kept = [number for number in range(200) if number % 3]
    assert [results[number] for number in kept] == [b"%d" % number for number in kept]


async def test_abandoned_calls_harm_nothing_whenever_they_are_given_up() -> None:
    lane = await started()
    for turns in range(6):
        call = asyncio.ensure_future(lane.call("BLPOP", f"n{turns}", "0.01"))
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        assert await lane.call("PING") == b"PONG"
    asyncio.ensure_future(lane.call("INCR", "n")).cancel()
    assert await lane.call("EXISTS", "n") == 0  # It had not begun, and was not run.
    await lane.close()


async def test_wrong_arguments_raise_at_once_everywhere(wire: Wire) -> None:
    with pytest.raises(TypeError):
        wire.call("ECHO", None)  # type: ignore[arg-type]


async def test_lanes_share_a_server_by_name_only() -> None:
    wires = [open_wire(url) for url in ("fake://shared", "fake://shared", "fake://", "fake://")]
    for wire in wires:
        await wire.start()
    await wires[0].call("SET", "a", "shared")
    await wires[2].call("SET", "a", "alone")
    assert [await wire.call("GET", "a") for wire in wires] == [b"shared"] * 2 + [b"alone", None]
    for wire in wires:
        await wire.close()


async def test_calls_past_the_bound_are_refused_at_once() -> None:
    lane = await started(in_flight_max=3)
    calls = [lane.call("PING") for _ in range(3)]
    with pytest.raises(NotRun, match="3 calls are under way"):
        lane.call("PING")
    assert await asyncio.gather(*calls) == [b"PONG"] * 3
    await lane.close()


async def test_closing_ends_what_is_under_way() -> None:
    others = asyncio.all_tasks()
    lane = await started()
    blocked = lane.call("BLPOP", "nothing", "0.01")
    await asyncio.sleep(0)  # The lane takes it up.
    waiting = lane.call("PING")
    await lane.close()
    results = await asyncio.gather(blocked, waiting, return_exceptions=True)
    await asyncio.gather(*asyncio.all_tasks() - others)  # fakeredis goes on blocking by itself.
    assert [type(result) for result in results] == [ReplyLost, NotRun]
    assert not lane.connected
    with pytest.raises(NotRun, match="closed"):
        lane.call("PING")


async def test_a_fault_inside_fakeredis_fails_one_call_only() -> None:
    lane = await started()
    with pytest.raises(Rejected, match="fakeredis failed"):
        await lane.call("EVAL", "return redis.log", 0)
    assert await lane.call("PING") == b"PONG"
    await lane.close()


@pytest.mark.parametrize("missing", ["fakeredis", "lupa"])
def test_without_fakeredis_it_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModuleNotFoundError, match=r"billetter\[embedded\]"):
        open_wire("fake://")
