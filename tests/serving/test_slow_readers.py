"""Clients that ask and do not read: what waits for them is bounded, and so is their time."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.serving.raw import Host, Raw, hosting, request

BODY_S = 1
CLIENTS = 40
PIPELINED = 400
MAP_BYTES = 40_000
MEMORY_MB_MAX = 60
"""Beyond the maps themselves: 400 of them for each of 40 are 640 MB."""


@pytest.fixture(scope="module")
def hasty() -> Iterator[Host]:
    """A server whose clients have a second to read something."""
    with hosting(body_timeout_s=BODY_S) as host:
        yield host


@pytest.fixture(scope="module")
def maps(hasty: Host) -> bytes:
    """As many requests as may come in a packet or two, each answered with a large map."""
    event = hasty.event(rows=MAP_BYTES // 25, seats_per_row=100, price="1.00")
    asked = request("GET", f"/api/events/{event}/seatmap")
    with Raw(hasty.port) as client:
        assert len(client.send(asked).answer().body) == MAP_BYTES
    return asked * PIPELINED


def connect(port: int) -> socket.socket:
    """A connection that takes in little."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    client.settimeout(30)
    client.connect(("127.0.0.1", port))
    return client


def is_reset(client: socket.socket) -> bool:
    """Whether the server has thrown the connection away."""
    return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


def test_who_never_reads_is_let_go_and_costs_little(hasty: Host, maps: bytes) -> None:
    before = hasty.memory_mb()
    most = before
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(hasty.port)) for _ in range(CLIENTS)]
        for client in clients:
            client.sendall(maps)
        give_up = time.monotonic() + 30
        waiting = set(clients)
        while waiting:
            assert time.monotonic() < give_up, f"{len(waiting)} are still served"
            time.sleep(0.05)
            most = max(most, hasty.memory_mb())
            waiting = {client for client in waiting if not is_reset(client)}
            with Raw(hasty.port) as other:
                assert other.send(request("GET", "/health")).answer().status == 200
    assert most - before < MEMORY_MB_MAX


def test_who_reads_slowly_is_answered(hasty: Host, maps: bytes) -> None:
    """For longer than one may read nothing, as something is read all the time."""
    received, began = 0, time.monotonic()
    with connect(hasty.port) as client:
        client.sendall(maps)
        while time.monotonic() < began + 3 * BODY_S:
            data = client.recv(65_536)
            assert data
            received += len(data)
            time.sleep(0.03)
        while received < PIPELINED * MAP_BYTES:
            data = client.recv(1_000_000)
            assert data
            received += len(data)
        client.sendall(request("GET", "/health", None, "Connection: close"))
        rest = b""
        while data := client.recv(65_536):
            rest += data
    assert rest.endswith(b'{"status":"ok"}')


def test_small_answers_wait_no_longer(hasty: Host) -> None:
    """The system's own buffers are full, and no answer is large enough to be stopped at once."""
    asked = request("GET", "/health") * 1_000
    with connect(hasty.port) as client:
        client.setblocking(False)
        give_up = time.monotonic() + 60
        while not is_reset(client):
            assert time.monotonic() < give_up
            try:
                client.send(asked)
            except BlockingIOError:
                time.sleep(0.05)
            except (ConnectionResetError, BrokenPipeError):
                break
