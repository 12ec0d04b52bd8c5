"""The seat map and the layout, as a client that draws the hall reads them."""

from typing import Any

import httpx

from tests.api.client import PLANES, Api, granted, refused, seat_of

RAGGED = [
    {"name": "Stalls", "price": "150.00", "rows": [3, 3, 1]},
    {"name": "Standing", "price": "20.00", "capacity": 12},
]


async def read_layout(api: Api, event: int) -> Any:
    return granted(await api.get(f"/api/events/{event}/layout"))


async def read_map(api: Api, event: int, **headers: str) -> httpx.Response:
    return await api.http.get(f"/api/events/{event}/seatmap", headers=headers)


async def drawn(api: Api, event: int) -> dict[int, str]:
    """The state of every seat by its id, read as the contract says."""
    layout, planes = await read_layout(api, event), (await read_map(api, event)).content
    taken, sold = planes[: len(planes) // 2], planes[len(planes) // 2 :]
    return {
        event * 1_000_000 + index + 1: _state(taken, sold, index)
        for zone in layout["zones"]
        for extent in zone["extents"]
        for index in range(extent["first_index"], extent["first_index"] + extent["seats"])
    }


def _state(taken: bytes, sold: bytes, index: int) -> str:
    mask = 128 >> index % 8
    if sold[index // 8] & mask:
        return "SOLD"
    return "RESERVED" if taken[index // 8] & mask else "FREE"


async def test_it_shows_what_lists_show(any_api: Api) -> None:
    event = await any_api.make_event(zones=RAGGED)
    assert await drawn(any_api, event) == await any_api.states(event)
    await any_api.paid(event, seat_of(event, 0), seat_of(event, 19))
    await any_api.book(event, seat_of(event, 2), seat_of(event, 8))
    shown = await drawn(any_api, event)
    assert shown == await any_api.states(event)
    assert sorted(shown.values()) == ["FREE"] * 15 + ["RESERVED"] * 2 + ["SOLD"] * 2


async def test_it_takes_two_bits_a_seat(api: Api) -> None:
    event = await api.make_event(rows=100, seats_per_row=1_000, price="1.00")
    await api.book(event, seat_of(event, 99_999))
    answer = await read_map(api, event)
    assert (answer.status_code, answer.headers["content-type"]) == (200, PLANES)
    assert len(answer.content) == 25_000
    assert answer.content.index(1) == 12_499


async def test_the_layout_says_where_the_seats_are(api: Api) -> None:
    event = await api.make_event(zones=RAGGED)
    layout = await read_layout(api, event)
    assert layout["event_id"] == event
    assert layout["indexes"] == 20
    assert layout["zones"] == [
        {
            "name": "Stalls",
            "price": "150.00",
            "numbered": True,
            "first_row": 1,
            "rows": [{"rows": 2, "seats_per_row": 3}, {"rows": 1, "seats_per_row": 1}],
            "extents": [{"first_index": 0, "seats": 7}],
        },
        {
            "name": "Standing",
            "price": "20.00",
            "numbered": False,
            "first_row": 4,
            "rows": [{"rows": 1, "seats_per_row": 12}],
            "extents": [{"first_index": 8, "seats": 12}],
        },
    ]
    assert (await read_map(api, event)).headers["billetter-layout"] == layout["version"]


async def test_who_has_it_is_told_so_until_it_changes(api: Api) -> None:
    event = await api.make_event(zones=RAGGED)
    tag = (await read_map(api, event)).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await read_map(api, event, **{"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
    await api.book(event, seat_of(event, 0))
    answer = await read_map(api, event, **{"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.headers["etag"] != tag


async def test_the_layout_has_a_tag_of_its_own(api: Api) -> None:
    event = await api.make_event(zones=RAGGED)
    path = f"/api/events/{event}/layout"
    tag = (await api.get(path)).headers["etag"]
    await api.book(event, seat_of(event, 0))
    answer = await api.http.get(path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


async def test_no_event_no_map(api: Api) -> None:
    for what in ("seatmap", "layout"):
        refused(await api.get(f"/api/events/999999999/{what}"), 404, "event_not_found")


async def test_head_says_how_large_it_is(api: Api) -> None:
    event = await api.make_event(zones=RAGGED)
    answer = await api.http.head(f"/api/events/{event}/seatmap")
    assert (answer.headers["content-length"], answer.content) == ("6", b"")
