"""An event as the fields of its hash, and back. lua/README.md has the table of them."""

from collections.abc import Sequence
from typing import Any

from billetter.domain.event import (
    CANCEL_BEFORE_MS,
    CAP_MAX,
    Details,
    Event,
    EventPlan,
    State,
    Terms,
)
from billetter.domain.ids import EventId, UserId
from billetter.domain.layout import Layout

_DETAILS = ("title", "external", "description", "starts_at", "location", "category")
_WINDOW = ("sale_starts_at", "sale_ends_at")
_TERMS = ("hold_ms", "payment_ms", "seats_max", "caps", "cancel_before_ms", *_WINDOW)
LISTED = ("created", "state", *_DETAILS)
WHOLE = ("version", "created", "state", "organizer", "layout", "bits", *_TERMS, *_DETAILS)

_CAPS = ("held_max", "bought_max", "open_max")
Fields = dict[str, str | int]


def of_plan(plan: EventPlan) -> Fields:
    """What is not set is not there."""
    return _of(plan.details, plan.terms, plan.layout)


def of_event(event: Event) -> Fields:
    """The same, and what a change of the event may set besides."""
    return _of(event.details, event.terms, event.layout) | {"state": event.state}


def event(id_: EventId, row: Sequence[Any]) -> Event:
    """The event whose fields WHOLE these are."""
    version, created, state, organizer, layout, bits, *rest = row
    return Event(
        id_,
        version.decode(),
        int(created),
        details(rest[len(_TERMS) :]),
        _terms(rest[: len(_TERMS)]),
        Layout.from_json(layout, int(bits)),
        State(state.decode()),
        None if organizer is None else UserId(organizer.decode()),
    )


def details(row: Sequence[Any]) -> Details:
    title, external, description, starts_at, location, category = row
    return Details(
        title.decode(),
        external is not None,
        _text(description),
        None if starts_at is None else int(starts_at),
        _text(location),
        _text(category),
    )


def caps_of(terms: Terms) -> dict[str, int]:
    """The caps as scripts know them: where any is set, unfinished bookings are capped, too."""
    told = {name: getattr(terms, name) for name in _CAPS}
    caps = {name: cap for name, cap in told.items() if cap is not None}
    return {**caps, "open_max": caps.get("open_max", CAP_MAX)} if caps else {}


def _of(details: Details, terms: Terms, layout: Layout) -> Fields:
    caps = caps_of(terms).items()
    fields: dict[str, str | int | None] = {
        "title": details.title,
        "external": 1 if details.external else None,
        "description": details.description,
        "starts_at": details.starts_at_ms,
        "location": details.location,
        "category": details.category,
        "hold_ms": terms.hold_ms,
        "payment_ms": terms.payment_ms,
        "seats_max": terms.seats_max,
        "caps": ",".join(f"{name}={cap}" for name, cap in caps) or None,
        "cancel_before_ms": terms.cancel_before_ms,
        "sale_starts_at": terms.sale_starts_at_ms,
        "sale_ends_at": terms.sale_ends_at_ms,
        "bits": layout.bits,
        "layout": layout.to_json(),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _terms(row: Sequence[Any]) -> Terms:
    hold_ms, payment_ms, seats_max, caps, cancel_before_ms, *window = row
    sale_starts_at_ms, sale_ends_at_ms = (None if each is None else int(each) for each in window)
    pairs = (cap.split("=") for cap in caps.decode().split(",")) if caps else ()
    told = {name: int(cap) for name, cap in pairs}
    if told.get("open_max") == CAP_MAX:
        del told["open_max"]
    return Terms(
        int(hold_ms),
        int(payment_ms),
        int(seats_max),
        **told,
        cancel_before_ms=CANCEL_BEFORE_MS if cancel_before_ms is None else int(cancel_before_ms),
        sale_starts_at_ms=sale_starts_at_ms,
        sale_ends_at_ms=sale_ends_at_ms,
    )


def _text(field: bytes | None) -> str | None:
    return None if field is None else field.decode()
