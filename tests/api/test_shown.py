"""What a worker has put into JSON once: as large as it may be, and never out of date."""

import asyncio
import time
from itertools import pairwise

import orjson
import pytest

from billetter.api import shown
from billetter.api.shown import LayoutTexts, SeatTexts
from billetter.domain.booking import SeatStatus
from billetter.domain.event import Details, Event, Terms
from billetter.domain.ids import EventId
from billetter.domain.layout import Layout, ZonePlan
from billetter.engine.maps import SeatPage


def event(id_: int = 1, version: str = "1", name: str = "Hall", rows: int = 100) -> Event:
    layout = Layout.plan([ZonePlan(name, 100, (10,) * rows)])
    return Event(EventId(id_), version, 0, Details("A night"), Terms(1, 1, 1), layout)


def listed(texts: SeatTexts, of: Event, *indexes: int) -> list[dict[str, object]]:
    page = SeatPage(of, [(index, SeatStatus.FREE) for index in indexes], 1_000)
    found: list[dict[str, object]] = orjson.loads(orjson.dumps(texts.of(page)))
    return found


def test_seats_are_those_of_the_event_as_it_is_now() -> None:
    texts = SeatTexts()
    for of in (event(), event(version="2", name="Great hall"), event(2), event()):
        for _ in range(2):
            seats = listed(texts, of, 10, 11)
            assert [seat["id"] for seat in seats] == [of.id * 1_000_000 + at for at in (11, 12)]
            assert {seat["zone"] for seat in seats} == {of.layout.zones[0].name}


def test_seats_take_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "SEATS_BYTES_MAX", 20_000)
    texts = SeatTexts()
    known = texts._known
    for of in map(event, range(1, 9)):
        for start in range(0, 1_000, 20):
            assert len(listed(texts, of, *range(start, start + 20))) == 20
            assert known.bytes <= 20_000
    assert known.bytes > 0


def test_events_of_which_no_seat_is_listed_take_room_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shown, "SEATS_BYTES_MAX", 20_000)
    texts = SeatTexts()
    for of in map(event, range(1, 100)):
        assert listed(texts, of) == []
    assert texts._known.get(EventId(1)) is None


async def test_a_layout_is_put_together_once() -> None:
    texts, of = LayoutTexts(), event()
    one, *others = await asyncio.gather(*(texts.of(of) for _ in range(5)))
    assert all(other is one for other in others)
    changed = await texts.of(event(version="2", name="Great hall"))
    assert orjson.loads(changed)["zones"][0]["name"] == "Great hall"
    assert orjson.loads(one)["zones"][0]["rows"] == [{"rows": 100, "seats_per_row": 10}]


async def test_a_layout_of_any_size_lets_others_have_their_turn() -> None:
    zones = [ZonePlan(f"Zone {zone}", 100, [1, 2] * 1_000) for zone in range(100)]
    of = Event(EventId(1), "1", 0, Details("A"), Terms(1, 1, 1), Layout.plan(zones))
    put_together = asyncio.ensure_future(LayoutTexts().of(of))
    turns = [time.thread_time()]
    while not put_together.done():
        await asyncio.sleep(0)
        turns.append(time.thread_time())
    assert len(turns) > 5
    assert sorted(after - before for before, after in pairwise(turns))[-3] < 0.005
    found = orjson.loads(await put_together)
    assert [run["seats_per_row"] for run in found["zones"][99]["rows"]] == [1, 2] * 1_000
