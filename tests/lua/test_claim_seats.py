"""claim_seats: all of one choice, or none."""

import pytest

from tests.lua.stage import ANN, BITS, BOB, HOLD_MS, Stage, entry


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    assert await nowhere.unchanged(nowhere.claim(1, 5)) == ["NO_EVENT"]
    assert await nowhere.unchanged(nowhere.claim(1, 5)) == ["NO_EVENT"]


async def test_stale_layout_outranks_no_booking(stage: Stage) -> None:
    stale = stage.claim(1, BITS, version="1")
    assert await stage.unchanged(stale) == ["STALE_LAYOUT", stage.version]


async def test_no_booking_outranks_no_seat(stage: Stage) -> None:
    assert await stage.unchanged(stage.claim(1, BITS)) == ["NO_BOOKING"]
    assert await stage.unchanged(stage.claim(1, BITS)) == ["NO_BOOKING"]


async def test_not_yours_outranks_closed(stage: Stage) -> None:
    await stage.open(1)
    await stage.paying(2, 5)
    for number in (1, 2):
        assert await stage.unchanged(stage.claim(number, BITS, user=BOB)) == ["NOT_YOURS"]


async def test_closed_outranks_no_seat_and_says_what_the_booking_is(stage: Stage) -> None:
    await stage.paying(1, 1)
    await stage.confirmed(2, 2)
    await stage.open(3, 3)
    await stage.cancel(3)
    await stage.lapsed(4, 4)
    await stage.swept(5, 5)
    closed = ["payment_initiated", "confirmed", "cancelled", "expired", "expired"]
    for number, status in enumerate(closed, 1):
        assert await stage.unchanged(stage.claim(number, BITS)) == ["CLOSED", status]
        assert await stage.unchanged(stage.claim(number, 9)) == ["CLOSED", status]


async def test_a_lapsed_empty_booking_is_closed(stage: Stage) -> None:
    await stage.lapsed(1)
    assert await stage.unchanged(stage.claim(1, 5)) == ["CLOSED", "expired"]


@pytest.mark.parametrize("index", [BITS, BITS + 1, 999_999, 4_294_967_295, 2**53 - 1])
async def test_no_seat_beyond_the_bits(stage: Stage, index: int) -> None:
    await stage.open(1)
    assert await stage.unchanged(stage.claim(1, 5, index)) == ["NO_SEAT", str(index)]
    assert await stage.unchanged(stage.claim(1, 5, index)) == ["NO_SEAT", str(index)]


async def test_seat_taken_says_which_and_until_when(stage: Stage) -> None:
    _, _, ends, *_ = await stage.open(1, 5, 6, user=BOB)
    await stage.open(2, 3)
    assert await stage.unchanged(stage.claim(2, 4, 6)) == ["SEAT_TAKEN", "6", ends]
    assert await stage.unchanged(stage.claim(2, 4, 6)) == ["SEAT_TAKEN", "6", ends]


async def test_a_seat_in_payment_is_taken_until_the_payment_ends(stage: Stage) -> None:
    await stage.open(1, 5, user=BOB)
    _, _, ends = await stage.begin_payment(1, BOB)
    await stage.open(2)
    assert await stage.unchanged(stage.claim(2, 5)) == ["SEAT_TAKEN", "5", ends]


async def test_a_sold_seat_is_taken_without_end(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    await stage.open(2)
    assert await stage.unchanged(stage.claim(2, 5)) == ["SEAT_TAKEN", "5", "0"]


async def test_a_taken_bit_without_a_holder_is_taken(stage: Stage) -> None:
    await stage.open(1)
    await stage.command("SETBIT", stage.own.taken, 5, 1)
    assert await stage.unchanged(stage.claim(1, 5)) == ["SEAT_TAKEN", "5", "0"]


async def test_lapsed_names_the_holders_until_they_are_expired(stage: Stage) -> None:
    await stage.lapsed(1, 5, user=BOB)
    await stage.unpaid(2, 7, user=BOB)
    await stage.open(3)
    assert await stage.unchanged(stage.claim(3, 5, 6, 7)) == ["LAPSED", "1", "2"]
    await stage.expire(1)
    await stage.expire(2)
    assert (await stage.claim(3, 5, 6, 7))[0] == "CLAIMED"
    assert await stage.holders() == {5: 3, 6: 3, 7: 3}
    assert await stage.taken() == {5, 6, 7}


async def test_lapsed_names_each_holder_once(stage: Stage) -> None:
    await stage.lapsed(1, 5, 6, user=BOB)
    await stage.open(2)
    assert await stage.unchanged(stage.claim(2, 5, 6)) == ["LAPSED", "1"]


async def test_seat_taken_outranks_lapsed(stage: Stage) -> None:
    await stage.lapsed(1, 5, user=BOB)
    await stage.confirmed(2, 6)
    await stage.open(3)
    assert await stage.unchanged(stage.claim(3, 5, 6)) == ["SEAT_TAKEN", "6", "0"]


async def test_lapsed_outranks_too_many(stage: Stage) -> None:
    await stage.lapsed(1, 5, user=BOB)
    await stage.open(2, 1, 2, 3, 4)
    assert await stage.unchanged(stage.claim(2, 5)) == ["LAPSED", "1"]
    await stage.expire(1)
    assert await stage.unchanged(stage.claim(2, 5)) == ["TOO_MANY", "4"]


async def test_seat_taken_outranks_too_many(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    await stage.open(2, 1, 2, 3, 4)
    assert await stage.unchanged(stage.claim(2, 5)) == ["SEAT_TAKEN", "5", "0"]


async def test_too_many_counts_what_is_held_already(stage: Stage) -> None:
    await stage.open(1, 1, 2, 3)
    assert await stage.unchanged(stage.claim(1, 4, 5)) == ["TOO_MANY", "4"]
    assert await stage.unchanged(stage.claim(1, 4, 5)) == ["TOO_MANY", "4"]
    assert (await stage.claim(1, 3, 4))[0] == "CLAIMED"
    assert await stage.unchanged(stage.claim(1, 5)) == ["TOO_MANY", "4"]


async def test_claims_the_first_seats(stage: Stage) -> None:
    await stage.open(42)
    await stage.age(42)
    (outcome, expires), ran = await stage.timed(stage.claim(42, 0, BITS - 1))
    assert outcome == "CLAIMED"
    assert int(expires) - HOLD_MS in ran
    assert await stage.taken() == {0, BITS - 1}
    assert await stage.sold() == set()
    assert await stage.holders() == {0: 42, BITS - 1: 42}
    booking = await stage.booking(42)
    assert int(booking["updated"]) == int(expires) - HOLD_MS
    assert booking == booking | {
        "user": ANN,
        "status": "seats_selected",
        "seats": "0:1500,79:1500",
        "armed": "1",
    }
    assert await stage.last() == entry("claimed", 42, ANN, "0:1500,79:1500")


async def test_the_first_seat_ever_arms_the_hold_again(stage: Stage) -> None:
    await stage.plan(hold_ms=HOLD_MS // 2)
    await stage.open(1)
    await stage.plan(hold_ms=HOLD_MS)
    await stage.age(1)
    (_, expires), ran = await stage.timed(stage.claim(1, 5))
    assert int(expires) - HOLD_MS in ran
    await stage.assert_armed(1, int(expires))


async def test_later_seats_do_not(stage: Stage) -> None:
    _, _, expires, *_ = await stage.open(1, 5)
    await stage.plan(hold_ms=10 * HOLD_MS)
    assert await stage.claim(1, 6) == ["CLAIMED", expires]
    await stage.assert_armed(1, int(expires))
    assert (await stage.booking(1))["seats"] == "5:1500,6:1500"


async def test_nor_does_selecting_again_after_a_release(stage: Stage) -> None:
    await stage.open(1)
    _, expires = await stage.claim(1, 5)
    await stage.plan(hold_ms=10 * HOLD_MS)
    assert await stage.release(1, 5) == ["RELEASED", "0"]
    assert await stage.claim(1, 5) == ["CLAIMED", expires]
    await stage.assert_armed(1, int(expires))
    assert (await stage.booking(1))["status"] == "seats_selected"
    assert (await stage.booking(1))["seats"] == "5:1500"


async def test_nor_does_a_refusal(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    _, _, expires, *_ = await stage.open(2)
    await stage.plan(hold_ms=10 * HOLD_MS)
    await stage.unchanged(stage.claim(2, 4, 5))
    await stage.assert_armed(2, int(expires))


async def test_seats_held_already_count_as_claimed(stage: Stage) -> None:
    _, _, expires, *_ = await stage.open(1, 5)
    assert await stage.claim(1, 5, 6) == ["CLAIMED", expires]
    assert (await stage.booking(1))["seats"] == "5:1500,6:1500"
    assert await stage.last() == entry("claimed", 1, ANN, "6:1500")


async def test_again_nothing_more_is_claimed(stage: Stage) -> None:
    await stage.open(1)
    first = await stage.claim(1, 5, 6)
    assert await stage.unchanged(stage.claim(1, 5, 6)) == first
    assert await stage.unchanged(stage.claim(1, 6)) == first


async def test_what_is_held_keeps_its_price(stage: Stage) -> None:
    _, _, expires, *_ = await stage.open(1, 5, price=0)
    assert await stage.unchanged(stage.claim(1, 5, price=900)) == ["CLAIMED", expires]


async def test_a_seat_named_twice_is_held_once(stage: Stage) -> None:
    await stage.open(1, 1, 2)
    assert (await stage.claim(1, 5, 6, 5, 6, 5))[0] == "CLAIMED"
    assert (await stage.booking(1))["seats"] == "1:1500,2:1500,5:1500,6:1500"
    assert (await stage.begin_payment(1))[1] == "6000"


async def test_as_many_as_allowed(stage: Stage) -> None:
    await stage.plan(seats_max=100, bits=999_999)
    await stage.open(1)
    assert (await stage.claim(1, *range(999_899, 999_999)))[0] == "CLAIMED"
    assert await stage.taken() == set(range(999_899, 999_999))
    assert await stage.unchanged(stage.claim(1, 1)) == ["TOO_MANY", "100"]


async def test_with_a_once_key_the_reply_is_kept(stage: Stage) -> None:
    await stage.open(1)
    _, expires = await stage.claim(1, 5, once="a")
    assert await stage.unchanged(stage.claim(1, 5, once="a")) == ["=CLAIMED", expires]
    await stage.release(1, 5)
    assert await stage.unchanged(stage.claim(1, 5, once="a")) == ["=CLAIMED", expires]


async def test_with_a_once_key_what_is_provisional_is_not_kept(stage: Stage) -> None:
    await stage.lapsed(1, 5, user=BOB)
    await stage.open(2)
    stale = stage.claim(2, 5, version="1", once="a")
    assert await stage.unchanged(stale) == ["STALE_LAYOUT", stage.version]
    assert await stage.unchanged(stage.claim(2, 5, once="a")) == ["LAPSED", "1"]
    await stage.expire(1)
    assert (await stage.claim(2, 5, once="a"))[0] == "CLAIMED"


async def test_not_on_sale_outranks_the_seats_and_only_what_is_held_is_claimed(
    stage: Stage,
) -> None:
    await stage.open(1, 1)
    _, _, expires, *_ = await stage.open(2, 2)
    await stage.amend(state="closed")
    refused = ["NOT_ON_SALE", "closed"]
    for seats in ((3,), (1,), (2, 3), (BITS,)):
        assert await stage.unchanged(stage.claim(2, *seats)) == refused
    assert await stage.unchanged(stage.claim(2, 2)) == ["CLAIMED", expires]
    assert await stage.unchanged(stage.claim(2, 3, user=BOB)) == ["NOT_YOURS"]
    await stage.amend(state="on_sale")
    assert (await stage.claim(2, 3))[0] == "CLAIMED"


async def test_closed_outranks_not_on_sale(stage: Stage) -> None:
    await stage.paying(1, 1)
    await stage.amend(state="closed")
    assert await stage.unchanged(stage.claim(1, 2)) == ["CLOSED", "payment_initiated"]
