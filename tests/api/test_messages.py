"""What is wrong is said in words of the API: no class, no type and no pattern of Python's."""

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from billetter.api import ENDPOINTS
from billetter.api.inputs import Stop, checked, parse_body
from billetter.api.messages import all_names, nested
from tests.api.client import Api, refused
from tests.api.people import PASSWORD, fresh_email

FOREIGN = re.compile(
    r"<[\w.]+|\b[A-Z]\w+\.[A-Z_]+\b|should|pydantic|constrained|NoneType|\bNone\b|\bTrue\b|\bdict"
    r"|tuple|\bstr\b|\bint\b|function-|\[\w|\^\[|Value error|Input|Extra inputs|instance|valid \w+$"
)
BODIES = sorted({each.body for each in ENDPOINTS if each.body}, key=lambda model: model.__name__)
QUERIES = sorted({each.query for each in ENDPOINTS if each.query}, key=lambda it: it.__name__)
WRONG: list[Any] = [None, True, 0, -1, 1, 1.5, 10**30, "", "x", "x" * 20_000, [], [None], ["x"], {}]
WRONG += [{"x": 1}, [{}], [[]], [{"number": "x"}], [{"name": 1, "rows": ["x", 0]}], "2026-13-40"]
WRONG += ["12.345", ["x"] * 2_000, [{"x": 1}] * 3, -(2**53), "1e5", "\0"]


def told(model: type[BaseModel], strict: bool) -> Iterator[tuple[str, str]]:
    """Every field and message that wrong bodies are answered with."""
    for field in all_names(model) | {"unheard_of"}:
        for wrong in WRONG:
            yield from details(model, orjson.dumps({field: _plain(wrong)}), strict)
    for body in (b"", b"{", b"[]", b"null", b'"x"', b"1", b"{}", b'{"a": 1}', b"\xff"):
        yield from details(model, body, strict)


def details(model: type[BaseModel], body: bytes, strict: bool) -> list[tuple[str, str]]:
    try:
        parse_body(model, body, strict, [])
    except Stop as stop:
        return read(stop)
    return []


def read(stop: Stop) -> list[tuple[str, str]]:
    body = orjson.loads(stop.reply.body)
    assert not FOREIGN.search(body["message"]), body["message"]
    return [(each["field"], each["message"]) for each in body["details"]]


def _plain(value: Any) -> Any:
    return str(value) if type(value) is int and abs(value) > 2**63 else value


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("model", BODIES, ids=lambda model: model.__name__)
def test_bodies(model: type[BaseModel], strict: bool) -> None:
    found = set(told(model, strict))
    assert found
    names = all_names(model) | {"body", "x", "a", "unheard_of", "number", "name", "rows"}
    for field, message in found:
        assert message
        assert not FOREIGN.search(message), message
        assert all(part in names or part.isdigit() for part in field.split(".")), field


@pytest.mark.parametrize("model", QUERIES, ids=lambda model: model.__name__)
def test_queries(model: type[BaseModel]) -> None:
    for field in all_names(model):
        for wrong in (each for each in WRONG if isinstance(each, str)):
            try:
                checked(model, {field: wrong})
            except Stop as stop:
                for place, message in read(stop):
                    assert not FOREIGN.search(message), message
                    assert place in all_names(model)


async def test_allowed_words_are_named(any_api: Api) -> None:
    person = {"username": fresh_email(), "email": fresh_email(), "password": PASSWORD}
    for answer, field, message in (
        (
            await any_api.post("/api/auth/register", {**person, "role": "boss"}),
            "role",
            "must be one of attendee, organizer",
        ),
        (
            await any_api.get("/api/seats", event_id=1, status="free"),
            "status",
            "must be one of FREE, RESERVED, SOLD",
        ),
        (
            await any_api.put("/api/events/1", {"state": "gone"}),
            "state",
            "must be one of on_sale, closed",
        ),
        (await any_api.get("/api/events", order="up"), "order", "must be one of asc, desc"),
        (
            await any_api.get("/api/events", sortBy="x"),
            "sortBy",
            "must be one of date, price, title",
        ),
    ):
        body = refused(answer, 400, "validation_error")
        assert body["details"] == [{"field": field, "message": message}]
        assert body["message"] == f"{field}: {message}"


async def test_the_forms_of_a_field_are_told_together(any_api: Api) -> None:
    zone = {"name": "A", "price": "x", "rows": "x"}
    body = refused(await any_api.create(zones=[zone]), 400, "validation_error")
    assert body["details"] == [
        {"field": "zones.0.price", "message": 'must be an amount such as "150.00"'},
        {"field": "zones.0.rows", "message": "must be an integer, or must be a list"},
    ]


def test_models_within_are_found() -> None:
    assert any(nested(model) for model in BODIES)
