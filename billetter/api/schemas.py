"""Request models of bookings, seats, payments, accounts, lists. Unknown fields are never bound."""

from functools import cached_property
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlencode

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationInfo,
    model_validator,
)

from billetter.access.passwords import checked_password
from billetter.api.fields import (
    DAY_MS,
    PAGE_SIZE_MAX,
    Cursor,
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
from billetter.domain.listing import Window
from billetter.domain.search import Search, Sort

LIST_MAX = 100
"""Items of a list that is asked for without a page."""
ITEMS_MAX = 100


BookingNumberText = Annotated[int, BeforeValidator(digits), Field(ge=1, le=BOOKINGS_MAX)]


def _own_password(password: str, info: ValidationInfo) -> str:
    """A password that is not one of the names that come with it."""
    names = (info.data.get(name, "") for name in ("username", "email"))
    return checked_password(password, *names)


class Register(BaseModel):
    username: Annotated[str, Field(max_length=1_000), AfterValidator(checked_username)]
    email: Annotated[str, Field(max_length=1_000), AfterValidator(checked_email)]
    password: Annotated[str, Field(max_length=1_000), AfterValidator(_own_password)]
    role: Literal[Role.ATTENDEE, Role.ORGANIZER] = Role.ATTENDEE


class Login(BaseModel):
    email: str
    password: str


class ChangePassword(BaseModel):
    old: Annotated[str, Field(max_length=1_000)]
    new: Annotated[str, Field(max_length=1_000), AfterValidator(checked_password)]


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
    def size(self) -> int:
        return self.pageSize or PAGE_SIZE_MAX

    @property
    def paged(self) -> tuple[int, int]:
        """How many to skip and to take."""
        return ((self.page or 1) - 1) * self.size, self.size


class Cursored(Paged):
    """before, after: a cursor that a link has, in place of a page.

    asked: the query as it came.
    """

    before: Cursor = ""
    after: Cursor = ""
    _asked: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def asked(self) -> dict[str, str]:
        return self._asked

    @property
    def window(self) -> Window:
        """Without a page and its size, as many as a list may have."""
        skip, take = self.paged
        if self.page is None and self.pageSize is None:
            take = LIST_MAX
        return Window(skip, take, self.before, self.after)

    @model_validator(mode="wrap")
    @classmethod
    def _remember(cls, asked: Any, make: ModelWrapValidatorHandler[Self]) -> Self:
        made = make(asked)
        made._asked = dict(asked)
        return made

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.page is not None) + bool(self.before) + bool(self.after) > 1:
            raise ValueError("takes one of page, before and after")
        return self


class ListEvents(Cursored):
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

    @model_validator(mode="after")
    def _pages_of_what_is_found(self) -> Self:
        if self.search is not None and (self.before or self.after):
            raise ValueError("what is looked for has pages, and no before and after")
        return self

    @property
    def search(self) -> Search | None:
        """What is looked for; None: the newest of all."""
        prices: tuple[Any, Any] = (self.min_price, self.max_price)
        after = (self.date, self.date_from)
        before = (None if self.date is None else self.date + DAY_MS, self.date_to)
        search = Search(
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
        return None if search == Search(descending=True) else search


class ListSeats(Paged):
    event_id: Digits
    row: Annotated[int, BeforeValidator(digits), Field(ge=1)] | None = None
    status: SeatStatus | None = None

    @cached_property
    def previous(self) -> bytes:
        """A link to the page before. Made once: the same queries come again and again."""
        return self._link("prev", (self.page or 1) - 1)

    @cached_property
    def next(self) -> bytes:
        return self._link("next", (self.page or 1) + 1)

    def last(self, total: int) -> bytes:
        """A link back to the last page, from beyond it."""
        return self._link("prev", max(1, -(-total // self.size)))

    def _link(self, rel: str, page: int) -> bytes:
        asked = {"event_id": self.event_id, "row": self.row, "status": self.status}
        asked |= {"page": page, "pageSize": self.size}
        told = urlencode({name: value for name, value in asked.items() if value is not None})
        return f'</api/seats?{told}>; rel="{rel}"'.encode()


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
    """before, after: the number of a booking; those with lower ones are listed, or higher ones."""

    before: BookingNumberText | None = None
    after: BookingNumberText | None = None
    pageSize: PageSize | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if None not in (self.before, self.after):
            raise ValueError("takes one of before and after")
        return self

    @property
    def number(self) -> BookingNumber | None:
        return None if self.before is None else BookingNumber(self.before)

    @property
    def take(self) -> int:
        return self.pageSize or LIST_MAX
