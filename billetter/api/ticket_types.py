"""Types of tickets without numbers: the capacity zones of an event, by another name."""

from typing import Any

from billetter.api.answers import marked
from billetter.api.call import Call
from billetter.api.endpoint import EVERYBODY, get, post
from billetter.api.hosts import managing
from billetter.api.organizers import CHANGES, NOT_AMENDED, unless_bad
from billetter.api.replies import NO_EVENT, Reply, listed, reply
from billetter.api.ticket_schemas import Addition, AddTicketType
from billetter.api.views import ticket_type, ticket_types
from billetter.domain.event import Counts
from billetter.domain.ids import EventId
from billetter.domain.outcome import Answer, Outcome


@get("/api/events/{id:id}/ticket-types", roles=EVERYBODY)
async def list_ticket_types(call: Call) -> Reply:
    sales = await call.engine.events.sales(EventId(call.ids["id"]))
    if sales is None:
        return NO_EVENT
    types = ticket_types(sales)
    return listed(types, len(types))


@post("/api/events/{id:id}/ticket-types", body=AddTicketType, **CHANGES)
async def add_ticket_type(call: Call, body: AddTicketType) -> Reply:
    event, addition = EventId(call.ids["id"]), Addition(body)
    amended = await call.engine.organizers.amend(event, managing(call), addition, call.once)
    if unless_bad("quantity", amended).outcome is not Outcome.AMENDED:
        return NOT_AMENDED[amended]
    number = await _number(call, event, amended, addition.number, body.name)
    counts = Counts(body.quantity, 0, 0)
    price: Any = body.price
    return marked(reply(201, ticket_type(event, number, body.name, price, counts)), amended)


async def _number(call: Call, event: EventId, amended: Answer, computed: int, name: str) -> int:
    """The number of the zone that this request has added.

    What was added before by a call of the same request, which nobody has answered yet, is known by
    its name: this one has computed another number, and added nothing.
    """
    if not amended.replayed:
        return computed
    current = await call.engine.events.current(event)
    zones = current.layout.zones if current else ()
    return max((zone.number for zone in zones if zone.name == name), default=0)


ENDPOINTS = [list_ticket_types, add_ticket_type]
