"""Billetter as processes for tests: started, watched and ended, each by its own id."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self, TypeVar

WAIT_S_MAX = 30.0
"""Seconds after which a test gives up on what should take milliseconds."""

PS = shutil.which("ps") or "ps"  # Tests change the PATH.
ROOT = Path(__file__).parent.parent
Found = TypeVar("Found")


def eventually(ask: Callable[[], Found]) -> Found:
    """The first answer of `ask` that is true; AssertionError with the last one if none is."""
    give_up = time.monotonic() + WAIT_S_MAX
    while not (answer := ask()):
        assert time.monotonic() < give_up, f"it stays at {answer!r}"
        time.sleep(0.01)
    return answer


def alive(pid: int) -> bool:
    """Whether the process still runs: one that only waits for its parent to notice does not."""
    state = processes().get(pid, (0, "Z", ""))[1]
    return not state.startswith("Z")


def processes() -> dict[int, tuple[int, str, str]]:
    """Every process here: its id, its parent's, its state as in ps, and its command."""
    command = [PS, "-axww", "-o", "pid=,ppid=,stat=,command="]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [f"{line} ".split(maxsplit=3) for line in told.stdout.splitlines()]
    return {int(row[0]): (int(row[1]), row[2], " ".join(row[3:])) for row in rows}


def children_of(parent: int) -> dict[int, str]:
    """The processes that it has started: their ids, and their commands."""
    return {pid: it for pid, (above, _, it) in processes().items() if above == parent}


@contextmanager
def short_directory() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name; no server in it outlives it."""
    with TemporaryDirectory(prefix="billetter-") as name:
        try:
            yield Path(name)
        finally:
            for pid, (_, _, command) in processes().items():
                if name in command:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)


@contextmanager
def hangups(handler: signal.Handlers) -> Iterator[None]:
    """Processes started meanwhile get a terminal's hangup (SIG_DFL), or run under nohup (SIG_IGN).

    Without it that depends on how the tests were started.
    """
    before = signal.signal(signal.SIGHUP, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


class Process:
    """A running `python arguments…` in a session of its own, with its output so far.

    env: variables beside those of the tests, of which no BILLETTER_ one is passed on.
    """

    def __init__(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        plain = {name: it for name, it in os.environ.items() if not name.startswith("BILLETTER_")}
        self._directory = TemporaryDirectory()
        self._output = Path(self._directory.name)
        with (self._output / "out").open("wb") as out, (self._output / "err").open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self._output,
                env={**plain, "PYTHONPATH": str(ROOT), **(env or {})},
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def out(self) -> str:
        return (self._output / "out").read_text()

    @property
    def err(self) -> str:
        return (self._output / "err").read_text()

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def children(self, command: str) -> list[int]:
        """Ids of its children whose command contains the given text."""
        return [pid for pid, it in children_of(self.pid).items() if command in it]

    def send(self, sign: signal.Signals) -> None:
        self._process.send_signal(sign)

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        return self._process.wait(WAIT_S_MAX)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.code is None:
            self.send(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(WAIT_S_MAX)
            self._process.kill()
            self._process.wait()
        self._directory.cleanup()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
