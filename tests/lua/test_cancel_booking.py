"""cancel_booking: its owner gives it up, or its payment failed."""

import pytest

from tests.lua.stage import ANN, BOB, KEEP_MS, NOBODY, Stage, entry

BOTH = pytest.mark.parametrize("user", [ANN, NOBODY], ids=["owner", "failed"])


@BOTH
async def test_no_booking(stage: Stage, user: str) -> None:
    assert await stage.unchanged(stage.cancel(1, user)) == ["NO_BOOKING"]
    assert await stage.unchanged(stage.cancel(1, user)) == ["NO_BOOKING"]


async def test_not_yours_outranks_the_state(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.confirmed(2, 6)
    await stage.swept(3, 7)
    for number in (1, 2, 3):
        assert await stage.unchanged(stage.cancel(number, BOB)) == ["NOT_YOURS"]


@BOTH
async def test_already_confirmed(stage: Stage, user: str) -> None:
    await stage.confirmed(1, 5)
    assert await stage.unchanged(stage.cancel(1, user)) == ["ALREADY_CONFIRMED"]
    assert await stage.unchanged(stage.cancel(1, user)) == ["ALREADY_CONFIRMED"]


async def test_closed_for_its_owner_once_it_has_lapsed(stage: Stage) -> None:
    await stage.lapsed(1, 5)
    await stage.unpaid(2, 6)
    await stage.swept(3, 7)
    await stage.lapsed(4)
    for number in (1, 2, 3, 4):
        assert await stage.unchanged(stage.cancel(number)) == ["CLOSED", "expired"]


async def assert_cancelled(stage: Stage, number: int, released: str, ran: range) -> None:
    booking = await stage.booking(number)
    kept = {name: booking[name] for name in ("status", "seats", "released")}
    assert kept == {"status": "cancelled", "seats": "", "released": released}
    assert int(booking["updated"]) in ran
    assert await stage.forgotten_at(number) == int(booking["updated"]) + KEEP_MS
    assert await stage.deadline(number) is None
    assert not await stage.holds(number)
    assert await stage.holders() == {9: 99}
    assert await stage.taken() == {9}
    assert await stage.sold() == set()


@BOTH
async def test_before_selection(stage: Stage, user: str) -> None:
    await stage.open(99, 9, user=BOB)
    await stage.open(1)
    await stage.age(1)
    reply, ran = await stage.timed(stage.cancel(1, user))
    assert reply == ["CANCELLED"]
    await assert_cancelled(stage, 1, "", ran)


@BOTH
async def test_after_selection(stage: Stage, user: str) -> None:
    await stage.open(99, 9, user=BOB)
    await stage.open(1, 8, 10)
    await stage.age(1)
    reply, ran = await stage.timed(stage.cancel(1, user))
    assert reply == ["CANCELLED"]
    await assert_cancelled(stage, 1, "8:1500,10:1500", ran)
    note = "payment_failed" if user == NOBODY else ""
    assert await stage.last() == entry("cancelled", 1, ANN, "8,10", note)


@BOTH
async def test_after_payment_began(stage: Stage, user: str) -> None:
    await stage.open(99, 9, user=BOB)
    await stage.paying(1, 8)
    await stage.age(1)
    reply, ran = await stage.timed(stage.cancel(1, user))
    assert reply == ["CANCELLED"]
    await assert_cancelled(stage, 1, "8:1500", ran)
    assert (await stage.booking(1))["amount"] == "1500"


async def test_a_payment_that_fails_late_frees_the_seats_of_a_lapsed_booking(stage: Stage) -> None:
    await stage.open(99, 9, user=BOB)
    await stage.unpaid(1, 8)
    await stage.age(1)
    reply, ran = await stage.timed(stage.fail(1))
    assert reply == ["CANCELLED"]
    await assert_cancelled(stage, 1, "8:1500", ran)


async def test_a_payment_that_fails_late_cancels_an_expired_booking(stage: Stage) -> None:
    await stage.open(99, 9, user=BOB)
    await stage.swept(1, 8)
    await stage.age(1)
    reply, ran = await stage.timed(stage.fail(1))
    assert reply == ["CANCELLED"]
    await assert_cancelled(stage, 1, "8:1500", ran)
    assert await stage.last() == entry("cancelled", 1, ANN, note="payment_failed")


async def test_it_frees_nothing_that_has_gone_to_another(stage: Stage) -> None:
    await stage.swept(1, 9)
    await stage.open(99, 9, user=BOB)
    assert await stage.fail(1) == ["CANCELLED"]
    assert await stage.holders() == {9: 99}
    assert await stage.taken() == {9}


async def test_what_is_owed_is_not_forgotten(stage: Stage) -> None:
    await stage.refundable(1, 8)
    assert await stage.fail(1) == ["CANCELLED"]
    booking = await stage.booking(1)
    assert (booking["status"], booking["refund"]) == ("cancelled", "due")
    assert await stage.forgotten_at(1) is None
    assert await stage.unchanged(stage.fail(1)) == ["CANCELLED"]


@BOTH
async def test_again_it_stays_cancelled(stage: Stage, user: str) -> None:
    await stage.paying(1, 5)
    assert await stage.cancel(1, user) == ["CANCELLED"]
    for again in (user, ANN, NOBODY):
        assert await stage.unchanged(stage.cancel(1, again)) == ["CANCELLED"]


async def test_others_can_claim_the_seats_at_once(stage: Stage) -> None:
    await stage.paying(1, 5, 6)
    await stage.cancel(1)
    assert (await stage.open(2, 5, 6, user=BOB))[0] == "OPENED"
    assert await stage.unchanged(stage.cancel(1)) == ["CANCELLED"]


async def test_with_a_once_key_the_reply_is_kept(stage: Stage) -> None:
    await stage.open(1, 5)
    assert await stage.cancel(1, once="a") == ["CANCELLED"]
    assert await stage.unchanged(stage.cancel(1, once="a")) == ["=CANCELLED"]
    await stage.confirmed(2, 5)
    assert await stage.cancel(2, once="b") == ["ALREADY_CONFIRMED"]
    assert await stage.unchanged(stage.cancel(2, once="b")) == ["=ALREADY_CONFIRMED"]
