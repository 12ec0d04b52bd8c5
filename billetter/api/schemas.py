"""Request models: strict, with limits on everything. Unknown fields are ignored."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PrivateAttr, model_validator

from billetter.domain.booking import SeatStatus
from billetter.domain.ids import ID_MAX, SEATS_MAX
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.money import to_minor

SEATS_PER_CALL_MAX = 100
PAGE_SIZE_MAX = 20
LIST_MAX = 1_000
ZONES_MAX = 1_000
_DAY_MS_MAX = 253_402_300_799_999  # The end of the year 9999.


def _printable(text: str) -> str:
    if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in text):
        raise ValueError("must not contain control characters")
    return text.strip()


def _one_line(text: str) -> str:
    text = _printable(text)
    if "\n" in text or "\t" in text:
        raise ValueError("must be one line")
    if not text:
        raise ValueError("must not be empty")
    return text


def _ms(moment: datetime) -> int:
    """Milliseconds since 1970; a time without a zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ms = round(moment.timestamp() * 1000)
    if not 0 <= ms <= _DAY_MS_MAX:
        raise ValueError("must lie between 1970 and 9999")
    return ms


def _digits(text: Any) -> int:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,16}", text) or int(text) > ID_MAX:
        raise ValueError("must be plain decimal digits, at most 2^53-1")
    return int(text)


def _day(text: Any) -> date:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("must be a date like 2026-10-13")
    return date.fromisoformat(text)


Id = Annotated[int, Field(ge=0, le=ID_MAX)]
Title = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Text = Annotated[str, Field(max_length=5_000), AfterValidator(_printable)]
Price = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,2})?$"), AfterValidator(to_minor)]
Moment = Annotated[datetime, AfterValidator(_ms)]
Seconds = Annotated[int, Field(ge=1, le=604_800)]
Seats = Annotated[int, Field(ge=1, le=SEATS_MAX)]
SeatIds = Annotated[list[Id], Field(min_length=1, max_length=SEATS_PER_CALL_MAX)]
Digits = Annotated[int, BeforeValidator(_digits)]
Day = Annotated[date, BeforeValidator(_day)]
Page = Annotated[int, BeforeValidator(_digits), Field(ge=1)]
PageSize = Annotated[int, BeforeValidator(_digits), Field(ge=1, le=PAGE_SIZE_MAX)]


class ZoneBody(BaseModel):
    """Numbered rows, equal or ragged, or a capacity without numbers."""

    name: Title
    price: Price
    rows: Seats | Annotated[list[Seats], Field(min_length=1, max_length=SEATS_MAX)] | None = None
    seats_per_row: Seats | None = None
    capacity: Seats | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        ragged = isinstance(self.rows, list)
        if self.capacity is not None:
            if self.rows is not None or self.seats_per_row is not None:
                raise ValueError("capacity excludes rows and seats_per_row")
        elif self.rows is None:
            raise ValueError("needs rows and seats_per_row, a list of rows, or a capacity")
        elif ragged == (self.seats_per_row is not None):
            raise ValueError("seats_per_row goes with a number of rows, and only with that")
        return self

    def plan(self) -> ZonePlan:
        price: Any = self.price
        if self.capacity is not None:
            return ZonePlan(self.name, price, (self.capacity,), numbered=False)
        if isinstance(self.rows, list):
            return ZonePlan(self.name, price, tuple(self.rows))
        return even_zone(self.name, price, self.rows or 0, self.seats_per_row or 0)


def even_zone(name: str, price: int, rows: int, seats_per_row: int) -> ZonePlan:
    if rows * seats_per_row > SEATS_MAX:
        raise ValueError(f"an event has at most {SEATS_MAX} seats")
    return ZonePlan(name, price, (seats_per_row,) * rows)


class CreateEvent(BaseModel):
    """Without an inventory: 10 rows of 100 seats at 10.00."""

    _layout: Layout = PrivateAttr()
    title: Title
    external: bool = False
    zones: Annotated[list[ZoneBody], Field(min_length=1, max_length=ZONES_MAX)] | None = None
    rows: Seats | None = None
    seats_per_row: Seats | None = None
    price: Price | None = None
    description: Text | None = None
    starts_at: Moment | None = None
    location: Title | None = None
    category: Title | None = None
    hold_seconds: Seconds | None = None
    payment_seconds: Seconds | None = None
    max_seats_per_booking: Annotated[int, Field(ge=1, le=1_000)] = 100

    @model_validator(mode="after")
    def _one_inventory(self) -> Self:
        short = (self.rows, self.seats_per_row, self.price)
        if self.zones is not None and any(field is not None for field in short):
            raise ValueError("zones exclude rows, seats_per_row and price")
        self._layout = Layout.plan(self._zone_plans())
        return self

    @property
    def layout(self) -> Layout:
        return self._layout

    def _zone_plans(self) -> Iterator[ZonePlan]:
        """The zones asked for, one by one: all at once they may be too large to hold."""
        if self.zones is not None:
            yield from (zone.plan() for zone in self.zones)
            return
        price: Any = self.price
        yield even_zone(
            "Standard",
            1_000 if price is None else price,
            self.rows or 10,
            self.seats_per_row or 100,
        )


class OpenBooking(BaseModel):
    event_id: Id
    seat_ids: SeatIds | None = None


class OfBooking(BaseModel):
    booking_id: Id


class SelectSeat(BaseModel):
    booking_id: Id
    seat_id: Id | None = None
    seat_ids: SeatIds | None = None

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if (self.seat_id is None) == (self.seat_ids is None):
            raise ValueError("needs seat_id or seat_ids, one of them")
        return self

    @property
    def wanted(self) -> list[int]:
        return self.seat_ids if self.seat_ids is not None else [self.seat_id or 0]


class ReleaseSeat(BaseModel):
    seat_id: Id


def _order(value: Any) -> Any:
    """Gateways send the order id as a number or as its digits."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,16}", value) else value


class PaymentData(BaseModel):
    order_id: Annotated[Id, BeforeValidator(_order), Field(alias="orderId")]


class PaymentNotification(BaseModel):
    """A gateway's webhook; what else it carries is not read."""

    payment_id: Annotated[str, Field(alias="paymentId", min_length=1, max_length=255)]
    status: Annotated[str, Field(min_length=1, max_length=64)]
    data: PaymentData


class Paged(BaseModel):
    page: Page | None = None
    pageSize: PageSize | None = None

    @property
    def window(self) -> tuple[int, int]:
        """How many to skip and to take: all that a list may have when neither field is given."""
        return (0, LIST_MAX) if self.page is None and self.pageSize is None else self.paged

    @property
    def paged(self) -> tuple[int, int]:
        """How many to skip and to take."""
        size = self.pageSize or PAGE_SIZE_MAX
        return ((self.page or 1) - 1) * size, size


class ListEvents(Paged):
    query: Annotated[str, Field(max_length=200)] = ""
    date: Day | None = None


class ListSeats(Paged):
    event_id: Digits
    row: Annotated[int, BeforeValidator(_digits), Field(ge=1)] | None = None
    status: SeatStatus | None = None


class PaymentResult(BaseModel):
    order_id: Annotated[Digits, Field(alias="orderId")]


class OfEvent(BaseModel):
    id: Digits
