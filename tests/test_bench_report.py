"""What the benchmark shows: every figure in the table, in the JSON and on the page."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import plots
from bench.figures import Bar, Figure, Measured, Sample
from bench.report import page
from bench.rows import ROWS
from bench.run import Result
from bench.table import HEADINGS, as_json, table

ABOUT = {
    "mode": "quick",
    "date": "2026-10-13T12:00:00+00:00",
    "machine": {"cpu": "A & B", "cores": 2, "memory_gb": 8, "kernel": "L", "load_before": 0.1},
    "versions": {"python": "3.12.1", "redis": "7.0.15"},
}
RUNS = [Sample(900.0, "", 1.0, 2.0, 3.0, 50.0), Sample(1_100.0, "", 1.0, 2.0, 3.0, 50.0)]
SALE = {
    "users": 10,
    "seats": 100,
    "curve": [(0, 0), (1, 60), (2, 100)],
    "timeline": [{"second": 0, "p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 3.0}],
    "steps": {"open": {"p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 3.0}},
}
SERIES: dict[int, dict[str, Any]] = {
    7: {"sellout": SALE},
    8: {"kinds": {"bookings": 120.0, "holders": 40.5}, "journal": 110.0},
    9: {"counts": [1, 100]},
    14: {"logins_per_s": [60.0, 70.0]},
    18: {"maps_per_s": 2_000.0},
}
SIDES = {
    4: ("page 1", "page 5,000", "echo"),
    9: ("1 event", "100 events", "all of 100 events"),
    11: ("1 worker", "2 workers"),
    13: ("open", "Bearer", "Basic"),
    14: ("no logins", "login storm"),
    18: ("no readers", "/health read", "map read"),
}


def result(row: int, title: str) -> Result:
    figure = Figure(row, f"<{title}>", 0.5, Bar(0.4, 0.6), "", 0.45, 0.55, "1 ÷ 2")
    samples = dict.fromkeys(SIDES.get(row, (title, "echo")), RUNS)
    return Result(row, title, Measured([figure], samples, SERIES.get(row, {})))


EVERY = [result(row.row, row.title) for row in ROWS]
NOTHING = [
    Result(row.row, row.title, Measured([Figure(row.row, row.title, None, fault="no wrk here")]))
    for row in ROWS
]


def test_every_row_has_its_number() -> None:
    assert [row.row for row in ROWS] == list(range(1, 20))


def test_the_table_has_every_figure() -> None:
    headings, *lines = table(EVERY).splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(1, 20))
    assert all("0.50  0.45 … 0.55" in line and " ok " in line for line in lines)
    assert headings.split() == list(HEADINGS)


def test_the_table_says_why_something_is_not_measured() -> None:
    assert table(NOTHING).count("not measured  no wrk here") == len(ROWS)


def test_the_json_has_every_sample() -> None:
    told = json.loads(json.dumps(as_json(ABOUT, EVERY)))
    assert told["machine"]["cores"] == 2
    assert [row["row"] for row in told["rows"]] == list(range(1, 20))
    assert all(row["figures"][0]["verdict"] == "ok" for row in told["rows"])
    assert all(len(runs) == 2 for row in told["rows"] for runs in row["samples"].values())


def test_the_page_has_every_figure_and_every_plot() -> None:
    text = page(ABOUT, EVERY)
    assert all(f"<td>{unescape_free(each.title)}</td>" in text for each in EVERY)
    titles = re.findall(r"<h2>(.*?)</h2>", text)
    assert titles == [
        "Figures and their bars",
        "Throughput",
        "Latency under full load",
        "The sell-out",
        "Latency during the sell-out",
        "Steps of a purchase",
        "Several workers",
        "Many events",
        "Memory of a sold seat",
        "Credentials",
        "Latency while many log in",
        "Latency while many read",
    ]


def unescape_free(title: str) -> str:
    return f"&lt;{title}&gt;"


def test_the_page_needs_nothing_from_elsewhere() -> None:
    assert not re.search(r"https?:|src=|@import|<link|<script|url\(", page(ABOUT, EVERY))


@pytest.mark.parametrize("results", [EVERY, NOTHING, []], ids=["every", "nothing", "none"])
def test_the_page_is_well_formed(results: list[Result]) -> None:
    text = page(ABOUT, results)
    reader = Balanced()
    reader.feed(text)
    assert reader.open == []
    assert "A & B" in unescape(text)
    for drawn in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        assert "nan" not in drawn
        ElementTree.fromstring(drawn)


class Balanced(HTMLParser):
    """Tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (10, [0, 2, 4, 6, 8, 10]),
        (0.9, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (41_000, [0, 10_000, 20_000, 30_000, 40_000, 50_000]),
        (0, [0, 1]),
    ],
)
def test_ticks_are_round_and_reach_the_top(most: float, ticks: list[float]) -> None:
    assert plots.nice_ticks(most) == pytest.approx(ticks)


def test_bars_are_as_long_as_their_values() -> None:
    drawn = plots.bars([plots.Bar("half", 50, "50"), plots.Bar("whole", 100, "100")])
    half, whole = (float(each) for each in re.findall(r'<rect [^>]*width="([\d.]+)"', drawn))
    assert whole == pytest.approx(2 * half, abs=0.2)


@pytest.mark.parametrize(("value", "side"), [(2.0, 1), (1.0, 0), (0.5, -1)])
def test_a_bullet_is_right_of_its_bar_when_it_is_better(value: float, side: int) -> None:
    drawn = plots.bullet(value, value, value, None)
    (dot,) = (float(each) for each in re.findall(r'<circle cx="([\d.]+)"', drawn))
    middle = 75.0
    assert (dot > middle) - (dot < middle) == side
