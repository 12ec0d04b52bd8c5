"""inspect_event: an event's sums and how far its journal had come with them, at one moment."""

from tests.lua.stage import Reply, Stage


async def inspected(stage: Stage) -> Reply:
    """The reply to a look, which changes nothing."""
    keys = [stage.own.event, stage.own.journal]
    return await stage.unchanged(stage.run("inspect_event", keys))


async def last(stage: Stage) -> str:
    entries = await stage.command("XRANGE", stage.own.journal, "-", "+")
    return str(entries[-1][0])


async def test_no_event(stage: Stage) -> None:
    assert await inspected(stage.elsewhere()) == ["NO_EVENT"]


async def test_a_new_event(stage: Stage) -> None:
    assert await inspected(stage) == ["INSPECTED", "0", "0", "0", await last(stage)]


async def test_its_sums(stage: Stage) -> None:
    number = int((await stage.draw(9))[1])
    await stage.confirmed(number, 5, 6)
    assert await inspected(stage) == ["INSPECTED", "3000", "1", "1", await last(stage)]
    assert await inspected(stage) == ["INSPECTED", "3000", "1", "1", await last(stage)]


async def test_what_is_missing_is_empty(stage: Stage) -> None:
    await stage.command("HDEL", stage.own.event, "revenue", "confirmed", "bookings")
    await stage.command("DEL", stage.own.journal)
    assert await inspected(stage) == ["INSPECTED", "", "", "", ""]
