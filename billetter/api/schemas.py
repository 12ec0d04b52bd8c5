"""Request models of bookings, seats, payments, accounts and lists. Unknown fields are ignored."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    model_validator,
)

from billetter.access.passwords import checked_password
from billetter.api.fields import (
    DAY_MS,
    PAGE_SIZE_MAX,
    Day,
    Digits,
    From,
    Id,
    Page,
    PageSize,
    Phrase,
    Price,
    SeatIds,
    Seats,
    Until,
    digits,
    either,
)
from billetter.api.ticket_schemas import TYPED, TicketItem
from billetter.domain.account import Role, checked_email, checked_username
from billetter.domain.booking import SeatStatus
from billetter.domain.ids import BOOKINGS_MAX, BookingNumber
from billetter.domain.search import Search, Sort

LIST_MAX = 1_000
ITEMS_MAX = 100


class Register(BaseModel):
    username: Annotated[str, Field(max_length=1_000), AfterValidator(checked_username)]
    email: Annotated[str, Field(max_length=1_000), AfterValidator(checked_email)]
    password: Annotated[str, Field(max_length=1_000), AfterValidator(checked_password)]
    role: Literal[Role.ATTENDEE, Role.ORGANIZER] = Role.ATTENDEE


class Login(BaseModel):
    email: str
    password: str


class OpenBooking(BaseModel):
    """Empty, or with seats, or with tickets of one type or several."""

    event_id: Annotated[Id, either("event_id", "eventId")]
    seat_ids: SeatIds | None = None
    ticket_type_id: Annotated[Id | None, TYPED] = None
    quantity: Seats | None = None
    items: Annotated[list[TicketItem], Field(min_length=1, max_length=ITEMS_MAX)] | None = None

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if (self.seat_ids, self.ticket_type_id, self.items).count(None) < 2:
            raise ValueError("takes one of seat_ids, ticket_type_id and items")
        if (self.ticket_type_id is None) != (self.quantity is None):
            raise ValueError("ticket_type_id and quantity go together")
        return self

    @property
    def tickets(self) -> list[tuple[int, int]]:
        """Ticket types, and how many are wanted of each."""
        if self.ticket_type_id is not None:
            return [(self.ticket_type_id, self.quantity or 0)]
        return [(item.ticket_type_id, item.quantity) for item in self.items or ()]


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
    pageSize: Annotated[PageSize | None, either("pageSize", "limit")] = None
    query: Annotated[Phrase, either("query", "q")] = ""
    date: Day | None = None
    date_from: From | None = None
    date_to: Until | None = None
    location: Phrase = ""
    category: Phrase = ""
    min_price: Price | None = None
    max_price: Price | None = None
    available: bool | None = None
    sortBy: Sort | None = None
    order: Literal["asc", "desc"] | None = None

    @property
    def search(self) -> Search | None:
        """What is looked for; None: the newest of all."""
        if self.model_fields_set <= Paged.model_fields.keys():
            return None
        prices: tuple[Any, Any] = (self.min_price, self.max_price)
        after = (self.date, self.date_from)
        before = (None if self.date is None else self.date + DAY_MS, self.date_to)
        return Search(
            self.query,
            max((ms for ms in after if ms is not None), default=None),
            min((ms for ms in before if ms is not None), default=None),
            self.location,
            self.category,
            *prices,
            self.available,
            self.sortBy,
            self.order == "desc" if self.order or self.sortBy else True,
        )


class ListSeats(Paged):
    event_id: Digits
    row: Annotated[int, BeforeValidator(digits), Field(ge=1)] | None = None
    status: SeatStatus | None = None


class PaymentResult(BaseModel):
    """timestamp, signature: from a gateway that signs."""

    order_id: Annotated[Digits, Field(alias="orderId")]
    timestamp: Annotated[str, Field(max_length=12)] | None = None
    signature: Annotated[str, Field(max_length=64)] | None = None


class OfEvent(BaseModel):
    id: Digits


class Removal(BaseModel):
    """cancel: an event that has bookings is cancelled, where it would otherwise stay."""

    cancel: bool = False


class BookingsBefore(BaseModel):
    """before: the number of a booking; those with lower ones are listed."""

    before: Annotated[int, BeforeValidator(digits), Field(ge=1, le=BOOKINGS_MAX)] | None = None
    pageSize: PageSize | None = None

    @property
    def number(self) -> BookingNumber | None:
        return None if self.before is None else BookingNumber(self.before)

    @property
    def take(self) -> int:
        return self.pageSize or PAGE_SIZE_MAX
