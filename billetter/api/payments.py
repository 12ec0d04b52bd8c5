"""What a payment gateway tells: by redirect, by callback, by webhook."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from billetter.api.answers import Answers
from billetter.api.call import Call
from billetter.api.endpoint import GATEWAYS, Rules, get, post
from billetter.api.inputs import Stop
from billetter.api.payment_schemas import PaymentNotification
from billetter.api.replies import NO_BOOKING, Reply, reply
from billetter.api.schemas import PaymentResult
from billetter.api.signatures import (
    BadSignature,
    Callback,
    Result,
    unsigned,
    verify_body,
    verify_callback,
    verify_notification,
)
from billetter.domain.ids import BookingId
from billetter.domain.outcome import Answer, Outcome
from billetter.domain.payment import Notice
from billetter.domain.policy import Group
from billetter.engine.once import Once, notice

T = TypeVar("T")

SIGNED = Rules(roles=GATEWAYS, group=Group.PAYMENTS, signed=True, trusting=True)
CALLBACK = Rules(safe=False, **SIGNED)
SUCCEEDED = frozenset({"confirmed", "completed"})
FAILED = frozenset({"failed", "cancelled", "canceled", "expired", "rejected"})
REFUNDED = "refunded"
ON_ITS_WAY = frozenset(
    {
        *("new", "created", "pending", "processing", "form_showed"),
        *("3ds_checking", "3ds_checked", "authorizing", "authorized", "confirming"),
        *("reversing", "reversed", "refunding", "auth_fail", "deadline_expired"),
    }
)
"""Statuses that tell of no money that has come in. Who knows what others mean?"""
NO_MONEY = FAILED | ON_ITS_WAY | {REFUNDED}

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
            Outcome.UNMATCHED,
            Outcome.SETTLED,
        ),
        OK,
    )
    | {Outcome.NO_EVENT: NO_BOOKING}
)
UNEXPECTED = {
    Outcome.NO_EVENT: "there is no such event",
    Outcome.NO_BOOKING: "there is no such booking",
    Outcome.NOT_INITIATED: "nothing of it is to be paid",
    Outcome.REFUND_DUE: "its refund is due",
    Outcome.UNMATCHED: "it is kept as unmatched",
}
"""Why a payment that was made sells nothing."""

logger = logging.getLogger("billetter.payments")


@get("/api/payments/success", query=PaymentResult, **CALLBACK)
async def payment_succeeded(call: Call, query: PaymentResult) -> Reply:
    once = await _delivery(call, query, Result.SUCCESS)
    return await _succeed(call, BookingId(query.order_id), Notice(status=Result.SUCCESS), once)


@get("/api/payments/fail", query=PaymentResult, **CALLBACK)
async def payment_failed(call: Call, query: PaymentResult) -> Reply:
    once = await _delivery(call, query, Result.FAIL)
    return HEARD[await call.engine.bookings.fail(BookingId(query.order_id), once)]


@post("/api/payments/notifications", body=PaymentNotification, **SIGNED)
async def payment_notified(call: Call, body: PaymentNotification) -> Reply:
    _check_signature(call)
    told, status, booking = (
        body.notice(call.services.currency),
        body.status.casefold(),
        body.booking,
    )
    if booking is None:
        booking = await call.engine.payments.find(body.payment_id)
    once = notice(booking, body.payment_id, status, *told.terms[:2])
    if status == REFUNDED:
        settled = await call.engine.payments.settle(
            booking, body.payment_id, payment_id=body.payment_id
        )
        if settled.outcome is Outcome.SETTLED:
            return HEARD[settled]
    money = status not in NO_MONEY
    if money and (body.odd_terms or (body.odd_order and booking is None)):
        return await _keep(call, booking, told, "unreadable", once.then("unreadable"))
    if booking is None:
        return await _keep(call, None, told, "no_order", once, money=money)
    if status in SUCCEEDED:
        return await _succeed(call, booking, told, once)
    if status in FAILED:
        return HEARD[await call.engine.bookings.fail(booking, once)]
    return await _note(call, booking, told, once, known=status in NO_MONEY)


async def _succeed(call: Call, booking: BookingId, told: Notice, once: Once | None) -> Reply:
    answer = await call.engine.payments.succeed(booking, told, once)
    if not answer.replayed and (why := UNEXPECTED.get(answer.outcome)):
        details = (told.payment_id or "without an id", booking, why, *answer.fields)
        logger.warning("payment %s of booking %d: %s" + " %s" * len(answer.fields), *details)
    return HEARD[answer]


async def _keep(
    call: Call,
    booking: BookingId | None,
    told: Notice,
    reason: str,
    once: Once,
    *,
    money: bool = True,
) -> Reply:
    answer = await call.engine.payments.keep(booking, told, reason, once, money=money)
    if not answer.replayed:
        details = (told.payment_id, reason, told.status)
        logger.warning("payment %s is of no known booking (%s): %s", *details)
    return HEARD[answer]


async def _note(call: Call, booking: BookingId, told: Notice, once: Once, *, known: bool) -> Reply:
    """Write down what changes nothing; what it may mean is for people to say."""
    text = f"{told.payment_id} {told.status}"
    noted = await call.engine.bookings.note(booking, text, once)
    if noted.outcome is Outcome.NOTED and not known:
        await call.engine.payments.keep(booking, told, "status", once.then("keep"))
        if not noted.replayed:
            logger.warning("payment %s of booking %d: nobody knows this status", text, booking)
    return HEARD[noted]


def _check_signature(call: Call) -> None:
    """Ours, or the gateway's own; only where gateways have a secret."""
    secret = call.services.payment_secret
    if secret is None:
        return
    ours = call.headers.get(b"billetter-signature")
    theirs = call.headers.get(b"x-webhook-signature")
    if ours is None and theirs is not None:
        _checked(verify_body, secret, call.body, theirs)
    else:
        _checked(verify_notification, secret, call.body, ours)


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
