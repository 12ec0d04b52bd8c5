"""Random requests, half of them nonsense: no 5xx, and afterwards everything is in order."""

import asyncio
import json
import random
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.api.client import Api, granted
from tests.crowd import Connection, gathered

CLIENTS = 10
REQUESTS = 200
"""Of each client."""

ZONES = [
    {"name": "Stalls", "price": "10.00", "rows": 2, "seats_per_row": 6},
    {"name": "Lawn", "price": "2.00", "capacity": 9},
]
CHANGES: list[tuple[str, str, list[str]]] = [
    ("POST", "/api/events", ["title", "description", "starts_at", "location", "rows", "price"]),
    ("POST", "/api/events", ["zones", "hold_seconds", "max_seats_per_booking", "external"]),
    ("POST", "/api/bookings", ["event_id"]),
    ("POST", "/api/bookings", ["event_id", "seat_ids"]),
    ("POST", "/api/bookings", ["event_id", "ticket_type_id", "quantity"]),
    ("POST", "/api/bookings", ["eventId", "items"]),
    ("POST", "/api/bookings/reserve", ["event_id", "user_id"]),
    ("POST", "/api/book", ["eventId", "userId"]),
    ("POST", "/api/cancel", ["eventId", "userId"]),
    ("PATCH", "/api/bookings/initiatePayment", ["booking_id"]),
    ("PATCH", "/api/bookings/initiatePayment", ["booking_id"]),
    ("PATCH", "/api/bookings/cancel", ["booking_id"]),
    ("PATCH", "/api/seats/select", ["booking_id", "seat_id"]),
    ("PATCH", "/api/seats/select", ["booking_id", "seat_ids"]),
    ("PATCH", "/api/seats/release", ["seat_id"]),
    ("POST", "/api/payments/notifications", ["paymentId", "status", "data"]),
]
READS = [
    ("/api/events", ["query", "date", "page", "pageSize"]),
    ("/api/events", ["date_from", "date_to", "location", "min_price", "max_price"]),
    ("/api/events", ["available", "sortBy", "order", "limit"]),
    ("/api/bookings", ["page", "pageSize"]),
    ("/api/seats", ["event_id", "row", "page", "pageSize", "status"]),
    ("/api/analytics", ["id"]),
    ("/api/payments/success", ["orderId"]),
    ("/api/payments/success", ["orderId"]),
    ("/api/payments/fail", ["orderId"]),
]
NUMBERS = [0, 1, 2, 20, -1, 999_999, 1_000_000, 2**31, 2**53 - 1, 2**53, 2**63, 2**64, 10**40]
WORDS = ["", " ", "a", "10.00", "0", "2026-10-13", "2026-10-13T24:00:00Z", "P1D", "FREE", "SOLD"]
WORDS += ["NEW", "CONFIRMED", "failed", "\0", "\U0001f3ad", "\ud800", "\u0130", "x" * 300, "{p01}"]


class Monkey:
    """Makes requests; ids are often those of events, bookings and seats that there may be."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._event = 1

    async def play(self, connection: Connection) -> None:
        for _ in range(REQUESTS):
            self._event = self._random.randint(1, 4)
            method, path, content = self._read() if self._random.random() < 0.3 else self._change()
            key = f"key-{self._random.randrange(500)}" if self._random.random() < 0.3 else None
            answer = await connection.send(method, path, content, key)
            assert answer.status < 500, (method, path, content, key, answer)
            assert b"Traceback" not in answer.body

    def _read(self) -> tuple[str, str, None]:
        path, fields = self._random.choice(READS)
        query = {name: str(self._value(name)) for name in fields if self._random.random() < 0.7}
        return "GET", f"{path}?{urlencode(query, errors='surrogatepass')}", None

    def _change(self) -> tuple[str, str, bytes]:
        method, path, fields = self._random.choice(CHANGES)
        likely = 0.3 if path == "/api/events" else 0.9  # It has much that may be left out.
        body = {name: self._value(name) for name in fields if self._random.random() < likely}
        if path == "/api/events":
            body = {"title": "Night", **body}
        content = bytearray(json.dumps(body).encode())
        if self._random.random() < 0.1:
            content[self._random.randrange(len(content))] = self._random.randrange(256)
        return method, path, bytes(content)

    def _value(self, name: str) -> Any:
        if self._random.random() < 0.15:
            return self._nonsense()
        seat = self._event * 1_000_000 + self._random.randint(1, 12)
        booking = self._event * 100_000_000 + self._random.randint(1, 30)
        known: dict[str, Any] = {
            "event_id": self._event,
            "eventId": self._event,
            "user_id": self._user(),
            "userId": self._user(),
            "ticket_type_id": self._ticket_type(),
            "quantity": self._random.randint(1, 3),
            "items": [{"ticketTypeId": self._ticket_type(), "quantity": 1}] * 2,
            "available": self._random.choice(["true", "false"]),
            "sortBy": self._random.choice(["date", "price", "title"]),
            "order": self._random.choice(["asc", "desc"]),
            "id": self._event,
            "booking_id": booking,
            "orderId": booking,
            "data": {"orderId": self._random.choice([booking, str(booking)])},
            "seat_id": seat,
            "seat_ids": [seat + more for more in range(self._random.randint(1, 3))],
            "paymentId": f"payment-{booking}",
            "zones": [{"name": "Stalls", "price": "5.00", "rows": [3, self._number()]}],
            "rows": self._random.randint(1, 3),
            "title": "Night",
            "page": self._random.randint(1, 3),
            "status": self._random.choice(["CONFIRMED", "completed", "failed", "NEW", "FREE"]),
        }
        return known[name] if name in known else self._random.choice([*WORDS, self._number()])

    def _user(self) -> Any:
        return self._random.choice([*WORDS, *range(10)])

    def _ticket_type(self) -> int:
        return 1_000 * self._event + self._random.randint(1, 2)

    def _number(self) -> Any:
        return self._random.choice(NUMBERS)

    def _nonsense(self, depth: int = 0) -> Any:
        match self._random.randrange(6 if depth < 3 else 4):
            case 0:
                return self._number()
            case 1:
                return self._random.choice(WORDS)
            case 2:
                return self._random.choice([None, True, False])
            case 3:
                return self._random.choice([0.5, 1.0, 1e300, float("nan"), float("inf")])
            case 4:
                return [self._nonsense(depth + 1) for _ in range(self._random.randrange(4))]
        names = self._random.sample(["name", "price", "capacity", "orderId", "rows"], 3)
        return {name: self._nonsense(depth + 1) for name in names}


async def bookings_of(api: Api, event: int) -> list[Any]:
    """The bookings of an event, whoever has them."""
    found: list[Any] = []
    target = f"/api/events/{event}/bookings"
    while target:
        answer = await api.http.get(target)
        found += granted(answer)
        target = answer.links.get("next", {}).get("url", "")
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_random_requests_break_nothing(alone: Api, seed: int) -> None:
    events = [await alone.make_event(zones=ZONES) for _ in range(4)]

    async with gathered(alone.address, CLIENTS) as crowd:
        monkeys = [Monkey(100 * seed + number) for number in range(CLIENTS)]
        pairs = zip(monkeys, crowd, strict=True)
        await asyncio.gather(*(monkey.play(connection) for monkey, connection in pairs))

    every = granted(await alone.get("/api/events"))
    held = {status: 0 for status in ("RESERVED", "SOLD")}
    for event in (each["id"] for each in every):
        granted(await alone.get(f"/api/events/{event}"))
        assert await alone.broken_rules(event) == []
        numbers = await alone.analytics(event)
        held["RESERVED"] += numbers["reserved_seats"]
        held["SOLD"] += numbers["sold_seats"]
    assert {each["id"] for each in every} >= set(events)
    bookings = [booking for each in every for booking in await bookings_of(alone, each["id"])]
    ended = ("cancelled", "expired")
    living = [booking for booking in bookings if booking["status"] not in ended]
    assert sum(len(booking["seats"]) for booking in living) == sum(held.values())
    assert len(every) > len(events), "some requests"
    assert sum(held.values()) > 0, "made sense"
