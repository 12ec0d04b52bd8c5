"""Lists of seats: their order, filters, pages; and where a crowd is sent."""

import asyncio
from typing import Any

import pytest

from billetter.domain.ids import SEATS_MAX
from tests.api.client import Api, granted, refused, seat_of
from tests.crowd import gathered

RAGGED = [
    {"name": "Stalls", "price": "150.00", "rows": [3, 1, 5]},
    {"name": "Standing", "price": "20.00", "capacity": 4},
    {"name": "Balcony", "price": "90.50", "rows": 2, "seats_per_row": 9},
]
RAGGED_SEATS = [
    (zone, price, row, number)
    for zone, price, row, size in [
        ("Stalls", "150.00", 1, 3),
        ("Stalls", "150.00", 2, 1),
        ("Stalls", "150.00", 3, 5),
        ("Standing", "20.00", 4, 4),
        ("Balcony", "90.50", 5, 9),
        ("Balcony", "90.50", 6, 9),
    ]
    for number in range(1, size + 1)
]
STADIUM = [
    ("Golden circle", "40000.00", 100),
    ("Fan zone", "80000.00", 150),
    ("Lower tier", "120000.00", 200),
    ("Middle tier", "160000.00", 250),
    ("Upper tier", "200000.00", 300),
]


def places(seats: list[Any]) -> list[tuple[str, str, int, int]]:
    return [(seat["zone"], seat["price"], seat["row"], seat["number"]) for seat in seats]


async def test_zone_row_number(any_api: Api) -> None:
    event = await any_api.make_event(zones=RAGGED)

    seats = await any_api.all_seats(event)

    assert places(seats) == RAGGED_SEATS
    ids = [seat["id"] for seat in seats]
    assert ids == sorted(set(ids))
    assert all(id // 1_000_000 == event and 1 <= id % 1_000_000 <= 999_999 for id in ids)


async def test_what_a_seat_says(any_api: Api) -> None:
    event = await any_api.make_event()
    free, held, paying, sold = (seat_of(event, index) for index in range(4))
    await any_api.book(event, held)
    await any_api.paying(event, paying)
    await any_api.paid(event, sold)

    first, second, third, fourth = (await any_api.seats(event))[:4]

    same = {"row": 1, "price": "10.00", "zone": first["zone"]}
    assert first == {"id": free, "number": 1, "reserved": False, "status": "FREE", **same}
    assert second == {"id": held, "number": 2, "reserved": True, "status": "RESERVED", **same}
    assert third == {"id": paying, "number": 3, "reserved": True, "status": "RESERVED", **same}
    assert fourth == {"id": sold, "number": 4, "reserved": True, "status": "SOLD", **same}


@pytest.mark.parametrize("size", range(1, 21))
async def test_every_page_size(api: Api, size: int) -> None:
    event = await api.make_event(zones=RAGGED)
    seats: list[Any] = []
    page = 1

    while found := await api.seats(event, page=page, pageSize=size):
        assert len(found) == min(size, len(RAGGED_SEATS) - len(seats))
        seats += found
        page += 1

    assert places(seats) == RAGGED_SEATS
    past = await api.get("/api/seats", event_id=event, page=2**53 - 1, pageSize=size)
    assert granted(past) == []
    assert past.headers["x-total-count"] == str(len(RAGGED_SEATS))


async def test_links_lead_from_page_to_page(api: Api) -> None:
    event = await api.make_event(zones=RAGGED)
    answer = await api.get("/api/seats", event_id=event, row=5, status="FREE", page=1, pageSize=4)
    assert "prev" not in answer.links
    pages = [places(granted(answer))]
    while following := answer.links.get("next"):
        before, answer = answer, await api.http.get(str(following["url"]))
        pages.append(places(granted(answer)))
        back = await api.http.get(str(answer.links["prev"]["url"]))
        assert back.content == before.content
    assert pages == [RAGGED_SEATS[13:17], RAGGED_SEATS[17:21], RAGGED_SEATS[21:22]]
    plain = await api.get("/api/seats", event_id=event)
    following = plain.links["next"]
    assert places(granted(await api.http.get(str(following["url"])))) == RAGGED_SEATS[20:]
    assert not (await api.get("/api/seats", event_id=event, status="FREE")).links


async def test_twenty_unless_asked_otherwise(api: Api) -> None:
    event = await api.make_event(zones=RAGGED)

    assert places(await api.seats(event)) == RAGGED_SEATS[:20]
    assert places(await api.seats(event, page=2)) == RAGGED_SEATS[20:]


async def test_one_row(any_api: Api) -> None:
    event = await any_api.make_event(zones=RAGGED)

    for row in range(1, 7):
        found = await any_api.get("/api/seats", event_id=event, row=row)
        expected = [seat for seat in RAGGED_SEATS if seat[2] == row]
        assert places(granted(found)) == expected
        assert found.headers["x-total-count"] == str(len(expected))
    nobody = await any_api.get("/api/seats", event_id=event, row=7)
    assert granted(nobody) == []
    assert nobody.headers["x-total-count"] == "0"
    assert places(await any_api.seats(event, row=5, page=2, pageSize=4)) == RAGGED_SEATS[17:21]
    assert await any_api.seats(event, row=5, page=4, pageSize=4) == []
    assert await any_api.seats(event, row=2**53 - 1) == []


async def test_one_status(any_api: Api) -> None:
    event = await any_api.make_event(zones=RAGGED)
    ids = [seat["id"] for seat in await any_api.all_seats(event)]
    held, sold = {ids[0], ids[8], ids[12], ids[30]}, {ids[3], ids[13]}
    await any_api.book(event, *held)
    await any_api.paid(event, *sold)

    async def found(status: str, **query: object) -> list[int]:
        answer = await any_api.get("/api/seats", event_id=event, status=status, **query)
        return [seat["id"] for seat in granted(answer)]

    assert await found("RESERVED") == sorted(held)
    assert await found("SOLD") == sorted(sold)
    assert await found("RESERVED", page=2, pageSize=3) == sorted(held)[3:]
    assert await found("RESERVED", row=3) == [ids[8]]
    assert await found("SOLD", row=1) == []
    free = [id for id in ids if id not in held | sold]
    assert await found("FREE", page=1) == free[:20]
    assert await found("FREE", page=2) == free[20:]
    assert await found("FREE", row=1, page=1) == ids[1:3]
    for status, total in {"FREE": len(free), "RESERVED": 4, "SOLD": 2}.items():
        answer = await any_api.get("/api/seats", event_id=event, status=status, pageSize=1)
        assert answer.headers["x-total-count"] == str(total)


async def test_free_seats_start_anywhere_and_wrap(any_api: Api) -> None:
    event = await any_api.make_event(zones=RAGGED)
    ids = [seat["id"] for seat in await any_api.all_seats(event)]
    taken = {ids[0], ids[10], ids[30]}
    await any_api.book(event, *taken)
    free = [id for id in ids if id not in taken]
    starts, covered = set(), set()

    for _ in range(500):
        window = [seat["id"] for seat in await any_api.seats(event, status="FREE", pageSize=7)]
        start = free.index(window[0])
        assert window == (free + free)[start : start + 7]
        starts.add(start)
        covered |= set(window)
        if len(starts) > 10 and len(covered) == len(free):
            break

    assert len(starts) > 10
    assert covered == set(free)


async def test_a_window_wider_than_what_is_free(api: Api) -> None:
    event = await api.make_event(rows=1, seats_per_row=4)
    await api.book(event, seat_of(event, 2))
    free = [seat_of(event, index) for index in (0, 1, 3)]

    for _ in range(20):
        window = [seat["id"] for seat in await api.seats(event, status="FREE")]
        assert sorted(window) == free
    await api.book(event, *free)
    for status, row in (("FREE", None), ("FREE", 1), ("SOLD", None)):
        nothing = await api.get("/api/seats", event_id=event, status=status, row=row)
        assert granted(nothing) == []
        assert nothing.headers["x-total-count"] == "0"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("page", "0"), ("pageSize", "0"), ("pageSize", "21"), ("row", "0")),
        *(("status", "free"), ("status", "TAKEN"), ("status", ""), ("status", "FREE,SOLD")),
    ],
)
async def test_filters_out_of_range(api: Api, field: str, value: str) -> None:
    event = await api.make_event()

    answer = await api.get("/api/seats", event_id=event, **{field: value})

    assert refused(answer, 400, "validation_error")["details"][0]["field"] == field


async def test_an_event_must_be_named(api: Api) -> None:
    body = refused(await api.get("/api/seats"), 400, "validation_error")

    assert body["details"][0]["field"] == "event_id"


async def test_5000_pages_of_100_000_seats(api: Api) -> None:
    zones = [
        {"name": name, "price": price, "rows": rows, "seats_per_row": 100}
        for name, price, rows in STADIUM
    ]
    event = await api.make_event(zones=zones)
    pages: dict[int, list[Any]] = {}
    numbers = iter(range(1, 5_001))

    async with gathered(api.address, 8) as crowd:

        async def read(number: int) -> None:
            for page in numbers:
                path = f"/api/seats?event_id={event}&page={page}&pageSize=20"
                answer = await crowd[number].send("GET", path)
                assert answer.status == 200
                assert answer.headers["x-total-count"] == "100000"
                pages[page] = answer.json()

        await asyncio.gather(*map(read, range(len(crowd))))
        path = f"/api/seats?event_id={event}&page=5001"
        assert (await crowd[0].send("GET", path)).json() == []

    assert {len(page) for page in pages.values()} == {20}
    seats = [seat for page in range(1, 5_001) for seat in pages[page]]
    first_row, expected = 1, []
    for name, price, rows in STADIUM:
        for row in range(first_row, first_row + rows):
            expected += [(name, price, row, number) for number in range(1, 101)]
        first_row += rows
    assert places(seats) == expected
    ids = [seat["id"] for seat in seats]
    assert ids == sorted(set(ids))
    assert len(ids) == 100_000


async def test_an_event_of_a_million_rows_is_listed_as_any_other(any_api: Api) -> None:
    event = await any_api.make_event(rows=SEATS_MAX, seats_per_row=1, price="1.00")
    for query, rows in (
        ({"page": 1}, range(1, 21)),
        ({"page": 50_000}, range(999_981, SEATS_MAX + 1)),
        ({"row": SEATS_MAX}, [SEATS_MAX]),
        ({"row": 500_000, "status": "FREE"}, [500_000]),
        ({"row": SEATS_MAX + 1}, []),
        ({"page": 2, "status": "FREE"}, range(21, 41)),
    ):
        listed = granted(await any_api.get("/api/seats", event_id=event, **query))
        assert [(seat["row"], seat["number"]) for seat in listed] == [(row, 1) for row in rows]
    layout = granted(await any_api.get(f"/api/events/{event}/layout"))
    assert layout["zones"][0]["rows"] == [{"rows": SEATS_MAX, "seats_per_row": 1}]


async def test_rows_that_all_differ_from_their_neighbours_are_listed(any_api: Api) -> None:
    zones = [{"name": "Ragged", "price": "1.00", "rows": [1, 2] * 5_000}]
    event = await any_api.make_event(zones=zones)
    last = granted(await any_api.get("/api/seats", event_id=event, row=10_000))
    assert [(seat["row"], seat["number"]) for seat in last] == [(10_000, 1), (10_000, 2)]
    layout = granted(await any_api.get(f"/api/events/{event}/layout"))
    assert [run["seats_per_row"] for run in layout["zones"][0]["rows"]] == [1, 2] * 5_000
    assert granted(await any_api.get(f"/api/events/{event}"))["zones"][0]["rows"] == 10_000
