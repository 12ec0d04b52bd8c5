"""Lists of events and of bookings: their parts, links between them, searches that are too much."""

import asyncio
from itertools import pairwise
from typing import Any

import httpx
import pytest

from billetter.engine import search
from tests.api.client import Api, basic, granted, refused, seat_of


async def followed(api: Api, target: str, rel: str) -> list[list[int]]:
    """The ids of every part of a list from `target` on."""
    parts = []
    while target:
        answer = await api.http.get(target)
        parts.append([item["id"] for item in granted(answer)])
        target = answer.links.get(rel, {}).get("url", "")
        assert len(parts) < 50
    return parts


def joined(parts: list[list[int]]) -> list[int]:
    return [id_ for part in parts for id_ in part]


def url(answer: httpx.Response, rel: str) -> str:
    return str(answer.links.get(rel, {}).get("url", ""))


@pytest.fixture(params=["/api/events", "/api/bookings", "/api/users/1/bookings", "of an event"])
async def filled(alone: Api, request: pytest.FixtureRequest) -> tuple[str, list[int]]:
    """A list of 105 items, and their ids, newest first."""
    path: str = request.param
    if path == "/api/events":
        return path, [await alone.make_event() for _ in range(105)][::-1]
    event = await alone.make_event(rows=20, seats_per_row=10)
    if path == "/api/users/1/bookings":
        account = {"username": "ann", "email": "ann@example.org", "password": "a long password"}
        granted(await alone.post("/api/auth/register", account), 201)
        alone.http.headers["authorization"] = basic("ann@example.org", "a long password")
    booked = [await alone.book(event, seat_of(event, index)) for index in range(105)][::-1]
    return path if path.startswith("/") else f"/api/events/{event}/bookings", booked


async def test_a_list_has_a_hundred_at_most_and_leads_on(
    alone: Api, filled: tuple[str, list[int]]
) -> None:
    path, ids = filled
    whole = await alone.http.get(path)
    listed = [item["id"] for item in granted(whole)]
    assert len(listed) == 100
    assert set(listed) <= set(ids)
    assert url(whole, "prev") == ""
    parts = await followed(alone, path, "next")
    assert [len(part) for part in parts] == [100, 5]
    assert sorted(joined(parts), reverse=True) == ids
    if not path.endswith(f"{ids[0] // 100_000_000}/bookings"):
        assert whole.headers["x-total-count"] == "105"
    small = await followed(alone, f"{path}?pageSize=20", "next")
    assert [len(part) for part in small] == [20] * 5 + [5]
    assert joined(small) == joined(parts)


async def test_links_lead_back_by_the_same_way(alone: Api, filled: tuple[str, list[int]]) -> None:
    path, _ = filled
    forth = await followed(alone, f"{path}?pageSize=10", "next")
    answer = await alone.http.get(f"{path}?pageSize=10")
    while target := url(answer, "next"):
        answer = await alone.http.get(target)
    back = await followed(alone, str(answer.request.url), "prev")
    assert joined(back[::-1])[-105:] == joined(forth)


async def test_a_link_stays_good_while_the_list_grows(alone: Api) -> None:
    for _ in range(6):
        await alone.book(await alone.make_event())
        await alone.a_moment_later()
    for path in ("/api/events", "/api/bookings"):
        made = [each["id"] for each in granted(await alone.get(path))]
        link = url(await alone.http.get(f"{path}?page=1&pageSize=2"), "next")
        await alone.book(await alone.make_event())
        assert [each["id"] for each in granted(await alone.http.get(link))] == made[2:4]


async def test_a_link_stays_good_when_what_it_is_made_of_goes(alone: Api) -> None:
    events = [await alone.make_event() for _ in range(6)][::-1]
    bookings: list[int] = []
    for event in events[::-1]:
        bookings.insert(0, await alone.book(event))
        await alone.a_moment_later()
    links = [
        url(await alone.http.get(f"{path}?pageSize=2"), "next")
        for path in ("/api/events", "/api/bookings")
    ]
    await alone.redis("ZREM", "{events}:index", events[1])
    await alone.redis("ZREM", "{u:guest}:bookings", bookings[1])
    for link, made in zip(links, (events, bookings), strict=True):
        found = await alone.http.get(link)
        assert [each["id"] for each in granted(found)] == made[2:4]
        back = await alone.http.get(url(found, "prev"))
        assert [each["id"] for each in granted(back)] == made[:1]


@pytest.mark.parametrize("path", ["/api/events", "/api/bookings"])
@pytest.mark.parametrize(
    "query", ["before=x", "before=-1", "after=1-2-3", "before=1&after=2", "before=1&page=1"]
)
async def test_what_is_no_cursor_is_refused(any_api: Api, path: str, query: str) -> None:
    refused(await any_api.http.get(f"{path}?{query}"), 400, "validation_error")


async def test_a_cursor_beyond_either_end_gives_nothing_more(any_api: Api) -> None:
    await any_api.make_event()
    for query in ("before=1", f"after={2**53 - 1}", "before=0"):
        assert granted(await any_api.http.get(f"/api/events?{query}")) == []


async def test_links_keep_what_is_looked_for(alone: Api) -> None:
    made = [await alone.make_event(title=f"Zo\u00eb & {number}") for number in range(5)]
    await alone.make_event(title="Else")
    start = "/api/events?q=zoe%20%26&sortBy=title&limit=2"
    parts = await followed(alone, start, "next")
    assert parts == [made[:2], made[2:4], made[4:]]
    last = await alone.http.get(f"{start}&page=3")
    assert await followed(alone, str(last.request.url), "prev") == parts[::-1]
    beyond = await alone.http.get(f"{start}&page=9")
    assert granted(beyond) == []
    assert "page=3" in url(beyond, "prev")
    answer = await alone.http.get("/api/events?q=zoe&before=3")
    refused(answer, 400, "validation_error")


async def test_too_many_events_are_not_searched(
    alone: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SEARCHED_MAX", 3)
    for _ in range(3):
        await alone.make_event()
    assert len(granted(await alone.get("/api/events", q="night"))) <= 3
    await alone.make_event()
    for query in ({"q": "night"}, {"sortBy": "price"}, {"available": "true"}, {"order": "asc"}):
        answer = await alone.get("/api/events", **query)
        refused(answer, 503, "search_too_broad")
        assert answer.headers["retry-after"]
    for plain in ({}, {"q": "", "category": ""}, {"order": "desc"}, {"page": 1}):
        assert len(granted(await alone.get("/api/events", **plain))) == 4


async def test_a_crowd_that_searches_is_let_in_one_by_one(
    alone: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "READ_AT_ONCE", 1)
    for _ in range(20):
        await alone.make_event()
    crowd = (alone.get("/api/events", q="night") for _ in range(40))
    answers = await asyncio.gather(*crowd)
    served = [answer for answer in answers if answer.status_code == 200]
    sent_away = [answer for answer in answers if answer.status_code == 503]
    assert len(served) >= 1 + search.WAITING_MAX
    assert len(served) + len(sent_away) == 40
    assert sent_away
    for answer in sent_away:
        refused(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"


async def test_a_long_list_lets_others_have_their_turn(alone: Api) -> None:
    """A hundred bookings of a hundred seats each are put together in many turns."""
    event = await alone.make_event(rows=100, seats_per_row=100, max_seats_per_booking=100)
    for row in range(100):
        seats = [seat_of(event, 100 * row + place) for place in range(100)]
        granted(await alone.open(event, seat_ids=seats), 201)
    turns: list[float] = []
    loop = asyncio.get_running_loop()
    listing = asyncio.ensure_future(alone.get("/api/bookings"))
    while not listing.done():
        turns.append(loop.time())
        await asyncio.sleep(0)
    bookings: list[Any] = granted(await listing)
    assert [len(booking["seats"]) for booking in bookings] == [100] * 100
    assert sorted(after - before for before, after in pairwise(turns))[-20] < 0.02
