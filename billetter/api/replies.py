"""What the API says: outcome → status and body, in one table of prebuilt bytes."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import orjson
from starlette.types import Scope, Send

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


REVALIDATED = (b"cache-control", b"no-cache")
"""Of what has an entity tag: it may be kept, but not used without asking. `no-store` would forbid
to keep what the tag is for."""


def secured(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with the security headers: those it has already stay its own."""
    own = list(headers)
    names = {name for name, _ in own}
    if b"etag" in names and REVALIDATED[0] not in names:
        own.append(REVALIDATED)
        names.add(REVALIDATED[0])
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
        """The same with more headers, none of them a security header nor an entity tag."""
        more = Reply(self.status, self.body, [*self.headers, *headers])
        # What was joined once is not joined again: a conflict, say, adds two headers to seven.
        more._head = self.head[:-2] + _lines(headers) + b"\r\n"
        return more

    async def send(self, scope: Scope, send: Send) -> None:
        """Send it, at one stroke where the server can do that."""
        root = scope.get("root_path")
        answer = self._below(root) if root else self
        whole = scope.get("extensions", {}).get(WHOLE)
        if whole is None or not whole(answer):
            headers = secured(answer.headers)
            start = {"type": "http.response.start", "status": self.status, "headers": headers}
            await send(start)
            await send({"type": "http.response.body", "body": self.body})

    def _below(self, root: str) -> "Reply":
        """The same, its paths as they are where another application has mounted this one."""
        path = quote(root).encode()
        headers = [(name, _mounted(name, value, path)) for name, value in self.headers]
        return Reply(self.status, self.body, headers)


def _mounted(name: bytes, value: bytes, root: bytes) -> bytes:
    """The value of a header, with the root before each path in it."""
    if name == b"location" and value.startswith(b"/"):
        return root + value
    return value.replace(b"</", b"<%b/" % root) if name == b"link" else value


def _lines(headers: Headers) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


_SECURITY_NAMES = {name for name, _ in SECURITY_HEADERS} | {b"etag"}
_SECURITY_LINES = _lines(SECURITY_HEADERS)


def _more(own: list[tuple[bytes, bytes]]) -> bytes:
    """The lines of the security headers that are not there yet."""
    if _SECURITY_NAMES.isdisjoint([name for name, _ in own]):
        return _SECURITY_LINES
    return _lines(secured(own)[len(own) :])


def reply(status: int, value: Any, *headers: tuple[bytes, bytes]) -> Reply:
    """A reply with a JSON body."""
    return encoded(status, orjson.dumps(value), *headers)


def encoded(status: int, body: bytes, *headers: tuple[bytes, bytes]) -> Reply:
    """The same of a body that is JSON already."""
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


def listed(items: list[Any], total: int, *headers: tuple[bytes, bytes]) -> Reply:
    """A list, with how many there are in all."""
    return reply(200, items, (b"x-total-count", b"%d" % total), *headers)


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
_CHALLENGE = (
    b"www-authenticate",
    b'Bearer realm="Billetter", Basic realm="Billetter", charset="UTF-8"',
)
UNAUTHORIZED = error(401, "unauthorized", "These credentials are wrong.", _CHALLENGE)
CREDENTIALS_MISSING = error(401, "unauthorized", "This needs credentials.", _CHALLENGE)
FORBIDDEN = error(403, "forbidden", "Your role does not allow this.")
NOT_JSON = error(415, "unsupported_media_type", "The body must be application/json.")
INTERNAL = error(500, "internal_error", "Something went wrong here. It has been written down.")
UNAVAILABLE = error(
    503, "unavailable", "The seats cannot be reached. Nothing was changed; try again.", _RETRY
)
NOT_STARTED = error(
    503,
    "unavailable",
    "The application could not be started; its log says why. Nothing was changed.",
    _RETRY,
)
OVERLOADED = error(503, "unavailable", "There are too many requests; try again.", _RETRY)
BUSY = error(
    429,
    "rate_limited",
    "More passwords are to be checked than can be soon; try again.",
    _RETRY,
)
OUTCOME_UNKNOWN = error(
    503,
    "outcome_unknown",
    "The change was sent but not acknowledged. Repeating it is safe.",
    _RETRY,
)
SEAT_TAKEN = reply(419, "Failed to add seat to booking")
NOT_RELEASED = reply(419, "Failed to release seat")
NO_EVENT = error(404, "event_not_found", "There is no such event.")
NOT_YOUR_EVENT = error(403, "forbidden", "This event belongs to somebody else.")
NO_BOOKING = error(404, "booking_not_found", "There is no such booking.")
KEY_REUSED = error(
    422,
    "idempotency_key_reused",
    "This Idempotency-Key was used for another request.",
    (b"billetter-outcome", b"KEY_REUSED"),
)
