"""Bookings: opened, listed, taken to payment, cancelled."""

from typing import Any

from billetter.api.call import Call
from billetter.api.endpoint import get, patch, post
from billetter.api.replies import (
    NO_BOOKING,
    REFUSED,
    Answers,
    Reply,
    listed,
    marked,
    reply,
    time_text,
)
from billetter.api.schemas import OfBooking, OpenBooking, Paged
from billetter.domain.booking import Booking, Status
from billetter.domain.ids import BookingId, EventId, SeatId
from billetter.domain.money import to_decimal
from billetter.domain.outcome import AwaitingPayment, Opened, Outcome

CANCELLED = Answers({Outcome.CANCELLED: reply(200, "Booking successfully cancelled")})
NOT_AWAITING = Answers({Outcome.NO_EVENT: NO_BOOKING})
AWAITING_TEXT = "Booking is awaiting payment confirmation"


@post("/api/bookings", body=OpenBooking)
async def open_booking(call: Call, body: OpenBooking) -> Reply:
    seats = [SeatId(seat) for seat in body.seat_ids or ()]
    opened = await call.engine.bookings.open(EventId(body.event_id), call.user, seats, call.once)
    return _opened(opened) if isinstance(opened, Opened) else REFUSED[opened]


@get("/api/bookings", query=Paged)
async def list_bookings(call: Call, query: Paged) -> Reply:
    bookings, total = await call.engine.bookings.page(call.user, *query.window)
    return listed([described(booking) for booking in bookings], total)


@patch("/api/bookings/initiatePayment", body=OfBooking)
async def initiate_payment(call: Call, body: OfBooking) -> Reply:
    booking = BookingId(body.booking_id)
    awaiting = await call.engine.bookings.begin_payment(booking, call.user, call.once)
    if isinstance(awaiting, AwaitingPayment):
        return _awaiting(call, booking, awaiting)
    return NOT_AWAITING[awaiting]


@patch("/api/bookings/cancel", body=OfBooking)
async def cancel_booking(call: Call, body: OfBooking) -> Reply:
    booking = BookingId(body.booking_id)
    return CANCELLED[await call.engine.bookings.cancel(booking, call.user, call.once)]


def _awaiting(call: Call, booking: BookingId, awaiting: AwaitingPayment) -> Reply:
    page = call.services.payment_page(booking, awaiting.amount)
    if page is None:
        return marked(reply(200, AWAITING_TEXT), awaiting)
    return marked(reply(302, AWAITING_TEXT, (b"location", page.encode())), awaiting)


def _opened(opened: Opened) -> Reply:
    status = Status.SEATS_SELECTED if opened.with_seats else Status.BOOKED
    body = {
        "id": opened.id,
        "event_id": opened.event_id,
        "status": status,
        "expires_at": time_text(opened.expires_ms),
    }
    return marked(reply(201, body, (b"location", b"/api/bookings/%d" % opened.id)), opened)


def described(booking: Booking) -> dict[str, Any]:
    return {
        "id": booking.id,
        "event_id": booking.event_id,
        "status": booking.status,
        "seats": [{"id": seat} for seat in booking.seats],
        "total": to_decimal(booking.total),
        "refund": booking.refund,
        "created_at": time_text(booking.created_ms),
        "expires_at": None if booking.expires_ms is None else time_text(booking.expires_ms),
    }


ENDPOINTS = [open_booking, list_bookings, initiate_payment, cancel_booking]
