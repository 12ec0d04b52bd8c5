"""open_booking: a new booking, with its first seats or without."""

import pytest

from tests.lua.stage import ANN, BITS, BOB, HOLD_MS, ONCE_MS, Stage, entry


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    assert await nowhere.unchanged(nowhere.open(1, 5)) == ["NO_EVENT"]
    assert await nowhere.unchanged(nowhere.open(1, 5)) == ["NO_EVENT"]


async def test_stale_layout_outranks_what_is_wrong_with_the_seats(stage: Stage) -> None:
    for seats in [(), (5,), (BITS,), range(5)]:
        stale = stage.open(1, *seats, version="1")
        assert await stage.unchanged(stale) == ["STALE_LAYOUT", stage.version]


async def test_too_many_outranks_no_seat(stage: Stage) -> None:
    assert await stage.unchanged(stage.open(1, *range(BITS, BITS + 5))) == ["TOO_MANY", "4"]
    assert await stage.unchanged(stage.open(1, *range(5))) == ["TOO_MANY", "4"]


async def test_as_many_as_allowed(stage: Stage) -> None:
    await stage.plan(seats_max=100, bits=999_999)
    assert (await stage.open(1, *range(100)))[0] == "OPENED"
    assert await stage.taken() == set(range(100))
    assert await stage.unchanged(stage.open(2, *range(100, 201))) == ["TOO_MANY", "100"]


@pytest.mark.parametrize("index", [BITS, BITS + 1, 999_999, 4_294_967_295, 2**53 - 1])
async def test_no_seat_beyond_the_bits(stage: Stage, index: int) -> None:
    assert await stage.unchanged(stage.open(1, 5, index)) == ["NO_SEAT", str(index)]
    assert await stage.unchanged(stage.open(1, 5, index)) == ["NO_SEAT", str(index)]


async def test_seat_taken_says_which_and_until_when(stage: Stage) -> None:
    _, _, ends, *_ = await stage.open(1, 5, 6, user=BOB)
    assert await stage.unchanged(stage.open(2, 4, 6)) == ["SEAT_TAKEN", "6", ends]
    assert await stage.unchanged(stage.open(2, 4, 6)) == ["SEAT_TAKEN", "6", ends]


async def test_a_sold_seat_is_taken_without_end(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    assert await stage.unchanged(stage.open(2, 5)) == ["SEAT_TAKEN", "5", "0"]


async def test_lapsed_names_the_holders_until_they_are_expired(stage: Stage) -> None:
    await stage.lapsed(1, 5, user=BOB)
    await stage.lapsed(2, 7, user=BOB)
    assert await stage.unchanged(stage.open(3, 5, 6, 7)) == ["LAPSED", "1", "2"]
    assert await stage.expire(1) == ["EXPIRED"]
    assert await stage.unchanged(stage.open(3, 5, 6, 7)) == ["LAPSED", "2"]
    assert await stage.expire(2) == ["EXPIRED"]
    assert (await stage.open(3, 5, 6, 7))[0] == "OPENED"
    assert await stage.holders() == {5: 3, 6: 3, 7: 3}


async def test_seat_taken_and_no_seat_outrank_lapsed(stage: Stage) -> None:
    await stage.lapsed(1, 5, user=BOB)
    await stage.confirmed(2, 6)
    assert await stage.unchanged(stage.open(3, 5, 6)) == ["SEAT_TAKEN", "6", "0"]
    assert await stage.unchanged(stage.open(3, 5, BITS)) == ["NO_SEAT", str(BITS)]


async def test_opens_without_seats(stage: Stage) -> None:
    (outcome, number, expires, created, seats), ran = await stage.timed(stage.open(42))
    assert (outcome, number, seats) == ("OPENED", "42", "")
    assert int(created) in ran
    assert int(expires) == int(created) + HOLD_MS
    assert await stage.booking(42) == {
        "user": ANN,
        "status": "booked",
        "seats": "",
        "created": created,
        "updated": created,
        "expires": expires,
    }
    await stage.assert_armed(42, int(expires))
    assert (await stage.taken(), await stage.holders()) == (set(), {})
    assert await stage.last() == entry("opened", 42, ANN, note=str(expires))


async def test_opens_with_seats(stage: Stage) -> None:
    (_, _, expires, created, seats), ran = await stage.timed(stage.open(42, 0, BITS - 1))
    assert int(created) in ran
    assert seats == "0:1500,79:1500"
    assert await stage.booking(42) == {
        "user": ANN,
        "status": "seats_selected",
        "seats": "0:1500,79:1500",
        "created": created,
        "updated": created,
        "expires": expires,
        "armed": "1",
    }
    await stage.assert_armed(42, int(expires))
    assert await stage.taken() == {0, BITS - 1}
    assert await stage.sold() == set()
    assert await stage.holders() == {0: 42, BITS - 1: 42}
    assert await stage.last() == entry("opened", 42, ANN, "0:1500,79:1500", str(expires))


async def test_a_seat_named_twice_is_held_once(stage: Stage) -> None:
    await stage.open(1, 5, 6, 5)
    assert (await stage.booking(1))["seats"] == "5:1500,6:1500"


async def test_a_seat_may_cost_nothing(stage: Stage) -> None:
    await stage.open(1, 5, price=0)
    assert (await stage.booking(1))["seats"] == "5:0"


async def test_again_it_is_the_same_booking(stage: Stage) -> None:
    first = await stage.open(1, 5, 6)
    assert await stage.unchanged(stage.open(1, 5, 6)) == first
    empty = await stage.open(2)
    assert await stage.unchanged(stage.open(2)) == empty


async def test_a_booking_that_exists_is_given_again_whatever_became_of_it(stage: Stage) -> None:
    first = await stage.open(1, 5)
    assert await stage.unchanged(stage.open(1, 5, version="1")) == first
    await stage.cancel(1)
    assert await stage.unchanged(stage.open(1, 5)) == first


async def test_a_confirmed_one_is_given_again_without_an_end(stage: Stage) -> None:
    _, number, _, created, seats = await stage.open(1, 5)
    await stage.begin_payment(1)
    await stage.confirm(1)
    assert await stage.unchanged(stage.open(1, 5)) == ["OPENED", number, "0", created, seats]


async def test_with_a_once_key_the_reply_is_kept(stage: Stage) -> None:
    first = await stage.open(1, 5, once="a")
    assert await stage.unchanged(stage.open(1, 5, once="a")) == ["=OPENED", *first[1:]]
    assert await stage.unchanged(stage.open(2, 6, once="a")) == ["=OPENED", *first[1:]]
    assert 0 < await stage.command("PTTL", stage.once_key("a")) <= ONCE_MS


async def test_with_a_once_key_what_is_provisional_is_not_kept(stage: Stage) -> None:
    await stage.lapsed(1, 5, user=BOB)
    stale = stage.open(2, 5, version="1", once="a")
    assert await stage.unchanged(stale) == ["STALE_LAYOUT", stage.version]
    assert await stage.unchanged(stage.open(2, 5, once="a")) == ["LAPSED", "1"]
    await stage.expire(1)
    assert (await stage.open(2, 5, once="a"))[0] == "OPENED"


async def test_with_a_once_key_a_refusal_is_kept(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    assert await stage.open(2, 5, once="a") == ["SEAT_TAKEN", "5", "0"]
    await stage.discard(1)
    assert await stage.unchanged(stage.open(2, 5, once="a")) == ["=SEAT_TAKEN", "5", "0"]


async def test_not_on_sale_outranks_the_seats_and_spares_what_is_open(stage: Stage) -> None:
    first = await stage.open(1, 5)
    stale = stage.version
    await stage.amend(state="closed")
    assert await stage.unchanged(stage.open(2, version=stale)) == ["STALE_LAYOUT", stage.version]
    for seats in ((), (5,), (1, 2, 3, 4, 6), (BITS,)):
        assert await stage.unchanged(stage.open(2, *seats)) == ["NOT_ON_SALE", "closed"]
    assert await stage.unchanged(stage.open(1, 5)) == first
    await stage.amend(state="on_sale")
    assert (await stage.open(2))[0] == "OPENED"
