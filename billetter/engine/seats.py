"""Seats: claimed, released, listed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from billetter.domain.bitmap import extract, positions
from billetter.domain.booking import SeatStatus
from billetter.domain.event import Event
from billetter.domain.ids import (
    BookingId,
    BookingNumber,
    EventId,
    SeatId,
    UserId,
    split_booking_id,
    split_seat_id,
)
from billetter.domain.layout import Seat, Span, window
from billetter.domain.outcome import Answer, Outcome
from billetter.engine import keys
from billetter.engine.events import Events, byte_range
from billetter.engine.once import Once
from billetter.engine.repeat import Repeater
from billetter.engine.scripts import Store


@dataclass(frozen=True, slots=True)
class SeatPage:
    """A window of an event's seats with their states, and how many seats match in all."""

    seats: list[tuple[Seat, SeatStatus]]
    total: int


@dataclass(frozen=True, slots=True)
class SeatQuery:
    """Which seats of an event. skip: None starts anywhere among the matches and wraps."""

    row: int | None
    status: SeatStatus | None
    skip: int | None
    take: int


class Seats:
    def __init__(self, store: Store, events: Events, repeater: Repeater) -> None:
        self._store = store
        self._events = events
        self._repeater = repeater

    async def claim(
        self,
        booking: BookingId,
        user: UserId,
        seats: Sequence[SeatId],
        once: Once | None = None,
    ) -> Answer:
        """Hold all of `seats` for `booking`, or none of them.

        CLAIMED, or a refusal: NO_BOOKING, NOT_YOURS, CLOSED, NO_SEAT, WRONG_EVENT, SEAT_TAKEN
        (fields: the seat's id and when its hold ends, ms; 0: sold), TOO_MANY.
        """
        event_id, number = split_booking_id(booking)
        own = keys.of_event(event_id)

        async def attempt() -> Answer:
            wanted = await self._events.wanted(event_id, seats)
            if isinstance(wanted, Answer):
                refusal = await self._refusal(event_id, number, user, wanted)
                return await self._repeater.refuse(event_id, once, refusal)
            args: Sequence[str | int] = (user, event_id, number, wanted.version, *wanted.seats)
            return await self._store.change("claim_seats", own, own.to_claim(number), once, *args)

        return await self._repeater.final(event_id, attempt)

    async def release(self, seat: SeatId, user: UserId, once: Once | None = None) -> Answer:
        """Give one seat back.

        RELEASED, or a refusal: NO_SEAT, NOT_HELD, NOT_YOURS, CLOSED (in payment or sold).
        """
        event_id, index = split_seat_id(seat)
        own = keys.of_event(event_id)
        named = once or Once.anew()

        async def attempt() -> Answer:
            wanted = await self._events.wanted(event_id, [seat])
            if isinstance(wanted, Answer):
                return await self._repeater.refuse(event_id, once, Answer(Outcome.NO_SEAT))
            holder = await self._store.command("HGET", own.holders, index, reads=True)
            number = BookingNumber(int(holder or 0))
            held = [own.taken, own.holders, own.booking(number), own.hold(number), own.journal]
            return await self._store.change(
                "release_seats", own, held, named, user, event_id, number, index
            )

        return await self._repeater.final(event_id, attempt)

    async def page(self, event_id: EventId, query: SeatQuery) -> SeatPage | None:
        """The seats that `query` asks for, in the order zone, row, number; None: no such event."""
        while True:
            event = await self._events.get(event_id)
            if event is None:
                return None
            spans = event.layout.spans(query.row)
            total = sum(span.size for span in spans)
            if query.status is None:
                spans = window(spans, query.skip or 0, query.take)
            bits = await self._read(event, spans)
            if bits is None:
                self._events.forget(event_id)
            elif query.status is None:
                return SeatPage(_all_of(event, spans, bits), total)
            else:
                return _matching(event, spans, bits, query.status, query)

    async def _read(self, event: Event, spans: Sequence[Span]) -> list[tuple[int, int]] | None:
        """Taken and sold bits of each span at one moment; None: the layout is out of date."""
        if not spans:
            return []
        own = keys.of_event(event.id)
        edges = [edge for span in spans for edge in byte_range(span)]
        outcome, *chunks = await self._store.run_raw(
            "read_seats", [own.event, own.taken, own.sold], event.version, *edges
        )
        if outcome != b"SEATS":
            return None
        return [
            (extract(taken, span.start % 8, span.size), extract(sold, span.start % 8, span.size))
            for span, taken, sold in zip(spans, chunks[::2], chunks[1::2], strict=True)
        ]

    async def _refusal(
        self, event: EventId, number: BookingNumber, user: UserId, reason: Answer
    ) -> Answer:
        """Why seats that are none of the booking's event cannot be claimed: who asks goes first."""
        own = keys.of_event(event)
        booking = await self._store.run("read_booking", [own.booking(number), own.hold(number)])
        if booking.outcome is Outcome.NO_BOOKING:
            return booking
        return reason if booking.fields[0] == user else Answer(Outcome.NOT_YOURS)


def _all_of(
    event: Event, spans: Sequence[Span], bits: Sequence[tuple[int, int]]
) -> list[tuple[Seat, SeatStatus]]:
    seats = []
    for span, (taken, sold) in zip(spans, bits, strict=True):
        for offset in range(span.size):
            mask = 1 << (span.size - 1 - offset)
            status = (
                SeatStatus.SOLD
                if sold & mask
                else SeatStatus.RESERVED
                if taken & mask
                else SeatStatus.FREE
            )
            seats.append((_seat(event, span.start + offset), status))
    return seats


def _matching(
    event: Event,
    spans: Sequence[Span],
    bits: Sequence[tuple[int, int]],
    status: SeatStatus,
    query: SeatQuery,
) -> SeatPage:
    matches = [
        (span, _having(status, taken, sold, span.size))
        for span, (taken, sold) in zip(spans, bits, strict=True)
    ]
    total = sum(match.bit_count() for _, match in matches)
    skip = random.randrange(total) if query.skip is None and total else query.skip or 0
    found = _pick(matches, skip, query.take)
    if query.skip is None:
        found += _pick(matches, 0, min(query.take - len(found), skip))
    return SeatPage([(_seat(event, index), status) for index in found], total)


def _having(status: SeatStatus, taken: int, sold: int, count: int) -> int:
    """The bits of the seats in this state."""
    match status:
        case SeatStatus.FREE:
            return taken ^ ((1 << count) - 1)
        case SeatStatus.RESERVED:
            return taken & ~sold
        case SeatStatus.SOLD:
            return sold


def _pick(matches: Sequence[tuple[Span, int]], skip: int, take: int) -> list[int]:
    """Indexes of matching seats number `skip` … `skip + take - 1`."""
    found: list[int] = []
    for span, match in matches:
        picked = positions(match, span.size, skip, take - len(found))
        found += [span.start + position for position in picked]
        skip = max(0, skip - match.bit_count())
    return found


def _seat(event: Event, index: int) -> Seat:
    seat = event.layout.seat(index)
    assert seat is not None, "a span holds only seats"
    return seat
