"""inspect_share: what a user has of an event by one booking, at one moment."""

from tests.lua.stage import ANN, BOB, Reply, Stage

CAPS = "held_max=4,open_max=1000"


async def inspected(stage: Stage, number: int, user: str = ANN) -> Reply:
    keys = [stage.own.event, stage.booking_key(number), stage.own.shares]
    return await stage.unchanged(stage.run("inspect_share", keys, user))


async def test_nothing(stage: Stage) -> None:
    nothing = ["INSPECTED", *[""] * 7]
    assert await inspected(stage, 1) == nothing
    assert await inspected(stage.elsewhere(), 1) == nothing


async def test_what_is_counted(stage: Stage) -> None:
    await stage.plan(caps=CAPS)
    await stage.open(1, 5, 6)
    await stage.open(2)
    told = ["INSPECTED", CAPS, "", "1:2,2:0", ANN, "seats_selected", "5:1500,6:1500", "1"]
    assert await inspected(stage, 1) == told
    assert await inspected(stage, 1, BOB) == [*told[:3], "", *told[4:]]


async def test_what_is_not_counted_yet(stage: Stage) -> None:
    await stage.draw(9)
    await stage.open(1, 5)
    await stage.amend(caps=CAPS, counts=1)
    told = ["INSPECTED", CAPS, "1", "", ANN, "seats_selected", "5:1500", ""]
    assert await inspected(stage, 1) == told
