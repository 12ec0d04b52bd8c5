"""Long work gives way, and some of it is done one at a time."""

import asyncio

import pytest

from billetter.engine import turns
from billetter.engine.turns import OneAtATime, Turns


async def test_others_get_their_turn_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = now = 0
    monkeypatch.setattr(turns, "perf_counter", lambda: now)
    monkeypatch.setattr(turns, "TURN_S", 4)

    async def others() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(others())
    pauses = Turns()
    for now in range(1, 41):  # noqa: B007 - it is the clock.
        await pauses.pause()
    ticking.cancel()
    assert ticks == 10


async def test_one_is_in_and_the_first_who_waits_is_next() -> None:
    door, order = OneAtATime(5, 10), list[int]()
    inside = 0

    async def work(number: int) -> None:
        nonlocal inside
        assert await door.enter()
        inside += 1
        assert inside == 1
        await asyncio.sleep(0.001)
        order.append(number)
        inside -= 1
        door.leave()

    await asyncio.gather(*map(work, range(6)))
    assert order == [*range(6)]
    assert await door.enter()


async def test_no_more_wait_than_may_and_none_for_long() -> None:
    door = OneAtATime(1, 0.02)
    assert await door.enter()
    waiting = asyncio.create_task(door.enter())
    await asyncio.sleep(0)
    assert not await door.enter()
    assert not await waiting
    door.leave()
    assert await door.enter()
    door.leave()


async def test_who_goes_away_leaves_no_hole_in_the_line() -> None:
    door = OneAtATime(3, 10)
    assert await door.enter()
    one, other = (asyncio.create_task(door.enter()) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    door.leave()
    assert await other
    third = asyncio.create_task(door.enter())
    await asyncio.sleep(0)
    door.leave()
    third.cancel()  # Let in already, and gone before it knew.
    await asyncio.gather(third, return_exceptions=True)
    assert await door.enter()
