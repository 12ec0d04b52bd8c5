"""Where Billetter listens: a path, a socket of systemd, an address that is free only just now."""

import os
import signal
import socket
import stat
import threading
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from billetter import listener
from billetter.listener import Listener, StartError, listen
from billetter.settings import Settings
from tests.processes import Process, alive, eventually, free_port
from tests.test_server import Parent


def listening(**settings: object) -> Listener:
    return listen(Settings(**{"port": 0, **settings}))  # type: ignore[arg-type]


def asked(path: Path, target: str = "/health") -> httpx.Response:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
        return client.get(f"http://localhost{target}")


def test_a_path_is_served_and_goes_with_the_server(files: Path) -> None:
    path = files / "b.sock"
    serve = ("-m", "billetter", "serve", "--uds", str(path), "--data", str(files / "data"))
    with Process(*serve) as process:
        eventually(lambda: "Ctrl-C ends it" in process.out)
        assert f"listens on unix:{path} (1 worker)" in process.out
        assert f"curl --unix-socket {path} 'http://localhost/api/seats" in process.out
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        assert asked(path).json() == {"status": "ok"}
        made = {"title": "Night", "rows": 1, "seats_per_row": 2}
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
            assert client.post("http://localhost/api/events", json=made).status_code == 201
        assert process.stop() == 0
    assert not path.exists()


def test_a_path_that_was_left_behind_is_taken(files: Path) -> None:
    path = files / "b.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with closing(listening(uds=path)), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    assert not path.exists()


def test_a_path_that_cannot_be_is_refused(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "TAKEN_S", 0.1)
    (files / "file").write_text("precious")
    for path, why in (
        (files / "file", "there is a file that is no socket"),
        (files / "no" / "b.sock", "No such file or directory"),
        (files / ("x" * 120), "too long"),
    ):
        with pytest.raises(StartError, match=rf"cannot listen on .* \(--uds\): .*{why}"):
            listening(uds=path)
    assert (files / "file").read_text() == "precious"
    with (
        closing(listening(uds=files / "b.sock")),
        pytest.raises(StartError, match="Address already in use"),
    ):
        listening(uds=files / "b.sock")
    assert not (files / "b.sock").exists()


def test_an_address_that_is_given_free_in_a_moment_is_waited_for() -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    timer = threading.Timer(0.3, taken.close)
    timer.start()
    with closing(listening(port=port)) as found:
        assert found.address == ("127.0.0.1", port)
    timer.join()


def test_a_killed_parent_is_followed_at_once(files: Path) -> None:
    port = free_port()
    for _ in range(3):
        with Parent(files, port=port, workers=2).started() as parent:
            assert parent.answering()
            parent.send(signal.SIGKILL)
            parent.wait()
    with Parent(files, port=port).started() as parent:
        assert parent.answering()
        assert parent.stop() == 0


PASS_ON = """
import os, socket, sys
passed = [socket.create_server((host, 0)) for host in sys.argv[1].split(",")]
for number, each in enumerate(passed):
    os.dup2(each.fileno(), 3 + number)
    os.set_inheritable(3 + number, True)
print(passed[0].getsockname()[1], flush=True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(passed))}
os.execv(sys.executable, [sys.executable, "-m", "billetter", "serve", *sys.argv[2:]])
"""


def passed(files: Path, hosts: str, **environment: str) -> Process:
    data = ("--data", str(files / "data"))
    return Process("-c", PASS_ON, hosts, *data, env=environment)


def test_a_socket_of_systemd_is_served(files: Path) -> None:
    with passed(files, "127.0.0.1") as process:
        eventually(lambda: "Ctrl-C ends it" in process.out)
        port = int(process.out.split()[0])
        assert f"listens on http://127.0.0.1:{port}" in process.out
        assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
        workers = process.children("billetter.worker")
        assert process.stop() == 0
        assert not any(map(alive, workers))


def test_a_socket_of_systemd_is_held_to_the_same_rules(files: Path) -> None:
    with passed(files, "0.0.0.0") as process:
        assert process.wait() == 2
        assert "is not a loopback address" in process.err
    with passed(files, "127.0.0.1,127.0.0.1") as process:
        assert process.wait() == 2
        assert "systemd passed 2 sockets (LISTEN_FDS), and one is served." in process.err


def test_sockets_that_were_passed_to_another_process_are_not_taken() -> None:
    environment = {"LISTEN_PID": str(os.getppid()), "LISTEN_FDS": "1"}
    code = "from billetter.listener import _passed; import os; print(_passed(os.environ))"
    with Process("-c", code, env=environment) as process:
        assert process.wait() == 0
        assert process.out == "None\n"
