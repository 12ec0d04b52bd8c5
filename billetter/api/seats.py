"""Seats: listed, selected, released."""

from billetter.api.answers import Answers
from billetter.api.call import Call
from billetter.api.endpoint import EVERYBODY, get, patch
from billetter.api.replies import NO_BOOKING, NO_EVENT, NOT_RELEASED, Reply, listed, reply
from billetter.api.schemas import ListSeats, ReleaseSeat, SelectSeat
from billetter.domain.booking import SeatStatus
from billetter.domain.ids import BookingId, EventId, SeatId
from billetter.domain.outcome import Outcome
from billetter.engine.maps import SeatQuery

SELECTED = Answers(
    {
        Outcome.NO_EVENT: NO_BOOKING,
        Outcome.CLAIMED: reply(200, "Seat successfully added to booking"),
    }
)
RELEASED = Answers(
    {
        Outcome.RELEASED: reply(200, "Seat successfully released"),
        Outcome.CLOSED: NOT_RELEASED,
    }
)


@get("/api/seats", roles=EVERYBODY, query=ListSeats)
async def list_seats(call: Call, query: ListSeats) -> Reply:
    asked = _asked(query)
    page = await call.engine.maps.page(EventId(query.event_id), asked)
    if page is None:
        return NO_EVENT
    return listed(call.services.shown.seats.of(page), page.total, *_links(query, asked, page.total))


@patch("/api/seats/select", body=SelectSeat)
async def select_seat(call: Call, body: SelectSeat) -> Reply:
    seats = [SeatId(seat) for seat in body.wanted]
    return SELECTED[
        await call.engine.seats.claim(BookingId(body.booking_id), call.user, seats, call.once)
    ]


@patch("/api/seats/release", body=ReleaseSeat)
async def release_seat(call: Call, body: ReleaseSeat) -> Reply:
    return RELEASED[await call.engine.seats.release(SeatId(body.seat_id), call.user, call.once)]


def _asked(query: ListSeats) -> SeatQuery:
    """A crowd asking for the first free seat is sent all over the hall, not to one seat."""
    skip, take = query.paged
    anywhere = query.status is SeatStatus.FREE and query.page is None
    return SeatQuery(query.row, query.status, None if anywhere else skip, take)


def _links(query: ListSeats, asked: SeatQuery, total: int) -> list[tuple[bytes, bytes]]:
    """To the pages around this one; a window that is anywhere has none."""
    if asked.skip is None:
        return []
    more = asked.skip + asked.take < total
    if asked.skip > total:
        return [(b"link", query.last(total))]
    if asked.skip:
        return [(b"link", query.previous + b", " + query.next if more else query.previous)]
    return [(b"link", query.next)] if more else []


ENDPOINTS = [list_seats, select_seat, release_seat]
