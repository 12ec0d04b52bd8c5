"""Redis away, slow or full of surprises: said in so many words, and over when it is over."""

import asyncio
import os
import signal
import time
from collections import Counter

import pytest

from billetter.domain.ids import EventId
from billetter.engine import keys
from billetter.testing import RedisServer
from tests.api.client import (
    SELECTED,
    Api,
    eventually,
    granted,
    refused,
    seat_of,
)
from tests.api.serving import serving
from tests.crowd import gathered


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


async def test_a_busy_server_does_not_blame_redis(redis_url: str) -> None:
    loop = asyncio.get_running_loop()

    def keep_busy(turns: int) -> None:
        time.sleep(0.15)
        if turns:
            loop.call_soon(keep_busy, turns - 1)

    async with serving(redis_url, redis_deadline_ms=50) as api:
        event = await api.make_event()
        await asyncio.gather(*(api.book(event) for _ in range(20)))
        loop.call_soon(keep_busy, 10)

        answers = await asyncio.gather(*(api.open(event) for _ in range(20)))

        assert [answer.status_code for answer in answers] == [201] * 20


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
