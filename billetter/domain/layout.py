"""Where the seats of an event are: zones → seat indexes, rows, numbers and prices.

A zone is a list of extents (first index, count) in the event's bitmaps. Each extent starts at a
multiple of 8, so that the counts of a zone are byte-range BITCOUNTs; the padding between extents
belongs to nobody. Rows number 1… through the event in zone order; a capacity zone is one row.

What a seat index, a row or a zone's number once meant, it means for ever: what is added comes
behind all that ever was, and what goes leaves a gap.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from json import dumps, loads
from operator import itemgetter
from typing import NamedTuple

from billetter.domain.ids import SEATS_MAX, SeatIndex
from billetter.domain.rows import Rows


class Span(NamedTuple):
    """Neighbouring indexes: `size` seats from index `start` on."""

    start: int
    size: int


@dataclass(slots=True)  # Frozen ones take three times as long to make, and lists make many.
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
    number: counts the zones of the event, from 1, those included that are gone.
    """

    name: str
    price: int
    rows: Rows
    numbered: bool
    first_row: int
    extents: tuple[Span, ...]
    number: int = 1

    @cached_property
    def size(self) -> int:
        return sum(span.size for span in self.extents)

    def place(self, offset: int) -> tuple[int, int]:
        """Row and seat number of the zone's seat number `offset`, counted from 0."""
        row, number = self.rows.place(offset)
        return self.first_row + row, number


@dataclass(frozen=True)
class ZonePlan:
    """A zone as an organizer asks for it: rows of seats, or one capacity without numbers."""

    name: str
    price: int
    rows: Sequence[int]
    numbered: bool = True


class Layout:
    """The seats of one event, fixed for one version of it.

    bits, numbers: the last index + 1 and the last zone's number, of those that are gone, too.
    """

    def __init__(self, zones: Sequence[Zone], bits: int = 0, numbers: int = 0) -> None:
        if not zones:
            raise LayoutError("an event needs at least one zone")
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
        self.bits = max(bits, extents[-1][0] + extents[-1][1])
        """The last index that ever was a seat + 1."""
        self.numbers = max(numbers, *(zone.number for zone in self.zones), len(self.zones))
        """The number of the last zone that ever was."""
        self.derived: dict[object, str] = {}
        """Texts that others have made of it, by what makes them: they go when it goes."""

    @classmethod
    def plan(cls, plans: Iterable[ZonePlan]) -> "Layout":
        """Lay out new zones one after another. LayoutError at the first that does not fit."""
        return cls(list(_laid_out(plans, bits=0, row=1, number=1)))

    def adding(self, plans: Iterable[ZonePlan]) -> "Layout":
        """With more zones behind those there are. LayoutError at the first that does not fit."""
        row = max(zone.first_row + len(zone.rows) for zone in self.zones)
        more = _laid_out(plans, self.bits, row, self.numbers + 1)
        return Layout([*self.zones, *more], self.bits, self.numbers)

    def without(self, number: int) -> "Layout":
        """Without this zone. LayoutError: there is none, or no other."""
        gone = self.zone(number)
        return self._with([zone for zone in self.zones if zone is not gone])

    def renamed(self, number: int, name: str) -> "Layout":
        return self._changed(replace(self.zone(number), name=name))

    def priced(self, number: int, price: int) -> "Layout":
        """With another price for the seats of a zone that nobody has yet."""
        return self._changed(replace(self.zone(number), price=price))

    def sized(self, number: int, capacity: int) -> "Layout":
        """With another capacity of a zone without numbered seats; what goes is its last seats."""
        zone = self.zone(number)
        if zone.numbered:
            raise LayoutError(f"the rows of zone {zone.name!r} cannot be changed")
        if capacity < 1:
            raise LayoutError(f"zone {zone.name!r} has no seats")
        extents = window(zone.extents, 0, capacity)
        if capacity > zone.size:
            extents.append(_behind(self.bits, capacity - zone.size))
        return self._changed(replace(zone, rows=Rows.equal(1, capacity), extents=tuple(extents)))

    def gone(self, later: "Layout") -> list[Span]:
        """The seats that `later`, made of this layout, no longer has."""
        left = {span.start: span.size for zone in later.zones for span in zone.extents}
        return [
            Span(start + left.get(start, 0), size - left.get(start, 0))
            for start, size, *_ in self._extents
            if size > left.get(start, 0)
        ]

    def zone(self, number: int) -> Zone:
        """The zone of this number; LayoutError where there is none."""
        for zone in self.zones:
            if zone.number == number:
                return zone
        raise LayoutError(f"there is no zone {number}")

    def _changed(self, changed: Zone) -> "Layout":
        return self._with(
            [changed if zone.number == changed.number else zone for zone in self.zones]
        )

    def _with(self, zones: Sequence[Zone]) -> "Layout":
        return Layout(zones, self.bits, self.numbers)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Layout):
            return NotImplemented
        mine, theirs = (self.bits, self.numbers), (other.bits, other.numbers)
        return mine == theirs and self.zones == other.zones

    def __hash__(self) -> int:
        return hash((self.bits, self.numbers, self.total))

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

    @cached_property
    def extents(self) -> tuple[Span, ...]:
        """All seats, in the order of lists: zone, row, number."""
        return tuple(span for zone in self.zones for span in zone.extents)

    def spans(self, row: int | None = None) -> Sequence[Span]:
        """The same, or those of one row."""
        if row is None:
            return self.extents
        position = bisect_right(self._first_rows, row) - 1
        if position < 0 or row - self.zones[position].first_row >= len(self.zones[position].rows):
            return []
        zone = self.zones[position]
        return window(zone.extents, *zone.rows.span(row - zone.first_row))

    def to_json(self) -> str:
        """What `from_json` reads; equal rows are written once."""
        zones: list[object] = [None] * self.numbers
        for zone in self.zones:
            zones[zone.number - 1] = _zone_to_json(zone)
        return dumps(zones, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes, bits: int = 0) -> "Layout":
        entries = loads(text)
        zones: list[Zone] = []
        for number, entry in enumerate(entries, 1):
            if entry is not None:
                name, price, numbered, row, rows, extents = entry
                spans = tuple(Span(*extent) for extent in extents)
                told = (Rows.from_json(rows), bool(numbered), row, spans, number)
                zones.append(Zone(name, price, *told))
        return cls(zones, bits, len(entries))


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


def _laid_out(plans: Iterable[ZonePlan], bits: int, row: int, number: int) -> Iterator[Zone]:
    for plan in plans:
        rows = Rows.of(plan.rows)
        size = rows.seats
        if size < 1:
            raise LayoutError(f"zone {plan.name!r} has no seats")
        span = _behind(bits, size)
        yield Zone(plan.name, plan.price, rows, plan.numbered, row, (span,), number)
        bits, row, number = span.start + size, row + len(rows), number + 1


def _behind(bits: int, size: int) -> Span:
    """An extent behind all that ever was."""
    start = (bits + 7) // 8 * 8
    if start + size > SEATS_MAX:
        raise LayoutError(f"an event has at most {SEATS_MAX} seats")
    return Span(start, size)


def _with_offsets(zone: Zone) -> Iterator[tuple[Span, int]]:
    offset = 0
    for span in zone.extents:
        yield span, offset
        offset += span.size


def _zone_to_json(zone: Zone) -> list[object]:
    rows = zone.rows.to_json()
    return [zone.name, zone.price, int(zone.numbered), zone.first_row, rows, zone.extents]
