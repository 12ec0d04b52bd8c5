"""count_seats: seats are counted, not tallied."""

from tests.lua.stage import Stage


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    assert await nowhere.unchanged(nowhere.count_seats(0, 9)) == ["NO_EVENT"]


async def test_stale_layout(stage: Stage) -> None:
    stale = stage.count_seats(0, 9, version="1")
    assert await stage.unchanged(stale) == ["STALE_LAYOUT", stage.version]


async def test_an_untouched_event(stage: Stage) -> None:
    assert await stage.unchanged(stage.count_seats(0, 9)) == ["COUNTS", "0", "0", "0", "0", 0, 0]
    assert await stage.unchanged(stage.count_seats()) == ["COUNTS", "0", "0", "0", "0"]


async def test_counts_each_part(stage: Stage) -> None:
    await stage.confirmed(1, 0, 9)
    await stage.open(2, 10, 15, 16, 79)
    counts = ["COUNTS", "3000", "1", "0", "0", 1, 1, 3, 1, 2, 0, 6, 2]
    parts = (0, 0, 1, 1, 2, 9, 0, 9)
    assert await stage.unchanged(stage.count_seats(*parts)) == counts
    assert await stage.unchanged(stage.count_seats(*parts)) == counts


async def test_what_is_freed_is_not_counted(stage: Stage) -> None:
    await stage.open(1, 5, 6)
    await stage.release(1, 5)
    await stage.cancel(1)
    assert await stage.count_seats(0, 9) == ["COUNTS", "0", "0", "0", "0", 0, 0]
