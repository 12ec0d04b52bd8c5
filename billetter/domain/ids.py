"""Ids that say where their thing lives, by arithmetic alone.

    seat_id        = event_id · 1 000 000 + index + 1
    booking_id     = event_id · 100 000 000 + number
    ticket_type_id = event_id · 1 000 + number of its zone

All ids stay within 2^53-1, the largest integer that every JSON reader keeps exact.
"""

from typing import NewType
from urllib.parse import quote, unquote

EventId = NewType("EventId", int)
SeatId = NewType("SeatId", int)
BookingId = NewType("BookingId", int)
SeatIndex = NewType("SeatIndex", int)
"""Position of a seat in its event's bitmaps, from 0."""
TicketTypeId = NewType("TicketTypeId", int)
BookingNumber = NewType("BookingNumber", int)
"""Counts the bookings of one event, from 1."""
AccountId = NewType("AccountId", int)
"""Counts the accounts, from 1; never given twice."""
UserId = NewType("UserId", str)
"""A typed user: `guest`, `a:<account id>` or `x:<name>`; never holds a brace."""

GUEST = UserId("guest")
ID_MAX = 2**53 - 1
SEATS_MAX = 999_999
"""Seats of one event; also the largest last index + 1 that a seat id leaves room for."""
BOOKINGS_MAX = 99_999_999
"""Bookings of one event: the largest number."""
TICKET_TYPES_MAX = 999
"""The largest number of a zone that a ticket type's id leaves room for."""

_SEATS = SEATS_MAX + 1
_BOOKINGS = BOOKINGS_MAX + 1
_TICKET_TYPES = TICKET_TYPES_MAX + 1

EVENT_ID_MAX = ID_MAX // _BOOKINGS - 1


def account_user(account: AccountId) -> UserId:
    return UserId(f"a:{account}")


def account_of(user: UserId) -> AccountId | None:
    """The account behind a user, if there is one."""
    kind, _, rest = user.partition(":")
    return AccountId(int(rest)) if kind == "a" else None


def named_user(name: str) -> UserId:
    """Whoever a caller calls so: nobody with an account. Names that differ are different users."""
    return UserId(f"x:{quote(name, safe='')}")


def name_of(user: UserId) -> str:
    """How a user without an account is called."""
    return unquote(user.removeprefix("x:"))


def seat_id(event: EventId, index: SeatIndex) -> SeatId:
    return SeatId(event * _SEATS + index + 1)


def split_seat_id(seat: int) -> tuple[EventId, SeatIndex]:
    """The event and the index within it; the index is -1 where the id decodes to nothing."""
    event, position = divmod(seat, _SEATS)
    return EventId(event), SeatIndex(position - 1)


def booking_id(event: EventId, number: BookingNumber) -> BookingId:
    return BookingId(event * _BOOKINGS + number)


def split_booking_id(booking: int) -> tuple[EventId, BookingNumber]:
    """The event and the number within it; number 0 is nobody's."""
    event, number = divmod(booking, _BOOKINGS)
    return EventId(event), BookingNumber(number)


def ticket_type_id(event: EventId, zone: int) -> TicketTypeId:
    """zone: its number, TICKET_TYPES_MAX at most."""
    return TicketTypeId(event * _TICKET_TYPES + zone)


def split_ticket_type_id(ticket_type: int) -> tuple[EventId, int]:
    """The event and the number of the zone in it; number 0 is nobody's."""
    event, zone = divmod(ticket_type, _TICKET_TYPES)
    return EventId(event), zone
