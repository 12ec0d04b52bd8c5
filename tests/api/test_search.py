"""Events looked for: by words, start, place, kind, price and what is left; sorted."""

from typing import Any

import pytest

from tests.api.client import Api, granted, refused, seat_of

EVENTS: list[dict[str, Any]] = [
    {"title": "Tosca", "category": "opera", "location": "Great Hall, Oslo", "price": "80.00"}
    | {"starts_at": "2031-05-01T19:00:00Z"},
    {"title": "aida", "category": "opera", "location": "Arena", "price": "45.50"}
    | {"starts_at": "2031-05-02T00:00:00Z"},
    {"title": "Jazz night", "category": "concert", "location": "Small hall", "price": "10.00"}
    | {"starts_at": "2031-06-01T20:30:00Z", "description": "not Tosca"},
    {"title": "Fair", "totalCapacity": 1, "price": "0"},
]


@pytest.fixture
async def titles(alone: Api) -> dict[int, str]:
    """Events of two seats each, one that is sold and one with two prices among them."""
    made = {}
    for each in EVENTS:
        size = {} if "totalCapacity" in each else {"rows": 1, "seats_per_row": 2}
        made[await alone.make_event(**each, **size)] = each["title"]
    fair = max(made)
    await alone.paid(fair, seat_of(fair, 0))
    zones = [
        {"name": "Front", "price": "90.00", "capacity": 5},
        {"name": "Back", "price": "20.00", "capacity": 5},
    ]
    made[await alone.make_event(title="Ballet", zones=zones)] = "Ballet"
    return made


async def found(api: Api, **query: object) -> list[str]:
    answer = await api.get("/api/events", **query)
    listed = [event["title"] for event in granted(answer)]
    assert answer.headers["x-total-count"] == str(len(listed))
    return listed


async def test_events_are_found(alone: Api, titles: dict[int, str]) -> None:
    newest = list(titles.values())[::-1]
    for query, expected in (
        ({"q": "TOSCA"}, ["Jazz night", "Tosca"]),
        ({"query": "tosca"}, ["Jazz night", "Tosca"]),
        ({"date": "2031-05-01"}, ["Tosca"]),
        ({"date_from": "2031-05-02"}, ["Jazz night", "aida"]),
        ({"date_to": "2031-05-01"}, ["Tosca"]),
        ({"date_to": "2031-05-02"}, ["aida", "Tosca"]),
        ({"date_from": "2031-05-01T19:00:00Z", "date_to": "2031-05-01T19:00:00.000Z"}, ["Tosca"]),
        ({"date_from": "2031-05-01T19:00:00.001Z", "date_to": "2031-05-31"}, ["aida"]),
        ({"date": "2031-05-01", "date_from": "2031-05-02"}, []),
        ({"location": "hall"}, ["Jazz night", "Tosca"]),
        ({"category": "Opera"}, ["aida", "Tosca"]),
        ({"category": "oper"}, []),
        ({"min_price": "45.5"}, ["Ballet", "aida", "Tosca"]),
        ({"max_price": "45.50"}, ["Ballet", "Fair", "Jazz night", "aida"]),
        ({"min_price": "21", "max_price": "89.99"}, ["aida", "Tosca"]),
        ({"available": "true"}, ["Ballet", "Jazz night", "aida", "Tosca"]),
        ({"available": "false"}, ["Fair"]),
        ({"available": "true", "category": "opera", "max_price": "50"}, ["aida"]),
        ({"q": ""}, newest),
    ):
        assert await found(alone, **query) == expected, query


async def test_events_are_sorted(alone: Api, titles: dict[int, str]) -> None:
    made = list(titles.values())
    for query, expected in (
        ({"sortBy": "title"}, ["aida", "Ballet", "Fair", "Jazz night", "Tosca"]),
        ({"sortBy": "title", "order": "desc"}, ["Tosca", "Jazz night", "Fair", "Ballet", "aida"]),
        ({"sortBy": "price"}, ["Fair", "Jazz night", "Ballet", "aida", "Tosca"]),
        ({"sortBy": "price", "order": "desc"}, ["Tosca", "aida", "Ballet", "Jazz night", "Fair"]),
        ({"order": "asc"}, made),
        ({"order": "desc"}, made[::-1]),
        ({"sortBy": "date", "location": "a"}, ["Tosca", "aida", "Jazz night"]),
    ):
        assert await found(alone, **query) == expected, query
    for order, dated in (
        ("asc", ["Tosca", "aida", "Jazz night"]),
        ("desc", ["Jazz night", "aida"]),
    ):
        listed = await found(alone, sortBy="date", order=order)
        assert listed[: len(dated)] == dated
        assert set(listed[3:]) == {"Fair", "Ballet"}


async def test_pages_of_what_is_found(alone: Api, titles: dict[int, str]) -> None:
    for size in ("limit", "pageSize"):
        pages = [
            await alone.get("/api/events", sortBy="title", page=page, **{size: 2})
            for page in (1, 2, 3, 4)
        ]
        listed = [[event["title"] for event in granted(page)] for page in pages]
        assert listed == [["aida", "Ballet"], ["Fair", "Jazz night"], ["Tosca"], []]
        assert {page.headers["x-total-count"] for page in pages} == {"5"}
    (newest,) = granted(await alone.get("/api/events", limit=1))
    assert newest["title"] == "Ballet"


async def test_what_is_closed_is_not_available(alone: Api, titles: dict[int, str]) -> None:
    tosca = min(titles)
    granted(await alone.put(f"/api/events/{tosca}", {"state": "closed"}))
    assert await found(alone, available="true", category="opera") == ["aida"]
    assert await found(alone, available="false", category="opera") == ["Tosca"]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("q", ["x" * 201]),
        ("location", ["x" * 201]),
        ("category", ["x" * 201]),
        ("date", ["", "tomorrow", "2031-02-30", "2031-5-1", "1969-12-31"]),
        ("date_from", ["", "tomorrow", "2031-02-30", "10000-01-01", "2031-05-01T25:00:00Z"]),
        ("date_to", ["", "0", "1969-12-31"]),
        ("min_price", ["", "-1", "1.234", "1e3", "NaN"]),
        ("max_price", ["", "-1", "ten"]),
        ("available", ["", "perhaps", "2"]),
        ("sortBy", ["", "seats", "DATE"]),
        ("order", ["", "up"]),
        ("limit", ["", "0", "21", "x", "-1"]),
    ],
)
async def test_nonsense_is_refused(api: Api, field: str, values: list[str]) -> None:
    for value in values:
        refused(await api.get("/api/events", **{field: value}), 400, "validation_error")
