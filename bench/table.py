"""The results as text: a table for people, JSON for programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.figures import Figure, bar_shown, shown
from bench.run import Result

HEADINGS = ("#", "figure", "value", "spread", "bar", "stretch", "verdict", "of")
TO_THE_RIGHT = {"#", "value"}


def headline(about: Mapping[str, Any]) -> str:
    """The machine and the versions."""
    machine, versions = about["machine"], about["versions"]
    told = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB,"
        f" {machine['kernel']}, load {machine['load_before']}\n{told}\n{about['mode']}"
    )


def table(results: Sequence[Result]) -> str:
    """A line for each figure, its value against its bar."""
    figures = [figure for result in results for figure in result.measured.figures]
    rows = [HEADINGS, *(_cells(figure) for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _cells(figure: Figure) -> tuple[str, ...]:
    bar, stretch = bar_shown(figure)
    return (
        str(figure.row),
        figure.name,
        shown(figure.value, figure.unit),
        spread(figure),
        bar,
        stretch,
        str(figure.verdict),
        figure.fault or figure.absolute,
    )


def spread(figure: Figure) -> str:
    """From the least ratio of a pair to the greatest."""
    return "" if figure.low is None else f"{shown(figure.low)} … {shown(figure.high)}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell.rjust(width) if heading in TO_THE_RIGHT else cell.ljust(width)
        for heading, cell, width in zip(HEADINGS, cells, widths, strict=True)
    )
    return "  ".join(padded).rstrip()


def as_json(about: Mapping[str, Any], results: Sequence[Result]) -> dict[str, Any]:
    """Everything that was measured, every sample included."""
    return {**about, "rows": [dict(_row(result)) for result in results]}


def _row(result: Result) -> Iterator[tuple[str, Any]]:
    measured = result.measured
    yield "row", result.row
    yield "title", result.title
    yield "figures", [{**asdict(each), "verdict": str(each.verdict)} for each in measured.figures]
    yield (
        "samples",
        {
            side: [asdict(sample) for sample in samples]
            for side, samples in measured.samples.items()
        },
    )
    yield "series", measured.series
