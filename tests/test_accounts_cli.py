"""billetter users: real processes, on a Redis that runs and on one that does not."""

import asyncio
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from bench.torture.proxy import Fault, Proxy
from bench.torture.resp import Command
from billetter import cli
from billetter.engine import keys
from billetter.testing import Binary, RedisServer
from tests.processes import ROOT, Process, eventually, processes

PASSWORD = "correct horse"


@pytest.fixture
def there(binary: Binary, files: Path) -> Iterator[list[str]]:
    """The flags that name a Redis that runs."""
    with RedisServer(binary, files) as server:
        yield ["--redis-url", server.url]


def users(*arguments: str, password: str = "", **env: str) -> tuple[int, str, str]:
    """Exit code, output and errors of the command; the password comes by standard input."""
    plain = {name: it for name, it in os.environ.items() if not name.startswith("BILLETTER_")}
    ended = subprocess.run(
        [sys.executable, "-m", "billetter", "users", *arguments],
        input=password,
        capture_output=True,
        text=True,
        timeout=60,
        env={**plain, "PYTHONPATH": str(ROOT), **env},
    )
    return ended.returncode, ended.stdout, ended.stderr


def add(where: list[str], name: str, role: str = "attendee") -> tuple[int, str, str]:
    flags = ["--username", name, "--role", role, "--password-stdin", *where]
    return users("add", f"{name}@example.org", *flags, password=f"{PASSWORD}\n")


def refusal(*arguments: str, password: str = "", **env: str) -> str:
    """What it says, in one line, when it cannot do what it is asked for."""
    code, out, err = users(*arguments, password=password, **env)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith("billetter: ")
    assert PASSWORD not in err
    return err.removeprefix("billetter: ").strip()


def listed(where: list[str]) -> list[tuple[int, str, str]]:
    code, out, err = users("list", "--json", *where)
    assert (code, err) == (0, "")
    return [(each["id"], each["email"], each["role"]) for each in json.loads(out)]


def test_from_the_first_account_to_the_last(there: list[str]) -> None:
    assert add(there, "ann", "admin") == (0, "Account 1 is ann@example.org, admin.\n", "")
    assert add(there, "bob")[0] == 0
    assert users("role", "BOB@example.org", "service", *there)[:2] == (
        0,
        "bob@example.org is service now.\n",
    )
    assert listed(there) == [(1, "ann@example.org", "admin"), (2, "bob@example.org", "service")]
    code, token, err = users("token", "bob@example.org", *there)
    assert (code, len(token), token[:4]) == (0, 48, "blt_")
    assert err == "Keep it well: it is not shown again.\n"
    revoked = "Tokens of bob@example.org taken back: 1.\n"
    assert users("token", "bob@example.org", "--revoke", *there) == (0, revoked, "")
    erased = "Account 2 is erased; its bookings stay under a:2.\n"
    assert users("erase", "bob@example.org", *there) == (0, erased, "")
    assert listed(there) == [(1, "ann@example.org", "admin")]


async def test_what_was_erased_is_not_denied_as_the_reply_was_lost(
    there: list[str], files: Path
) -> None:
    add(there, "ann")

    def erases(command: Command) -> bool:
        """EVAL, as nobody has loaded the script before."""
        return command[0] == b"EVAL" and keys.EMAILS.encode() in command

    async with Proxy(files / "proxy.sock", Path(there[1].removeprefix("unix://"))) as proxy:
        trap = proxy.arm(Fault.DROP_REPLY, erases)
        through = ["--redis-url", proxy.url]
        told = await asyncio.to_thread(users, "erase", "ann@example.org", *through)
    assert trap.sprung == 1
    assert told == (0, "Account 1 is erased; its bookings stay under a:1.\n", "")
    assert listed(there) == []


def test_a_list_for_people(there: list[str]) -> None:
    assert users("list", *there)[1] == "id  role  e-mail  username  created\n"
    add(there, "ann", "organizer")
    head, row = users("list", *there)[1].splitlines()
    assert head == "id  role       e-mail           username  created"
    assert row.startswith("1   organizer  ann@example.org  ann       20")


def test_a_list_writes_nothing(there: list[str]) -> None:
    with redis.Redis(unix_socket_path=there[1].removeprefix("unix://")) as client:
        assert listed(there) == []
        assert client.dbsize() == 0
        add(there, "ann")
        assert client.dbsize() > 0


def test_no_secret_is_listed(there: list[str]) -> None:
    add(there, "ann")
    [told] = json.loads(users("list", "--json", *there)[1])
    assert set(told) == {"id", "username", "email", "role", "created_at"}


def test_what_cannot_be_done(there: list[str]) -> None:
    add(there, "ann")
    flags = ["--password-stdin", *there]
    assert (
        refusal("add", "ANN@example.org", "--username", "x", *flags, password=PASSWORD)
        == "ANN@example.org has an account already."
    )
    assert (
        refusal("add", "x@example.org", "--username", "ANN", *flags, password=PASSWORD)
        == "the username ANN is taken."
    )
    assert (
        refusal("token", "ann@example.org", *there)
        == "ann@example.org is attendee: only a service is given tokens."
    )
    nobody = "nobody has an account as x@example.org."
    assert refusal("role", "x@example.org", "admin", *there) == nobody
    assert refusal("token", "x@example.org", *there) == nobody
    assert refusal("token", "x@example.org", "--revoke", *there) == nobody
    assert refusal("erase", "x@example.org", *there) == nobody
    assert refusal("password", "x@example.org", *flags, password=PASSWORD) == nobody


ANN = ["--username", "ann", "--password-stdin"]
NOWHERE = "nowhere (--data, BILLETTER_DATA) holds nothing that Billetter keeps."


@pytest.mark.parametrize(
    ("arguments", "password", "told"),
    [
        (["add", "ann", *ANN], PASSWORD, "An e-mail looks like ann@example.org."),
        (["add", "a@b", *ANN], "", "A password has 8-128 characters."),
        (["add", "a@b", *ANN], "short\n", "A password has 8-128 characters."),
        (["add", "a@b", *ANN], "x" * 129 + "\n", "A password has 8-128 characters."),
        (["add", "a@b", *ANN], "x" * 1_000_000, "A password has 8-128 characters."),
        (["add", "a@b", *ANN, "--username", " "], PASSWORD, "A username has 1-64 characters."),
        (
            ["add", "a@b", "--username", "ann"],
            PASSWORD,
            "there is no terminal to ask for the password: use --password-stdin.",
        ),
        (["add", "a@b", *ANN], "x" * 128 + "\r\n", NOWHERE),
        (["list"], "", NOWHERE),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_wrong_is_told_before_a_redis_is_looked_for(
    arguments: list[str],
    password: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(password))
    assert cli.main(["users", *arguments, "--data", "nowhere"]) == 2
    assert capsys.readouterr() == ("", f"billetter: {told}\n")


@pytest.mark.parametrize(
    "arguments", [[], ["sing"], ["add", "a@b"], ["role", "a@b", "king"], ["role", "a@b", "guest"]]
)
def test_what_was_not_understood(arguments: list[str]) -> None:
    code, out, err = users(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: billetter users")


def test_a_redis_that_cannot_be_had() -> None:
    told = refusal("list", "--redis-url", "redis://:secret@127.0.0.1:1")
    assert told.startswith("the Redis cannot be reached or used: ")
    assert "secret" not in told
    told = refusal("list", "--redis-url", "http://x:secret@y")
    assert told.startswith("--redis-url (BILLETTER_REDIS_URL): ")
    assert "secret" not in told


def test_on_the_data_of_a_server_that_runs_and_of_one_that_has_ended(files: Path) -> None:
    with Process("-m", "billetter", "serve", "--port", "0", "--data", str(files)) as server:
        eventually(lambda: "Ctrl-C ends it.\n" in server.out or server.code is not None)
        assert add(["--data", str(files)], "ann")[0] == 0
        assert server.code is None
    assert running_in(files) == []
    assert add(["--data", str(files)], "bob", "admin")[0] == 0
    assert running_in(files) == []
    code, out, _ = users("list", "--json", BILLETTER_DATA=str(files))
    assert (code, [each["username"] for each in json.loads(out)]) == (0, ["ann", "bob"])
    assert running_in(files) == []


def running_in(directory: Path) -> list[int]:
    return [pid for pid, (_, _, it) in processes().items() if str(directory) in it]


def test_a_terminal_is_asked_for_the_password_twice_and_does_not_show_it(there: list[str]) -> None:
    asked = ["add", "ann@example.org", "--username", "ann", *there]
    code, shown = at_terminal(asked, PASSWORD, PASSWORD)
    assert (code, shown.count("Password: "), shown.count("Again: ")) == (0, 1, 1)
    assert "Account 1 is ann@example.org, attendee." in shown
    assert PASSWORD not in shown
    code, shown = at_terminal(["password", "ann@example.org", *there], PASSWORD, PASSWORD + "x")
    assert code == 2
    assert "billetter: the two passwords differ." in shown


def at_terminal(arguments: list[str], *answers: str) -> tuple[int, str]:
    """Exit code and all that a terminal shows, when each prompt is answered in turn."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PYTHONPATH"] = str(ROOT)
        command = [sys.executable, "-m", "billetter", "users", *arguments]
        os.execv(sys.executable, command)
    shown, left = "", list(answers)
    while True:
        try:
            part = os.read(terminal, 4_096).decode()
        except OSError:  # Linux says so where a terminal's last process has ended.
            part = ""
        if not part:
            break
        shown += part
        if part.endswith(": ") and left:
            os.write(terminal, f"{left.pop(0)}\n".encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown
