"""What a worker has put into JSON once and gives again: seats as lists show them, whole layouts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, NamedTuple

from orjson import Fragment, dumps

from billetter.domain.booking import SeatStatus
from billetter.domain.event import Event
from billetter.domain.ids import EventId, seat_id
from billetter.domain.layout import Zone
from billetter.domain.money import to_decimal
from billetter.engine.maps import SeatPage
from billetter.engine.memory import Memory
from billetter.engine.share import Shared
from billetter.engine.turns import Turns

SEATS_BYTES_MAX = 16_000_000
"""About what the seats of all events may take. Those of a few hundred pages of each of them do."""
EVENT_BYTES, SEAT_BYTES = 600, 330
"""The memory that an event takes, and a seat of it beside its JSON."""
LAYOUTS_BYTES_MAX = 32_000_000
RUNS_AT_ONCE = 1_000
"""Runs of rows that are put into JSON before others may get their turn."""

Place = tuple[int, SeatStatus]


class _Known(NamedTuple):
    version: str
    seats: dict[Place, Fragment]


class SeatTexts:
    """Seats as JSON. A crowd looks at the same ones: 0.1 µs for one instead of 2."""

    def __init__(self) -> None:
        self._known = Memory[EventId, _Known](SEATS_BYTES_MAX)

    def of(self, page: SeatPage) -> list[Fragment]:
        """The seats of a page, in its order."""
        event = page.event
        known = self._known.get(event.id)
        if known is None or known.version != event.version:
            known = _Known(event.version, {})
            self._known.keep(event.id, known, EVENT_BYTES)
        seats = known.seats
        try:
            return [seats[place] for place in page.seats]
        except KeyError:
            return self._adding(event, seats, page.seats)

    def _adding(
        self, event: Event, seats: dict[Place, Fragment], places: Sequence[Place]
    ) -> list[Fragment]:
        size = 0
        for place in places:
            if place not in seats:
                text = _seat(event, *place)
                seats[place] = Fragment(text)
                size += SEAT_BYTES + len(text)
        self._known.grow(event.id, size)
        if self._known.bytes > SEATS_BYTES_MAX:  # It is the only one, and starts anew.
            self._known.forget(event.id)
        return [seats[place] for place in places]


class LayoutTexts:
    """Layouts as JSON, each put together once for all who ask for it at the same time."""

    def __init__(self) -> None:
        self._known = Memory[EventId, tuple[str, bytes]](LAYOUTS_BYTES_MAX)
        self._shared = Shared(self._put_together)

    async def of(self, event: Event) -> bytes:
        """Which seats there are: zones with their rows and the indexes they are at."""
        return self._kept(event) or await self._shared.get(event)

    def _kept(self, event: Event) -> bytes | None:
        version, text = self._known.get(event.id, ("", None))
        return text if version == event.version else None

    async def _put_together(self, event: Event) -> bytes:
        if text := self._kept(event):
            return text
        layout = event.layout
        about = {"event_id": event.id, "version": event.version, "indexes": layout.bits}
        pieces, turns = list[bytes](), Turns()
        for piece in chain.from_iterable(map(_zone, layout.zones)):
            pieces.append(piece)
            await turns.pause()
        text = b'%b,"zones":[%b]}' % (dumps(about)[:-1], b"".join(pieces)[:-1])
        self._known.keep(event.id, (event.version, text), len(text))
        return text


@dataclass(frozen=True, slots=True)
class Shown:
    seats: SeatTexts = field(default_factory=SeatTexts)
    layouts: LayoutTexts = field(default_factory=LayoutTexts)


def _seat(event: Event, index: int, status: SeatStatus) -> bytes:
    seat = event.layout.seat(index)
    assert seat is not None, "pages hold only seats"
    item: dict[str, Any] = {
        "id": seat_id(event.id, seat.index),
        "row": seat.row,
        "number": seat.number,
        "reserved": status is not SeatStatus.FREE,
        "status": status,
        "price": to_decimal(seat.zone.price),
        "zone": seat.zone.name,
    }
    return bytes(memoryview(dumps(item)))  # A copy: what `dumps` gives keeps 4 kB for itself.


def _zone(zone: Zone) -> Iterator[bytes]:
    """Rows in runs of equal length; the extents, one after another, hold the seats in order."""
    about = {
        "name": zone.name,
        "price": to_decimal(zone.price),
        "numbered": zone.numbered,
        "first_row": zone.first_row,
    }
    yield dumps(about)[:-1] + b',"rows":['
    runs, comma = zone.rows.runs, b""
    while some := [*islice(runs, RUNS_AT_ONCE)]:
        told = [{"rows": rows, "seats_per_row": seats} for rows, seats in some]
        yield comma + dumps(told)[1:-1]
        comma = b","
    extents = [{"first_index": start, "seats": size} for start, size in zone.extents]
    yield b'],"extents":%b},' % dumps(extents)
