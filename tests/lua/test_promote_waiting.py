"""promote_waiting: what is free goes to the first who waits."""

import pytest

from tests.lua.stage import ANN, BOB, PLACES, Stage, entry


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    await nowhere.command("SADD", nowhere.own.promote, nowhere.event)
    assert await nowhere.promote(0, version="") == ["KEPT"]
    assert not await nowhere.is_promoting()


async def test_nobody_waits(stage: Stage) -> None:
    await stage.command("SADD", stage.own.promote, stage.event)
    assert await stage.promote(0) == ["KEPT"]
    assert not await stage.is_promoting()
    assert await stage.unchanged(stage.promote(0)) == ["KEPT"]


async def test_nothing_is_free(stage: Stage) -> None:
    await stage.sold_out(3)
    await stage.command("SADD", stage.own.promote, stage.event)
    assert await stage.promote(3) == ["KEPT"]
    assert not await stage.is_promoting()
    assert await stage.line() == [3]


async def test_the_first_gets_what_is_free(stage: Stage) -> None:
    await stage.sold_out(3, 4)
    await stage.age(3)
    await stage.give_up(1)
    assert await stage.is_promoting()
    reply, ran = await stage.timed(stage.promote(3))
    assert reply == ["PROMOTED", "0"]
    assert not await stage.is_promoting()
    booking = await stage.booking(3)
    assert int(booking["updated"]) in ran
    assert (booking["status"], booking["seats"], booking["amount"]) == (
        "confirmed",
        "0:1500",
        "1500",
    )
    assert await stage.line() == [4]
    assert await stage.patrons() == {
        ANN: "1:past",
        "x:second": "2:active",
        "x:3": "3:active",
        "x:4": "4:waiting",
    }
    assert (await stage.taken(), await stage.sold()) == ({0, 8}, {0, 8})
    assert await stage.holders() == {0: 3, 8: 2}
    fields = await stage.fields()
    assert (fields["revenue"], fields["confirmed"]) == ("2400", "2")
    assert await stage.last() == entry("confirmed", 3, "x:3", "0:1500", "1500")
    assert await stage.unchanged(stage.promote(4)) == ["KEPT"]


async def test_it_says_who_is_next(stage: Stage) -> None:
    await stage.sold_out(3, 4, 5)
    await stage.give_up(1)
    await stage.give_up(2, "x:second")
    assert await stage.promote(3) == ["PROMOTED", "4"]
    assert await stage.is_promoting()
    assert await stage.promote(4) == ["PROMOTED", "0"]
    assert not await stage.is_promoting()
    assert await stage.line() == [5]


async def test_the_last_who_waits(stage: Stage) -> None:
    await stage.sold_out(3)
    await stage.give_up(1)
    await stage.give_up(2, "x:second")
    assert await stage.promote(3) == ["PROMOTED", "0"]
    assert not await stage.is_promoting()
    assert await stage.line() == []
    assert (await stage.book(4, BOB))[0] == "CONFIRMED"


@pytest.mark.parametrize("number", [0, 4, 99])
async def test_another_waits_first(stage: Stage, number: int) -> None:
    await stage.sold_out(3, 4)
    await stage.give_up(1)
    assert await stage.unchanged(stage.promote(number)) == ["CHANGED", "3"]


async def test_stale_layout_outranks_who_is_first(stage: Stage) -> None:
    await stage.sold_out(3)
    await stage.give_up(1)
    stale = stage.promote(9, version="1")
    assert await stage.unchanged(stale) == ["STALE_LAYOUT", stage.version]


async def test_a_closed_event_hands_nothing_on(stage: Stage) -> None:
    await stage.sold_out(3)
    await stage.give_up(1)
    await stage.amend(state="closed")
    assert await stage.promote(3, version="1") == ["KEPT"]
    assert not await stage.is_promoting()
    assert await stage.line() == [3]
    await stage.amend(state="on_sale")
    assert await stage.is_promoting()
    assert await stage.promote(3) == ["PROMOTED", "0"]


async def test_what_is_bought_counts_towards_caps(stage: Stage) -> None:
    await stage.sold_out(3)
    await stage.plan(caps="bought_max=3,open_max=9")
    await stage.give_up(1)
    assert await stage.promote(3, places=PLACES) == ["PROMOTED", "0"]
    assert await stage.shares() == {"x:3": "3=1"}
    assert (await stage.booking(3))["counted"] == "1"


async def test_a_number_in_the_line_that_is_no_booking_gets_nothing(stage: Stage) -> None:
    await stage.command("ZADD", stage.own.waiting, 1, 9)
    assert await stage.unchanged(stage.promote(9)) == ["KEPT"]
