"""What a payment gateway tells: by redirect, by callback, by webhook."""

import time
from collections.abc import Callable
from typing import TypeVar

from billetter.api.answers import Answers
from billetter.api.call import Call
from billetter.api.endpoint import GATEWAYS, Rules, get, post
from billetter.api.inputs import Stop
from billetter.api.replies import NO_BOOKING, Reply, reply
from billetter.api.schemas import PaymentNotification, PaymentResult
from billetter.api.signatures import (
    BadSignature,
    Callback,
    Result,
    unsigned,
    verify_callback,
    verify_notification,
)
from billetter.domain.ids import BookingId
from billetter.domain.outcome import Answer, Outcome
from billetter.domain.policy import Group
from billetter.engine.once import Once, notice

T = TypeVar("T")

SIGNED = Rules(roles=GATEWAYS, group=Group.PAYMENTS, signed=True, trusting=True)
CALLBACK = Rules(safe=False, **SIGNED)
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


@get("/api/payments/success", query=PaymentResult, **CALLBACK)
async def payment_succeeded(call: Call, query: PaymentResult) -> Reply:
    once = await _delivery(call, query, Result.SUCCESS)
    return HEARD[await call.engine.bookings.confirm(BookingId(query.order_id), once)]


@get("/api/payments/fail", query=PaymentResult, **CALLBACK)
async def payment_failed(call: Call, query: PaymentResult) -> Reply:
    once = await _delivery(call, query, Result.FAIL)
    return HEARD[await call.engine.bookings.fail(BookingId(query.order_id), once)]


@post("/api/payments/notifications", body=PaymentNotification, **SIGNED)
async def payment_notified(call: Call, body: PaymentNotification) -> Reply:
    if secret := call.services.payment_secret:
        _checked(verify_notification, secret, call.body, call.headers.get(b"billetter-signature"))
    bookings, booking = call.engine.bookings, BookingId(body.data.order_id)
    status = body.status.casefold()
    once = notice(booking, body.payment_id, status)
    if status in SUCCEEDED:
        return HEARD[await bookings.confirm(booking, once)]
    if status in FAILED:
        return HEARD[await bookings.fail(booking, once)]
    return HEARD[await bookings.note(booking, f"{body.payment_id} {body.status}", once)]


async def _delivery(call: Call, query: PaymentResult, result: Result) -> Once | None:
    """What a signed callback is remembered by; None where they are not signed."""
    secret = call.services.payment_secret
    if secret is None:
        return None
    booking = await call.engine.bookings.get(BookingId(query.order_id))
    if booking is None:
        raise Stop(HEARD[Answer(Outcome.NO_BOOKING)])
    callback = Callback(booking.id, result, booking.total)
    return _checked(verify_callback, secret, callback, query.signature, query.timestamp)


def _checked(verify: Callable[..., T], *args: object) -> T:
    try:
        return verify(*args, time.time())
    except BadSignature as error:
        raise Stop(unsigned(error)) from None


ENDPOINTS = [payment_succeeded, payment_failed, payment_notified]
