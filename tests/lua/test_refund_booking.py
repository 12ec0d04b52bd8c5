"""refund_booking: what is paid is cancelled, and the money is to go back."""

import pytest

from tests.lua.stage import ANN, BOB, KEEP_MS, NOBODY, Stage, entry

DAY_MS = 86_400_000
BOTH = pytest.mark.parametrize("user", [ANN, NOBODY], ids=["owner", "event"])


async def test_no_event(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    await stage.remove()
    assert await stage.unchanged(stage.refund(1)) == ["NO_EVENT"]


@BOTH
async def test_no_booking(stage: Stage, user: str) -> None:
    assert await stage.unchanged(stage.refund(1, user)) == ["NO_BOOKING"]


async def test_not_yours_outranks_the_state(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.confirmed(2, 6)
    await stage.confirmed(3, 7)
    await stage.refund(3)
    for number in (1, 2, 3):
        assert await stage.unchanged(stage.refund(number, BOB)) == ["NOT_YOURS"]


@BOTH
async def test_closed_where_nothing_is_paid(stage: Stage, user: str) -> None:
    await stage.open(1)
    await stage.open(2, 5)
    await stage.paying(3, 6)
    await stage.swept(4, 7)
    for number, status in enumerate(["booked", "seats_selected", "payment_initiated"], 1):
        assert await stage.unchanged(stage.refund(number, user)) == ["CLOSED", status]
    await stage.lapsed(5, 8)
    for number in (4, 5):
        assert await stage.unchanged(stage.refund(number, user)) == ["CLOSED", "expired"]


@BOTH
async def test_the_seats_are_free_and_the_money_is_due(stage: Stage, user: str) -> None:
    await stage.confirmed(99, 9, user=BOB)
    await stage.confirmed(1, 8, 10)
    await stage.age(1)
    reply, ran = await stage.timed(stage.refund(1, user))
    assert reply == ["REFUND_DUE", "3000"]
    booking = await stage.booking(1)
    assert booking == booking | {
        "status": "cancelled",
        "seats": "",
        "released": "8:1500,10:1500",
        "refund": "due",
        "amount": "3000",
    }
    assert int(booking["updated"]) in ran
    assert (await stage.taken(), await stage.sold()) == ({9}, {9})
    assert await stage.holders() == {9: 99}
    fields = await stage.fields()
    assert (fields["revenue"], fields["confirmed"]) == ("1500", "1")
    assert await stage.forgotten_at(1) is None
    note = "" if user else "event_cancelled"
    told = [{k: v for k, v in it.items() if k != "event"} for it in (await stage.journal())[-2:]]
    assert told == [
        entry("cancelled", 1, ANN, "8,10", note),
        entry("refund_due", 1, ANN, note=f"3000 {note or 'cancelled'} "),
    ]


@BOTH
async def test_again_it_stays_cancelled(stage: Stage, user: str) -> None:
    await stage.confirmed(1, 5)
    await stage.refund(1, user)
    assert (await stage.open(2, 5, user=BOB))[0] == "OPENED"
    for again in (ANN, NOBODY):
        assert await stage.unchanged(stage.refund(1, again)) == ["CANCELLED"]
    assert await stage.unchanged(stage.confirm(1)) == ["REFUND_DUE"]
    assert await stage.unchanged(stage.cancel(1)) == ["CANCELLED"]
    assert await stage.unchanged(stage.forget(1)) == ["KEPT"]


@BOTH
async def test_what_cost_nothing_is_forgotten_in_time(stage: Stage, user: str) -> None:
    await stage.paying(1, 5, price=0)
    await stage.confirm(1)
    assert await stage.refund(1, user) == ["CANCELLED"]
    booking = await stage.booking(1)
    assert "refund" not in booking
    assert await stage.forgotten_at(1) == int(booking["updated"]) + KEEP_MS


async def test_too_late_for_its_owner_only(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    starts = await stage.now_ms() + DAY_MS
    await stage.plan(starts_at=starts, cancel_before_ms=DAY_MS + 1)
    until = str(starts - DAY_MS - 1)
    assert await stage.unchanged(stage.refund(1)) == ["TOO_LATE", until]
    assert (await stage.refund(1, NOBODY))[0] == "REFUND_DUE"


async def test_in_time_until_the_deadline(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    starts = await stage.now_ms() + DAY_MS
    await stage.plan(starts_at=starts, cancel_before_ms=DAY_MS - 60_000)
    assert (await stage.refund(1))[0] == "REFUND_DUE"


@pytest.mark.parametrize("field", ["starts_at", "cancel_before_ms"])
async def test_without_a_start_or_a_deadline_before_it(stage: Stage, field: str) -> None:
    await stage.confirmed(1, 5)
    later = await stage.now_ms() + 60_000
    await stage.plan(**{field: later})
    assert (await stage.refund(1))[0] == "REFUND_DUE"


async def test_what_was_bought_may_be_bought_again(stage: Stage) -> None:
    await stage.plan(caps="bought_max=1,open_max=1000")
    await stage.confirmed(1, 5)
    assert await stage.unchanged(stage.open(2, 6)) == ["CAP_REACHED", "bought_max", "1"]
    await stage.refund(1)
    assert await stage.shares() == {}
    assert (await stage.open(2, 6))[0] == "OPENED"


async def test_with_a_once_key_the_reply_is_kept(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    assert await stage.refund(1, once="a") == ["REFUND_DUE", "1500"]
    assert await stage.unchanged(stage.refund(1, once="a")) == ["=REFUND_DUE", "1500"]
