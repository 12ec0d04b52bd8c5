"""Payment callbacks of a gateway that signs: only what it said, only now, and only once."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from billetter.api.signatures import (
    TOLERANCE_S,
    Callback,
    Result,
    sign_callback,
    sign_notification,
)
from billetter.domain.ids import BookingId
from tests.api.client import Api, granted, outcome, refused, seat_of
from tests.api.people import PAYMENT_SECRET
from tests.api.serving import serving

KEY = PAYMENT_SECRET.encode()
PRICE = 15_000
TIMES = 100
NOTIFICATIONS = "/api/payments/notifications"


@pytest.fixture(scope="module")
async def api(any_url: str) -> AsyncIterator[Api]:
    async with serving(any_url, payment_secret=PAYMENT_SECRET) as api:
        yield api


@pytest.fixture
async def booking(api: Api) -> int:
    """A booking of one seat for 150.00 whose payment has begun."""
    event = await api.make_event(price="150.00")
    return await api.paying(event, seat_of(event, 0))


def now() -> int:
    return int(time.time())


async def call(
    api: Api,
    booking: int,
    result: Result,
    path: Result | None = None,
    *,
    signed_for: int | None = None,
    amount: int = PRICE,
    moment: int | None = None,
    key: bytes = KEY,
) -> httpx.Response:
    """A callback. What is signed is what is sent, unless something else is given to be signed."""
    sent = now() if moment is None else moment
    said = Callback(BookingId(signed_for or booking), result, amount)
    query = {"timestamp": sent, "signature": sign_callback(key, said, sent)}
    return await api.get(f"/api/payments/{path or result}", orderId=booking, **query)


def notification(booking: int, status: str, payment: str = "p-1") -> bytes:
    body = {"paymentId": payment, "status": status, "data": {"orderId": booking}}
    return orjson.dumps(body)


async def notify(api: Api, body: bytes, signature: str | None = None) -> httpx.Response:
    header = sign_notification(KEY, body, now()) if signature is None else signature
    return await api.send("POST", NOTIFICATIONS, body, billetter_signature=header)


async def assert_refused(api: Api, booking: int, answer: httpx.Response) -> None:
    """401 with a sentence and a challenge of its own; and nothing has changed."""
    refused(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Billetter-Signature")
    assert await api.status(booking) == "payment_initiated"
    assert await api.state(seat_of(booking // 100_000_000, 0)) == "RESERVED"


# Callbacks.


@pytest.mark.parametrize(
    ("result", "named", "status"),
    [(Result.SUCCESS, "CONFIRMED", "confirmed"), (Result.FAIL, "CANCELLED", "cancelled")],
)
async def test_a_signed_callback_is_heard(
    api: Api, booking: int, result: Result, named: str, status: str
) -> None:
    answer = await call(api, booking, result)
    assert granted(answer) == "OK"
    assert outcome(answer) == named
    assert await api.status(booking) == status


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"signature": "0" * 64},
        {"timestamp": "now"},
        {"timestamp": "1791900000", "signature": ""},
        {"timestamp": "", "signature": "0" * 64},
    ],
    ids=["nothing", "no time", "a word", "no signature", "an empty time"],
)
@pytest.mark.parametrize("result", Result)
async def test_an_unsigned_callback_is_refused(
    api: Api, booking: int, result: Result, query: dict[str, str]
) -> None:
    answer = await api.get(f"/api/payments/{result}", orderId=booking, **query)
    await assert_refused(api, booking, answer)


FORGED: dict[str, dict[str, Any]] = {
    "by another": {"key": KEY[::-1]},
    "by nobody": {"key": b"\0"},
    "for a cent more": {"amount": PRICE + 1},
    "for a cent less": {"amount": PRICE - 1},
    "for nothing": {"amount": 0},
    "for another booking": {"signed_for": 100_000_001},
    "too late": {"moment": -TOLERANCE_S - 30},
    "too early": {"moment": TOLERANCE_S + 30},
    "long ago": {"moment": -1_000_000_000},
}
"""What is wrong with a callback. moment: seconds from now."""


@pytest.mark.parametrize("how", FORGED)
@pytest.mark.parametrize("result", Result)
async def test_a_forged_callback_is_refused(
    api: Api, booking: int, result: Result, how: str
) -> None:
    wrong = dict(FORGED[how])
    if "moment" in wrong:
        wrong["moment"] += now()
    await assert_refused(api, booking, await call(api, booking, result, **wrong))


async def test_a_failure_is_no_success(api: Api, booking: int) -> None:
    for result, path in ((Result.FAIL, Result.SUCCESS), (Result.SUCCESS, Result.FAIL)):
        await assert_refused(api, booking, await call(api, booking, result, path))


async def test_a_signature_is_good_for_no_other_time(api: Api, booking: int) -> None:
    sent = now()
    said = Callback(BookingId(booking), Result.SUCCESS, PRICE)
    query = {"timestamp": sent + 1, "signature": sign_callback(KEY, said, sent)}
    answer = await api.get("/api/payments/success", orderId=booking, **query)
    await assert_refused(api, booking, answer)


async def test_a_callback_of_an_hour_ago_and_of_just_now(api: Api, booking: int) -> None:
    await assert_refused(
        api, booking, await call(api, booking, Result.SUCCESS, moment=now() - 3_600)
    )
    granted(await call(api, booking, Result.SUCCESS, moment=now() - TOLERANCE_S + 60))
    assert await api.status(booking) == "confirmed"


@pytest.mark.parametrize("result", Result)
async def test_a_callback_that_comes_many_times_acts_once(
    api: Api, booking: int, result: Result
) -> None:
    sent = now()
    answers = await asyncio.gather(*(call(api, booking, result, moment=sent) for _ in range(TIMES)))
    assert {(each.status_code, each.content) for each in answers} == {(200, b'"OK"')}
    assert len({outcome(each) for each in answers}) == 1
    replayed = Counter("idempotency-replayed" in each.headers for each in answers)
    assert replayed == {False: 1, True: TIMES - 1}
    event = booking // 100_000_000
    what = "confirmed" if result is Result.SUCCESS else "cancelled"
    assert len(await api.journal(event, what)) == 1
    assert await api.broken_rules(event) == []


async def test_what_is_said_anew_acts_no_second_time(api: Api, booking: int) -> None:
    sent = now()
    answers = [await call(api, booking, Result.SUCCESS, moment=sent - n) for n in range(5)]
    assert {outcome(each) for each in answers} == {"CONFIRMED"}
    assert len(await api.journal(booking // 100_000_000, "confirmed")) == 1
    numbers = await api.analytics(booking // 100_000_000)
    assert (numbers["total_revenue"], numbers["bookings_count"]) == ("150.00", 1)


async def test_failure_after_success_changes_nothing(api: Api, booking: int) -> None:
    sent = now()
    granted(await call(api, booking, Result.SUCCESS, moment=sent))
    late = await call(api, booking, Result.FAIL, moment=sent)
    assert (granted(late), outcome(late)) == ("OK", "ALREADY_CONFIRMED")
    assert await api.status(booking) == "confirmed"


async def test_success_after_failure_is_money_to_give_back(api: Api, booking: int) -> None:
    sent = now()
    granted(await call(api, booking, Result.FAIL, moment=sent))
    late = await call(api, booking, Result.SUCCESS, moment=sent)
    assert (granted(late), outcome(late)) == ("OK", "REFUND_DUE")
    shown = await api.shown(booking)
    assert (shown["status"], shown["refund"]) == ("cancelled", "due")
    assert await api.broken_rules(booking // 100_000_000) == []


async def test_a_callback_before_its_payment_does_not_use_up_the_payments_own(api: Api) -> None:
    event = await api.make_event(price="150.00")
    booking = await api.book(event, seat_of(event, 0))
    early = await call(api, booking, Result.SUCCESS, moment=now() - 2)
    assert (granted(early), outcome(early)) == ("OK", "NOT_INITIATED")
    await api.pay(booking)
    assert outcome(await call(api, booking, Result.SUCCESS, moment=now())) == "CONFIRMED"


async def test_an_unknown_booking(api: Api) -> None:
    event = await api.make_event()
    for unknown in (0, event * 100_000_000 + 1, (event + 10**6) * 100_000_000 + 1):
        refused(await call(api, unknown, Result.SUCCESS), 404, "booking_not_found")


# Notifications.


async def test_a_signed_notification_is_heard_once(api: Api, booking: int) -> None:
    body = notification(booking, "CONFIRMED")
    header = sign_notification(KEY, body, now())
    answers = await asyncio.gather(*(notify(api, body, header) for _ in range(TIMES)))
    assert {(each.status_code, outcome(each)) for each in answers} == {(200, "CONFIRMED")}
    assert sum("idempotency-replayed" in each.headers for each in answers) == TIMES - 1
    assert len(await api.journal(booking // 100_000_000, "confirmed")) == 1


@pytest.mark.parametrize("moment", [-TOLERANCE_S - 30, TOLERANCE_S + 30])
async def test_a_notification_of_another_time_is_refused(
    api: Api, booking: int, moment: int
) -> None:
    body = notification(booking, "CONFIRMED")
    header = sign_notification(KEY, body, now() + moment)
    await assert_refused(api, booking, await notify(api, body, header))


async def test_a_notification_is_signed_byte_for_byte(api: Api, booking: int) -> None:
    body = notification(booking, "FAILED")
    header = sign_notification(KEY, body, now())
    for sent in (
        body + b" ",
        body.replace(b":", b": "),
        notification(booking, "CONFIRMED"),
        notification(booking, "FAILED", "p-2"),
        body.replace(b"orderId", b"order\\u0049d"),
    ):
        await assert_refused(api, booking, await notify(api, sent, header))
    spaced = body.replace(b":", b" :  ")
    granted(await notify(api, spaced, sign_notification(KEY, spaced, now())))
    assert await api.status(booking) == "cancelled"


@pytest.mark.parametrize(
    "header", ["", "t=,v1=", f"v1={'0' * 64}", f"t=1791900000,v1={'0' * 64}", "Bearer x", "\xff"]
)
async def test_a_forged_notification_is_refused(api: Api, booking: int, header: str) -> None:
    body = notification(booking, "CONFIRMED")
    sent = {b"content-type": b"application/json", b"billetter-signature": header.encode("latin-1")}
    answer = await api.http.post(NOTIFICATIONS, content=body, headers=sent)
    await assert_refused(api, booking, answer)


async def test_a_notification_without_its_header_is_refused(api: Api, booking: int) -> None:
    body = notification(booking, "CONFIRMED")
    await assert_refused(api, booking, await api.send("POST", NOTIFICATIONS, body))


async def test_one_of_two_secrets_is_enough_while_they_change(api: Api, booking: int) -> None:
    body, sent = notification(booking, "CONFIRMED"), now()
    new, old = (sign_notification(key, body, sent).split(",")[1] for key in (KEY[::-1], KEY))
    answer = await notify(api, body, f"t={sent},{new},{old}")
    assert outcome(answer) == "CONFIRMED"


# Without a secret.


async def test_without_a_secret_open_callbacks_are_open(any_url: str) -> None:
    async with serving(any_url) as api:
        event = await api.make_event()
        booking = await api.paying(event, seat_of(event, 0))
        query = {"timestamp": "1", "signature": "0" * 64}
        answer = await api.get("/api/payments/success", orderId=booking, **query)
        assert (granted(answer), outcome(answer)) == ("OK", "CONFIRMED")
        another = await api.paying(event, seat_of(event, 1))
        assert outcome(await notify(api, notification(another, "failed"), "t=1,v1=x")) == (
            "CANCELLED"
        )
