"""inspect_place: what a user has by a booking of one place, at one moment."""

from tests.lua.stage import ANN, BOB, Reply, Stage


async def inspected(stage: Stage, number: int, user: str = "") -> Reply:
    keys = [stage.booking_key(number), stage.own.patrons, stage.own.waiting]
    return await stage.unchanged(stage.run("inspect_place", keys, user, number))


async def test_nothing(stage: Stage) -> None:
    assert await inspected(stage, 1) == ["INSPECTED", "", "", "", ""]
    assert await inspected(stage.elsewhere(), 1, ANN) == ["INSPECTED", "", "", "", ""]


async def test_places(stage: Stage) -> None:
    await stage.sold_out(4, 3)
    assert await inspected(stage, 1) == ["INSPECTED", "1:active", ANN, "confirmed", ""]
    assert await inspected(stage, 3) == ["INSPECTED", "3:waiting", "x:3", "waiting", "2"]
    assert await inspected(stage, 3, BOB) == ["INSPECTED", "", "x:3", "waiting", "2"]
    await stage.give_up(1)
    assert await inspected(stage, 1, ANN) == ["INSPECTED", "1:past", ANN, "cancelled", ""]


async def test_a_line_may_name_what_is_not_there(stage: Stage) -> None:
    await stage.command("ZADD", stage.own.waiting, 7, 9)
    assert await inspected(stage, 9) == ["INSPECTED", "", "", "", "7"]
