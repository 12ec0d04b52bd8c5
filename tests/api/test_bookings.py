"""Bookings: opened, listed, taken to payment, cancelled."""

import asyncio
from datetime import datetime

import pytest

from billetter.domain.ids import EventId
from billetter.engine import keys
from billetter.testing import RedisServer
from tests.api.client import (
    AWAITING,
    CANCELLED,
    MONEY,
    NOT_SELECTED,
    TIME,
    Api,
    eventually,
    granted,
    outcome,
    refused,
    seat_of,
)
from tests.api.serving import serving
from tests.crowd import gathered


async def test_opening_a_booking(any_api: Api) -> None:
    event = await any_api.make_event()

    opened = await any_api.open(event)

    body = granted(opened, 201)
    assert set(body) == {"id", "event_id", "status", "expires_at"}
    assert body["event_id"] == event
    assert body["status"] == "booked"
    assert TIME.fullmatch(body["expires_at"])
    assert body["id"] // 100_000_000 == event
    assert opened.headers["location"] == f"/api/bookings/{body['id']}"
    assert outcome(opened) == "OPENED"


async def test_the_first_booking_of_an_event_has_number_1(api: Api) -> None:
    event = await api.make_event()

    assert await api.book(event) == event * 100_000_000 + 1


async def test_what_the_list_says_of_a_booking(any_api: Api) -> None:
    event = await any_api.make_event(price="150.00", hold_seconds=60)
    a, b = seat_of(event, 0), seat_of(event, 1)
    booking = await any_api.book(event, b, a)

    shown = await any_api.shown(booking)

    assert shown == {
        "id": booking,
        "event_id": event,
        "status": "seats_selected",
        "seats": [{"id": b}, {"id": a}],
        "items": [],
        "total": "300.00",
        "refund": None,
        "payments": [],
        "refunds": [],
        "created_at": shown["created_at"],
        "expires_at": shown["expires_at"],
    }
    assert TIME.fullmatch(shown["created_at"])
    assert TIME.fullmatch(shown["expires_at"])
    assert MONEY.fullmatch(shown["total"])


async def test_times_are_those_of_redis(api: Api) -> None:
    before = await api.now_ms()
    booking = await api.book(await api.make_event())
    after = await api.now_ms()

    shown = await api.shown(booking)
    created = round(datetime.fromisoformat(shown["created_at"]).timestamp() * 1000)
    assert before <= created <= after


async def test_the_states_of_a_booking(any_api: Api) -> None:
    event = await any_api.make_event()
    seat = seat_of(event, 0)
    booking = await any_api.book(event)

    async def now() -> tuple[str, str, int]:
        shown = await any_api.shown(booking)
        return shown["status"], shown["total"], len(shown["seats"])

    assert await now() == ("booked", "0.00", 0)
    await any_api.select(booking, seat)
    assert await now() == ("seats_selected", "10.00", 1)
    await any_api.release(seat)
    assert await now() == ("booked", "0.00", 0)
    await any_api.select(booking, seat)
    await any_api.pay(booking)
    assert await now() == ("payment_initiated", "10.00", 1)
    await any_api.succeed(booking)
    assert await now() == ("confirmed", "10.00", 1)


async def test_newest_first(alone: Api) -> None:
    events = [await alone.make_event(), await alone.make_event()]
    opened = []
    for number in range(25):
        opened.append(await alone.book(events[number % 2]))
        await alone.a_moment_later()
    newest = opened[::-1]

    async def ids(**query: object) -> list[int]:
        page = await alone.get("/api/bookings", **query)
        assert page.headers["x-total-count"] == "25"
        return [booking["id"] for booking in granted(page)]

    assert await ids() == newest
    assert await ids(page=1) == newest[:20]
    assert await ids(page=2) == newest[20:]
    assert await ids(pageSize=3) == newest[:3]
    assert await ids(page=9, pageSize=3) == newest[24:]
    assert await ids(page=10, pageSize=3) == []
    assert await ids(page=2**53 - 1) == []


async def test_lists_end_at_a_hundred_unless_paged(alone: Api) -> None:
    event = await alone.make_event()
    async with gathered(alone.address, 15) as crowd:

        async def open_and_make(number: int) -> None:
            for _ in range(7):
                made = {"title": "One of many", "rows": 1, "seats_per_row": 1}
                for path, body in {
                    "/api/bookings": {"event_id": event},
                    "/api/events": made,
                }.items():
                    assert (await crowd[number].send("POST", path, body)).status == 201

        await asyncio.gather(*map(open_and_make, range(15)))

    for path, total in {"/api/bookings": 105, "/api/events": 106}.items():
        whole = await alone.get(path)
        assert len(granted(whole)) == 100
        assert whole.headers["x-total-count"] == str(total)
        last = await alone.get(path, page=6)
        assert len(granted(last)) == total - 100
        assert last.headers["x-total-count"] == str(total)


async def test_nothing_booked_yet(alone: Api) -> None:
    answer = await alone.get("/api/bookings")

    assert granted(answer) == []
    assert answer.headers["x-total-count"] == "0"


async def test_opening_with_seats(any_api: Api) -> None:
    event = await any_api.make_event()
    seats = [seat_of(event, index) for index in (5, 3, 5)]

    opened = await any_api.open(event, seat_ids=seats)

    body = granted(opened, 201)
    assert body["status"] == "seats_selected"
    held = [seat["id"] for seat in (await any_api.shown(body["id"]))["seats"]]
    assert sorted(held) == sorted(set(seats))


async def test_opening_with_a_seat_that_is_taken_opens_nothing(alone: Api) -> None:
    event = await alone.make_event()
    a, b, c = (seat_of(event, index) for index in range(3))
    holder = await alone.book(event, b)

    lost = await alone.open(event, seat_ids=[a, b, c])

    assert granted(lost, 419) == NOT_SELECTED
    assert lost.headers["billetter-seat"] == str(b)
    assert lost.headers["billetter-held-until"] == (await alone.shown(holder))["expires_at"]
    assert [booking["id"] for booking in granted(await alone.get("/api/bookings"))] == [holder]
    assert (await alone.analytics(event))["reserved_seats"] == 1


async def test_opening_with_seats_that_cannot_be(any_api: Api) -> None:
    event, elsewhere = await any_api.make_event(), await any_api.make_event()
    mine, other = seat_of(event, 0), seat_of(elsewhere, 0)

    refused(await any_api.open(event, seat_ids=[mine, other]), 400, "wrong_event")
    refused(await any_api.open(event, seat_ids=[mine, 0]), 404, "seat_not_found")
    for seats in ([], [mine] * 101, mine, [str(mine)], [None], "all"):
        refused(await any_api.open(event, seat_ids=seats), 400, "validation_error")
    assert (await any_api.analytics(event))["free_seats"] == 1000


async def test_beginning_payment(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.book(event, seat_of(event, 0))

    first, again = await any_api.pay(booking), await any_api.pay(booking)

    for answer in (first, again):
        assert granted(answer) == AWAITING
        assert answer.content == b'"Booking is awaiting payment confirmation"'
        assert outcome(answer) == "AWAITING_PAYMENT"
    assert await any_api.status(booking) == "payment_initiated"


async def test_payment_needs_seats(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.book(event)

    without = await any_api.pay(booking)

    refused(without, 400, "no_seats")
    assert outcome(without) == "NO_SEATS"
    await any_api.select(booking, seat_of(event, 0))
    await any_api.release(seat_of(event, 0))
    refused(await any_api.pay(booking), 400, "no_seats")


async def test_payment_of_an_ended_booking(any_api: Api) -> None:
    event = await any_api.make_event()
    confirmed = await any_api.paid(event, seat_of(event, 0))
    cancelled = await any_api.book(event, seat_of(event, 1))
    await any_api.cancel(cancelled)
    expired = await any_api.book(event, seat_of(event, 2))
    await any_api.lapse(expired)
    late = await any_api.paying(event, seat_of(event, 3))
    await any_api.lapse(late)

    for booking in (confirmed, cancelled, expired, late):
        refused(await any_api.pay(booking), 400, "invalid_state")


@pytest.mark.parametrize(
    "template",
    [
        "https://pay.example/checkout?booking_id={booking_id}&amount={amount}",
        "http://pay.example/{booking_id}",
    ],
)
async def test_payment_at_a_gateway(redis_url: str, template: str) -> None:
    async with serving(redis_url, payment_url=template) as api:
        event = await api.make_event(price="150.00")
        booking = await api.book(event, seat_of(event, 0), seat_of(event, 1))

        key = f"pay-{booking}"
        first, again = await api.pay(booking, key), await api.pay(booking)
        replayed = await api.pay(booking, key)

        page = template.format(booking_id=booking, amount="300.00")
        for answer in (first, again, replayed):
            assert granted(answer, 302) == AWAITING
            assert answer.headers["location"] == page
            assert outcome(answer) == "AWAITING_PAYMENT"
        assert str(booking) in page
        assert replayed.headers["idempotency-replayed"] == "true"
        refused(await api.pay(await api.book(event)), 400, "no_seats")


async def test_cancelling_in_every_unfinished_state(any_api: Api) -> None:
    event = await any_api.make_event()
    seat = seat_of(event, 0)

    for open_booking in (
        any_api.book(event),
        any_api.book(event, seat),
        any_api.paying(event, seat),
    ):
        booking = await open_booking
        for _ in range(2):
            cancelled = await any_api.cancel(booking)
            assert granted(cancelled) == CANCELLED
            assert cancelled.content == b'"Booking successfully cancelled"'
            assert outcome(cancelled) == "CANCELLED"
        shown = await any_api.shown(booking)
        assert (shown["status"], shown["seats"]) == ("cancelled", [])
        assert await any_api.state(seat) == "FREE"


async def test_cancelling_again_leaves_the_next_holder_alone(any_api: Api) -> None:
    event = await any_api.make_event()
    seat = seat_of(event, 0)
    first = await any_api.book(event, seat)
    await any_api.cancel(first)
    second = await any_api.book(event, seat)

    assert granted(await any_api.cancel(first)) == CANCELLED
    assert (await any_api.shown(second))["seats"] == [{"id": seat}]
    assert await any_api.state(seat) == "RESERVED"


async def test_a_confirmed_booking_is_not_cancelled(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.paid(event, seat_of(event, 0))

    denied = await any_api.cancel(booking)

    refused(denied, 409, "already_confirmed")
    assert outcome(denied) == "ALREADY_CONFIRMED"
    assert await any_api.status(booking) == "confirmed"
    assert await any_api.state(seat_of(event, 0)) == "SOLD"


async def test_an_expired_booking_is_not_cancelled(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.book(event, seat_of(event, 0))
    await any_api.lapse(booking)

    refused(await any_api.cancel(booking), 400, "invalid_state")


async def test_the_booking_of_another(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.book(event, seat_of(event, 0))
    await any_api.give_to_another(booking)

    for denied in (await any_api.pay(booking), await any_api.cancel(booking)):
        refused(denied, 403, "forbidden")
        assert outcome(denied) == "NOT_YOURS"
    assert await any_api.state(seat_of(event, 0)) == "RESERVED"


@pytest.mark.parametrize("known_event", [True, False])
async def test_unknown_bookings(any_api: Api, known_event: bool) -> None:
    event = await any_api.make_event() if known_event else 99_999
    number = event * 100_000_000

    for booking in (0, number, number + 77, number + 99_999_999, 2**53 - 1):
        for answer in (
            await any_api.pay(booking),
            await any_api.cancel(booking),
            await any_api.select(booking, seat_of(event, 0)),
            await any_api.succeed(booking),
            await any_api.fail(booking),
        ):
            refused(answer, 404, "booking_not_found")


async def test_two_events_do_not_mix(api: Api) -> None:
    first, second = await api.make_event(), await api.make_event()
    one, two = await api.paid(first, seat_of(first, 0)), await api.book(second)

    assert one % 100_000_000 == two % 100_000_000 == 1
    assert await api.status(one) == "confirmed"
    assert await api.status(two) == "booked"
    assert await api.state(seat_of(second, 0)) == "FREE"


async def test_an_event_runs_out_of_booking_numbers(api: Api) -> None:
    event = await api.make_event()
    own = keys.of_event(EventId(event))
    await api.redis("HSET", own.event, "bookings", 99_999_998)

    assert await api.book(event) == event * 100_000_000 + 99_999_999
    for _ in range(2):
        exhausted = await api.open(event)
        refused(exhausted, 409, "bookings_exhausted")
        assert outcome(exhausted) == "EXHAUSTED"


async def test_ended_bookings_are_forgotten_unless_money_is_owed(own_server: RedisServer) -> None:
    async with serving(own_server.url, keep_ended_s=1) as api:
        event = await api.make_event()
        cancelled, owed = await api.book(event), await api.paying(event, seat_of(event, 0))
        paid = await api.paid(event, seat_of(event, 1))
        await api.cancel(cancelled)
        await api.fail(owed)
        assert outcome(await api.succeed(owed)) == "REFUND_DUE"
        assert await api.status(cancelled) == "cancelled"
        ended_ms = await api.now_ms()

        async def long_over() -> bool:
            return await api.now_ms() > ended_ms + 1_000

        await eventually(long_over)
    async with serving(own_server.url, sweep=True) as api:

        async def forgotten() -> bool:
            return await api.shown(cancelled) is None

        await eventually(forgotten)
        refused(await api.cancel(cancelled), 404, "booking_not_found")
        assert (await api.shown(owed))["refund"] == "due"
        assert await api.status(paid) == "confirmed"
