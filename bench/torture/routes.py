"""Every route that changes something, with what must have happened before it is asked.

`tests/api/test_cut_routes.py` holds that no such route is left out.
"""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

from bench.torture.asking import TICKETS, Asked, Caller, seat_of

PASSWORD = "correct horse battery staple"

_numbers = count(1)


Prepare = Callable[[Caller], Awaitable[Asked]]


@dataclass(frozen=True, slots=True)
class Route:
    """One way to ask a route.

    again: what it answers to a repetition without a key, where that is another status.
    later: what of it may be left to the sweeper, as the journal names it.
    """

    method: str
    path: str
    prepare: Prepare
    keyed: bool = True
    again: int = 0
    later: str = ""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}, {self.prepare.__name__}"


async def registered(caller: Caller) -> Asked:
    return Asked("POST", "/api/auth/register", _account())


async def logged_in(caller: Caller) -> Asked:
    account = _account()
    await caller.done("POST", "/api/auth/register", account)
    return Asked("POST", "/api/auth/login", {name: account[name] for name in ("email", "password")})


async def password_changed(caller: Caller) -> Asked:
    account = _account()
    await caller.done("POST", "/api/auth/register", account)
    pair = b64encode(f"{account['email']}:{PASSWORD}".encode()).decode()
    body = {"old": PASSWORD, "new": f"{PASSWORD} anew"}
    return Asked("PUT", "/api/auth/password", body, credentials=f"Basic {pair}")


def _account() -> dict[str, str]:
    name = f"user{next(_numbers)}-{id(_numbers)}"
    return {"username": name, "email": f"{name}@example.org", "password": PASSWORD}


async def event_made(caller: Caller) -> Asked:
    return Asked("POST", "/api/events", {"title": "Made", "totalCapacity": 5, "price": "1.00"})


async def tickets_made(caller: Caller) -> Asked:
    return Asked("POST", "/api/initialize", {"totalTickets": 5})


async def event_amended(caller: Caller) -> Asked:
    event = await caller.event()
    await caller.booking(event, 0)
    return Asked("PUT", f"/api/events/{event}", {"title": "New", "max_held_per_user": 5}, event)


async def event_enlarged_for_a_line(caller: Caller) -> Asked:
    event = await caller.event()
    await caller.line(event)
    zones = [{"number": 2, "capacity": TICKETS + 1}]
    return Asked("PUT", f"/api/events/{event}", {"zones": zones}, event)


async def event_deleted(caller: Caller) -> Asked:
    event = await caller.event()
    return Asked("DELETE", f"/api/events/{event}", None, event)


async def event_cancelled(caller: Caller) -> Asked:
    event = await caller.event()
    await caller.booking(event, 0)
    await caller.paid(event, 1)
    return Asked("DELETE", f"/api/events/{event}?cancel=true", None, event)


async def tickets_added(caller: Caller) -> Asked:
    event = await caller.event()
    body = {"name": "Late", "price": "7.00", "quantity": 4}
    return Asked("POST", f"/api/events/{event}/ticket-types", body, event)


async def opened(caller: Caller) -> Asked:
    event = await caller.event()
    return Asked("POST", "/api/bookings", {"event_id": event}, event)


async def opened_with_seats(caller: Caller) -> Asked:
    event = await caller.event()
    body = {"event_id": event, "seat_ids": [seat_of(event, 0), seat_of(event, 1)]}
    return Asked("POST", "/api/bookings", body, event)


async def opened_with_tickets(caller: Caller) -> Asked:
    event = await caller.event()
    body = {"event_id": event, "ticket_type_id": event * 1000 + 2, "quantity": 2}
    return Asked("POST", "/api/bookings", body, event)


async def payment_begun(caller: Caller) -> Asked:
    booking = await caller.booking(event := await caller.event(), 0)
    body = {"booking_id": booking}
    return Asked("PATCH", "/api/bookings/initiatePayment", body, event, booking)


async def cancelled(caller: Caller) -> Asked:
    booking = await caller.booking(event := await caller.event(), 0)
    return Asked("PATCH", "/api/bookings/cancel", {"booking_id": booking}, event, booking)


async def unpaid_given_back(caller: Caller) -> Asked:
    booking = await caller.paying(event := await caller.event(), 0)
    return Asked("PUT", f"/api/bookings/{booking}/cancel", None, event, booking)


async def paid_given_back(caller: Caller) -> Asked:
    booking = await caller.paid(event := await caller.event(), 0)
    return Asked("PUT", f"/api/bookings/{booking}/cancel", None, event, booking)


async def refund_settled(caller: Caller) -> Asked:
    booking = await caller.paid(event := await caller.event(), 0)
    await caller.done("PUT", f"/api/bookings/{booking}/cancel")
    body = {"reference": "wire 7"}
    return Asked("POST", f"/api/bookings/{booking}/refund", body, event, booking)


async def unmatched_settled(caller: Caller) -> Asked:
    payment = f"stray{next(_numbers)}-{id(_numbers)}"
    notice = {"paymentId": payment, "status": "CONFIRMED"}
    await caller.done("POST", "/api/payments/notifications", notice)
    body = {"payment_id": payment, "reference": "wire 7"}
    return Asked("POST", "/api/payments/unmatched/refund", body)


async def reserved(caller: Caller) -> Asked:
    event = await caller.event()
    return Asked("POST", "/api/bookings/reserve", {"event_id": event, "user_id": "ann"}, event)


async def booked(caller: Caller) -> Asked:
    event = await caller.event()
    return Asked("POST", "/api/book", {"eventId": event, "userId": "ann"}, event)


async def lined_up(caller: Caller) -> Asked:
    event = await caller.event()
    await caller.line(event)
    return Asked("POST", "/api/book", {"eventId": event, "userId": "ann"}, event)


async def given_up(caller: Caller) -> Asked:
    event = await caller.event()
    await caller.line(event)
    return Asked("POST", "/api/cancel", {"eventId": event, "userId": "user0"}, event)


async def selected(caller: Caller) -> Asked:
    booking = await caller.booking(event := await caller.event(), 0)
    body = {"booking_id": booking, "seat_id": seat_of(event, 1)}
    return Asked("PATCH", "/api/seats/select", body, event, booking)


async def released(caller: Caller) -> Asked:
    booking = await caller.booking(event := await caller.event(), 0)
    body = {"seat_id": seat_of(event, 0)}
    return Asked("PATCH", "/api/seats/release", body, event, booking)


async def payment_succeeded(caller: Caller) -> Asked:
    booking = await caller.paying(event := await caller.event(), 0)
    return Asked("GET", f"/api/payments/success?orderId={booking}", None, event, booking)


async def payment_failed(caller: Caller) -> Asked:
    booking = await caller.paying(event := await caller.event(), 0)
    return Asked("GET", f"/api/payments/fail?orderId={booking}", None, event, booking)


async def success_notified(caller: Caller) -> Asked:
    return await _notified(caller, "CONFIRMED")


async def failure_notified(caller: Caller) -> Asked:
    return await _notified(caller, "FAILED")


async def _notified(caller: Caller, status: str) -> Asked:
    booking = await caller.paying(event := await caller.event(), 0)
    body = {"paymentId": f"p{booking}", "status": status, "data": {"orderId": booking}}
    return Asked("POST", "/api/payments/notifications", body, event, booking)


async def reset(caller: Caller) -> Asked:
    event = await caller.event()
    return Asked("POST", "/api/reset", None, event, await caller.paid(event, 0))


ROUTES = [
    # First, while there is little else to reset.
    Route("POST", "/api/reset", reset),
    Route("POST", "/api/auth/register", registered, keyed=False, again=409),
    Route("POST", "/api/auth/login", logged_in, keyed=False),
    Route("PUT", "/api/auth/password", password_changed, keyed=False, again=401),
    Route("POST", "/api/events", event_made),
    Route("POST", "/api/initialize", tickets_made),
    Route("PUT", "/api/events/{id:id}", event_amended),
    Route("PUT", "/api/events/{id:id}", event_enlarged_for_a_line, later="confirmed"),
    Route("DELETE", "/api/events/{id:id}", event_deleted),
    Route("DELETE", "/api/events/{id:id}", event_cancelled),
    Route("POST", "/api/events/{id:id}/ticket-types", tickets_added),
    Route("POST", "/api/bookings", opened),
    Route("POST", "/api/bookings", opened_with_seats),
    Route("POST", "/api/bookings", opened_with_tickets),
    Route("PATCH", "/api/bookings/initiatePayment", payment_begun),
    Route("PATCH", "/api/bookings/cancel", cancelled),
    Route("PUT", "/api/bookings/{booking:id}/cancel", unpaid_given_back),
    Route("PUT", "/api/bookings/{booking:id}/cancel", paid_given_back),
    Route("POST", "/api/bookings/{booking:id}/refund", refund_settled),
    Route("POST", "/api/payments/unmatched/refund", unmatched_settled, again=404),
    Route("POST", "/api/bookings/reserve", reserved),
    Route("POST", "/api/book", booked),
    Route("POST", "/api/book", lined_up),
    Route("POST", "/api/cancel", given_up, later="confirmed"),
    Route("PATCH", "/api/seats/select", selected),
    Route("PATCH", "/api/seats/release", released),
    Route("GET", "/api/payments/success", payment_succeeded, keyed=False),
    Route("GET", "/api/payments/fail", payment_failed, keyed=False),
    Route("POST", "/api/payments/notifications", success_notified),
    Route("POST", "/api/payments/notifications", failure_notified),
]
"""Those of one path are different ways to ask it."""
