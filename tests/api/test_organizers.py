"""Organizers: events changed, closed, cancelled, deleted while people book them."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.client import Api, granted, outcome, refused, seat_of

HALL = [
    {"name": "Stalls", "price": "50.00", "rows": 2, "seats_per_row": 5},
    {"name": "Standing", "price": "20.00", "capacity": 8},
]


async def amend(api: Api, event: int, key: str | None = None, **change: object) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await api.http.put(f"/api/events/{event}", json=change, headers=headers)


async def remove(api: Api, event: int, **query: str) -> httpx.Response:
    return await api.http.delete(f"/api/events/{event}", params=query)


async def shown(api: Api, event: int) -> Any:
    return granted(await api.get(f"/api/events/{event}"))


async def test_details_and_terms_change_and_the_rest_stays(any_api: Api) -> None:
    event = await any_api.make_event(zones=HALL, location="Hall 1", category="concert")
    before = await shown(any_api, event)
    answer = await amend(
        any_api, event, name="A night", date="2031-01-01T20:00:00Z", location=None, hold_seconds=60
    )
    assert granted(answer)["id"] == event
    assert outcome(answer) == "AMENDED"
    assert await shown(any_api, event) == before | {
        "title": "A night",
        "starts_at": "2031-01-01T20:00:00.000Z",
        "location": None,
        "hold_seconds": 60,
    }


async def test_prices_change_for_seats_that_nobody_has(any_api: Api) -> None:
    event = await any_api.make_event(zones=HALL)
    held = await any_api.book(event, seat_of(event, 0))
    granted(await amend(any_api, event, zones=[{"number": 1, "price": "70.00"}]))
    later = await any_api.book(event, seat_of(event, 1))
    assert (await any_api.shown(held))["total"] == "50.00"
    assert (await any_api.shown(later))["total"] == "70.00"


async def test_an_event_of_one_capacity_gets_another(any_api: Api) -> None:
    event = await any_api.make_event(totalCapacity=5)
    granted(await amend(any_api, event, name="Fair", totalCapacity=9))
    after = await shown(any_api, event)
    assert (after["title"], after["total_seats"]) == ("Fair", 9)
    hall = await any_api.make_event(zones=HALL)
    rows = await any_api.make_event()
    for other in (hall, rows):
        refused(await amend(any_api, other, totalCapacity=9), 400, "validation_error")


async def test_zones_are_added_and_grow(any_api: Api) -> None:
    event = await any_api.make_event(zones=HALL)
    taken = await any_api.book(event, *(seat_of(event, 16 + place) for place in range(8)))
    change = [
        {"number": 2, "capacity": 20},
        {"name": "Balcony", "price": "90.00", "rows": [3, 4]},
    ]
    granted(await amend(any_api, event, zones=change))
    whole = await shown(any_api, event)
    assert [zone["total_seats"] for zone in whole["zones"]] == [10, 20, 7]
    assert (whole["reserved_seats"], whole["free_seats"]) == (8, 29)
    states = await any_api.states(event)
    assert len(states) == 37
    for seat in [id for id, state in states.items() if state == "FREE"]:
        granted(await any_api.select(taken, seat))


async def test_seats_that_somebody_has_do_not_go(any_api: Api) -> None:
    event = await any_api.make_event(zones=HALL)
    await any_api.book(event, seat_of(event, 16 + 5))
    for zone in ({"number": 2, "capacity": 5}, {"number": 2, "remove": True}):
        refused(await amend(any_api, event, zones=[zone]), 409, "seats_taken")
    granted(await amend(any_api, event, zones=[{"number": 2, "capacity": 6}]))
    granted(await amend(any_api, event, zones=[{"number": 1, "remove": True}]))
    assert (await shown(any_api, event))["total_seats"] == 6


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": None},
        {"hold_seconds": 0},
        {"state": "cancelled"},
        {"zones": []},
        {"zones": [{"number": 9, "price": "1.00"}]},
        {"zones": [{"number": 1, "capacity": 4}]},
        {"zones": [{"number": 1, "remove": True}, {"number": 2, "remove": True}]},
        {"zones": [{"name": "X", "price": "1.00", "capacity": 999_999}]},
        {"max_held_per_user": 0},
    ],
)
async def test_nonsense_changes_nothing(any_api: Api, change: dict[str, Any]) -> None:
    event = await any_api.make_event(zones=HALL)
    before = await shown(any_api, event)
    refused(await amend(any_api, event, **change), 400, "validation_error")
    assert await shown(any_api, event) == before


async def test_a_closed_event_sells_nothing_and_takes_payments(any_api: Api) -> None:
    event = await any_api.make_event(zones=HALL)
    paying = await any_api.paying(event, seat_of(event, 0))
    booking = await any_api.book(event)
    granted(await amend(any_api, event, state="closed"))
    refused(await any_api.select(booking, seat_of(event, 1)), 409, "not_on_sale")
    refused(await any_api.open(event), 409, "not_on_sale")
    assert granted(await any_api.succeed(paying)) == "OK"
    assert await any_api.status(paying) == "confirmed"
    granted(await amend(any_api, event, state="on_sale"))
    granted(await any_api.select(booking, seat_of(event, 1)))


async def test_caps_hold_for_each_user(any_api: Api) -> None:
    event = await any_api.make_event(zones=HALL, max_held_per_user=2)
    booking = await any_api.book(event, seat_of(event, 0), seat_of(event, 1))
    answers = await asyncio.gather(
        *(any_api.select(booking, seat_of(event, place)) for place in (2, 3, 4))
    )
    for answer in answers:
        refused(answer, 409, "cap_reached")
    granted(await any_api.release(seat_of(event, 0)))
    granted(await any_api.select(booking, seat_of(event, 2)))
    granted(await amend(any_api, event, max_held_per_user=None))
    granted(await any_api.select(booking, seat_of(event, 3)))


async def test_an_event_that_nobody_paid_for_can_be_deleted(any_api: Api) -> None:
    event = await any_api.make_event(zones=HALL)
    booking = await any_api.book(event, seat_of(event, 0))
    refused(await remove(any_api, event), 409, "has_bookings")
    granted(await any_api.cancel(booking))
    assert granted(await remove(any_api, event)) == "Event deleted"
    refused(await any_api.get(f"/api/events/{event}"), 404, "event_not_found")
    refused(await remove(any_api, event), 404, "event_not_found")
    assert event not in [each["id"] for each in granted(await any_api.get("/api/events"))]


async def test_a_cancelled_event_owes_what_was_paid(any_api: Api) -> None:
    event = await any_api.make_event(zones=HALL)
    paid = await any_api.paid(event, seat_of(event, 0))
    paying = await any_api.paying(event, seat_of(event, 1))
    held = await any_api.book(event, seat_of(event, 2))
    refused(await remove(any_api, event), 409, "has_bookings")
    assert granted(await remove(any_api, event, cancel="true")) == "Event cancelled"
    assert (await shown(any_api, event))["status"] == "cancelled"
    assert {await any_api.status(each) for each in (paid, paying, held)} == {"cancelled"}
    assert granted(await any_api.succeed(paying)) == "OK"
    refunds = [(await any_api.shown(each))["refund"] for each in (paid, paying, held)]
    assert refunds == ["due", "due", None]
    assert set((await any_api.states(event)).values()) == {"FREE"}
    refused(await any_api.open(event), 409, "not_on_sale")
    refused(await amend(any_api, event, state="on_sale"), 409, "not_on_sale")
    assert granted(await remove(any_api, event, cancel="true")) == "Event cancelled"
    assert await any_api.broken_rules(event) == []


async def test_bookings_of_an_event_page_by_page(any_api: Api) -> None:
    event = await any_api.make_event(zones=HALL)
    made = [await any_api.book(event, seat_of(event, place)) for place in range(7)]
    found: list[Any] = []
    target = f"/api/events/{event}/bookings?pageSize=3"
    while target:
        answer = await any_api.http.get(target)
        found += granted(answer)
        target = answer.links.get("next", {}).get("url", "")
    assert [booking["id"] for booking in found] == made[::-1]
    assert found[0]["seats"] == [{"id": seat_of(event, 6)}]


async def test_the_same_key_gives_the_same_answer(any_api: Api) -> None:
    event = await any_api.make_event(zones=HALL)
    key = f"amend-{event}"
    first = await amend(any_api, event, key, title="Once")
    granted(await amend(any_api, event, title="Later"))
    again = await amend(any_api, event, key, title="Once")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert (await shown(any_api, event))["title"] == "Later"
    refused(await amend(any_api, event, key, title="Else"), 422, "idempotency_key_reused")
