"""Sale windows over HTTP: set, shown, changed, and told to who comes too early or too late."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.client import Api, eventually, granted, outcome, refused, seat_of


def at(**delta: float) -> str:
    """A time from now on, as the API writes it."""
    moment = datetime.now(UTC) + timedelta(**delta)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def shown(api: Api, event: int) -> tuple[str | None, str | None, str]:
    told = granted(await api.get(f"/api/events/{event}"))
    return told["sale_starts_at"], told["sale_ends_at"], told["status"]


async def test_without_a_window_it_sells_until_it_starts(any_api: Api) -> None:
    event = await any_api.make_event()
    assert await shown(any_api, event) == (None, None, "upcoming")
    assert granted(await any_api.open(event), 201)
    starts = at(hours=1)
    event = await any_api.make_event(starts_at=starts)
    assert await shown(any_api, event) == (None, None, "upcoming")
    assert granted(await any_api.open(event), 201)


async def test_the_past_is_not_sold(any_api: Api) -> None:
    starts = "2020-01-01T20:00:00.000Z"
    event = await any_api.make_event(starts_at=starts, totalCapacity=3, price="0")
    body = {"event_id": event, "ticket_type_id": event * 1_000 + 1, "quantity": 1}
    for answer in (
        await any_api.post("/api/bookings", body),
        await any_api.open(event),
        await any_api.open(event, seat_ids=[seat_of(event, 0)]),
        await any_api.post("/api/book", {"eventId": event, "userId": "ann"}),
    ):
        said = refused(answer, 409, "not_on_sale")
        assert said["message"] == f"The sale is over; it ended at {starts}."
        assert answer.headers["billetter-sale-ends-at"] == starts
        assert "billetter-sale-starts-at" not in answer.headers
        assert outcome(answer) == "NOT_ON_SALE"
    answer = await any_api.post("/api/bookings/reserve", {"event_id": event, "user_id": "ann"})
    assert granted(answer, 409) == {"error": "not_on_sale"}
    assert answer.headers["billetter-sale-ends-at"] == starts
    assert await shown(any_api, event) == (None, None, "past")
    assert granted(await any_api.get("/api/bookings")) is not None


async def test_who_comes_too_early_is_told_when(any_api: Api) -> None:
    opens, closes = at(hours=1), at(hours=2)
    event = await any_api.make_event(sale_starts_at=opens, sale_ends_at=closes)
    assert await shown(any_api, event) == (opens, closes, "upcoming")
    key = f"early-{event}"
    for replayed in (False, True):
        answer = await any_api.open(event, key)
        said = refused(answer, 409, "not_on_sale")
        assert said["message"] == f"The sale has not opened yet; it opens at {opens}."
        assert answer.headers["billetter-sale-starts-at"] == opens
        assert answer.headers["billetter-sale-ends-at"] == closes
        assert ("idempotency-replayed" in answer.headers) is replayed


async def test_a_closed_event_is_only_said_to_be_so(any_api: Api) -> None:
    event = await any_api.make_event(sale_ends_at=at(hours=1))
    granted(await any_api.put(f"/api/events/{event}", {"state": "closed"}))
    answer = await any_api.open(event)
    assert refused(answer, 409, "not_on_sale")["message"] == "The event is not on sale."


async def test_seats_that_are_held_stay_held(any_api: Api) -> None:
    event = await any_api.make_event()
    first, second = seat_of(event, 0), seat_of(event, 1)
    booking = await any_api.book(event, first)
    granted(await any_api.put(f"/api/events/{event}", {"sale_ends_at": at(hours=-1)}))
    assert granted(await any_api.select(booking, first)) == "Seat successfully added to booking"
    answer = await any_api.select(booking, second)
    assert refused(answer, 409, "not_on_sale")
    assert "billetter-sale-ends-at" in answer.headers
    granted(await any_api.pay(booking))
    assert granted(await any_api.succeed(booking)) == "OK"


@pytest.mark.parametrize(
    "window",
    [
        {"sale_starts_at": "2030-01-02T00:00:00Z", "sale_ends_at": "2030-01-01T00:00:00Z"},
        {"sale_starts_at": "2030-01-01T00:00:00Z", "sale_ends_at": "2030-01-01T00:00:00Z"},
        {"sale_starts_at": "2030-01-02T00:00:00Z", "starts_at": "2030-01-01T00:00:00Z"},
        {"sale_starts_at": "tomorrow"},
        {"sale_ends_at": 5},
    ],
    ids=str,
)
async def test_a_window_that_is_none(any_api: Api, window: dict[str, Any]) -> None:
    said = refused(await any_api.create(**window), 400, "validation_error")
    assert [each["field"] for each in said["details"]] == [next(iter(window))]
    event = await any_api.make_event()
    answer = await any_api.put(f"/api/events/{event}", window)
    said = refused(answer, 400, "validation_error")
    assert [each["field"] for each in said["details"]] == [next(iter(window))]
    assert await shown(any_api, event) == (None, None, "upcoming")


async def test_a_window_is_changed_and_taken_away(any_api: Api) -> None:
    event = await any_api.make_event(starts_at=at(hours=3))
    path = f"/api/events/{event}"
    closes = at(hours=1)
    granted(await any_api.put(path, {"sale_ends_at": closes}))
    assert (await shown(any_api, event))[:2] == (None, closes)
    answer = await any_api.put(path, {"sale_starts_at": at(hours=2)})
    assert refused(answer, 400, "validation_error")["details"][0]["field"] == "sale_starts_at"
    assert outcome(answer) == "BAD_WINDOW"
    granted(await any_api.put(path, {"sale_ends_at": None, "sale_starts_at": at(hours=2)}))
    answer = await any_api.put(path, {"starts_at": at(hours=1)})
    assert outcome(answer) == "BAD_WINDOW"
    granted(await any_api.put(path, {"sale_starts_at": None, "starts_at": None}))
    assert (await shown(any_api, event))[:2] == (None, None)
    granted(await any_api.put(path, {"sale_ends_at": at(hours=-1)}))
    assert (await shown(any_api, event))[2] == "sold_out"


async def test_it_opens_by_itself(any_api: Api) -> None:
    event = await any_api.make_event(sale_starts_at=at(seconds=1))
    refused(await any_api.open(event), 409, "not_on_sale")

    async def is_open() -> bool:
        await asyncio.sleep(0.05)
        return (await any_api.open(event)).status_code == 201

    await eventually(is_open)


async def test_only_what_can_be_had_now_is_available(alone: Api) -> None:
    sells = await alone.make_event(starts_at=at(hours=2), sale_starts_at=at(hours=-1))
    shut = {
        await alone.make_event(starts_at=at(hours=-1)),
        await alone.make_event(sale_starts_at=at(hours=1)),
        await alone.make_event(sale_ends_at=at(hours=-1)),
    }
    for available, expected in (("true", {sells}), ("false", shut)):
        listed = granted(await alone.get("/api/events", available=available))
        assert {event["id"] for event in listed} == expected
