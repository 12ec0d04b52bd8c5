"""What an event is."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from billetter.domain.ids import EventId, UserId
from billetter.domain.layout import Layout


@dataclass(frozen=True, slots=True)
class Details:
    """What people read of an event. starts_at_ms: ms since 1970."""

    title: str
    external: bool = False
    description: str | None = None
    starts_at_ms: int | None = None
    location: str | None = None
    category: str | None = None


class State(StrEnum):
    """on_sale ↔ closed, which still takes payments; then cancelling → cancelled, for good."""

    ON_SALE = "on_sale"
    CLOSED = "closed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


CANCEL_BEFORE_MS = 43_200_000
"""How long before its start a paid booking may be cancelled unless the event says otherwise."""
CAP_MAX = 1_000
"""The largest cap. An event that has any allows no user more unfinished bookings than this."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How an event sells: how long holds and payments last, seats of one booking at most.

    held_max, bought_max, open_max: what one user may have of the event, up to CAP_MAX each: seats
    held, seats bought (what is held counts, too), unfinished bookings. None: as much as they like.
    cancel_before_ms: paid bookings may be cancelled until this long before the event starts.
    sale_starts_at_ms, sale_ends_at_ms: its window, ms since 1970: it gives seats from the one on,
    until the other. None: from now on; until the event starts, or for ever if nobody says when.
    """

    hold_ms: int
    payment_ms: int
    seats_max: int
    held_max: int | None = None
    bought_max: int | None = None
    open_max: int | None = None
    cancel_before_ms: int = CANCEL_BEFORE_MS
    sale_starts_at_ms: int | None = None
    sale_ends_at_ms: int | None = None


class WindowError(ValueError):
    """A sale that would never be open."""


def sale_end_ms(details: Details, terms: Terms) -> int | None:
    """When the sale ends: when that was said, or else when the event starts. None: never."""
    return details.starts_at_ms if terms.sale_ends_at_ms is None else terms.sale_ends_at_ms


def check_window(starts_ms: int | None, ends_ms: int | None) -> None:
    """WindowError where a sale would end before it starts."""
    if starts_ms is not None and ends_ms is not None and starts_ms >= ends_ms:
        raise WindowError(
            "must be before sale_ends_at, or before starts_at where that is not given"
        )


@dataclass(frozen=True, slots=True)
class EventPlan:
    """An event as somebody asks for it."""

    details: Details
    terms: Terms
    layout: Layout


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """An event as lists show it."""

    id: EventId
    created_ms: int
    details: Details
    state: State = State.ON_SALE


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it stands in Redis. `version` changes with every change of its plan.

    organizer: None where only an administrator may change it.
    """

    id: EventId
    version: str
    created_ms: int
    details: Details
    terms: Terms
    layout: Layout
    state: State = State.ON_SALE
    organizer: UserId | None = None

    @property
    def sale_ends_at_ms(self) -> int | None:
        return sale_end_ms(self.details, self.terms)

    def sells_at(self, now_ms: float) -> bool:
        starts_ms = self.terms.sale_starts_at_ms
        opened = starts_ms is None or starts_ms <= now_ms
        return self.state is State.ON_SALE and opened and not self.sale_is_over(now_ms)

    def sale_is_over(self, now_ms: float) -> bool:
        ends_ms = self.sale_ends_at_ms
        return ends_ms is not None and ends_ms <= now_ms


Change = Callable[[Event], Event]
"""What becomes of an event; computed anew when the event has moved on meanwhile."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Seats of an event or a zone, counted from its bitmaps."""

    total: int
    taken: int
    sold: int

    @property
    def free(self) -> int:
        return self.total - self.taken

    @property
    def reserved(self) -> int:
        return self.taken - self.sold


@dataclass(frozen=True, slots=True)
class Sales:
    """How an event sells. revenue: minor units of its confirmed bookings.

    waiting: how many wait for a place. While anybody does, no seat counts as free.
    """

    event: Event
    zones: tuple[Counts, ...]
    revenue: int
    confirmed: int
    waiting: int = 0

    def status(self, now_ms: float) -> str:
        """What people are told of the event: cancelled, past, sold_out or upcoming.

        It is sold out, too, once its sale is over: nothing is to be had any more. Before its sale
        opens it is upcoming.
        """
        if self.event.state in (State.CANCELLING, State.CANCELLED):
            return "cancelled"
        starts_at_ms = self.event.details.starts_at_ms
        if starts_at_ms is not None and starts_at_ms < now_ms:
            return "past"
        over = self.event.sale_is_over(now_ms)
        return "upcoming" if self.all.free and not over else "sold_out"

    @property
    def all(self) -> Counts:
        return Counts(
            sum(zone.total for zone in self.zones),
            sum(zone.taken for zone in self.zones),
            sum(zone.sold for zone in self.zones),
        )
