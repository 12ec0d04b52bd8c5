"""Requests as fast as they are answered, or at a pace: wrk, with answers counted by status."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import psutil

from bench.figures import Sample
from bench.programs import said_by
from bench.run import NotMeasured

SCRIPT = Path(__file__).with_name("requests.lua")
CONNECTIONS = 64
INSTALL = "wrk is not installed: `apt-get install wrk`, or `brew install wrk`, and run this again"
GRACE_S = 20.0
"""Seconds that wrk may need beside those of the run, to read its requests for instance."""
CHRT = ("chrt", "--batch", "0")
"""Of util-linux: run what follows as a batch process, which never preempts another.

As a normal one wrk takes the processor from the server to read each answer by itself, which no
client on a machine of its own could do: 0.42 instead of 0.49 selects ÷ echo with 2 processors.
"""


@dataclass(frozen=True, slots=True)
class Load:
    """How requests are sent.

    authorization: the header of each, "" for none. pause_ms: how long a connection rests before
    each, on average; with 0 it asks again at once, and then latency is the length of a queue.
    """

    connections: int = CONNECTIONS
    authorization: str = ""
    pause_ms: int = 0

    @property
    def per_s(self) -> float | None:
        """Requests a second that it comes to, if answers take no time; None: as many as can be."""
        return 1_000 * self.connections / self.pause_ms if self.pause_ms else None


AT_ONCE = Load()


class RanOut(Exception):
    """Each request was to be sent once, and the server was faster than there were requests."""


async def wrk(
    port: int,
    requests: Sequence[str],
    expected: int,
    load: Load = AT_ONCE,
    *,
    seconds: int,
    pids: Sequence[int],
    once: bool = False,
) -> Sample:
    """Send the requests ("METHOD path body") for that long, over and over or each `once`.

    expected: the status of every answer; with any other the sample has a fault.
    pids: the processes that serve. Raises RanOut; NotMeasured where there is no wrk.
    """
    program = shutil.which("wrk")
    if program is None:
        raise NotMeasured(INSTALL)
    options = ["-t1", f"-c{load.connections}", f"-d{seconds}s", "-s", str(SCRIPT)]
    if load.authorization:
        options += ["-H", f"Authorization: {load.authorization}"]
    with NamedTemporaryFile("w", prefix="billetter-requests-") as file:
        file.writelines(f"{request}\n" for request in requests)
        file.flush()
        asked = (file.name, "once" if once else "again", load.pause_ms)
        address = f"http://127.0.0.1:{port}"
        politely = () if load.pause_ms else _politely()
        command = (*politely, program, *options, address, "--", *asked)
        before = cpu_s(pids)
        said = await said_by(*command, limit_s=seconds + GRACE_S)
        return sample(said, expected, cpu_s(pids) - before)


@cache
def _politely() -> tuple[str, ...]:
    """What to run wrk by: CHRT, where there is one, and no container that forbids it.

    Not at a pace: there latency counts, and must not have wrk's own waits in it.
    """
    if shutil.which(CHRT[0]) is None:
        return ()
    asked = subprocess.run([*CHRT, "true"], capture_output=True, check=False)
    return () if asked.returncode else CHRT


def sample(said: str, expected: int, used_s: float) -> Sample:
    """What the script's line of JSON comes to. used_s: CPU time of the servers meanwhile.

    Raises RanOut.
    """
    line = next((line for line in said.splitlines() if line.startswith("{")), None)
    if line is None:
        return Sample(0.0, f"wrk said {said.strip()!r}")
    told = json.loads(line)
    if told["exhausted"]:
        raise RanOut
    answers = sum(told["statuses"].values())
    return Sample(
        answers / told["seconds"],
        _fault(told, expected),
        told["p50_ms"],
        told["p95_ms"],
        told["p99_ms"],
        used_s / answers * 1e6 if answers else None,
        answers,
    )


def _fault(told: Any, expected: int) -> str:
    statuses = told["statuses"]
    if told["lost"]:
        return f"{told['lost']} connections failed or waited too long"
    if list(statuses) != [str(expected)]:
        counted = ", ".join(f"{count} of {status}" for status, count in sorted(statuses.items()))
        return f"{counted or 'no answer'} where {expected} was due"
    return ""


def cpu_s(pids: Sequence[int]) -> float:
    """User and system time that these processes have used."""
    used = (psutil.Process(pid).cpu_times() for pid in pids)
    return sum(times.user + times.system for times in used)
