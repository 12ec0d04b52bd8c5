"""A Redis that is emptied under a running server: nothing is made in it, and all hear of it."""

import asyncio

from tests.api.client import Api, granted, refused, seat_of

LOOK_S_MAX = 10.0


async def test_nothing_is_made_in_a_redis_that_was_emptied(alone: Api) -> None:
    event = await alone.make_event()
    await alone.book(event, seat_of(event, 0))
    await alone.redis("FLUSHALL")
    assert granted(await alone.get("/ready"), 503)["reason"] == "data"
    refused(await alone.post("/api/reset", None), 503, "unavailable")
    refused(await alone.create(rows=1, seats_per_row=1, price="1.00"), 503, "unavailable")
    refused(await alone.open(event), 503, "unavailable")  # It has been seen now.
    async with asyncio.timeout(LOOK_S_MAX):
        while (await alone.get("/ready")).status_code != 503:
            pass
    refused(await alone.create(rows=1, seats_per_row=1, price="1.00"), 503, "unavailable")
    for path in (f"/api/events/{event}", "/api/events", "/api/bookings"):
        refused(await alone.get(path), 503, "unavailable")
    refused(await alone.post("/api/reset", None), 503, "unavailable")
    assert (await alone.get("/health")).status_code == 200
    assert await alone.redis("KEYS", "*") == []
