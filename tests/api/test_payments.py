"""Payments: what a gateway tells, in any order and any number of times."""

import asyncio

import pytest

from tests.api.client import NOT_SELECTED, Api, granted, outcome, refused, seat_of

SUCCESSES = ["CONFIRMED", "confirmed", "Confirmed", "COMPLETED", "completed", "cOmPlEtEd"]
FAILURES = ["FAILED", "failed", "CANCELLED", "Cancelled", "EXPIRED", "REJECTED", "rejected"]
OTHERS = ["NEW", "AUTHORIZED", "form_showed", "refunded", "CONFIRMED ", "заказ", "ok"]


async def test_success(any_api: Api) -> None:
    event = await any_api.make_event(price="150.00")
    a, b = seat_of(event, 0), seat_of(event, 1)
    booking = await any_api.paying(event, a, b)

    for _ in range(3):
        answer = await any_api.succeed(booking)
        assert granted(answer) == "OK"
        assert answer.content == b'"OK"'
        assert outcome(answer) == "CONFIRMED"

    assert await any_api.status(booking) == "confirmed"
    states = await any_api.states(event)
    assert (states[a], states[b]) == ("SOLD", "SOLD")
    numbers = await any_api.analytics(event)
    assert (numbers["total_revenue"], numbers["bookings_count"]) == ("300.00", 1)
    assert len(await any_api.journal(event, "confirmed")) == 1


async def test_success_that_was_never_initiated_changes_nothing(any_api: Api) -> None:
    event = await any_api.make_event()
    empty, selected = await any_api.book(event), await any_api.book(event, seat_of(event, 0))
    cancelled = await any_api.book(event, seat_of(event, 1))
    await any_api.cancel(cancelled)
    expired = await any_api.book(event, seat_of(event, 2))
    await any_api.lapse(expired)
    bookings = (empty, selected, cancelled, expired)
    before = [await any_api.shown(booking) for booking in bookings]

    for booking in bookings:
        answer = await any_api.succeed(booking)
        assert granted(answer) == "OK"
        assert outcome(answer) == "NOT_INITIATED"

    assert [await any_api.shown(booking) for booking in bookings] == before
    assert (await any_api.analytics(event))["sold_seats"] == 0


async def test_failure(any_api: Api) -> None:
    event = await any_api.make_event()
    seat = seat_of(event, 0)
    booking = await any_api.paying(event, seat)

    for _ in range(3):
        answer = await any_api.fail(booking)
        assert granted(answer) == "OK"
        assert outcome(answer) == "CANCELLED"

    assert await any_api.status(booking) == "cancelled"
    assert await any_api.state(seat) == "FREE"
    assert len(await any_api.journal(event, "cancelled")) == 1
    assert await any_api.book(event, seat)


async def test_failure_before_payment_cancels_too(any_api: Api) -> None:
    event = await any_api.make_event()

    for booking in (await any_api.book(event), await any_api.book(event, seat_of(event, 0))):
        assert granted(await any_api.fail(booking)) == "OK"
        assert await any_api.status(booking) == "cancelled"
    assert await any_api.state(seat_of(event, 0)) == "FREE"


async def test_failure_after_success_changes_nothing(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.paid(event, seat_of(event, 0))

    answer = await any_api.fail(booking)

    assert granted(answer) == "OK"
    assert outcome(answer) == "ALREADY_CONFIRMED"
    assert await any_api.status(booking) == "confirmed"
    assert await any_api.state(seat_of(event, 0)) == "SOLD"


async def test_callbacks_need_no_owner(api: Api) -> None:
    event = await api.make_event()
    paid = await api.paying(event, seat_of(event, 0))
    failed = await api.paying(event, seat_of(event, 1))
    await api.give_to_another(paid)
    await api.give_to_another(failed)

    assert granted(await api.succeed(paid)) == "OK"
    assert granted(await api.fail(failed)) == "OK"
    assert await api.state(seat_of(event, 0)) == "SOLD"
    assert await api.state(seat_of(event, 1)) == "FREE"


async def test_late_success_takes_its_seats_back(any_api: Api) -> None:
    event = await any_api.make_event()
    a, b = seat_of(event, 0), seat_of(event, 1)
    booking = await any_api.paying(event, a, b)
    await any_api.lapse(booking)
    await any_api.cancel(await any_api.book(event, a))  # It was somebody else's for a while.
    assert await any_api.status(booking) == "expired"

    answer = await any_api.succeed(booking)

    assert granted(answer) == "OK"
    assert outcome(answer) == "CONFIRMED"
    shown = await any_api.shown(booking)
    assert (shown["status"], shown["refund"], shown["total"]) == ("confirmed", None, "20.00")
    assert {seat["id"] for seat in shown["seats"]} == {a, b}
    states = await any_api.states(event)
    assert (states[a], states[b]) == ("SOLD", "SOLD")
    assert (await any_api.analytics(event))["total_revenue"] == "20.00"


async def test_late_success_before_anybody_noticed(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.paying(event, seat_of(event, 0))
    await any_api.lapse(booking)

    assert outcome(await any_api.succeed(booking)) == "CONFIRMED"
    assert await any_api.status(booking) == "confirmed"
    assert await any_api.state(seat_of(event, 0)) == "SOLD"


async def test_late_success_for_a_seat_that_is_gone(any_api: Api) -> None:
    event = await any_api.make_event()
    a, b = seat_of(event, 0), seat_of(event, 1)
    booking = await any_api.paying(event, a, b)
    await any_api.lapse(booking)
    next_holder = await any_api.book(event, b)

    for _ in range(3):
        answer = await any_api.succeed(booking)
        assert granted(answer) == "OK"
        assert outcome(answer) == "REFUND_DUE"

    shown = await any_api.shown(booking)
    assert (shown["status"], shown["refund"], shown["seats"]) == ("expired", "due", [])
    states = await any_api.states(event)
    assert (states[a], states[b]) == ("FREE", "RESERVED")
    assert (await any_api.shown(next_holder))["seats"] == [{"id": b}]
    assert len(await any_api.journal(event, "refund_due")) == 1
    assert (await any_api.analytics(event))["total_revenue"] == "0.00"


async def test_late_success_against_another_lapsed_hold(any_api: Api) -> None:
    event = await any_api.make_event()
    seat = seat_of(event, 0)
    first = await any_api.paying(event, seat)
    await any_api.lapse(first)
    second = await any_api.book(event, seat)
    await any_api.lapse(second)

    assert outcome(await any_api.succeed(first)) == "CONFIRMED"
    assert await any_api.status(first) == "confirmed"
    assert await any_api.status(second) == "expired"
    assert await any_api.state(seat) == "SOLD"


async def test_success_after_failure_is_owed_back(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.paying(event, seat_of(event, 0))
    await any_api.fail(booking)

    for _ in range(2):
        assert outcome(await any_api.succeed(booking)) == "REFUND_DUE"

    shown = await any_api.shown(booking)
    assert (shown["status"], shown["refund"]) == ("cancelled", "due")
    assert await any_api.state(seat_of(event, 0)) == "FREE"
    assert len(await any_api.journal(event, "refund_due")) == 1


async def test_success_after_its_owner_cancelled_is_owed_back(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.paying(event, seat_of(event, 0))
    await any_api.cancel(booking)

    assert outcome(await any_api.succeed(booking)) == "REFUND_DUE"
    shown = await any_api.shown(booking)
    assert (shown["status"], shown["refund"]) == ("cancelled", "due")


async def test_success_after_a_late_failure_is_owed_back(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.paying(event, seat_of(event, 0))
    await any_api.lapse(booking)

    assert outcome(await any_api.fail(booking)) == "CANCELLED"
    assert outcome(await any_api.succeed(booking)) == "REFUND_DUE"
    assert outcome(await any_api.fail(booking)) == "CANCELLED"
    shown = await any_api.shown(booking)
    assert (shown["status"], shown["refund"]) == ("cancelled", "due")


async def test_success_and_failure_at_once(api: Api) -> None:
    event = await api.make_event(rows=1, seats_per_row=20)

    for index in range(20):
        booking = await api.paying(event, seat_of(event, index))
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(api.succeed(booking))
                group.create_task(api.fail(booking))
        shown = await api.shown(booking)
        assert (shown["status"], shown["refund"]) in [("confirmed", None), ("cancelled", "due")]
        assert (await api.state(seat_of(event, index)) == "SOLD") == (shown["refund"] is None)
    assert await api.broken_rules(event) == []


@pytest.mark.parametrize("status", SUCCESSES)
async def test_a_notification_of_success(any_api: Api, status: str) -> None:
    event = await any_api.make_event()
    booking = await any_api.paying(event, seat_of(event, 0))

    answer = await any_api.notify(booking, status)

    assert granted(answer) == "OK"
    assert outcome(answer) == "CONFIRMED"
    assert await any_api.status(booking) == "confirmed"


@pytest.mark.parametrize("status", FAILURES)
async def test_a_notification_of_failure(any_api: Api, status: str) -> None:
    event = await any_api.make_event()
    booking = await any_api.paying(event, seat_of(event, 0))

    answer = await any_api.notify(booking, status)

    assert granted(answer) == "OK"
    assert outcome(answer) == "CANCELLED"
    assert await any_api.status(booking) == "cancelled"
    assert await any_api.state(seat_of(event, 0)) == "FREE"


@pytest.mark.parametrize("status", OTHERS)
async def test_any_other_notification_is_written_down_only(any_api: Api, status: str) -> None:
    event = await any_api.make_event()
    booking = await any_api.paying(event, seat_of(event, 0))
    before = await any_api.shown(booking)

    for _ in range(2):
        answer = await any_api.notify(booking, status)
        assert granted(answer) == "OK"
        assert outcome(answer) == "NOTED"

    assert await any_api.shown(booking) == before
    (entry,) = await any_api.journal(event, "payment_note")
    assert entry["note"] == f"payment-{booking} {status}"
    assert entry["booking"] == str(booking % 100_000_000)


async def test_the_order_as_a_number_or_as_its_digits(any_api: Api) -> None:
    event = await any_api.make_event()

    for index, spelled in enumerate((int, str)):
        booking = await any_api.paying(event, seat_of(event, index))
        assert granted(await any_api.notify(spelled(booking), "CONFIRMED")) == "OK"
        assert await any_api.status(booking) == "confirmed"


async def test_a_hundred_equal_notifications_act_once(api: Api) -> None:
    event = await api.make_event()
    booking = await api.paying(event, seat_of(event, 0))

    answers = await asyncio.gather(*(api.notify(booking, "FAILED") for _ in range(100)))

    assert {answer.content for answer in answers} == {b'"OK"'}
    assert len(await api.journal(event, "cancelled")) == 1


async def test_what_came_too_early_settles_when_it_comes_again(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.book(event, seat_of(event, 0))
    assert outcome(await any_api.notify(booking, "CONFIRMED")) == "NOT_INITIATED"
    await any_api.pay(booking)

    assert outcome(await any_api.notify(booking, "confirmed")) == "CONFIRMED"
    assert await any_api.status(booking) == "confirmed"


async def test_a_payment_goes_through_several_states(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.paying(event, seat_of(event, 0))

    for status in ("NEW", "AUTHORIZED", "CONFIRMED", "REFUNDED"):
        assert granted(await any_api.notify(booking, status)) == "OK"

    assert await any_api.status(booking) == "confirmed"
    notes = [entry["note"].split()[1] for entry in await any_api.journal(event, "payment_note")]
    assert notes == ["NEW", "AUTHORIZED", "REFUNDED"]


async def test_a_second_payment_of_the_same_booking(api: Api) -> None:
    event = await api.make_event()
    booking = await api.paying(event, seat_of(event, 0))

    assert granted(await api.notify(booking, "CONFIRMED", "first")) == "OK"
    assert granted(await api.notify(booking, "CONFIRMED", "second")) == "OK"
    assert (await api.analytics(event))["bookings_count"] == 1


async def test_one_payment_id_for_several_bookings(any_api: Api) -> None:
    event, elsewhere = await any_api.make_event(), await any_api.make_event()
    seats = (seat_of(event, 0), seat_of(event, 1), seat_of(elsewhere, 0))
    bookings = [await any_api.paying(seat // 1_000_000, seat) for seat in seats]

    for booking in bookings:
        assert outcome(await any_api.notify(booking, "CONFIRMED", "always the same")) == "CONFIRMED"

    assert {await any_api.status(booking) for booking in bookings} == {"confirmed"}


@pytest.mark.parametrize("status", ["CONFIRMED", "FAILED", "NEW"])
async def test_a_notification_for_an_unknown_booking(any_api: Api, status: str) -> None:
    event = await any_api.make_event()

    for booking in (0, 2**53 - 1, event * 100_000_000 + 9):
        refused(await any_api.notify(booking, status), 404, "booking_not_found")


async def test_late_notification(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.paying(event, seat_of(event, 0))
    await any_api.lapse(booking)
    other = await any_api.book(event)
    await any_api.select(other, seat_of(event, 0))

    answer = await any_api.notify(booking, "CONFIRMED")

    assert outcome(answer) == "REFUND_DUE"
    assert (await any_api.shown(booking))["refund"] == "due"


async def test_a_payment_does_not_free_the_seat_of_another(any_api: Api) -> None:
    event = await any_api.make_event()
    seat = seat_of(event, 0)
    first = await any_api.paying(event, seat)
    await any_api.fail(first)
    second = await any_api.paying(event, seat)

    assert granted(await any_api.fail(first)) == "OK"
    assert outcome(await any_api.succeed(first)) == "REFUND_DUE"
    assert await any_api.status(second) == "payment_initiated"
    third = await any_api.book(event)
    assert granted(await any_api.select(third, seat), 419) == NOT_SELECTED
