"""What the API says: outcome → status and body, in one table of prebuilt bytes."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol

import orjson
from starlette.types import Scope, Send

from billetter.domain.outcome import Outcome

Headers = Iterable[tuple[bytes, bytes]]

WHOLE = "billetter.whole"
"""An extension of ASGI: takes a Reply and sends it, or gives False if it must go in messages."""

_OF_BODY = frozenset({b"content-type", b"content-length"})

SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
"""OWASP's for REST. Not HSTS, which is for the proxy to say that has the certificate; nor
X-Frame-Options, which frame-ancestors replaces."""


def secured(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with the security headers: those it has already stay its own."""
    own = list(headers)
    names = {name for name, _ in own}
    return own + [header for header in SECURITY_HEADERS if header[0] not in names]


class Reply:
    """A whole response, ready to be sent any number of times."""

    __slots__ = ("_head", "body", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: Headers = ()) -> None:
        self.status = status
        self.body = body
        self.headers = list(headers)
        self._head: bytes | None = None

    @property
    def head(self) -> bytes:
        """The headers as they go over the wire, with the blank line that ends them."""
        if self._head is None:
            self._head = b"%b%b\r\n" % (_lines(self.headers), _more(self.headers))
        return self._head

    def plus(self, *headers: tuple[bytes, bytes]) -> "Reply":
        """The same with more headers, none of them a security header."""
        more = Reply(self.status, self.body, [*self.headers, *headers])
        # What was joined once is not joined again: a conflict, say, adds two headers to seven.
        more._head = self.head[:-2] + _lines(headers) + b"\r\n"
        return more

    async def send(self, scope: Scope, send: Send) -> None:
        """Send it, at one stroke where the server can do that."""
        whole = scope.get("extensions", {}).get(WHOLE)
        if whole is None or not whole(self):
            headers = secured(self.headers)
            start = {"type": "http.response.start", "status": self.status, "headers": headers}
            await send(start)
            await send({"type": "http.response.body", "body": self.body})


def _lines(headers: Headers) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


_SECURITY_NAMES = {name for name, _ in SECURITY_HEADERS}
_SECURITY_LINES = _lines(SECURITY_HEADERS)


def _more(own: list[tuple[bytes, bytes]]) -> bytes:
    """The lines of the security headers that are not there yet."""
    if _SECURITY_NAMES.isdisjoint([name for name, _ in own]):
        return _SECURITY_LINES
    return _lines(secured(own)[len(own) :])


def reply(status: int, value: Any, *headers: tuple[bytes, bytes]) -> Reply:
    """A reply with a JSON body."""
    body = orjson.dumps(value)
    described = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
    ]
    return Reply(status, body, [*described, *headers])


def error(status: int, code: str, message: str, *headers: tuple[bytes, bytes]) -> Reply:
    return reply(status, {"error": code, "message": message}, *headers)


def invalid(details: list[dict[str, str]]) -> Reply:
    """400 with what is wrong, field by field."""
    message = "; ".join(f"{each['field']}: {each['message']}" for each in details[:3])
    body = {"error": "validation_error", "message": message, "details": details}
    return reply(400, body)


def terse(whole: Reply) -> Reply:
    """A reply, if it is an error, as some clients take it: its code alone, 422 for bad input."""
    if whole.status < 400:
        return whole
    said = orjson.loads(whole.body)
    kept = {name: said[name] for name in ("error", "details") if name in said}
    status = 422 if "details" in kept else whole.status
    more = [header for header in whole.headers if header[0] not in _OF_BODY]
    return reply(status, kept, *more)


def not_allowed(methods: Iterable[str]) -> Reply:
    allowed = ", ".join(sorted(methods))
    message = f"This path takes {allowed}."
    return error(405, "method_not_allowed", message, (b"allow", allowed.encode()))


def listed(items: list[Any], total: int) -> Reply:
    """A list, with how many there are in all."""
    return reply(200, items, (b"x-total-count", b"%d" % total))


def time_text(ms: int) -> str:
    """ISO 8601 UTC with milliseconds."""
    seconds, rest = divmod(ms, 1000)
    return f"{_second(seconds)}.{rest:03}Z"


@lru_cache(1_024)  # What is held now ends in the same few seconds: 0.4 µs instead of 1.7.
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()


_RETRY = (b"retry-after", b"1")
REPLAYED = (b"idempotency-replayed", b"true")
PATH_NOT_FOUND = error(404, "not_found", "There is nothing at this path.")
_CHALLENGE = (b"www-authenticate", b'Bearer realm="Billetter", Basic realm="Billetter"')
UNAUTHORIZED = error(401, "unauthorized", "These credentials are wrong.", _CHALLENGE)
CREDENTIALS_MISSING = error(401, "unauthorized", "This needs credentials.", _CHALLENGE)
FORBIDDEN = error(403, "forbidden", "Your role does not allow this.")
NOT_JSON = error(415, "unsupported_media_type", "The body must be application/json.")
INTERNAL = error(500, "internal_error", "Something went wrong here. It has been written down.")
UNAVAILABLE = error(
    503, "unavailable", "The seats cannot be reached. Nothing was changed; try again.", _RETRY
)
OVERLOADED = error(503, "unavailable", "There are too many requests; try again.", _RETRY)
OUTCOME_UNKNOWN = error(
    503,
    "outcome_unknown",
    "The change was sent but not acknowledged. Repeating it is safe.",
    _RETRY,
)
SEAT_TAKEN = reply(419, "Failed to add seat to booking")
NOT_RELEASED = reply(419, "Failed to release seat")
NO_EVENT = error(404, "event_not_found", "There is no such event.")
NO_BOOKING = error(404, "booking_not_found", "There is no such booking.")
KEY_REUSED = error(
    422,
    "idempotency_key_reused",
    "This Idempotency-Key was used for another request.",
    (b"billetter-outcome", b"KEY_REUSED"),
)

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


REFUSED = Answers({})
