"""What the API replies to each outcome, and what helps the caller of those that were refused."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol

import orjson

from billetter.api.replies import (
    NO_BOOKING,
    NO_EVENT,
    NOT_RELEASED,
    REPLAYED,
    SEAT_TAKEN,
    Reply,
    error,
    time_text,
)
from billetter.domain.outcome import Outcome

REFUSALS: Mapping[Outcome, Reply] = {
    Outcome.NO_EVENT: NO_EVENT,
    Outcome.NO_BOOKING: NO_BOOKING,
    Outcome.NO_SEAT: error(404, "seat_not_found", "There is no such seat."),
    Outcome.NOT_YOURS: error(403, "forbidden", "This booking belongs to somebody else."),
    Outcome.NO_SEATS: error(400, "no_seats", "The booking has no seats yet."),
    Outcome.CLOSED: error(400, "invalid_state", "The state of the booking does not allow this."),
    Outcome.TOO_MANY: error(400, "too_many_seats", "The booking may not hold that many seats."),
    Outcome.NO_ZONE: error(404, "ticket_type_not_found", "The event has no such tickets."),
    Outcome.SOLD_OUT: error(409, "sold_out", "There are not enough tickets left."),
    Outcome.ALREADY_BOOKED: error(409, "already_booked", "This user has a place already."),
    Outcome.PAYMENT_REQUIRED: error(
        409, "payment_required", "Only places are left that must be paid for."
    ),
    Outcome.NO_REFUND: error(409, "no_refund", "No refund of this booking is due."),
    Outcome.WRONG_EVENT: error(400, "wrong_event", "The seat belongs to another event."),
    Outcome.ALREADY_CONFIRMED: error(409, "already_confirmed", "The booking is confirmed."),
    Outcome.EXHAUSTED: error(409, "bookings_exhausted", "The event can take no more bookings."),
    Outcome.NOT_ON_SALE: error(409, "not_on_sale", "The event is not on sale."),
    Outcome.CAP_REACHED: error(409, "cap_reached", "You may have no more of this event."),
    Outcome.TOO_LATE: error(409, "too_late", "It is too late to cancel this booking."),
    Outcome.HAS_BOOKINGS: error(
        409, "has_bookings", "The event has bookings; ?cancel=true cancels it and them."
    ),
    Outcome.SEAT_TAKEN: SEAT_TAKEN,
    Outcome.NOT_HELD: NOT_RELEASED,
}


class Outcomes(Protocol):
    """Any answer of the engine."""

    @property
    def outcome(self) -> Outcome: ...

    @property
    def replayed(self) -> bool: ...


def named(answer: Outcomes) -> list[tuple[bytes, bytes]]:
    """The headers that name the outcome of a change."""
    outcome = (b"billetter-outcome", answer.outcome.value.encode())
    return [outcome, REPLAYED] if answer.replayed else [outcome]


def marked(plain: Reply, answer: Outcomes) -> Reply:
    """A reply to a change, with its outcome named in the headers."""
    return plain.plus(*named(answer))


class Answers:
    """The replies of one route: its own, and the common refusals for all other outcomes."""

    def __init__(self, own: Mapping[Outcome, Reply]) -> None:
        self._plain = dict(REFUSALS) | dict(own)
        self._marked = {
            outcome: plain.plus((b"billetter-outcome", outcome.value.encode()))
            for outcome, plain in self._plain.items()
        }

    def __getitem__(self, answer: Outcomes) -> Reply:
        """The reply to an answer, with what it says in fields where that helps the caller."""
        fields: tuple[str, ...] = getattr(answer, "fields", ())
        if answer.outcome is Outcome.CLOSED:
            return marked(self._closed(fields[0]), answer)
        known = self._marked[answer.outcome]
        if answer.outcome is Outcome.SEAT_TAKEN:
            known = _helpful(known, fields)
        elif answer.outcome is Outcome.NOT_ON_SALE and len(fields) > 1:
            known = _shut(known, fields)
        return known.plus(REPLAYED) if answer.replayed else known

    def _closed(self, status: str) -> Reply:
        plain = self._plain[Outcome.CLOSED]
        if plain is not REFUSALS[Outcome.CLOSED]:
            return plain
        return error(400, "invalid_state", f"The booking is {status}.")


@lru_cache(4_096)  # A crowd that wants one seat is told the same.
def _helpful(plain: Reply, fields: tuple[str, ...]) -> Reply:
    """The reply that also says which seat is taken, and until when it is held."""
    seat, held_until = fields
    headers = [(b"billetter-seat", seat.encode())]
    if held_until != "0":
        headers.append((b"billetter-held-until", time_text(int(held_until)).encode()))
    return plain.plus(*headers)


@lru_cache(1_024)  # A crowd that comes too early is told the same.
def _shut(plain: Reply, fields: tuple[str, ...]) -> Reply:
    """The reply that also says when the event sells: from when, until when, where there is such."""
    why, *times = fields
    opens, closes = (None if each == "0" else time_text(int(each)) for each in times)
    message = _SHUT.get(why, "The event is not on sale.").format(opens=opens, closes=closes)
    body = orjson.dumps(orjson.loads(plain.body) | {"message": message})
    length = (b"content-length", b"%d" % len(body))
    kept = [length if header[0] == length[0] else header for header in plain.headers]
    if opens:
        kept.append((b"billetter-sale-starts-at", opens.encode()))
    if closes:
        kept.append((b"billetter-sale-ends-at", closes.encode()))
    return Reply(plain.status, body, kept)


_SHUT = {
    "not_yet": "The sale has not opened yet; it opens at {opens}.",
    "over": "The sale is over; it ended at {closes}.",
}
REFUSED = Answers({})
