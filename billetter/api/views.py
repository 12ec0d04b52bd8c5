"""Bookings and ticket types as several routes show them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from billetter.api.replies import time_text
from billetter.domain.booking import Booking
from billetter.domain.event import Counts, Sales
from billetter.domain.ids import TICKET_TYPES_MAX, EventId, split_seat_id, ticket_type_id
from billetter.domain.layout import Zone
from billetter.domain.money import to_decimal
from billetter.domain.outcome import Opened
from billetter.engine import Engine
from billetter.engine.turns import Turns


async def described(engine: Engine, bookings: Iterable[Booking]) -> list[dict[str, Any]]:
    """Bookings, of whatever events."""
    shown, turns = [], Turns()
    for each in bookings:
        shown.append(_booking(each, await items(engine, each)))
        await turns.pause()
    return shown


async def items(engine: Engine, booking: Booking | Opened) -> list[dict[str, Any]]:
    """The tickets of a booking, type by type: prices are those at which they were taken."""
    event = await engine.events.holding(booking.event_id, booking.seats)
    counted = Counter[tuple[int, int]]()
    for seat, price in zip(booking.seats, booking.prices, strict=True):
        zone = event.layout.zone_of(split_seat_id(seat)[1]) if event else None
        if zone is not None and _is_ticket_type(zone):
            counted[zone.number, price] += 1
    return [
        {
            "ticket_type_id": ticket_type_id(booking.event_id, number),
            "quantity": quantity,
            "price": to_decimal(price),
            "priceAtBooking": to_decimal(price),
        }
        for (number, price), quantity in counted.items()
    ]


def ticket_types(sales: Sales) -> list[dict[str, Any]]:
    return [
        ticket_type(sales.event.id, zone.number, zone.name, zone.price, counts)
        for zone, counts in zip(sales.event.layout.zones, sales.zones, strict=True)
        if _is_ticket_type(zone)
    ]


def ticket_type(
    event: EventId, number: int, name: str, price: int, counts: Counts
) -> dict[str, Any]:
    return {
        "id": ticket_type_id(event, number),
        "name": name,
        "price": to_decimal(price),
        "quantity": counts.total,
        "quantityAvailable": counts.free,
        "quantitySold": counts.sold,
    }


def _booking(booking: Booking, tickets: list[dict[str, Any]]) -> dict[str, Any]:
    expires_ms = booking.expires_ms
    return {
        "id": booking.id,
        "event_id": booking.event_id,
        "status": booking.status,
        "seats": [{"id": seat} for seat in booking.seats],
        "items": tickets,
        "total": to_decimal(booking.total),
        "refund": booking.refund,
        "created_at": time_text(booking.created_ms),
        "expires_at": None if expires_ms is None else time_text(expires_ms),
    }


def _is_ticket_type(zone: Zone) -> bool:
    return not zone.numbered and zone.number <= TICKET_TYPES_MAX
