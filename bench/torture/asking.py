"""Requests, and who asks a server one after the other: for tortures and tests over HTTP."""

from typing import Any, NamedTuple

from bench.torture.http import Reply, once_asked, request

SEATS, TICKETS = 6, 3
"""Of the events that a caller makes: seats with numbers, and tickets without."""


class Asked(NamedTuple):
    """A request. event, booking: what it is about, where there is something before it.

    credentials: its Authorization, where it has one.
    """

    method: str
    path: str
    body: object = None
    event: int = 0
    booking: int = 0
    credentials: str = ""


class Caller:
    """Asks the server at a port."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def ask(self, asked: Asked, key: str = "") -> Reply:
        sent = request(asked.method, asked.path, asked.body, key, asked.credentials)
        return await once_asked(self.port, sent)

    async def done(self, method: str, path: str, body: object = None) -> Any:
        """What is answered where it must be granted."""
        reply = await self.ask(Asked(method, path, body))
        assert 200 <= reply.status < 300, (method, path, body, reply.status, reply.body)
        return reply.json()

    async def event(self, **more: object) -> int:
        """One of SEATS numbered seats and TICKETS tickets."""
        zones = [
            {"name": "Stalls", "price": "10.00", "rows": 2, "seats_per_row": SEATS // 2},
            {"name": "Floor", "price": "5.00", "capacity": TICKETS},
        ]
        made = await self.done("POST", "/api/events", {"title": "Cut", "zones": zones, **more})
        return int(made["id"])

    async def booking(self, event: int, *seats: int) -> int:
        body = {"event_id": event, "seat_ids": [seat_of(event, each) for each in seats]}
        return int((await self.done("POST", "/api/bookings", body))["id"])

    async def paying(self, event: int, *seats: int) -> int:
        booking = await self.booking(event, *seats)
        await self.done("PATCH", "/api/bookings/initiatePayment", {"booking_id": booking})
        return booking

    async def paid(self, event: int, *seats: int) -> int:
        booking = await self.paying(event, *seats)
        await self.done("GET", f"/api/payments/success?orderId={booking}")
        return booking

    async def line(self, event: int) -> None:
        """Ann, Bob and so on have the last places, and Zoe waits for one."""
        for number in range(SEATS + TICKETS):
            await self.done("POST", "/api/book", {"eventId": event, "userId": f"user{number}"})
        await self.done("POST", "/api/book", {"eventId": event, "userId": "zoe"})


def seat_of(event: int, index: int) -> int:
    return event * 1_000_000 + index + 1
