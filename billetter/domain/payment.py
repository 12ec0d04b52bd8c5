"""Payments and refunds of bookings, and what a gateway tells of them.

Ids of payments are the gateway's own text. Money is in minor units.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote, unquote

from billetter.domain.ids import BookingId, BookingNumber, EventId, UserId, booking_id


class PaymentState(StrEnum):
    """What became of a payment that was made."""

    PAID = "paid"
    REFUND_DUE = "refund_due"
    REFUNDED = "refunded"


class Payment(NamedTuple):
    """id: "" where the gateway named none."""

    id: str
    amount: int
    state: PaymentState


class Refund(NamedTuple):
    """Money that is to go back, or has gone.

    reason: cancelled, event_cancelled, expired or paid_twice; "" where nobody knows any more.
    state: due or done. reference: what whoever settled it said.
    """

    payment_id: str
    amount: int
    reason: str
    state: str
    reference: str


class Unmatched(NamedTuple):
    """A payment for which nothing could be sold.

    booking: the one it named; None for none. amount: None where that was not said; currency: ""
    where it was ours. reason: not_initiated, amount, currency, too_many, no_booking, no_order,
    unreadable or status.
    """

    booking: BookingId | None
    payment_id: str
    amount: int | None
    currency: str
    status: str
    reason: str
    received_ms: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What a gateway says of a payment.

    payment_id: "" where it names none. amount: None where it does not say. currency: "" where it
    is ours. status: in its own words.
    """

    payment_id: str = ""
    amount: int | None = None
    currency: str = ""
    status: str = ""

    @property
    def id(self) -> str:
        """The payment's id as scripts keep it."""
        return quote(self.payment_id, safe="")

    @property
    def terms(self) -> tuple[str, str, str]:
        """Amount, currency and status as scripts keep them."""
        amount = "" if self.amount is None else str(self.amount)
        return amount, quote(self.currency, safe=""), quote(self.status, safe="")


@dataclass(frozen=True, slots=True)
class Owed:
    """A booking with refunds that are due."""

    id: BookingId
    user: UserId
    total: int
    refunds: tuple[Refund, ...]
    since_ms: int


UNNAMED = Notice()
"""A success of which only the booking is known: of its only payment."""


def parse_refunds(kept: str) -> tuple[Refund, ...]:
    """Of the text that a booking keeps: `payment:amount:reason:state:reference,…`."""
    return tuple(_refund(*part.split(":")) for part in kept.split(",") if part)


def parse_payments(kept: str, refunds: tuple[Refund, ...]) -> tuple[Payment, ...]:
    """Of the text that a booking keeps, `id:amount,…`, and of its refunds."""
    states = {refund.payment_id: refund.state for refund in refunds}
    became = {"due": PaymentState.REFUND_DUE, "done": PaymentState.REFUNDED}
    pairs = (part.split(":") for part in kept.split(",") if part)
    named = ((unquote(id_), int(amount)) for id_, amount in pairs)
    return tuple(
        Payment(id_, amount, became.get(states.get(id_, ""), PaymentState.PAID))
        for id_, amount in named
    )


def parse_unmatched(event: EventId, field: str, value: str) -> Unmatched:
    """As an event keeps it: `booking number:payment`, `amount:currency:status:reason:ms`."""
    number, _, payment = field.partition(":")
    amount, currency, status, reason, received_ms = value.split(":")
    return Unmatched(
        booking_id(event, BookingNumber(int(number))) if number != "0" else None,
        unquote(payment),
        int(amount) if amount else None,
        unquote(currency),
        unquote(status),
        reason,
        int(received_ms),
    )


def _refund(payment: str, amount: str, reason: str, state: str, reference: str) -> Refund:
    return Refund(unquote(payment), int(amount), reason, state, unquote(reference))
