"""Health, readiness, reset; paths, methods, credentials; and Redis going away and coming back."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from billetter.domain.ids import EventId
from billetter.engine import keys
from tests.api.client import (
    SELECTED,
    Api,
    eventually,
    granted,
    outcome,
    refused,
    seat_of,
)
from tests.api.serving import serving
from tests.crowd import gathered
from tests.servers import RedisServer

ROUTES = {
    "/api/events": {"GET", "POST"},
    "/api/events/1": {"GET"},
    "/api/events/1/availability": {"GET"},
    "/api/bookings": {"GET", "POST"},
    "/api/bookings/initiatePayment": {"PATCH"},
    "/api/bookings/cancel": {"PATCH"},
    "/api/seats": {"GET"},
    "/api/seats/select": {"PATCH"},
    "/api/seats/release": {"PATCH"},
    "/api/payments/notifications": {"POST"},
    "/api/analytics": {"GET"},
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


@pytest.mark.parametrize("path", [*ROUTES, *CALLBACKS])
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


@pytest.fixture
async def demo(own_server: RedisServer) -> AsyncIterator[Api]:
    """A server with the seeded events 1, 2 and 3."""
    async with serving(own_server.url, demo=True) as api:
        yield api


async def test_the_seeded_concert(demo: Api) -> None:
    assert [event["id"] for event in granted(await demo.get("/api/events"))] == [3, 2, 1]
    numbers = await demo.analytics(1)
    assert numbers["total_seats"] == 100_000
    assert [(zone["name"], zone["total_seats"], zone["price"]) for zone in numbers["zones"]] == [
        ("Golden circle", 10_000, "40000.00"),
        ("Fan zone", 15_000, "80000.00"),
        ("Lower tier", 20_000, "120000.00"),
        ("Middle tier", 25_000, "160000.00"),
        ("Upper tier", 30_000, "200000.00"),
    ]


async def test_reset_goes_back_to_what_was_seeded(demo: Api) -> None:
    made = await demo.make_event()
    fresh = await demo.analytics(1)
    old = [
        await demo.book(1),
        await demo.book(1, seat_of(1, 0), seat_of(1, 99_999)),
        await demo.paying(1, seat_of(1, 1)),
        await demo.paid(1, seat_of(1, 2)),
        await demo.paid(2, seat_of(2, 0)),
        await demo.paid(made, seat_of(made, 0)),
    ]
    lapsed = await demo.paying(1, seat_of(1, 3))
    await demo.lapse(lapsed)

    answer = await demo.post("/api/reset", None)

    granted(answer)
    assert outcome(answer) == "RESET"
    assert [event["id"] for event in granted(await demo.get("/api/events"))] == [3, 2, 1]
    assert await demo.analytics(1) == fresh
    assert (await demo.analytics(2))["sold_seats"] == 0
    assert granted(await demo.get("/api/bookings")) == []
    refused(await demo.get(f"/api/events/{made}"), 404, "event_not_found")
    refused(await demo.get("/api/seats", event_id=made), 404, "event_not_found")
    for booking in (*old, lapsed):
        for late in (await demo.succeed(booking), await demo.fail(booking)):
            refused(late, 404, "booking_not_found")
    assert await demo.book(1, seat_of(1, 0), seat_of(1, 1), seat_of(1, 2), seat_of(1, 3))


async def test_numbers_go_on_counting_after_a_reset(demo: Api) -> None:
    made, booking = await demo.make_event(), await demo.book(1)

    granted(await demo.post("/api/reset", None))

    assert await demo.make_event() > made
    assert await demo.book(1) > booking


async def test_reset_leaves_nothing_of_what_was_made(alone: Api) -> None:
    before = set(await alone.redis("KEYS", "*"))
    event = await alone.make_event()
    await alone.paid(event, seat_of(event, 0))
    await alone.book(event, seat_of(event, 1))
    await alone.open(event, "some-key")
    await alone.cancel(await alone.book(event, seat_of(event, 2)))

    granted(await alone.post("/api/reset", None))

    left = {key.decode() for key in set(await alone.redis("KEYS", "*")) - before}
    assert left == {"{events}:next", f"{{p{event % 64:02}}}:journal"}


async def test_reset_touches_nothing_of_others(alone: Api) -> None:
    foreign = ["mine", "{mine}", "{p01}", "{p01}:mine", "{u:guest}", "{x}:bookings", "booking:1:1"]
    for key in foreign:
        await alone.redis("SET", key, "kept")
    await alone.book(await alone.make_event())

    granted(await alone.post("/api/reset", None))

    assert [await alone.redis("GET", key) for key in foreign] == [b"kept"] * len(foreign)


async def test_reset_twice_with_one_key_resets_once(alone: Api) -> None:
    await alone.make_event()
    first = await alone.post("/api/reset", None, "again")
    event = await alone.make_event()

    second = await alone.post("/api/reset", None, "again")

    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert granted(await alone.get(f"/api/events/{event}"))
    granted(await alone.post("/api/reset", None, "another"))
    refused(await alone.get(f"/api/events/{event}"), 404, "event_not_found")


async def test_reset_of_nothing(alone: Api) -> None:
    for _ in range(2):
        granted(await alone.post("/api/reset", None))


async def test_a_reset_takes_no_body_but_minds_none(alone: Api) -> None:
    for content in (b"", b"{}", b"not json", b"x" * 100_000):
        granted(await alone.send("POST", "/api/reset", content, content_type="text/plain"))
    assert granted(await alone.get("/health")) == {"status": "ok"}


async def test_redis_away_and_back(durable_server: RedisServer) -> None:
    redis = durable_server
    async with serving(redis.url, redis_deadline_ms=100, sweep=True) as api:
        event = await api.make_event()
        booking, seat = await api.book(event), seat_of(event, 0)
        redis.kill()

        async def away() -> bool:
            return (await api.get("/ready")).status_code == 503

        await eventually(away)
        not_ready = granted(await api.get("/ready"), 503)
        assert not_ready == {"status": "not_ready", "reason": "redis"}
        assert granted(await api.get("/health")) == {"status": "ok"}
        for answer in (
            await api.select(booking, seat),
            await api.release(seat),
            await api.open(event),
            await api.open(event, "a-key"),
            await api.create(),
            await api.pay(booking),
            await api.cancel(booking),
            await api.succeed(booking),
            await api.notify(booking, "CONFIRMED"),
            await api.get("/api/bookings"),
            await api.get("/api/events"),
            await api.get("/api/seats", event_id=event),
            await api.get("/api/analytics", id=event),
            await api.post("/api/reset", None),
        ):
            refused(answer, 503, "unavailable")
        refused(await api.select(booking, -1), 400, "validation_error")

        redis.start()

        async def back() -> bool:
            return (await api.get("/ready")).status_code == 200

        await eventually(back)
        assert granted(await api.select(booking, seat)) == SELECTED
        assert await api.status(booking) == "seats_selected"


async def test_the_server_starts_while_redis_is_away(own_server: RedisServer) -> None:
    own_server.stop()
    async with serving(own_server.url, redis_deadline_ms=100) as api:
        refused(await api.get("/api/events"), 503, "unavailable")
        own_server.start()

        async def made() -> bool:
            return (await api.create()).status_code == 201

        await eventually(made)


async def test_a_reply_that_is_lost_and_asked_for_again(own_server: RedisServer) -> None:
    redis = own_server
    async with serving(redis.url, redis_deadline_ms=200) as api:
        event = await api.make_event()
        booking, seat = await api.book(event), seat_of(event, 0)
        await api.book(event, seat_of(event, 1))
        os.kill(redis.pid, signal.SIGSTOP)
        try:
            unknown = await asyncio.gather(
                api.select(booking, seat), api.release(seat_of(event, 1), "release")
            )
            read = await api.get("/api/seats", event_id=event)
        finally:
            os.kill(redis.pid, signal.SIGCONT)

        assert unknown[0].json()["error"] == "outcome_unknown"
        assert unknown[1].json()["error"] in ("outcome_unknown", "unavailable")
        refused(read, 503, "unavailable")

        async def selected() -> bool:
            return (await api.select(booking, seat)).status_code == 200

        await eventually(selected)
        assert granted(await api.release(seat_of(event, 1), "release"))
        assert len(await api.journal(event, "claimed")) == 2
        assert len(await api.journal(event, "released")) == 1


async def test_more_calls_than_may_be_under_way(redis_url: str) -> None:
    async with serving(redis_url, in_flight_max=4) as api:
        event = await api.make_event()

        answers = await asyncio.gather(*(api.open(event) for _ in range(100)))

        said = Counter(answer.json().get("error", "opened") for answer in answers)
        assert set(said) <= {"opened", "unavailable", "outcome_unknown"}
        assert said["unavailable"]
        made = len(await api.journal(event, "opened"))
        assert said["opened"] <= made <= said["opened"] + said["outcome_unknown"]
        assert await api.book(event)


async def test_a_reset_that_stops_half_way_says_so(own_server: RedisServer) -> None:
    async with serving(own_server.url, in_flight_max=4) as api:
        event = await api.make_event()
        for _ in range(20):
            await api.book(event)

        refused(await api.post("/api/reset", None), 503, "outcome_unknown")

    async with serving(own_server.url) as api:
        granted(await api.post("/api/reset", None))
        assert granted(await api.get("/api/bookings")) == []


async def test_two_servers_on_one_redis(own_server: RedisServer) -> None:
    async with serving(own_server.url) as one, serving(own_server.url) as two:
        event = await one.make_event()
        seat = seat_of(event, 0)
        booking = await two.book(event, seat)
        assert await one.state(seat) == "RESERVED"
        assert granted(await one.pay(booking))

        granted(await one.post("/api/reset", None))

        for api in (one, two):
            refused(await api.get(f"/api/events/{event}"), 404, "event_not_found")
            refused(await api.get("/api/seats", event_id=event), 404, "event_not_found")
            refused(await api.get("/api/analytics", id=event), 404, "event_not_found")
            refused(await api.open(event), 404, "event_not_found")
            refused(await api.select(booking, seat), 404, "booking_not_found")
            refused(await api.pay(booking), 404, "booking_not_found")
            refused(await api.succeed(booking), 404, "booking_not_found")
            assert (await api.release(seat)).status_code in (404, 419)


async def test_a_script_that_is_gone_is_loaded_again(api: Api) -> None:
    event = await api.make_event()

    for index in range(3):
        await api.redis("SCRIPT", "FLUSH")
        assert await api.book(event, seat_of(event, index))


async def test_a_bug_tells_nothing(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    event = await api.make_event()
    booking = await api.book(event)
    await api.redis("SET", keys.of_event(EventId(event)).holders, "no hash")
    body = {"booking_id": booking, "seat_id": seat_of(event, 0)}

    async with gathered(api.address, 1) as (client,):
        answer = await client.send("PATCH", "/api/seats/select", body)

    assert answer.status == 500
    assert answer.json() == {"error": "internal_error", "message": answer.json()["message"]}
    assert b"WRONGTYPE" not in answer.body
    assert "WRONGTYPE" in caplog.text
    assert await api.book(await api.make_event())
