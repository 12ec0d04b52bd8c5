"""Shared fetches: nobody reads the past, and nobody fetches alone what others want, too."""

import asyncio

import pytest

from billetter.engine.share import Shared


class Source:
    """Counts fetches, which take until they are let go; what they give is their number."""

    def __init__(self) -> None:
        self.began = 0
        self.fails = False
        self.gates: list[asyncio.Event] = []

    async def fetch(self, key: str) -> str:
        self.began += 1
        number, gate = self.began, asyncio.Event()
        self.gates.append(gate)
        await gate.wait()
        if self.fails:
            raise RuntimeError(key)
        return f"{key}{number}"


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def shared(source: Source) -> Shared[str, str]:
    return Shared(source.fetch)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def asks(shared: Shared[str, str], key: str = "a", *, times: int = 1) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(shared.get(key)) for _ in range(times)]


async def test_those_who_ask_together_share_a_fetch(
    shared: Shared[str, str], source: Source
) -> None:
    first = asks(shared, times=3)
    await turns()
    source.gates[0].set()
    assert await asyncio.gather(*first) == ["a1", "a1", "a1"]


async def test_who_asks_while_one_is_under_way_gets_a_later_one(
    shared: Shared[str, str], source: Source
) -> None:
    first = asks(shared)
    await turns()
    later = asks(shared, times=2)
    await turns()
    later += asks(shared)
    await turns()
    assert source.began == 1
    source.gates[0].set()
    await turns()
    source.gates[1].set()
    assert await asyncio.gather(*first, *later) == ["a1", "a2", "a2", "a2"]
    assert source.began == 2


async def test_each_key_has_its_own(shared: Shared[str, str], source: Source) -> None:
    both = [*asks(shared, "a"), *asks(shared, "b")]
    await turns()
    assert source.began == 2
    for gate in source.gates:
        gate.set()
    assert await asyncio.gather(*both) == ["a1", "b2"]


async def test_who_goes_away_leaves_the_others_theirs(
    shared: Shared[str, str], source: Source
) -> None:
    gone, stays = asks(shared, times=2)
    await turns()
    gone.cancel()
    await turns()
    source.gates[0].set()
    assert await stays == "a1"
    assert gone.cancelled()


async def test_a_failure_is_told_to_all_and_ends_there(
    shared: Shared[str, str], source: Source
) -> None:
    source.fails = True
    failing = asks(shared, times=2)
    await turns()
    source.gates[0].set()
    failed = await asyncio.gather(*failing, return_exceptions=True)
    assert [str(error) for error in failed] == ["a", "a"]
    source.fails = False
    again = asks(shared)
    await turns()
    source.gates[1].set()
    assert await again[0] == "a2"
