"""What a payment gateway tells: by redirect, by callback, by webhook."""

from billetter.api.endpoint import Call, get, post
from billetter.api.replies import NO_BOOKING, Answers, Reply, reply
from billetter.api.schemas import PaymentNotification, PaymentResult
from billetter.domain.ids import BookingId
from billetter.domain.outcome import Outcome
from billetter.engine.once import notice

SUCCEEDED = frozenset({"confirmed", "completed"})
FAILED = frozenset({"failed", "cancelled", "canceled", "expired", "rejected"})

OK = reply(200, "OK")
HEARD = Answers(
    dict.fromkeys(
        (
            Outcome.CONFIRMED,
            Outcome.NOT_INITIATED,
            Outcome.REFUND_DUE,
            Outcome.CANCELLED,
            Outcome.ALREADY_CONFIRMED,
            Outcome.NOTED,
        ),
        OK,
    )
    | {Outcome.NO_EVENT: NO_BOOKING}
)


@get("/api/payments/success", query=PaymentResult, safe=False)
async def payment_succeeded(call: Call, query: PaymentResult) -> Reply:
    return HEARD[await call.engine.bookings.confirm(BookingId(query.order_id))]


@get("/api/payments/fail", query=PaymentResult, safe=False)
async def payment_failed(call: Call, query: PaymentResult) -> Reply:
    return HEARD[await call.engine.bookings.fail(BookingId(query.order_id))]


@post("/api/payments/notifications", body=PaymentNotification)
async def payment_notified(call: Call, body: PaymentNotification) -> Reply:
    bookings, booking = call.engine.bookings, BookingId(body.data.order_id)
    status = body.status.casefold()
    once = notice(booking, body.payment_id, status)
    if status in SUCCEEDED:
        return HEARD[await bookings.confirm(booking, once)]
    if status in FAILED:
        return HEARD[await bookings.fail(booking, once)]
    return HEARD[await bookings.note(booking, f"{body.payment_id} {body.status}", once)]


ENDPOINTS = [payment_succeeded, payment_failed, payment_notified]
