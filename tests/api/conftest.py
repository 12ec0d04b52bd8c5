"""The API on a real socket, over each real Redis.

api       on the servers that all tests share, with the sweeper off
any_api   the same, and on fakeredis
strict    as any_api, where credentials are required; operator makes accounts for it
alone     on a Redis of the test's own: for tests of all that there is

durable_server   a Redis of the test's own that keeps its data when it is killed
"""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from billetter.testing import Binary, RedisServer
from tests.api.client import Api
from tests.api.people import SECRET, Operator, operating
from tests.api.serving import serving


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("BILLETTER_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
async def api(redis_url: str) -> AsyncIterator[Api]:
    async with serving(redis_url) as api:
        yield api


@pytest.fixture(scope="session")
async def any_api(any_url: str) -> AsyncIterator[Api]:
    async with serving(any_url) as api:
        yield api


@pytest.fixture(scope="module")
async def strict(any_url: str) -> AsyncIterator[Api]:
    """A server that wants credentials."""
    async with serving(any_url, auth="required", secret=SECRET, rate_limits="") as api:
        yield api


@pytest.fixture(scope="module")
async def operator(any_url: str) -> AsyncIterator[Operator]:
    async with operating(any_url) as operator:
        yield operator


@pytest.fixture
async def alone(own_server: RedisServer) -> AsyncIterator[Api]:
    async with serving(own_server.url) as api:
        yield api


@pytest.fixture
def durable_server(binary: Binary) -> Iterator[RedisServer]:
    with (
        tempfile.TemporaryDirectory(prefix="billetter-") as directory,
        RedisServer(binary, Path(directory), appendonly=True) as server,
    ):
        yield server
