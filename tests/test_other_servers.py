"""The application under each ASGI server that it is made for."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from tests.conftest import ASGI_SERVERS
from tests.processes import Process, eventually, free_port

EVENT = {"title": "An evening", "rows": 1, "seats_per_row": 4}
APP = "tests.served_app:app"
COMMANDS = {
    "uvicorn": ["--no-access-log", "--port", "{port}", APP],
    "hypercorn": ["--bind", "127.0.0.1:{port}", APP],
    "granian": ["--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}", APP],
}
WITHOUT_LIFESPAN = {"uvicorn": ["--lifespan", "off"], "granian": ["--interface", "asginl"]}


@contextmanager
def running(server: str, *flags: str) -> Iterator[tuple[Process, httpx.Client]]:
    port = free_port()
    words = [word.format(port=port) for word in [*COMMANDS[server], *flags]]
    with (
        Process("-m", server, *words) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):

        def listens() -> bool:
            assert process.code is None, process.err
            with socket.socket() as probe:
                return not probe.connect_ex(("127.0.0.1", port))

        eventually(listens)
        yield process, client


def made(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def sell(client: httpx.Client) -> None:
    """What a client does, in all ways in which an answer may be sent."""
    event = made(client.post("/api/events", json=EVENT, headers={"x-request-id": "7"}), 201)["id"]
    booked = client.post("/api/bookings", json={"event_id": event})
    booking = made(booked, 201)["id"]
    assert booked.headers["location"] == f"/api/bookings/{booking}"
    choice = {"booking_id": booking, "seat_id": event * 1_000_000 + 1}
    assert client.patch("/api/seats/select", json=choice).status_code == 200
    other = made(client.post("/api/bookings", json={"event_id": event}), 201)["id"]
    lost = client.patch("/api/seats/select", json={**choice, "booking_id": other})
    assert (lost.status_code, lost.json()) == (419, "Failed to add seat to booking")
    seat_map = client.get(f"/api/events/{event}/seatmap")
    assert seat_map.content == b"\x80\x00"
    known = {"if-none-match": seat_map.headers["etag"]}
    assert client.get(f"/api/events/{event}/seatmap", headers=known).status_code == 304
    head = client.head(f"/api/events/{event}/seatmap")
    assert (head.headers["content-length"], head.content) == ("2", b"")
    assert client.get("/nowhere").headers["x-content-type-options"] == "nosniff"
    assert client.post("/health").status_code == 405


def send_in_pieces(client: httpx.Client) -> None:
    pieces = iter([b'{"title":', b' "An evening"}'])
    typed = {"content-type": "application/json"}
    made(client.post("/api/events", content=pieces, headers=typed), 201)
    large = iter([b'{"title": "', b"x" * 2_000_000, b'"}'])
    assert client.post("/api/bookings", content=large, headers=typed).status_code == 413


@pytest.mark.parametrize("server", ASGI_SERVERS)
def test_it_sells(server: str) -> None:
    with running(server) as (process, client):
        sell(client)
        send_in_pieces(client)
        process.stop()
        assert "Traceback" not in process.err + process.out


@pytest.mark.parametrize("server", WITHOUT_LIFESPAN)
def test_it_sells_where_no_lifespan_is_run(server: str) -> None:
    with running(server, *WITHOUT_LIFESPAN[server]) as (process, client):
        sell(client)
        process.stop()
        assert "Traceback" not in process.err + process.out


@pytest.mark.parametrize("server", ASGI_SERVERS)
def test_a_websocket_is_refused(server: str) -> None:
    with running(server) as (process, client):
        connection = HTTPConnection(client.base_url.host, client.base_url.port, timeout=20)
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        connection.request("GET", "/health", headers=upgrade)
        assert connection.getresponse().status in (200, 403)  # Not known here, or not taken.
        connection.close()
        made(client.get("/health"))
        assert "Traceback" not in process.err + process.out
