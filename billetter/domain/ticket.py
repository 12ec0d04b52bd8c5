"""Tickets without numbers: any free seat of a zone, one place for each user, a place in a line."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from billetter.domain.ids import BookingId, EventId, UserId
from billetter.domain.outcome import Outcome


class Item(NamedTuple):
    """So many tickets of a zone. zone: its number in the layout; quantity: 1 or more."""

    zone: int
    quantity: int


class Rank(StrEnum):
    """What a user has of an event that gives one place to each."""

    CONFIRMED = "confirmed"
    WAITING = "waiting"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Reserved:
    """One user's place in an event, confirmed at once. created_ms: ms since 1970."""

    id: BookingId
    event_id: EventId
    user: UserId
    created_ms: int
    outcome: Outcome
    replayed: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A ticket, or a place in the line for one. Times are ms since 1970.

    position: the rank in the line, from 1; None unless waiting.
    """

    id: BookingId
    event_id: EventId
    user: UserId
    status: Rank
    position: int | None
    created_ms: int
    updated_ms: int
    outcome: Outcome
    replayed: bool
