"""Request models of payments and refunds. What else a gateway says is not read."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from billetter.api.fields import PAGE_SIZE_MAX, Id, Page, PageSize, Text, either
from billetter.domain.ids import BookingId
from billetter.domain.money import to_minor
from billetter.domain.payment import Notice

AMOUNT_MAX = 10**13
"""Minor units: a hundred seats at the highest price."""
_MAJOR = re.compile(r"[0-9]{1,11}\.[0-9]{1,2}")
_MINOR = re.compile(r"[0-9]{1,14}")


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
    order_id: Annotated[Id | None, BeforeValidator(_order), either("orderId", "order_id")] = None
    amount: Annotated[
        Annotated[int, Field(ge=0, le=AMOUNT_MAX)] | None, BeforeValidator(_minor)
    ] = None
    currency: Annotated[str, Field(max_length=16)] | None = None


class PaymentNotification(BaseModel):
    """A gateway's webhook."""

    payment_id: Annotated[str, Field(alias="paymentId", min_length=1, max_length=255)]
    status: Annotated[str, Field(min_length=1, max_length=64)]
    data: PaymentData | None = None

    @property
    def booking(self) -> BookingId | None:
        """The booking that it names, if it does."""
        data = self.data or PaymentData()
        return None if data.order_id is None else BookingId(data.order_id)

    def notice(self, ours: str) -> Notice:
        """What it says of the payment; ours: the currency in which everything is sold."""
        data = self.data or PaymentData()
        currency = (data.currency or ours).strip().upper()
        return Notice(
            self.payment_id, data.amount, "" if currency == ours else currency, self.status
        )


class SettleRefund(BaseModel):
    """reference: how the money went back, for people. payment_id: one payment's; none: all."""

    reference: Annotated[Text, Field(min_length=1, max_length=200)]
    payment_id: Annotated[str, Field(max_length=255)] | None = None


class SettleUnmatched(BaseModel):
    """As SettleRefund. booking_id: of the booking that the payment named, if it did."""

    payment_id: Annotated[str, Field(max_length=255)]
    reference: Annotated[Text, Field(min_length=1, max_length=200)]
    booking_id: Id | None = None


class PagedRefunds(BaseModel):
    page: Page = 1
    pageSize: PageSize = PAGE_SIZE_MAX

    @property
    def window(self) -> tuple[int, int]:
        """How many to skip and to take."""
        return (self.page - 1) * self.pageSize, self.pageSize
