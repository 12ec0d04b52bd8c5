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
def room() -> Iterator[None]:
    """As many open files as the connections of this process take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 65_536 if hard == resource.RLIM_INFINITY else hard
    if most < CONNECTIONS + SPARE_DESCRIPTORS:
        pytest.skip(f"this process may have {most} open files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("room")
def test_idle_connections_cost_little_and_keep_nobody_out(patient: Host) -> None:
    health = request("GET", "/health")
    with Raw(patient.port) as first:
        assert first.send(health).answer().status == 200
    before = patient.memory_mb()
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            client = stack.enter_context(Raw(patient.port))
            assert client.send(health).answer().status == 200
        assert patient.memory_mb() - before < MEMORY_MB_MAX
        with Raw(patient.port) as last:
            assert last.send(health).answer().status == 200
