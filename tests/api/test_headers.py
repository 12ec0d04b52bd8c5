"""What every answer carries, whoever gives it: the API, what is around it, the connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from billetter.api import middleware
from billetter.api.replies import SECURITY_HEADERS
from tests.api.client import PATIENCE_S, Api, seat_of
from tests.api.people import SECRET, bearer, operating
from tests.api.serving import serving
from tests.crowd import Address

URL = "fake://headers"
PAGE = {"origin": "https://tickets.example.org"}
UNFINISHED = b"POST /api/bookings HTTP/1.1\r\nhost: a\r\ncontent-length: 20\r\n\r\n"


@pytest.fixture(scope="module")
async def api() -> AsyncIterator[Api]:
    url = "https://pay.example.org/{booking_id}"
    settings = {"secret": SECRET, "rate_limits": "login=1/1h/account", "payment_url": url}
    settings["public_url"] = PAGE["origin"]  # So that its pages may change things.
    async with serving(URL, **settings) as api:
        api.http.headers.update(PAGE)
        yield api


def assert_secured(headers: httpx.Headers, **own: str) -> None:
    """All security headers, each once; own: those that are this answer's own."""
    for name, value in SECURITY_HEADERS:
        written = name.decode()
        wanted = own.get(written.replace("-", "_"), value.decode())
        assert headers.get_list(written) == [wanted]
    assert "server" not in headers
    assert not [name for name in headers if name.startswith("access-control")]


async def forbidden(api: Api) -> httpx.Response:
    async with operating(URL) as operator:
        return await api.as_(bearer(await operator.appoint())).create()


async def conflict(api: Api) -> httpx.Response:
    event = await api.make_event()
    booking = await api.book(event, seat_of(event, 0))
    await api.pay(booking)
    await api.succeed(booking)
    return await api.cancel(booking)


async def taken(api: Api) -> httpx.Response:
    event = await api.make_event()
    await api.book(event, seat_of(event, 0))
    return await api.select(await api.book(event), seat_of(event, 0))


async def reused(api: Api) -> httpx.Response:
    await api.create(key="reused")
    return await api.create(key="reused", title="Another evening")


async def redirected(api: Api) -> httpx.Response:
    event = await api.make_event()
    return await api.pay(await api.book(event, seat_of(event, 0)))


async def limited(api: Api) -> httpx.Response:
    await api.login("limited@example.org", "a guess")
    return await api.login("limited@example.org", "a guess")


ANSWERS: dict[int, Callable[[Api], Awaitable[httpx.Response]]] = {
    200: lambda api: api.get("/health"),
    201: lambda api: api.create(),
    302: redirected,
    400: lambda api: api.create(title=""),
    401: lambda api: api.as_("Bearer x").get("/health"),
    403: forbidden,
    404: lambda api: api.get("/nowhere"),
    405: lambda api: api.post("/health", None),
    409: conflict,
    413: lambda api: api.post("/api/bookings", {"event_id": 1, "x": "x" * 20_000}),
    415: lambda api: api.send("POST", "/api/bookings", b"a=1", content_type="text/plain"),
    419: taken,
    422: reused,
    429: limited,
}


@pytest.mark.parametrize("status", ANSWERS)
async def test_every_status_is_secured(api: Api, status: int) -> None:
    answer = await ANSWERS[status](api)
    assert answer.status_code == status
    assert_secured(answer.headers)


async def test_a_map_may_be_kept_and_asked_for_again(api: Api) -> None:
    path = f"/api/events/{await api.make_event()}/seatmap"
    first = await api.get(path)
    assert_secured(first.headers, cache_control="no-cache")
    again = await api.http.get(path, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.headers["x-content-type-options"] == "nosniff"


async def test_no_page_of_another_origin_is_answered_before_it_asks(api: Api) -> None:
    asked = {**PAGE, "access-control-request-method": "PATCH"}
    answer = await api.http.options("/api/seats/select", headers=asked)
    assert answer.status_code == 405
    assert_secured(answer.headers)


async def test_head_is_secured_too(api: Api) -> None:
    assert_secured((await api.http.head("/health")).headers)


# Answers that no endpoint gives.


@asynccontextmanager
async def holding(address: Address, sent: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """A connection over which this was sent, held open."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(sent)
        yield reader
    finally:
        writer.close()


async def answered(address: Address, sent: bytes) -> tuple[int, httpx.Headers]:
    """Status and headers of the answer to these bytes."""
    async with asyncio.timeout(PATIENCE_S), holding(address, sent) as reader:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return int(first.split()[1]), httpx.Headers(pairs)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 431),
        (b"nonsense\r\n\r\n", 400),
    ],
    ids=["a long header", "a long path", "no HTTP"],
)
async def test_what_the_connection_refuses(api: Api, sent: bytes, status: int) -> None:
    found, headers = await answered(api.address, sent)
    assert found == status
    assert_secured(headers)


async def test_what_is_shed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "SHED_S", 0)
    async with (
        serving(URL, requests_max=1) as api,
        asyncio.timeout(PATIENCE_S),
        holding(api.address, UNFINISHED),
    ):
        while (answer := await api.get("/health")).status_code == 200:
            pass
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert_secured(answer.headers)


async def test_who_finds_no_room() -> None:
    async with serving(URL, connections_max=1) as api, holding(api.address, UNFINISHED):
        status = 200
        async with asyncio.timeout(PATIENCE_S):
            while status == 200:
                status, headers = await answered(
                    api.address, b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n"
                )
        assert status == 503
        assert_secured(headers)
