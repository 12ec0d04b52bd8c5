"""Payments that nothing could be sold for: what becomes of them once somebody knows."""

import logging
from typing import Any

import httpx
import pytest

from billetter.domain.account import Role
from billetter.domain.ids import BookingNumber, EventId
from billetter.engine import keys
from tests.api.client import Api, granted, outcome, refused, seat_of
from tests.api.people import Operator, bearer
from tests.api.test_money import paying, refunds, told

UNMATCHED = "/api/payments/unmatched"


async def strays(api: Api) -> dict[str, dict[str, Any]]:
    """Those of no known event, by the payment's id."""
    kept = granted(await api.get(UNMATCHED))["unmatched"]
    return {each["payment_id"]: each for each in kept}


async def back(api: Api, payment: str, **said: object) -> httpx.Response:
    """The money of a payment that nobody knows has gone back."""
    return await api.post(f"{UNMATCHED}/refund", {"payment_id": payment, "reference": "x"} | said)


@pytest.mark.parametrize("way", ["by hand", "by the gateway"])
async def test_one_of_another_sum_has_gone_back(any_api: Api, way: str) -> None:
    event, booking = await paying(any_api)
    await told(any_api, "w:1", orderId=booking, amount=100)
    if way == "by hand":
        body = {"reference": "wire 7", "payment_id": "w:1"}
        answer = await any_api.post(f"/api/bookings/{booking}/refund", body)
        shown = {"booking_id": booking, "settled": "1.00", "refund": None}
        assert granted(answer) == shown
    else:
        answer = await told(any_api, "w:1", "REFUNDED", orderId=booking)
    assert outcome(answer) == "SETTLED"
    assert (await refunds(any_api, event))["unmatched"] == []
    (entry,) = await any_api.journal(event, "unmatched_settled")
    assert entry["note"].startswith("100 w%3A1 ")
    await told(any_api, "w:1", "REFUNDED", orderId=booking)
    assert len(await any_api.journal(event, "unmatched_settled")) == 1
    assert await any_api.broken_rules(event) == []


async def test_one_of_no_order_has_gone_back(any_api: Api) -> None:
    _, booking = await paying(any_api)
    for number in range(3):
        await told(any_api, f"n{number}-{booking}", amount="2.50")
    answer = await back(any_api, f"n0-{booking}")
    assert outcome(answer) == "SETTLED"
    assert granted(answer) == {"payment_id": f"n0-{booking}", "settled": "2.50"}
    assert outcome(await told(any_api, f"n1-{booking}", "refunded")) == "SETTLED"
    assert outcome(await told(any_api, f"n2-{booking}", "refunded", orderId=booking)) == "SETTLED"
    assert not [name for name in await strays(any_api) if name.endswith(f"-{booking}")]
    refused(await back(any_api, f"n0-{booking}"), 404, "payment_not_found")


async def test_one_of_an_event_that_is_none_has_gone_back(any_api: Api) -> None:
    booking = 79_999_999 * 100_000_000 + 5
    for payment in ("e", "f"):
        refused(await told(any_api, payment, orderId=booking), 404, "booking_not_found")
        assert (await strays(any_api))[payment]["booking_id"] == booking
    refused(await back(any_api, "e"), 404, "payment_not_found")
    assert outcome(await back(any_api, "e", booking_id=booking)) == "SETTLED"
    assert outcome(await told(any_api, "f", "REFUNDED", orderId=booking)) == "SETTLED"
    missing = await any_api.post(f"/api/bookings/{booking}/refund", {"reference": "x"})
    refused(missing, 404, "booking_not_found")
    assert not {"e", "f"} & set(await strays(any_api))


async def test_an_early_one_settles_with_the_redirect(any_api: Api) -> None:
    event = await any_api.make_event(rows=1, seats_per_row=2, price="45.00")
    booking = await any_api.book(event, seat_of(event, 0))
    await told(any_api, "p", orderId=booking, amount="45.00")
    await any_api.pay(booking)
    assert outcome(await any_api.succeed(booking)) == "CONFIRMED"
    assert (await refunds(any_api, event))["unmatched"] == []
    assert [each["payment_id"] for each in (await any_api.shown(booking))["payments"]] == ["p"]


async def test_new_money_is_always_shown(any_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    event, booking = await paying(any_api)
    many = {f"9:{number}": "::x:status:1" for number in range(1_000)}
    own = keys.of_event(EventId(event))
    await any_api.redis("HSET", own.unmatched, *(x for each in many.items() for x in each))
    for _ in range(2):
        assert outcome(await told(any_api, "new", orderId=booking, amount=1)) == "UNMATCHED"
    listed = await refunds(any_api, event)
    assert listed["unmatched"][0]["payment_id"] == "new"
    assert listed["unmatched_total"] == 1_000
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "is not kept any more" in errors[0].getMessage()


async def test_who_may_settle_all_settles_what_named_a_booking_that_is_none(
    strict: Api, operator: Operator
) -> None:
    service = strict.as_(bearer(await operator.appoint(Role.SERVICE)))
    host = strict.as_(bearer(await operator.appoint(Role.ORGANIZER)))
    booking = 79_999_998 * 100_000_000 + 5
    await told(service, "s", orderId=booking)
    body = {"reference": "x", "payment_id": "s"}
    path = f"/api/bookings/{booking}/refund"
    refused(await host.post(path, body), 404, "booking_not_found")
    refused(await host.post(f"{UNMATCHED}/refund", body), 403, "forbidden")
    for _ in range(2):
        answer = await service.post(path, body, key="one-key-of-it")
        assert outcome(answer) == "SETTLED"
    refused(await service.post(path, body), 404, "booking_not_found")


@pytest.mark.parametrize("order", ["order-7", "1" * 20, True, [], {"id": 7}, 7.5, -1, 10**30])
async def test_an_order_that_cannot_be_read(any_api: Api, order: object) -> None:
    _, booking = await paying(any_api)
    for _ in range(2):
        answer = await told(any_api, f"odd-{booking}", orderId=order, amount="45.00")
        assert (granted(answer), outcome(answer)) == ("OK", "UNMATCHED")
    kept = (await strays(any_api))[f"odd-{booking}"]
    assert (kept["booking_id"], kept["amount"], kept["reason"]) == (None, "45.00", "unreadable")
    assert outcome(await told(any_api, f"odd2-{booking}", "FAILED", orderId=order)) == "UNMATCHED"
    assert f"odd2-{booking}" not in await strays(any_api)


@pytest.mark.parametrize("data", ["x", [], 7, True])
async def test_data_that_are_none(any_api: Api, data: object) -> None:
    _, booking = await paying(any_api)
    body = {"paymentId": f"odd-{booking}", "status": "completed", "data": data}
    answer = await any_api.post("/api/payments/notifications", body)
    assert (granted(answer), outcome(answer)) == ("OK", "UNMATCHED")
    assert (await strays(any_api))[f"odd-{booking}"]["reason"] == "unreadable"
    for wrong in ({"paymentId": ""}, {"status": 7}):
        answer = await any_api.post("/api/payments/notifications", body | wrong)
        refused(answer, 400, "validation_error")


async def test_a_known_payment_with_an_order_that_cannot_be_read(any_api: Api) -> None:
    _, booking = await paying(any_api)
    await told(any_api, f"known-{booking}", orderId=booking)
    again = await told(any_api, f"known-{booking}", orderId="order-7")
    assert outcome(again) == "CONFIRMED"
    assert f"known-{booking}" not in await strays(any_api)


async def test_a_failure_may_say_what_it_likes_of_the_amount(any_api: Api) -> None:
    _, booking = await paying(any_api)
    assert outcome(await told(any_api, "p", "FAILED", orderId=booking, amount="abc")) == "CANCELLED"


async def test_what_went_back_unknown_is_no_money_that_came_in(any_api: Api) -> None:
    _, booking = await paying(any_api)
    assert outcome(await told(any_api, f"gone-{booking}", "REFUNDED")) == "UNMATCHED"
    assert f"gone-{booking}" not in await strays(any_api)


async def test_a_correction_of_a_known_payment_is_written_down(any_api: Api) -> None:
    event, booking = await paying(any_api)
    await told(any_api, "p", orderId=booking, amount="45.00")
    for _ in range(2):
        again = await told(any_api, "p", orderId=booking, amount="44.00", currency="USD")
        assert outcome(again) == "CONFIRMED"
    (entry,) = await any_api.journal(event, "payment_note")
    assert entry["note"] == "p 4400:USD:CONFIRMED"
    assert await any_api.broken_rules(event) == []


async def test_what_nobody_can_read_is_passed_over(
    any_api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    event, booking = await paying(any_api)
    await told(any_api, "p", orderId=booking)
    await any_api.give_back(booking)
    own = keys.of_event(EventId(event))
    await any_api.redis("HSET", own.unmatched, "5:q", "junk", "5:r", "::x:status:1")
    await any_api.redis("ZADD", own.refunds, 1, "x", 2, 77, 3, 78)
    await any_api.redis("SET", own.booking(BookingNumber(78)), "junk")
    listed = await refunds(any_api, event)
    assert [each["booking_id"] for each in listed["refunds"]] == [booking]
    assert [each["payment_id"] for each in listed["unmatched"]] == ["r"]
    assert "cannot be read" in caplog.text
    await any_api.redis("DEL", own.unmatched, own.booking(BookingNumber(78)))
    await any_api.redis("ZREM", own.refunds, "x", 77, 78)


async def test_lists_lead_on(any_api: Api) -> None:
    event, booking = await paying(any_api)
    for number in range(3):
        await told(any_api, f"m{number}", orderId=booking, amount=number)
    path = f"/api/events/{event}/refunds"
    first, second = [await any_api.get(path, page=page, pageSize=2) for page in (1, 2)]
    assert first.headers["x-total-count"] == "0"
    assert first.links["next"]["url"] == f"{path}?page=2&pageSize=2"
    assert second.links["prev"]["url"] == f"{path}?page=1&pageSize=2"
    assert ("prev" in first.links, "next" in second.links) == (False, False)
    await told(any_api, f"stray-{booking}")
    await told(any_api, f"stray2-{booking}")
    answer = await any_api.get(UNMATCHED, pageSize=1)
    assert answer.headers["x-total-count"] == str(granted(answer)["unmatched_total"])
    assert answer.links["next"]["url"] == f"{UNMATCHED}?page=2&pageSize=1"
