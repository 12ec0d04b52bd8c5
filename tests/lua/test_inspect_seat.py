"""inspect_seat: all that says whose a seat is, at one moment."""

from tests.lua.stage import BOB, Reply, Stage


async def look(stage: Stage, index: int, number: int) -> Reply:
    """The reply to a look, which changes nothing."""
    own = stage.own
    keys = [own.taken, own.sold, own.holders, stage.booking_key(number), own.journal]
    return await stage.unchanged(stage.run("inspect_seat", keys, index))


async def inspected(stage: Stage, index: int, number: int) -> Reply:
    """The reply to a look, without the last entry of the journal."""
    *seen, last = await look(stage, index, number)
    entries = await stage.command("XRANGE", stage.own.journal, "-", "+")
    assert last == entries[-1][0]
    return seen


async def test_a_free_seat(stage: Stage) -> None:
    assert await inspected(stage, 5, 1) == ["INSPECTED", 0, 0, "", "", ""]


async def test_a_held_seat(stage: Stage) -> None:
    await stage.open(1, 5, 6)
    seen = ["INSPECTED", 1, 0, "1", "seats_selected", "5:1500,6:1500"]
    assert await inspected(stage, 5, 1) == seen
    assert await inspected(stage, 6, 1) == seen
    assert await inspected(stage, 7, 1) == ["INSPECTED", 0, 0, "", *seen[4:]]


async def test_a_sold_seat(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    seen = ["INSPECTED", 1, 1, "1", "confirmed", "5:1500"]
    assert await inspected(stage, 5, 1) == seen
    assert await inspected(stage, 5, 1) == seen


async def test_another_holds_it(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.open(2, 6, user=BOB)
    seen = ["INSPECTED", 1, 0, "2", "seats_selected", "5:1500"]
    assert await inspected(stage, 6, 1) == seen
    assert await inspected(stage, 6, 3) == ["INSPECTED", 1, 0, "2", "", ""]


async def test_a_lapsed_hold_still_has_its_seat(stage: Stage) -> None:
    await stage.lapsed(1, 5)
    assert await inspected(stage, 5, 1) == ["INSPECTED", 1, 0, "1", "seats_selected", "5:1500"]
    await stage.expire(1)
    assert await inspected(stage, 5, 1) == ["INSPECTED", 0, 0, "", "expired", ""]


async def test_each_tie_by_itself(stage: Stage) -> None:
    """The bitmaps, the holder and the booking are read from different keys."""
    await stage.command("SETBIT", stage.own.taken, 5, 1)
    assert await inspected(stage, 5, 1) == ["INSPECTED", 1, 0, "", "", ""]
    await stage.command("SETBIT", stage.own.sold, 6, 1)
    assert await inspected(stage, 6, 1) == ["INSPECTED", 0, 1, "", "", ""]
    await stage.command("HSET", stage.own.holders, 7, 1)
    assert await inspected(stage, 7, 1) == ["INSPECTED", 0, 0, "1", "", ""]


async def test_an_empty_journal_has_no_last_entry(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.command("DEL", stage.own.journal)
    assert (await look(stage, 5, 1))[-1] == ""
