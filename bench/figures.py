"""What is measured: samples, ratios of runs in turn, bars, verdicts. Nothing here does any I/O."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Any, NamedTuple


class Verdict(StrEnum):
    """What a figure is worth. INVALID: the answers were wrong, so that its value means nothing."""

    STRETCH = "stretch"
    OK = "ok"
    MISSED = "MISSED"
    INVALID = "INVALID"
    NOT_MEASURED = "not measured"
    SHOWN = "—"


@dataclass(frozen=True, slots=True)
class Sample:
    """One short run of one side. per_s: what it did a second. fault: why it does not count.

    cpu_us: time of the serving processes' CPU, user and system, for each answer, or of Redis in
    scripts; None: not taken. answers: how many there were.
    """

    per_s: float
    fault: str = ""
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    cpu_us: float | None = None
    answers: int | None = None


Samples = Mapping[str, Sequence[Sample]]
"""By side; runs of the same number were made one right after the other."""


class Spread(NamedTuple):
    """The median of some values, the least and the greatest."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        found = list(values)
        return cls(median(found), min(found), max(found))


@dataclass(frozen=True, slots=True)
class Bar:
    """What a value must reach, and what it would be nice to reach.

    at_most: the smaller the better. limit None: there is nothing that it must reach.
    """

    limit: float | None
    stretch: float | None = None
    at_most: bool = False

    def verdict(self, value: float) -> Verdict:
        if self.limit is not None and not self._reached(value, self.limit):
            return Verdict.MISSED
        if self.stretch is not None and self._reached(value, self.stretch):
            return Verdict.STRETCH
        return Verdict.SHOWN if self.limit is None else Verdict.OK

    def _reached(self, value: float, mark: float) -> bool:
        return value <= mark if self.at_most else value >= mark


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the table.

    value: None where there is none; then `fault` says why not. With a value, `fault` says why
    that does not count. unit: of the value, "" for a ratio; absolute: what the value comes from.
    """

    row: int
    name: str
    value: float | None
    bar: Bar | None = None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    absolute: str = ""
    fault: str = ""

    @property
    def verdict(self) -> Verdict:
        if self.value is None:
            return Verdict.NOT_MEASURED
        if self.fault:
            return Verdict.INVALID
        return self.bar.verdict(self.value) if self.bar else Verdict.SHOWN


@dataclass(frozen=True, slots=True)
class Measured:
    """What a row came to. series: what its plots are drawn from, beside the samples."""

    figures: Sequence[Figure]
    samples: Samples = field(default_factory=dict)
    series: Mapping[str, Any] = field(default_factory=dict)


def rate(sample: Sample) -> float:
    return sample.per_s


def cpu(sample: Sample) -> float:
    return sample.cpu_us or 0.0


def p99(sample: Sample) -> float:
    return sample.p99_ms or 0.0


WRITTEN: Mapping[Callable[[Sample], float], str] = {
    rate: "{:,.0f}/s",
    cpu: "{:.1f} µs",
    p99: "{:.2f} ms",
}
"""What can be compared, and how people read it."""


def ratio(
    samples: Samples, over: str, under: str, of: Callable[[Sample], float] = rate
) -> Spread | None:
    """What `over` ÷ `under` is, pair by pair; None where a side measured nothing."""
    pairs = list(zip(samples[over], samples[under], strict=True))
    if not pairs or not all(of(below) for _, below in pairs):
        return None
    return Spread.of(of(above) / of(below) for above, below in pairs)


def fault_of(samples: Samples, *sides: str) -> str:
    """Why the runs of these sides do not count: the first reason there is."""
    named = ((side, sample.fault) for side in sides for sample in samples[side])
    return next((f"{side}: {fault}" for side, fault in named if fault), "")


def compared(
    row: int,
    name: str,
    samples: Samples,
    bar: Bar,
    over: str,
    under: str,
    *,
    of: Callable[[Sample], float] = rate,
) -> Figure:
    """The ratio of two sides: the median of its pairs. of: one of WRITTEN."""
    found = ratio(samples, over, under, of)
    fault = fault_of(samples, over, under)
    if found is None:
        return Figure(row, name, None, bar, fault=fault or "there was nothing to measure")
    values = " ÷ ".join(WRITTEN[of].format(middle(samples[side], of)) for side in (over, under))
    return Figure(row, name, found.middle, bar, "", found.low, found.high, values, fault)


def middle(samples: Sequence[Sample], of: Callable[[Sample], float | None] = rate) -> float:
    return median(of(sample) or 0.0 for sample in samples)


def shown(value: float | None, unit: str = "") -> str:
    """A value as people read it: three digits matter."""
    if value is None:
        return ""
    decimals = 0 if isinstance(value, int) or abs(value) >= 100 else 2
    return f"{value:,.{decimals}f}{unit and f' {unit}'}"


def bar_shown(figure: Figure) -> tuple[str, str]:
    """The bar and the stretch as people read them, empty where there are none."""
    if figure.bar is None:
        return "", ""
    sign = "≤" if figure.bar.at_most else "≥"
    marks = (figure.bar.limit, figure.bar.stretch)
    texts = ["" if mark is None else f"{sign} {shown(mark, figure.unit)}" for mark in marks]
    return texts[0], texts[1]
