"""Money: which payment was for what, what is to go back, and what nobody expected."""

import hmac
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from billetter.api.signatures import sign_notification
from billetter.domain.account import Role
from tests.api.client import Api, granted, outcome, refused, seat_of
from tests.api.people import PAYMENT_SECRET, Operator, bearer
from tests.api.serving import serving

NOTIFICATIONS = "/api/payments/notifications"
PRICE = "45.00"


async def told(api: Api, payment: str, status: str = "CONFIRMED", **data: object) -> httpx.Response:
    """A webhook; without data none is sent."""
    body: dict[str, object] = {"paymentId": payment, "status": status}
    return await api.post(NOTIFICATIONS, body | ({"data": data} if data else {}))


async def paying(api: Api) -> tuple[int, int]:
    """An event, and a booking of one seat of it whose payment has begun."""
    event = await api.make_event(rows=1, seats_per_row=5, price=PRICE)
    return event, await api.paying(event, seat_of(event, 0))


async def refunds(api: Api, event: int, **query: object) -> Any:
    return granted(await api.get(f"/api/events/{event}/refunds", **query))


# Payments of a booking.


async def test_a_booking_says_who_paid_what(any_api: Api) -> None:
    _, booking = await paying(any_api)
    assert outcome(await told(any_api, "a:1,ü", orderId=booking, amount=PRICE)) == "CONFIRMED"
    shown = await any_api.shown(booking)
    paid = {"payment_id": "a:1,ü", "amount": PRICE, "state": "paid"}
    assert (shown["payments"], shown["refunds"], shown["refund"]) == ([paid], [], None)


async def test_a_second_payment_is_due_back_and_settled(any_api: Api) -> None:
    event, booking = await paying(any_api)
    await told(any_api, "one", orderId=booking)
    again = await told(any_api, "two", orderId=booking, amount="46.00")
    assert (granted(again), outcome(again)) == ("OK", "REFUND_DUE")
    shown = await any_api.shown(booking)
    assert (shown["status"], shown["refund"]) == ("confirmed", "due")
    assert [each["state"] for each in shown["payments"]] == ["paid", "refund_due"]
    due = {"payment_id": "two", "amount": "46.00", "reason": "paid_twice", "state": "due"}
    assert shown["refunds"] == [due | {"reference": None}]
    listed = await refunds(any_api, event)
    assert [each["booking_id"] for each in listed["refunds"]] == [booking]
    assert (listed["refunds"][0]["due"], listed["refunds_total"]) == ("46.00", 1)
    assert listed["refunds"][0]["user"] == {"id": "guest", "username": "guest"}

    for settled in ("46.00", "0.00"):
        answer = await any_api.post(f"/api/bookings/{booking}/refund", {"reference": "wire 7"})
        assert outcome(answer) == "SETTLED"
        said = {"booking_id": booking, "settled": settled, "refund": "done"}
        assert granted(answer) == said
    shown = await any_api.shown(booking)
    assert (shown["status"], shown["refund"]) == ("confirmed", "done")
    assert shown["refunds"][0]["reference"] == "wire 7"
    assert shown["payments"][1]["state"] == "refunded"
    assert (await refunds(any_api, event))["refunds"] == []
    assert await any_api.broken_rules(event) == []


async def test_a_redirect_and_a_webhook_tell_of_one_payment(any_api: Api) -> None:
    for first in ("redirect", "webhook"):
        _, booking = await paying(any_api)
        for which in (first, "redirect", "webhook"):
            answer = (
                await any_api.succeed(booking)
                if which == "redirect"
                else await told(any_api, f"p-{booking}", orderId=booking)
            )
            assert outcome(answer) == "CONFIRMED"
        shown = await any_api.shown(booking)
        assert [each["payment_id"] for each in shown["payments"]] == [f"p-{booking}"]
        assert shown["refund"] is None


async def test_what_a_gateway_gave_back_is_done(any_api: Api) -> None:
    event, booking = await paying(any_api)
    await told(any_api, f"p{booking}", orderId=booking)
    assert outcome(await told(any_api, f"p{booking}", "REFUNDED", orderId=booking)) == "NOTED"
    granted(await any_api.give_back(booking))
    assert outcome(await told(any_api, f"p{booking}", "refunded")) == "SETTLED"
    shown = await any_api.shown(booking)
    assert (shown["refund"], shown["refunds"][0]["reason"]) == ("done", "cancelled")
    assert await any_api.broken_rules(event) == []


async def test_one_payment_of_several_is_settled(any_api: Api) -> None:
    _, booking = await paying(any_api)
    for payment in ("a", "b", "c"):
        await told(any_api, payment, orderId=booking)
    body = {"reference": "x", "payment_id": "c"}
    answer = granted(await any_api.post(f"/api/bookings/{booking}/refund", body))
    assert (answer["settled"], answer["refund"]) == (PRICE, "due")


async def test_nothing_is_to_be_settled(any_api: Api) -> None:
    _, booking = await paying(any_api)
    path = f"/api/bookings/{booking}/refund"
    refused(await any_api.post(path, {"reference": "x"}), 409, "no_refund")
    refused(
        await any_api.post("/api/bookings/7/refund", {"reference": "x"}), 404, "booking_not_found"
    )
    for wrong in ("", "x" * 201, 7, None):
        answer = await any_api.post(path, {"reference": wrong})
        refused(answer, 400, "validation_error")


async def test_what_costs_nothing_owes_nothing(any_api: Api) -> None:
    event = await any_api.make_event(rows=1, seats_per_row=2, price="0.00")
    paid = await any_api.paid(event, seat_of(event, 0))
    answer = await any_api.give_back(paid)
    assert outcome(answer) == "CANCELLED"
    assert granted(answer)["refund"] is None
    late = await any_api.paying(event, seat_of(event, 1))
    await any_api.fail(late)
    assert outcome(await any_api.succeed(late)) == "CANCELLED"
    assert (await any_api.shown(late))["refund"] is None
    assert await any_api.broken_rules(event) == []


# Amounts and currencies.


@pytest.mark.parametrize("amount", ["45.00", "45.0", "4500", 4500, 45.0])
async def test_the_amount_in_major_or_minor_units(any_api: Api, amount: object) -> None:
    _, booking = await paying(any_api)
    answer = await told(any_api, "p", orderId=booking, amount=amount, currency="rub")
    assert outcome(answer) == "CONFIRMED"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"amount": "44.99"}, "amount"),
        ({"amount": 45}, "amount"),
        ({"amount": "0.00"}, "amount"),
        ({"amount": "45.00", "currency": "USD"}, "currency"),
        ({"currency": "KZT"}, "currency"),
        ({"currency": "  "}, "currency"),
        ({"currency": 7}, "unreadable"),
        ({"currency": "RUB" * 6}, "unreadable"),
    ],
)
async def test_another_sum_confirms_nothing(
    any_api: Api, data: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    event, booking = await paying(any_api)
    before = await any_api.shown(booking)
    with caplog.at_level(logging.WARNING, "billetter.payments"):
        answer = await told(any_api, "p", orderId=booking, **data)
    assert (granted(answer), outcome(answer)) == ("OK", "UNMATCHED")
    assert await any_api.shown(booking) == before
    assert reason in caplog.text
    (kept,) = (await refunds(any_api, event))["unmatched"]
    assert (kept["booking_id"], kept["payment_id"], kept["reason"]) == (booking, "p", reason)
    assert outcome(await told(any_api, "q", orderId=booking, amount=PRICE)) == "CONFIRMED"
    assert await any_api.broken_rules(event) == []


async def test_a_notice_that_was_corrected_is_another_notice(any_api: Api) -> None:
    _, booking = await paying(any_api)
    assert outcome(await told(any_api, "p", orderId=booking, amount=1)) == "UNMATCHED"
    assert outcome(await told(any_api, "p", orderId=booking, amount=4500)) == "CONFIRMED"


@pytest.mark.parametrize("amount", ["-1", "1,00", "45.001", "abc", "", True, [], -1, 10**14])
async def test_an_amount_that_is_none(any_api: Api, amount: object) -> None:
    event, booking = await paying(any_api)
    for _ in range(2):
        answer = await told(any_api, "p", orderId=booking, amount=amount)
        assert (granted(answer), outcome(answer)) == ("OK", "UNMATCHED")
    (kept,) = (await refunds(any_api, event))["unmatched"]
    assert (kept["booking_id"], kept["amount"], kept["reason"]) == (booking, None, "unreadable")
    assert outcome(await told(any_api, "p", orderId=booking)) == "CONFIRMED"
    assert (await refunds(any_api, event))["unmatched"] == []


# Payments that fit nothing.


async def test_what_came_too_early_is_shown_until_it_settles(any_api: Api) -> None:
    event = await any_api.make_event(rows=1, seats_per_row=2, price=PRICE)
    booking = await any_api.book(event, seat_of(event, 0))
    for _ in range(2):
        assert outcome(await told(any_api, "p", orderId=booking)) == "NOT_INITIATED"
    listed = await refunds(any_api, event)
    assert [each["reason"] for each in listed["unmatched"]] == ["not_initiated"]
    await any_api.pay(booking)
    assert outcome(await told(any_api, "p", orderId=booking)) == "CONFIRMED"
    listed = await refunds(any_api, event)
    assert (listed["unmatched"], listed["unmatched_total"]) == ([], 0)
    assert len(await any_api.journal(event, "payment_unmatched")) == 1


async def test_a_payment_for_what_has_expired_unpaid(any_api: Api) -> None:
    event = await any_api.make_event(rows=1, seats_per_row=2, price=PRICE)
    booking = await any_api.book(event, seat_of(event, 0))
    await any_api.lapse(booking)
    assert outcome(await told(any_api, "p", orderId=booking, amount=PRICE)) == "NOT_INITIATED"
    (kept,) = (await refunds(any_api, event))["unmatched"]
    assert (kept["amount"], kept["status"]) == (PRICE, "CONFIRMED")


async def test_a_status_that_nobody_knows(any_api: Api) -> None:
    event, booking = await paying(any_api)
    for _ in range(2):
        assert outcome(await told(any_api, "p", "SETTLED:OK", orderId=booking)) == "NOTED"
    assert outcome(await told(any_api, "q", "AUTHORIZED", orderId=booking)) == "NOTED"
    (kept,) = (await refunds(any_api, event))["unmatched"]
    assert (kept["payment_id"], kept["status"], kept["reason"]) == ("p", "SETTLED:OK", "status")


async def test_a_payment_for_a_booking_that_is_not(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = event * 100_000_000 + 9
    refused(await told(any_api, "p", orderId=booking), 404, "booking_not_found")
    (kept,) = (await refunds(any_api, event))["unmatched"]
    assert (kept["booking_id"], kept["reason"]) == (booking, "no_booking")


async def test_webhooks_without_an_order(any_api: Api) -> None:
    event, booking = await paying(any_api)
    name = f"only-{booking}"
    unknown = await told(any_api, name)
    assert (granted(unknown), outcome(unknown)) == ("OK", "UNMATCHED")
    assert outcome(await told(any_api, f"{name}-2", "AUTHORIZED", note="x")) == "UNMATCHED"
    kept = granted(await any_api.get("/api/payments/unmatched"))["unmatched"]
    names = {each["payment_id"]: each["reason"] for each in kept}
    assert names[name] == "no_order"
    assert f"{name}-2" not in names

    assert outcome(await told(any_api, name, order_id=str(booking))) == "CONFIRMED"
    assert outcome(await told(any_api, name, "completed")) == "CONFIRMED"
    assert outcome(await told(any_api, name, "Failed")) == "ALREADY_CONFIRMED"
    assert outcome(await told(any_api, name, "form_showed", orderId="")) == "NOTED"
    assert await any_api.broken_rules(event) == []


async def test_where_money_came_in_an_event_is_not_deleted(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.book(event)
    await told(any_api, "p", orderId=booking)
    refused(await any_api.delete(f"/api/events/{event}"), 409, "has_bookings")


async def test_lists_are_paged(any_api: Api) -> None:
    event = await any_api.make_event(rows=1, seats_per_row=5, price=PRICE)
    bookings = [await any_api.paid(event, seat_of(event, place)) for place in range(3)]
    for booking in bookings:
        await any_api.give_back(booking)
        await told(any_api, "p", "whatever", orderId=booking)
    first = await refunds(any_api, event, pageSize=2)
    second = await refunds(any_api, event, pageSize=2, page=2)
    found = [each["booking_id"] for page in (first, second) for each in page["refunds"]]
    assert found == bookings
    assert len(first["unmatched"] + second["unmatched"]) == 3
    assert (second["refunds_total"], second["unmatched_total"]) == (3, 3)
    refused(await any_api.get("/api/events/4000000/refunds"), 404, "event_not_found")


# Who bought what.


async def test_organizers_see_who_bought_what_even_when_it_is_over(any_api: Api) -> None:
    event = await any_api.make_event(rows=1, seats_per_row=5, price="0.00")
    paid = await any_api.paid(event, seat_of(event, 0))
    gone = await any_api.book(event, seat_of(event, 1), seat_of(event, 2))
    await any_api.cancel(gone)
    lapsed = await any_api.book(event, seat_of(event, 3))
    await any_api.lapse(lapsed)
    place = granted(await any_api.reserve(event, "Ann B/ü"), 201)["booking_id"]
    listed = granted(await any_api.get(f"/api/events/{event}/bookings"))
    shown = {each["id"]: [seat["id"] % 1_000_000 for seat in each["seats"]] for each in listed}
    assert shown == {paid: [1], gone: [2, 3], lapsed: [4], place: shown[place]}
    users = {each["id"]: each["user"] for each in listed}
    assert users[place] == {"id": "Ann B/ü", "username": "Ann B/ü"}
    assert users[paid] == {"id": "guest", "username": "guest"}
    assert (await any_api.shown(gone))["seats"] == []


async def test_organizers_see_the_names_of_accounts(strict: Api, operator: Operator) -> None:
    account = await operator.appoint()
    host = strict.as_(bearer(await operator.appoint(Role.ORGANIZER)))
    event = await host.make_event(rows=1, seats_per_row=5)
    await strict.as_(bearer(account)).book(event, seat_of(event, 0))
    (listed,) = granted(await host.get(f"/api/events/{event}/bookings"))
    assert listed["user"] == {"id": account.id, "username": account.username}


# Signatures of the gateway itself.


@pytest.fixture(scope="module")
async def signing(any_url: str) -> AsyncIterator[Api]:
    async with serving(any_url, payment_secret=PAYMENT_SECRET) as api:
        yield api


def hashed(body: bytes, key: str = PAYMENT_SECRET) -> str:
    return f"sha256={hmac.digest(key.encode(), body, 'sha256').hex()}"


async def test_webhooks_that_sign_their_body(signing: Api) -> None:
    event = await signing.make_event(price="150.00")
    booking = await signing.paying(event, seat_of(event, 0))
    note = {"paymentId": "p", "status": "CONFIRMED", "data": {"order_id": booking}}
    body = orjson.dumps(note)
    wrong = [
        hashed(body + b" "),
        hashed(body, PAYMENT_SECRET[::-1]),
        hashed(body)[7:],
        hashed(body).replace("sha256", "sha1"),
        "sha256=",
        "",
    ]
    for each in wrong:
        answer = await signing.send("POST", NOTIFICATIONS, body, x_webhook_signature=each)
        refused(answer, 401, "unauthorized")
    ours = {"billetter_signature": sign_notification(PAYMENT_SECRET.encode(), b"other", 1)}
    answer = await signing.send(
        "POST", NOTIFICATIONS, body, x_webhook_signature=hashed(body), **ours
    )
    refused(answer, 401, "unauthorized")
    answer = await signing.send("POST", NOTIFICATIONS, body, x_webhook_signature=hashed(body))
    assert outcome(answer) == "CONFIRMED"
