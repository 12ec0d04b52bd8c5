"""Plots as inline SVG: bars, ranges, lines. Colours come from the page's style sheet."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from bench.figures import shown

WIDTH, LABELS, VALUES = 520, 150, 130
"""Of a plot, of the names to its left and of the numbers to its right, in pixels."""
BAR_HEIGHT, LINES_HEIGHT, HEAD, FOOT, EDGE = 30, 260, 26, 34, 56
TICKS = 5
BULLET_DOUBLINGS = 1.5
"""How often a bullet's value may have doubled, or halved, before it is drawn at the edge."""
SHADES = 6
"""How many colours the style sheet has: .s0 to .s5."""

Point = tuple[float, float]
Place = Callable[[float, float], Point]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. told: beside it; ceiling: an outline behind it; marks: value → what it means."""

    label: str
    value: float
    told: str
    ceiling: float | None = None
    marks: Mapping[float, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Range:
    """Values on one line from the least to the greatest, each with its name."""

    label: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """label: what is measured along it. log: equal steps multiply."""

    label: str
    log: bool = False


def bars(rows: Sequence[Bar]) -> str:
    """Horizontal bars from zero on, one under the other."""
    ends = [max(row.value, row.ceiling or 0.0, *row.marks) for row in rows]
    scale = (WIDTH - LABELS - VALUES) / (max(ends) or 1)
    parts: list[str] = []
    for number, (row, end) in enumerate(zip(rows, ends, strict=True)):
        top = number * BAR_HEIGHT + 6
        parts += [*_bar(row, top, scale), _text(LABELS - 10, top + 13, row.label, "end")]
        parts.append(_text(LABELS + end * scale + 8, top + 13, row.told, css="number"))
    return _svg(len(rows) * BAR_HEIGHT + 6, parts)


def _bar(row: Bar, top: float, scale: float) -> Iterator[str]:
    if row.ceiling:
        yield _rect(LABELS, top, row.ceiling * scale, 18, "ceiling", f"{row.ceiling:,.0f}")
    yield _rect(LABELS, top, row.value * scale, 18, "s0", f"{row.label}: {row.told}")
    for value, meaning in row.marks.items():
        yield _rect(LABELS + value * scale - 1, top - 3, 2, 24, "mark", meaning)


def ranges(rows: Sequence[Range], unit: str) -> str:
    """A dot for each value; the names of the dots are the same in every row."""
    most = max(max(row.values.values()) for row in rows)
    ticks = nice_ticks(most)
    scale = (WIDTH - LABELS - 40) / ticks[-1]
    bottom = len(rows) * BAR_HEIGHT + 6
    parts = [
        part
        for tick in ticks
        for part in (
            _line([(LABELS + tick * scale, 0), (LABELS + tick * scale, bottom)], "grid"),
            _text(LABELS + tick * scale, bottom + 16, shown_tick(tick), "middle", "tick"),
        )
    ]
    for number, row in enumerate(rows):
        middle = number * BAR_HEIGHT + 18
        parts.append(_text(LABELS - 10, middle + 4, row.label, "end"))
        places = [(LABELS + value * scale, middle) for value in row.values.values()]
        parts.append(_line([places[0], places[-1]], "range"))
        for shade, ((x, y), (name, value)) in enumerate(
            zip(places, row.values.items(), strict=True)
        ):
            parts.append(_dot(x, y, shade, f"{row.label}, {name}: {shown(value)} {unit}"))
    parts.append(_text(WIDTH - 40, bottom + 31, unit, "end", "tick"))
    return _svg(bottom + FOOT, parts)


def lines(series: Mapping[str, Sequence[Point]], across: Axis, up: Axis) -> str:
    """Lines through points, from zero on upwards."""
    points = [point for line in series.values() for point in line]
    ticks_up = nice_ticks(max(y for _, y in points))
    ticks_across = _ticks_across([x for x, _ in points], across)
    first, last = (_along(ticks_across[end], across) for end in (0, -1))
    wide, high = WIDTH - EDGE - 24, LINES_HEIGHT - FOOT - HEAD

    def place(x: float, y: float) -> Point:
        share = (_along(x, across) - first) / ((last - first) or 1)
        return EDGE + share * wide, HEAD + high * (1 - y / ticks_up[-1])

    parts = [*_frame(ticks_across, ticks_up, place, across, up)]
    for shade, (name, line) in enumerate(series.items()):
        places = [place(x, y) for x, y in line]
        parts.append(_line(places, f"line l{shade % SHADES}"))
        if len(line) <= 12:
            parts += [
                _dot(*at, shade, f"{name}: {shown(y)} at {x:,.0f}")
                for at, (x, y) in zip(places, line, strict=True)
            ]
    return _svg(LINES_HEIGHT + 16, parts)


def _ticks_across(values: Sequence[float], axis: Axis) -> list[float]:
    if axis.log:
        return [10.0**power for power in range(math.ceil(math.log10(max(values))) + 1)]
    return nice_ticks(max(values))


def _along(value: float, axis: Axis) -> float:
    return math.log10(value) if axis.log else value


def _frame(
    ticks_across: Sequence[float],
    ticks_up: Sequence[float],
    place: Place,
    across: Axis,
    up: Axis,
) -> Iterator[str]:
    left, right = ticks_across[0], ticks_across[-1]
    for tick in ticks_up:
        yield _line([place(left, tick), place(right, tick)], "grid")
        x, y = place(left, tick)
        yield _text(x - 8, y + 4, shown_tick(tick), "end", "tick")
    for tick in ticks_across:
        x, y = place(tick, 0)
        yield _text(x, y + 17, shown_tick(tick), "middle", "tick")
    yield _text(WIDTH - 24, LINES_HEIGHT + 10, across.label, "end", "tick")
    yield _text(0, 10, up.label, css="tick")


def bullet(value: float, low: float, high: float, stretch: float | None) -> str:
    """How far a value is beyond 1, in a row of a table: equal steps multiply."""
    wide, high_px = 150, 18
    doubled = wide / 2 / BULLET_DOUBLINGS

    def place(share: float) -> float:
        return min(wide - 6.0, max(6.0, wide / 2 + doubled * math.log2(share)))

    middle = high_px / 2
    parts = [
        _line([(0, middle), (wide, middle)], "grid"),
        _line([(place(low), middle), (place(high), middle)], "range"),
        _rect(wide / 2 - 1, 1, 2, high_px - 2, "mark", "the bar"),
        _dot(place(value), middle, 3 if value >= 1 else 2, f"{value:.2f} of the bar"),
    ]
    if stretch:
        parts.insert(2, _rect(place(stretch) - 0.5, 3, 1, high_px - 6, "s5", "the stretch"))
    return f'<svg viewBox="0 0 {wide} {high_px}" role="img">{"".join(parts)}</svg>'


def nice_ticks(most: float) -> list[float]:
    """Round numbers from 0 to at least `most`, about TICKS of them."""
    if most <= 0:
        return [0.0, 1.0]
    rough = most / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    return [step * number for number in range(math.ceil(most / step - 1e-9) + 1)]


def shown_tick(tick: float) -> str:
    return f"{tick:,.10g}"


def _svg(height: float, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img">{"".join(parts)}</svg>'


def _text(x: float, y: float, text: str, anchor: str = "start", css: str = "label") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} class="{css}">{escape(text)}</text>'


def _rect(x: float, y: float, width: float, height: float, css: str, title: str) -> str:
    size = f'width="{max(width, 0.5):.1f}" height="{height:g}" rx="2"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} class="{css}">{_title(title)}</rect>'


def _line(points: Sequence[Point], css: str) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{places}" class="{css}"/>'


def _dot(x: float, y: float, shade: int, title: str) -> str:
    css = f"dot s{shade % SHADES}"
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="{css}">{_title(title)}</circle>'


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>"
