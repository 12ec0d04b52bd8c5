"""One place for each user of an event: reserved at once, or waited for in a line.

Users are named by who calls. Where there are guests, and by a service, a name is believed; others
can only name themselves.
"""

from typing import Any

from billetter.api.answers import REFUSED, Answers, marked, named
from billetter.api.call import Call
from billetter.api.endpoint import EVERYBODY, ORGANIZERS, get, post
from billetter.api.event_schemas import SEATS_OF_BOOKING, STANDARD
from billetter.api.hosts import giving
from billetter.api.inputs import Stop
from billetter.api.replies import NO_BOOKING, NO_EVENT, Reply, error, reply, time_text
from billetter.api.ticket_schemas import Book, Initialize, OfTickets, OfUser, Reserve
from billetter.domain.account import Role
from billetter.domain.event import Details, Event, EventPlan, Terms
from billetter.domain.ids import EventId, UserId, named_user
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.outcome import Outcome
from billetter.domain.ticket import Reserved, Standing

NOT_YOU = error(
    403,
    "forbidden",
    "You can do this for yourself only.",
    (b"billetter-outcome", Outcome.NOT_YOURS.value.encode()),
)
GIVEN_UP = Answers(
    {Outcome.CANCELLED: reply(200, {"success": True, "message": "Booking cancelled successfully"})}
)


@post("/api/bookings/reserve", body=Reserve, terse=True)
async def reserve(call: Call, body: Reserve) -> Reply:
    event, user = EventId(body.event_id), _named(call, body.user_id)
    reserved = await call.engine.tickets.reserve(event, user, call.once, giver=giving(call))
    return _reserved(reserved, body) if isinstance(reserved, Reserved) else REFUSED[reserved]


@post("/api/initialize", body=Initialize, roles=ORGANIZERS)
async def initialize(call: Call, body: Initialize) -> Reply:
    created = await call.engine.events.create(_plan(call, body), call.user, call.idempotency)
    total, made_ms = body.totalTickets, created.created_ms
    shown = _event(created.id, body.name, total, total, made_ms, made_ms)
    return marked(reply(201, {"event": shown}), created)


@post("/api/book", body=Book)
async def book(call: Call, body: Book) -> Reply:
    event, user = EventId(body.event), _named(call, body.user)
    booked = await call.engine.tickets.book(event, user, call.once, giver=giving(call))
    if not isinstance(booked, Standing):
        return REFUSED[booked]
    return _standing(booked, body.user, *named(booked))


@post("/api/cancel", body=Book)
async def give_up(call: Call, body: Book) -> Reply:
    event, user = EventId(body.event), _named(call, body.user)
    return GIVEN_UP[await call.engine.tickets.give_up(event, user, call.once)]


@get("/api/booking-status/{id}/{user:path}", names=OfUser)
async def read_standing(call: Call, of: OfUser) -> Reply:
    """The newest. The name is the rest of the path: it may have slashes in it."""
    event, user = EventId(of.id), _named(call, of.user)
    standing = await call.engine.tickets.standing(event, user)
    if standing is not None:
        return _standing(standing, of.user)
    return NO_EVENT if await call.engine.events.get(event) is None else NO_BOOKING


@get("/api/status/{id}", names=OfTickets, roles=EVERYBODY)
async def read_tickets(call: Call, of: OfTickets) -> Reply:
    sales = await call.engine.events.sales(EventId(of.id))
    if sales is None:
        return NO_EVENT
    event, seats = sales.event, sales.all
    shown = _event(
        event.id,
        event.details.title,
        seats.total,
        seats.free,
        event.created_ms,
        _changed_ms(event),
    )
    body = {
        "event": shown | {"waiting_list_count": sales.waiting},
        "eventId": event.id,
        "totalTickets": seats.total,
        "availableTickets": seats.free,
        "waitingListCount": sales.waiting,
    }
    return reply(200, body)


def _named(call: Call, name: int | str) -> UserId:
    """The user whom the caller may call so."""
    if call.services.guests or call.principal.role is Role.SERVICE:
        return named_user(str(name))
    if str(name) != str(call.principal.account):
        raise Stop(NOT_YOU)
    return call.user


def _plan(call: Call, body: Initialize) -> EventPlan:
    services = call.services
    return EventPlan(
        Details(body.name),
        Terms(services.hold_ms, services.payment_ms, SEATS_OF_BOOKING),
        Layout.plan([ZonePlan(STANDARD, 0, (body.totalTickets,), numbered=False)]),
    )


def _reserved(reserved: Reserved, body: Reserve) -> Reply:
    shown = {
        "booking_id": reserved.id,
        "event_id": reserved.event_id,
        "user_id": body.user_id,
        "created_at": time_text(reserved.created_ms),
    }
    return reply(201, shown, *named(reserved))


def _standing(standing: Standing, name: int | str, *headers: tuple[bytes, bytes]) -> Reply:
    booking = {
        "id": standing.id,
        "event_id": standing.event_id,
        "user_id": name,
        "status": standing.status,
        "waiting_position": standing.position,
        "created_at": time_text(standing.created_ms),
        "updated_at": time_text(standing.updated_ms),
    }
    return reply(200, {"booking": booking}, *headers)


def _event(
    event: EventId, name: str, total: int, available: int, created_ms: int, updated_ms: int
) -> dict[str, Any]:
    return {
        "id": event,
        "name": name,
        "total_tickets": total,
        "available_tickets": available,
        "created_at": time_text(created_ms),
        "updated_at": time_text(updated_ms),
    }


def _changed_ms(event: Event) -> int:
    """When the event was last changed: its version is that time in µs."""
    return int(event.version) // 1_000


ENDPOINTS = [reserve, initialize, book, give_up, read_standing, read_tickets]
