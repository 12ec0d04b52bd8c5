"""When connections are looked at, and what a look at one tells of its client."""

import asyncio
import socket

from billetter.connection import TURNS, Reaper
from billetter.flow import Flow, drop


class Looked:
    def __init__(self) -> None:
        self.at: list[float] = []

    def reap(self, now: float) -> None:
        self.at.append(now)


def test_each_is_looked_at_once_a_second_and_few_at_a_time() -> None:
    crowd = {Looked() for _ in range(1_000)}
    reaper = Reaper(crowd)
    for tick in range(10, 40):
        before = sum(len(each.at) for each in crowd)
        reaper.look(tick / 10)
        assert sum(len(each.at) for each in crowd) - before <= 2 * len(crowd) / TURNS
    assert {len(each.at) for each in crowd} == {3}


def test_under_load_it_catches_up() -> None:
    crowd = {Looked() for _ in range(100)}
    reaper = Reaper(crowd)
    for now in (10.0, 17.0):
        reaper.look(now)
    assert {len(each.at) for each in crowd} == {1}


def test_who_has_gone_meanwhile_is_left_alone() -> None:
    crowd = {Looked() for _ in range(100)}
    gone = set(crowd)
    reaper = Reaper(crowd)
    reaper.look(10.0)
    crowd.clear()
    reaper.look(11.0)
    assert sum(len(each.at) for each in gone) == 100 / TURNS


async def test_how_long_nothing_was_read() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        transport, _ = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol, sock=ours
        )
        flow = Flow(transport)
        assert flow.unread_for(1.0) == 0
        transport.write(b"x" * 3_000_000)
        await asyncio.sleep(0)
        assert flow.unread_for(2.0) == 1  # Since the look before, which is as exact as it gets.
        assert flow.unread_for(7.0) == 6
        theirs.recv(1_000_000)
        await asyncio.sleep(0.01)
        assert flow.unread_for(8.0) == 0
        assert flow.unread_for(9.0) == 1
        flow.resume_writing()
        assert flow.unread_for(20.0) == 0
        drop(transport)
        await asyncio.sleep(0)
