"""Wrong fields and ids: refused with a sentence, never answered with a 5xx."""

from typing import Any

import httpx
import pytest

from tests.api.client import Api, granted, refused, seat_of

NOT_INTEGERS: list[Any] = ["", "1", " 1", "one", "0x10", 1.0, 1.5, 1e3, True, False, None, [], [1]]
NOT_INTEGERS += [{}, {"id": 1}]
NOT_IDS = [*NOT_INTEGERS, -1, -(2**53), 2**53, 2**63 - 1, 2**63, 2**64, 10**30, -(10**30)]
NOT_DIGITS = ["", " ", " 1", "1 ", "+1", "-1", "-0", "1.0", "1e3", "0x10", "one", "null", "true"]
NOT_DIGITS += ["\u0661", "\uff11", "1_000", "1,2", "\0", "1\0", "[1]", "9007199254740992"]
NOT_DIGITS += [str(2**63), str(2**64), "9" * 30, "9" * 5_000, "\U0001f3ad"]

# method, path, a body that is good but for ids that are not there, field
BODY_FIELDS: list[tuple[str, str, dict[str, Any], str]] = [
    ("POST", "/api/bookings", {"event_id": 0}, "event_id"),
    ("PATCH", "/api/bookings/initiatePayment", {"booking_id": 0}, "booking_id"),
    ("PATCH", "/api/bookings/cancel", {"booking_id": 0}, "booking_id"),
    ("PATCH", "/api/seats/select", {"booking_id": 0, "seat_id": 0}, "booking_id"),
    ("PATCH", "/api/seats/select", {"booking_id": 0, "seat_id": 0}, "seat_id"),
    ("PATCH", "/api/seats/release", {"seat_id": 0}, "seat_id"),
]
QUERY_FIELDS = [
    ("/api/seats", "event_id"),
    ("/api/seats?event_id=1", "row"),
    ("/api/seats?event_id=1", "page"),
    ("/api/seats?event_id=1", "pageSize"),
    ("/api/events", "page"),
    ("/api/events", "pageSize"),
    ("/api/bookings", "page"),
    ("/api/bookings", "pageSize"),
    ("/api/analytics", "id"),
    ("/api/payments/success", "orderId"),
    ("/api/payments/fail", "orderId"),
]


def invalid(response: httpx.Response, field: str) -> None:
    body = refused(response, 400, "validation_error")
    assert field in {detail["field"].split(".")[0] for detail in body["details"]}


@pytest.mark.parametrize(("method", "path", "good", "field"), BODY_FIELDS)
async def test_ids_in_bodies_are_integers(
    any_api: Api, method: str, path: str, good: dict[str, Any], field: str
) -> None:
    assert (await any_api.http.request(method, path, json=good)).status_code == 404
    for wrong in NOT_IDS:
        answer = await any_api.http.request(method, path, json={**good, field: wrong})
        if wrong is None and field == "seat_id" and path.endswith("select"):
            invalid(answer, "body")  # Absent, so that seat_ids may stand for it.
        else:
            invalid(answer, field)
    missing = {name: value for name, value in good.items() if name != field}
    refused(await any_api.http.request(method, path, json=missing), 400, "validation_error")


async def test_lists_of_seats_hold_integers(api: Api) -> None:
    event = await api.make_event()
    booking, seat = await api.book(event), seat_of(event, 0)
    lists = [*([wrong] for wrong in NOT_IDS), *([seat, wrong] for wrong in NOT_IDS), [seat] * 101]

    for seats in ([], {}, "", "1", 1, 1.0, True, *lists):
        invalid(await api.open(event, seat_ids=seats), "seat_ids")
        body = {"booking_id": booking, "seat_ids": seats}
        invalid(await api.patch("/api/seats/select", body), "seat_ids")
    assert await api.state(seat) == "FREE"


@pytest.mark.parametrize(
    "field", ["rows", "seats_per_row", "hold_seconds", "payment_seconds", "max_seats_per_booking"]
)
async def test_numbers_of_an_event_are_integers(api: Api, field: str) -> None:
    for wrong in (*NOT_IDS, 0):
        if wrong is not None:
            body = await api.post("/api/events", {"title": "Night", field: wrong})
            invalid(body, field)


@pytest.mark.parametrize("field", ["rows", "seats_per_row", "capacity"])
async def test_numbers_of_a_zone_are_integers(api: Api, field: str) -> None:
    good = {"rows": 1, "seats_per_row": 1} if field != "capacity" else {}

    for wrong in (*NOT_IDS, 0):
        zone = {"name": "Stalls", "price": "1.00", **good, field: wrong}
        answer = await api.post("/api/events", {"title": "Night", "zones": [zone]})
        invalid(answer, "zones")


@pytest.mark.parametrize(("path", "field"), QUERY_FIELDS)
async def test_integers_in_queries_are_plain_digits(any_api: Api, path: str, field: str) -> None:
    for wrong in NOT_DIGITS:
        url = httpx.URL(path).copy_merge_params({field: wrong})
        invalid(await any_api.http.get(url), field)


async def test_leading_zeros_and_percents_are_digits_too(any_api: Api) -> None:
    event = await any_api.make_event()
    encoded = "".join(f"%{ord(digit):x}" for digit in str(event))

    for spelled in (event, f"000{event}", encoded):
        answer = await any_api.http.get(f"/api/seats?event%5Fid={spelled}&page=%31")
        assert granted(answer)[0]["id"] == seat_of(event, 0)


async def test_unknown_query_fields_are_ignored(any_api: Api) -> None:
    event = await any_api.make_event()

    answer = await any_api.get("/api/seats", event_id=event, debug="1", limit="x", PAGE="0")

    assert len(granted(answer)) == 20


async def test_a_query_field_twice(api: Api) -> None:
    event = await api.make_event()

    twice = await api.http.get(f"/api/seats?event_id={event}&page=1&page=2")

    assert granted(twice) == await api.seats(event, page=2), "the last one counts"
    refused(
        await api.http.get(f"/api/seats?event_id={event}&page=1&page=x"), 400, "validation_error"
    )


async def test_odd_queries(api: Api) -> None:
    event = await api.make_event()
    for query in (
        "&&",
        "=",
        "%",
        "%zz",
        "a=%ff%fe",
        "a=%00",
        "a[]=1",
        "%C0%AE",
        ";",
        "a=" + "b" * 9_000,
    ):
        assert granted(await api.http.get(f"/api/seats?event_id={event}&{query}"))
    many = "&".join(f"f{number}=1" for number in range(100))
    refused(await api.http.get(f"/api/seats?event_id={event}&{many}"), 400, "validation_error")
    for search in ("%00", "%ED%A0%80", "%F0%9F%8E%AD", "%25", "*?[^]", "a" * 200):
        granted(await api.http.get(f"/api/events?query={search}&pageSize=1"))
    refused(await api.get("/api/events", query="a" * 201), 400, "validation_error")


NOTIFICATION: dict[str, Any] = {"paymentId": "p", "status": "NEW", "data": {"orderId": 0}}


@pytest.mark.parametrize("field", ["paymentId", "status"])
async def test_notifications_need_their_fields(any_api: Api, field: str) -> None:
    path = "/api/payments/notifications"
    refused(await any_api.post(path, NOTIFICATION), 404, "booking_not_found")

    wrong_values: list[Any] = [1, True, 1.5, [], "", "x" * 300, None, {}]
    for wrong in wrong_values:
        invalid(await any_api.post(path, {**NOTIFICATION, field: wrong}), field)
    missing = {name: value for name, value in NOTIFICATION.items() if name != field}
    invalid(await any_api.post(path, missing), field)


async def test_the_order_of_a_notification_is_an_id_or_nobodys(any_api: Api) -> None:
    wrong_orders = [order for order in NOT_IDS if order not in ("1", "", None)]
    for order in (*wrong_orders, "-1", "1.0", "9" * 17, str(2**53), "\u0661"):
        assert granted(await any_api.notify(order, "CONFIRMED", "p of an odd order")) == "OK"
    kept = granted(await any_api.get("/api/payments/unmatched"))["unmatched"]
    reasons = {each["payment_id"]: each["reason"] for each in kept}
    assert reasons["p of an odd order"] == "unreadable"


async def test_odd_words_in_notifications(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.paying(event, seat_of(event, 0))

    for number, odd in enumerate(["a\0b", "\U0001f3ad", "\u0130", "\n", "x" * 64]):
        assert granted(await any_api.notify(booking, odd, f"{odd}{number}")) == "OK"
    assert await any_api.status(booking) == "payment_initiated"
    assert len(await any_api.journal(event, "payment_note")) == 5


async def test_an_event_too_large_to_hold_costs_nothing_to_refuse(api: Api) -> None:
    zone = {"name": "Stalls", "price": "1.00", "rows": 999_999, "seats_per_row": 1}
    before = peak_mb()

    refused(await api.create(zones=[zone] * 1_000), 400, "validation_error")

    assert peak_mb() - before < 200


def peak_mb() -> float:
    """The most memory this process has had so far."""
    with open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
