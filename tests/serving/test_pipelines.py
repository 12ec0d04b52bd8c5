"""Requests that come together: each is answered, in order, and only a few wait at once."""

import asyncio
from typing import Any, cast

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from billetter.api.replies import reply
from billetter.connection import Limits, limited
from billetter.request_reader import QUEUED_MAX
from tests.serving.raw import Host, Raw, chunked, request

HEALTH = request("GET", "/health")
NONSENSE = b"nonsense\r\n\r\n"


def test_what_was_done_is_told_before_what_is_wrong(host: Host, raw: Raw) -> None:
    event = host.event(rows=1, seats_per_row=5, price="5.00")
    opened = request("POST", "/api/bookings", {"event_id": event, "seat_ids": [event * 10**6 + 1]})
    booking = raw.send(opened).answer().json()["id"]
    raw.send(request("PATCH", "/api/bookings/initiatePayment", {"booking_id": booking})).answer()
    paid = request("GET", f"/api/payments/success?orderId={booking}")
    done, refused = raw.send(paid + NONSENSE).rest()
    assert (done.status, refused.status) == (200, 400)
    assert done.header("Connection") is None
    assert refused.header("Connection") == "close"


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        (NONSENSE, 400),
        (request("GET", "/health").replace(b"Host", b"Guest"), 400),
        (request("GET", "/health", None, "X: " + "y" * 20_000), 431),
        (request("POST", "/api/events", None, "Content-Length: 1", "Content-Length: 2"), 400),
        (chunked("POST", "/api/events", b"2\r\n{}\r\nx"), 400),
    ],
    ids=["nonsense", "no host", "headers", "two lengths", "a chunk"],
)
def test_all_before_it_is_answered(raw: Raw, wrong: bytes, status: int) -> None:
    answers = raw.send(HEALTH * 30 + wrong + HEALTH).rest()
    assert [each.status for each in answers] == [200] * 30 + [status]


def test_very_many_are_answered_in_order(raw: Raw) -> None:
    names = [f"{number}" for number in range(2_000)]
    raw.send(b"".join(request("GET", "/health", None, f"X-Request-Id: {name}") for name in names))
    assert [raw.answer().header("X-Request-Id") for _ in names] == names


def test_bodies_between_them_stay_with_their_requests(raw: Raw) -> None:
    event = request("POST", "/api/events", {"title": "x", "totalCapacity": 1, "note": "y" * 9_000})
    parts = chunked("POST", "/api/events", b'10\r\n{"title":"\r\n\r\n"}\r\n0\r\n\r\n')
    raw.send((HEALTH + event + parts) * 12)
    assert [raw.answer().status for _ in range(36)] == [200, 201, 400] * 12


def test_nothing_runs_after_the_last_request(host: Host, raw: Raw) -> None:
    last = request("GET", "/health", None, "Connection: close")
    after = request("POST", "/api/events", {"title": "After the last", "totalCapacity": 1})
    assert [each.status for each in raw.send(last + after + NONSENSE).rest()] == [200]


class Transport:
    """What asyncio gives a protocol, as far as it is used here."""

    def __init__(self) -> None:
        self.written = b""
        self.reading = True
        self.ended = False
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def __getattr__(self, name: str) -> object:
        return lambda *_, **__: None

    def statuses(self) -> list[int]:
        return [int(each[:3]) for each in self.written.split(b"HTTP/1.1 ")[1:]]


class Gated:
    """A connection whose requests are answered when `open` says so, in the order of their coming.

    begun: how many there were. body: whether they want their bodies first.
    """

    def __init__(self, body: bool = False) -> None:
        self.transport = Transport()
        self.begun = self.left = 0
        self._body = body
        self._gate = asyncio.Semaphore(0)
        settings = Config(self._app, interface="asgi3", proxy_headers=False, log_config=None)
        settings.load()
        limits = Limits(connections_max=1, header_s=10, body_s=10)
        self.connection = limited(limits)(settings, ServerState(), {})
        self.connection.connection_made(cast(asyncio.Transport, self.transport))

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun += 1
        more = self._body
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left += 1
                return
            more = message["more_body"]
        await self._gate.acquire()
        await reply(200, "done").send(scope, send)

    async def hears(self, data: bytes) -> None:
        self.connection.data_received(data)
        await self.settled()

    async def open(self, times: int = 1) -> None:
        for _ in range(times):
            self._gate.release()
            await self.settled()

    async def settled(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


async def test_a_refusal_waits_for_what_is_under_way() -> None:
    gated = Gated()
    await gated.hears(HEALTH * 2)
    await gated.hears(NONSENSE)
    assert gated.transport.written == b""
    await gated.open(2)
    assert gated.transport.statuses() == [200, 200, 400]
    assert gated.transport.ended


async def test_a_request_whose_body_breaks_is_told_so_in_its_turn() -> None:
    gated = Gated(body=True)
    await gated.hears(HEALTH + chunked("POST", "/", b"1\r\nx\r\n"))
    await gated.hears(b"no size\r\n")
    assert gated.transport.written == b""
    await gated.open()
    assert gated.transport.statuses() == [200, 400]
    assert (gated.begun, gated.left) == (2, 1)


async def test_a_refused_client_has_time_to_read_why() -> None:
    gated = Gated()
    await gated.hears(NONSENSE)
    now = asyncio.get_running_loop().time()
    gated.connection.reap(now + 1)
    assert gated.transport.ended
    assert not gated.transport.closed
    gated.connection.reap(now + 3)
    assert gated.transport.closed


@pytest.mark.parametrize("piece", [100, 5_000, 200_000])
async def test_only_a_few_wait(piece: int) -> None:
    gated = Gated()
    asked = HEALTH * 1_000
    for at in range(0, len(asked), piece):
        if gated.transport.reading:
            await gated.hears(asked[at : at + piece])
    assert not gated.transport.reading
    for served in range(1, 30):
        assert len(gated.connection.pipeline) <= 2 * QUEUED_MAX
        assert gated.begun == served or gated.transport.reading
        await gated.open()


async def test_whoever_is_served_when_the_client_leaves_is_told() -> None:
    gated = Gated(body=True)
    await gated.hears(chunked("POST", "/", b"1\r\nx\r\n"))
    gated.connection.connection_lost(None)
    await gated.settled()
    assert (gated.begun, gated.left) == (1, 1)


async def test_the_rest_of_a_request_has_its_time_once_there_is_room() -> None:
    gated = Gated()
    await gated.hears(HEALTH * 2 + b"GET /he")
    now = asyncio.get_running_loop().time()
    gated.connection.reap(now + 60)
    assert not gated.transport.closed
    await gated.open(2)
    gated.connection.reap(now + 60)
    assert gated.transport.closed
