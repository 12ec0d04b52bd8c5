"""What a booking is, and the states it goes through."""

from dataclasses import dataclass
from enum import StrEnum

from billetter.domain.ids import BookingId, EventId, SeatId, UserId
from billetter.domain.payment import Payment, Refund


class Status(StrEnum):
    """booked → seats_selected → payment_initiated → confirmed; or cancelled, or expired.

    One place of an event is confirmed at once, or after waiting.
    """

    BOOKED = "booked"
    SEATS_SELECTED = "seats_selected"
    PAYMENT_INITIATED = "payment_initiated"
    WAITING = "waiting"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class SeatStatus(StrEnum):
    FREE = "FREE"
    RESERVED = "RESERVED"
    SOLD = "SOLD"


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking as its owner sees it. Times are ms since 1970, money is in minor units.

    prices: what each of its seats cost when it was taken. had: the seats that it had until it
    ended.
    """

    id: BookingId
    event_id: EventId
    user: UserId
    status: Status
    seats: tuple[SeatId, ...]
    total: int
    created_ms: int
    expires_ms: int | None
    refund: str | None
    prices: tuple[int, ...] = ()
    had: tuple[SeatId, ...] = ()
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()
