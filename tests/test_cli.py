"""The command line: what it says, and how it refuses."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest

from billetter import cli
from billetter.server import Running
from billetter.settings import Settings
from billetter.testing import Binary as Program
from billetter.testing import RedisServer
from billetter.welcome import welcome as welcomed
from billetter.wire.binaries import Binary
from billetter.wire.embedded import EmbeddedRedis
from billetter.wire.topology import Durability, ServerFacts
from tests.processes import Process, eventually, free_port


@pytest.fixture(autouse=True)
def lines_as_written(plain_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def serve(files: Path, *flags: str, **env: str) -> Process:
    """The command, in a directory of its own for data and on a free port."""
    places = ["--port", "0", "--data", str(files / "data")]
    return Process("-m", "billetter", "serve", *places, *flags, env=env)


def refusal(*flags: str, **env: str) -> str:
    """What it says on stderr, in one line, when it cannot serve."""
    with Process("-m", "billetter", "serve", *flags, env=env) as command:
        assert command.wait() == 2
        assert command.out == ""
        assert command.err.count("\n") == 1
        assert command.err.startswith("billetter: ")
        return command.err.removeprefix("billetter: ").strip()


def welcome(command: Process) -> str:
    eventually(lambda: "Ctrl-C ends it.\n" in command.out or command.code is not None)
    assert command.code is None, command.err
    return command.out


# Help.


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"billetter {version('billetter')}\n"


def test_the_script_and_the_module_are_one_command() -> None:
    script = shutil.which("billetter", path=Path(sys.executable).parent)
    assert script
    told = [
        subprocess.run([*command, "--version"], capture_output=True, check=True).stdout
        for command in ([script], [sys.executable, "-m", "billetter"])
    ]
    assert told[0] == told[1] != b""


@pytest.mark.parametrize("flags", [[], ["--help"]])
def test_help_says_what_it_is_and_shows_how(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = cli.main(flags)
    except SystemExit as end:
        code = 0 if end.code == 0 else 1
    told = capsys.readouterr().out
    assert code == 0
    assert "never sells one twice" in told
    assert "billetter serve --demo" in told


def test_help_of_serve_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["serve", "--help"])
    told = capsys.readouterr().out
    for flag in ("host", "port", "workers", "redis-url", "data", "demo", "access-log"):
        assert f"  --{flag}" in told
    for name, field in Settings.model_fields.items():
        assert re.search(
            rf"^  BILLETTER_{name.upper()} +{re.escape(field.description or '')}", told, re.M
        )


# What is wrong is named.


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--port", "x"], "--port is wrong: should be a valid integer"),
        (["--port", "65536"], "--port is wrong: should be less than or equal to 65535"),
        (["--workers", "0"], "--workers is wrong: should be greater than or equal to 1"),
        (["--host", "nowhere.invalid"], "--host (BILLETTER_HOST) 'nowhere.invalid' is no address"),
        (["--host", "0.0.0.0"], "BILLETTER_ALLOW_PUBLIC=1"),
        (["--redis-url", "redis://h:p"], "--redis-url (BILLETTER_REDIS_URL): The Redis URL must"),
    ],
)
def test_a_wrong_flag_is_named(flags: list[str], told: str) -> None:
    assert told in refusal(*flags)


def test_a_wrong_variable_is_named_and_a_flag_comes_first(files: Path) -> None:
    assert refusal(BILLETTER_HOLD_S="0").startswith("BILLETTER_HOLD_S is wrong: should be")
    assert refusal(BILLETTER_PORT="x").startswith("BILLETTER_PORT is wrong: ")
    with serve(files, BILLETTER_PORT="x", BILLETTER_WORKERS="2") as command:
        assert "(2 workers)" in welcome(command)
        assert command.stop() == 0


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = f"cannot listen on 127.0.0.1 port {port} (--host, --port): Address already in use."
        assert refusal("--port", str(port)) == told


def test_a_directory_that_cannot_be_is_told(files: Path) -> None:
    (files / "file").touch()
    told = f"the data directory {files}/file/data cannot be used: Not a directory."
    assert refusal("--port", "0", "--data", f"{files}/file/data") == told


def test_a_redis_that_is_not_there_is_told() -> None:
    url = f"redis://:secret@127.0.0.1:{free_port()}"
    told = refusal("--port", "0", BILLETTER_REDIS_URL=url)
    assert told.startswith("the Redis of --redis-url (BILLETTER_REDIS_URL) cannot be reached")
    assert "secret" not in told


# It serves.


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_demo_can_be_tried_as_it_says(files: Path) -> None:
    with serve(files, "--demo") as command:
        told = welcome(command)
        assert f"data        {files}/data\n" in told
        assert "durability  an answer of 200 is on disk (appendfsync always)\n" in told
        assert f"at unix://{files}/data/redis.sock" in told
        seats, booking = tried(told)
        assert [seat["id"] for seat in seats] == [1_000_001, 1_000_002, 1_000_003]
        assert booking["event_id"] == 1
        assert command.stop() == 0
        assert command.err == ""


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_an_empty_server_can_be_tried_as_it_says(files: Path) -> None:
    with serve(files) as command:
        event, seats = tried(welcome(command))
        assert event == {"id": 1}
        assert len(seats) == 3
        assert command.stop() == 0


def tried(told: str) -> list[Any]:
    """The answers to the curl lines of a welcome."""
    lines = re.findall(r"^(?:Try:|    ) (curl .*)$", told, re.MULTILINE)
    runs = [subprocess.run(shlex.split(line), capture_output=True, check=True) for line in lines]
    return [json.loads(run.stdout) for run in runs]


def test_what_was_sold_is_there_after_redis_is_killed_and_after_a_restart(files: Path) -> None:
    with serve(files, "--demo") as command:
        url = address(welcome(command))
        booking = httpx.post(f"{url}/api/bookings", json={"event_id": 1}).json()["id"]
        choice = {"booking_id": booking, "seat_id": 1_000_007}
        assert httpx.patch(f"{url}/api/seats/select", json=choice).status_code == 200
        [redis] = command.children("redis-server")
        os.kill(redis, signal.SIGKILL)
        eventually(lambda: command.children("redis-server") not in ([], [redis]))
        assert eventually(lambda: reserved(url)) == [1_000_007]
        assert command.stop() == 0
    with serve(files, "--demo", "--workers", "2") as command:
        assert reserved(address(welcome(command))) == [1_000_007]
        assert command.stop() == 0


def reserved(url: str) -> list[int]:
    """Ids of the reserved seats among the first; none while Redis is away."""
    page = httpx.get(f"{url}/api/seats", params={"event_id": 1, "pageSize": 8})
    return [seat["id"] for seat in page.json() if seat["reserved"]] if page.is_success else []


def address(told: str) -> str:
    found = re.search(r"listens on (http://\S+) ", told)
    assert found
    return found[1]


def test_a_redis_of_ones_own_is_told_without_its_password(binary: Program, files: Path) -> None:
    url = f"unix://:secret@{files}/redis.sock"
    with (
        RedisServer(binary, files, options=["requirepass secret"]),
        serve(files, "--redis-url", url) as command,
    ):
        told = welcome(command)
        assert f"at unix://{files}/redis.sock" in told
        assert "durability  MEMORY ONLY: ALL BOOKINGS ARE LOST" in told
        assert "data        where that Redis keeps it\n" in told
        assert "secret" not in told
        assert command.stop() == 0
    assert not (files / "data").exists()


def test_without_any_redis_it_says_that_nothing_is_kept(files: Path) -> None:
    hidden = (
        "import sys; from billetter import cli, server\n"
        "server.find_server = lambda data: None\n"
        "sys.exit(cli.main(['serve', '--port', '0', *sys.argv[1:]]))"
    )
    with Process("-c", hidden) as command:
        told = welcome(command)
        assert "redis       none: fakeredis, inside the worker\n" in told
        assert (
            "durability  NOTHING IS KEPT, and one worker only; to keep what is sold, inst" in told
        )
        assert httpx.get(f"{address(told)}/ready").status_code == 200
        assert command.stop() == 0
    with Process("-c", hidden, "--workers", "2") as command:
        assert command.wait() == 2
        assert command.err.startswith("billetter: workers would not share one Redis: run one")


# The welcome.


def told_of(durability: Durability, host: str = "127.0.0.1", address: str = "redis://r:1/0") -> str:
    facts = ServerFacts((8, 0, 1), True, durability, "noeviction", "standalone", True, address)
    return welcome_of(Running(host, 8000, facts, None), workers=3)


def welcome_of(running: Running, **chosen: object) -> str:
    return welcomed(Settings(**chosen), running)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("durability", "told"),
    [
        ("fsync", "an answer of 200 is on disk"),
        ("everysec", "a power cut may lose the last second"),
        ("memory", "MEMORY ONLY: ALL BOOKINGS ARE LOST"),
    ],
)
def test_durability_is_told(durability: Durability, told: str) -> None:
    assert f"\n  durability  {told}" in told_of(durability)
    assert "\n  redis       Valkey 8.0.1 at redis://r:1/0\n" in told_of(durability)


@pytest.mark.parametrize(
    ("host", "listens", "curl"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000", "http://[::1]:8000"),
        ("::", "http://[::]:8000", "http://[::1]:8000"),
    ],
)
def test_addresses_can_be_copied(host: str, listens: str, curl: str) -> None:
    told = told_of("fsync", host)
    assert f"listens on {listens} (3 workers)\n" in told
    assert f" {curl}/api/events" in told


def test_an_adopted_redis_is_told(files: Path) -> None:
    facts = ServerFacts((7, 0, 15), False, "fsync", "noeviction", "standalone", True, "unix:///s")
    own = EmbeddedRedis(files, Binary(Path("/bin/redis-server"), (7, 0, 15)))
    running = Running("127.0.0.1", 1, facts, own)
    assert "Redis 7.0.15 at unix:///s, run from /bin/redis-server\n" in welcome_of(running)
    own.adopted = 7
    assert "Redis 7.0.15 at unix:///s, found running\n" in welcome_of(running)
