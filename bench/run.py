"""What every row gets: how much to measure, the Redis to run, a place for files, a voice."""

import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.figures import Measured, Sample, Samples
from billetter.testing import Binary


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured. pairs: runs of each side; run_s: how long one of them lasts.

    tail_s: how long one lasts whose slowest answers count, and not how many there were.
    claims: of one run of the engine. seats: of a hall. events: where many are asked for.
    crowd, crowd_seats: of the sell-out. workers: process counts that are compared.
    bookings: of an event that has many. tickets: of a zone whose last ones are looked for.
    at_once: rows measured at the same time; with more than one, no figure means anything.
    last_row: of those that are measured without being asked for; None: of all.
    """

    name: str
    pairs: int
    run_s: int
    claims: int
    seats: int = 100_000
    events: int = 10_000
    crowd: int = 500
    crowd_seats: int = 5_000
    workers: tuple[int, ...] = (1, 2, 4)
    bookings: int = 100_000
    tickets: int = 999_992
    tail_s: int = 2
    at_once: int = 1
    last_row: int | None = None


SMOKE = Scale("smoke", 1, 1, 400, 2_400, 40, 20, 200, (1, 2), 200, 2_400, tail_s=1, at_once=4)
QUICK = Scale("quick", 2, 1, 8_000, crowd_seats=3_000, workers=(1, 2), last_row=12)
FULL = Scale("full", 6, 3, 100_000, crowd=10_000, crowd_seats=100_000, bookings=900_000, tail_s=5)


CLEAR = "\r\x1b[K"
SILENT_S = 2.0


class Progress:
    """One line that is always up to date on a terminal; elsewhere a line every few seconds."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._seen = sys.stderr.isatty()
        self._said_at = -SILENT_S

    def say(self, text: str) -> None:
        gone = time.monotonic() - self._began
        if self._seen or gone - self._said_at >= SILENT_S:
            self._said_at = gone
            line = f"{int(gone) // 60}:{int(gone) % 60:02}  {text}"
            end = "" if self._seen else "\n"
            print(f"{CLEAR if self._seen else ''}{line}", end=end, file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._seen:
            print(CLEAR, end="", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Run:
    """binary: the redis-server to measure with. directory: an empty one, removed afterwards."""

    scale: Scale
    binary: Binary
    directory: Path
    progress: Progress

    def apart(self, name: str) -> Path:
        """A directory of its own for each server."""
        directory = self.directory / name
        directory.mkdir(parents=True)
        return directory

    async def in_turn(
        self, what: str, sides: Mapping[str, Callable[[], Awaitable[Sample]]]
    ) -> Samples:
        """Run the sides in turn, again and again: A B, B A, A B …

        A machine that others use is now faster, now slower, and both sides of a pair see the same.
        """
        samples: dict[str, list[Sample]] = {side: [] for side in sides}
        turn = list(sides)
        for pair in range(self.scale.pairs):
            for side in turn:
                self.progress.say(f"{what}: {side}, {pair + 1} of {self.scale.pairs}")
                samples[side].append(await sides[side]())
            turn.reverse()
        return samples

    def for_the_tail(self) -> "Run":
        """The same with runs that are long enough for a percentile."""
        return replace(self, scale=replace(self.scale, run_s=self.scale.tail_s))

    def of(self, row: "Row") -> "Run":
        """The same for one row, with its part of the directory."""
        return replace(self, directory=self.apart(f"row-{row.row}"))


class NotMeasured(Exception):
    """The row cannot be measured here; the message says why, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table of targets."""

    row: int
    title: str
    measure: Callable[[Run], Awaitable[Measured]]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a row."""

    row: int
    title: str
    measured: Measured
