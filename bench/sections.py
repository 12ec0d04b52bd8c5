"""The plots of the report. Each draws what its rows have measured, if they have."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from statistics import median

from bench import plots
from bench.figures import Measured, Sample, Samples, cpu, middle
from bench.plots import Axis, Bar, Range
from bench.run import Result

Rows = Mapping[int, Measured]

CEILING = "echo"
TO_CEILING = (1, 2, 3, 4, 15)
"""Rows whose first side is compared with the echo."""
PERCENTILES: Mapping[str, Callable[[Sample], float | None]] = {
    "p50": lambda sample: sample.p50_ms,
    "p95": lambda sample: sample.p95_ms,
    "p99": lambda sample: sample.p99_ms,
}
SHADES = {name: f"s{shade}" for shade, name in enumerate(PERCENTILES)}


def sections(results: Sequence[Result]) -> str:
    rows = {result.row: result.measured for result in results}
    return "".join(section for draw in DRAWN for section in draw(rows))


def _section(title: str, note: str, plot: str, legend: Mapping[str, str] | None = None) -> str:
    """legend: name → class of its colour."""
    keys = "".join(
        f'<span><i class="{css}"></i>{escape(name)}</span>' for name, css in (legend or {}).items()
    )
    shown = f'<div class="legend">{keys}</div>' if keys else ""
    return f"<section><h2>{title}</h2><p>{note}</p>{shown}{plot}</section>"


def _throughput(rows: Rows) -> Iterator[str]:
    drawn = [_against_echo(rows[row]) for row in TO_CEILING if row in rows and rows[row].samples]
    if drawn:
        note = "Requests a second of one worker, before what uvicorn does with an app that does"
        note += " nothing. The lines are the bar and the stretch."
        legend = {"Billetter": "s0", "bare uvicorn": "ceiling", "bar, stretch": "mark"}
        yield _section("Throughput", note, plots.bars(drawn), legend)


def _against_echo(measured: Measured) -> Bar:
    side = next(iter(measured.samples))
    rate, ceiling = (middle(measured.samples[each]) for each in (side, CEILING))
    bar = measured.figures[0].bar
    named = {"bar": bar and bar.limit, "stretch": bar and bar.stretch}
    marks = {share * ceiling: name for name, share in named.items() if share}
    return Bar(side, rate, f"{rate:,.0f} of {ceiling:,.0f}", ceiling, marks)


def _latency(rows: Rows) -> Iterator[str]:
    sides: dict[str, Sequence[Sample]] = {}
    for row in TO_CEILING:
        sides |= rows[row].samples if row in rows else {}
    if sides:
        note = "Milliseconds until an answer, while 64 connections ask again at once."
        yield _section("Latency under full load", note, _ranges(sides), SHADES)


def _ranges(samples: Samples) -> str:
    """The percentiles of each side."""
    drawn = [
        Range(side, {name: middle(found, of) for name, of in PERCENTILES.items()})
        for side, found in samples.items()
    ]
    return plots.ranges(drawn, "ms")


def _credentials(rows: Rows) -> Iterator[str]:
    if 13 in rows and rows[13].samples:
        drawn = [
            Bar(side, rate := middle(found), f"{rate:,.0f}/s")
            for side, found in rows[13].samples.items()
        ]
        note = "Selects a second by the shared guest, by an access token and by a password."
        yield _section("Credentials", note, plots.bars(drawn))


def _logins(rows: Rows) -> Iterator[str]:
    if 14 in rows and rows[14].samples:
        logins = median(rows[14].series["logins_per_s"])
        note = "Milliseconds until the answer to a select, at about a thousand a second, with and"
        note += f" without {logins:,.0f} logins a second: as many as could be hashed."
        yield _section("Latency while many log in", note, _ranges(rows[14].samples), SHADES)


def _readers(rows: Rows) -> Iterator[str]:
    if 18 in rows and rows[18].samples:
        maps = rows[18].series["maps_per_s"]
        note = "Milliseconds until the answer to a select, at about a thousand a second, beside"
        note += f" {maps:,.0f} reads a second: of the whole map, and of /health, as Redis has no"
        note += " part in that."
        yield _section("Latency while many read", note, _ranges(rows[18].samples), SHADES)


def _sale(rows: Rows) -> Iterator[str]:
    sale = rows[7].series.get("sellout") if 7 in rows else None
    if not sale:
        return
    seconds, timeline = Axis("seconds"), sale.get("timeline")
    note = f"{sale['seats']:,} seats and {sale['users']:,} users at once: each browses, opens a"
    note += " booking, selects, pays, confirms, and comes again; some walk away."
    plot = plots.lines({"sold": sale["curve"]}, seconds, Axis("seats sold"))
    yield _section("The sell-out", note, plot)
    if timeline:
        over_time = {
            name: [(each["second"], each[f"{name}_ms"]) for each in timeline]
            for name in PERCENTILES
        }
        note = "Milliseconds until an answer, in each second of the sell-out."
        plot = plots.lines(over_time, seconds, Axis("ms"))
        yield _section("Latency during the sell-out", note, plot, SHADES)
    steps = [
        Range(step, {name: told[f"{name}_ms"] for name in PERCENTILES})
        for step, told in sale["steps"].items()
    ]
    note = "Milliseconds until an answer, by step, over the whole sell-out."
    yield _section("Steps of a purchase", note, plots.ranges(steps, "ms"), SHADES)


def _workers(rows: Rows) -> Iterator[str]:
    if 11 in rows and rows[11].samples:
        drawn = [
            Bar(side, used := middle(found, cpu), f"{used:.0f} µs · {middle(found):,.0f}/s")
            for side, found in rows[11].samples.items()
        ]
        note = "Processor time of all workers for each select, and selects a second. Where wrk,"
        note += " Redis and the workers share few cores, only the processor time at a pace can show"
        note += " scaling."
        yield _section("Several workers", note, plots.bars(drawn))


def _events(rows: Rows) -> Iterator[str]:
    if 9 in rows and rows[9].samples:
        counts = rows[9].series["counts"]
        *in_one, in_all = (1e6 / middle(found) for found in rows[9].samples.values())
        drawn = {
            "claims in one of them": sorted(zip(counts, in_one, strict=True)),
            "claims all over them": [(max(counts), in_all)],
        }
        legend = {name: f"s{shade}" for shade, name in enumerate(drawn)}
        note = "Time of a claim by the engine, Redis included, as events become many."
        plot = plots.lines(drawn, Axis("events", log=True), Axis("µs"))
        yield _section("Many events", note, plot, legend)


def _memory(rows: Rows) -> Iterator[str]:
    kinds = rows[8].series.get("kinds") if 8 in rows else None
    if kinds:
        drawn = [Bar(kind, size, f"{size:.1f} B") for kind, size in kinds.items()]
        note = "Bytes in Redis for each sold seat, by the kind of key, in bookings of two seats."
        note += f" The journal, which is trimmed, has {rows[8].series['journal']:.0f} more."
        yield _section("Memory of a sold seat", note, plots.bars(drawn))


DRAWN: Sequence[Callable[[Rows], Iterator[str]]] = (
    _throughput,
    _latency,
    _sale,
    _workers,
    _events,
    _memory,
    _credentials,
    _logins,
    _readers,
)
