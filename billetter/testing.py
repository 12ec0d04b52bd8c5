"""Real Redis and Valkey servers for tests and benchmarks: found here, run as private processes."""

import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from billetter.wire.binaries import programs

START_S_MAX = 20.0
"""Seconds a server may take to answer PING (a large AOF is loaded in this time)."""
STOP_S_MAX = 10.0


@dataclass(frozen=True)
class Binary:
    """A server program: `product` is "Redis" or "Valkey"."""

    path: str
    product: str
    version: tuple[int, ...]

    @property
    def id(self) -> str:
        """The name tests carry, like redis-7.0."""
        return f"{self.product.lower()}-{self.version[0]}.{self.version[1]}"

    def __str__(self) -> str:
        return f"{self.product} {'.'.join(map(str, self.version))} ({self.path})"


def binary_at(path: str) -> Binary:
    """The server program at `path`. RuntimeError: it is none."""
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.match(r"(Redis|Valkey) server v=(\d+)\.(\d+)\.(\d+)", said)
    if match is None:
        raise RuntimeError(f"{path} --version says {said!r}: not Redis or Valkey")
    product, *version = match.groups()
    return Binary(path, product, tuple(map(int, version)))


def find_binaries() -> list[Binary]:
    """Every server program here, the oldest version first, each version once."""
    seen: dict[tuple[str, tuple[int, ...]], Binary] = {}
    for binary in map(binary_at, programs()):
        seen.setdefault((binary.product, binary.version), binary)
    return sorted(seen.values(), key=lambda binary: (binary.product, binary.version))


class RedisServer:
    """One server process on a unix socket in `directory`; its data outlives it there.

    A test that kills servers makes its own (see the `own_server` fixture):

        with RedisServer(binary, tmp_path, appendonly=True) as server:
            server.kill()     # kill -9
            server.start()    # the same directory, socket and port again

    appendonly, appendfsync: as in redis.conf; without appendonly nothing is kept.
    tcp: listen on a free port of 127.0.0.1 too; see `tcp_url`.
    options: further lines of redis.conf, like "maxmemory 2mb".
    start() raises RuntimeError with the server's own log when it does not come up.
    """

    def __init__(
        self,
        binary: Binary,
        directory: Path,
        *,
        appendonly: bool = False,
        appendfsync: Literal["always", "everysec", "no"] = "always",
        tcp: bool = False,
        options: Sequence[str] = (),
    ) -> None:
        self.binary = binary
        self.directory = directory
        self.port = _free_port() if tcp else 0
        self._command = [binary.path, *self._settings(appendonly, appendfsync)]
        for line in options:
            self._command += shlex.split(f"--{line}")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.directory / "redis.sock"

    @property
    def url(self) -> str:
        """unix:// address, the one to use where nothing else is asked for."""
        return f"unix://{self.socket}"

    @property
    def tcp_url(self) -> str:
        """redis:// address of a server made with tcp=True."""
        if not self.port:
            raise ValueError("this server was not made with tcp=True")
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the process and wait until it answers PING."""
        log = (self.directory / "server.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self._command, cwd=self.directory, stdout=log, stderr=log
            )
        try:
            self._await_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """SIGTERM: the server syncs its AOF and leaves; no error if it is not running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: the server has no chance to write anything; no error if it is not running."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _settings(self, appendonly: bool, appendfsync: str) -> list[str]:
        settings = {
            "unixsocket": str(self.socket),
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.directory),
            "save": "",
            "appendonly": "yes" if appendonly else "no",
            "appendfsync": appendfsync,
        }
        if self.binary.version >= (7, 0):
            settings["enable-debug-command"] = "local"
        return [part for name, value in settings.items() for part in (f"--{name}", value)]

    def _await_ready(self, process: "subprocess.Popen[bytes]") -> None:
        give_up = time.monotonic() + START_S_MAX
        at_once = Retry(NoBackoff(), 0)
        with redis.Redis(unix_socket_path=str(self.socket), retry=at_once) as client:
            while time.monotonic() < give_up and process.poll() is None:
                try:
                    client.ping()
                    return
                except redis.AuthenticationError:
                    return  # It wants a password, so it answers.
                except redis.RedisError:
                    time.sleep(0.005)
        log = (self.directory / "server.log").read_text()
        raise RuntimeError(f"{self.binary} did not start:\n{log}")

    def _end(self, by: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(by)
            self._process.send_signal(signal.SIGCONT)  # A test may have left it stopped.
            try:
                self._process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                # While it writes its first AOF, Redis refuses to go.
                self._process.kill()
                self._process.wait()
            self._process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
