"""Request models of tickets without numbers: types of them, places, lines."""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, Field

from billetter.api.fields import Digits, Id, Name, PathId, Price, Seats, Title, either
from billetter.domain.event import Event
from billetter.domain.ids import TICKET_TYPES_MAX
from billetter.domain.layout import Layout, LayoutError, ZonePlan

TYPED = either("ticket_type_id", "ticketTypeId")


class TicketItem(BaseModel):
    """So many tickets of one type."""

    ticket_type_id: Annotated[Id, TYPED]
    quantity: Seats


class AddTicketType(BaseModel):
    name: Title
    price: Price
    quantity: Seats

    def made_of(self, layout: Layout) -> Layout:
        """With a zone for these tickets. LayoutError: it does not fit."""
        if layout.numbers >= TICKET_TYPES_MAX:
            raise LayoutError(f"an event has at most {TICKET_TYPES_MAX} zones")
        price: Any = self.price
        return layout.adding([ZonePlan(self.name, price, (self.quantity,), numbered=False)])


class Addition:
    """A change that adds a ticket type. number: of the zone it became when it was last made."""

    def __init__(self, added: AddTicketType) -> None:
        self._added = added
        self.number = 0

    def __call__(self, event: Event) -> Event:
        layout = self._added.made_of(event.layout)
        self.number = layout.numbers
        return replace(event, layout=layout)


class Reserve(BaseModel):
    event_id: Id
    user_id: Name


class Initialize(BaseModel):
    totalTickets: Seats
    name: Title = "Event"


class Book(BaseModel):
    event: Annotated[Id, Field(alias="eventId")]
    user: Annotated[Name, Field(alias="userId")]


class OfTickets(BaseModel):
    """The event in a path."""

    id: Digits


class Available(BaseModel):
    """The event in a path whose errors are terse: what is no id is said to be wrong."""

    id: PathId


class OfUser(OfTickets):
    """A user and an event in a path."""

    user: Name
