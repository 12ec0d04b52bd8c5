"""billetter restore, and directories beside whose files no server may start empty."""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis as Client

from billetter import cli, restoring
from billetter.auditing import as_text
from billetter.domain.event import Details, EventPlan, Terms
from billetter.domain.ids import SeatIndex, UserId, seat_id
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.outcome import EngineError
from billetter.engine import keys, partition_keys
from billetter.identifying import identify
from billetter.testing import Binary, RedisServer
from billetter.visiting import VisitError, engine_at, started, visited
from billetter.wire.binaries import find_server
from billetter.wire.files import ID, MANIFEST, EmbeddedError, Mark, check
from billetter.wire.presence import socket_of
from tests.conftest import BINARIES
from tests.processes import eventually
from tests.test_audit_cli import serve

ANN = UserId("x:ann")
PLAN = EventPlan(
    Details("A title"), Terms(60_000, 60_000, 9), Layout.plan([ZonePlan("Hall", 500, (9,))])
)
SOLD = "Clean: 1 event, 1 booking, 2 seats taken."
MULTIPART = (7, 0)


@pytest.fixture
def program(binary: Binary, files: Path, monkeypatch: pytest.MonkeyPatch) -> Binary:
    """The only server that is found."""
    (files / "bin").mkdir()
    (files / "bin" / "redis-server").symlink_to(binary.path)
    monkeypatch.setenv("PATH", str(files / "bin"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    return binary


@pytest.fixture
def sold(program: Binary, files: Path) -> Path:
    """A data directory with a sale in it, whose server has ended."""
    data = files / "data"
    sell(data)
    ask(data, "SAVE")
    return data


def sell(data: Path) -> None:
    """Serve the directory as a server does, and hold two seats of a new event."""

    async def work() -> None:
        async with started(data) as redis:
            id_ = await identify(redis.url, data, None)
            async with engine_at(redis.url) as engine:
                await engine.prepare(id_)
                event = (await engine.events.create(PLAN, ANN)).id
                seats = [seat_id(event, SeatIndex(index)) for index in (0, 1)]
                await engine.bookings.open(event, ANN, seats)

    data.mkdir(exist_ok=True)
    asyncio.run(work())


def ask(data: Path, *commands: str) -> None:
    """Let the Redis of a directory run commands of somebody else."""

    async def work() -> None:
        async with started(data) as redis, engine_at(redis.url) as engine:
            for command in commands:
                await engine.store.direct(*command.split())

    asyncio.run(work())


def audited(data: Path) -> str:
    """The audit's verdict."""

    async def work() -> str:
        async with visited(None, data, writes=False) as engine:
            return as_text(await engine.audit.run())

    return asyncio.run(work())


@dataclass(frozen=True)
class Backup:
    name: str
    of: Callable[[Path], Path]
    since: tuple[int, ...] = (6, 2)


def moved(data: Path, *names: str) -> Path:
    """Only these files of it, in a directory of their own."""
    there = data.parent / "backup"
    there.mkdir()
    for name in names:
        move = shutil.copytree if (data / name).is_dir() else shutil.copy
        move(data / name, there / name)
    return there


def single(data: Path) -> Path:
    """The log as one file: as it is, or its base with what came after it."""
    if (data / "appendonly.aof").exists():
        return data / "appendonly.aof"
    parts = sorted((data / "appendonlydir").glob("*.[bi]*"))
    one = data.parent / "one.aof"
    one.write_bytes(b"".join(part.read_bytes() for part in parts if part.name != MANIFEST))
    return one


def without_manifest(data: Path) -> Path:
    there = moved(data, "appendonlydir")
    (there / "appendonlydir" / MANIFEST).unlink()
    return there


BACKUPS = [
    Backup("snapshot", lambda data: data / "dump.rdb"),
    Backup("directory_with_a_snapshot", lambda data: moved(data, "dump.rdb")),
    Backup("log", single),
    Backup("copy", lambda data: Path(shutil.copytree(data, data.parent / "copy"))),
    Backup("multipart", lambda data: data / "appendonlydir", MULTIPART),
    Backup("without_manifest", without_manifest, MULTIPART),
    Backup("renamed", lambda data: moved(data, "appendonlydir") / "appendonlydir", MULTIPART),
]


@pytest.mark.parametrize(
    ("binary", "backup"),
    [
        pytest.param(binary, backup, id=f"{backup.name}-{binary.id}")
        for binary in BINARIES
        for backup in BACKUPS
        if binary.version >= backup.since
    ],
    indirect=["binary"],
)
@pytest.mark.usefixtures("program")
def test_every_kind_of_backup_is_restored(
    sold: Path, backup: Backup, capsys: pytest.CaptureFixture[str]
) -> None:
    source, data = backup.of(sold), sold.parent / "restored"
    before = contents(source)
    assert restoring.run(source, data) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert (lines[0], err) == (SOLD, "")
    assert re.fullmatch(rf"{data} holds the data [0-9a-f]+, restored from {source}\.", lines[1])
    assert contents(source) == before
    assert Mark.read(data) == Mark.read(sold)
    sell(data)
    assert audited(data) == "Clean: 2 events, 2 bookings, 4 seats taken."


def contents(path: Path) -> dict[str, bytes]:
    every = [path] if path.is_file() else sorted(path.rglob("*"))
    return {str(each): each.read_bytes() for each in every if each.is_file()}


def test_nothing_is_ever_overwritten(sold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(sold)
    assert restoring.run(sold / "dump.rdb", sold) == 2
    assert "holds data already, and is never overwritten: move it away" in capsys.readouterr().err
    other = sold.parent / "other"
    other.mkdir()
    (other / "letter").touch()
    assert restoring.run(sold / "dump.rdb", other) == 2
    assert "is not empty, and is never overwritten" in capsys.readouterr().err
    assert contents(sold) == before
    assert [each.name for each in other.iterdir()] == ["letter"]


def test_an_empty_directory_is_used(sold: Path) -> None:
    data = sold.parent / "empty"
    data.mkdir()
    assert restoring.run(sold / "dump.rdb", data) == 0


def test_what_is_no_backup_leaves_nothing(sold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, odd = sold.parent / "restored", sold.parent / "odd"
    empty, short, empty_directory = odd / "empty.rdb", odd / "short.rdb", odd / "directory"
    empty_directory.mkdir(parents=True)
    empty.touch()
    short.write_bytes((sold / "dump.rdb").read_bytes()[:-300])
    (odd / "letter").write_text("Dear Ann")
    told = {
        odd / "nothing": "there is no",
        empty: "is empty",
        empty_directory: "holds neither an append-only file nor a snapshot",
        short: "",
        odd / "letter": "",
    }
    before = sorted(each.name for each in sold.parent.iterdir())
    for source, what in told.items():
        assert restoring.run(source, data) == 2
        out, err = capsys.readouterr()
        assert (out, what in err) == ("", True), source
        assert "--fix" not in err
        assert sorted(each.name for each in sold.parent.iterdir()) == before


def test_data_of_others_is_not_restored(
    program: Binary, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = files / "foreign"
    place.mkdir()
    with RedisServer(program, place) as server, Client.from_url(server.url) as client:
        client.set("mine", 1)
        client.save()
        dump = next(place.rglob("*.rdb"))
        shutil.copy(dump, files / "foreign.rdb")
    dump = files / "foreign.rdb"
    assert restoring.run(dump, files / "restored") == 2
    assert "none of Billetter's" in capsys.readouterr().err
    assert not (files / "restored").exists()


def test_a_torn_log_is_restored_and_told(sold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torn = sold.parent / "torn.aof"
    torn.write_bytes(single(sold).read_bytes()[:-5])
    assert restoring.run(torn, sold.parent / "restored") in (0, 1)
    out, err = capsys.readouterr()
    assert "is torn, and what was written last is lost" in err
    assert "restored from" in out


def test_what_the_audit_finds_is_told(sold: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask(sold, "SETBIT {p01}:event:1:taken 7 1", "SAVE")
    assert restoring.run(sold / "dump.rdb", sold.parent / "restored") == 1
    assert "seat 1000008 is taken, and nobody holds it" in capsys.readouterr().out
    assert (sold.parent / "restored" / ID).exists()


# Directories beside whose files a server would start empty.


def no_manifest(data: Path) -> str:
    (data / "appendonlydir" / MANIFEST).unlink()
    return f"has no {MANIFEST}"


def no_base(data: Path) -> str:
    next((data / "appendonlydir").glob("*.base.*")).unlink()
    return "is missing"


def lone_dump(data: Path) -> str:
    shutil.rmtree(data / "appendonlydir", ignore_errors=True)
    (data / "appendonly.aof").unlink(missing_ok=True)
    return "there is a dump, and no append-only file"


def lone_dump_without_mark(data: Path) -> str:
    (data / ID).unlink()
    return lone_dump(data)


def mark_alone(data: Path) -> str:
    (data / "dump.rdb").unlink()
    lone_dump(data)
    return f"its files are gone, and only .*{ID} is left"


def another(data: Path) -> str:
    Mark("another", fresh=False).write(data)
    return "this Redis does not hold the data another of"


def flushed(data: Path) -> str:
    """As by somebody else's hand while no server of ours ran."""
    ask(data, "FLUSHALL")
    return "it has none at all"


def flushed_without_mark(data: Path) -> str:
    flushed(data)
    (data / ID).unlink()
    return "has started empty beside its files"


SPOILED = [
    *(lone_dump, lone_dump_without_mark, mark_alone, another, flushed, flushed_without_mark),
    *(no_manifest, no_base),
]


@pytest.mark.parametrize(
    ("binary", "spoil"),
    [
        pytest.param(binary, spoil, id=f"{spoil.__name__}-{binary.id}")
        for binary in BINARIES
        for spoil in SPOILED
        if binary.version >= MULTIPART or spoil not in (no_manifest, no_base)
    ],
    indirect=["binary"],
)
@pytest.mark.usefixtures("program")
def test_no_server_starts_empty_beside_data(sold: Path, spoil: Callable[[Path], str]) -> None:
    told = spoil(sold)
    before = kept(sold)
    for visit in (sell, audited):
        with pytest.raises((EngineError, EmbeddedError, VisitError), match=told):
            visit(sold)
    assert kept(sold) == before


def test_serve_says_why_it_does_not_start(sold: Path) -> None:
    told = lone_dump(sold)
    with serve(sold) as server:
        assert server.wait() == 2
        assert re.fullmatch(f"billetter: .*{told}.*\n", server.err), server.err


def kept(data: Path) -> dict[str, bytes]:
    ours = ("billetter.lock", "redis.lock", "redis.log", "redis.sock")
    return {name: text for name, text in contents(data).items() if Path(name).name not in ours}


def take_away(data: Path) -> None:
    for name in (MANIFEST, "appendonly.aof"):
        for file in data.rglob(name):
            file.unlink()


async def test_the_files_vanish_under_a_running_server(
    program: Binary, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with started(files) as redis:
        await identify(redis.url, files, None)
        async with engine_at(redis.url) as engine:
            pid = int((await engine.store.direct("INFO")).partition(b"process_id:")[2].split()[0])
        take_away(files)
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(eventually, lambda: "Redis stays away" in caplog.text)
        with pytest.raises(VisitError):
            async with engine_at(redis.url):
                pass


def test_data_of_an_older_version_is_taken_over(sold: Path) -> None:
    """It has no ids, neither in Redis nor beside the files."""
    ids = " ".join(partition_keys.data(tag) for tag in partition_keys.TAGS)
    ask(sold, f"DEL {ids} {keys.USERS_NEXT}", f"HDEL {keys.META} data settled")
    (sold / ID).unlink()
    assert audited(sold) == SOLD
    assert not (sold / ID).exists()
    sell(sold)
    assert audited(sold) == "Clean: 2 events, 2 bookings, 4 seats taken."
    mark = Mark.read(sold)
    assert mark
    assert not mark.fresh


def test_a_start_that_was_killed_half_way_is_gone_on_with(program: Binary, files: Path) -> None:
    data = files / "data"
    data.mkdir()
    Mark("half", fresh=True).write(data)
    if program.version >= MULTIPART:
        (data / "appendonlydir").mkdir()
        (data / "appendonlydir" / "appendonly.aof.1.base.rdb").touch()
    check(data)
    sell(data)
    assert Mark.read(data) == Mark("half", fresh=False)


@pytest.mark.parametrize("header", [b"VALKEY080", b"REDIS0099"])
def test_data_of_a_newer_server_is_left_as_it_is(
    program: Binary, files: Path, header: bytes
) -> None:
    data = files / "data"
    data.mkdir()
    (data / "appendonly.aof").write_bytes(header + b"\xff" + bytes(8))
    before = contents(data)
    told = "Valkey 9 or later" if b"VALKEY" in header else "Redis or later"
    with pytest.raises(EmbeddedError, match=f"{told}.*none of those .* left as it is"):
        sell(data)
    assert contents(data) == before


def test_every_server_found_is_tried(
    program: Binary, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first on the PATH cannot read the data, the second one can."""
    data, second = files / "data", files / "second"
    for directory in (data, second):
        directory.mkdir()
    (data / "appendonly.aof").write_bytes(b"VALKEY080\xff" + bytes(8))
    able = second / "valkey-server"
    able.write_text(
        '#!/bin/sh\ncase "$1" in --version) echo Valkey server v=9.1.2;; *) exit 0;; esac\n'
    )
    able.chmod(0o700)
    with pytest.raises(EmbeddedError, match="none of those found can read"):
        find_server(data)
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{second}")
    found = find_server(data)
    assert found
    assert found.path == able


def test_a_damaged_log_is_told_without_the_advice_to_cut_it(sold: Path) -> None:
    log = single(sold)
    if log.parent != sold:
        log = next((sold / "appendonlydir").glob("*.incr.*"))
    text = log.read_bytes()
    log.write_bytes(text[:-200] + b"garbage garbage" + text[-185:])
    with pytest.raises(EmbeddedError, match="restore a backup") as failure:
        sell(sold)
    assert "fix" not in str(failure.value)


# Copies that may not be written.


@pytest.mark.usefixtures("program")
def test_a_read_only_copy_is_audited_and_stays_as_it_is(sold: Path) -> None:
    copy = sold.parent / "copy"
    shutil.copytree(sold, copy)
    for path in (*copy.rglob("*"), copy):
        path.chmod(0o500 if path.is_dir() else 0o400)
    before = {**contents(copy), "mtime": str(copy.stat().st_mtime_ns).encode()}
    assert audited(copy) == SOLD
    assert cli.main(["users", "list", "--data", str(copy)]) == 0
    assert {**contents(copy), "mtime": str(copy.stat().st_mtime_ns).encode()} == before
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o700)


async def test_a_copy_of_a_live_directory_is_not_taken_for_the_original(
    program: Binary, files: Path
) -> None:
    """Where the path is too long for a socket, a file says where it is."""
    data, copy = files / ("long" * 25), files / ("copy" * 25)
    data.mkdir()
    async with started(data):
        shutil.copytree(data, copy)
        assert socket_of(data).exists()
        with pytest.raises(FileNotFoundError, match="is a copy"):
            socket_of(copy)
