"""Bytes to a server, and answers from it, without a client that would mend either."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

from tests.processes import PS, Process, eventually, short_directory

WAIT_S = 30.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Answer(NamedTuple):
    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        found = re.search(rb"\r\n" + name.encode() + rb": *([^\r]*)", self.head, re.IGNORECASE)
        return found[1].decode() if found else None

    def json(self) -> Any:
        return json.loads(self.body)


class Raw:
    """A connection. `answer` reads one answer, `rest` all until the server ends."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def send(self, *parts: bytes) -> Self:
        for part in parts:
            self._socket.sendall(part)
        return self

    def answer(self, bodiless: bool = False) -> Answer:
        """The next answer; EOFError if the server ends before it."""
        while b"\r\n\r\n" not in self._received:
            self._more()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        status, length = int(head[9:12]), _LENGTH.search(head)
        if bodiless or status == 100 or length is None:
            return Answer(status, head, b"")
        while len(self._received) < int(length[1]):
            self._more()
        body, self._received = (
            self._received[: int(length[1])],
            self._received[int(length[1]) :],
        )
        return Answer(status, head, body)

    def rest(self) -> list[Answer]:
        """All answers until the server ends; ConnectionResetError is an end, too."""
        answers = []
        try:
            while True:
                answers.append(self.answer())
        except (EOFError, ConnectionResetError):
            assert self._received == b""
            return answers

    def flood(self, piece: bytes, size: int) -> int:
        """Send so many bytes, or until the server ends; how many were taken."""
        sent = 0
        try:
            while sent < size:
                self._socket.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
        return sent

    def _more(self) -> None:
        data = self._socket.recv(65_536)
        if not data:
            raise EOFError
        self._received += data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


HOST = "a"
"""As short as can be; the server is told to answer for it."""


def request(method: str, path: str, body: object = None, *more: str) -> bytes:
    """A request with a JSON body, if there is one, of announced length; more: header lines."""
    content = b"" if body is None else json.dumps(body).encode()
    length = [f"Content-Length: {len(content)}"] if content else []
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", *more, *length]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + content


def chunked(method: str, path: str, chunks: bytes, *more: str) -> bytes:
    """A request with a body in chunks, which are as given."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", "Transfer-Encoding: chunked", *more]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + chunks


class Host:
    """A running server: where it listens, what it costs, what it complains about."""

    def __init__(self, process: Process) -> None:
        self._process = process
        found = re.search(r"http://127\.0\.0\.1:(\d+)", process.out)
        assert found is not None
        self.port = int(found[1])

    @property
    def complaints(self) -> str:
        return self._process.err

    def memory_mb(self) -> float:
        """Resident memory of its one worker."""
        (worker,) = self._process.children("billetter.worker")
        command = [PS, "-o", "rss=", "-p", str(worker)]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        return int(told.stdout) / 1024

    def event(self, **fields: object) -> int:
        """The id of a new event."""
        with Raw(self.port) as client:
            answer = client.send(request("POST", "/api/events", {"title": "x", **fields})).answer()
        assert answer.status == 201, answer
        found: int = answer.json()["id"]
        return found


@contextmanager
def hosting(**settings: object) -> Iterator[Host]:
    """A server; settings as BILLETTER_ variables."""
    chosen = {"hosts": HOST, **settings}
    env = {f"BILLETTER_{name.upper()}": str(value) for name, value in chosen.items()}
    with short_directory() as directory:
        arguments = ("-m", "billetter", "serve", "--port", "0", "--data", str(directory / "data"))
        with Process(*arguments, env=env) as parent:
            eventually(lambda: "Ctrl-C" in parent.out or parent.code is not None)
            assert parent.code is None, parent.err
            yield Host(parent)
