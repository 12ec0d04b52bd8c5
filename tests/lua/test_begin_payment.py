"""begin_payment: fixes the amount and starts the payment's time."""

from tests.lua.stage import ANN, BOB, PAYMENT_MS, Stage, entry


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    assert await nowhere.unchanged(nowhere.begin_payment(1)) == ["NO_EVENT"]
    await stage.open(1, 5)
    await stage.remove()
    assert await stage.unchanged(stage.begin_payment(1)) == ["NO_EVENT"]


async def test_no_booking(stage: Stage) -> None:
    assert await stage.unchanged(stage.begin_payment(1)) == ["NO_BOOKING"]
    assert await stage.unchanged(stage.begin_payment(1)) == ["NO_BOOKING"]


async def test_not_yours_outranks_the_state(stage: Stage) -> None:
    await stage.open(1)
    await stage.open(2, 5)
    await stage.paying(3, 6)
    await stage.confirmed(4, 7)
    for number in (1, 2, 3, 4):
        assert await stage.unchanged(stage.begin_payment(number, BOB)) == ["NOT_YOURS"]


async def test_no_seats(stage: Stage) -> None:
    await stage.open(1)
    assert await stage.unchanged(stage.begin_payment(1)) == ["NO_SEATS"]
    await stage.claim(1, 5)
    await stage.release(1, 5)
    assert await stage.unchanged(stage.begin_payment(1)) == ["NO_SEATS"]


async def test_closed_says_what_the_booking_is(stage: Stage) -> None:
    await stage.confirmed(1, 1)
    await stage.open(2, 2)
    await stage.cancel(2)
    await stage.lapsed(3, 3)
    await stage.unpaid(4, 4)
    await stage.swept(5, 5)
    await stage.lapsed(6)
    closed = ["confirmed", "cancelled", "expired", "expired", "expired", "expired"]
    for number, status in enumerate(closed, 1):
        assert await stage.unchanged(stage.begin_payment(number)) == ["CLOSED", status]


async def test_fixes_the_amount_and_arms_the_hold_again(stage: Stage) -> None:
    await stage.open(1, 5, 6)
    await stage.claim(1, 7, price=1)
    await stage.age(1)
    (outcome, amount, expires), ran = await stage.timed(stage.begin_payment(1))
    assert (outcome, amount) == ("AWAITING_PAYMENT", "3001")
    assert int(expires) - PAYMENT_MS in ran
    await stage.assert_armed(1, int(expires))
    booking = await stage.booking(1)
    assert booking == booking | {
        "status": "payment_initiated",
        "amount": "3001",
        "seats": "5:1500,6:1500,7:1",
        "updated": str(int(expires) - PAYMENT_MS),
    }
    assert await stage.last() == entry("payment_begun", 1, ANN, booking["seats"], "3001")


async def test_the_seats_stay_held_and_unsold(stage: Stage) -> None:
    await stage.paying(1, 5, 6)
    assert await stage.taken() == {5, 6}
    assert await stage.sold() == set()
    assert await stage.holders() == {5: 1, 6: 1}


async def test_again_while_awaiting_it_is_the_same_payment(stage: Stage) -> None:
    await stage.open(1, 5)
    first = await stage.begin_payment(1)
    assert await stage.unchanged(stage.begin_payment(1)) == first
    await stage.plan(payment_ms=10 * PAYMENT_MS)
    assert await stage.unchanged(stage.begin_payment(1)) == first


async def test_what_costs_nothing_is_paid_for_as_well(stage: Stage) -> None:
    await stage.open(1, 5, price=0)
    assert (await stage.begin_payment(1))[:2] == ["AWAITING_PAYMENT", "0"]


async def test_the_largest_amount_stays_exact(stage: Stage) -> None:
    await stage.plan(seats_max=100, bits=800)
    await stage.open(1, *range(100), price=99_999_999_999)
    assert (await stage.begin_payment(1))[1] == "9999999999900"


async def test_with_a_once_key_the_reply_is_kept(stage: Stage) -> None:
    await stage.open(1, 5)
    first = await stage.begin_payment(1, once="a")
    again = ["=AWAITING_PAYMENT", *first[1:]]
    assert await stage.unchanged(stage.begin_payment(1, once="a")) == again
    await stage.cancel(1)
    assert await stage.unchanged(stage.begin_payment(1, once="a")) == again


async def test_with_a_once_key_a_refusal_is_kept(stage: Stage) -> None:
    await stage.open(1)
    assert await stage.begin_payment(1, once="a") == ["NO_SEATS"]
    await stage.claim(1, 5)
    assert await stage.unchanged(stage.begin_payment(1, once="a")) == ["=NO_SEATS"]


async def test_a_closed_event_still_takes_payments(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.amend(state="closed")
    assert (await stage.begin_payment(1))[0] == "AWAITING_PAYMENT"


async def test_a_cancelled_event_does_not(stage: Stage) -> None:
    await stage.open(1)
    await stage.open(2, 5)
    await stage.paying(3, 6)
    await stage.confirmed(4, 7)
    await stage.cancel_event()
    for number in (1, 2, 3):
        refused = stage.begin_payment(number)
        assert await stage.unchanged(refused) == ["NOT_ON_SALE", "cancelling"]
    assert await stage.unchanged(stage.begin_payment(4)) == ["CLOSED", "confirmed"]
    assert await stage.unchanged(stage.begin_payment(2, BOB)) == ["NOT_YOURS"]


async def test_that_a_payment_ever_began_is_remembered(stage: Stage) -> None:
    await stage.open(1, 5)
    assert "payments" not in await stage.fields()
    await stage.begin_payment(1)
    assert (await stage.fields())["payments"] == "1"
