"""Health and readiness; paths, methods, request ids and credentials."""

import pytest

from tests.api.client import (
    Api,
    granted,
    refused,
    seat_of,
)

ROUTES = {
    "/api/events": {"GET", "POST"},
    "/api/events/1": {"GET", "PUT", "DELETE"},
    "/api/events/1/bookings": {"GET"},
    "/api/events/1/layout": {"GET"},
    "/api/events/1/seatmap": {"GET"},
    "/api/events/1/availability": {"GET"},
    "/api/events/1/ticket-types": {"GET", "POST"},
    "/api/bookings": {"GET", "POST"},
    "/api/bookings/1": {"GET"},
    "/api/bookings/1/cancel": {"PUT"},
    "/api/bookings/reserve": {"POST"},
    "/api/users/1/bookings": {"GET"},
    "/api/book": {"POST"},
    "/api/cancel": {"POST"},
    "/api/initialize": {"POST"},
    "/api/status/1": {"GET"},
    "/api/booking-status/1/ann": {"GET"},
    "/api/bookings/initiatePayment": {"PATCH"},
    "/api/bookings/cancel": {"PATCH"},
    "/api/seats": {"GET"},
    "/api/seats/select": {"PATCH"},
    "/api/seats/release": {"PATCH"},
    "/api/payments/notifications": {"POST"},
    "/api/analytics": {"GET"},
    "/api/auth/login": {"POST"},
    "/api/auth/register": {"POST"},
    "/api/reset": {"POST"},
    "/health": {"GET"},
    "/ready": {"GET"},
}
CALLBACKS = {"/api/payments/success", "/api/payments/fail"}


async def test_health_and_readiness(any_api: Api) -> None:
    assert granted(await any_api.get("/health")) == {"status": "ok"}
    ready = granted(await any_api.get("/ready"))
    assert ready["status"] == "ready"
    assert ready["durability"] == "memory"  # The servers of the tests keep nothing.
    assert int(ready["redis"].split(".")[0]) >= 6


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/api", "/api/", "/api/events/", "/api/event", "/api/events/x", "/api/events/-1"),
        *("/api/events/1/x", "/api/events/1.0", "/API/EVENTS", "/health/", "/%00"),
        *("/api/events/%D9%A1", "/" + "a" * 8_000),
    ],
    ids=lambda path: path[:40],
)
async def test_there_is_nothing_at_other_paths(api: Api, path: str) -> None:
    for method in ("GET", "POST", "PATCH", "DELETE"):
        refused(await api.http.request(method, path), 404, "not_found")


@pytest.mark.parametrize("path", [*ROUTES, *sorted(CALLBACKS)])
async def test_other_methods_are_not_allowed(api: Api, path: str) -> None:
    allowed = ROUTES.get(path, {"GET"})
    if "GET" in allowed and path not in CALLBACKS:
        allowed = allowed | {"HEAD"}

    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - allowed:
        answer = await api.http.request(method, path)
        assert answer.status_code == 405
        assert {each.strip() for each in answer.headers["allow"].split(",")} == allowed
        if method != "HEAD":
            refused(answer, 405, "method_not_allowed")


async def test_head_answers_like_get_without_a_body(api: Api) -> None:
    event = await api.make_event()
    for path in (
        *("/health", "/ready", "/api/seats", "/api/events?pageSize=1", "/api/bookings?pageSize=1"),
        *(f"/api/events/{event}", f"/api/seats?event_id={event}", f"/api/analytics?id={event}"),
    ):
        get, head = await api.http.get(path), await api.http.head(path)
        assert head.status_code == get.status_code
        assert head.headers["content-length"] == get.headers["content-length"]
        assert head.headers.get("x-total-count") == get.headers.get("x-total-count")


async def test_a_preview_does_not_settle_a_payment(api: Api) -> None:
    event = await api.make_event()
    booking = await api.paying(event, seat_of(event, 0))

    for path in CALLBACKS:
        answer = await api.http.head(path, params={"orderId": booking})
        assert answer.status_code == 405
    assert await api.status(booking) == "payment_initiated"


@pytest.mark.parametrize("id", ["1", "a" * 255, "7f3c:~!#$%&'*+-.^_`|"])
async def test_a_request_id_comes_back(any_api: Api, id: str) -> None:
    event = await any_api.make_event()
    requests = [
        ("GET", "/health", None),
        ("GET", f"/api/events/{event}", None),
        ("POST", "/api/bookings", {"event_id": event}),
        ("POST", "/api/bookings", {"event_id": "x"}),
        ("PUT", "/api/bookings", None),
        ("GET", "/nowhere", None),
    ]

    for method, path, body in requests:
        answer = await any_api.http.request(method, path, json=body, headers={"X-Request-Id": id})
        assert answer.headers["x-request-id"] == id
    assert "x-request-id" not in (await any_api.get("/health")).headers


@pytest.mark.parametrize("id", ["", "a" * 256, "two words", "a\tb"])
async def test_no_nonsense_comes_back_as_a_request_id(api: Api, id: str) -> None:
    answer = await api.http.get("/health", headers={"X-Request-Id": id})

    assert granted(answer) == {"status": "ok"}
    assert "x-request-id" not in answer.headers


@pytest.mark.parametrize(
    "credentials", ["Bearer x", "Bearer", "Basic Z3Vlc3Q6Z3Vlc3Q=", "Basic !", "Digest a=b", "x"]
)
async def test_any_credentials_are_wrong(any_api: Api, credentials: str) -> None:
    event = await any_api.make_event()
    requests = [
        ("GET", f"/api/events/{event}", None),
        ("GET", f"/api/seats?event_id={event}", None),
        ("GET", "/api/bookings", None),
        ("GET", "/health", None),
        ("POST", "/api/events", {"title": "Night"}),
        ("POST", "/api/bookings", {"event_id": event}),
        ("POST", "/api/bookings", {"event_id": "x"}),
        ("POST", "/api/reset", None),
    ]

    for method, path, body in requests:
        answer = await any_api.http.request(
            method, path, json=body, headers={"Authorization": credentials}
        )
        refused(answer, 401, "unauthorized")
        assert "Bearer" in answer.headers["www-authenticate"]
    assert granted(await any_api.get(f"/api/events/{event}"))["id"] == event
