"""What every torture gets, and what it gives back."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from billetter.engine import Engine
from billetter.testing import Binary, find_binaries
from billetter.wire.topology import open_wire

SHOWN_MAX = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """One number a torture measured. bar: what it must be, in words; ok: whether it is.

    speed: the bar is about time, which a busy machine may miss without anything being wrong.
    """

    name: str
    value: str
    bar: str = ""
    ok: bool = True
    speed: bool = False


@dataclass(slots=True)
class Run:
    """One run of one torture.

    seed: all that is random comes from it, through `random`; the same seed does the same again.
    full: the long mode; without it a torture ends within about 20 s.
    binary: the redis-server to torture. directory: an empty one of its own, removed afterwards.
    """

    seed: int
    full: bool
    binary: Binary
    directory: Path
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    def many(self, quick: int, full: int) -> int:
        """How many: few in the quick mode, many in the full one."""
        return full if self.full else quick


@dataclass(frozen=True, slots=True)
class Torture:
    """A row of the table of faults."""

    row: int
    title: str
    play: Callable[[Run], Awaitable[list[Figure]]]


def newest() -> Binary:
    """The newest server program here; SystemExit where there is none."""
    binaries = find_binaries()
    if not binaries:
        raise SystemExit("No redis-server here: install one, or see --help how to name one.")
    return max(binaries, key=lambda binary: binary.version)


def none_of(name: str, found: Sequence[object]) -> Figure:
    """A figure that must be 0; the first of those found are shown."""
    shown = "".join(f"; {each}" for each in found[:SHOWN_MAX])
    return Figure(name, f"{len(found)}{shown}", "0", not found)


async def audited(redis_url: str) -> Figure:
    """The audit of the Redis that was tortured."""
    wire = open_wire(redis_url)
    await wire.start()
    try:
        engine = Engine(wire)
        await engine.prepare()
        report = await engine.audit.run()
    finally:
        await wire.close()
    told = "; ".join(violation.what for violation in report.violations[:3])
    seen = f"{report.events} events, {report.bookings} bookings, {report.seats} seats taken"
    return Figure("audit", told or f"clean ({seen})", "clean", report.clean)
