"""Where the seats of an event are: zones → seat indexes, rows, numbers and prices.

A zone is a list of extents (first index, count) in the event's bitmaps. Each extent starts at a
multiple of 8, so that the counts of a zone are byte-range BITCOUNTs; the padding between extents
belongs to nobody. Rows number 1… through the event in zone order; a capacity zone is one row.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from json import dumps, loads
from operator import itemgetter
from typing import NamedTuple

from billetter.domain.ids import SEATS_MAX, SeatIndex


class Span(NamedTuple):
    """Neighbouring indexes: `size` seats from index `start` on."""

    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Seat:
    """One seat. row and number count from 1."""

    index: SeatIndex
    row: int
    number: int
    zone: "Zone"


class LayoutError(ValueError):
    """The zones cannot be laid out; the message says why."""


@dataclass(frozen=True)
class Zone:
    """Seats of one name and price.

    price: minor units. rows: seats of each row, or one number for a zone without numbered seats.
    """

    name: str
    price: int
    rows: tuple[int, ...]
    numbered: bool
    first_row: int
    extents: tuple[Span, ...]

    @cached_property
    def row_ends(self) -> tuple[int, ...]:
        """Seats of the zone up to and including each row."""
        return tuple(accumulate(self.rows))

    @property
    def size(self) -> int:
        return self.row_ends[-1]

    def place(self, offset: int) -> tuple[int, int]:
        """Row and seat number of the zone's seat number `offset`, counted from 0."""
        row = bisect_right(self.row_ends, offset)
        before = self.row_ends[row - 1] if row else 0
        return self.first_row + row, offset - before + 1


@dataclass(frozen=True)
class ZonePlan:
    """A zone as an organizer asks for it: rows of seats, or one capacity without numbers."""

    name: str
    price: int
    rows: tuple[int, ...]
    numbered: bool = True


class Layout:
    """The seats of one event, fixed for one version of it."""

    def __init__(self, zones: Sequence[Zone]) -> None:
        self.zones = tuple(zones)
        extents = sorted(
            (
                (span.start, span.size, zone, offset)
                for zone in self.zones
                for span, offset in _with_offsets(zone)
            ),
            key=itemgetter(0),
        )
        self._extents = extents
        self._starts = [start for start, *_ in extents]
        self._first_rows = [zone.first_row for zone in self.zones]
        self.total = sum(zone.size for zone in self.zones)
        self.bits = extents[-1][0] + extents[-1][1]
        """The last index + 1."""

    @classmethod
    def plan(cls, plans: Iterable[ZonePlan]) -> "Layout":
        """Lay out new zones one after another. LayoutError at the first that does not fit."""
        zones: list[Zone] = []
        start, row = 0, 1
        for plan in plans:
            size = sum(plan.rows)
            if size < 1:
                raise LayoutError(f"zone {plan.name!r} has no seats")
            if start + size > SEATS_MAX:
                raise LayoutError(f"an event has at most {SEATS_MAX} seats")
            extents = (Span(start, size),)
            zones.append(Zone(plan.name, plan.price, plan.rows, plan.numbered, row, extents))
            start += (size + 7) // 8 * 8
            row += len(plan.rows)
        if not zones:
            raise LayoutError("an event needs at least one zone")
        return cls(zones)

    def zone_of(self, index: int) -> Zone | None:
        """The zone of the seat at `index`; None where there is no seat: padding, out of range."""
        found = self._find(index)
        return found[0] if found else None

    def seat(self, index: int) -> Seat | None:
        """The seat at `index`, or None where there is none."""
        found = self._find(index)
        if found is None:
            return None
        zone, offset = found
        row, number = zone.place(offset)
        return Seat(SeatIndex(index), row, number, zone)

    def _find(self, index: int) -> tuple[Zone, int] | None:
        """The zone of an index, and which of its seats it is, counted from 0."""
        position = bisect_right(self._starts, index) - 1
        if position < 0:
            return None
        start, count, zone, offset = self._extents[position]
        return (zone, offset + index - start) if index < start + count else None

    def spans(self, row: int | None = None) -> list[Span]:
        """All seats, or those of one row, in the order of lists: zone, row, number."""
        if row is None:
            return [span for zone in self.zones for span in zone.extents]
        position = bisect_right(self._first_rows, row) - 1
        if position < 0 or row - self.zones[position].first_row >= len(self.zones[position].rows):
            return []
        zone = self.zones[position]
        end = zone.row_ends[row - zone.first_row]
        size = zone.rows[row - zone.first_row]
        return window(zone.extents, end - size, size)

    def to_json(self) -> str:
        """What `from_json` reads; equal rows are written once, so it stays O(zones)."""
        return dumps([_zone_to_json(zone) for zone in self.zones], separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> "Layout":
        zones: list[Zone] = []
        row = 1
        for name, price, numbered, rows, extents in loads(text):
            lengths = tuple(n for times, n in rows for _ in range(times))
            spans = tuple(Span(*extent) for extent in extents)
            zones.append(Zone(name, price, lengths, bool(numbered), row, spans))
            row += len(lengths)
        return cls(zones)


def window(spans: Sequence[Span], skip: int, take: int) -> list[Span]:
    """What is left of `spans` for seats number `skip` … `skip + take - 1` in their order."""
    left: list[Span] = []
    for start, count in spans:
        if take <= 0:
            break
        if skip < count:
            taken = min(take, count - skip)
            left.append(Span(start + skip, taken))
            take -= taken
        skip = max(0, skip - count)
    return left


def _with_offsets(zone: Zone) -> Iterator[tuple[Span, int]]:
    offset = 0
    for span in zone.extents:
        yield span, offset
        offset += span.size


def _zone_to_json(zone: Zone) -> list[object]:
    runs: list[list[int]] = []
    for length in zone.rows:
        if runs and runs[-1][1] == length:
            runs[-1][0] += 1
        else:
            runs.append([1, length])
    return [zone.name, zone.price, int(zone.numbered), runs, zone.extents]
