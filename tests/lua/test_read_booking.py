"""read_booking: a booking as its owner sees it."""

import pytest

from tests.lua.stage import ANN, BOB, Stage

SEATS = "5:1500,6:1500"
NOTHING = ("", "", "", "")
"""No refund, no seats of before, no lists."""


async def test_no_booking(stage: Stage) -> None:
    assert await stage.unchanged(stage.look(1)) == ["NO_BOOKING"]


async def test_without_seats(stage: Stage) -> None:
    _, _, expires, created, _ = await stage.open(1, user=BOB)
    seen = ["BOOKING", BOB, "booked", "", "", created, expires, *NOTHING]
    assert await stage.unchanged(stage.look(1)) == seen
    assert await stage.unchanged(stage.look(1)) == seen


async def test_with_seats(stage: Stage) -> None:
    _, _, expires, created, _ = await stage.open(1, 5, 6)
    seen = ["BOOKING", ANN, "seats_selected", SEATS, "", created, expires, *NOTHING]
    assert await stage.unchanged(stage.look(1)) == seen


@pytest.mark.parametrize("seats", [(), (5, 6)])
async def test_while_seats_are_chosen_no_payment_is_looked_for(
    stage: Stage, seats: tuple[int, ...]
) -> None:
    await stage.open(1, *seats)
    seen = await stage.look(1)
    await stage.command("HSET", stage.booking_key(1), "amount", "7", "refund", "due")
    assert await stage.look(1) == seen


async def test_in_payment(stage: Stage) -> None:
    _, _, _, created, _ = await stage.open(1, 5, 6)
    _, amount, expires = await stage.begin_payment(1)
    seen = ["BOOKING", ANN, "payment_initiated", SEATS, amount, created, expires, *NOTHING]
    assert await stage.unchanged(stage.look(1)) == seen


async def test_confirmed(stage: Stage) -> None:
    await stage.confirmed(1, 5, 6)
    created = (await stage.booking(1))["created"]
    seen = ["BOOKING", ANN, "confirmed", SEATS, "3000", created, "", "", "", ":3000", ""]
    assert await stage.unchanged(stage.look(1)) == seen


async def test_cancelled(stage: Stage) -> None:
    _, _, expires, created, _ = await stage.open(1, 5, 6)
    await stage.cancel(1)
    seen = ["BOOKING", ANN, "cancelled", "", "", created, expires, "", SEATS, "", ""]
    assert await stage.unchanged(stage.look(1)) == seen


async def test_a_lapsed_one_is_expired_swept_or_not(stage: Stage) -> None:
    await stage.unpaid(1, 5, 6)
    fields = await stage.booking(1)
    times = (fields["created"], fields["expires"])
    seen = ["BOOKING", ANN, "expired", "", "3000", *times, "", SEATS, "", ""]
    assert await stage.unchanged(stage.look(1)) == seen
    await stage.expire(1)
    assert await stage.unchanged(stage.look(1)) == seen


async def test_a_refund(stage: Stage) -> None:
    await stage.refundable(1, 5)
    assert (await stage.look(1))[2:5] == ["expired", "", "1500"]
    assert (await stage.look(1))[7:] == ["due", "5:1500", ":1500", ":1500:expired:due:"]


async def test_what_older_versions_kept_of_payments(stage: Stage) -> None:
    """No lists: who went through a payment has paid, a place was given away."""
    await stage.confirmed(1, 5)
    await stage.book(2)
    await stage.refundable(3, 20)
    for number in (1, 3):
        await stage.command("HDEL", stage.booking_key(number), "payments", "refunds")
    assert (await stage.look(1))[9:] == [":1500", ""]
    assert (await stage.look(2))[9:] == ["", ""]
    assert (await stage.look(3))[9:] == [":1500", ":1500::due:"]
