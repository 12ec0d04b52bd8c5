"""What people do with the API, as words for tests; and what holds for every answer it gives."""

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from copy import copy
from types import TracebackType
from typing import Any, Self

import httpx
import orjson

from billetter.api.replies import FORBIDDEN, SECURITY_HEADERS
from billetter.domain.ids import EventId, SeatIndex, seat_id, split_booking_id
from billetter.engine import keys
from billetter.wire.topology import Wire
from tests.crowd import Address
from tests.invariants import violations

PATIENCE_S = 20.0
"""How long a test waits for what will happen; only a failing test ever waits that long."""
SELECTED = "Seat successfully added to booking"
NOT_SELECTED = "Failed to add seat to booking"
RELEASED = "Seat successfully released"
NOT_RELEASED = "Failed to release seat"
PLANES = "application/octet-stream"
AWAITING = "Booking is awaiting payment confirmation"
CANCELLED = "Booking successfully cancelled"

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
MONEY = re.compile(r"(0|[1-9][0-9]*)\.[0-9]{2}")

_CODE = re.compile(r"[a-z]+(_[a-z]+)*")
_BEFORE_THE_ENGINE = {
    "bad_request",
    "validation_error",
    "unauthorized",
    "not_found",
    "method_not_allowed",
    "misdirected_request",
    "body_too_large",
    "cross_site",
    "headers_too_large",
    "unsupported_media_type",
    "rate_limited",
    "unavailable",
    "outcome_unknown",
}
_TERSE = re.compile(r"/api/bookings/reserve|/api/events/[^/]*/availability")
"""Paths where errors are their code alone."""
_CHANGING_READS = {"/api/payments/success", "/api/payments/fail"}
_READING_POSTS = {"/api/auth/login"}
_WRONG_ROLE = orjson.loads(FORBIDDEN.body)
"""Said before the engine is asked; `forbidden` in other words is what the engine answers."""


class Api:
    """A client of one server. `redis` looks behind it."""

    def __init__(self, address: Address, wire: Wire) -> None:
        self.address = address
        self._wire = wire
        self._looking = asyncio.Event()
        self._authorization: str | None = None
        self.http = httpx.AsyncClient(
            base_url=f"http://{address[0]}:{address[1]}",
            event_hooks={"response": [check_answer]},
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
            timeout=60,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.http.aclose()

    def as_(self, authorization: str | None) -> Self:
        """The same client with another Authorization header, or without."""
        other = copy(self)
        other._authorization = authorization
        return other

    # Requests, answered in whatever way.

    async def get(self, path: str, **query: object) -> httpx.Response:
        return await self.http.get(path, params=_given(query), headers=self._headers())

    async def post(self, path: str, body: object, key: str | None = None) -> httpx.Response:
        return await self.http.post(path, json=body, headers=self._headers(key))

    async def patch(self, path: str, body: object, key: str | None = None) -> httpx.Response:
        return await self.http.patch(path, json=body, headers=self._headers(key))

    async def put(self, path: str, body: object, key: str | None = None) -> httpx.Response:
        return await self.http.put(path, json=body, headers=self._headers(key))

    async def delete(self, path: str, **query: object) -> httpx.Response:
        return await self.http.delete(path, params=_given(query), headers=self._headers())

    async def send(self, method: str, path: str, content: bytes, **headers: str) -> httpx.Response:
        """Exactly these bytes, as JSON unless `content_type` says otherwise."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"content-type": "application/json", **self._headers(), **named}
        return await self.http.request(method, path, content=content, headers=sent)

    async def create(self, key: str | None = None, **event: object) -> httpx.Response:
        return await self.post("/api/events", {"title": "An evening", **event}, key)

    async def open(self, event: int, key: str | None = None, **more: object) -> httpx.Response:
        return await self.post("/api/bookings", {"event_id": event, **more}, key)

    async def select(self, booking: int, seat: int, key: str | None = None) -> httpx.Response:
        body = {"booking_id": booking, "seat_id": seat}
        return await self.patch("/api/seats/select", body, key)

    async def release(self, seat: int, key: str | None = None) -> httpx.Response:
        return await self.patch("/api/seats/release", {"seat_id": seat}, key)

    async def pay(self, booking: int, key: str | None = None) -> httpx.Response:
        return await self.patch("/api/bookings/initiatePayment", {"booking_id": booking}, key)

    async def cancel(self, booking: int, key: str | None = None) -> httpx.Response:
        return await self.patch("/api/bookings/cancel", {"booking_id": booking}, key)

    async def succeed(self, booking: int) -> httpx.Response:
        return await self.get("/api/payments/success", orderId=booking)

    async def fail(self, booking: int) -> httpx.Response:
        return await self.get("/api/payments/fail", orderId=booking)

    async def notify(
        self, booking: object, status: str, payment: str | None = None
    ) -> httpx.Response:
        notification = {
            "paymentId": payment or f"payment-{booking}",
            "status": status,
            "teamSlug": "billetter",
            "timestamp": "2026-10-13T12:34:56.000Z",
            "data": {"orderId": booking},
        }
        return await self.post("/api/payments/notifications", notification)

    async def reserve(self, event: object, user: object, key: str | None = None) -> httpx.Response:
        return await self.post("/api/bookings/reserve", {"event_id": event, "user_id": user}, key)

    async def stand(self, event: object, user: object, key: str | None = None) -> httpx.Response:
        """A ticket for this user, or a place in the line for one."""
        return await self.post("/api/book", {"eventId": event, "userId": user}, key)

    async def give_up(self, event: object, user: object, key: str | None = None) -> httpx.Response:
        return await self.post("/api/cancel", {"eventId": event, "userId": user}, key)

    async def add_type(
        self, event: int, key: str | None = None, **ticket_type: object
    ) -> httpx.Response:
        body = {"name": "Standing", "price": "20.00", "quantity": 10, **ticket_type}
        return await self.post(f"/api/events/{event}/ticket-types", body, key)

    async def give_back(self, booking: int, key: str | None = None) -> httpx.Response:
        return await self.http.put(f"/api/bookings/{booking}/cancel", headers=self._headers(key))

    async def register(
        self, email: str, password: str, username: str | None = None, **more: object
    ) -> httpx.Response:
        body = {"username": username or email, "email": email, "password": password, **more}
        return await self.post("/api/auth/register", body)

    async def login(self, email: str, password: str) -> httpx.Response:
        return await self.post("/api/auth/login", {"email": email, "password": password})

    # Things done, which must succeed.

    async def make_event(self, **event: object) -> int:
        body = {"title": "An evening", **event}
        made: int = granted(await self.post("/api/events", body), 201)["id"]
        return made

    async def book(self, event: int, *seats: int) -> int:
        """A booking of these seats, or of none yet."""
        booking: int = granted(await self.open(event), 201)["id"]
        for seat in seats:
            assert granted(await self.select(booking, seat)) == SELECTED
        return booking

    async def paying(self, event: int, *seats: int) -> int:
        """A booking of these seats whose payment has begun."""
        booking = await self.book(event, *seats)
        assert granted(await self.pay(booking)) == AWAITING
        return booking

    async def paid(self, event: int, *seats: int) -> int:
        booking = await self.paying(event, *seats)
        assert granted(await self.succeed(booking)) == "OK"
        return booking

    # Things seen.

    async def seats(self, event: int, **query: object) -> list[Any]:
        found: list[Any] = granted(await self.get("/api/seats", event_id=event, **query))
        return found

    async def all_seats(self, event: int, **query: object) -> list[Any]:
        """Every seat that the query finds, page by page."""
        found: list[Any] = []
        while page := await self.seats(event, page=len(found) // 20 + 1, **query):
            found += page
            if len(page) < 20:
                break
        return found

    async def states(self, event: int) -> dict[int, str]:
        return {seat["id"]: seat["status"] for seat in await self.all_seats(event)}

    async def state(self, seat: int) -> str:
        return (await self.states(seat // 1_000_000))[seat]

    async def analytics(self, event: int) -> Any:
        return granted(await self.get("/api/analytics", id=event))

    async def shown(self, booking: int) -> Any:
        """The booking as the caller's list shows it, or None."""
        page = 1
        while bookings := granted(await self.get("/api/bookings", page=page)):
            for each in bookings:
                if each["id"] == booking:
                    return each
            page += 1
        return None

    async def status(self, booking: int) -> str:
        status: str = (await self.shown(booking))["status"]
        return status

    # Behind the API.

    async def redis(self, *command: str | bytes | int) -> Any:
        return await (await self._look()).call(*command)

    async def _look(self) -> Wire:
        """The wire to Redis; started late, as a test may want Redis to be away before."""
        if not self._looking.is_set():
            await self._wire.start()
            self._looking.set()
        return self._wire

    def _headers(self, key: str | None = None) -> dict[str, str]:
        named = {"Authorization": self._authorization, "Idempotency-Key": key}
        return {name: value for name, value in named.items() if value is not None}

    async def now_ms(self) -> int:
        """What the clock of Redis says, in ms since 1970."""
        seconds, micros = await self.redis("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    async def a_moment_later(self) -> None:
        """Return when the clock of Redis has moved on."""
        began = await self.now_ms()
        async with asyncio.timeout(PATIENCE_S):
            while await self.now_ms() <= began + 1:
                pass

    async def lapse(self, booking: int) -> None:
        """Let the hold of a booking end now, as time would."""
        event, number = split_booking_id(booking)
        own, ended = keys.of_event(event), await self.now_ms() - 1
        assert await self.redis("DEL", own.hold(number)) == 1
        await self.redis("ZADD", own.deadlines, ended, f"{event}:{number}")
        await self.redis("HSET", own.booking(number), "expires", ended)

    async def give_to_another(self, booking: int) -> None:
        """Make the booking somebody else's."""
        event, number = split_booking_id(booking)
        await self.redis("HSET", keys.of_event(event).booking(number), "user", "a:7")

    async def broken_rules(self, event: int) -> list[str]:
        """What must never be, and is, in the keys of an event that nobody changes now."""
        return await violations(await self._look(), EventId(event))

    async def journal(self, event: int, what: str) -> list[dict[str, str]]:
        """The journal's entries of one kind for one event, the oldest first."""
        found = []
        journal = keys.of_event(EventId(event)).journal
        for _, fields in await self.redis("XRANGE", journal, "-", "+"):
            words = [field.decode() for field in fields]
            entry = dict(zip(words[::2], words[1::2], strict=True))
            if entry["event"] == str(event) and entry["what"] == what:
                found.append(entry)
        return found


def _given(query: dict[str, object]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def basic(email: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{email}:{password}'.encode()).decode()}"


def seat_of(event: int, index: int) -> int:
    """The id of the seat at a position, counted from 0."""
    return seat_id(EventId(event), SeatIndex(index))


def granted(response: httpx.Response, status: int = 200) -> Any:
    """The body of a response that must have this status."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:500]}"
    return response.json()


def refused(response: httpx.Response, status: int, code: str) -> Any:
    """The body of a refusal with this status and code."""
    body = granted(response, status)
    assert body["error"] == code
    return body


def outcome(response: httpx.Response) -> str:
    named: str = response.headers["billetter-outcome"]
    return named


async def eventually(happened: Callable[[], Awaitable[object]]) -> None:
    """Return when it has happened."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if await happened():
                return
            await asyncio.sleep(0.005)


async def check_answer(response: httpx.Response) -> None:
    """What holds for every answer, whatever was asked."""
    await response.aread()
    for name, value in SECURITY_HEADERS:
        own = name == b"cache-control" and "etag" in response.headers
        assert own or response.headers[name.decode()] == value.decode()
    assert "server" not in response.headers
    status = response.status_code
    assert status < 500 or status == 503, response.text[:500]
    if status == 304 or response.headers["content-type"] == PLANES:
        assert response.request.method in ("GET", "HEAD")
        return
    assert "Traceback" not in response.text
    assert response.headers["content-type"] == "application/json"
    if response.request.method == "HEAD":
        assert not response.content
        return
    body = response.json()
    if response.status_code == 419:
        assert body in (NOT_SELECTED, NOT_RELEASED)
    elif response.status_code >= 400 and "status" not in body:
        terse = status != 405 and bool(_TERSE.fullmatch(response.request.url.path))
        _check_error(body, terse)
    if response.status_code == 503:
        assert int(response.headers["retry-after"]) >= 1
    _check_outcome(response, body)


def _check_error(body: Any, terse: bool) -> None:
    details = {"details"} if body["error"] == "validation_error" else set()
    assert set(body) == {"error"} | (set() if terse else {"message"}) | details
    assert _CODE.fullmatch(body["error"])
    assert terse or body["message"]
    if details:
        assert body["details"]
        assert all(set(each) == {"field", "message"} for each in body["details"])
    elif not terse:
        assert body["message"].endswith("."), "a sentence"


def _check_outcome(response: httpx.Response, body: Any) -> None:
    """Every answer to a change names its outcome."""
    path = response.request.url.path
    changes = response.request.method in ("POST", "PUT", "PATCH", "DELETE")
    changes = (changes and path not in _READING_POSTS) or path in _CHANGING_READS
    code = body.get("error") if isinstance(body, dict) else None
    if changes and code not in _BEFORE_THE_ENGINE and body != _WRONG_ROLE:
        assert response.headers["billetter-outcome"].isupper()
