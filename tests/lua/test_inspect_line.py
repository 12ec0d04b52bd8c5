"""inspect_line: whether anybody waits for what is free, at one moment."""

from tests.lua.stage import ANN, PLACES, Reply, Stage


async def inspected(stage: Stage, version: str = "") -> Reply:
    own = stage.own
    keys = [own.event, own.taken, own.waiting, own.promote, own.openings]
    about = (stage.event, version or stage.version, PLACES.replace("8-8", "8-8+16-18"))
    return await stage.unchanged(stage.run("inspect_line", keys, *about))


async def test_no_event(stage: Stage) -> None:
    assert await inspected(stage.elsewhere()) == ["NO_EVENT"]


async def test_stale_layout(stage: Stage) -> None:
    assert await inspected(stage, "1") == ["STALE_LAYOUT", stage.version]


async def test_nobody_waits(stage: Stage) -> None:
    assert await inspected(stage) == ["INSPECTED", "on_sale", "0", "0", "0", "0", "", 0]
    await stage.open(1, 0, 8, 16)
    assert await inspected(stage) == ["INSPECTED", "on_sale", "0", "0", "0", "0", "", 0]
    await stage.open(2, 17, 18)
    assert await inspected(stage) == ["INSPECTED", "on_sale", "0", "0", "0", "0", "", 0]


async def test_somebody_waits(stage: Stage) -> None:
    await stage.open(9, 16, 17, 18)
    await stage.sold_out(3, 4)
    assert await inspected(stage) == ["INSPECTED", "on_sale", "2", "0", "2", "0", "", 0]
    await stage.give_up(1, ANN)
    assert await inspected(stage) == ["INSPECTED", "on_sale", "2", "0", "2", "0", "0", 1]
    await stage.amend(state="closed")
    await stage.promote(0)
    assert await inspected(stage) == ["INSPECTED", "closed", "2", "0", "2", "0", "0", 0]
