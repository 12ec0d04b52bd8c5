"""Ticket types, and bookings of so many tickets."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from billetter.domain.account import Role
from tests.api.client import Api, granted, outcome, refused, seat_of
from tests.api.people import SECRET, Operator, bearer
from tests.api.serving import serving

STALLS = {"name": "Stalls", "price": "50.00", "rows": 2, "seats_per_row": 5}
STANDING = {"name": "Standing", "price": "20.00", "capacity": 8}
LAWN = {"name": "Lawn", "price": "7.50", "capacity": 30}
PLACES = {"zones": [STALLS, STANDING, LAWN]}
"""Zone 1 has numbers; 2 and 3 are ticket types."""


async def types(api: Api, event: int) -> Any:
    return granted(await api.get(f"/api/events/{event}/ticket-types"))


async def whole(api: Api, booking: int) -> Any:
    return granted(await api.get(f"/api/bookings/{booking}"))


async def buy(
    api: Api, event: int, zone: int, quantity: int, key: str | None = None
) -> httpx.Response:
    return await api.open(event, key, ticket_type_id=1_000 * event + zone, quantity=quantity)


async def counts(api: Api, event: int) -> dict[str, tuple[int, int, int]]:
    """Of each ticket type: how many there are, are available, are sold."""
    return {
        each["name"]: (each["quantity"], each["quantityAvailable"], each["quantitySold"])
        for each in await types(api, event)
    }


# Types.


async def test_capacity_zones_are_ticket_types(any_api: Api) -> None:
    event = await any_api.make_event(**PLACES)
    listed = await types(any_api, event)
    assert listed == [
        {"id": 1_000 * event + 2, "name": "Standing", "price": "20.00"}
        | {"quantity": 8, "quantityAvailable": 8, "quantitySold": 0},
        {"id": 1_000 * event + 3, "name": "Lawn", "price": "7.50"}
        | {"quantity": 30, "quantityAvailable": 30, "quantitySold": 0},
    ]
    assert granted(await any_api.get(f"/api/events/{event}"))["ticketTypes"] == listed
    nowhere = await any_api.get("/api/events/99999999/ticket-types")
    refused(nowhere, 404, "event_not_found")


async def test_a_total_capacity_is_one_type(any_api: Api) -> None:
    made = await any_api.post("/api/events", {"name": "Fair", "totalCapacity": 40, "price": "3"})
    (only,) = await types(any_api, granted(made, 201)["id"])
    assert (only["name"], only["price"], only["quantity"]) == ("Standard", "3.00", 40)


@pytest.mark.parametrize(
    "other", [{"rows": 2}, {"seats_per_row": 2}, {"zones": [LAWN]}, {"totalCapacity": 0}]
)
async def test_a_total_capacity_is_the_whole_inventory(api: Api, other: dict[str, Any]) -> None:
    refused(await api.create(**{"totalCapacity": 5, **other}), 400, "validation_error")


async def test_types_are_added_and_grow(any_api: Api) -> None:
    event = await any_api.make_event(totalCapacity=5)
    added = await any_api.add_type(event, name="Late", price="9.5", quantity=2)
    assert outcome(added) == "AMENDED"
    assert granted(added, 201) == {
        "id": 1_000 * event + 2,
        "name": "Late",
        "price": "9.50",
        "quantity": 2,
        "quantityAvailable": 2,
        "quantitySold": 0,
    }
    refused(await buy(any_api, event, 2, 3), 409, "sold_out")
    change = {"zones": [{"number": 2, "capacity": 3}]}
    granted(await any_api.put(f"/api/events/{event}", change))
    granted(await buy(any_api, event, 2, 3), 201)
    assert await counts(any_api, event) == {"Standard": (5, 5, 0), "Late": (3, 0, 0)}


async def test_types_added_at_once_have_ids_of_their_own(any_api: Api) -> None:
    event = await any_api.make_event(totalCapacity=5)
    answers = await asyncio.gather(*(any_api.add_type(event) for _ in range(3)))
    ids = {granted(answer, 201)["id"] for answer in answers}
    assert ids == {each["id"] for each in (await types(any_api, event))[1:]}
    assert len(ids) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"price": 5},
        {"price": "-1"},
        {"quantity": 0},
        {"quantity": "5"},
        {"quantity": 5.0},
        {"quantity": 999_999},
    ],
    ids=str,
)
async def test_a_type_must_make_sense(any_api: Api, wrong: dict[str, Any]) -> None:
    event = await any_api.make_event(totalCapacity=5)
    refused(await any_api.add_type(event, **wrong), 400, "validation_error")
    assert len(await types(any_api, event)) == 1


async def test_a_type_is_added_once(any_api: Api) -> None:
    event = await any_api.make_event(totalCapacity=5)
    first = await any_api.add_type(event, f"type-{event}")
    granted(await any_api.add_type(event, name="Other"), 201)
    again = await any_api.add_type(event, f"type-{event}")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert [each["name"] for each in await types(any_api, event)] == [
        "Standard",
        "Standing",
        "Other",
    ]


async def test_types_of_an_event_end_where_ids_do(any_api: Api) -> None:
    zones = [{"name": f"Box {n}", "price": "1.00", "capacity": 1} for n in range(1_000)]
    event = await any_api.make_event(zones=zones)
    assert len(await types(any_api, event)) == 999
    refused(await any_api.add_type(event), 400, "validation_error")


# Bookings.


@pytest.mark.parametrize(
    ("event_name", "type_name"),
    [("event_id", "ticket_type_id"), ("eventId", "ticketTypeId")],
)
async def test_so_many_tickets_of_a_type(any_api: Api, event_name: str, type_name: str) -> None:
    event = await any_api.make_event(**PLACES)
    body = {event_name: event, type_name: 1_000 * event + 2, "quantity": 3}
    answer = await any_api.post("/api/bookings", body)
    opened = granted(answer, 201)
    assert outcome(answer) == "OPENED"
    assert answer.headers["location"] == f"/api/bookings/{opened['id']}"
    assert (opened["event_id"], opened["status"]) == (event, "seats_selected")
    assert opened["total"] == "60.00"
    assert opened["items"] == [
        {"ticket_type_id": 1_000 * event + 2, "quantity": 3}
        | {"price": "20.00", "priceAtBooking": "20.00"}
    ]
    assert await counts(any_api, event) == {"Standing": (8, 5, 0), "Lawn": (30, 30, 0)}
    booking = await whole(any_api, opened["id"])
    assert booking["items"] == opened["items"]
    assert booking["expires_at"] == opened["expires_at"]
    assert booking["seats"] == [{"id": seat_of(event, 16 + place)} for place in range(3)]
    granted(await any_api.pay(opened["id"]))
    granted(await any_api.succeed(opened["id"]))
    assert await counts(any_api, event) == {"Standing": (8, 5, 3), "Lawn": (30, 30, 0)}
    assert await any_api.broken_rules(event) == []


async def test_tickets_of_several_types(any_api: Api) -> None:
    event = await any_api.make_event(**PLACES)
    items = [
        {"ticket_type_id": 1_000 * event + 3, "quantity": 2},
        {"ticketTypeId": 1_000 * event + 2, "quantity": 1},
        {"ticket_type_id": 1_000 * event + 3, "quantity": 2},
    ]
    opened = granted(await any_api.open(event, items=items), 201)
    assert opened["total"] == "50.00"
    bought = {item["ticket_type_id"] % 1_000: item["quantity"] for item in opened["items"]}
    assert bought == {2: 1, 3: 4}


async def test_all_of_the_tickets_or_none(any_api: Api) -> None:
    event = await any_api.make_event(**PLACES)
    items = [
        {"ticket_type_id": 1_000 * event + 3, "quantity": 2},
        {"ticket_type_id": 1_000 * event + 2, "quantity": 9},
    ]
    answer = await any_api.open(event, items=items)
    refused(answer, 409, "sold_out")
    assert outcome(answer) == "SOLD_OUT"
    assert await counts(any_api, event) == {"Standing": (8, 8, 0), "Lawn": (30, 30, 0)}
    assert await any_api.broken_rules(event) == []


@pytest.mark.parametrize(
    "chosen",
    [
        {"quantity": 1},
        {"ticket_type_id": 1},
        {"ticket_type_id": 1, "quantity": 0},
        {"ticket_type_id": 1, "quantity": -1},
        {"ticket_type_id": 1, "quantity": "1"},
        {"ticket_type_id": 1, "quantity": 1.0},
        {"ticket_type_id": 1, "quantity": True},
        {"ticket_type_id": "1", "quantity": 1},
        {"ticket_type_id": 1, "quantity": 1_000_000},
        {"items": []},
        {"items": [{"ticket_type_id": 1}]},
        {"items": [{"ticket_type_id": 1, "quantity": 1}] * 101},
        {"items": [{"ticket_type_id": 1, "quantity": 1}], "seat_ids": [1]},
        {"items": [{"ticket_type_id": 1, "quantity": 1}], "ticket_type_id": 1, "quantity": 1},
        {"seat_ids": [1], "ticket_type_id": 1, "quantity": 1},
    ],
    ids=str,
)
async def test_one_choice_that_makes_sense(any_api: Api, chosen: dict[str, Any]) -> None:
    event = await any_api.make_event(**PLACES)
    refused(await any_api.open(event, **chosen), 400, "validation_error")


async def test_what_is_no_ticket_type_of_the_event(any_api: Api) -> None:
    event, other = [await any_api.make_event(**PLACES) for _ in range(2)]
    for ticket_type in (0, 1_000 * event, 1_000 * event + 1, 1_000 * event + 4, 1_000 * other + 2):
        answer = await any_api.open(event, ticket_type_id=ticket_type, quantity=1)
        refused(answer, 404, "ticket_type_not_found")
    nowhere = await any_api.open(99_999_999, ticket_type_id=1_000 * event + 2, quantity=1)
    refused(nowhere, 404, "event_not_found")


async def test_a_booking_has_its_limits(any_api: Api) -> None:
    event = await any_api.make_event(**PLACES, max_seats_per_booking=4, max_held_per_user=6)
    refused(await buy(any_api, event, 2, 5), 400, "too_many_seats")
    granted(await buy(any_api, event, 2, 4), 201)
    refused(await buy(any_api, event, 2, 3), 409, "cap_reached")
    granted(await any_api.put(f"/api/events/{event}", {"state": "closed"}))
    refused(await buy(any_api, event, 2, 1), 409, "not_on_sale")


async def test_tickets_keep_the_price_at_which_they_were_taken(any_api: Api) -> None:
    event = await any_api.make_event(**PLACES)
    before = granted(await buy(any_api, event, 2, 2), 201)
    granted(await any_api.put(f"/api/events/{event}", {"zones": [{"number": 2, "price": "33.00"}]}))
    after = granted(await buy(any_api, event, 2, 2), 201)
    assert (before["total"], after["total"]) == ("40.00", "66.00")
    assert (await whole(any_api, before["id"]))["items"] == before["items"]
    assert after["items"][0]["priceAtBooking"] == "33.00"


async def test_tickets_are_bought_once(any_api: Api) -> None:
    event = await any_api.make_event(**PLACES)
    answers = await asyncio.gather(
        *(buy(any_api, event, 2, 3, f"bought-{event}") for _ in range(8))
    )
    assert len({answer.content for answer in answers}) == 1
    assert {answer.status_code for answer in answers} == {201}
    assert Counter("idempotency-replayed" in answer.headers for answer in answers)[False] == 1
    assert await counts(any_api, event) == {"Standing": (8, 5, 0), "Lawn": (30, 30, 0)}
    granted(await any_api.give_back(granted(answers[0], 201)["id"]))
    granted(await any_api.put(f"/api/events/{event}", {"zones": [{"number": 2, "price": "1.00"}]}))
    again = await buy(any_api, event, 2, 3, f"bought-{event}")
    assert again.content == answers[0].content
    refused(await buy(any_api, event, 2, 4, f"bought-{event}"), 422, "idempotency_key_reused")


async def test_a_crowd_buys_all_there_is_and_no_more(any_api: Api) -> None:
    event = await any_api.make_event(zones=[{**LAWN, "capacity": 50}])
    answers = await asyncio.gather(*(buy(any_api, event, 1, 3) for _ in range(40)))
    assert Counter(answer.status_code for answer in answers) == {201: 16, 409: 24}
    assert await counts(any_api, event) == {"Lawn": (50, 2, 0)}
    assert await any_api.broken_rules(event) == []


async def test_tickets_of_a_lapsed_booking_are_had_at_once(any_api: Api) -> None:
    event = await any_api.make_event(zones=[{**LAWN, "capacity": 2}])
    lapsing = granted(await buy(any_api, event, 1, 2), 201)["id"]
    refused(await buy(any_api, event, 1, 1), 409, "sold_out")
    await any_api.lapse(lapsing)
    granted(await buy(any_api, event, 1, 2), 201)
    assert (await whole(any_api, lapsing))["status"] == "expired"


# Given back.


async def paid(api: Api, event: int, zone: int, quantity: int) -> int:
    booking: int = granted(await buy(api, event, zone, quantity), 201)["id"]
    granted(await api.pay(booking))
    granted(await api.succeed(booking))
    return booking


async def test_a_booking_is_cancelled_before_it_is_paid_for(any_api: Api) -> None:
    event = await any_api.make_event(**PLACES)
    booking = granted(await buy(any_api, event, 2, 3), 201)["id"]
    answer = await any_api.give_back(booking)
    given_back = granted(answer)
    assert outcome(answer) == "CANCELLED"
    assert (given_back["id"], given_back["status"]) == (booking, "cancelled")
    assert given_back["refund"] is None
    assert await counts(any_api, event) == {"Standing": (8, 8, 0), "Lawn": (30, 30, 0)}
    assert granted(await any_api.give_back(booking)) == given_back


async def test_a_paid_booking_is_given_back_for_its_money(any_api: Api) -> None:
    event = await any_api.make_event(**PLACES)
    booking = await paid(any_api, event, 2, 3)
    answer = await any_api.give_back(booking, f"back-{event}")
    given_back = granted(answer)
    assert outcome(answer) == "REFUND_DUE"
    assert (given_back["status"], given_back["refund"]) == ("cancelled", "due")
    assert given_back["total"] == "60.00"
    assert await counts(any_api, event) == {"Standing": (8, 8, 0), "Lawn": (30, 30, 0)}
    again = await any_api.give_back(booking, f"back-{event}")
    assert (again.status_code, again.content) == (200, answer.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert (await any_api.analytics(event))["total_revenue"] == "0.00"
    assert await any_api.broken_rules(event) == []


async def test_it_can_be_too_late(any_api: Api) -> None:
    late = "2020-01-01T00:00:00Z"
    event = await any_api.make_event(**PLACES, starts_at=late, sale_ends_at="2999-01-01T00:00:00Z")
    booking = await paid(any_api, event, 2, 1)
    answer = await any_api.give_back(booking)
    refused(answer, 409, "too_late")
    assert outcome(answer) == "TOO_LATE"
    assert (await whole(any_api, booking))["status"] == "confirmed"
    held = granted(await buy(any_api, event, 2, 1), 201)["id"]
    assert granted(await any_api.give_back(held))["status"] == "cancelled"


async def test_what_has_lapsed_cannot_be_given_back(any_api: Api) -> None:
    event = await any_api.make_event(**PLACES)
    booking = granted(await buy(any_api, event, 2, 3), 201)["id"]
    await any_api.lapse(booking)
    refused(await any_api.give_back(booking), 400, "invalid_state")
    for unknown in (0, 99_999_999, booking + 1_000, 10**30):
        refused(await any_api.give_back(unknown), 404, "booking_not_found")
        refused(await any_api.get(f"/api/bookings/{unknown}"), 404, "booking_not_found")


# Who may see bookings.


async def test_bookings_are_seen_by_their_owner_and_who_runs_the_event(
    strict: Api, operator: Operator
) -> None:
    roles = (Role.ATTENDEE, Role.ATTENDEE, Role.ORGANIZER, Role.ORGANIZER, Role.ADMIN)
    accounts = [await operator.appoint(role) for role in roles]
    ann, bob, host, rival, admin = [strict.as_(bearer(account)) for account in accounts]
    event, others = await host.make_event(**PLACES), await rival.make_event(**PLACES)
    booking = granted(await buy(ann, event, 2, 1), 201)["id"]
    elsewhere = granted(await buy(ann, others, 2, 1), 201)["id"]

    for api in (ann, host, admin):
        assert (await whole(api, booking))["id"] == booking
    for api in (bob, rival):
        refused(await api.get(f"/api/bookings/{booking}"), 403, "forbidden")
        refused(await api.give_back(booking), 403, "forbidden")

    path = f"/api/users/{accounts[0].id}/bookings"

    async def seen(api: Api) -> list[int]:
        answer = await api.get(path)
        listed = [each["id"] for each in granted(answer)]
        assert answer.headers["x-total-count"] == str(len(listed))
        return listed

    assert set(await seen(ann)) == set(await seen(admin)) == {booking, elsewhere}
    assert (await seen(host), await seen(rival)) == ([booking], [elsewhere])
    refused(await bob.get(path), 403, "forbidden")
    refused(await strict.get(path), 401, "unauthorized")
    refused(await admin.get("/api/users/999999999/bookings"), 404, "user_not_found")


async def test_in_open_mode_ids_of_users_are_trusted(any_url: str, operator: Operator) -> None:
    account = await operator.appoint()
    async with serving(any_url, secret=SECRET) as api:
        event = await api.make_event(**PLACES)
        booking = granted(await buy(api.as_(bearer(account)), event, 2, 1), 201)["id"]
        (listed,) = granted(await api.get(f"/api/users/{account.id}/bookings"))
        assert listed["id"] == booking


async def test_what_another_server_has_added_is_had_here_at_once(redis_url: str) -> None:
    async with serving(redis_url) as one, serving(redis_url) as two:
        event = await one.make_event(**PLACES)
        assert len(await types(two, event)) == 2, "it knows the event now"
        booking = await two.book(event)
        added = granted(await one.add_type(event), 201)["id"]
        granted(await two.open(event, ticket_type_id=added, quantity=1), 201)
        zone = {"name": "Box", "price": "90.00", "rows": [4]}
        granted(await one.put(f"/api/events/{event}", {"zones": [zone]}))
        seat = (await one.all_seats(event))[-1]["id"]
        granted(await two.select(booking, seat))
