"""What an event is."""

from dataclasses import dataclass

from billetter.domain.ids import EventId
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


@dataclass(frozen=True, slots=True)
class Terms:
    """How an event sells: how long holds and payments last, seats of one booking at most."""

    hold_ms: int
    payment_ms: int
    seats_max: int


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


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it stands in Redis. `version` changes with every change of its plan."""

    id: EventId
    version: str
    created_ms: int
    details: Details
    terms: Terms
    layout: Layout


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
    """How an event sells. revenue: minor units of its confirmed bookings."""

    event: Event
    zones: tuple[Counts, ...]
    revenue: int
    confirmed: int

    @property
    def all(self) -> Counts:
        return Counts(
            sum(zone.total for zone in self.zones),
            sum(zone.taken for zone in self.zones),
            sum(zone.sold for zone in self.zones),
        )
