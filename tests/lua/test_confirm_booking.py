"""confirm_booking: a payment succeeded, in time or late."""

import pytest

from tests.lua.stage import ANN, BOB, PRICE, Stage, Text, entry


async def test_no_event(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.remove()
    assert await stage.unchanged(stage.confirm(1)) == ["NO_EVENT"]
    assert await stage.unchanged(stage.confirm(1)) == ["NO_EVENT"]


async def test_no_booking(stage: Stage) -> None:
    assert await stage.unchanged(stage.confirm(1)) == ["NO_BOOKING"]
    assert await stage.unchanged(stage.confirm(1)) == ["NO_BOOKING"]


async def test_not_initiated_whatever_the_state(stage: Stage) -> None:
    await stage.open(1)
    await stage.open(2, 5)
    await stage.open(3, 6)
    await stage.cancel(3)
    await stage.lapsed(4, 7)
    await stage.lapsed(5, 8)
    await stage.expire(5)
    for number in (1, 2, 3, 4, 5):
        before = await stage.booking(number)
        assert await stage.confirm(number) == ["NOT_INITIATED"]
        assert await stage.booking(number) == before
        assert await stage.unchanged(stage.confirm(number)) == ["NOT_INITIATED"]
    assert set(await stage.unmatched()) == {"1:", "2:", "3:", "4:", "5:"}


async def sold_to_ann(stage: Stage, number: int) -> Text:
    """The booking, found to have seats 5 and 6 sold at 1500 each."""
    assert await stage.taken() >= {5, 6}
    assert await stage.sold() == {5, 6}
    holders = await stage.holders()
    assert (holders[5], holders[6]) == (number, number)
    fields = await stage.fields()
    assert (fields["revenue"], fields["confirmed"]) == (str(2 * PRICE), "1")
    assert await stage.deadline(number) is None
    assert await stage.forgotten_at(number) is None
    assert not await stage.holds(number)
    seats = "5:1500,6:1500"
    assert await stage.last() == entry("confirmed", number, ANN, seats, str(2 * PRICE))
    booking = await stage.booking(number)
    assert (booking["status"], booking["seats"]) == ("confirmed", seats)
    return booking


async def test_sells_what_is_being_paid(stage: Stage) -> None:
    await stage.paying(1, 5, 6)
    await stage.age(1)
    reply, ran = await stage.timed(stage.confirm(1))
    assert reply == ["CONFIRMED"]
    booking = await sold_to_ann(stage, 1)
    assert int(booking["updated"]) in ran
    assert not {"released", "expires", "refund"} & set(booking)


async def test_again_it_stays_confirmed(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    assert await stage.unchanged(stage.confirm(1)) == ["CONFIRMED"]


async def test_what_costs_nothing_is_sold_too(stage: Stage) -> None:
    await stage.paying(1, 5, price=0)
    assert await stage.confirm(1) == ["CONFIRMED"]
    fields = await stage.fields()
    assert (fields["revenue"], fields["confirmed"]) == ("0", "1")
    assert await stage.sold() == {5}


async def test_revenue_adds_up_exactly(stage: Stage) -> None:
    await stage.plan(revenue=9_007_199_254_740_993)
    await stage.confirmed(1, 5)
    await stage.confirmed(2, 6)
    assert (await stage.fields())["revenue"] == str(9_007_199_254_740_993 + 2 * PRICE)
    assert (await stage.fields())["confirmed"] == "2"


async def test_late_but_not_swept_it_has_its_seats_still(stage: Stage) -> None:
    await stage.unpaid(1, 5, 6)
    assert await stage.confirm(1) == ["CONFIRMED"]
    await sold_to_ann(stage, 1)
    assert await stage.expire(1) == ["KEPT", "confirmed"]
    assert await stage.unchanged(stage.confirm(1)) == ["CONFIRMED"]


async def test_late_and_swept_it_takes_its_seats_back(stage: Stage) -> None:
    await stage.swept(1, 5, 6)
    assert await stage.taken() == set()
    assert await stage.confirm(1) == ["CONFIRMED"]
    booking = await sold_to_ann(stage, 1)
    assert not {"released", "expires", "refund"} & set(booking)
    assert await stage.unchanged(stage.confirm(1)) == ["CONFIRMED"]


async def test_late_with_one_seat_gone_the_money_goes_back(stage: Stage) -> None:
    await stage.swept(1, 5, 6)
    await stage.open(2, 6, user=BOB)
    await stage.age(1)
    reply, ran = await stage.timed(stage.confirm(1))
    assert reply == ["REFUND_DUE"]
    booking = await stage.booking(1)
    assert (booking["status"], booking["refund"]) == ("expired", "due")
    assert int(booking["updated"]) in ran
    assert (await stage.taken(), await stage.sold()) == ({6}, set())
    assert await stage.holders() == {6: 2}
    assert (await stage.fields())["revenue"] == "0"
    assert await stage.last() == entry("refund_due", 1, ANN, note=f"{2 * PRICE} expired ")


async def test_a_refund_that_is_due_stays_due_and_is_not_forgotten(stage: Stage) -> None:
    await stage.refundable(1, 5)
    assert await stage.forgotten_at(1) is None
    assert await stage.unchanged(stage.confirm(1)) == ["REFUND_DUE"]
    await stage.cancel(1_001, BOB)
    assert await stage.unchanged(stage.confirm(1)) == ["REFUND_DUE"]


async def test_late_with_a_seat_sold_the_money_goes_back(stage: Stage) -> None:
    await stage.swept(1, 5)
    await stage.confirmed(2, 5, user=BOB)
    assert await stage.confirm(1) == ["REFUND_DUE"]
    assert await stage.holders() == {5: 2}
    assert (await stage.fields())["revenue"] == str(PRICE)


async def test_late_with_a_seat_that_is_no_more_the_money_goes_back(stage: Stage) -> None:
    await stage.swept(1, 5, 70)
    await stage.plan(bits=70)
    assert await stage.confirm(1) == ["REFUND_DUE"]
    assert (await stage.taken(), await stage.sold()) == (set(), set())


async def test_late_behind_a_lapsed_holder_it_waits_for_that_ones_end(stage: Stage) -> None:
    await stage.swept(1, 5, 6)
    await stage.lapsed(2, 6, user=BOB)
    assert await stage.unchanged(stage.confirm(1)) == ["LAPSED", "2"]
    assert await stage.unchanged(stage.confirm(1, once="a")) == ["LAPSED", "2"]
    assert await stage.expire(2) == ["EXPIRED"]
    assert await stage.confirm(1, once="a") == ["CONFIRMED"]
    await sold_to_ann(stage, 1)


async def test_a_seat_that_is_held_outranks_a_lapsed_one(stage: Stage) -> None:
    await stage.swept(1, 5, 6)
    await stage.lapsed(2, 5, user=BOB)
    await stage.open(3, 6, user=BOB)
    assert await stage.confirm(1) == ["REFUND_DUE"]


@pytest.mark.parametrize("by_owner", [True, False])
async def test_cancelled_after_payment_began_the_money_goes_back(
    stage: Stage, by_owner: bool
) -> None:
    await stage.paying(1, 5)
    await (stage.cancel(1) if by_owner else stage.fail(1))
    assert await stage.forgotten_at(1) is not None
    assert await stage.confirm(1) == ["REFUND_DUE"]
    booking = await stage.booking(1)
    assert (booking["status"], booking["refund"]) == ("cancelled", "due")
    assert await stage.forgotten_at(1) is None
    assert (await stage.taken(), await stage.sold()) == (set(), set())
    assert await stage.last() == entry("refund_due", 1, ANN, note=f"{PRICE} cancelled ")
    assert await stage.unchanged(stage.confirm(1)) == ["REFUND_DUE"]


async def test_failed_after_it_expired_the_money_goes_back(stage: Stage) -> None:
    await stage.swept(1, 5)
    await stage.fail(1)
    assert await stage.confirm(1) == ["REFUND_DUE"]
    assert (await stage.booking(1))["status"] == "cancelled"


async def test_with_a_once_key_the_reply_is_kept_unless_it_says_not_now(stage: Stage) -> None:
    await stage.open(1, 5)
    for _ in range(2):
        assert await stage.confirm(1, once="a") == ["NOT_INITIATED"]
    await stage.begin_payment(1)
    assert await stage.confirm(1, once="a") == ["CONFIRMED"]
    assert await stage.unchanged(stage.confirm(1, once="a")) == ["=CONFIRMED"]


async def test_on_a_closed_event_what_is_held_and_what_is_free_again_is_sold(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.swept(2, 6)
    await stage.amend(state="closed")
    assert await stage.confirm(1) == ["CONFIRMED"]
    assert await stage.confirm(2) == ["CONFIRMED"]


async def test_on_a_cancelled_event_a_booking_is_ended_first(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.unpaid(2, 6)
    await stage.cancel_event()
    for number in (1, 2):
        for _ in range(2):
            assert await stage.unchanged(stage.confirm(number, once="a")) == [
                "CALLED_OFF",
                str(number),
            ]
        assert await stage.fail(number) == ["CANCELLED"]
        assert await stage.confirm(number, once=f"b{number}") == ["REFUND_DUE"]
    assert await stage.taken() == set()
    assert (await stage.fields())["revenue"] == "0"


async def test_on_a_cancelled_event_an_expired_booking_gets_its_money_back(stage: Stage) -> None:
    await stage.swept(1, 5)
    await stage.confirmed(2, 6)
    await stage.open(3, 7)
    await stage.cancel_event()
    assert await stage.confirm(1) == ["REFUND_DUE"]
    assert (await stage.booking(1))["status"] == "expired"
    assert await stage.unchanged(stage.confirm(2)) == ["CONFIRMED"]
    assert await stage.confirm(3) == ["NOT_INITIATED"]


@pytest.mark.parametrize(
    ("gone", "sold"),
    [("5-5", False), ("6-6", False), ("0-9", False), ("0-4,7-79", True), ("0-1,5-6", False)],
)
async def test_seats_that_are_gone_do_not_come_back(stage: Stage, gone: str, sold: bool) -> None:
    await stage.swept(1, 5, 6)
    assert (await stage.amend(going=gone, layout="x"))[0] == "AMENDED"
    assert await stage.confirm(1) == ["CONFIRMED" if sold else "REFUND_DUE"]
    assert await stage.taken() == ({5, 6} if sold else set())


async def test_what_cannot_come_back_anyhow_expires_nobody(stage: Stage) -> None:
    await stage.swept(1, 5, 6)
    await stage.amend(going="5-5", layout="x")
    await stage.lapsed(2, 6, user=BOB)
    assert await stage.confirm(1) == ["REFUND_DUE"]
