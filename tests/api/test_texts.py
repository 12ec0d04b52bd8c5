"""Titles, names, words and dates as people send them, over HTTP."""

import time
from typing import Any

import pytest

from billetter.domain.account import compared_before
from billetter.engine import keys
from tests.api.client import Api, granted, refused

REFUSED = (400, "validation_error")

UNSEEN = ["\u200b", "\u2060", "\u3164", "\u2800", "\u00ad", "\ufeff", "\u115f \u00a0", "\ufe0f"]
UNPLAIN = ["a\u2028b", "a\u2029b", "\u202egnp.exe", "a\u2066b", "a\x9bb", "a\x00b"]
NO_DATES = ["2026", "20261025", "1700000000", "0", "1e9", "2026-10-25T", "2026-W43-7", "2026-298"]
NO_DATES += [
    "20261025T190000Z",
    "2026-10-25T19Z",
    "2026-1-5",
    "\u0662026-10-25",
    " 2026-10-25",
    "-1",
]
NO_DATES += ["2026-13-01T00:00:00Z", "2026-10-25T19:00:60Z", "1969-12-31T23:59:59Z", "NaN", ""]


@pytest.mark.parametrize("text", [*UNSEEN, *UNPLAIN])
async def test_what_cannot_be_seen_is_no_title_nor_name(any_api: Api, text: str) -> None:
    zones = [{"name": text, "price": "1.00", "capacity": 5}]
    for body in ({"title": text}, {"title": "A", "zones": zones}):
        refused(await any_api.post("/api/events", body), *REFUSED)
    for field in ("location", "category"):
        refused(await any_api.post("/api/events", {"title": "A", field: text}), *REFUSED)
    event = await any_api.make_event()
    refused(await any_api.put(f"/api/events/{event}", {"title": text}), *REFUSED)
    zones = [{"number": 1, "name": text}]
    refused(await any_api.put(f"/api/events/{event}", {"zones": zones}), *REFUSED)
    wanted = {"name": text, "price": "1.00", "quantity": 1}
    refused(await any_api.post(f"/api/events/{event}/ticket-types", wanted), *REFUSED)
    refused(await any_api.post("/api/initialize", {"totalTickets": 1, "name": text}), *REFUSED)
    account = {"username": text, "email": "unseen@example.org", "password": "a long password"}
    refused(await any_api.post("/api/auth/register", account), *REFUSED)
    refused(await any_api.post("/api/book", {"eventId": event, "userId": text}), *REFUSED)


async def test_a_description_may_have_lines(any_api: Api) -> None:
    event = await any_api.make_event(description="One\nand\u2028two")
    assert granted(await any_api.get(f"/api/events/{event}"))["description"] == "One\nand\u2028two"
    refused(await any_api.post("/api/events", {"title": "A", "description": "a\u202eb"}), *REFUSED)


@pytest.mark.parametrize("text", NO_DATES)
async def test_what_is_no_date_is_refused_wherever_dates_are(any_api: Api, text: str) -> None:
    for field in ("starts_at", "date"):
        refused(await any_api.post("/api/events", {"title": "A", field: text}), *REFUSED)
    event = await any_api.make_event()
    refused(await any_api.put(f"/api/events/{event}", {"starts_at": text}), *REFUSED)
    for field in ("date", "date_from", "date_to"):
        refused(await any_api.get("/api/events", **{field: text}), *REFUSED)


@pytest.mark.parametrize("number", [1_700_000_000, 1.5, True])
async def test_a_number_is_no_date(any_api: Api, number: object) -> None:
    refused(await any_api.post("/api/events", {"title": "A", "starts_at": number}), *REFUSED)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2031-05-01", "2031-05-01T00:00:00.000Z"),
        ("2031-05-01T19:00", "2031-05-01T19:00:00.000Z"),
        ("2031-05-01T19:00:30Z", "2031-05-01T19:00:30.000Z"),
        ("2031-05-01 19:00:30+02:00", "2031-05-01T17:00:30.000Z"),
        ("2031-05-01T19:00:30.1234567-0330", "2031-05-01T22:30:30.123Z"),
        ("2031-05-01t19:00:30.5z", "2031-05-01T19:00:30.500Z"),
    ],
)
async def test_dates_and_times_are_those_of_iso_8601(any_api: Api, text: str, told: str) -> None:
    event = await any_api.make_event(starts_at=text)
    assert granted(await any_api.get(f"/api/events/{event}"))["starts_at"] == told


@pytest.mark.parametrize(
    "zone",
    [
        {"number": 99},
        {"number": 99, "name": "Hall"},
        {"number": 99, "remove": True},
        {"number": 1},
        {"number": 1, "remove": False},
        {"number": 1, "name": None},
        {"number": 1, "remove": True, "price": "2.00"},
    ],
)
async def test_a_change_of_no_zone_or_to_nothing_is_refused(
    any_api: Api, zone: dict[str, Any]
) -> None:
    zones = [{"name": each, "price": "1.00", "capacity": 5} for each in ("Hall", "Floor")]
    event = await any_api.make_event(zones=zones)
    before = granted(await any_api.get(f"/api/events/{event}"))
    refused(await any_api.put(f"/api/events/{event}", {"zones": [zone]}), *REFUSED)
    assert granted(await any_api.get(f"/api/events/{event}")) == before


async def test_an_event_has_a_thousand_zones_at_most(any_api: Api) -> None:
    zones = [{"name": "Box", "price": "1.00", "capacity": 1}] * 1_000
    event = await any_api.make_event(zones=zones)
    answer = await any_api.put(f"/api/events/{event}", {"zones": zones[:1]})
    refused(answer, *REFUSED)


async def test_events_are_found_however_their_titles_are_written(alone: Api) -> None:
    titles = [
        "Caf\u00e9 noir",
        "Cafe\u0301 noir",
        "\u0130stanbul",
        "Stra\u00dfe",
        "\u0401\u043b\u043a\u0430",
    ]
    made = {title: await alone.make_event(title=title) for title in titles}
    for words, expected in (
        ("caf\u00e9", titles[:2]),
        ("cafe\u0301 noir", titles[:2]),
        ("CAFE\u00a0NOIR", titles[:2]),
        ("istanbul", titles[2:3]),
        ("STRASSE", titles[3:4]),
        ("\u0435\u043b\u043a\u0430", titles[4:]),
    ):
        found = {event["id"] for event in granted(await alone.get("/api/events", q=words))}
        assert found == {made[title] for title in expected}, words


async def test_titles_are_sorted_as_in_a_dictionary(alone: Api) -> None:
    titles = ["Apfel", "\u00c4pfel", "Azur", "etude", "\u00c9tude", "Zebra"]
    for title in (3, 1, 5, 0, 4, 2):
        await alone.make_event(title=titles[title], location="M\u00fcnchen", category="\ufb01lm")
    query = {"sortBy": "title", "location": "munchen", "category": "FILM"}
    for order, expected in (("asc", titles), ("desc", titles[::-1])):
        listed = granted(await alone.get("/api/events", **query, order=order))
        assert [event["title"] for event in listed] == expected


async def test_names_that_look_the_same_are_one(any_api: Api) -> None:
    mark = f"{time.time_ns()}"
    account = {"username": f"Ann  Lee {mark}", "email": f"ann{mark}@example.org"}
    password = {"password": "a long password"}
    granted(await any_api.post("/api/auth/register", {**account, **password}), 201)
    for other, code in (
        ({**account, "email": f"a{mark}@example.org"}, "username_taken"),
        ({"username": f"ann lee {mark}", "email": f"a{mark}@example.org"}, "username_taken"),
        ({"username": f"ann lee\ufe0f {mark}", "email": f"a{mark}@example.org"}, "username_taken"),
        ({"username": f"b{mark}", "email": f"ANN\ufe0f{mark}@example.org"}, "email_taken"),
    ):
        refused(await any_api.post("/api/auth/register", {**other, **password}), 409, code)


async def test_accounts_of_earlier_versions_are_found(any_api: Api) -> None:
    """Their names are kept as those versions compared them."""
    mark = f"{time.time_ns()}"
    account = {"username": f"Ann {mark}", "email": f"ann{mark}@example.org"}
    password = {"password": "a long password"}
    made = granted(await any_api.post("/api/auth/register", {**account, **password}), 201)
    old = {"username": f"Bob\ufe0f  {mark}", "email": f"bob\ufe0f{mark}@example.org"}
    for index, name in ((keys.USERNAMES, "username"), (keys.EMAILS, "email")):
        await any_api.redis("HDEL", index, compared_before(account[name]))
        await any_api.redis("HSET", index, compared_before(old[name]), made["id"])
    login = {"email": old["email"].upper(), **password}
    assert granted(await any_api.post("/api/auth/login", login))["access_token"]
    for other, code in (
        ({**old, "username": f"c{mark}"}, "email_taken"),
        ({**old, "email": f"c{mark}@example.org"}, "username_taken"),
    ):
        refused(await any_api.post("/api/auth/register", {**other, **password}), 409, code)
