"""The public document of the API, v1.1: each of its operations is here and answers as it says."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import pytest

from tests.api.client import AWAITING, MONEY, Api, seat_of
from tests.api.serving import serving

Kind = Literal["integer", "string", "decimal", "seat status", "seats"]
SEAT_STATUSES = {"FREE", "RESERVED", "SOLD"}
EVENT: dict[str, Kind] = {"id": "integer", "title": "string"}
BOOKING: dict[str, Kind] = {"id": "integer", "event_id": "integer", "seats": "seats"}
SEAT: dict[str, Kind] = {
    "id": "integer",
    "row": "integer",
    "number": "integer",
    "status": "seat status",
    "price": "decimal",
}
ANALYTICS: dict[str, Kind] = {
    "event_id": "integer",
    "total_seats": "integer",
    "sold_seats": "integer",
    "reserved_seats": "integer",
    "free_seats": "integer",
    "total_revenue": "decimal",
    "bookings_count": "integer",
}


@dataclass(frozen=True)
class World:
    """What the operations are about."""

    event: int
    booking: int
    paying: int
    selected: int
    free: int


@dataclass(frozen=True)
class Operation:
    """documented: the codes of the document. response: fields of the body, or of a list's items."""

    method: str
    path: str
    request: Callable[[World], dict[str, Any]]
    documented: set[int]
    response: dict[str, Kind] = field(default_factory=dict)
    listed: bool = False


OPERATIONS = [
    Operation("POST", "/api/events", lambda _: {"title": "Night"}, {201}, {"id": "integer"}),
    Operation("GET", "/api/events", lambda _: {}, {200}, EVENT, listed=True),
    Operation(
        *("GET", "/api/events"),
        lambda _: {"query": "night", "page": 1, "pageSize": 20},
        {200},
        EVENT,
        listed=True,
    ),
    Operation("GET", "/api/events", lambda _: {"date": "2026-10-13"}, {200}, EVENT, listed=True),
    Operation("POST", "/api/bookings", lambda at: {"event_id": at.event}, {201}, {"id": "integer"}),
    Operation("GET", "/api/bookings", lambda _: {}, {200}, BOOKING, listed=True),
    Operation(
        *("PATCH", "/api/bookings/initiatePayment"), lambda at: {"booking_id": at.booking}, {302}
    ),
    Operation(
        *("PATCH", "/api/bookings/cancel"), lambda at: {"booking_id": at.booking}, {200, 403}
    ),
    Operation("GET", "/api/seats", lambda at: {"event_id": at.event}, {200}, SEAT, listed=True),
    Operation(
        *("GET", "/api/seats"),
        lambda at: {"event_id": at.event, "page": 1, "pageSize": 5, "row": 2, "status": "FREE"},
        {200},
        SEAT,
        listed=True,
    ),
    Operation(
        *("PATCH", "/api/seats/select"),
        lambda at: {"booking_id": at.booking, "seat_id": at.free},
        {200, 403, 419},
    ),
    Operation(
        *("PATCH", "/api/seats/release"), lambda at: {"seat_id": at.selected}, {200, 403, 419}
    ),
    Operation("GET", "/api/payments/success", lambda at: {"orderId": at.paying}, {200}),
    Operation("GET", "/api/payments/fail", lambda at: {"orderId": at.paying}, {200}),
    Operation(
        *("POST", "/api/payments/notifications"),
        lambda at: {
            "paymentId": f"payment-{at.paying}",
            "status": "CONFIRMED",
            "teamSlug": "team",
            "timestamp": "2026-10-13T12:34:56Z",
            "data": {"orderId": at.paying},
        },
        {200},
    ),
    Operation("GET", "/api/analytics", lambda at: {"id": at.event}, {200}, ANALYTICS),
]


async def world(api: Api) -> World:
    sale = {"sale_ends_at": "2999-01-01T00:00:00Z"}
    event = await api.make_event(starts_at="2026-10-13T19:00:00Z", **sale)
    seats = [seat_of(event, index) for index in range(3)]
    booking = await api.book(event, seats[0])
    return World(event, booking, await api.paying(event, seats[1]), seats[0], seats[2])


async def asked(api: Api, operation: Operation, at: World) -> httpx.Response:
    if operation.method == "GET":
        return await api.get(operation.path, **operation.request(at))
    return await api.http.request(operation.method, operation.path, json=operation.request(at))


def check(value: Any, fields: dict[str, Kind]) -> None:
    for name, kind in fields.items():
        found = value[name]
        if kind == "integer":
            assert type(found) is int
        elif kind == "seats":
            assert all(type(seat["id"]) is int for seat in found)
        elif kind == "seat status":
            assert found in SEAT_STATUSES
        else:
            assert isinstance(found, str)
            assert kind != "decimal" or MONEY.fullmatch(found)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
async def test_an_operation_of_the_document(any_api: Api, operation: Operation) -> None:
    answer = await asked(any_api, operation, await world(any_api))

    without_gateway = 200 if operation.documented == {302} else 0
    assert answer.status_code in operation.documented | {without_gateway}
    body = answer.json()
    if operation.listed:
        assert body, "there is something to list"
    for item in body if operation.listed else [body]:
        check(item, operation.response)


async def test_payment_with_a_gateway_is_a_redirect(redis_url: str) -> None:
    async with serving(
        redis_url, payment_url="https://pay.example/?booking_id={booking_id}"
    ) as api:
        event = await api.make_event()
        booking = await api.book(event, seat_of(event, 0))

        answer = await api.pay(booking)

        assert answer.status_code == 302
        assert answer.json() == AWAITING
        assert answer.headers["location"] == f"https://pay.example/?booking_id={booking}"


async def test_a_lost_seat_and_the_booking_of_another(any_api: Api) -> None:
    at = await world(any_api)
    other = await any_api.book(at.event)

    lost = [any_api.select(other, at.selected), any_api.release(at.free)]
    assert [(await each).status_code for each in lost] == [419, 419]
    await any_api.give_to_another(at.booking)
    denied: list[Awaitable[httpx.Response]] = [
        any_api.cancel(at.booking),
        any_api.select(at.booking, at.free),
        any_api.release(at.selected),
    ]
    assert [(await each).status_code for each in denied] == [403, 403, 403]


async def test_the_reset_of_the_document(alone: Api) -> None:
    await world(alone)

    assert (await alone.http.post("/api/reset")).status_code == 200
    assert (await alone.get("/api/bookings")).json() == []
