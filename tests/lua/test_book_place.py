"""book_place: one place of an event for each user, or a place in its line."""

import pytest

from tests.lua.stage import ANN, BOB, PLACES, Stage, entry


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    assert await nowhere.unchanged(nowhere.book(1)) == ["NO_EVENT"]


async def test_a_place_is_sold_at_once(stage: Stage) -> None:
    (*reply, created, updated), ran = await stage.timed(stage.book(42))
    assert reply == ["CONFIRMED", "42", "0"]
    assert int(created) in ran
    assert updated == created
    assert await stage.booking(42) == {
        "user": ANN,
        "status": "confirmed",
        "seats": "0:1500",
        "amount": "1500",
        "created": created,
        "updated": created,
    }
    assert (await stage.taken(), await stage.sold()) == ({0}, {0})
    assert await stage.holders() == {0: 42}
    assert await stage.patrons() == {ANN: "42:active"}
    assert await stage.shares() == {}
    assert await stage.last() == entry("confirmed", 42, ANN, "0:1500", "1500")
    fields = await stage.fields()
    assert [fields[it] for it in ("revenue", "confirmed", "payments")] == ["1500", "1", "1"]


async def test_zones_in_their_order(stage: Stage) -> None:
    await stage.sold_out()
    assert await stage.holders() == {0: 1, 8: 2}
    assert (await stage.fields())["revenue"] == "2400"


@pytest.mark.parametrize("waits", [0, 1])
async def test_one_place_for_each_user(stage: Stage, waits: int) -> None:
    await stage.book(1)
    assert await stage.unchanged(stage.book(2, waits=waits)) == ["ALREADY_BOOKED", "1"]
    await stage.book(3, user=BOB)
    assert await stage.unchanged(stage.book(4, BOB, waits)) == ["ALREADY_BOOKED", "3"]
    await stage.book(5, user="x:eve")
    assert await stage.unchanged(stage.book(6, "x:eve", waits)) == ["ALREADY_BOOKED", "5"]


async def test_already_booked_outranks_all_that_is_wrong_with_the_event(stage: Stage) -> None:
    await stage.sold_out()
    await stage.amend(state="closed")
    for version in ("", "1"):
        again = stage.book(3, waits=0, version=version)
        assert await stage.unchanged(again) == ["ALREADY_BOOKED", "1"]


async def test_stale_layout_outranks_not_on_sale_outranks_sold_out(stage: Stage) -> None:
    await stage.sold_out()
    await stage.amend(state="closed")
    stale = stage.book(3, BOB, 0, version="1")
    assert await stage.unchanged(stale) == ["STALE_LAYOUT", stage.version]
    assert await stage.unchanged(stage.book(3, BOB, 0)) == ["NOT_ON_SALE", "closed"]
    assert await stage.unchanged(stage.book(3, BOB)) == ["NOT_ON_SALE", "closed"]


async def test_sold_out_for_those_who_would_not_wait(stage: Stage) -> None:
    await stage.sold_out()
    assert await stage.unchanged(stage.book(3, BOB, 0)) == ["SOLD_OUT"]
    await stage.book(3, BOB)
    await stage.give_up(1)
    assert await stage.unchanged(stage.book(4, "x:eve", 0)) == ["SOLD_OUT"]


async def test_the_line_is_in_order_of_coming(stage: Stage) -> None:
    await stage.sold_out()
    for position, number in enumerate((7, 5, 9, 6), 1):
        *reply, created, updated = await stage.book(number, user=f"x:{number}")
        assert reply == ["WAITING", str(number), str(position)]
        assert await stage.booking(number) == {
            "user": f"x:{number}",
            "status": "waiting",
            "seats": "",
            "created": created,
            "updated": updated,
        }
        assert await stage.last() == entry("waiting", number, f"x:{number}")
    assert await stage.line() == [7, 5, 9, 6]
    assert (await stage.patrons())["x:9"] == "9:waiting"
    assert not await stage.is_promoting()


async def test_while_others_wait_nobody_goes_before_them(stage: Stage) -> None:
    await stage.sold_out(3)
    await stage.give_up(1)
    assert (await stage.book(4, user=BOB))[:3] == ["WAITING", "4", "2"]
    assert await stage.line() == [3, 4]


async def test_places_of_lapsed_holds_are_free_once_they_are_expired(stage: Stage) -> None:
    await stage.lapsed(1, 0, 8, user="x:eve")
    for waits in (0, 1):
        assert await stage.unchanged(stage.book(2, BOB, waits)) == ["LAPSED", "1"]
    await stage.expire(1)
    assert (await stage.book(2, BOB))[0] == "CONFIRMED"


async def test_padding_is_nobodys(stage: Stage) -> None:
    await stage.book(1, places="1:1500:1:0-0")
    assert await stage.unchanged(stage.book(2, BOB, 0, places="1:1500:1:0-0")) == ["SOLD_OUT"]


async def test_caps_count_places(stage: Stage) -> None:
    await stage.plan(caps="bought_max=1,open_max=9")
    await stage.book(1)
    assert await stage.shares() == {ANN: "1=1"}
    assert (await stage.booking(1))["counted"] == "1"
    await stage.open(2, 20, user=BOB)
    over = ["CAP_REACHED", "bought_max", "1"]
    assert await stage.unchanged(stage.book(3, BOB)) == over
    await stage.book(4, user="x:eve")
    assert await stage.unchanged(stage.book(3, BOB)) == over
    assert await stage.unchanged(stage.book(3, BOB, 0)) == ["SOLD_OUT"]


async def test_caps_count_no_place_where_only_what_is_held_is_limited(stage: Stage) -> None:
    await stage.plan(caps="held_max=1,open_max=9")
    await stage.book(1)
    assert await stage.shares() == {}
    await stage.lapsed(2, 20, user=BOB)
    assert await stage.unchanged(stage.book(3, BOB)) == ["LAPSED", "2"]


async def test_a_booking_that_exists_is_given_again_as_it_stands(stage: Stage) -> None:
    await stage.sold_out()
    waiting = await stage.book(3, BOB)
    assert await stage.unchanged(stage.book(3, BOB, 0, version="1")) == waiting
    confirmed = await stage.unchanged(stage.book(1))
    assert confirmed[:3] == ["CONFIRMED", "1", "0"]
    await stage.give_up(1)
    assert (await stage.unchanged(stage.book(1)))[:3] == ["CANCELLED", "1", "0"]


async def test_who_gave_a_place_up_may_have_another(stage: Stage) -> None:
    await stage.book(1)
    await stage.give_up(1)
    assert (await stage.book(2, places=PLACES))[0] == "CONFIRMED"
    assert await stage.patrons() == {ANN: "2:active"}


async def test_lapsed_holds_are_left_alone_while_there_is_another_way(stage: Stage) -> None:
    await stage.lapsed(1, 0, user="x:eve")
    assert (await stage.book(2, BOB))[0] == "CONFIRMED"
    await stage.expire(1)
    await stage.book(3)
    await stage.book(4, user="x:first")
    await stage.lapsed(5, user="x:eve")
    assert await stage.unchanged(stage.book(6, "x:late", 0)) == ["SOLD_OUT"]
    assert (await stage.book(6, user="x:late"))[:3] == ["WAITING", "6", "2"]
