"""What a lane does when the other side cuts, answers nonsense or is not ready: on a stub server."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from billetter.wire.errors import NotRun, ReplyLost
from billetter.wire.lane import WRITE_CALLS, Lane
from billetter.wire.topology import Wire, open_wire
from tests.wire.stub import CUT, Answer, StubServer, until

OK = b"+OK\r\n"


class Cable(asyncio.Transport):
    """A connection without another side, for what happens between two turns of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closing = False

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True


@asynccontextmanager
async def served(
    directory: Path,
    answer: Answer,
    *,
    deadline_s: float = 20.0,
    in_flight_max: int = 1000,
    pings: bool = False,
) -> AsyncIterator[tuple[StubServer, Wire]]:
    async with StubServer(directory, answer, pings=pings) as server:
        lane = open_wire(server.url, deadline_s=deadline_s, in_flight_max=in_flight_max)
        await lane.start()
        try:
            yield server, lane
        finally:
            await lane.close()


async def plugged(cable: Cable, deadline_s: float = 2.0) -> tuple[Lane, asyncio.Protocol]:
    """A lane that was greeted over the cable, and the protocol that hears what comes over it."""
    links: list[asyncio.Protocol] = []

    async def connect(protocol_factory: Callable[[], asyncio.Protocol]) -> None:
        links.append(protocol_factory())
        links[0].connection_made(cable)
        links[0].data_received(b"+PONG\r\n")

    lane = Lane(connect, deadline_s=deadline_s)
    await lane.start()
    return lane, links[0]


async def test_a_call_cut_once_is_repeated_once(tmp_path: Path) -> None:
    answers = iter([OK, CUT, OK])
    async with served(tmp_path, lambda _: next(answers)) as (server, lane):
        assert isinstance(lane, Lane)
        assert await lane.call("DEL", "b") == b"OK"
        assert lane.repeats == 0
        assert await lane.call("DEL", "a") == b"OK"
        assert lane.repeats == 1
    assert server.seen == [[b"DEL", b"b"], *[[b"DEL", b"a"]] * 2]
    assert server.connections == 2


async def test_a_call_cut_twice_is_lost(tmp_path: Path) -> None:
    async with served(tmp_path, lambda _: CUT) as (server, lane):
        with pytest.raises(ReplyLost):
            await lane.call("DEL", "a")
    assert server.seen == [[b"DEL", b"a"]] * 2


async def test_calls_keep_their_order_over_a_cut(tmp_path: Path) -> None:
    answers = iter([OK, CUT])
    async with served(tmp_path, lambda _: next(answers, OK)) as (server, lane):
        calls = [lane.call("DEL", name) for name in "abcd"]
        await calls[0]
        calls.append(lane.call("DEL", "e"))
        await asyncio.gather(*calls)
    assert [command[1] for command in server.seen] == [b"a", b"b", b"b", b"c", b"d", b"e"]


async def test_an_abandoned_call_is_not_repeated(tmp_path: Path) -> None:
    calls: dict[bytes, asyncio.Future[object]] = {}

    def answer(command: list[bytes]) -> bytes | None:
        if command[1] == b"a":
            return b""
        # Both have been sent: now one is given up, and the connection goes.
        return OK if calls[b"a"].cancelled() or not calls[b"a"].cancel() else CUT

    async with served(tmp_path, answer) as (server, lane):
        calls[b"a"] = asyncio.ensure_future(lane.call("DEL", "a"))
        assert await lane.call("DEL", "b") == b"OK"
    assert [command[1] for command in server.seen] == [b"a", b"b", b"b"]


async def test_a_call_cancelled_before_its_write_is_never_sent(tmp_path: Path) -> None:
    async with served(tmp_path, lambda _: OK) as (server, lane):
        asyncio.ensure_future(lane.call("DEL", "a")).cancel()
        await lane.call("DEL", "b")
    assert server.seen == [[b"DEL", b"b"]]


@pytest.mark.parametrize("nonsense", [OK + b"+MORE\r\n", OK + b"HTTP/1.1 400 Bad Request\r\n"])
async def test_a_connection_out_of_step_is_dropped(
    tmp_path: Path, nonsense: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answers = iter([nonsense])
    async with served(tmp_path, lambda _: next(answers, OK)) as (server, lane):
        assert await lane.call("DEL", "a") == b"OK"
        assert await lane.call("DEL", "b") == b"OK"
    assert server.connections == 2
    assert not caplog.records


async def test_a_deadline_takes_the_connection_but_not_younger_calls(tmp_path: Path) -> None:
    answers = iter([b"", b""])
    async with served(tmp_path, lambda _: next(answers, OK), deadline_s=0.4) as (server, lane):
        old = lane.call("DEL", "old")
        await asyncio.sleep(0.2)  # So that their deadlines differ.
        young = lane.call("DEL", "young")
        with pytest.raises(ReplyLost):
            await old
        assert await young == b"OK"
    assert [command[1] for command in server.seen] == [b"old", b"young", b"young"]


@pytest.mark.parametrize("refusal", [b"-LOADING Redis is loading\r\n", b"-MASTERDOWN\r\n", CUT])
async def test_a_server_not_ready_is_asked_again(tmp_path: Path, refusal: bytes | None) -> None:
    answers = iter([refusal, refusal])
    async with served(tmp_path, lambda _: next(answers, OK), pings=True) as (server, lane):
        assert await lane.call("DEL", "a") == b"OK"
        assert server.connections == 3
        await until(lambda: server.opened == 1)


async def test_calls_wait_while_the_server_is_loading(tmp_path: Path) -> None:
    answers = iter([b"+PONG\r\n", CUT, b"-LOADING\r\n", b"-LOADING\r\n"])
    async with served(tmp_path, lambda _: next(answers, OK), pings=True) as (server, lane):
        assert await lane.call("DEL", "a") == b"OK"
    assert server.connections == 4
    assert server.seen == [[b"DEL", b"a"]] * 2


async def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    async with StubServer(tmp_path, lambda _: b"-LOADING not yet\r\n", pings=True) as server:
        lane = open_wire(server.url, deadline_s=0.1)
        with pytest.raises(NotRun, match="LOADING not yet"):
            await lane.start()
        with pytest.raises(NotRun):
            await lane.call("PING")
        await lane.close()


async def test_calls_sent_count_against_the_bound(tmp_path: Path) -> None:
    async with served(tmp_path, lambda _: b"", in_flight_max=2) as (server, lane):
        first = asyncio.ensure_future(lane.call("DEL", "a"))
        await until(lambda: server.seen == [[b"DEL", b"a"]])
        second = asyncio.ensure_future(lane.call("DEL", "b"))
        with pytest.raises(NotRun, match="2 calls are under way"):
            lane.call("DEL", "c")
        first.cancel()
        second.cancel()


async def test_a_server_that_speaks_first_is_heard() -> None:
    """Redis with too many clients sends an error and hangs up before it is asked anything."""

    async def connect(protocol_factory: Callable[[], asyncio.Protocol]) -> None:
        link = protocol_factory()
        link.connection_made(Cable())
        link.data_received(b"-ERR max number of clients reached\r\n")
        link.connection_lost(None)

    lane = Lane(connect, deadline_s=0.1)
    with pytest.raises(NotRun, match="max number of clients"):
        await lane.start()
    await lane.close()


async def test_a_greeting_that_nobody_waits_for_any_more_is_no_error() -> None:
    """asyncio logs failures that nobody has looked at."""
    logged: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))

    async def connect(protocol_factory: Callable[[], asyncio.Protocol]) -> None:
        link = protocol_factory()
        link.connection_made(Cable())
        link.connection_lost(None)
        await asyncio.Event().wait()

    lane = Lane(connect, deadline_s=0.05)
    with pytest.raises(NotRun):
        await lane.start()
    await lane.close()
    gc.collect()
    assert logged == []


async def test_nothing_is_sent_into_a_connection_that_is_closing() -> None:
    cable = Cable()
    lane, link = await plugged(cable)
    cable.closing = True
    call = lane.call("DEL", "a")
    await asyncio.sleep(0)
    link.connection_lost(None)
    await lane.close()
    with pytest.raises(NotRun):
        await call
    assert cable.written == [b"*1\r\n$4\r\nPING\r\n"]


async def test_many_calls_do_not_wait_for_the_end_of_the_turn() -> None:
    cable = Cable()
    lane, link = await plugged(cable)
    cable.written.clear()
    calls = [lane.call("GET", number) for number in range(WRITE_CALLS - 1)]
    assert cable.written == []
    calls += [lane.call("GET", number) for number in range(WRITE_CALLS - 1, WRITE_CALLS + 2)]
    assert [written.count(b"GET") for written in cable.written] == [WRITE_CALLS]
    await asyncio.sleep(0)
    assert [written.count(b"GET") for written in cable.written] == [WRITE_CALLS, 2]
    link.data_received(b"$1\r\nx\r\n" * len(calls))
    assert await asyncio.gather(*calls) == [b"x"] * (WRITE_CALLS + 2)
    link.connection_lost(None)
    await lane.close()


async def test_what_waits_behind_others_that_are_answered_is_not_late() -> None:
    lane, link = await plugged(Cable(), deadline_s=2.0)
    before = [lane.call("DEL", "a") for _ in range(20)]
    await asyncio.sleep(0)
    link.pause_writing()
    waiting = asyncio.ensure_future(lane.call("DEL", "b"))
    for call in before[:13]:
        link.data_received(b":1\r\n")
        await call
        await asyncio.sleep(0.2)
    assert not waiting.done()
    link.resume_writing()
    link.data_received(b":1\r\n" * 7 + b":2\r\n")
    assert await waiting == 2
    await asyncio.gather(*before[13:])
    link.connection_lost(None)
    await lane.close()


async def test_what_cannot_be_sent_is_late_when_nothing_is_answered() -> None:
    lane, link = await plugged(Cable(), deadline_s=0.1)
    link.pause_writing()
    with pytest.raises(NotRun, match="no reply within"):
        await lane.call("DEL", "a")
    link.connection_lost(None)
    await lane.close()
