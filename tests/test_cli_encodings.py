"""The command line where output, input or arguments are not what they seem; and its exit codes."""

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from billetter import cli
from billetter.testing import RedisServer
from tests.processes import ROOT

PASSWORD = "a long pässword"

pytestmark = pytest.mark.usefixtures("plain_environment")


class Terminal:
    """Standard streams in an encoding. told: what was written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, encoding: str, typed: bytes = b"") -> None:
        self._out, self._err = io.BytesIO(), io.BytesIO()
        for name, stream in (("stdout", self._out), ("stderr", self._err)):
            monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, encoding))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed), encoding))

    @property
    def told(self) -> tuple[bytes, bytes]:
        sys.stdout.flush()
        sys.stderr.flush()
        return self._out.getvalue(), self._err.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_names_that_a_terminal_cannot_show_are_written_in_another_way(
    own_server: RedisServer, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    place = ["--redis-url", own_server.url]
    add = ["users", "add", "zoë@example.org", "--username", "Zoë ☃", "--password-stdin", *place]
    terminal = Terminal(monkeypatch, encoding, PASSWORD.encode())
    assert cli.main(add) == 0
    out, err = terminal.told
    assert out.startswith(b"Account 1 is zo")
    assert b"attendee" in out
    assert err == b""
    terminal = Terminal(monkeypatch, encoding, PASSWORD.encode())
    assert cli.main(add) == 2
    assert b"has an account already" in terminal.told[1]
    for answer in ([], ["--json"]):
        terminal = Terminal(monkeypatch, encoding)
        assert cli.main(["users", "list", *place, *answer]) == 0
        assert b"example.org" in terminal.told[0]


@pytest.mark.parametrize(("encoding", "typed"), [("latin-1", "latin-1"), ("ascii", "utf-8")])
def test_a_password_is_read_in_the_terminals_encoding(
    own_server: RedisServer, monkeypatch: pytest.MonkeyPatch, encoding: str, typed: str
) -> None:
    read: list[str] = []

    def checked(password: str, *_: str) -> str:
        read.append(password)
        return password

    monkeypatch.setattr("billetter.users.checked_password", checked)
    Terminal(monkeypatch, encoding, f"{PASSWORD}\n".encode(typed))
    add = ["users", "add", "ann@example.org", "--username", "ann", "--password-stdin"]
    assert cli.main([*add, "--redis-url", own_server.url]) == 0
    assert read == [PASSWORD]


@pytest.mark.parametrize(
    "asked",
    [
        ["users", "add", "ann@example.org", "--username", "\udcff", "--password-stdin"],
        ["users", "add", "\udcff@example.org", "--username", "ann", "--password-stdin"],
        ["users", "role", "\udcff@example.org", "admin"],
        ["users", "token", "\udcff@example.org"],
        ["users", "erase", "\udcff@example.org"],
        ["users", "password", "ann@example.org", "--password-stdin"],
    ],
)
def test_what_is_no_text_is_refused(
    own_server: RedisServer, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    terminal = Terminal(monkeypatch, "ascii", b"\xff\xfe a long password\n")
    assert cli.main([*asked, "--redis-url", own_server.url]) == 2
    out, err = terminal.told
    assert out == b""
    assert err.startswith(b"billetter: a name or password is no text")


@pytest.mark.parametrize(
    "asked",
    [
        ["serve", "--port", "0", "--data"],
        ["audit", "--data"],
        ["users", "list", "--data"],
        ["restore", "nothing", "--data"],
    ],
)
@pytest.mark.parametrize("data", ["", "/proc/\udcff☃", "/proc/" + 300 * "x"], ids=ascii)
def test_an_odd_directory_is_refused_by_every_command(
    monkeypatch: pytest.MonkeyPatch, asked: list[str], data: str
) -> None:
    terminal = Terminal(monkeypatch, "ascii")
    assert cli.main([*asked, data]) == 2
    out, err = terminal.told
    assert out == b""
    assert err.startswith(b"billetter: ")
    assert data or err == b"billetter: --data is wrong: must name a directory; it is empty.\n"


@pytest.mark.parametrize("asked", [["audit"], ["audit", "--repair"], ["users", "list"]])
def test_a_directory_that_cannot_be_read_is_not_taken_for_a_finding(
    monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    def refused(_: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", "data")

    monkeypatch.setattr("billetter.visiting.holds_data", refused)
    terminal = Terminal(monkeypatch, "ascii")
    assert cli.main([*asked, "--data", "data"]) == 2
    assert terminal.told == (b"", b"billetter: [Errno 13] Permission denied: 'data'\n")


def test_an_empty_variable_is_refused_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLETTER_DATA", "")
    terminal = Terminal(monkeypatch, "ascii")
    assert cli.main(["audit"]) == 2
    assert b"BILLETTER_DATA is wrong" in terminal.told[1]


def run(*asked: str, out: int) -> tuple[int, str]:
    """Exit code and errors of a process that writes to a file descriptor."""
    done = subprocess.run(
        [sys.executable, "-m", "billetter", *asked],
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    return done.returncode, done.stderr


def test_who_does_not_hear_the_answer_is_not_told_that_all_went_well(
    own_server: RedisServer,
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert run("users", "list", "--redis-url", own_server.url, out=writer) == (1, "")
    finally:
        os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told(own_server: RedisServer) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        code, err = run("users", "list", "--redis-url", own_server.url, out=full)
    finally:
        os.close(full)
    assert (code, err) == (1, "billetter: [Errno 28] No space left on device\n")


def test_ctrl_c_before_anything_began(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", interrupted)
    assert cli.main(["serve"]) == 128 + signal.SIGINT
