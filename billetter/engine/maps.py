"""Seats as they stand: windows of an event's seats, and its whole map at one moment."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from billetter.domain.bitmap import Ranks, extract
from billetter.domain.booking import SeatStatus
from billetter.domain.event import Event
from billetter.domain.ids import EventId
from billetter.domain.layout import Span, window
from billetter.engine import keys
from billetter.engine.events import Events, byte_range
from billetter.engine.scripts import Store
from billetter.engine.share import Shared


class SeatQuery(NamedTuple):
    """Which seats of an event. skip: None starts anywhere among the matches and wraps."""

    row: int | None
    status: SeatStatus | None
    skip: int | None
    take: int


class SeatPage(NamedTuple):
    """A window of an event's seats, by index, with their states, and how many match in all."""

    event: Event
    seats: list[tuple[int, SeatStatus]]
    total: int


_STATES = {
    ("0", "0"): SeatStatus.FREE,
    ("1", "0"): SeatStatus.RESERVED,
    ("1", "1"): SeatStatus.SOLD,
    ("0", "1"): SeatStatus.SOLD,  # Never; the audit would say so. What is sold is not offered.
}
"""By the taken and the sold bit."""

Matches = list[tuple[Span, Ranks]]
"""Which seats of each span match."""


@dataclass
class SeatMap:
    """All seats of an event at one moment.

    taken, sold: a bit for every seat index, the first in the highest bit of the first byte.
    """

    event: Event
    taken: bytes
    sold: bytes
    _matches: dict[SeatStatus, Matches] = field(default_factory=dict)

    def matches(self, status: SeatStatus) -> Matches:
        """The seats in this state, worked out once for all who share the map."""
        if status not in self._matches:
            spans = self.event.layout.spans()
            chunks = [(_part(self.taken, span), _part(self.sold, span)) for span in spans]
            self._matches[status] = _matches(_Read(self.event, spans, chunks), status)
        return self._matches[status]


class SeatMaps:
    """Reads seats. Those who ask for the whole of an event at the same time share one reading."""

    def __init__(self, store: Store, events: Events) -> None:
        self._store = store
        self._events = events
        self._shared = Shared(self._fetch)

    async def get(self, event_id: EventId) -> SeatMap | None:
        """The whole map of an event; None: no such event."""
        return await self._shared.get(event_id)

    async def page(self, event_id: EventId, query: SeatQuery) -> SeatPage | None:
        """The seats that `query` asks for, in the order zone, row, number; None: no such event."""
        if query.status is None:
            return await self._window(event_id, query)
        if query.row is not None:
            return await self._of_row(event_id, query.row, query.status, query)
        whole = await self.get(event_id)
        if whole is None:
            return None
        return _pick(whole.event, whole.matches(query.status), query.status, query)

    async def _window(self, event_id: EventId, query: SeatQuery) -> SeatPage | None:
        """Seats in any state: only the bytes that they are in are read."""
        skip = query.skip or 0
        read = await self._read(
            event_id, lambda event: window(event.layout.spans(query.row), skip, query.take)
        )
        if read is None:
            return None
        total = sum(span.size for span in read.event.layout.spans(query.row))
        return SeatPage(read.event, _with_states(read), total)

    async def _of_row(
        self, event_id: EventId, row: int, status: SeatStatus, query: SeatQuery
    ) -> SeatPage | None:
        read = await self._read(event_id, lambda event: event.layout.spans(row))
        return read and _pick(read.event, _matches(read, status), status, query)

    async def _fetch(self, event_id: EventId) -> SeatMap | None:
        read = await self._read(event_id, lambda event: [Span(0, event.layout.bits)])
        if read is None:
            return None
        (taken, sold), length = read.chunks[0], (read.event.layout.bits + 7) // 8
        return SeatMap(read.event, taken.ljust(length, b"\0"), sold.ljust(length, b"\0"))

    async def _read(
        self, event_id: EventId, spans_of: Callable[[Event], Sequence[Span]]
    ) -> "_Read | None":
        """The bytes of some spans at one moment; None: no such event."""
        own = keys.of_event(event_id)
        while (event := await self._events.get(event_id)) is not None:
            spans = spans_of(event)
            edges = [edge for span in spans for edge in byte_range(span)]
            outcome, *chunks = await self._store.run_raw(
                "read_seats", [own.event, own.taken, own.sold], event.version, *edges
            )
            if outcome == b"SEATS":
                return _Read(event, spans, list(zip(chunks[::2], chunks[1::2], strict=True)))
            self._events.forget(event_id)
        return None


class _Read(NamedTuple):
    """Spans of an event, with the bytes that hold their taken and sold bits."""

    event: Event
    spans: Sequence[Span]
    chunks: list[tuple[bytes, bytes]]

    def bits(self) -> Iterator[tuple[Span, int, int]]:
        """Each span with its taken and sold bits."""
        for span, (taken, sold) in zip(self.spans, self.chunks, strict=True):
            first = span.start % 8
            yield span, extract(taken, first, span.size), extract(sold, first, span.size)


def _part(plane: bytes, span: Span) -> bytes:
    first, last = byte_range(span)
    return plane[first : last + 1]


def _with_states(read: _Read) -> list[tuple[int, SeatStatus]]:
    """Every seat with its state."""
    return [
        (index, _STATES[bits])
        for (start, size), taken, sold in read.bits()
        for index, bits in enumerate(_digits(taken, sold, size), start)
    ]


def _digits(taken: int, sold: int, size: int) -> Iterator[tuple[str, str]]:
    """The two bits of each seat."""
    return zip(f"{taken:0{size}b}", f"{sold:0{size}b}", strict=True)


def _matches(read: _Read, status: SeatStatus) -> Matches:
    return [
        (span, Ranks(_having(status, taken, sold, span.size), span.size))
        for span, taken, sold in read.bits()
    ]


def _having(status: SeatStatus, taken: int, sold: int, size: int) -> int:
    """The bits of the seats in this state."""
    match status:
        case SeatStatus.FREE:
            return taken ^ ((1 << size) - 1)
        case SeatStatus.RESERVED:
            return taken & ~sold
        case SeatStatus.SOLD:
            return sold


def _pick(event: Event, matches: Matches, status: SeatStatus, query: SeatQuery) -> SeatPage:
    """The page of what matches."""
    total = sum(ranks.total for _, ranks in matches)
    skip = random.randrange(total) if query.skip is None and total else query.skip or 0
    found = _indexes(matches, skip, query.take)
    if query.skip is None:
        found += _indexes(matches, 0, min(query.take - len(found), skip))
    return SeatPage(event, [(index, status) for index in found], total)


def _indexes(matches: Matches, skip: int, take: int) -> list[int]:
    """Indexes of matching seats number `skip` … `skip + take - 1`."""
    found: list[int] = []
    for span, ranks in matches:
        picked = ranks.positions(skip, take - len(found))
        found += [span.start + position for position in picked]
        skip = max(0, skip - ranks.total)
    return found
