"""What a request says in vain: named by the public routes, refused by our own."""

from typing import Any

import pytest

from billetter.api import ignored
from billetter.api.ignored import ignored_fields, ignored_header
from billetter.api.messages import nested, own_names
from billetter.api.schemas import OpenBooking, Paged, SelectSeat
from tests.api.client import Api, granted, refused, seat_of
from tests.api.people import PASSWORD, fresh_email

NAMED = "billetter-ignored"


async def test_a_misspelled_field_is_named(any_api: Api) -> None:
    event = await any_api.make_event()
    answer = await any_api.open(event, seatIds=[seat_of(event, 0)], colour="red")
    assert granted(answer, 201)["status"] == "booked"
    assert answer.headers[NAMED] == "seatIds, colour"


async def test_where_all_is_read_nothing_is_named(any_api: Api) -> None:
    event = await any_api.make_event()
    for answer in (
        await any_api.open(event),
        await any_api.post("/api/bookings", {"eventId": event}),
        await any_api.get("/api/seats", event_id=event, page=1),
        await any_api.get("/api/events", q="a", limit=3),
        await any_api.get("/health"),
    ):
        assert answer.status_code < 300
        assert NAMED not in answer.headers


async def test_fields_within_are_named_by_their_place(any_api: Api) -> None:
    zones = [
        {"name": "A", "price": "1.00", "capacity": 5},
        {"name": "B", "price": "1.00", "capacity": 5, "colour": "red"},
    ]
    answer = await any_api.create(zones=zones, kind=1)
    event = granted(answer, 201)["id"]
    assert answer.headers[NAMED] == "kind, zones.1.colour"
    wanted = [{"ticketTypeId": event * 1_000 + 1, "quantity": 1, "price": "0.01"}]
    answer = await any_api.open(event, items=wanted)
    granted(answer, 201)
    assert answer.headers[NAMED] == "items.0.price"


async def test_a_refusal_names_them_as_well(any_api: Api) -> None:
    event = await any_api.make_event()
    booking, other = await any_api.book(event), await any_api.book(event, seat_of(event, 0))
    body = {"booking_id": booking, "seatId": seat_of(event, 1)}
    answer = await any_api.patch("/api/seats/select", body)
    refused(answer, 400, "validation_error")
    assert answer.headers[NAMED] == "seatId"
    answer = await any_api.patch(
        "/api/seats/select",
        {"booking_id": booking, "seat_id": seat_of(event, 0), "seats": [other]},
    )
    assert (answer.status_code, answer.headers[NAMED]) == (419, "seats")
    answer = await any_api.post("/api/bookings/reserve", {"event_id": 0, "user_id": 1, "name": "x"})
    assert (answer.status_code, answer.headers[NAMED]) == (404, "name")


@pytest.mark.parametrize(
    "path", ["/api/events", "/api/events/{}", "/api/seats?event_id={}", "/ready"]
)
async def test_parameters_that_nobody_reads_are_named(any_api: Api, path: str) -> None:
    event = await any_api.make_event()
    more = "&" if "?" in path else "?"
    answer = await any_api.http.get(f"{path.format(event)}{more}Page=2&a%20b=&Page=3")
    assert (answer.status_code, answer.headers[NAMED]) == (200, "Page, a%20b")
    answer = await any_api.http.post("/api/bookings?event=1", json={"event_id": event})
    assert (answer.status_code, answer.headers[NAMED]) == (201, "event")


async def test_a_replay_names_them_too(any_api: Api) -> None:
    event = await any_api.make_event()
    answers = [await any_api.open(event, key=f"again {event}".replace(" ", "-"), x=1) for _ in "ab"]
    assert [each.headers[NAMED] for each in answers] == ["x", "x"]
    assert answers[0].content == answers[1].content


async def test_our_own_routes_refuse_them(any_api: Api) -> None:
    event = await any_api.make_event(zones=[{"name": "A", "price": "1.00", "capacity": 5}])
    ticket_type = {"name": "B", "price": "1.00", "quantity": 5}
    own = f"/api/events/{event}"
    for method, path, body, field in (
        ("PUT", own, {"colour": "red"}, "colour"),
        (
            "PUT",
            own,
            {"title": "New", "zones": [{"number": 1, "colour": "red"}]},
            "zones.0.colour",
        ),
        ("PUT", f"{own}?colour=red", {"title": "New"}, "colour"),
        ("POST", f"{own}/ticket-types", {**ticket_type, "colour": "red"}, "colour"),
        ("DELETE", f"{own}?cancle=true", None, "cancle"),
        ("POST", "/api/auth/register", {**person(), "colour": "red"}, "colour"),
        ("POST", "/api/auth/login", {**login(), "colour": "red"}, "colour"),
    ):
        answer = await any_api.http.request(method, path, json=body)
        body = refused(answer, 400, "validation_error")
        assert body["details"] == [{"field": field, "message": "is not a field of this request"}]
        assert NAMED not in answer.headers
    shown = granted(await any_api.get(f"/api/events/{event}"))
    assert (shown["title"], len(shown["zones"])) == ("An evening", 1)


async def test_a_field_by_two_of_its_names_is_said_to_be_one(any_api: Api) -> None:
    event = await any_api.make_event()
    answer = await any_api.put(f"/api/events/{event}", {"title": "A", "name": "B"})
    (detail,) = refused(answer, 400, "validation_error")["details"]
    assert "names the same" in detail["message"]
    assert detail["field"] in ("title", "name")


def person() -> dict[str, str]:
    return {"username": fresh_email(), "email": fresh_email(), "password": PASSWORD}


def login() -> dict[str, str]:
    return {"email": fresh_email(), "password": PASSWORD}


# The header, and what it is made of.


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("seatIds", "seatIds"),
        ("a, b", "a%2C%20b"),
        ("x\r\nset-cookie: a=b", "x%0D%0Aset-cookie:%20a%3Db"),
        ("\u0436", "%D0%B6"),
        ("\ud800", "%3F"),
        ("", '""'),
        ("x" * 10_000, "x" * ignored.NAME_MAX),
    ],
)
def test_any_name_can_be_shown(name: str, shown: str) -> None:
    assert ignored_header([name]) == (b"billetter-ignored", shown.encode())


def test_of_many_the_first_are_shown() -> None:
    names = [f"f{number}" for number in range(ignored.NAMES_MAX + 5)]
    shown = ignored_header(names)[1].decode().split(", ")
    assert shown == [*names[: ignored.NAMES_MAX], "..."]
    assert "..." not in ignored_header(names[: ignored.NAMES_MAX])[1].decode()


def test_what_is_ignored_is_not_bound() -> None:
    body = b'{"booking_id": 1, "seat_id": 2, "extra": 3, "wanted": [4]}'
    parsed = SelectSeat.__pydantic_validator__.validate_json(body, strict=True, extra="allow")
    assert ignored_fields(parsed) == ["extra", "wanted"]
    assert not hasattr(parsed, "extra")
    assert parsed.wanted == [2]
    assert parsed.model_fields_set == {"booking_id", "seat_id"}
    assert ignored_fields(parsed) == []


def test_what_a_model_knows_goes_by_all_its_names() -> None:
    assert {"event_id", "eventId", "ticketTypeId"} <= own_names(OpenBooking)
    assert own_names(Paged) == {"page", "pageSize"}
    assert nested(OpenBooking).keys() == {"items"}
    assert not nested(SelectSeat)


async def test_a_notification_has_fields_of_the_gateways_own(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.paying(event, seat_of(event, 0))
    told: dict[str, Any] = {"paymentId": "p", "status": "CONFIRMED", "teamSlug": "t"}
    body = {**told, "data": {"orderId": booking, "kind": 1}}
    answer = await any_api.post("/api/payments/notifications", body)
    assert granted(answer) == "OK"
    assert "teamSlug" in answer.headers[NAMED]
