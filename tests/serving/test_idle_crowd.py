"""Ten thousand connections that say nothing after their first request, on one worker."""

import resource
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.serving.raw import Host, Raw, hosting, request

CONNECTIONS = 10_000
SPARE_DESCRIPTORS = 500
MEMORY_MB_MAX = 150


@pytest.fixture(scope="module")
def patient() -> Iterator[Host]:
    with hosting() as host:
        yield host


@pytest.fixture
def room() -> Iterator[int]:
    """How many connections this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 65_536 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    yield min(CONNECTIONS, most - SPARE_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_idle_connections_cost_little_and_keep_nobody_out(patient: Host, room: int) -> None:
    health = request("GET", "/health")
    with Raw(patient.port) as first:
        assert first.send(health).answer().status == 200
    before = patient.memory_mb()
    with ExitStack() as stack:
        for _ in range(room):
            client = stack.enter_context(Raw(patient.port))
            assert client.send(health).answer().status == 200
        assert patient.memory_mb() - before < MEMORY_MB_MAX
        with Raw(patient.port) as last:
            assert last.send(health).answer().status == 200
