"""Which host names are answered, and from pages of which sites changes are taken."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from billetter.api.middleware import Entrance
from billetter.api.signatures import Callback, Result, sign_callback
from billetter.api.sites import KNOWN_MAX, Hosts, Sites
from billetter.app import create_app, create_served_app
from billetter.domain.ids import BookingId
from billetter.settings import Settings
from tests.api.client import Api, basic, granted, refused, seat_of
from tests.api.people import SECRET, Operator, operating
from tests.api.serving import serving

URL = "fake://sites"
EVENT = {"title": "An evening"}
OWN = "http://testserver"


def without_sweeper(**settings: object) -> Settings:
    return Settings.model_validate({"sweep": False, **settings})


def app_of(**settings: Any) -> Any:
    return create_app(without_sweeper(**settings), URL)


@asynccontextmanager
async def asking(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with app.running(), httpx.AsyncClient(transport=transport, base_url=OWN) as client:
        yield client


# Hosts.


async def status_for(app: Any, host: str, path: str = "/api/events") -> int:
    async with asking(app) as client:
        return (await client.get(path, headers={"host": host})).status_code


def served(**settings: Any) -> Any:
    return create_served_app(without_sweeper(**settings), URL)


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LocalHost:8000", "localhost.", "tickets.localhost:8000", "127.0.0.1"),
        *(
            "127.0.0.1:8000",
            "192.0.2.7:8000",
            "127.1",
            "0x7f.1:80",
            "[::1]:8000",
            "[fe80::1%25en0]",
        ),
    ],
)
async def test_what_is_served_answers_for_this_machine(host: str) -> None:
    assert await status_for(served(), host) == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "rebound.evil.example",
            "rebound.evil.example:8000",
            "localhost.evil.example",
            "testserver",
        ),
        *("notlocalhost", "127.0.0.1.evil.example", "1.2.3.4.5", "[::1].evil.example", "[1.2.3.4]"),
        *(
            "localhost:port",
            "localhost:80:80",
            "localhost@evil.example",
            "",
            " ",
            "\xff",
            "..",
            "*",
        ),
    ],
)
async def test_it_answers_for_no_other_name(host: str) -> None:
    async with asking(served()) as client:
        answers = [
            await client.request(method, path, headers={b"host": host.encode("latin-1")})
            for method, path in (
                ("GET", "/api/events"),
                ("POST", "/api/reset"),
                ("GET", "/nowhere"),
                ("GET", "/api/events/1"),
            )
        ]
    for answer in answers:
        assert "BILLETTER_HOSTS" in refused(answer, 421, "misdirected_request")["message"]


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_its_health_may_be_asked_by_any_name(path: str) -> None:
    assert await status_for(served(), "load-balancer.example", path) == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("tickets.example.org", 200),
        ("Tickets.Example.org:8443", 200),
        ("a.shops.example", 200),
        ("b.a.shops.example", 200),
        ("sell.example.com", 200),
        ("box.office", 200),
        ("shops.example", 421),
        ("example.org", 421),
        ("other.example.org", 421),
    ],
)
@pytest.mark.parametrize("auth", ["open", "required"])
async def test_names_that_are_set_are_served(host: str, status: int, auth: str) -> None:
    settings = {
        "auth": auth,
        "secret": SECRET,
        "host": "box.office",
        "hosts": "tickets.example.org, *.shops.example,box.office",
        "public_url": "https://sell.example.com/tickets",
    }
    assert await status_for(served(**settings), host) == status


async def test_the_name_that_is_listened_on_is_served() -> None:
    assert await status_for(served(host="Box.Office"), "box.office:8000") == 200


async def test_all_names_may_be_served() -> None:
    assert await status_for(served(hosts="*"), "any.example") == 200


async def test_where_credentials_are_required_all_names_are_served() -> None:
    app = served(auth="required", secret=SECRET, public_url="https://sell.example.com")
    assert await status_for(app, "any.example") == 200


async def test_an_application_that_is_given_no_hosts_answers_for_all() -> None:
    assert await status_for(app_of(), "testserver") == 200
    assert await status_for(app_of(hosts="tickets.example.org"), "testserver") == 421
    app = create_app(without_sweeper(), URL, hosts=["testserver"])
    assert await status_for(app, "testserver") == 200
    assert await status_for(app, "rebound.example") == 421


async def test_a_request_without_a_host_comes_from_no_browser() -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        sent.append("served")

    entrance: Any = Entrance(app, Hosts(["localhost"]))
    await entrance({"type": "http", "path": "/", "headers": []}, None, None)
    assert sent == ["served"]


async def test_a_refusal_echoes_what_a_request_is_called() -> None:
    headers = {"host": "rebound.example", "x-request-id": "7f3a"}
    async with asking(served()) as client:
        answer = await client.get("/api/events", headers=headers)
    refused(answer, 421, "misdirected_request")
    assert answer.headers["x-request-id"] == "7f3a"


def test_few_of_the_hosts_asked_for_are_remembered() -> None:
    hosts = Hosts(["localhost"])
    scope: dict[str, Any] = {"path": "/"}
    for number in range(3 * KNOWN_MAX):
        assert hosts.answer_for(b"n%d.localhost" % number, scope)
        assert not hosts.answer_for(b"n%d.evil.example" % number, scope)
        assert len(hosts.known) <= KNOWN_MAX
    assert not any(b"evil" in known for known in hosts.known)


# Sites, as a table.

FOREIGN: list[dict[str, str]] = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://testserver.evil.example"},
    {"origin": "http://testserver:81"},
    {"origin": "testserver"},
    {"origin": ""},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "something new"},
    {"origin": OWN, "sec-fetch-site": "cross-site"},
    {"origin": "null", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
]
OURS: list[dict[str, str]] = [
    {},
    {"origin": OWN},
    {"origin": OWN, "sec-fetch-site": "same-origin"},
    {"origin": "https://testserver"},
    {"origin": "http://localhost:8000", "host": "LOCALHOST:8000"},
    {"origin": "https://a.example", "host": "a.example:443"},
    {"origin": "http://a.example", "host": "a.example:80"},
    {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"},
    {"sec-fetch-site": "same-origin"},
    {"origin": "https://behind.a.proxy.example", "sec-fetch-site": "same-origin"},
    {"origin": "https://shop.example.org", "sec-fetch-site": "cross-site"},
    {"origin": "https://sell.example.com", "sec-fetch-site": "same-site"},
]
TRUSTING = {
    "cors_origins": "https://shop.example.org",
    "public_url": "https://SELL.example.com:443/tickets",
}


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_pages_of_other_sites_change_nothing(headers: dict[str, str]) -> None:
    async with asking(app_of(**TRUSTING)) as client:
        event = granted(await client.post("/api/events", json=EVENT), 201)["id"]
        booking = granted(await client.post("/api/bookings", json={"event_id": event}), 201)["id"]
        changes = [
            ("POST", "/api/events", EVENT),
            ("POST", "/api/reset", None),
            ("POST", "/api/bookings", {"event_id": event}),
            ("PUT", f"/api/events/{event}", {"title": "Theirs"}),
            ("DELETE", f"/api/events/{event}", None),
            ("PATCH", "/api/bookings/cancel", {"booking_id": booking}),
            ("PUT", f"/api/bookings/{booking}/cancel", None),
            ("POST", "/api/auth/login", {"email": "a@example.org", "password": "a password"}),
            ("GET", f"/api/payments/success?orderId={booking}", None),
            ("GET", f"/api/payments/fail?orderId={booking}", None),
        ]
        for method, path, body in changes:
            answer = await client.request(method, path, json=body, headers=headers)
            refused(answer, 403, "cross_site")
        assert granted(await client.get("/api/bookings"))[0]["status"] == "booked"
        assert granted(await client.get(f"/api/events/{event}", headers=headers))["id"] == event


@pytest.mark.parametrize("headers", OURS, ids=str)
async def test_our_own_pages_and_trusted_ones_may(headers: dict[str, str]) -> None:
    async with asking(app_of(**TRUSTING)) as client:
        granted(await client.post("/api/events", json=EVENT, headers=headers), 201)


async def test_everybodys_pages_may_where_that_is_set() -> None:
    async with asking(app_of(cors_origins="*")) as client:
        for headers in FOREIGN:
            granted(await client.post("/api/events", json=EVENT, headers=headers), 201)


async def test_everybody_is_not_trusted_with_what_browsers_send_by_themselves() -> None:
    page = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    options = {"auth": "required", "secret": SECRET, "cors_origins": "*", "rate_limits": ""}
    async with asking(app_of(**options)) as client:
        basic = {"authorization": "Basic YTpi"}
        refused(await client.post("/api/reset", headers=page | basic), 403, "cross_site")
        bearer = {"authorization": "Bearer x"}
        refused(await client.post("/api/reset", headers=page | bearer), 401, "unauthorized")


# Credentials.


@pytest.fixture(scope="module")
async def required() -> AsyncIterator[Api]:
    async with serving(URL, auth="required", secret=SECRET, rate_limits="") as api:
        yield api


@pytest.fixture(scope="module")
async def operator() -> AsyncIterator[Operator]:
    async with operating(URL) as operator:
        yield operator


async def change(api: Api, authorization: str | None, **headers: str) -> httpx.Response:
    own = {} if authorization is None else {"authorization": authorization}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.http.post("/api/events", json=EVENT, headers={**own, **named})


async def test_a_password_that_a_browser_remembers_serves_no_other_site(required: Api) -> None:
    email, password = "organizer@example.org", "hold the door"
    registered = await required.register(email, password, "door", role="organizer")
    granted(registered, 201)
    remembered = basic(email, password)
    bearer = f"Bearer {granted(await required.login(email, password))['access_token']}"
    for headers in ({"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}):
        for authorization in (remembered, remembered.replace("Basic", "bASIC "), "Basic x"):
            refused(await change(required, authorization, **headers), 403, "cross_site")
        assert (await change(required, bearer, **headers)).status_code == 201
        refused(await change(required, None, **headers), 401, "unauthorized")
    assert (await change(required, remembered, sec_fetch_site="same-origin")).status_code == 201
    assert (await change(required, remembered)).status_code == 201


def test_where_guests_are_none_only_what_browsers_add_counts() -> None:
    sites = Sites(guests=False)
    headers = {b"origin": b"https://evil.example"}
    scope: dict[str, Any] = {"headers": []}
    assert not sites.refuse(headers, scope)
    assert not sites.refuse({**headers, b"authorization": b"bearer token"}, scope)
    assert sites.refuse({**headers, b"authorization": b"Negotiate token"}, scope)
    assert sites.refuse({**headers, b"authorization": b"Basic Zm9v"}, scope)


# Callbacks.


async def test_a_gateways_page_leads_here_with_a_signature() -> None:
    secret = "3f9a" * 4 + "b71c" * 4
    by_a_page = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    async with serving(URL, payment_secret=secret) as api:
        event = await api.make_event()
        booking = await api.paying(event, seat_of(event, 0))
        total, now_s = 1_000, await api.now_ms() // 1000
        signature = sign_callback(
            secret.encode(), Callback(BookingId(booking), Result.SUCCESS, total), now_s
        )
        query: dict[str, Any] = {"orderId": booking, "timestamp": now_s, "signature": signature}
        path = "/api/payments/success"
        unsigned = await api.http.get(path, params={"orderId": booking}, headers=by_a_page)
        refused(unsigned, 401, "unauthorized")
        assert granted(await api.http.get(path, params=query, headers=by_a_page)) == "OK"


# Bodies without a type.


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": OWN},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-mode": "cors"},
        {"sec-fetch-dest": "empty"},
    ],
    ids=str,
)
async def test_a_browsers_body_has_a_type(headers: dict[str, str]) -> None:
    body = b'{"title": "An evening"}'
    async with asking(app_of()) as client:
        bare = await client.post("/api/events", content=body, headers=headers)
        refused(bare, 415, "unsupported_media_type")
        typed = {**headers, "content-type": "application/json"}
        granted(await client.post("/api/events", content=body, headers=typed), 201)
        granted(await client.post("/api/events", content=body), 201)
