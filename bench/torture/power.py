"""The power fails.

A kill alone proves little of that: what Redis wrote is in the page cache, which outlives it.
"""

import asyncio
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.torture.ledger import Log, Verdict, verify
from bench.torture.run import Figure, Run, Torture, audited, none_of
from bench.torture.workload import Load, engine_on, fresh, planned
from billetter.testing import RedisServer

CUTS_QUICK, CUTS_FULL = 3, 30
FSYNCS_MAX = 150
"""At which fsync of the load the power fails."""
CHANGES_BEFORE = 150
CHANGES_AFTER = 20
EVERYSEC_S = 2.5
END_S_MAX = 30.0

_CALL = re.compile(
    r"(\d+) +(write|fsync|fdatasync)\(\d+<([^>]*)>.*?(?:= (-?\d+).*|<unfinished \.+>)$"
)
_RESUMED = re.compile(r"(\d+) +<\.\.\. (write|fsync|fdatasync) resumed>.*= (-?\d+)")

Fsync = Literal["always", "everysec", "no"]


def aof_of(directory: Path) -> Path:
    """The file that commands are appended to; Redis keeps it in a directory from 7.0 on."""
    return max([*directory.glob("appendonly.aof"), *directory.glob("appendonlydir/*.incr.aof")])


@dataclass
class Trace:
    """What strace saw of a file. synced: its length at the last fsync that came to its end."""

    path: Path
    written: int
    synced: int
    fsyncs: int = 0
    _open: dict[str, int] = field(default_factory=dict)

    def read(self, lines: list[str]) -> None:
        for line in lines:
            if call := _CALL.match(line):
                thread, name, path, result = call.groups()
                if Path(path) == self.path:
                    self._open[thread] = self.written
                    self._ended(thread, name, result)
            elif resumed := _RESUMED.match(line):
                self._ended(*resumed.groups())

    def _ended(self, thread: str, name: str, result: str | None) -> None:
        """A call returned, or is under way where it has no result yet."""
        if result is None or thread not in self._open:
            return
        length = self._open.pop(thread)  # What was written while it synced may not be on disk.
        if name == "write":
            self.written += max(int(result), 0)
        elif result == "0":
            self.synced = max(self.synced, length)
            self.fsyncs += 1


class Strace:
    """strace on a running server, looking at what is done to its AOF from now on.

    What is in it already counts as synced.

    dies_at: the server is killed as it calls its fsync of that number, which does not run.
    """

    def __init__(self, server: RedisServer, dies_at: int = 0) -> None:
        self._aof = aof_of(server.directory)
        self._before = self._aof.stat().st_size
        self._told = server.directory / "strace.log"
        self._process = subprocess.Popen(
            [
                *("strace", "-f", "-y", "-s", "0", "-e", "signal=none"),
                *("-e", "trace=write,fsync,fdatasync"),
                *(["-e", f"inject=fdatasync:signal=KILL:when={dies_at}"] if dies_at else []),
                *("-o", str(self._told), "-p", str(server.pid)),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        said = self._process.stderr.readline()
        if "attached" not in said:
            self._process.wait()
            raise PermissionError(said.strip())

    def end(self) -> Trace:
        """After the server has ended."""
        self._process.communicate(timeout=END_S_MAX)
        trace = Trace(self._aof, self._before, self._before)
        trace.read(self._told.read_text().splitlines())
        return trace


@dataclass(frozen=True, slots=True)
class Outage:
    """What one power failure did. torn: bytes that were written and not synced."""

    log: Log
    verdict: Verdict
    trace: Trace
    torn: int
    audit: Figure


async def power_lost(run: Run) -> list[Figure]:
    """Row 4: kill -9, and the AOF is cut to the length it had at the last fsync that ended."""
    if reason := await asyncio.to_thread(_why_not, run):
        return [Figure("NOT RUN, so nothing is shown", reason)]
    times = run.many(CUTS_QUICK, CUTS_FULL)
    always = [await _outage(run, f"always{n}", "always") for n in range(times)]
    everysec = await _outage(run, "everysec", "everysec")
    control = await _outage(run, "no", "no")
    unclean = [each.audit.value for each in always if not each.audit.ok]
    every = [*always, everysec, control]
    strayed = [str(each.trace) for each in every if each.trace.written < each.trace.synced]
    acknowledged = sum(each.log.acknowledged for each in always)
    torn = all(each.torn > 0 for each in always)
    losses = len(control.verdict.lost)
    return [
        Figure("power failures with appendfsync always", str(times)),
        Figure("fsyncs seen", str(sum(each.trace.fsyncs for each in always))),
        Figure("bytes cut off", str([each.torn for each in always]), "> 0 each time", torn),
        Figure("acknowledged changes", str(acknowledged), "> 0", acknowledged > 0),
        none_of("acknowledged and lost", [lost for each in always for lost in each.verdict.lost]),
        none_of("untrue answers", [each for one in always for each in one.log.untrue]),
        none_of("audits that complain", unclean),
        none_of("traces that make no sense", strayed),
        Figure(
            f"measured, everysec: bookings set back, of {len(everysec.log.bookings)}",
            f"{len(everysec.verdict.lost)} ({everysec.torn} bytes cut off)",
        ),
        Figure("control, appendfsync no: bookings set back", str(losses), "> 0", losses > 0),
    ]


async def _outage(run: Run, name: str, appendfsync: Fsync) -> Outage:
    directory = fresh(run, name)
    with RedisServer(run.binary, directory, appendonly=True, appendfsync=appendfsync) as server:
        # With "always" a kill seldom comes between a write and its fsync, so it is made to.
        dies_at = run.random.randrange(5, FSYNCS_MAX) if appendfsync == "always" else 0
        async with engine_on(server.url) as engine:
            load = Load(engine, await planned(engine), run.random)
            strace = await asyncio.to_thread(Strace, server, dies_at)
            task = asyncio.create_task(load())
            if not dies_at:
                await load.progress(CHANGES_BEFORE)
                await asyncio.sleep(EVERYSEC_S if appendfsync == "everysec" else 0)
                server.kill()
                load.stop()  # What comes after a loss is no use to anybody.
            trace = await asyncio.to_thread(strace.end)
            server.kill()
            torn = trace.path.stat().st_size - trace.synced
            os.truncate(trace.path, trace.synced)
            await asyncio.to_thread(server.start)
            await load.progress(CHANGES_AFTER)
            load.stop()
            log = await task
            verdict = await verify(engine, log)
        return Outage(log, verdict, trace, torn, await audited(server.url))


def _why_not(run: Run) -> str:
    """Why strace is of no use here; empty where it is."""
    if shutil.which("strace") is None:
        return "there is no strace here, and without it nobody knows what was synced"
    with RedisServer(run.binary, fresh(run, "try"), appendonly=True) as server:
        try:
            strace = Strace(server)
        except PermissionError as error:
            return f"strace may not be used here: {error}"
        server.kill()
        strace.end()
    return ""


TORTURES = [Torture(4, "power loss", power_lost)]
