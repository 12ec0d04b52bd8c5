"""What organizers do with their events, and administrators with all of them."""

from billetter.api.answers import Answers, marked
from billetter.api.call import Call
from billetter.api.endpoint import LARGE_BODY, ORGANIZERS, Rules, delete, get, put
from billetter.api.event_schemas import AmendEvent
from billetter.api.hosts import managing, refusal
from billetter.api.inputs import Stop, wrong
from billetter.api.links import link, with_links
from billetter.api.replies import NOT_YOUR_EVENT, Reply, error, reply
from billetter.api.schemas import BookingsBefore, Removal
from billetter.api.views import described_to_organizer
from billetter.domain.booking import Booking
from billetter.domain.ids import BookingNumber, EventId, split_booking_id
from billetter.domain.outcome import Answer, Outcome

NOT_YOURS = {Outcome.NOT_YOURS: NOT_YOUR_EVENT}
SEATS_GO = error(409, "seats_taken", "Some of the seats that would go are held or sold.")
NOT_AMENDED = Answers({Outcome.SEAT_TAKEN: SEATS_GO, **NOT_YOURS})
GONE = Answers(
    {
        Outcome.REMOVED: reply(200, "Event deleted"),
        Outcome.CANCELLED: reply(200, "Event cancelled"),
        Outcome.CANCELLING: reply(202, "Event cancelled; its bookings are being ended"),
        **NOT_YOURS,
    }
)
OF_ORGANIZERS = Rules(roles=ORGANIZERS)
CHANGES = OF_ORGANIZERS | Rules(strict=True)
"""A misspelled change would be no change at all, and answered as one."""


@put("/api/events/{id:id}", body=AmendEvent, body_max=LARGE_BODY, **CHANGES)
async def amend_event(call: Call, body: AmendEvent) -> Reply:
    event = EventId(call.ids["id"])
    amended = await call.engine.organizers.amend(event, managing(call), body.change, call.once)
    if amended.outcome is Outcome.BAD_WINDOW:
        raise Stop(marked(wrong("sale_starts_at", amended.fields[0]), amended))
    if unless_bad("zones", amended).outcome is not Outcome.AMENDED:
        return NOT_AMENDED[amended]
    return marked(reply(200, {"id": event, "version": amended.fields[0]}), amended)


@delete("/api/events/{id:id}", query=Removal, **CHANGES)
async def delete_event(call: Call, query: Removal) -> Reply:
    event, organizers = EventId(call.ids["id"]), call.engine.organizers
    act = organizers.cancel if query.cancel else organizers.delete
    return GONE[await act(event, managing(call), call.once)]


@get("/api/events/{id:id}/bookings", query=BookingsBefore, **OF_ORGANIZERS)
async def list_bookings_of_event(call: Call, query: BookingsBefore) -> Reply:
    """Newest first; where there are more, `Link` says where to go on."""
    event_id = EventId(call.ids["id"])
    refused = refusal(managing(call), await call.engine.events.current(event_id))
    if refused is not None:
        return refused
    found, newer, more = await _part(call, event_id, query)
    listed = reply(200, await described_to_organizer(call.engine, found))
    path, size = f"/api/events/{event_id}/bookings", {"pageSize": query.pageSize}
    asked = size if query.pageSize else {}
    links = [link("prev", path, {**asked, "after": newer})] if newer else []
    links += [link("next", path, {**asked, "before": more})] if more else []
    return with_links(listed, links)


async def _part(
    call: Call, event: EventId, query: BookingsBefore
) -> tuple[list[Booking], BookingNumber | None, BookingNumber | None]:
    """Bookings of an event, and where those go on that are newer and older."""
    bookings = call.engine.bookings
    if query.after is not None:
        found, newer = await bookings.after(event, BookingNumber(query.after), query.take)
        lowest = split_booking_id(found[-1].id)[1] if found else query.after + 1
        return found, newer, BookingNumber(lowest)
    found, more = await bookings.of_event(event, query.number, query.take)
    if query.before is None:
        return found, None, more
    highest = split_booking_id(found[0].id)[1] if found else query.before - 1
    return found, BookingNumber(highest), more


def unless_bad(field: str, amended: Answer) -> Answer:
    """The answer, unless it is this field of the request that cannot be laid out."""
    if amended.outcome is Outcome.BAD_LAYOUT:
        raise Stop(marked(wrong(field, amended.fields[0]), amended))
    return amended


ENDPOINTS = [amend_event, delete_event, list_bookings_of_event]
