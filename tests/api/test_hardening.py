"""Security headers, other origins, proxies that are believed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from billetter.api.hardening import across_origins, in_messages
from billetter.api.replies import SECURITY_HEADERS, WHOLE, Reply, reply, secured
from billetter.domain.network import parse_networks

ORIGIN = "https://tickets.example.org"
SEATS = reply(200, [], (b"x-total-count", b"0"))


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await SEATS.send(scope, send)


@asynccontextmanager
async def asking(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(cast(Any, app))
    async with httpx.AsyncClient(transport=transport, base_url="http://a") as client:
        yield client


def preflight(
    origin: str, method: str = "PATCH", headers: str = "idempotency-key"
) -> dict[str, str]:
    return {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": headers,
    }


# Security headers.


def test_security_headers_are_added_to_what_an_answer_says_already() -> None:
    headers = secured([(b"content-type", b"application/json")])
    assert headers == [(b"content-type", b"application/json"), *SECURITY_HEADERS]


def test_what_an_answer_says_itself_stays() -> None:
    own = [(b"cache-control", b"no-cache"), (b"content-security-policy", b"default-src 'self'")]
    headers = secured(own)
    assert headers[:2] == own
    assert len(headers) == len(dict(headers)) == len(SECURITY_HEADERS)
    assert secured(headers) == headers


def test_they_are_plain_lines() -> None:
    for name, value in SECURITY_HEADERS:
        assert name == name.lower()
        assert b"\r" not in name + value
        assert b"\n" not in name + value


# Other origins.


def test_without_origins_nothing_is_in_between() -> None:
    assert across_origins(app, ()) is app


async def test_without_origins_no_header_is_said() -> None:
    async with asking(across_origins(app, ())) as client:
        got = await client.get("/", headers={"origin": ORIGIN})
        asked = await client.options("/", headers=preflight(ORIGIN))
    for answer in (got, asked):
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_page_of_an_allowed_origin_can_read_answers() -> None:
    async with asking(across_origins(app, [ORIGIN])) as client:
        got = await client.get("/", headers={"origin": ORIGIN})
    assert got.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-credentials" not in got.headers
    exposed = got.headers["access-control-expose-headers"].split(", ")
    assert {"billetter-outcome", "retry-after", "x-total-count"} <= set(exposed)
    assert "Origin" in got.headers["vary"]


@pytest.mark.parametrize(
    "origin", ["https://example.org", f"{ORIGIN}.evil.example", f"{ORIGIN}:8443", "null"]
)
async def test_a_page_of_another_origin_cannot(origin: str) -> None:
    async with asking(across_origins(app, [ORIGIN])) as client:
        got = await client.get("/", headers={"origin": origin})
        asked = await client.options("/", headers=preflight(origin))
    assert "access-control-allow-origin" not in got.headers
    assert "access-control-allow-origin" not in asked.headers
    assert asked.status_code == 400


async def test_the_prebuilt_reply_stays_as_it_is() -> None:
    before = list(SEATS.headers)
    async with asking(across_origins(app, [ORIGIN])) as client:
        await client.get("/", headers={"origin": ORIGIN})
        plain = await client.get("/")
    assert SEATS.headers == before
    assert "access-control-allow-origin" not in plain.headers


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_page_may_ask_what_it_may_send(method: str) -> None:
    wanted = "authorization, content-type, idempotency-key, x-request-id"
    async with asking(across_origins(app, [ORIGIN])) as client:
        asked = await client.options("/", headers=preflight(ORIGIN, method, wanted))
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == ORIGIN
    for name, value in SECURITY_HEADERS:
        assert asked.headers[name.decode()] == value.decode()


async def test_everybody_may_be_allowed() -> None:
    async with asking(across_origins(app, ["*"])) as client:
        got = await client.get("/", headers={"origin": "https://anywhere.example"})
    assert got.headers["access-control-allow-origin"] == "*"


def test_a_reply_is_not_sent_past_who_looks_at_messages() -> None:
    def whole(reply: Reply) -> bool:
        return True

    scope = {"type": "http", "extensions": {WHOLE: whole, "http.response.trailers": {}}}
    assert in_messages(scope) == {"type": "http", "extensions": {"http.response.trailers": {}}}
    assert WHOLE in cast(dict[str, Any], scope["extensions"])
    assert in_messages({"type": "http"})["extensions"] == {}


# Proxies. uvicorn's own middleware does it: these are the ways in which it must.


async def client_behind(trusted: str, peer: str | None, *forwarded: str) -> str | None:
    """Who is taken for the client of a request that comes from `peer` with X-Forwarded-For."""
    seen: list[str | None] = []

    async def note(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"][0] if scope["client"] else None)

    scope = {
        "type": "http",
        "scheme": "http",
        "client": (peer, 5) if peer else None,
        "headers": [(b"x-forwarded-for", each.encode()) for each in forwarded],
    }
    proxied: Any = ProxyHeadersMiddleware(note, list(parse_networks(trusted)))
    await proxied(scope, None, None)
    return seen[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7:4711"], "192.0.2.7"),
        ("10.0.0.1", ["[2001:db8::9]:4711"], "2001:db8::9"),
        ("10.0.0.1", ["203.0.113.5, 192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["203.0.113.5", "192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["203.0.113.5, 192.0.2.7, 10.9.9.9"], "192.0.2.7"),
        ("10.0.0.1", ["203.0.113.5, 127.0.0.1, 192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("2001:db8:ffff::1", ["192.0.2.7"], "192.0.2.7"),
        ("192.0.2.1", ["127.0.0.1"], "192.0.2.1"),
        ("11.0.0.1", ["203.0.113.5"], "11.0.0.1"),
        ("::1", ["203.0.113.5"], "::1"),
        (None, ["203.0.113.5"], None),
    ],
)
async def test_only_a_trusted_proxy_is_believed_and_only_its_own_word(
    peer: str | None, forwarded: list[str], client: str | None
) -> None:
    assert await client_behind("10.0.0.0/8, 2001:db8:ffff::/48", peer, *forwarded) == client
