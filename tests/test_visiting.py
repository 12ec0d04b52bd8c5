"""Whether a Redis runs for a data directory: asked before one is started for a visit."""

import asyncio
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from billetter import visiting
from billetter.visiting import VisitError, address_of
from billetter.wire.files import ID
from billetter.wire.presence import SERVER_LOCK, in_use
from tests.processes import short_directory


@pytest.fixture
def data() -> Iterator[Path]:
    """A directory that a server has left."""
    with short_directory() as directory:
        (directory / ID).write_text("abc\n")
        (directory / SERVER_LOCK).touch()
        yield directory


@contextmanager
def held(data: Path) -> Iterator[None]:
    with (data / SERVER_LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


async def test_where_no_server_runs_that_is_known_at_once(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visiting, "POLL_S", 60)
    assert not in_use(data)
    async with asyncio.timeout(5):
        assert await address_of(data) is None
    (data / SERVER_LOCK).unlink()
    async with asyncio.timeout(5):
        assert await address_of(data) is None


async def test_a_server_that_loads_its_data_is_waited_for(data: Path) -> None:
    told = [1, 1, 0]

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        info = f"loading:{told.pop(0)}\r\nprocess_id:7\r\n"
        writer.write(f"${len(info)}\r\n{info}\r\n".encode())
        await writer.drain()
        writer.close()

    with held(data):
        assert in_use(data)
        async with await asyncio.start_unix_server(tell, data / "redis.sock"):
            assert await address_of(data) == f"unix://{data}/redis.sock"
    assert told == []


async def test_a_server_that_never_answers_is_told(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visiting, "LOADING_S_MAX", 0.1)
    with held(data), pytest.raises(VisitError, match="runs, and does not answer"):
        await address_of(data)


async def test_where_nothing_is_kept_nothing_is_started(tmp_path: Path) -> None:
    with pytest.raises(VisitError, match="holds nothing that Billetter keeps"):
        await address_of(tmp_path)
