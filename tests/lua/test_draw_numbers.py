"""draw_numbers: numbers of one event, each drawn once."""

from tests.lua.stage import Stage


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    assert await nowhere.unchanged(nowhere.draw(5)) == ["NO_EVENT"]


async def test_counts_from_one(stage: Stage) -> None:
    assert await stage.draw(99) == ["DRAWN", "1", "1"]
    assert await stage.draw(99) == ["DRAWN", "2", "2"]
    assert (await stage.fields())["bookings"] == "2"


async def test_a_number_drawn_in_vain_is_skipped_and_leaves_nothing(stage: Stage) -> None:
    before = await stage.snapshot()
    assert await stage.draw(99) == ["DRAWN", "1", "1"]
    await stage.plan(bookings=0)
    assert await stage.snapshot() == before


async def test_the_largest_is_the_last(stage: Stage) -> None:
    await stage.plan(bookings=99_999_998)
    assert await stage.draw(99_999_999) == ["DRAWN", "99999999", "99999999"]
    assert await stage.unchanged(stage.draw(99_999_999)) == ["EXHAUSTED"]
    assert await stage.unchanged(stage.draw(99_999_999)) == ["EXHAUSTED"]


async def test_several_at_one_stroke(stage: Stage) -> None:
    await stage.draw(99)
    assert await stage.draw(99, 30) == ["DRAWN", "2", "31"]
    assert await stage.draw(99) == ["DRAWN", "32", "32"]


async def test_no_more_than_are_left(stage: Stage) -> None:
    await stage.plan(bookings=99_999_900)
    assert await stage.draw(99_999_999, 1_000) == ["DRAWN", "99999901", "99999999"]
    assert await stage.unchanged(stage.draw(99_999_999, 1_000)) == ["EXHAUSTED"]


async def test_events_count_apart(stage: Stage) -> None:
    other = stage.elsewhere()
    await other.create()
    await stage.draw(99)
    assert await other.draw(99) == ["DRAWN", "1", "1"]
