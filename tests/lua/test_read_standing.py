"""read_standing: a place, a position, or what is left of them."""

from tests.lua.stage import Stage


async def test_no_booking(stage: Stage) -> None:
    assert await stage.unchanged(stage.standing(1)) == ["NO_BOOKING"]


async def test_each_state(stage: Stage) -> None:
    await stage.sold_out(3, 4)
    for number, position, outcome in ((1, 0, "CONFIRMED"), (3, 1, "WAITING"), (4, 2, "WAITING")):
        booking = await stage.booking(number)
        told = [outcome, str(number), str(position), booking["created"], booking["updated"]]
        assert await stage.unchanged(stage.standing(number)) == told
    await stage.age(3)
    await stage.give_up(3, "x:3")
    booking = await stage.booking(3)
    told = ["CANCELLED", "3", "0", booking["created"], booking["updated"]]
    assert await stage.unchanged(stage.standing(3)) == told
    assert (await stage.standing(4))[:3] == ["WAITING", "4", "1"]
