"""Reset: back to what was seeded, and nothing else."""

from collections.abc import AsyncIterator

import pytest

from billetter.testing import RedisServer
from tests.api.client import (
    Api,
    granted,
    outcome,
    refused,
    seat_of,
)
from tests.api.serving import serving


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
    tag = f"{{p{event % 64:02}}}"
    assert left == {f"{tag}:journal", f"{tag}:gone"}
    assert b"{events}:next" in before


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
