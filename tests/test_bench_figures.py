"""The benchmark's arithmetic: ratios of pairs, what wrk and redis-benchmark say, verdicts."""

import json

import pytest

from bench.claims import benchmark_sample, drawing
from bench.figures import (
    Bar,
    Figure,
    Sample,
    Spread,
    Verdict,
    bar_shown,
    compared,
    cpu,
    p99,
    rate,
    ratio,
    shown,
)
from bench.selling import figures
from bench.wrk import RanOut, sample

AT_LEAST = Bar(0.42, 0.52)
AT_MOST = Bar(300, 200, at_most=True)


def rates(*per_s: float, fault: str = "") -> list[Sample]:
    return [Sample(each, fault) for each in per_s]


def said(statuses: dict[str, int], lost: int = 0, exhausted: bool = False) -> str:
    """What wrk prints with the benchmark's script, after two seconds."""
    told = {
        "seconds": 2.0,
        "statuses": statuses,
        "lost": lost,
        "exhausted": exhausted,
        "p50_ms": 1.5,
        "p95_ms": 2.5,
        "p99_ms": 4.0,
    }
    return f"Running 2s test @ http://127.0.0.1:1\nRequests/sec: 9.9\n{json.dumps(told)}\n"


def test_a_ratio_is_the_median_of_the_pairs_not_the_ratio_of_the_medians() -> None:
    samples = {"one": rates(10, 40, 90), "other": rates(20, 50, 100)}
    assert ratio(samples, "one", "other") == Spread(0.8, 0.5, 0.9)
    slowed_down = {"one": rates(100, 10, 100), "other": rates(200, 20, 200)}
    assert ratio(slowed_down, "one", "other") == Spread(0.5, 0.5, 0.5)


def test_a_ratio_can_be_of_processor_time() -> None:
    samples = {"two": [Sample(1, cpu_us=22.0)], "one": [Sample(9, cpu_us=20.0)]}
    assert ratio(samples, "two", "one", cpu) == Spread(1.1, 1.1, 1.1)


def test_a_figure_says_what_was_compared() -> None:
    run = Sample(1_000.0, p99_ms=4.0, cpu_us=22.0)
    samples = {"one": [run], "other": [run]}
    told = [compared(1, "x", samples, AT_LEAST, "one", "other", of=of) for of in (rate, cpu, p99)]
    assert [figure.absolute for figure in told] == [
        "1,000/s ÷ 1,000/s",
        "22.0 µs ÷ 22.0 µs",
        "4.00 ms ÷ 4.00 ms",
    ]


def test_there_is_no_ratio_to_nothing() -> None:
    assert ratio({"one": rates(1), "other": rates(0)}, "one", "other") is None
    figure = compared(1, "x", {"one": rates(1), "other": rates(0)}, AT_LEAST, "one", "other")
    assert figure.verdict is Verdict.NOT_MEASURED
    assert figure.fault


@pytest.mark.parametrize(
    ("bar", "value", "verdict"),
    [
        (AT_LEAST, 0.41, Verdict.MISSED),
        (AT_LEAST, 0.42, Verdict.OK),
        (AT_LEAST, 0.52, Verdict.STRETCH),
        (AT_MOST, 301, Verdict.MISSED),
        (AT_MOST, 300, Verdict.OK),
        (AT_MOST, 200, Verdict.STRETCH),
        (Bar(0.9), 5, Verdict.OK),
        (Bar(None), 5, Verdict.SHOWN),
        (Bar(None, 60, at_most=True), 61, Verdict.SHOWN),
        (Bar(None, 60, at_most=True), 59, Verdict.STRETCH),
        (None, 5, Verdict.SHOWN),
    ],
)
def test_verdicts(bar: Bar | None, value: float, verdict: Verdict) -> None:
    assert Figure(1, "x", value, bar).verdict is verdict


def test_a_figure_with_wrong_answers_is_invalid_whatever_its_value() -> None:
    samples = {"select": rates(9, 9, fault="3 of 419"), "echo": rates(1, 1)}
    figure = compared(1, "x", samples, AT_LEAST, "select", "echo")
    assert figure.value == 9
    assert figure.verdict is Verdict.INVALID
    assert figure.fault == "select: 3 of 419"


def test_one_wrong_run_is_enough() -> None:
    samples = {"select": [*rates(9), *rates(9, fault="lost")], "echo": rates(1, 1)}
    assert compared(1, "x", samples, AT_LEAST, "select", "echo").verdict is Verdict.INVALID


def test_what_wrk_says_is_read() -> None:
    told = Sample(2_000.0, "", 1.5, 2.5, 4.0, 25.0, 4_000)
    assert sample(said({"200": 4_000}), 200, 0.1) == told


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (said({"200": 10, "419": 2}), "10 of 200, 2 of 419 where 200 was due"),
        (said({"503": 10}), "10 of 503 where 200 was due"),
        (said({}), "no answer where 200 was due"),
        (said({"200": 10}, lost=3), "3 connections failed or waited too long"),
        ("unable to connect to 127.0.0.1:1", "wrk said 'unable to connect to 127.0.0.1:1'"),
    ],
)
def test_wrong_answers_are_a_fault(text: str, fault: str) -> None:
    assert sample(text, 200, 0.1).fault == fault


def test_running_out_of_requests_is_no_measurement() -> None:
    with pytest.raises(RanOut):
        sample(said({"200": 10}, exhausted=True), 200, 0.1)


CSV = '"test","rps","avg_latency_ms"\n"EVALSHA 07b6 7 {p01}:event:1 1000","48804.29","16.235"\n'


def test_what_redis_benchmark_says_is_read() -> None:
    assert benchmark_sample(CSV, 95, 100) == Sample(48_804.29)


def test_a_limit_reached_without_claiming_is_a_fault() -> None:
    assert benchmark_sample(CSV, 80, 100).fault == "80 of 100 seats were claimed"
    assert "refused" in benchmark_sample("Error: refused\n", 0, 100).fault


def test_a_script_draws_where_the_probe_has_its_seat_and_booking() -> None:
    probe = ("EVALSHA", "07b6", 3, "{p01}:event:1", "{p01}:booking:1:8", "{p01}:hold:1:8")
    assert drawing((*probe, 0, "guest", 1, 8, "v", 27, 4_500), 27, 10) == (
        "local drawn = tonumber(ARGV[6])\n"
        "ARGV[6] = string.format('%d', drawn)\n"
        "local buyer = string.format('%d', drawn % 10 + 1)\n"
        "ARGV[4] = buyer\n"
        "KEYS[2] = string.match(KEYS[2], '^.*:') .. buyer\n"
        "KEYS[3] = string.match(KEYS[3], '^.*:') .. buyer\n"
    )


def test_a_probe_that_can_be_read_in_two_ways_is_refused() -> None:
    with pytest.raises(RuntimeError, match="27"):
        drawing(("EVALSHA", "07b6", 0, 27, 27, 8), 27, 10)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "B", ""),
        (0.4249, "", "0.42"),
        (238.4, "B", "238 B"),
        (25_000, "B", "25,000 B"),
        (0, "", "0"),
        (20.831, "s", "20.83 s"),
    ],
)
def test_values_are_shown_with_the_digits_that_matter(
    value: float | None, unit: str, text: str
) -> None:
    assert shown(value, unit) == text


def test_bars_say_which_way_is_better() -> None:
    assert bar_shown(Figure(8, "x", 1, AT_MOST, "B")) == ("≤ 300 B", "≤ 200 B")
    assert bar_shown(Figure(1, "x", 1, Bar(0.9))) == ("≥ 0.90", "")
    assert bar_shown(Figure(1, "x", 1)) == ("", "")


SALE = {
    "users": 10,
    "seats": 100,
    "sold": 100,
    "twice": 0,
    "errors": 0,
    "seconds_100": 3.5,
    "audit_violations": [],
    "steps": {"open": {"p99_ms": 20.0}, "pay": {"p99_ms": 30.0}},
}


def test_a_complete_sale_is_ok() -> None:
    verdicts = {figure.name: figure.verdict for figure in figures(SALE, Bar(None))}
    assert verdicts.pop("until all were sold") is Verdict.SHOWN
    assert set(verdicts.values()) == {Verdict.OK}


@pytest.mark.parametrize(
    "wrong",
    [
        {"sold": 99},
        {"twice": 1},
        {"errors": 1},
        {"audit_violations": ["seat 1 is sold, not taken"]},
    ],
)
def test_a_sale_with_anything_wrong_is_not(wrong: dict[str, object]) -> None:
    found = [figure.verdict for figure in figures(SALE | wrong, Bar(None))]
    assert found.count(Verdict.MISSED) == 1


def test_a_sale_that_was_not_finished_has_no_time() -> None:
    *_, time = figures(SALE | {"seconds_100": None}, Bar(None, 60, at_most=True))
    assert time.verdict is Verdict.NOT_MEASURED
