"""count_booking: bookings opened before there were caps count, too."""

from tests.lua.stage import ANN, BOB, Stage

ALL = "held_max=9,bought_max=9,open_max=1000"


async def test_no_booking(stage: Stage) -> None:
    await stage.plan(caps=ALL)
    assert await stage.unchanged(stage.count(1)) == ["NO_BOOKING"]


async def test_what_each_booking_has(stage: Stage) -> None:
    await stage.open(1)
    await stage.open(2, 1, 2)
    await stage.paying(3, 3)
    await stage.confirmed(4, 4, 5, 6)
    await stage.lapsed(5, 7, user=BOB)
    await stage.plan(caps=ALL)
    for number in (1, 2, 3, 4, 5):
        assert await stage.count(number) == ["COUNTED"]
        assert (await stage.booking(number))["counted"] == "1"
    assert await stage.shares() == {ANN: "1:0,2:2,3:1,4=3", BOB: "5:1"}
    assert await stage.count(2) == ["COUNTED"]
    assert await stage.shares() == {ANN: "1:0,3:1,4=3,2:2", BOB: "5:1"}


async def test_what_has_ended_has_nothing(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.cancel(1)
    await stage.swept(2, 6)
    await stage.plan(caps=ALL)
    assert await stage.unchanged(stage.count(1)) == ["KEPT", "cancelled"]
    assert await stage.unchanged(stage.count(2)) == ["KEPT", "expired"]


async def test_what_is_bought_counts_only_where_that_is_capped(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    await stage.plan(caps="held_max=9,open_max=1000")
    assert await stage.unchanged(stage.count(1)) == ["KEPT", "confirmed"]


async def test_without_caps_nothing_counts(stage: Stage) -> None:
    await stage.open(1, 5)
    assert await stage.unchanged(stage.count(1)) == ["KEPT", "seats_selected"]


async def test_a_share_stays_short(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.open(2000)
    await stage.plan(caps=ALL)
    full = ",".join(f"{number}:0" for number in range(1, 1_000))
    await stage.command("HSET", stage.own.shares, ANN, full)
    await stage.count(2000)
    await stage.open(3000, user=BOB)
    await stage.command("HSET", stage.booking_key(3000), "user", ANN)
    await stage.command("HDEL", stage.booking_key(3000), "counted")
    assert await stage.unchanged(stage.count(3000)) == ["KEPT", "booked"]
    assert await stage.count(2000) == ["COUNTED"]
