"""What a repetition is given is what was recorded; and what leaves no record leaves nothing."""

import tempfile
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from bench.torture.asking import Asked, Caller, seat_of
from bench.torture.http import Reply
from bench.torture.proxy import Fault, Proxy
from bench.torture.routes import ROUTES, Route
from bench.torture.run import newest
from billetter.api import replays
from billetter.api.replays import packed, unpacked
from billetter.api.replies import REPLAYED, reply
from billetter.domain.outcome import Unavailable
from billetter.engine.idempotency import Idempotency, Keys
from billetter.testing import RedisServer
from tests.api.client import Api, granted, refused
from tests.api.people import SECRET, bearer, operating
from tests.api.serving import serving

KEYED = [route for route in ROUTES if route.keyed]
OF_THE_SENDING = {b"date", b"x-request-id", b"ratelimit", b"ratelimit-policy"}

_numbers = count(1)


def fresh_key() -> str:
    return f"replay-{next(_numbers)}"


@pytest.fixture(scope="module", params=["fake", "server"])
async def caller(request: pytest.FixtureRequest) -> AsyncIterator[Caller]:
    """Of a server on a Redis of these tests' own, as they reset it."""
    if request.param == "fake":
        async with serving("fake://replays") as api:
            yield Caller(api.address[1])
        return
    with (
        tempfile.TemporaryDirectory(prefix="billetter-") as directory,
        RedisServer(newest(), Path(directory)) as server,
    ):
        async with serving(server.url) as api:
            yield Caller(api.address[1])


def recorded(given: Reply) -> tuple[int, bytes, set[bytes]]:
    """Status, body and the headers that belong to it."""
    _, *lines = given.head.split(b"\r\n")
    dropped = {*OF_THE_SENDING, REPLAYED[0]}
    return given.status, given.body, {it for it in lines if it.partition(b":")[0] not in dropped}


def upheavals(asked: Asked, first: Reply) -> list[Asked]:
    """Whatever else may happen to what the request was about."""
    said = first.json()
    made = said if isinstance(said, dict) else {}
    made = {**made, **made.get("event", {}), **made.get("booking", {})}
    event = asked.event or made.get("id", 1)
    booking = asked.booking or made.get("booking_id", made.get("id", 0))
    path, of_booking = f"/api/events/{event}", {"booking_id": booking}
    return [
        Asked("GET", f"/api/payments/success?orderId={booking}"),
        Asked("GET", f"/api/payments/fail?orderId={booking}"),
        Asked("PUT", f"/api/bookings/{booking}/cancel"),
        Asked("PATCH", "/api/bookings/cancel", of_booking),
        Asked("PATCH", "/api/bookings/initiatePayment", of_booking),
        Asked("PATCH", "/api/seats/select", {**of_booking, "seat_id": seat_of(event, 3)}),
        Asked("PATCH", "/api/seats/release", {"seat_id": seat_of(event, 0)}),
        Asked("POST", "/api/bookings", {"event_id": event, "seat_ids": [seat_of(event, 0)]}),
        Asked("POST", "/api/cancel", {"eventId": event, "userId": "ann"}),
        Asked("POST", "/api/book", {"eventId": event, "userId": "eve"}),
        Asked("PUT", path, {"title": "Another", "state": "closed"}),
        Asked("PUT", path, {"state": "on_sale", "zones": [{"number": 1, "price": "99.00"}]}),
        Asked("PUT", path, {"zones": [{"number": 2, "remove": True}]}),
        Asked("POST", f"{path}/ticket-types", {"name": "Late", "price": "1.00", "quantity": 9}),
        Asked("DELETE", path),
        Asked("DELETE", f"{path}?cancel=true"),
    ]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("route", KEYED, ids=lambda route: route.name)
async def test_a_replay_is_the_recorded_reply_whatever_has_changed(
    caller: Caller, route: Route, seed: int
) -> None:
    asked, key = await route.prepare(caller), fresh_key()
    first = await caller.ask(asked, key)
    assert first.status in (200, 201, 202), first
    assert not first.header("idempotency-replayed")
    changes = upheavals(asked, first)
    Random(seed).shuffle(changes)
    for change in changes:
        assert (await caller.ask(change)).status < 500
        again = await caller.ask(asked, key)
        assert recorded(again) == recorded(first), change
        assert again.header("idempotency-replayed") == "true"


@pytest.mark.parametrize("route", KEYED, ids=lambda route: route.name)
async def test_a_replay_runs_nothing(
    caller: Caller, route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, key = await route.prepare(caller), fresh_key()
    first = await caller.ask(asked, key)
    run: list[str] = []

    class Watched(Keys):
        async def record(self, idempotency: Idempotency, reply: bytes) -> bytes | None:
            run.append(asked.path)
            return await super().record(idempotency, reply)

    monkeypatch.setattr(Keys, "record", Watched.record)
    assert (await caller.ask(asked, key)).body == first.body
    assert run == []


async def test_who_was_never_answered_is_answered_first(
    any_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that dies between the change and the record."""
    event, key = await any_api.make_event(), fresh_key()

    async def fail(*_: object) -> None:
        raise Unavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Keys, "record", fail)
        refused(await any_api.open(event, key), 503, "outcome_unknown")
    refused(await any_api.open(event, key, note="another"), 422, "idempotency_key_reused")
    first = await any_api.open(event, key)
    assert "idempotency-replayed" not in first.headers
    again = await any_api.open(event, key)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await any_api.journal(event, "opened")) == 1


async def test_a_refusal_whose_record_fails_has_changed_nothing(
    any_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, key = await any_api.make_event(), fresh_key()
    await any_api.book(event, seat_of(event, 0))

    async def fail(*_: object) -> None:
        raise Unavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Keys, "record", fail)
        wanted = await any_api.open(event, key, seat_ids=[seat_of(event, 0)])
    refused(wanted, 503, "unavailable")


async def test_memory_that_is_full_for_the_record(own_server: RedisServer) -> None:
    path = own_server.socket.with_name("proxy.sock")
    async with (
        Proxy(path, own_server.socket) as proxy,
        serving(proxy.url) as tried,
        serving(own_server.url) as calm,
    ):
        event, key = await calm.make_event(), fresh_key()

        async def fill() -> None:
            await calm.redis("CONFIG", "SET", "maxmemory", 1)

        def records(command: list[bytes]) -> bool:
            return b"location: " in command[-1]

        proxy.arm(Fault.PASS, records, hook=fill)
        refused(await tried.open(event, key), 503, "outcome_unknown")
        await calm.redis("CONFIG", "SET", "maxmemory", 0)
        first = granted(await tried.open(event, key), 201)
        assert granted(await tried.open(event, key), 201) == first
        assert len(await calm.journal(event, "opened")) == 1


async def test_a_reply_too_long_to_be_recorded(
    any_api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(replays, "REPLY_BYTES_MAX", 10)
    event, key = await any_api.make_event(), fresh_key()
    first, again = await any_api.open(event, key), await any_api.open(event, key)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert "too long to be recorded" in caplog.text
    refused(await any_api.open(event, key, note="another"), 422, "idempotency_key_reused")


def test_a_reply_comes_out_as_it_was_put_in() -> None:
    put = reply(201, "a\r\n\r\nb: \u00e9", (b"location", b"/x: y"), (b"billetter-seat", b""))
    out = unpacked(packed(put))
    assert (out.status, out.body, out.headers) == (201, put.body, [*put.headers, REPLAYED])


# What leaves nothing behind.


async def test_what_is_stopped_before_a_script_leaves_nothing(own_server: RedisServer) -> None:
    async with (
        serving(own_server.url, auth="required", secret=SECRET, rate_limits="") as api,
        operating(own_server.url) as operator,
    ):
        ann = api.as_(bearer(await operator.appoint()))
        before = set(await api.redis("KEYS", "*"))
        attempts: list[tuple[str, dict[str, Any], int]] = [
            ("/api/events", {"title": "Not hers to make"}, 403),
            ("/api/bookings", {"event_id": "text"}, 400),
            ("/api/bookings/reserve", {"event_id": 1, "user_id": 999}, 403),
            ("/api/book", {"eventId": 1, "userId": 999}, 403),
            ("/api/cancel", {"eventId": 1, "userId": "somebody"}, 403),
        ]
        for path, body, status in attempts:
            for _ in range(2):
                answer = await ann.post(path, body, fresh_key())
                assert answer.status_code == status, answer.text
                assert "idempotency-replayed" not in answer.headers
        assert set(await api.redis("KEYS", "*")) == before


async def test_a_layout_that_cannot_be_does_not_use_up_a_key(any_api: Api) -> None:
    event, key = await any_api.make_event(), fresh_key()
    headers = {"Idempotency-Key": key}

    async def remove(zone: int) -> httpx.Response:
        body = {"zones": [{"number": zone, "remove": True}]}
        return await any_api.http.put(f"/api/events/{event}", json=body, headers=headers)

    for zone in (7, 8, 7):
        refused(await remove(zone), 400, "validation_error")
    amended = {"title": "Another"}
    granted(await any_api.http.put(f"/api/events/{event}", json=amended, headers=headers))


async def test_not_now_is_not_recorded(any_api: Api) -> None:
    event, key = await any_api.make_event(), fresh_key()
    booking = await any_api.book(event, seat_of(event, 0))
    body = {"paymentId": key, "status": "CONFIRMED", "data": {"orderId": booking}}

    assert granted(await any_api.post("/api/payments/notifications", body, key)) == "OK"

    kept = await any_api.redis("KEYS", f"*:once:{key}")
    assert kept == []


async def test_a_refusal_by_a_script_uses_up_a_key(any_api: Api) -> None:
    event, key = await any_api.make_event(), fresh_key()
    await any_api.book(event, seat_of(event, 0))
    first = await any_api.open(event, key, seat_ids=[seat_of(event, 0)])
    assert first.status_code == 419
    refused(await any_api.open(event, key), 422, "idempotency_key_reused")
