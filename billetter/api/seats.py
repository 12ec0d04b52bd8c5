"""Seats: listed, selected, released."""

from functools import lru_cache

from orjson import Fragment, dumps

from billetter.api.call import Call
from billetter.api.endpoint import EVERYBODY, get, patch
from billetter.api.replies import NO_BOOKING, NO_EVENT, NOT_RELEASED, Answers, Reply, listed, reply
from billetter.api.schemas import ListSeats, ReleaseSeat, SelectSeat
from billetter.domain.booking import SeatStatus
from billetter.domain.ids import BookingId, EventId, SeatId, seat_id
from billetter.domain.layout import Layout
from billetter.domain.money import to_decimal
from billetter.domain.outcome import Outcome
from billetter.engine.maps import SeatPage, SeatQuery

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
    event = EventId(query.event_id)
    page = await call.engine.maps.page(event, _asked(query))
    return NO_EVENT if page is None else _listed(page)


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


def _listed(page: SeatPage) -> Reply:
    event, layout = page.event.id, page.event.layout
    return listed([_shown(event, layout, *each) for each in page.seats], page.total)


@lru_cache(16_384)  # A crowd looks at the same seats: 0.15 µs for one instead of 2.
def _shown(event: EventId, layout: Layout, index: int, status: SeatStatus) -> Fragment:
    seat = layout.seat(index)
    assert seat is not None, "pages hold only seats"
    item = {
        "id": seat_id(event, seat.index),
        "row": seat.row,
        "number": seat.number,
        "reserved": status is not SeatStatus.FREE,
        "status": status,
        "price": to_decimal(seat.zone.price),
        "zone": seat.zone.name,
    }
    return Fragment(dumps(item))


ENDPOINTS = [list_seats, select_seat, release_seat]
