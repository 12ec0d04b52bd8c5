"""Request models of events: as they are made, and as they are changed."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from billetter.api.fields import Moment, Price, Seats, Seconds, Text, Title, either
from billetter.domain.event import CANCEL_BEFORE_MS, CAP_MAX, Event, State, check_window
from billetter.domain.ids import SEATS_MAX
from billetter.domain.layout import Layout, LayoutError, ZonePlan
from billetter.domain.rows import Rows

ZONES_MAX = 1_000
STANDARD, PRICE = "Standard", 1_000
"""The only zone of an event that names none, and its price."""

NAMED = either("title", "name")
DATED = either("starts_at", "date")
SeatsMax = Annotated[int, Field(ge=1, le=1_000)]
SEATS_OF_BOOKING = 100
"""The most that one booking has, unless the event says otherwise."""
Cap = Annotated[int, Field(ge=1, le=CAP_MAX)]
Lead = Annotated[int, Field(ge=0, le=31_536_000)]
"""Seconds before the start of an event: up to a year."""

DETAILS = {
    "title": ("title", 1),
    "description": ("description", 1),
    "starts_at": ("starts_at_ms", 1),
    "location": ("location", 1),
    "category": ("category", 1),
}
TERMS = {
    "hold_seconds": ("hold_ms", 1_000),
    "payment_seconds": ("payment_ms", 1_000),
    "max_seats_per_booking": ("seats_max", 1),
    "max_held_per_user": ("held_max", 1),
    "max_bought_per_user": ("bought_max", 1),
    "max_open_bookings_per_user": ("open_max", 1),
    "cancel_before_seconds": ("cancel_before_ms", 1_000),
    "sale_starts_at": ("sale_starts_at_ms", 1),
    "sale_ends_at": ("sale_ends_at_ms", 1),
}
"""Fields of requests: the attributes they become, and how many of its units one of theirs is."""


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
            return ZonePlan(self.name, price, Rows.of(self.rows))
        return even_zone(self.name, price, self.rows or 0, self.seats_per_row or 0)


def even_zone(name: str, price: int, rows: int, seats_per_row: int) -> ZonePlan:
    if rows * seats_per_row > SEATS_MAX:
        raise ValueError(f"an event has at most {SEATS_MAX} seats")
    return ZonePlan(name, price, Rows.equal(rows, seats_per_row))


class CreateEvent(BaseModel):
    """Without an inventory: 10 rows of 100 seats at 10.00; totalCapacity: so many tickets."""

    _layout: Layout = PrivateAttr()
    title: Annotated[Title, NAMED]
    external: bool = False
    zones: Annotated[list[ZoneBody], Field(min_length=1, max_length=ZONES_MAX)] | None = None
    rows: Seats | None = None
    seats_per_row: Seats | None = None
    price: Price | None = None
    capacity: Annotated[Seats | None, Field(alias="totalCapacity")] = None
    description: Text | None = None
    starts_at: Annotated[Moment | None, DATED] = None
    location: Title | None = None
    category: Title | None = None
    hold_seconds: Seconds | None = None
    payment_seconds: Seconds | None = None
    max_seats_per_booking: SeatsMax = SEATS_OF_BOOKING
    max_held_per_user: Cap | None = None
    max_bought_per_user: Cap | None = None
    max_open_bookings_per_user: Cap | None = None
    cancel_before_seconds: Lead = CANCEL_BEFORE_MS // 1000
    sale_ends_at: Moment | None = None
    sale_starts_at: Moment | None = None

    @field_validator("sale_starts_at")
    @classmethod
    def _opens_before_it_ends(cls, opens: Any, info: ValidationInfo) -> Any:
        """The fields above are checked by now; an end that is wrong is not among them."""
        ends, starts = info.data.get("sale_ends_at"), info.data.get("starts_at")
        check_window(opens, starts if ends is None else ends)
        return opens

    @model_validator(mode="after")
    def _one_inventory(self) -> Self:
        rows = (self.rows, self.seats_per_row)
        forms = (self.zones is not None, rows != (None, None), self.capacity is not None)
        if sum(forms) > 1:
            raise ValueError("takes zones, or rows and seats_per_row, or totalCapacity")
        if self.zones is not None and self.price is not None:
            raise ValueError("zones have their own prices")
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
        price: Any = PRICE if self.price is None else self.price
        if self.capacity is not None:
            yield ZonePlan(STANDARD, price, (self.capacity,), numbered=False)
        else:
            yield even_zone(STANDARD, price, self.rows or 10, self.seats_per_row or 100)


class ZoneChange(BaseModel):
    """What becomes of the zone with this number. Seats that somebody has keep their price."""

    number: Annotated[int, Field(ge=1)]
    remove: bool = False
    name: Title | None = None
    price: Price | None = None
    capacity: Seats | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        changes = (self.name, self.price, self.capacity).count(None) < 3
        if changes == self.remove:
            raise ValueError("takes name, price and capacity, one or more of them, or remove")
        return self

    def made_of(self, layout: Layout) -> Layout:
        """LayoutError: there is no such zone, or it cannot be changed so."""
        if self.remove:
            return layout.without(self.number)
        if self.name is not None:
            layout = layout.renamed(self.number, self.name)
        if self.price is not None:
            price: Any = self.price
            layout = layout.priced(self.number, price)
        if self.capacity is not None:
            layout = layout.sized(self.number, self.capacity)
        return layout


def _kind(zone: Any) -> str:
    return "changed" if isinstance(zone, dict) and "number" in zone else "added"


Zones = Annotated[
    list[
        Annotated[
            Annotated[ZoneChange, Tag("changed")] | Annotated[ZoneBody, Tag("added")],
            Discriminator(_kind),
        ]
    ],
    Field(min_length=1, max_length=ZONES_MAX),
]


class AmendEvent(BaseModel):
    """What is to be another way; what is left out stays, and null takes away what can be."""

    title: Annotated[Title, NAMED] = ""
    description: Text | None = None
    starts_at: Annotated[Moment | None, DATED] = None
    location: Title | None = None
    category: Title | None = None
    hold_seconds: Seconds = 1
    payment_seconds: Seconds = 1
    max_seats_per_booking: SeatsMax = 1
    max_held_per_user: Cap | None = None
    max_bought_per_user: Cap | None = None
    max_open_bookings_per_user: Cap | None = None
    cancel_before_seconds: Lead = 0
    sale_starts_at: Moment | None = None
    sale_ends_at: Moment | None = None
    state: Literal[State.ON_SALE, State.CLOSED] = State.ON_SALE
    zones: Zones = []
    capacity: Annotated[Seats, Field(alias="totalCapacity")] = 1

    def change(self, event: Event) -> Event:
        """What becomes of an event. LayoutError: its zones cannot be changed so."""
        return replace(
            event,
            details=replace(event.details, **self._given(DETAILS)),
            terms=replace(event.terms, **self._given(TERMS)),
            layout=self._laid_out(event.layout),
            state=self.state if "state" in self.model_fields_set else event.state,
        )

    def _given(self, names: Mapping[str, tuple[str, int]]) -> dict[str, Any]:
        return {
            attribute: None if (value := getattr(self, field)) is None else value * scale
            for field, (attribute, scale) in names.items()
            if field in self.model_fields_set
        }

    def _laid_out(self, layout: Layout) -> Layout:
        if "capacity" in self.model_fields_set:
            if len(layout.zones) != 1:
                raise LayoutError("totalCapacity goes with an event of one zone")
            layout = layout.sized(layout.zones[0].number, self.capacity)
        for zone in self.zones:
            if isinstance(zone, ZoneChange):
                layout = zone.made_of(layout)
        added = [zone.plan() for zone in self.zones if isinstance(zone, ZoneBody)]
        if len(layout.zones) + len(added) > ZONES_MAX:
            raise LayoutError(f"an event has at most {ZONES_MAX} zones")
        return layout.adding(added) if added else layout
