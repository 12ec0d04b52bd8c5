"""python -m bench [row …] [--full | --smoke] [--json PATH] [--report PATH] [--any-speed]"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import uvloop

from bench.figures import Figure, Measured, Verdict
from bench.machine import described
from bench.report import page
from bench.rows import ROWS
from bench.run import FULL, QUICK, SMOKE, NotMeasured, Progress, Result, Row, Run, Scale
from bench.table import as_json, headline, table
from bench.torture.run import newest

HERE = Path(__file__).parent
NEVER_FORGIVEN = {Verdict.INVALID, Verdict.NOT_MEASURED}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rows asked for; 1 if a bar is missed or a figure could not be had."""
    asked = _parser().parse_args(arguments)
    scale = SMOKE if asked.smoke else FULL if asked.full else QUICK
    rows = chosen(asked.row, scale)
    binary = newest()
    about = {"mode": scale.name, **described(binary)}
    print(headline(about), flush=True)
    began = time.monotonic()
    # Short, as a socket's path may have 107 bytes only.
    with tempfile.TemporaryDirectory(prefix="billetter-") as directory:
        run = Run(scale, binary, Path(directory), Progress())
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                results = runner.run(_stoppable(run, rows))
        except (KeyboardInterrupt, asyncio.CancelledError):
            print("stopped before its end", file=sys.stderr)
            return 1
    print(f"\n{table(results)}\n\n{time.monotonic() - began:.0f} s in all")
    if not asked.row and len(rows) < len(ROWS):
        print(f"rows {len(rows) + 1} to {len(ROWS)} are measured when asked for, or with --full")
    _write(asked, about, results)
    return _code(_figures(results), forgiving=asked.any_speed or asked.smoke)


def chosen(numbers: Sequence[int], scale: Scale) -> list[Row]:
    """The rows of these numbers; without any, those that the scale measures unasked."""
    wanted = numbers or range(1, (scale.last_row or len(ROWS)) + 1)
    return [row for row in ROWS if row.row in wanted]


async def _stoppable(run: Run, rows: Sequence[Row]) -> list[Result]:
    """SIGTERM ends it as Ctrl-C does, so that the servers that were started end with it."""
    task = asyncio.ensure_future(_measured(run, rows))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def _measured(run: Run, rows: Sequence[Row]) -> list[Result]:
    turn = asyncio.Semaphore(run.scale.at_once)

    async def in_its_turn(row: Row) -> Result:
        async with turn:
            return Result(row.row, row.title, await _one(run, row))

    try:
        return await asyncio.gather(*map(in_its_turn, rows))
    finally:
        run.progress.clear()


async def _one(run: Run, row: Row) -> Measured:
    run.progress.say(f"row {row.row}: {row.title}")
    try:
        return await row.measure(run.of(row))
    except NotMeasured as reason:
        return _nothing(row, str(reason))
    except Exception as error:
        # A row that breaks must not keep the others from being measured.
        return _nothing(row, f"it broke: {error!r}")


def _nothing(row: Row, why: str) -> Measured:
    return Measured([Figure(row.row, row.title, None, fault=why)])


def _figures(results: Iterable[Result]) -> list[Figure]:
    return [figure for result in results for figure in result.measured.figures]


def _write(asked: argparse.Namespace, about: Mapping[str, Any], results: Sequence[Result]) -> None:
    """The smoke mode shows that it can write, and leaves the figures of real runs alone."""
    with tempfile.TemporaryDirectory() as nowhere:
        kept = Path(nowhere) if asked.smoke else HERE
        files = {
            asked.json or kept / "results.json": json.dumps(as_json(about, results), indent=1),
            asked.report or kept / "report.html": page(about, results),
        }
        for file, text in files.items():
            file.write_text(text, encoding="utf-8")
            if file.parent != Path(nowhere):
                print(f"written: {file}")


def _code(figures: Sequence[Figure], *, forgiving: bool) -> int:
    """0 where every figure was had and none misses its bar; `forgiving`: a miss does not count."""
    bad = NEVER_FORGIVEN if forgiving else {*NEVER_FORGIVEN, Verdict.MISSED}
    found = [figure for figure in figures if figure.verdict in bad]
    for figure in found:
        why = f": {figure.fault}" if figure.fault else ""
        print(f"{figure.verdict}: row {figure.row}, {figure.name}{why}")
    return 1 if found else 0


def _known(text: str) -> int:
    if text not in {str(row.row) for row in ROWS}:
        raise argparse.ArgumentTypeError(f"there is no row {text}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure Billetter against what is possible on this machine. Every ratio is of"
        " short runs in turn, so that whatever else the machine does falls on both sides.",
        epilog="rows: " + "; ".join(f"{row.row} {row.title}" for row in ROWS),
    )
    parser.add_argument(
        "row",
        nargs="*",
        type=_known,
        help=f"those to {QUICK.last_row} without any, all with --full",
    )
    how_much = parser.add_mutually_exclusive_group()
    full = "many long runs: twenty minutes"
    how_much.add_argument("--full", action="store_true", help=full)
    smoke = "each row once, with tiny counts, to see that it works; misses do not count"
    how_much.add_argument("--smoke", action="store_true", help=smoke)
    parser.add_argument("--json", type=Path, metavar="PATH", help="instead of bench/results.json")
    parser.add_argument("--report", type=Path, metavar="PATH", help="instead of bench/report.html")
    any_speed = "a missed bar does not fail the run: for machines that have other work"
    parser.add_argument("--any-speed", action="store_true", help=any_speed)
    return parser


if __name__ == "__main__":
    sys.exit(main())
