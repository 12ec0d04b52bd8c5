"""Events: made, listed, read."""

import time
from typing import Any

from billetter.api.answers import marked
from billetter.api.call import Call
from billetter.api.endpoint import EVERYBODY, HOSTS, LARGE_BODY, ORGANIZERS, get, post
from billetter.api.event_schemas import CreateEvent
from billetter.api.hosts import counting, runs
from billetter.api.links import by_cursor, by_page
from billetter.api.replies import NO_EVENT, NOT_YOUR_EVENT, Reply, error, reply, time_text
from billetter.api.schemas import ListEvents, OfEvent
from billetter.api.ticket_schemas import Available
from billetter.api.views import ticket_types
from billetter.domain.event import Counts, Details, EventPlan, ListedEvent, Sales, Terms
from billetter.domain.ids import EventId, account_of
from billetter.domain.layout import Zone
from billetter.domain.listing import Listed
from billetter.domain.money import to_decimal
from billetter.domain.search import SEARCHED_MAX, Search, Unsearched

NOT_SEARCHED = {
    Unsearched.BUSY: error(
        503, "unavailable", "Others are searching just now; try again.", (b"retry-after", b"1")
    ),
    Unsearched.TOO_BROAD: error(
        503,
        "search_too_broad",
        f"There are more than {SEARCHED_MAX:,} events, too many to look through."
        " List them page by page, without words, filters and order.",
        (b"retry-after", b"60"),
    ),
}


@post("/api/events", body=CreateEvent, body_max=LARGE_BODY, roles=ORGANIZERS)
async def create_event(call: Call, body: CreateEvent) -> Reply:
    created = await call.engine.events.create(_plan(call, body), call.user, call.idempotency)
    location = (b"location", f"/api/events/{created.id}".encode())
    return marked(reply(201, {"id": created.id}, location), created)


@get("/api/events", query=ListEvents, roles=EVERYBODY)
async def list_events(call: Call, query: ListEvents) -> Reply:
    if (search := query.search) is not None:
        return await _found(call, query, search)
    listed = await call.engine.events.listed(query.window)
    return by_cursor("/api/events", query, _rows(listed), listed)


@get("/api/events/{id:id}", roles=EVERYBODY)
async def read_event(call: Call) -> Reply:
    sales = await call.engine.events.sales(EventId(call.ids["id"]))
    return NO_EVENT if sales is None else reply(200, _whole(sales))


@get("/api/events/{id}/availability", names=Available, roles=EVERYBODY, terse=True)
async def read_availability(call: Call, of: Available) -> Reply:
    sales = await call.engine.events.sales(EventId(of.id))
    if sales is None:
        return NO_EVENT
    seats = sales.all
    body = {
        "event_id": sales.event.id,
        "total_seats": seats.total,
        "booked": seats.taken,
        "left": seats.free,
    }
    return reply(200, body)


@get("/api/analytics", roles=HOSTS, trusting=True, query=OfEvent)
async def read_analytics(call: Call, query: OfEvent) -> Reply:
    """Where there are no guests, it is for who runs the event, services and administrators."""
    sales = await call.engine.events.sales(EventId(query.id))
    if sales is None:
        return NO_EVENT
    if not runs(counting(call), sales.event.organizer):
        return NOT_YOUR_EVENT
    body = {
        "event_id": sales.event.id,
        **_counted(sales.all),
        "total_revenue": to_decimal(sales.revenue),
        "bookings_count": sales.confirmed,
        "zones": [
            {"name": zone.name, "price": to_decimal(zone.price), **_counted(counts)}
            for zone, counts in zip(sales.event.layout.zones, sales.zones, strict=True)
        ],
    }
    return reply(200, body)


async def _found(call: Call, query: ListEvents, search: Search) -> Reply:
    skip, take, *_ = query.window
    found = await call.engine.finder.find(search, skip, take)
    if isinstance(found, Unsearched):
        return NOT_SEARCHED[found]
    return by_page("/api/events", query, _rows(found), found.total)


def _rows(events: Listed[ListedEvent]) -> list[dict[str, Any]]:
    return [_described(each.id, each.created_ms, each.details) for each in events.items]


def _plan(call: Call, body: CreateEvent) -> EventPlan:
    services = call.services
    starts_at: Any = body.starts_at
    sale_starts_at: Any = body.sale_starts_at
    sale_ends_at: Any = body.sale_ends_at
    return EventPlan(
        Details(
            body.title, body.external, body.description, starts_at, body.location, body.category
        ),
        Terms(
            body.hold_seconds * 1000 if body.hold_seconds else services.hold_ms,
            body.payment_seconds * 1000 if body.payment_seconds else services.payment_ms,
            body.max_seats_per_booking,
            body.max_held_per_user,
            body.max_bought_per_user,
            body.max_open_bookings_per_user,
            body.cancel_before_seconds * 1000,
            sale_starts_at,
            sale_ends_at,
        ),
        body.layout,
    )


def _described(event: EventId, created_ms: int, details: Details) -> dict[str, Any]:
    return {
        "id": event,
        "title": details.title,
        "external": details.external,
        "description": details.description,
        "starts_at": _time(details.starts_at_ms),
        "location": details.location,
        "category": details.category,
        "created_at": time_text(created_ms),
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else time_text(ms)


def _whole(sales: Sales) -> dict[str, Any]:
    event, terms = sales.event, sales.event.terms
    return {
        **_described(event.id, event.created_ms, event.details),
        "organizerId": account_of(event.organizer) if event.organizer else None,
        "state": event.state,
        "status": sales.status(time.time() * 1000),
        "hold_seconds": terms.hold_ms // 1000,
        "payment_seconds": terms.payment_ms // 1000,
        "max_seats_per_booking": terms.seats_max,
        "max_held_per_user": terms.held_max,
        "max_bought_per_user": terms.bought_max,
        "max_open_bookings_per_user": terms.open_max,
        "cancel_before_seconds": terms.cancel_before_ms // 1000,
        "sale_starts_at": _time(terms.sale_starts_at_ms),
        "sale_ends_at": _time(terms.sale_ends_at_ms),
        **_counted(sales.all),
        "zones": [
            _zone(zone, counts)
            for zone, counts in zip(event.layout.zones, sales.zones, strict=True)
        ],
        "ticketTypes": ticket_types(sales),
    }


def _zone(zone: Zone, counts: Counts) -> dict[str, Any]:
    return {
        "number": zone.number,
        "name": zone.name,
        "price": to_decimal(zone.price),
        "numbered": zone.numbered,
        "first_row": zone.first_row,
        "rows": len(zone.rows),
        **_counted(counts),
    }


def _counted(counts: Counts) -> dict[str, int]:
    return {
        "total_seats": counts.total,
        "sold_seats": counts.sold,
        "reserved_seats": counts.reserved,
        "free_seats": counts.free,
    }


ENDPOINTS = [create_event, list_events, read_event, read_availability, read_analytics]
