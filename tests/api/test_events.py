"""Events: made, listed, read, counted."""

from typing import Any

import pytest

from tests.api.client import MONEY, TIME, Api, granted, outcome, refused, seat_of


def zone(name: str = "Stalls", price: object = "10.00", **size: object) -> dict[str, object]:
    return {"name": name, "price": price, **size}


async def test_a_title_is_all_an_event_needs(any_api: Api) -> None:
    made = await any_api.post("/api/events", {"title": "First night"})

    event = granted(made, 201)["id"]
    assert granted(made, 201) == {"id": event}
    assert made.headers["location"] == f"/api/events/{event}"
    assert outcome(made) == "CREATED"
    assert [s["number"] for s in await any_api.seats(event)] == list(range(1, 21))
    last = (await any_api.seats(event, page=50))[-1]
    assert (last["row"], last["number"], last["price"]) == (10, 100, "10.00")
    assert (await any_api.analytics(event))["total_seats"] == 1000


@pytest.mark.parametrize(
    ("form", "total", "price"),
    [
        ({"rows": 3, "seats_per_row": 4, "price": "25.5"}, 12, "25.50"),
        ({"rows": 2}, 200, "10.00"),
        ({"price": "7"}, 1000, "7.00"),
        ({"price": "0"}, 1000, "0.00"),
        ({"zones": [zone(rows=2, seats_per_row=3)]}, 6, "10.00"),
        ({"zones": [zone(rows=[1, 4, 2], price="999999999.99")]}, 7, "999999999.99"),
        ({"zones": [zone(capacity=5)]}, 5, "10.00"),
    ],
    ids=str,
)
async def test_the_forms_of_an_inventory(
    api: Api, form: dict[str, object], total: int, price: str
) -> None:
    event = await api.make_event(**form)

    assert (await api.analytics(event))["total_seats"] == total
    assert (await api.seats(event))[0]["price"] == price


async def test_everything_said_of_an_event_is_kept(any_api: Api) -> None:
    said = {
        "title": "Щелкунчик 🎭",
        "external": True,
        "description": "Two\nlines",
        "location": "Опера",
        "category": "opera",
        "hold_seconds": 60,
        "max_seats_per_booking": 4,
    }

    event = await any_api.make_event(**said, starts_at="2026-10-13T21:30:00.250+03:00")

    read = granted(await any_api.get(f"/api/events/{event}"))
    assert said | {"id": event, "starts_at": "2026-10-13T18:30:00.250Z"} == {
        name: read[name] for name in (*said, "id", "starts_at")
    }
    assert TIME.fullmatch(read["created_at"])
    listed = granted(await any_api.get("/api/events", page=1, pageSize=1))
    assert listed[0].items() <= read.items()
    assert listed[0]["external"] is True


async def test_what_is_not_said_has_its_default(api: Api) -> None:
    read = granted(await api.get(f"/api/events/{await api.make_event()}"))

    assert read["external"] is False
    assert read["hold_seconds"] == 900
    assert read["max_seats_per_booking"] == 100


@pytest.mark.parametrize("description", ["", "  \n ", "0", "\t", "\u0416" * 5_000])
async def test_a_description_may_be_any_text(any_api: Api, description: str) -> None:
    event = await any_api.make_event(description=description)

    assert granted(await any_api.get(f"/api/events/{event}"))["description"] == description.strip()
    (listed,) = granted(await any_api.get("/api/events", page=1, pageSize=1))
    assert listed["description"] == description.strip()


async def test_unknown_fields_are_ignored_and_never_bound(api: Api) -> None:
    event = await api.make_event(id=5, organizer="me", state="cancelled", revenue="1000.00")

    assert event != 5
    assert (await api.analytics(event))["total_revenue"] == "0.00"
    assert granted(await api.open(event), 201)


@pytest.mark.parametrize("title", ["Ж" * 200, "a", "🎭🎻", "<script>alert(1)</script>", '"\\'])
async def test_a_title_comes_back_as_it_was_sent(api: Api, title: str) -> None:
    event = await api.make_event(title=title)

    assert granted(await api.get(f"/api/events/{event}"))["title"] == title


@pytest.mark.parametrize(
    "title", ["", "   ", "\n", "a" * 201, "a\0b", "two\nlines", "\x7f", None, 1, True, ["a"], {}]
)
async def test_a_title_must_be_a_line_of_text(api: Api, title: object) -> None:
    body = refused(await api.create(title=title), 400, "validation_error")

    assert body["details"][0]["field"] == "title"


async def test_an_event_without_a_title_is_refused(api: Api) -> None:
    refused(await api.post("/api/events", {}), 400, "validation_error")


BAD_INVENTORIES: list[dict[str, Any]] = [
    {"rows": 0},
    {"rows": -1},
    {"rows": 1_000_000},
    {"rows": 1_001, "seats_per_row": 1_000},
    {"seats_per_row": 0},
    {"zones": []},
    {"zones": {}},
    {"zones": [{}]},
    {"zones": [None]},
    {"zones": [zone()]},
    {"zones": [zone(rows=2)]},
    {"zones": [zone(seats_per_row=2)]},
    {"zones": [zone(rows=[1], seats_per_row=2)]},
    {"zones": [zone(rows=1, seats_per_row=2, capacity=2)]},
    {"zones": [zone(rows=[])]},
    {"zones": [zone(rows=[1, 0])]},
    {"zones": [zone(rows=[1, "2"])]},
    {"zones": [zone(rows=[1, 2.0])]},
    {"zones": [zone(capacity=0)]},
    {"zones": [zone(capacity=-5)]},
    {"zones": [zone(capacity=1_000_000)]},
    {"zones": [zone(capacity=500_000), zone(capacity=500_000)]},
    {"zones": [zone(rows=999_999, seats_per_row=999_999)]},
    {"zones": [zone(name="", capacity=1)]},
    {"zones": [zone(name="a\0", capacity=1)]},
    {"zones": [{"price": "1.00", "capacity": 1}]},
    {"zones": [{"name": "Stalls", "capacity": 1}]},
    {"zones": [zone(capacity=1)], "rows": 1},
    {"zones": [zone(capacity=1)], "price": "1.00"},
    {"zones": [zone(capacity=1)] * 1_001},
    {"hold_seconds": 0},
    {"hold_seconds": -1},
    {"hold_seconds": 10**9},
    {"max_seats_per_booking": 0},
    {"max_seats_per_booking": 10**6},
    {"description": "a\0b"},
    {"description": "a" * 5_001},
    {"location": ""},
    {"external": "true"},
    {"external": 1},
]


@pytest.mark.parametrize("inventory", BAD_INVENTORIES, ids=lambda inventory: str(inventory)[:60])
async def test_an_absurd_event_is_refused(api: Api, inventory: dict[str, Any]) -> None:
    refused(await api.create(**inventory), 400, "validation_error")


@pytest.mark.parametrize(
    "price",
    [
        *(
            "-1.00",
            "1.234",
            "1,00",
            "",
            " 1",
            "1\n",
            "1e3",
            "NaN",
            "0x10",
            "1000000000",
            "+1",
            "1.",
        ),
        *(10, 10.5, True, None, ["1"]),
    ],
)
async def test_money_is_a_decimal_string(api: Api, price: object) -> None:
    refused(await api.create(zones=[zone(price=price, capacity=1)]), 400, "validation_error")
    if price is not None:
        refused(await api.create(price=price), 400, "validation_error")


@pytest.mark.parametrize(
    "starts_at",
    [
        *("", "tomorrow", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "1969-12-31T23:59:59Z"),
        *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "99999-01-01T00:00:00Z"),
        *(1_760_000_000, -1, 1e300, True, {}),
    ],
)
async def test_a_start_is_a_time(api: Api, starts_at: object) -> None:
    refused(await api.create(starts_at=starts_at), 400, "validation_error")


async def test_refused_events_leave_nothing_behind(alone: Api) -> None:
    for inventory in BAD_INVENTORIES:
        await alone.create(**inventory)

    assert granted(await alone.get("/api/events")) == []
    assert await alone.redis("GET", "{events}:next") == b"0"


async def test_the_largest_event(api: Api) -> None:
    event = await api.make_event(zones=[zone(capacity=999_999)])

    booking = await api.book(event, seat_of(event, 999_998))
    assert [seat["id"] for seat in (await api.shown(booking))["seats"]] == [seat_of(event, 999_998)]
    refused(await api.select(booking, seat_of(event, 999_999)), 404, "seat_not_found")


async def test_newest_first(alone: Api) -> None:
    made = [await alone.make_event(title=f"Night {number}") for number in range(25)]
    newest = made[::-1]

    whole = await alone.get("/api/events")
    assert [event["id"] for event in granted(whole)] == newest
    assert whole.headers["x-total-count"] == "25"

    async def ids(**query: object) -> list[int]:
        page = await alone.get("/api/events", **query)
        assert page.headers["x-total-count"] == "25"
        return [event["id"] for event in granted(page)]

    assert await ids(page=1) == newest[:20]
    assert await ids(page=2) == newest[20:]
    assert await ids(pageSize=3) == newest[:3]
    assert await ids(page=9, pageSize=3) == newest[24:]
    assert await ids(page=10, pageSize=3) == []
    assert await ids(page=2**53 - 1, pageSize=20) == []


async def test_search(alone: Api) -> None:
    ballet = await alone.make_event(title="Щелкунчик", starts_at="2026-10-13T23:59:59.999Z")
    play = await alone.make_event(title="Play", description="with a tosca inside")
    late = await alone.make_event(title="Play 100%", starts_at="2026-10-13T23:00:00-03:00")

    async def found(**query: str) -> list[int]:
        answer = await alone.get("/api/events", **query)
        events = granted(answer)
        assert answer.headers["x-total-count"] == str(len(events))
        return [event["id"] for event in events]

    assert await found(query="щЕЛКУНЧИК") == [ballet]
    assert await found(query="Tosca") == [play]
    assert await found(query="PLAY") == [late, play]
    assert await found(query="100%") == [late]
    assert await found(query="nothing") == []
    assert await found(query="") == [late, play, ballet]
    assert await found(date="2026-10-13") == [ballet]
    assert await found(date="2026-10-14") == [late]
    assert await found(date="2026-10-14", query="play") == [late]
    assert await found(date="2026-10-14", query="щЕЛКУНЧИК") == []


async def test_a_search_has_pages(alone: Api) -> None:
    made = [await alone.make_event(title=f"Night {number}") for number in range(5)]
    await alone.make_event(title="Day")

    page = await alone.get("/api/events", query="night", page=2, pageSize=2)
    assert [event["id"] for event in granted(page)] == [made[2], made[1]]
    assert page.headers["x-total-count"] == "5"
    assert granted(await alone.get("/api/events", query="night", page=4, pageSize=2)) == []


@pytest.mark.parametrize(
    "date", ["2026-13-01", "2026-02-30", "2026-1-1", "13.10.2026", "today", "2026-10-13T00:00:00Z"]
)
async def test_a_date_is_a_day(api: Api, date: str) -> None:
    body = refused(await api.get("/api/events", date=date), 400, "validation_error")

    assert body["details"][0]["field"] == "date"


async def test_an_event_and_its_availability_follow_the_sale(any_api: Api) -> None:
    event = await any_api.make_event(
        zones=[zone("A", "150.00", rows=[3, 2]), zone("B", "20.50", capacity=10)]
    )
    a1, a2, a3, *_ = (seat["id"] for seat in await any_api.seats(event, row=1))
    await any_api.paid(event, a1, a2)
    await any_api.book(event, a3)

    read = granted(await any_api.get(f"/api/events/{event}"))
    counted = ("total_seats", "sold_seats", "reserved_seats", "free_seats")
    assert [read[name] for name in counted] == [15, 2, 1, 12]
    assert [[each[name] for name in counted] for each in read["zones"]] == [
        [5, 2, 1, 2],
        [10, 0, 0, 10],
    ]
    assert [(each["name"], each["price"]) for each in read["zones"]] == [
        ("A", "150.00"),
        ("B", "20.50"),
    ]
    assert granted(await any_api.get(f"/api/events/{event}/availability")) == {
        "event_id": event,
        "total_seats": 15,
        "booked": 3,
        "left": 12,
    }


async def test_analytics_count_what_is_confirmed(any_api: Api) -> None:
    event = await any_api.make_event(
        zones=[zone("A", "150.05", rows=[3]), zone("B", "0.99", capacity=3)]
    )
    assert await any_api.analytics(event) == {
        "event_id": event,
        "total_seats": 6,
        "sold_seats": 0,
        "reserved_seats": 0,
        "free_seats": 6,
        "total_revenue": "0.00",
        "bookings_count": 0,
        "zones": [
            {"name": "A", "price": "150.05", "total_seats": 3, "sold_seats": 0}
            | {"reserved_seats": 0, "free_seats": 3},
            {"name": "B", "price": "0.99", "total_seats": 3, "sold_seats": 0}
            | {"reserved_seats": 0, "free_seats": 3},
        ],
    }
    a1, a2, a3, b1, b2, b3 = (seat["id"] for seat in await any_api.seats(event))

    await any_api.paid(event, a1, a2, b1)
    await any_api.paid(event, b2)
    await any_api.paying(event, a3)
    await any_api.cancel(await any_api.book(event, b3))
    await any_api.book(event)

    numbers = await any_api.analytics(event)
    assert MONEY.fullmatch(numbers["total_revenue"])
    assert numbers == {
        "event_id": event,
        "total_seats": 6,
        "sold_seats": 4,
        "reserved_seats": 1,
        "free_seats": 1,
        "total_revenue": "302.08",
        "bookings_count": 2,
        "zones": [
            {"name": "A", "price": "150.05", "total_seats": 3, "sold_seats": 2}
            | {"reserved_seats": 1, "free_seats": 0},
            {"name": "B", "price": "0.99", "total_seats": 3, "sold_seats": 2}
            | {"reserved_seats": 0, "free_seats": 1},
        ],
    }


async def test_the_largest_sum_is_exact(api: Api) -> None:
    event = await api.make_event(zones=[zone(price="999999999.99", capacity=100)])
    seats = [seat_of(event, index) for index in range(100)]
    booking = granted(await api.open(event, seat_ids=seats), 201)["id"]
    granted(await api.pay(booking))
    granted(await api.succeed(booking))

    assert (await api.shown(booking))["total"] == "99999999999.00"
    assert (await api.analytics(event))["total_revenue"] == "99999999999.00"


@pytest.mark.parametrize("event", [0, 999_999_999, 2**53 - 1, 2**63, 10**30, "9" * 5_000])
async def test_unknown_events(any_api: Api, event: object) -> None:
    refused(await any_api.get(f"/api/events/{event}"), 404, "event_not_found")
    refused(await any_api.get(f"/api/events/{event}/availability"), 404, "event_not_found")
    if isinstance(event, int) and event < 2**53:
        refused(await any_api.get("/api/analytics", id=event), 404, "event_not_found")
        refused(await any_api.get("/api/seats", event_id=event), 404, "event_not_found")
        refused(await any_api.open(event), 404, "event_not_found")
