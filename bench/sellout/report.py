"""What is shown of a sale: how far it is, and in the end how it went."""

import asyncio
import sys
from collections.abc import Iterator
from typing import Any, Self

from bench.sellout.tally import STEPS, Tally

EVERY_S = 1.0
EVERY_S_UNSEEN = 5.0
"""Where nobody looks at a terminal, as in a log."""


FAULTS_MAX = 5


class Progress:
    """A line on standard error that says how far the sale is, until the end of the block."""

    def __init__(self, tally: Tally, seats: int) -> None:
        self._tally = tally
        self._seats = seats
        self._shown: asyncio.Task[None]

    def __enter__(self) -> Self:
        self._shown = asyncio.create_task(self._show())
        return self

    def __exit__(self, *_: object) -> None:
        self._shown.cancel()
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    async def _show(self) -> None:
        seen = sys.stderr.isatty()
        start, end = ("\r", "\x1b[K") if seen else ("", "\n")
        asked, at = 0, 0.0
        while True:
            await asyncio.sleep(EVERY_S if seen else EVERY_S_UNSEEN)
            tally = self._tally
            rate = (tally.requests - asked) / (tally.seconds - at)
            asked, at = tally.requests, tally.seconds
            told = f"{len(tally.sales):,} of {self._seats:,} sold, {at:.0f} s, {rate:,.0f} req/s"
            if tally.errors:
                told += f", {len(tally.errors):,} errors, the first {tally.errors[0][:60]}"
            print(f"{start}{told}", end=end, file=sys.stderr, flush=True)


def table(result: dict[str, Any]) -> str:
    """The figures of `sale.sell_out`, for people."""
    return "\n".join([*_figures(result), "", *_steps(result)])


def faults(result: dict[str, Any]) -> list[str]:
    """What is not as it must be."""
    seats, sold = result["seats"], result["sold"]
    told = {name: result["analytics"].get(f"{name}_seats") for name in ("sold", "reserved", "free")}
    found = [
        *(f"{error} ({count} times)" for error, count in result["errors_named"]),
        *(f"audit: {violation}" for violation in result["audit_violations"][:FAULTS_MAX]),
    ]
    if result["twice"]:
        found.append(f"{result['twice']} seats were sold twice")
    if sold != seats:
        found.append(f"{sold} of {seats} seats were sold")
    if told != {"sold": seats, "reserved": 0, "free": 0}:
        found.append(f"the server says {told}")
    return found


def _figures(result: dict[str, Any]) -> Iterator[str]:
    shown = {
        "seats sold": f"{result['sold']:,} of {result['seats']:,}",
        "sold twice": result["twice"],
        "errors": result["errors"],
        "audit": f"{len(result['audit_violations'])} violations",
        "seconds to 80 %": result["seconds_80"],
        "seconds to 100 %": result["seconds_100"],
        "requests": f"{result['requests']:,} ({result['requests_per_s']:,} a second)",
        "bookings confirmed": f"{result['bookings']:,}",
        "conflicts": f"{result['conflicts']:,}",
        "failed payments": f"{result['failed_payments']:,}",
        "walked away": f"{result['walkaways']:,}",
        "cancelled": f"{result['cancelled']:,}",
        "holds lapsed": f"{result['lapsed']:,}",
        "processor seconds": ", ".join(f"{who} {s:.1f}" for who, s in result["cpu_s"].items()),
    }
    for name, value in shown.items():
        yield f"  {name:20}{value}"


def _steps(result: dict[str, Any]) -> Iterator[str]:
    columns = ("count", "p50_ms", "p95_ms", "p99_ms", "max_ms")
    yield f"  {'':10}" + "".join(f"{column:>10}" for column in columns)
    for step in STEPS:
        row = result["steps"][step]
        yield f"  {step:10}" + "".join(f"{row[column]:>10,}" for column in columns)
