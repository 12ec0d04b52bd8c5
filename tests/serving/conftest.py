"""host   a server whose clients have little time, shared by all tests here"""

from collections.abc import Iterator

import pytest

from tests.serving.raw import Host, Raw, hosting


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    with hosting(header_timeout_s=3, body_timeout_s=3) as host:
        yield host


@pytest.fixture
def raw(host: Host) -> Iterator[Raw]:
    """A connection to it."""
    with Raw(host.port) as raw:
        yield raw
