"""Money that is to go back, and money that nobody expected: for those who run the event."""

from typing import Any

from billetter.api.answers import Answers, marked
from billetter.api.call import Call
from billetter.api.endpoint import GATEWAYS, Rules, get, post
from billetter.api.hosts import refusal, settling
from billetter.api.links import page_links, with_links
from billetter.api.payment_schemas import SettleRefund, SettleUnmatched
from billetter.api.replies import (
    NO_BOOKING,
    NOT_YOUR_EVENT,
    Reply,
    error,
    reply,
    time_text,
)
from billetter.api.schemas import Paged
from billetter.api.views import Buyers, refund_json
from billetter.domain.account import Role
from billetter.domain.ids import BookingId, EventId
from billetter.domain.money import to_decimal
from billetter.domain.outcome import Outcome
from billetter.domain.payment import Owed, Unmatched
from billetter.engine.payments import NO_EVENT as NOWHERE

SETTLERS = frozenset({Role.GUEST, Role.ORGANIZER, Role.SERVICE, Role.ADMIN})
OF_MONEY = Rules(roles=SETTLERS)
NOT_KEPT = Answers(
    dict.fromkeys(
        (Outcome.NO_EVENT, Outcome.NO_BOOKING, Outcome.NO_REFUND),
        error(404, "payment_not_found", "There is no such unmatched payment."),
    )
)
NOT_SETTLED = Answers({Outcome.NOT_YOURS: NOT_YOUR_EVENT, Outcome.NO_EVENT: NO_BOOKING})


@get("/api/events/{id:id}/refunds", query=Paged, **OF_MONEY)
async def list_refunds(call: Call, query: Paged) -> Reply:
    """Bookings whose refund is due, and payments that nothing could be sold for."""
    event_id = EventId(call.ids["id"])
    refused = refusal(settling(call), await call.engine.events.current(event_id))
    if refused is not None:
        return refused
    owed, due = await call.engine.payments.owed(event_id, *query.paged)
    kept, unmatched = await call.engine.payments.unmatched(event_id, *query.paged)
    buyers = Buyers(call.engine)
    body = {
        "refunds": [_owed(each, await buyers.named(each.user)) for each in owed],
        "refunds_total": due,
        "unmatched": [_unmatched(each) for each in kept],
        "unmatched_total": unmatched,
    }
    links = page_links(f"/api/events/{event_id}/refunds", query, max(due, unmatched))
    return with_links(reply(200, body, _counted(due)), links)


@get("/api/payments/unmatched", query=Paged, roles=GATEWAYS, trusting=True)
async def list_unmatched(call: Call, query: Paged) -> Reply:
    """Payments of which not even the event is known."""
    kept, total = await call.engine.payments.unmatched(NOWHERE, *query.paged)
    body = {"unmatched": [_unmatched(each) for each in kept], "unmatched_total": total}
    links = page_links("/api/payments/unmatched", query, total)
    return with_links(reply(200, body, _counted(total)), links)


@post("/api/payments/unmatched/refund", body=SettleUnmatched, roles=GATEWAYS, trusting=True)
async def settle_unmatched(call: Call, body: SettleUnmatched) -> Reply:
    """The money of a payment has gone back of which not even the event is known."""
    booking = None if body.booking_id is None else BookingId(body.booking_id)
    settled = await call.engine.payments.settle(
        booking, body.reference, payment_id=body.payment_id, once=call.once
    )
    if settled.outcome is not Outcome.SETTLED:
        return NOT_KEPT[settled]
    shown = {"payment_id": body.payment_id, "settled": to_decimal(int(settled.fields[0]))}
    return marked(reply(200, shown), settled)


@post("/api/bookings/{booking:id}/refund", body=SettleRefund, **OF_MONEY)
async def settle_refund(call: Call, body: SettleRefund) -> Reply:
    """The money has gone back."""
    booking = BookingId(call.ids["booking"])
    settled = await call.engine.payments.settle(
        booking,
        body.reference,
        organizer=settling(call),
        payment_id=body.payment_id,
        once=call.once,
    )
    if settled.outcome is not Outcome.SETTLED:
        return NOT_SETTLED[settled]
    amount, refund = settled.fields
    shown = {"booking_id": booking, "settled": to_decimal(int(amount)), "refund": refund or None}
    return marked(reply(200, shown), settled)


def _counted(total: int) -> tuple[bytes, bytes]:
    return b"x-total-count", b"%d" % total


def _owed(owed: Owed, buyer: dict[str, Any]) -> dict[str, Any]:
    return {
        "booking_id": owed.id,
        "user": buyer,
        "total": to_decimal(owed.total),
        "due": to_decimal(sum(refund.amount for refund in owed.refunds)),
        "refunds": [refund_json(refund) for refund in owed.refunds],
        "since": time_text(owed.since_ms),
    }


def _unmatched(kept: Unmatched) -> dict[str, Any]:
    return {
        "payment_id": kept.payment_id or None,
        "booking_id": kept.booking,
        "amount": None if kept.amount is None else to_decimal(kept.amount),
        "currency": kept.currency or None,
        "status": kept.status,
        "reason": kept.reason,
        "received_at": time_text(kept.received_ms),
    }


ENDPOINTS = [list_refunds, list_unmatched, settle_unmatched, settle_refund]
