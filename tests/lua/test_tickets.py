"""open_booking with tickets: free seats of zones that nobody names."""

import pytest

from tests.lua.stage import ANN, BITS, BOB, Stage, entry

FLOOR, STALLS = "1:1500:{}:0-19+24-30", "2:900:{}:32-37"


def floor(quantity: int) -> str:
    return FLOOR.format(quantity)


def stalls(quantity: int) -> str:
    return STALLS.format(quantity)


@pytest.fixture
async def stage(stage: Stage) -> Stage:
    await stage.plan(seats_max=100)
    return stage


async def test_the_first_free_seats(stage: Stage) -> None:
    _, _, expires, _, seats = await stage.open(1, tickets=floor(3))
    assert seats == "0:1500,1:1500,2:1500"
    assert (await stage.booking(1))["seats"] == "0:1500,1:1500,2:1500"
    assert (await stage.booking(1))["status"] == "seats_selected"
    assert await stage.last() == entry("opened", 1, ANN, "0:1500,1:1500,2:1500", str(expires))
    await stage.open(2, 4, 5, 16)
    await stage.open(3, tickets=floor(4))
    assert (await stage.booking(3))["seats"] == "3:1500,6:1500,7:1500,8:1500"
    assert await stage.holders() == {0: 1, 1: 1, 2: 1, 3: 3, 4: 2, 5: 2, 6: 3, 7: 3, 8: 3, 16: 2}
    assert await stage.taken() == (await stage.holders()).keys()


@pytest.mark.parametrize("ahead", range(26))
async def test_padding_is_nobodys(stage: Stage, ahead: int) -> None:
    seats = [*range(20), *range(24, 31)]
    if ahead:
        await stage.open(1, tickets=floor(ahead))
    assert (await stage.open(2, tickets=floor(27 - ahead)))[0] == "OPENED"
    assert await stage.taken() == set(seats)
    assert await stage.holders() == {seat: 1 + (n >= ahead) for n, seat in enumerate(seats)}
    assert await stage.unchanged(stage.open(3, tickets=floor(1))) == ["SOLD_OUT", "1"]


async def test_a_gap_is_found_wherever_it_is(stage: Stage) -> None:
    await stage.open(1, tickets=floor(27))
    for number, seat in enumerate([*range(20), *range(24, 31)], 2):
        await stage.release(1, seat, once=str(seat))
        assert (await stage.open(number, tickets=floor(1)))[0] == "OPENED"
        assert (await stage.booking(number))["seats"] == f"{seat}:1500"


async def test_where_the_bitmap_ends_all_is_free(stage: Stage) -> None:
    await stage.open(1, *range(8))
    assert (await stage.open(2, tickets="1:1500:2:48-53"))[0] == "OPENED"
    assert (await stage.booking(2))["seats"] == "48:1500,49:1500"
    await stage.open(3, *range(8, 20), *range(24, 31))
    assert await stage.unchanged(stage.open(4, tickets=floor(1))) == ["SOLD_OUT", "1"]


async def test_no_seat_beyond_the_bits(stage: Stage) -> None:
    wanted = f"1:1500:{{}}:{BITS - 8}-{BITS + 8}"
    assert await stage.unchanged(stage.open(1, tickets=wanted.format(9))) == ["SOLD_OUT", "1"]
    assert (await stage.open(1, tickets=wanted.format(8)))[0] == "OPENED"


async def test_all_of_several_zones_or_none(stage: Stage) -> None:
    assert await stage.unchanged(stage.open(1, tickets=f"{floor(2)},{stalls(7)}")) == [
        "SOLD_OUT",
        "2",
    ]
    assert (await stage.open(1, tickets=f"{floor(2)},{stalls(6)}"))[0] == "OPENED"
    assert (await stage.booking(1))["seats"] == (
        "0:1500,1:1500,32:900,33:900,34:900,35:900,36:900,37:900"
    )
    assert await stage.unchanged(stage.open(2, tickets=f"{stalls(1)},{floor(99)}")) == [
        "SOLD_OUT",
        "2",
    ]


async def test_too_many_counts_all_tickets_and_outranks_sold_out(stage: Stage) -> None:
    await stage.plan(seats_max=4)
    for wanted in (floor(5), f"{floor(2)},{stalls(3)}", floor(90)):
        assert await stage.unchanged(stage.open(1, tickets=wanted)) == ["TOO_MANY", "4"]
    assert (await stage.open(1, tickets=f"{floor(2)},{stalls(2)}"))[0] == "OPENED"


async def test_stale_layout_and_not_on_sale_outrank_sold_out(stage: Stage) -> None:
    stale = stage.open(1, tickets=stalls(7), version="1")
    assert await stage.unchanged(stale) == ["STALE_LAYOUT", stage.version]
    await stage.amend(state="closed")
    assert await stage.unchanged(stage.open(1, tickets=stalls(7))) == ["NOT_ON_SALE", "closed"]


async def test_seats_of_lapsed_holds_are_free_once_they_are_expired(stage: Stage) -> None:
    await stage.lapsed(1, *range(32, 36), user=BOB)
    await stage.open(2, 36, user=BOB)
    assert (await stage.open(3, tickets=stalls(1)))[0] == "OPENED"
    assert await stage.unchanged(stage.open(4, tickets=stalls(1))) == ["LAPSED", "1"]
    assert await stage.expire(1) == ["EXPIRED"]
    assert (await stage.open(4, tickets=stalls(4)))[0] == "OPENED"
    assert await stage.unchanged(stage.open(5, tickets=stalls(1))) == ["SOLD_OUT", "2"]


async def test_lapsed_bookings_of_other_events_are_not_named(stage: Stage) -> None:
    await stage.open(1, tickets=stalls(6))
    await stage.command("ZADD", stage.own.deadlines, 1, f"{stage.event + 64}:7")
    assert await stage.unchanged(stage.open(2, tickets=stalls(1))) == ["SOLD_OUT", "2"]
    await stage.command("ZREM", stage.own.deadlines, f"{stage.event + 64}:7")


async def test_caps_count_tickets(stage: Stage) -> None:
    await stage.plan(caps="held_max=3,open_max=9")
    assert (await stage.open(1, tickets=floor(2)))[0] == "OPENED"
    assert await stage.shares() == {ANN: "1:2"}
    over = stage.open(2, tickets=floor(2))
    assert await stage.unchanged(over) == ["CAP_REACHED", "held_max", "3"]
    assert (await stage.open(2, tickets=floor(1)))[0] == "OPENED"


async def test_again_it_is_the_same_booking(stage: Stage) -> None:
    first = await stage.open(1, tickets=stalls(6))
    assert await stage.unchanged(stage.open(1, tickets=stalls(6))) == first
    kept = await stage.open(2, tickets=floor(1), once="a")
    again = await stage.unchanged(stage.open(3, tickets=floor(1), once="a"))
    assert again == ["=OPENED", *kept[1:]]
