"""Bookings: opened, listed, read, taken to payment, cancelled."""

from typing import Any

from billetter.api.answers import REFUSALS, REFUSED, Answers, marked, named
from billetter.api.call import Call
from billetter.api.endpoint import get, patch, post, put
from billetter.api.hosts import managing, runs
from billetter.api.inputs import wrong
from billetter.api.links import by_cursor, by_page
from billetter.api.replies import NO_BOOKING, Reply, error, reply, time_text
from billetter.api.schemas import Cursored, OfBooking, OpenBooking
from billetter.api.views import described, items
from billetter.domain.account import Role
from billetter.domain.booking import Booking, Status
from billetter.domain.ids import (
    AccountId,
    BookingId,
    EventId,
    SeatId,
    account_user,
    split_ticket_type_id,
)
from billetter.domain.money import to_decimal
from billetter.domain.outcome import AwaitingPayment, Opened, Outcome
from billetter.domain.ticket import Item

CANCELLED = Answers({Outcome.CANCELLED: reply(200, "Booking successfully cancelled")})
GIVEN_BACK = (Outcome.CANCELLED, Outcome.REFUND_DUE)
NOT_AWAITING = Answers({Outcome.NO_EVENT: NO_BOOKING})
BY_PAGE = wrong("before", "This list is read page by page.")
LOOKED_AT_MAX = 1_000
"""Bookings of a user among which those of an organizer's events are looked for: the newest."""
AWAITING_TEXT = "Booking is awaiting payment confirmation"
NO_USER = error(404, "user_not_found", "There is no such user.")
OF_ANOTHER = error(403, "forbidden", "These bookings belong to somebody else.")


@post("/api/bookings", body=OpenBooking)
async def open_booking(call: Call, body: OpenBooking) -> Reply:
    if body.tickets:
        return await _open_with_tickets(call, body)
    seats = [SeatId(seat) for seat in body.seat_ids or ()]
    opened = await call.engine.bookings.open(EventId(body.event_id), call.user, seats, call.once)
    return _opened(opened) if isinstance(opened, Opened) else REFUSED[opened]


@get("/api/bookings", query=Cursored)
async def list_bookings(call: Call, query: Cursored) -> Reply:
    listed = await call.engine.bookings.listed(call.user, query.window)
    return by_cursor("/api/bookings", query, await described(call.engine, listed.items), listed)


@get("/api/users/{user:id}/bookings", query=Cursored)
async def list_bookings_of_user(call: Call, query: Cursored) -> Reply:
    """All of them for themselves and administrators; for organizers those of their own events."""
    account, role = AccountId(call.ids["user"]), call.principal.role
    trusted = call.services.guests or role is Role.ADMIN or account == call.principal.account
    if not trusted and role is not Role.ORGANIZER:
        return OF_ANOTHER
    if await call.engine.accounts.get(account) is None:
        return NO_USER
    user, path = account_user(account), f"/api/users/{account}/bookings"
    if trusted:
        listed = await call.engine.bookings.listed(user, query.window)
        return by_cursor(path, query, await described(call.engine, listed.items), listed)
    if query.before or query.after:
        return BY_PAGE
    every, _ = await call.engine.bookings.page(user, 0, LOOKED_AT_MAX)
    theirs = [booking for booking in every if await _runs_event(call, booking)]
    skip, take, *_ = query.window
    shown = await described(call.engine, theirs[skip : skip + take])
    return by_page(path, query, shown, len(theirs))


@get("/api/bookings/{booking:id}")
async def read_booking(call: Call) -> Reply:
    booking = await call.engine.bookings.get(BookingId(call.ids["booking"]))
    if booking is None:
        return NO_BOOKING
    if call.user != booking.user and not await _runs_event(call, booking):
        return REFUSALS[Outcome.NOT_YOURS]
    (shown,) = await described(call.engine, [booking])
    return reply(200, shown)


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


@put("/api/bookings/{booking:id}/cancel")
async def give_booking_back(call: Call) -> Reply:
    """Cancelled, or if it is paid for, given back for its money; the reply is the booking."""
    booking = BookingId(call.ids["booking"])
    answer = await call.engine.bookings.give_back(booking, call.user, call.once)
    if answer.outcome not in GIVEN_BACK:
        return NOT_AWAITING[answer]
    given_back = await call.engine.bookings.get(booking)
    if given_back is None:
        return marked(NO_BOOKING, answer)
    (shown,) = await described(call.engine, [given_back])
    return marked(reply(200, shown), answer)


async def _open_with_tickets(call: Call, body: OpenBooking) -> Reply:
    event = EventId(body.event_id)
    wanted = [_item(event, *each) for each in body.tickets]
    opened = await call.engine.tickets.open(event, call.user, wanted, call.once)
    if not isinstance(opened, Opened):
        return REFUSED[opened]
    total = to_decimal(sum(opened.prices))
    return _opened(opened, items=await items(call.engine, opened), total=total)


def _item(event: EventId, ticket_type: int, quantity: int) -> Item:
    """A type of another event is none of this one's, as no zone has the number 0."""
    home, zone = split_ticket_type_id(ticket_type)
    return Item(zone if home == event else 0, quantity)


async def _runs_event(call: Call, booking: Booking) -> bool:
    """Whether the caller runs the event that the booking is for."""
    host = managing(call)
    if host is None:
        return True
    event = await call.engine.events.get(booking.event_id)
    return event is not None and runs(host, event.organizer)


def _awaiting(call: Call, booking: BookingId, awaiting: AwaitingPayment) -> Reply:
    page = call.services.payment_page(booking, awaiting.amount)
    if page is None:
        return marked(reply(200, AWAITING_TEXT), awaiting)
    return marked(reply(302, AWAITING_TEXT, (b"location", page.encode())), awaiting)


def _opened(opened: Opened, **more: Any) -> Reply:
    status = Status.SEATS_SELECTED if opened.seats else Status.BOOKED
    body = {
        "id": opened.id,
        "event_id": opened.event_id,
        "status": status,
        "expires_at": time_text(opened.expires_ms),
        **more,
    }
    return reply(201, body, (b"location", b"/api/bookings/%d" % opened.id), *named(opened))


ENDPOINTS = [
    open_booking,
    list_bookings,
    list_bookings_of_user,
    read_booking,
    initiate_payment,
    cancel_booking,
    give_booking_back,
]
