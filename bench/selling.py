"""Row 7: a whole event sold out to a crowd, by the program that does just that."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from bench.figures import Bar, Figure, Measured
from bench.programs import said_by
from bench.run import FULL, NotMeasured, Row, Run
from bench.torture.http import ROOT

ALL = Bar(1.0)
NONE = Bar(0, at_most=True)
SALE_S_MAX = 900.0
FULL_S = 60.0
"""Seconds in which it would be nice to sell 100 000 seats to 10 000 users."""


async def sell_out(run: Run) -> Measured:
    scale = run.scale
    run.progress.say(f"row 7: selling {scale.crowd_seats:,} seats to {scale.crowd:,} users")
    file = run.directory / "sellout.json"
    size = ("--users", scale.crowd, "--seats", scale.crowd_seats)
    program = (sys.executable, "-m", "bench.sellout", "--json", file)
    said = await said_by(*program, *size, limit_s=SALE_S_MAX, cwd=ROOT)
    if not file.exists():
        *_, last = ["nothing", *said.splitlines()]
        raise NotMeasured(f"python -m bench.sellout gave no figures, and said last: {last}")
    result = json.loads(file.read_text())
    goal = Bar(None, FULL_S if scale is FULL else None, at_most=True)
    return Measured(list(figures(result, goal)), series={"sellout": result})


def figures(result: Mapping[str, Any], goal: Bar) -> Iterator[Figure]:
    """What the sale must be: complete, without errors, nothing sold twice. goal: of its time."""
    users, seats, sold = result["users"], result["seats"], result["sold"]
    sale = f"{users:,} users"
    yield Figure(7, "seats sold ÷ seats", sold / seats, ALL, absolute=f"{sold:,} of {seats:,}")
    yield Figure(7, "seats sold twice", result["twice"], NONE, absolute=sale)
    yield Figure(7, "errors", result["errors"], NONE, absolute=sale)
    violations = len(result["audit_violations"])
    yield Figure(7, "violations found by the audit", violations, NONE, absolute=sale)
    name, slowest = max(result["steps"].items(), key=lambda step: step[1]["p99_ms"])
    told = f"slowest step: {name}, p99 {slowest['p99_ms']:,.0f} ms"
    took = result["seconds_100"]
    fault = "" if took is not None else "not all were sold"
    yield Figure(7, "until all were sold", took, goal, "s", absolute=told, fault=fault)


ROWS = [Row(7, "an event sold out to a crowd", sell_out)]
