"""One place for each user: reserved at once, or waited for in a line."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from billetter.domain.account import Role
from tests.api.client import TIME, Api, granted, outcome, refused, seat_of
from tests.api.people import SECRET, Operator, bearer
from tests.api.serving import serving
from tests.crowd import all_at_once, gathered

NOWHERE = 99_999_999
NAMES = [
    "ann",
    "Ann",
    7,
    "007",
    "ann@example.org",
    "a/b",
    "a b",
    "{p01}",
    "Ж",
    "🎭",
    "%2F",
    "x" * 200,
]
NO_NAMES: list[Any] = ["", "x" * 201, "a\0", "two\nlines", -1, 2**53, 1.0, True, None, [], {}]


async def initialized(api: Api, tickets: int) -> int:
    answer = await api.post("/api/initialize", {"totalTickets": tickets})
    event: int = granted(answer, 201)["event"]["id"]
    return event


async def booking(api: Api, event: int, user: object) -> Any:
    """What the user has of the event."""
    path = f"/api/booking-status/{event}/{httpx.QueryParams(u=str(user))}".replace("u=", "", 1)
    return granted(await api.get(path.replace("+", "%20")))["booking"]


async def line(api: Api, event: int) -> tuple[int, int]:
    """How many tickets are left, and how many wait for one."""
    told = granted(await api.get(f"/api/status/{event}"))
    assert told["event"]["available_tickets"] == told["availableTickets"]
    assert told["event"]["total_tickets"] == told["totalTickets"]
    assert told["event"]["waiting_list_count"] == told["waitingListCount"]
    assert told["event"]["id"] == told["eventId"] == event
    return told["availableTickets"], told["waitingListCount"]


# Reserved.


async def test_a_place_is_confirmed_at_once(any_api: Api) -> None:
    event = await any_api.make_event(totalCapacity=2)
    answer = await any_api.reserve(event, "ann")
    place = granted(answer, 201)
    assert outcome(answer) == "RESERVED"
    assert set(place) == {"booking_id", "event_id", "user_id", "created_at"}
    assert (place["event_id"], place["user_id"]) == (event, "ann")
    assert type(place["booking_id"]) is int
    assert TIME.fullmatch(place["created_at"])
    told = granted(await any_api.get(f"/api/events/{event}/availability"))
    assert told == {"event_id": event, "total_seats": 2, "booked": 1, "left": 1}
    assert (await any_api.analytics(event))["bookings_count"] == 1
    assert await any_api.broken_rules(event) == []


async def test_refusals_say_their_code_and_no_more(any_api: Api) -> None:
    event = await any_api.make_event(totalCapacity=1)
    granted(await any_api.reserve(event, "ann"), 201)
    nowhere = await any_api.reserve(NOWHERE, "ann")
    assert granted(nowhere, 404) == {"error": "event_not_found"}
    assert granted(await any_api.reserve(event, "bob"), 409) == {"error": "sold_out"}
    assert granted(await any_api.reserve(event, "ann"), 409) == {"error": "already_booked"}
    unknown = await any_api.get(f"/api/events/{NOWHERE}/availability")
    assert granted(unknown, 404) == {"error": "event_not_found"}


@pytest.mark.parametrize(
    "event", ["abc", "1.0", "-1", "+1", "0x10", "1e3", "%20", "\u0661", "None"]
)
async def test_an_event_that_is_no_number_is_422_here(any_api: Api, event: str) -> None:
    told = granted(await any_api.get(f"/api/events/{event}/availability"), 422)
    assert set(told) == {"error", "details"}
    assert told["error"] == "validation_error"
    assert told["details"][0]["field"] == "id"


@pytest.mark.parametrize("event", ["0", "00", "9" * 16, "9" * 40])
async def test_a_number_that_no_event_has_is_404_here(any_api: Api, event: str) -> None:
    told = granted(await any_api.get(f"/api/events/{event}/availability"), 404)
    assert told == {"error": "event_not_found"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"event_id": 1},
        {"user_id": "ann"},
        *({"event_id": 1, "user_id": name} for name in NO_NAMES),
        *({"event_id": event, "user_id": "ann"} for event in ("1", 1.0, True, None, -1, 2**53)),
    ],
    ids=str,
)
async def test_bad_input_is_422_here(any_api: Api, body: object) -> None:
    said = granted(await any_api.post("/api/bookings/reserve", body), 422)
    assert set(said) == {"error", "details"}
    assert said["error"] == "validation_error"
    assert said["details"]


async def test_what_is_no_json_is_422_here_too(any_api: Api) -> None:
    said = granted(await any_api.send("POST", "/api/bookings/reserve", b"{"), 422)
    assert set(said) == {"error", "details"}


async def test_too_many_requests_say_their_code_and_no_more(any_url: str) -> None:
    async with serving(any_url, rate_limits="write=1/1h/key") as api:
        event = NOWHERE
        answers = [await api.reserve(event, "ann") for _ in range(2)]
        limited = answers[-1]
        assert granted(limited, 429) == {"error": "rate_limited"}
        assert int(limited.headers["retry-after"]) > 0


async def test_any_free_seat_in_the_order_of_zones(any_api: Api) -> None:
    zones = [
        {"name": "Stalls", "price": "50.00", "rows": 1, "seats_per_row": 2},
        {"name": "Lawn", "price": "5.00", "capacity": 1},
    ]
    event = await any_api.make_event(zones=zones)
    await any_api.book(event, seat_of(event, 0))
    for user in ("ann", "bob"):
        granted(await any_api.reserve(event, user), 201)
    assert granted(await any_api.reserve(event, "eve"), 409) == {"error": "sold_out"}
    assert list((await any_api.states(event)).values()) == ["RESERVED", "SOLD", "SOLD"]


async def test_names_that_differ_are_different_users(any_api: Api) -> None:
    event = await any_api.make_event(totalCapacity=len(NAMES))
    for name in NAMES:
        assert granted(await any_api.reserve(event, name), 201)["user_id"] == name
    for name in [*NAMES, "7"]:
        assert granted(await any_api.reserve(event, name), 409) == {"error": "already_booked"}
    assert await any_api.broken_rules(event) == []


async def test_200_callers_get_50_places(any_api: Api) -> None:
    event = await any_api.make_event(totalCapacity=50)
    bodies = [{"event_id": event, "user_id": f"user-{n}"} for n in range(200)]
    async with gathered(any_api.address, len(bodies)) as crowd:
        answers = await all_at_once(crowd, "POST", "/api/bookings/reserve", bodies)
    assert Counter(answer.status for answer in answers) == {201: 50, 409: 150}
    refusals = [answer.json() for answer in answers if answer.status == 409]
    assert refusals == [{"error": "sold_out"}] * 150
    assert len({a.json()["booking_id"] for a in answers if a.status == 201}) == 50
    told = granted(await any_api.get(f"/api/events/{event}/availability"))
    assert told == {"event_id": event, "total_seats": 50, "booked": 50, "left": 0}
    assert await any_api.broken_rules(event) == []


async def test_20_requests_of_one_user_get_one_place(any_api: Api) -> None:
    event = await any_api.make_event(totalCapacity=50)
    answers = await asyncio.gather(*(any_api.reserve(event, "ann") for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}
    refusals = [answer.json() for answer in answers if answer.status_code == 409]
    assert refusals == [{"error": "already_booked"}] * 19
    assert (await any_api.analytics(event))["sold_seats"] == 1


async def test_one_key_is_one_place(any_api: Api) -> None:
    event = await any_api.make_event(totalCapacity=50)
    key = f"place-{event}"
    answers = await asyncio.gather(*(any_api.reserve(event, "ann", key) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert Counter("idempotency-replayed" in answer.headers for answer in answers)[False] == 1
    other = await any_api.reserve(event, "bob", key)
    assert granted(other, 422) == {"error": "idempotency_key_reused"}


# The line.


async def test_an_event_of_so_many_tickets(any_api: Api) -> None:
    answer = await any_api.post("/api/initialize", {"totalTickets": 3, "name": "Raffle"})
    event = granted(answer, 201)["event"]
    assert outcome(answer) == "CREATED"
    assert event["total_tickets"] == event["available_tickets"] == 3
    assert TIME.fullmatch(event["created_at"])
    assert event["updated_at"] == event["created_at"]
    told = granted(await any_api.get(f"/api/status/{event['id']}"))
    assert told == {
        "event": event | {"waiting_list_count": 0},
        "eventId": event["id"],
        "totalTickets": 3,
        "availableTickets": 3,
        "waitingListCount": 0,
    }
    assert granted(await any_api.get(f"/api/events/{event['id']}"))["title"] == "Raffle"


@pytest.mark.parametrize("tickets", [0, -1, 1_000_000, "5", 5.0, True, None, []])
async def test_tickets_are_a_number(any_api: Api, tickets: object) -> None:
    answer = await any_api.post("/api/initialize", {"totalTickets": tickets})
    refused(answer, 400, "validation_error")


async def test_an_event_is_initialized_once(any_api: Api) -> None:
    key = f"first-{await any_api.make_event()}"
    answers = [await any_api.post("/api/initialize", {"totalTickets": 3}, key) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["idempotency-replayed"] == "true"


async def test_a_ticket_or_a_place_in_the_line(any_api: Api) -> None:
    event = await initialized(any_api, 1)
    first = await any_api.stand(event, "ann")
    ann = granted(first)["booking"]
    assert outcome(first) == "CONFIRMED"
    assert set(ann) == {
        *("id", "event_id", "user_id", "status", "waiting_position"),
        *("created_at", "updated_at"),
    }
    assert (ann["event_id"], ann["user_id"]) == (event, "ann")
    assert (ann["status"], ann["waiting_position"]) == ("confirmed", None)
    assert TIME.fullmatch(ann["created_at"])
    assert TIME.fullmatch(ann["updated_at"])
    second = await any_api.stand(event, "bob")
    bob = granted(second)["booking"]
    assert outcome(second) == "WAITING"
    assert (bob["status"], bob["waiting_position"]) == ("waiting", 1)
    assert await line(any_api, event) == (0, 1)
    for user, had in (("ann", ann), ("bob", bob)):
        refused(await any_api.stand(event, user), 409, "already_booked")
        assert await booking(any_api, event, user) == had
    assert await any_api.broken_rules(event) == []


async def test_200_users_for_50_tickets(any_api: Api) -> None:
    event = await initialized(any_api, 50)
    bodies = [{"eventId": event, "userId": n} for n in range(200)]
    async with gathered(any_api.address, len(bodies)) as crowd:
        answers = await all_at_once(crowd, "POST", "/api/book", bodies)
    assert {answer.status for answer in answers} == {200}
    made = [answer.json()["booking"] for answer in answers]
    assert Counter(each["status"] for each in made) == {"confirmed": 50, "waiting": 150}
    waiting = [each for each in made if each["status"] == "waiting"]
    assert sorted(each["waiting_position"] for each in waiting) == list(range(1, 151))
    assert await line(any_api, event) == (0, 150)

    given_up = [each["user_id"] for each in made if each["status"] == "confirmed"][:20]
    gone = await asyncio.gather(*(any_api.give_up(event, user) for user in given_up))
    assert {answer.status_code for answer in gone} == {200}
    assert await line(any_api, event) == (0, 130)
    for each in waiting:
        now = await booking(any_api, event, each["user_id"])
        before = each["waiting_position"]
        expected = ("confirmed", None) if before <= 20 else ("waiting", before - 20)
        assert (now["status"], now["waiting_position"]) == expected
    assert await any_api.broken_rules(event) == []


async def test_who_leaves_the_line_closes_it_up(any_api: Api) -> None:
    event = await initialized(any_api, 1)
    for user in ("ann", "bob", "eve", "joe"):
        granted(await any_api.stand(event, user))
    said = granted(await any_api.give_up(event, "bob"))
    assert said == {"success": True, "message": "Booking cancelled successfully"}
    assert (await booking(any_api, event, "bob"))["status"] == "cancelled"
    positions = [(await booking(any_api, event, who))["waiting_position"] for who in ("eve", "joe")]
    assert positions == [1, 2]
    refused(await any_api.give_up(event, "bob"), 404, "booking_not_found")
    assert granted(await any_api.stand(event, "bob"))["booking"]["waiting_position"] == 3


async def test_tickets_come_back_when_nobody_waits(any_api: Api) -> None:
    event = await initialized(any_api, 2)
    granted(await any_api.stand(event, "ann"))
    answer = await any_api.give_up(event, "ann")
    granted(answer)
    assert outcome(answer) == "CANCELLED"
    assert await line(any_api, event) == (2, 0)
    assert granted(await any_api.stand(event, "ann"))["booking"]["status"] == "confirmed"
    assert await any_api.broken_rules(event) == []


async def test_one_user_asks_20_times(any_api: Api) -> None:
    event = await initialized(any_api, 50)
    answers = await asyncio.gather(*(any_api.stand(event, "ann") for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 19}
    answers = await asyncio.gather(*(any_api.give_up(event, "ann") for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 404: 19}
    assert await line(any_api, event) == (50, 0)


async def test_a_place_in_the_line_is_given_once_for_a_key(any_api: Api) -> None:
    event = await initialized(any_api, 1)
    granted(await any_api.stand(event, "ann"))
    key = f"line-{event}"
    first = await any_api.stand(event, "bob", key)
    granted(await any_api.give_up(event, "ann", f"gone-{event}"))
    again = await any_api.stand(event, "bob", key)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    granted(await any_api.give_up(event, "bob"))
    gone = await any_api.give_up(event, "ann", f"gone-{event}")
    assert granted(gone)["success"] is True
    assert gone.headers["idempotency-replayed"] == "true"


async def test_users_in_paths_are_text(any_api: Api) -> None:
    event = await initialized(any_api, len(NAMES))
    for name in NAMES:
        made = granted(await any_api.stand(event, name))["booking"]
        seen = await booking(any_api, event, name)
        assert seen == {**made, "user_id": str(name)}


async def test_nobody_and_nowhere(any_api: Api) -> None:
    event = await initialized(any_api, 1)
    refused(await any_api.get(f"/api/booking-status/{event}/ann"), 404, "booking_not_found")
    refused(await any_api.give_up(event, "ann"), 404, "booking_not_found")
    refused(await any_api.get(f"/api/booking-status/{NOWHERE}/ann"), 404, "event_not_found")
    refused(await any_api.get(f"/api/status/{NOWHERE}"), 404, "event_not_found")
    refused(await any_api.stand(NOWHERE, "ann"), 404, "event_not_found")
    refused(await any_api.give_up(NOWHERE, "ann"), 404, "event_not_found")


@pytest.mark.parametrize("path", ["/api/book", "/api/cancel"])
async def test_bad_input_is_400_here(any_api: Api, path: str) -> None:
    parts: list[Any] = [{}, {"eventId": 1}, {"userId": "ann"}, {"event_id": 1, "user_id": "ann"}]
    for body in parts:
        refused(await any_api.post(path, body), 400, "validation_error")
    for name in NO_NAMES:
        refused(await any_api.post(path, {"eventId": 1, "userId": name}), 400, "validation_error")
    for event in ("1", 1.0, True, None, -1, 2**53):
        answer = await any_api.post(path, {"eventId": event, "userId": "ann"})
        refused(answer, 400, "validation_error")


async def test_bad_paths_are_400(any_api: Api) -> None:
    for event in ("x", "-1", "1.0", "9" * 30):
        for path in (f"/api/status/{event}", f"/api/booking-status/{event}/ann"):
            refused(await any_api.get(path), 400, "validation_error")
    for user in ("", "%00", "x" * 201):
        refused(await any_api.get(f"/api/booking-status/1/{user}"), 400, "validation_error")


# Who may name whom.


async def test_people_name_themselves_and_services_name_anybody(
    strict: Api, operator: Operator
) -> None:
    ann, bob = [await operator.appoint() for _ in range(2)]
    host = strict.as_(bearer(await operator.appoint(Role.ORGANIZER)))
    service = strict.as_(await operator.api_token(await operator.appoint(Role.SERVICE)))
    event = await initialized(host, 9)
    own = strict.as_(bearer(ann))

    made = granted(await own.stand(event, ann.id))["booking"]
    assert (await booking(own, event, ann.id))["id"] == made["id"]
    assert await own.status(made["id"]) == "confirmed", "it is the account's booking"
    refused(await own.stand(event, str(ann.id)), 409, "already_booked")

    path = f"/api/booking-status/{event}/{bob.id}"
    for answer in (
        await own.stand(event, bob.id),
        await own.give_up(event, bob.id),
        await own.reserve(event, bob.id),
        await own.reserve(event, "ann"),
        await own.get(path),
    ):
        refused(answer, 403, "forbidden")
    for answer in (await strict.stand(event, ann.id), await strict.reserve(event, ann.id)):
        refused(answer, 401, "unauthorized")

    granted(await service.reserve(event, "eve"), 201)
    granted(await service.stand(event, ann.id))
    granted(await service.give_up(event, ann.id))
    assert await own.status(made["id"]) == "confirmed", "a service's users are its own"
    granted(await own.give_up(event, ann.id))
    assert await line(strict, event) == (8, 0)


async def test_in_open_mode_a_name_is_never_an_account(any_url: str, operator: Operator) -> None:
    ann = await operator.appoint()
    async with serving(any_url, secret=SECRET) as api:
        event = await initialized(api, 2)
        own = api.as_(bearer(ann))
        place = granted(await api.reserve(event, ann.id), 201)["booking_id"]
        assert await own.shown(place) is None
        assert granted(await own.reserve(event, ann.id), 409) == {"error": "already_booked"}


async def test_a_crowd_at_two_servers(redis_url: str) -> None:
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(serving(redis_url)) for _ in range(2)]
        event = await initialized(one, 10)
        booked = await asyncio.gather(
            *((one, two)[n % 2].stand(event, f"user-{n}") for n in range(40))
        )
        made = [granted(answer)["booking"] for answer in booked]
        assert Counter(each["status"] for each in made) == {"confirmed": 10, "waiting": 30}
        users = [each["user_id"] for each in made]
        given_up = await asyncio.gather(
            *((two, one)[n % 2].give_up(event, user) for n, user in enumerate(users[:20]))
        )
        assert {answer.status_code for answer in given_up} == {200}
        left = [await booking(one, event, user) for user in users[20:]]
        assert Counter(each["status"] for each in left) == {"confirmed": 10, "waiting": 10}
        places = sorted(each["waiting_position"] or 0 for each in left)
        assert places == [0] * 10 + list(range(1, 11))
        assert await line(two, event) == (0, 10)
        assert await one.broken_rules(event) == []


async def test_tickets_of_the_line_are_bookings_like_others(
    strict: Api, operator: Operator
) -> None:
    accounts = [await operator.appoint() for _ in range(4)]
    ann, bob, eve, joe = [strict.as_(bearer(account)) for account in accounts]
    host = strict.as_(bearer(await operator.appoint(Role.ORGANIZER)))
    event = await initialized(host, 1)
    made = [
        granted(await api.stand(event, account.id))["booking"]["id"]
        for api, account in zip((ann, bob, eve, joe), accounts, strict=True)
    ]
    shown = granted(await bob.get(f"/api/bookings/{made[1]}"))
    assert (shown["status"], shown["seats"], shown["expires_at"]) == ("waiting", [], None)
    assert [each["id"] for each in granted(await bob.get("/api/bookings"))] == [made[1]]
    refused(await bob.pay(made[1]), 400, "invalid_state")
    refused(await bob.select(made[1], seat_of(event, 0)), 400, "invalid_state")

    granted(await bob.cancel(made[1]))
    assert (await booking(eve, event, accounts[2].id))["waiting_position"] == 1
    answer = await ann.give_back(made[0])
    assert outcome(answer) == "CANCELLED"
    assert granted(answer)["refund"] is None
    assert (await booking(eve, event, accounts[2].id))["status"] == "confirmed"
    assert (await booking(joe, event, accounts[3].id))["waiting_position"] == 1
    granted(await host.put(f"/api/events/{event}", {"zones": [{"number": 1, "capacity": 2}]}))
    assert (await booking(joe, event, accounts[3].id))["status"] == "confirmed"
    assert await line(strict, event) == (0, 0)
    told = granted(await host.get(f"/api/events/{event}/bookings"))
    assert [each["status"] for each in told] == ["confirmed"] * 2 + ["cancelled"] * 2
    assert await strict.broken_rules(event) == []


async def test_newcomers_buy_nothing_while_others_wait(any_api: Api) -> None:
    event = await initialized(any_api, 1)
    held = granted(await any_api.open(event, seat_ids=[seat_of(event, 0)]), 201)["id"]
    assert granted(await any_api.stand(event, "ann"))["booking"]["waiting_position"] == 1
    granted(await any_api.release(seat_of(event, 0)))
    assert (await booking(any_api, event, "ann"))["status"] == "confirmed"
    granted(await any_api.stand(event, "bob"))
    for answer in (
        await any_api.open(event, ticket_type_id=1_000 * event + 1, quantity=1),
        await any_api.reserve(event, "eve"),
    ):
        assert granted(answer, 409)["error"] == "sold_out"
    assert (await any_api.select(held, seat_of(event, 0))).status_code == 419
    assert await any_api.broken_rules(event) == []
