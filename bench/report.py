"""The results as one page of HTML that needs nothing else: a table, and what it comes from."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from bench import plots
from bench.figures import Figure, Verdict, bar_shown, shown
from bench.run import Result
from bench.sections import sections
from bench.table import spread

STYLE = Path(__file__).with_name("report.css")
HEADINGS = ("#", "figure", "value", "spread", "against its bar", "bar", "stretch", "verdict", "of")
NUMBERS = {"value", "spread", "bar", "stretch"}


def page(about: Mapping[str, Any], results: Sequence[Result]) -> str:
    """The whole page. about: mode, date, machine, versions."""
    figures = [figure for result in results for figure in result.measured.figures]
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Billetter: measured</title>
<style>{STYLE.read_text(encoding="utf-8")}</style>
<h1>Billetter, measured</h1>
{_where(about)}
<section><h2>Figures and their bars</h2>
<p>Every ratio is the median of pairs of short runs, one right after the other, so that whatever
else the machine does falls on both; the spread goes from the least pair to the greatest. A dot
right of the line has passed its bar.</p>
{_table(figures)}</section>
<div class="plots">{sections(results)}</div>
</html>
"""


def _where(about: Mapping[str, Any]) -> str:
    machine = about["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    told = (
        f"{about['date']}, {about['mode']} mode",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB,"
        f" {machine['kernel']}, load before {machine['load_before']}",
        versions,
    )
    return f"<p>{'<br>'.join(map(escape, told))}</p>"


def _table(figures: Sequence[Figure]) -> str:
    heads = "".join(
        f'<th class="number">{name}</th>' if name in NUMBERS else f"<th>{name}</th>"
        for name in HEADINGS
    )
    rows = "".join(f"<tr>{''.join(_cells(figure))}</tr>" for figure in figures)
    return f"<table><tr>{heads}</tr>{rows}</table>"


def _cells(figure: Figure) -> Iterator[str]:
    bar, stretch = bar_shown(figure)
    yield f"<td>{figure.row}</td><td>{escape(figure.name)}</td>"
    yield f'<td class="number value">{shown(figure.value, figure.unit)}</td>'
    yield f'<td class="number">{spread(figure)}</td><td>{_against_bar(figure)}</td>'
    yield f'<td class="number">{bar}</td><td class="number">{stretch}</td>'
    css = "shown" if figure.verdict is Verdict.SHOWN else figure.verdict.lower().replace(" ", "-")
    yield f'<td class="verdict {css}">{figure.verdict}</td>'
    yield f'<td class="of">{escape(figure.fault or figure.absolute)}</td>'


def _against_bar(figure: Figure) -> str:
    """How far beyond its bar the value is, from a third of it to three times as good."""
    bar = figure.bar
    if bar is None or not bar.limit or not figure.value:
        return ""

    def better(value: float | None) -> float:
        share = (value or figure.value or 1) / (bar.limit or 1)
        return 1 / share if bar.at_most else share

    values = (better(figure.value), better(figure.low), better(figure.high))
    return plots.bullet(*values, better(bar.stretch) if bar.stretch else None)
