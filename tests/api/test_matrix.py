"""Who may do what: every route, for everybody who may come, in one table."""

import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import httpx
import jwt
import pytest

from billetter.access.tokens import AccessTokens
from billetter.api import ENDPOINTS
from billetter.api.signatures import Callback, Result, sign_callback, sign_notification
from billetter.domain.account import Account, Role
from billetter.domain.event import Details, EventPlan, Terms
from billetter.domain.ids import (
    GUEST,
    AccountId,
    BookingId,
    EventId,
    SeatIndex,
    UserId,
    named_user,
    seat_id,
)
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.outcome import AwaitingPayment, Opened
from billetter.domain.ticket import Standing
from billetter.engine import Engine, keys
from tests.access.test_tokens import PUBLIC_KEY, forged
from tests.api.client import Api, basic
from tests.api.people import (
    PASSWORD,
    PAYMENT_SECRET,
    SECRET,
    Operator,
    bearer,
    by_password,
    fresh_email,
    operating,
    quick_passwords,
)
from tests.api.serving import serving

URL = "fake://matrix"
MATRIX = """
                                       guest nobody owner   other   host    rival   service admin
GET    /health                         200   200    200     200     200     200     200     200
GET    /ready                          200   200    200     200     200     200     200     200
POST   /api/auth/register              201   201    201     201     201     201     201     201
POST   /api/auth/login                 200   200    200     200     200     200     200     200
PUT    /api/auth/password              403   401    200     200     200     200     200     200
GET    /api/events                     200   200    200     200     200     200     200     200
GET    /api/events/{id}                200   200    200     200     200     200     200     200
GET    /api/events/{id}/availability   200   200    200     200     200     200     200     200
GET    /api/events/{id}/seatmap        200   200    200     200     200     200     200     200
GET    /api/events/{id}/layout         200   200    200     200     200     200     200     200
GET    /api/analytics                  200   401    200/403 200/403 200     200/403 200     200
GET    /api/events/{id}/ticket-types   200   200    200     200     200     200     200     200
GET    /api/status/{id}                200   200    200     200     200     200     200     200
GET    /api/seats                      200   200    200     200     200     200     200     200
POST   /api/events                     201   401    403     403     201     201     403     201
PUT    /api/events/{id}                403   401    403     403     200     403     403     200
DELETE /api/events/{id}                403   401    403     403     200     403     403     200
POST   /api/events/{id}/ticket-types   403   401    403     403     201     403     403     201
POST   /api/initialize                 201   401    403     403     201     201     403     201
GET    /api/events/{id}/bookings       403   401    403     403     200     403     403     200
GET    /api/events/{id}/refunds        403   401    403     403     200     403     200     200
POST   /api/bookings/{booking}/refund  403   401    403     403     409     403     409     409
GET    /api/payments/unmatched         200   401    200/403 200/403 200/403 200/403 200     200
POST   /api/payments/unmatched/refund  404   401    404/403 404/403 404/403 404/403 404     404
POST   /api/bookings                   201   401    201     201     201     201     201     201
GET    /api/bookings                   200   401    200     200     200     200     200     200
GET    /api/bookings/{booking}         403   401    200     403     200     403     403     200
PUT    /api/bookings/{booking}/cancel  403   401    200     403     403     403     403     403
GET    /api/users/{user}/bookings      200   401    200     200/403 200     200     200/403 200
PATCH  /api/bookings/initiatePayment   403   401    200     403     403     403     403     403
PATCH  /api/bookings/cancel            403   401    200     403     403     403     403     403
POST   /api/bookings/reserve           201   401    409     409/403 201/403 409/403 201     201/403
POST   /api/book                       200   401    409     409/403 200/403 409/403 200     200/403
POST   /api/cancel                     200   401    200     200/403 200/403 200/403 200     200/403
GET    /api/booking-status/{id}/{user} 200   401    200     200/403 200/403 200/403 200     200/403
PATCH  /api/seats/select               403   401    200     403     403     403     403     403
PATCH  /api/seats/release              403   401    200     403     403     403     403     403
GET    /api/payments/success           200   401    200/403 200/403 200/403 200/403 200     200
GET    /api/payments/fail              200   401    200/403 200/403 200/403 200/403 200     200
POST   /api/payments/notifications     200   401    200/403 200/403 200/403 200/403 200     200
POST   /api/reset                      200   401    200/403 200/403 200/403 200/403 200/403 200/403
"""
"""The guest is who brings no credentials in open mode, nobody who does so in required mode. Others
have accounts: the owner the booking, the host the event. Where two are given, the first is for
open mode, the second for required mode."""
MODES = ("open", "required")


@dataclass(frozen=True)
class Things:
    """What a request is about. paying: a booking of the owner's, as `booking` is.

    Where places are reserved, the owner has one of the event, and so has who is called by the
    owner's id; nobody has one of the fair, where all of them cost something.
    """

    event: EventId
    fair: EventId
    booking: BookingId
    paying: BookingId
    owner: AccountId
    email: str

    def seat(self, index: int) -> int:
        return seat_id(self.event, SeatIndex(index))

    @property
    def notification(self) -> dict[str, Any]:
        return {"paymentId": "p-1", "status": "CONFIRMED", "data": {"orderId": self.paying}}

    def path(self, template: str) -> str:
        return template.format(id=self.event, booking=self.booking, user=self.owner)

    def said(self, route: str) -> dict[str, Any]:
        """What a good request of the route says beside its path: `params` or `json`."""
        booking = {"booking_id": self.booking}
        place = {"event_id": self.fair, "user_id": self.owner}
        in_line = {"eventId": self.fair, "userId": self.owner}
        new = {"username": fresh_email(), "email": fresh_email(), "password": PASSWORD}
        every: dict[str, dict[str, Any]] = {
            "POST /api/auth/register": {"json": new},
            "POST /api/auth/login": {"json": {"email": self.email, "password": PASSWORD}},
            "PUT /api/auth/password": {"json": {"old": PASSWORD, "new": f"{PASSWORD}, new"}},
            "GET /api/analytics": {"params": {"id": self.event}},
            "GET /api/seats": {"params": {"event_id": self.event}},
            "POST /api/events": {"json": {"title": "An evening"}},
            "POST /api/initialize": {"json": {"totalTickets": 5}},
            "POST /api/events/{id}/ticket-types": {
                "json": {"name": "Lawn", "price": "1.00", "quantity": 5}
            },
            "POST /api/bookings/reserve": {"json": place},
            "POST /api/book": {"json": in_line},
            "POST /api/cancel": {"json": {**in_line, "eventId": self.event}},
            "PUT /api/events/{id}": {"json": {"title": "Another evening"}},
            "DELETE /api/events/{id}": {"params": {"cancel": "true"}},
            "POST /api/bookings": {"json": {"event_id": self.event}},
            "POST /api/bookings/{booking}/refund": {"json": {"reference": "bank transfer 7"}},
            "POST /api/payments/unmatched/refund": {
                "json": {"payment_id": "nobody's", "reference": "bank transfer 7"}
            },
            "PATCH /api/bookings/initiatePayment": {"json": booking},
            "PATCH /api/bookings/cancel": {"json": booking},
            "PATCH /api/seats/select": {"json": {**booking, "seat_id": self.seat(9)}},
            "PATCH /api/seats/release": {"json": {"seat_id": self.seat(0)}},
            "GET /api/payments/success": {"params": {"orderId": self.paying}},
            "GET /api/payments/fail": {"params": {"orderId": self.paying}},
            "POST /api/payments/notifications": {"json": self.notification},
        }
        return every.get(route, {})


class World:
    """One inventory with its people, and a server over it for each mode."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self.servers: dict[str, Api] = {}
        self.accounts: dict[str, Account] = {}
        self.headers: dict[str, str | None] = {"guest": None, "nobody": None}

    @property
    def engine(self) -> Engine:
        return self._operator.engine

    async def people(self) -> None:
        """Everybody with an account; every way to prove one is somebody's."""
        for who in ("owner", "other"):
            self.accounts[who] = await self._operator.appoint(Role.ATTENDEE)
        for who in ("host", "rival"):
            self.accounts[who] = await self._operator.appoint(Role.ORGANIZER)
        for role in (Role.SERVICE, Role.ADMIN):
            self.accounts[role.value] = await self._operator.appoint(role)
        for who, account in self.accounts.items():
            self.headers[who] = bearer(account)
        self.headers["other"] = by_password(self.accounts["other"])
        self.headers["service"] = await self._operator.api_token(self.accounts["service"])

    async def header(self, who: str, route: str) -> str | None:
        """What proves somebody; somebody of the same role where a request voids it."""
        if route != CHANGE or who not in self.accounts:
            return self.headers[who]
        return by_password(await self._operator.appoint(self.accounts[who].role))

    async def things(self, organizer: UserId | None = None) -> Things:
        """A new event of the host's, with bookings of the owner's."""
        owner = self.accounts["owner"].user
        layout = Layout.plan([ZonePlan("Hall", 1_000, (5, 5))])
        plan = EventPlan(Details("An evening"), Terms(900_000, 900_000, 100), layout)
        host = organizer or self.accounts["host"].user
        event = (await self.engine.events.create(plan, host)).id
        booking, paying = [await self._booking(event, owner, index) for index in (0, 1)]
        awaiting = await self.engine.bookings.begin_payment(paying, owner)
        assert isinstance(awaiting, AwaitingPayment)
        fair = (await self.engine.events.create(plan, host)).id
        for user in (owner, named_user(str(self.accounts["owner"].id))):
            assert isinstance(await self.engine.tickets.book(event, user), Standing)
        other = self.accounts["other"].email
        return Things(event, fair, booking, paying, self.accounts["owner"].id, other)

    async def _booking(self, event: EventId, user: UserId, index: int) -> BookingId:
        opened = await self.engine.bookings.open(event, user, [seat_id(event, SeatIndex(index))])
        assert isinstance(opened, Opened)
        return opened.id

    async def ask(
        self, mode: str, route: str, header: str | None, things: Things, method: str = ""
    ) -> httpx.Response:
        """The answer to a good request of the route; method: another one than the route's."""
        own, _, template = route.partition(" ")
        headers = {} if header is None else {"authorization": header}
        path, said = things.path(template), things.said(route)
        client = self.servers[mode].http
        return await client.request(method or own, path, headers=headers, **said)

    async def written(self, things: Things) -> int:
        """Entries of the journals that say what happens to the things, and to accounts."""
        events = (keys.of_event(each).journal for each in (things.event, things.fair))
        journals = {*events, keys.USERS_JOURNAL}
        return sum([int(await self.engine.store.command("XLEN", each)) for each in journals])


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[World]:
    required: dict[str, Any] = {"auth": "required", "secret": SECRET, "rate_limits": ""}
    settings = {"open": {**required, "auth": "open"}, "required": required}
    for mode in MODES:
        settings[f"signed {mode}"] = {**settings[mode], "payment_secret": PAYMENT_SECRET}
    async with AsyncExitStack() as stack:
        world = World(await stack.enter_async_context(operating(URL)))
        with quick_passwords():
            for name, chosen in settings.items():
                world.servers[name] = await stack.enter_async_context(serving(URL, **chosen))
        await world.people()
        yield world


WHO, *ROWS = (line.split() for line in MATRIX.strip().splitlines())
EXPECTED = {f"{method} {path}": dict(zip(WHO, cells, strict=True)) for method, path, *cells in ROWS}
SERVED = {f"{each.method} {re.sub(':[a-z]+', '', each.path)}": each for each in ENDPOINTS}
CHANGE = "PUT /api/auth/password"
READS = {route for route, each in SERVED.items() if each.method == "GET" and each.safe}
PAYMENTS = [route for route in EXPECTED if route in SERVED and SERVED[route].signed]


def cells() -> Iterator[tuple[str, str, str, int]]:
    """Mode, route, who, and the status that is expected."""
    for route, row in EXPECTED.items():
        for who, status in row.items():
            first, _, second = status.partition("/")
            if who != "nobody":
                yield "open", route, who, int(first)
            if who != "guest":
                yield "required", route, who, int(second or first)


def test_every_route_has_its_row() -> None:
    assert SERVED.keys() == EXPECTED.keys()
    assert len(ROWS) == len(EXPECTED) == len(ENDPOINTS)


@pytest.mark.parametrize(("mode", "route", "who", "status"), list(cells()))
async def test_who_may(world: World, mode: str, route: str, who: str, status: int) -> None:
    things = await world.things()
    before = await world.written(things)
    answer = await world.ask(mode, route, await world.header(who, route), things)
    assert answer.status_code == status, answer.text
    if status in (401, 403):
        assert answer.json()["error"] == {401: "unauthorized", 403: "forbidden"}[status]
        assert ("www-authenticate" in answer.headers) == (status == 401)
        assert await world.written(things) == before
    if route in READS:
        head = await world.ask(mode, route, world.headers[who], things, method="HEAD")
        assert head.status_code == status


def wrong_headers(account: Account) -> dict[str, str]:
    """Headers that prove nothing, though each is close to one that would prove this account."""
    key, now = SECRET.encode(), int(time.time())
    good = AccessTokens(key, 3_600).issue(account)
    claims = jwt.decode(good, options={"verify_signature": False})
    head, body, _ = good.split(".")
    tokens = {
        "expired": forged({"alg": "HS256"}, {**claims, "exp": now - 1}, key),
        "without an end": forged({"alg": "HS256"}, {**claims, "exp": None}, key),
        "alg none": forged({"alg": "none"}, claims, b""),
        "alg None": forged({"alg": "None"}, claims, b""),
        "alg none, signed": forged({"alg": "none"}, claims, key),
        "no signature": f"{head}.{body}.".encode(),
        "wrong key": forged({"alg": "HS256"}, claims, key[::-1]),
        "key confused": forged({"alg": "RS256"}, claims, key),
        "public key": forged({"alg": "HS256"}, claims, PUBLIC_KEY),
        "another hash": forged({"alg": "HS512"}, claims, key, "sha512"),
        "wrong audience": forged({"alg": "HS256"}, {**claims, "aud": "another"}, key),
        "before the last change": forged({"alg": "HS256"}, {**claims, "gen": "1"}, key),
        "nobody's": forged({"alg": "HS256"}, {**claims, "sub": "999999999"}, key),
        "API token": b"blt_" + b"x" * 43,
    }
    return {name: f"Bearer {token.decode()}" for name, token in tokens.items()} | {
        "wrong password": basic(account.email, f"{PASSWORD}!"),
        "a token as Basic": f"Basic {good}",
        "no token": "Bearer",
        "a scheme of old": "Digest username=ann",
        "nothing": "",
    }


@pytest.mark.parametrize(
    ("mode", "route"),
    [
        *((mode, route) for mode in MODES for route in EXPECTED),
        *((f"signed {mode}", route) for mode in MODES for route in PAYMENTS),
    ],
)
async def test_a_wrong_credential_is_wrong_everywhere(world: World, mode: str, route: str) -> None:
    things, admin = await world.things(), world.accounts["admin"]
    before = await world.written(things)
    for name, header in wrong_headers(admin).items():
        answer = await world.ask(mode, route, header, things)
        assert (name, answer.status_code) == (name, 401)
        assert answer.json()["error"] == "unauthorized"
    assert await world.written(things) == before


async def test_a_token_that_is_made_in_the_same_way_and_right_is_right(world: World) -> None:
    claims = jwt.decode(bearer(world.accounts["owner"])[7:], options={"verify_signature": False})
    right = f"Bearer {forged({'alg': 'HS256'}, claims, SECRET.encode()).decode()}"
    things = await world.things()
    answer = await world.ask("required", "PATCH /api/bookings/cancel", right, things)
    assert answer.status_code == 200


# Payment callbacks where gateways sign.


def signed(route: str, things: Things) -> dict[str, Any]:
    """What makes a request of the route a gateway's."""
    key, now = PAYMENT_SECRET.encode(), int(time.time())
    if route.startswith("POST"):
        content = httpx.Request("POST", "http://a", json=things.notification).content
        header = {"billetter-signature": sign_notification(key, content, now)}
        return {"headers": header}
    result = Result(route.rpartition("/")[2])
    signature = sign_callback(key, Callback(things.paying, result, 1_000), now)
    return {"params": {"orderId": things.paying, "timestamp": now, "signature": signature}}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("route", PAYMENTS)
@pytest.mark.parametrize("who", WHO)
async def test_where_gateways_sign_only_signatures_count(
    world: World, mode: str, route: str, who: str
) -> None:
    things = await world.things()
    before = await world.written(things)
    method, _, path = route.partition(" ")
    header = world.headers[who]
    own = {} if header is None else {"authorization": header}
    said = {**things.said(route), "headers": own}
    client = world.servers[f"signed {mode}"].http
    assert (await client.request(method, path, **said)).status_code == 401
    assert await world.written(things) == before

    more = signed(route, things)
    said |= {**more, "headers": {**own, **more.get("headers", {})}}
    answer = await client.request(method, path, **said)
    assert answer.status_code == 200, answer.text
    assert await world.written(things) > before


# Whose an event is.


@pytest.mark.parametrize("route", ["PUT /api/events/{id}", "GET /api/events/{id}/bookings"])
async def test_what_guests_made_is_the_guests_and_the_administrators(
    world: World, route: str
) -> None:
    things = await world.things(organizer=GUEST)
    for who, status in (("guest", 200), ("host", 403), ("admin", 200)):
        answer = await world.ask("open", route, world.headers[who], things)
        assert (who, answer.status_code) == (who, status)


async def test_a_booking_of_guests_is_every_guests_and_no_accounts(world: World) -> None:
    things = await world.things()
    booking = await world.servers["open"].book(things.event)
    guests = replace(things, booking=BookingId(booking))
    for who in ("owner", "host", "service", "admin"):
        answer = await world.ask("open", "PATCH /api/bookings/cancel", world.headers[who], guests)
        assert (who, answer.status_code) == (who, 403)
    answer = await world.ask("open", "PATCH /api/bookings/cancel", None, guests)
    assert answer.status_code == 200


# Where administrators may reset.


async def test_administrators_may_reset_where_that_is_set() -> None:
    settings: dict[str, Any] = {"auth": "required", "secret": SECRET, "rate_limits": ""}
    url = "fake://resetting"
    async with operating(url) as operator, serving(url, reset="admin", **settings) as api:
        for role in Role:
            if role is not Role.GUEST:
                answer = await api.as_(bearer(await operator.appoint(role))).post(
                    "/api/reset", None
                )
                assert answer.status_code == (200 if role is Role.ADMIN else 403)
