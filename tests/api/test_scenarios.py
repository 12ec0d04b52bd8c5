"""Whole stories, as a client lives through them."""

import asyncio
import random

from tests.api.client import (
    AWAITING,
    CANCELLED,
    NOT_SELECTED,
    RELEASED,
    SELECTED,
    Api,
    granted,
    outcome,
    refused,
    seat_of,
)


async def test_a_purchase(any_api: Api) -> None:
    event = await any_api.make_event(title="Concert", rows=5, seats_per_row=10, price="150.00")
    found = granted(await any_api.get("/api/events", page=1, pageSize=1))
    assert [each["id"] for each in found] == [event]
    booking = granted(await any_api.open(event), 201)["id"]
    first, second, third = (seat["id"] for seat in (await any_api.seats(event, row=3))[:3])

    for seat in (first, second, third):
        assert granted(await any_api.select(booking, seat)) == SELECTED
    assert granted(await any_api.release(second)) == RELEASED
    assert granted(await any_api.pay(booking)) == AWAITING
    assert granted(await any_api.succeed(booking)) == "OK"

    shown = await any_api.shown(booking)
    assert shown["status"] == "confirmed"
    assert [seat["id"] for seat in shown["seats"]] == [first, third]
    assert shown["total"] == "300.00"
    row = {seat["id"]: seat for seat in await any_api.seats(event, row=3)}
    assert [row[seat]["status"] for seat in (first, second, third)] == ["SOLD", "FREE", "SOLD"]
    assert [row[seat]["reserved"] for seat in (first, second, third)] == [True, False, True]
    numbers = await any_api.analytics(event)
    assert (numbers["sold_seats"], numbers["total_revenue"]) == (2, "300.00")


async def test_cancelled_before_selection(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.book(event)

    assert granted(await any_api.cancel(booking)) == CANCELLED

    refused(await any_api.select(booking, seat_of(event, 0)), 400, "invalid_state")
    refused(await any_api.pay(booking), 400, "invalid_state")
    assert await any_api.status(booking) == "cancelled"


async def test_cancelled_after_selection(any_api: Api) -> None:
    event = await any_api.make_event()
    a, b = seat_of(event, 0), seat_of(event, 1)
    booking = await any_api.book(event, a, b)

    assert granted(await any_api.cancel(booking)) == CANCELLED

    assert (await any_api.analytics(event))["free_seats"] == 1000
    next_booking = await any_api.book(event, a, b)
    assert len((await any_api.shown(next_booking))["seats"]) == 2


async def test_cancelled_after_payment_began(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.paying(event, seat_of(event, 0))

    assert granted(await any_api.cancel(booking)) == CANCELLED

    assert await any_api.state(seat_of(event, 0)) == "FREE"
    assert granted(await any_api.fail(booking)) == "OK"
    assert (await any_api.shown(booking))["refund"] is None
    assert outcome(await any_api.succeed(booking)) == "REFUND_DUE"


async def test_a_failed_payment(any_api: Api) -> None:
    event = await any_api.make_event()
    a, b = seat_of(event, 0), seat_of(event, 1)
    booking = await any_api.paying(event, a, b)

    assert granted(await any_api.fail(booking)) == "OK"

    assert await any_api.status(booking) == "cancelled"
    assert (await any_api.analytics(event))["free_seats"] == 1000
    assert await any_api.paid(event, a, b)


async def test_a_crowd_for_one_seat(any_api: Api) -> None:
    event = await any_api.make_event()
    seat = seat_of(event, 500)
    bookings = [await any_api.book(event) for _ in range(50)]

    answers = await asyncio.gather(*(any_api.select(booking, seat) for booking in bookings))

    bodies = [granted(answer, answer.status_code) for answer in answers]
    assert [answer.status_code for answer in answers].count(200) == 1
    assert [answer.status_code for answer in answers].count(419) == 49
    assert sorted(bodies) == [NOT_SELECTED] * 49 + [SELECTED]
    (winner,) = (b for b, answer in zip(bookings, answers, strict=True) if answer.is_success)
    assert (await any_api.shown(winner))["seats"] == [{"id": seat}]


async def test_crowds_for_overlapping_seats(api: Api) -> None:
    """Each wants three of ten seats, all or none; nobody gets a part, and nobody waits."""
    event = await api.make_event(rows=1, seats_per_row=10)
    choices = random.Random(2)
    wanted = [[seat_of(event, i) for i in choices.sample(range(10), 3)] for _ in range(60)]

    answers = await asyncio.gather(*(api.open(event, seat_ids=seats) for seats in wanted))

    opened = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    held = [seat["id"] for id in opened for seat in (await api.shown(id))["seats"]]
    assert len(held) == len(set(held)) == 3 * len(opened)
    assert 1 <= len(opened) <= 3
    assert (await api.analytics(event))["reserved_seats"] == len(held)
    assert {answer.status_code for answer in answers} <= {201, 419}
    assert await api.broken_rules(event) == []


async def test_one_seat_goes_from_hand_to_hand(api: Api) -> None:
    event = await api.make_event()
    seat = seat_of(event, 0)

    async def try_hard() -> int:
        """Hold the seat ten times, and give it back in one of the three ways."""
        held = 0
        while held < 10:
            booking = await api.book(event)
            answer = await api.select(booking, seat)
            if answer.status_code == 200:
                ways = (api.release, seat), (api.cancel, booking), (api.fail, booking)
                give_back, id = ways[held % 3]
                assert (await give_back(id)).status_code == 200
                held += 1
            else:
                assert granted(answer, 419) == NOT_SELECTED
        return held

    assert await asyncio.gather(*(try_hard() for _ in range(8))) == [10] * 8
    assert await api.state(seat) == "FREE"
    assert len(await api.journal(event, "claimed")) == 80
    assert await api.broken_rules(event) == []
