"""SIGHUP: other workers take over, on the same socket, and no request fails."""

import os
import pty
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from tests.processes import ROOT, Process, alive, children_of, eventually, hangups
from tests.test_server import REDIS, WORKER, Parent, read_head, serving

RELOADS = 20
CLIENTS = 4


class Client(threading.Thread):
    """Asks again and again, over one connection for as long as the server keeps it."""

    def __init__(self, port: int, pause_s: float) -> None:
        super().__init__()
        self._port = port
        self._pause_s = pause_s
        self.stopped = threading.Event()
        self.seen: set[int] = set()
        self.failures: list[str] = []
        self.answers = 0

    def has_more_than(self, answers: int) -> bool:
        return self.answers > answers

    def run(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self.stopped.wait(self._pause_s):
            try:
                connection.request("GET", "/pid")
                answer = connection.getresponse()
                self.seen.add(int(answer.read()))
                self.answers += 1
            except (OSError, ValueError) as error:
                self.failures.append(repr(error))
        connection.close()


@contextmanager
def clients(port: int) -> Iterator[list[Client]]:
    """Some without a pause, and some that idle between two requests."""
    crowd = [Client(port, pause_s) for pause_s in (0, 0, 0.003, 0.15)]
    for client in crowd:
        client.start()
    try:
        yield crowd
    finally:
        for client in crowd:
            client.stopped.set()
        for client in crowd:
            client.join()


def reload(parent: Parent) -> None:
    """Return when other workers answer than those that there are."""
    before = parent.workers
    parent.send(signal.SIGHUP)
    eventually(lambda: parent.answering() not in before)


def ask_for_pid(client: socket.socket) -> tuple[int, dict[str, str]]:
    """Who answers on this connection, and the headers of the answer."""
    client.sendall(b"GET /pid HTTP/1.1\r\nHost: a\r\n\r\n")
    with client.makefile("rb") as answers:
        headers = read_head(answers)
        return int(answers.read(int(headers["content-length"]))), headers


def test_no_request_fails_while_the_workers_are_replaced(files: Path) -> None:
    with serving(files, shutdown_s=3) as parent, clients(parent.port) as crowd:
        for _ in range(RELOADS):
            had = [client.answers for client in crowd]
            reload(parent)
            for client, answers in zip(crowd, had, strict=True):
                eventually(partial(client.has_more_than, answers))
    assert [client.failures for client in crowd] == [[]] * CLIENTS
    assert len(set().union(*(client.seen for client in crowd))) > RELOADS


def test_what_is_under_way_is_finished_by_the_worker_that_began_it(files: Path) -> None:
    with serving(files) as parent, socket.create_connection(("127.0.0.1", parent.port)) as client:
        [old] = parent.workers
        client.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually((files / "waiting").exists)
        reload(parent)
        (files / "go").touch()
        with client.makefile("rb") as answers:
            told = answers.read()
        assert b"connection: close" in told
        assert told.endswith(b"done")
        eventually(lambda: not alive(old))


def test_who_idles_may_ask_once_more(files: Path) -> None:
    with serving(files) as parent, socket.create_connection(("127.0.0.1", parent.port)) as client:
        old, headers = ask_for_pid(client)
        assert "connection" not in headers
        reload(parent)
        eventually(lambda: old not in {parent.answering() for _ in range(5)})
        again, headers = ask_for_pid(client)
        assert again == old
        assert headers["connection"] == "close"
        assert client.recv(1) == b""
        eventually(lambda: not alive(old))


def test_a_client_that_stays_silent_holds_nothing_up_for_good(files: Path) -> None:
    with (
        serving(files, shutdown_s=1) as parent,
        socket.create_connection(("127.0.0.1", parent.port)) as client,
    ):
        [old] = parent.workers
        ask_for_pid(client)
        reload(parent)
        eventually(lambda: not alive(old))


def test_workers_that_cannot_serve_do_not_take_over(files: Path) -> None:
    with serving(files) as parent:
        [old] = parent.workers
        (files / "sick").touch()
        parent.send(signal.SIGHUP)
        eventually(lambda: "Not reloaded, the workers stay as they are: [Errno 5]" in parent.err)
        assert parent.workers == [old]
        assert parent.answering() == old
        (files / "sick").unlink()
        reload(parent)


def test_the_redis_stays(files: Path) -> None:
    with serving(files) as parent:
        redis = parent.children(REDIS)
        reload(parent)
        assert parent.children(REDIS) == redis


def test_under_nohup_a_hangup_only_reloads(files: Path) -> None:
    with hangups(signal.SIG_IGN), Parent(files).started() as parent:
        reload(parent)
        assert parent.answering()


def test_the_end_of_its_terminal_ends_it(files: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        serve = ("-m", "billetter", "serve", "--port", "0", "--data", str(files / "data"))
        os.execve(sys.executable, (sys.executable, *serve), environment)
    told = b""
    while b"Ctrl-C ends it" not in told:
        told += os.read(terminal, 4096)

    def workers() -> set[int]:
        return {each for each, command in children_of(pid).items() if WORKER in command}

    before = workers()
    assert before
    os.kill(pid, signal.SIGHUP)  # While the terminal is there it is no end.
    eventually(lambda: workers() and not workers() & before)
    assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    os.close(terminal)
    status = eventually(lambda: os.waitpid(pid, os.WNOHANG)[0] and "ended")
    assert status == "ended"


def test_a_worker_that_hangs_is_replaced(files: Path) -> None:
    with serving(files, worker_timeout_s=2, shutdown_s=1) as parent:
        [hung] = parent.workers
        os.kill(hung, signal.SIGSTOP)
        eventually(lambda: parent.workers not in ([], [hung]))
        assert f"Worker {hung} has not reacted for 2 s; it is killed." in parent.err
        assert parent.answering() != hung


def test_each_line_of_the_log_has_its_time(files: Path) -> None:
    with serving(files) as parent:
        os.kill(parent.answering(), signal.SIGKILL)
        eventually(lambda: "A worker has ended" in parent.err)
        lines = parent.err.splitlines()
    assert lines
    for line in lines:
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z billetter: [A-Z]", line)


def test_few_open_files_are_told(files: Path) -> None:
    code = (
        "import resource, sys, runpy; resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024));"
        f"sys.argv = ['billetter', 'serve', '--port', '0', '--data', {str(files / 'data')!r}];"
        "runpy.run_module('billetter', run_name='__main__')"
    )
    with Process("-c", code) as process:
        eventually(lambda: "Ctrl-C ends it" in process.out)
        assert "Only 1024 files may be open" in process.err
        assert "serves 512 connections" in process.err
        assert process.stop() == 0
