"""Bookings and ticket types as several routes show them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from billetter.api.replies import time_text
from billetter.domain.booking import Booking
from billetter.domain.event import Counts, Sales
from billetter.domain.ids import (
    TICKET_TYPES_MAX,
    EventId,
    UserId,
    account_of,
    name_of,
    split_seat_id,
    ticket_type_id,
)
from billetter.domain.layout import Zone
from billetter.domain.money import to_decimal
from billetter.domain.outcome import Opened
from billetter.domain.payment import Payment, Refund
from billetter.engine import Engine
from billetter.engine.turns import Turns


async def described(engine: Engine, bookings: Iterable[Booking]) -> list[dict[str, Any]]:
    """Bookings, of whatever events."""
    shown, turns = [], Turns()
    for each in bookings:
        shown.append(_booking(each, await items(engine, each)))
        await turns.pause()
    return shown


async def described_to_organizer(
    engine: Engine, bookings: Iterable[Booking]
) -> list[dict[str, Any]]:
    """The same with who bought them; those that have ended show the seats that they had."""
    buyers, shown = Buyers(engine), []
    for each in bookings:
        seats = [{"id": seat} for seat in each.seats or each.had]
        buyer = await buyers.named(each.user)
        shown.append(_booking(each, await items(engine, each)) | {"user": buyer, "seats": seats})
    return shown


class Buyers:
    """The names of users, each looked up once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[UserId, dict[str, Any]] = {}

    async def named(self, user: UserId) -> dict[str, Any]:
        """A user's id, or what a caller calls them, and their name."""
        if user not in self._known:
            self._known[user] = await self._look_up(user)
        return self._known[user]

    async def _look_up(self, user: UserId) -> dict[str, Any]:
        account = account_of(user)
        if account is None:
            name = name_of(user)
            return {"id": name, "username": name}
        found = await self._engine.accounts.get(account)
        return {"id": account, "username": found and found.username}


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
        "payments": [_payment(payment) for payment in booking.payments],
        "refunds": [refund_json(refund) for refund in booking.refunds],
        "created_at": time_text(booking.created_ms),
        "expires_at": None if expires_ms is None else time_text(expires_ms),
    }


def _payment(payment: Payment) -> dict[str, Any]:
    return {
        "payment_id": payment.id or None,
        "amount": to_decimal(payment.amount),
        "state": payment.state,
    }


def refund_json(refund: Refund) -> dict[str, Any]:
    return {
        "payment_id": refund.payment_id or None,
        "amount": to_decimal(refund.amount),
        "reason": refund.reason or None,
        "state": refund.state,
        "reference": refund.reference or None,
    }


def _is_ticket_type(zone: Zone) -> bool:
    return not zone.numbered and zone.number <= TICKET_TYPES_MAX
