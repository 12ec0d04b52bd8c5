"""Request models of payments and refunds. What else a gateway says is not read."""

import re
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, WrapValidator

from billetter.api.fields import Id, Text, either
from billetter.domain.ids import BookingId
from billetter.domain.money import to_minor
from billetter.domain.payment import Notice

AMOUNT_MAX = 10**13
"""Minor units: a hundred seats at the highest price."""
_MAJOR = re.compile(r"[0-9]{1,11}\.[0-9]{1,2}")
_MINOR = re.compile(r"[0-9]{1,14}")


class Odd(Enum):
    """What stands for what cannot be read of a notice: money may have come in all the same."""

    UNREADABLE = "unreadable"


def _odd(value: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(value)
    except ValidationError:
        return Odd.UNREADABLE


def _odd_data(value: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(value)
    except ValidationError:
        return PaymentData(order_id=Odd.UNREADABLE)


READ_OR_ODD = WrapValidator(_odd)


def _order(value: Any) -> Any:
    """Gateways send the order id as a number or as its digits."""
    if value == "":
        return None
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,16}", value) else value


def _minor(value: Any) -> Any:
    """With a point it is in major units, whole it is in minor ones, as text or as a number."""
    text = repr(value) if isinstance(value, float) else value
    if isinstance(text, str):
        if _MAJOR.fullmatch(text):
            return to_minor(text)
        if not _MINOR.fullmatch(text):
            raise ValueError("must be an amount like 150.00, or minor units like 15000")
        return int(text)
    return value


class PaymentData(BaseModel):
    order_id: Annotated[
        Id | Odd | None, BeforeValidator(_order), READ_OR_ODD, either("orderId", "order_id")
    ] = None
    amount: Annotated[
        Annotated[int, Field(ge=0, le=AMOUNT_MAX)] | Odd | None,
        BeforeValidator(_minor),
        READ_OR_ODD,
    ] = None
    currency: Annotated[Annotated[str, Field(max_length=16)] | Odd | None, READ_OR_ODD] = None


class PaymentNotification(BaseModel):
    """A gateway's webhook."""

    payment_id: Annotated[str, Field(alias="paymentId", min_length=1, max_length=255)]
    status: Annotated[str, Field(min_length=1, max_length=64)]
    data: Annotated[PaymentData | None, WrapValidator(_odd_data)] = None

    @property
    def booking(self) -> BookingId | None:
        """The booking that it names, if it does."""
        order = self.data.order_id if self.data else None
        return BookingId(order) if isinstance(order, int) else None

    @property
    def odd_order(self) -> bool:
        """Whether it names a booking that cannot be read."""
        return self.data is not None and self.data.order_id is Odd.UNREADABLE

    @property
    def odd_terms(self) -> bool:
        """Whether it says how much it was, and that cannot be read."""
        data = self.data or PaymentData()
        return Odd.UNREADABLE in (data.amount, data.currency)

    def notice(self, ours: str) -> Notice:
        """What it says of the payment; ours: the currency in which everything is sold."""
        data = self.data or PaymentData()
        said = data.currency if isinstance(data.currency, str) else ""
        currency = said.strip().upper() or said  # One of blanks is none of ours.
        amount = data.amount if isinstance(data.amount, int) else None
        return Notice(self.payment_id, amount, "" if currency == ours else currency, self.status)


class SettleRefund(BaseModel):
    """reference: how the money went back, for people. payment_id: one payment's; none: all."""

    reference: Annotated[Text, Field(min_length=1, max_length=200)]
    payment_id: Annotated[str, Field(max_length=255)] | None = None


class SettleUnmatched(BaseModel):
    """As SettleRefund. booking_id: of the booking that the payment named, if it did."""

    payment_id: Annotated[str, Field(max_length=255)]
    reference: Annotated[Text, Field(min_length=1, max_length=200)]
    booking_id: Id | None = None
