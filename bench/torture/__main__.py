"""python -m bench.torture [row …] [--seed N] [--full] [--any-speed] [--server PATH]"""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.torture.rows import TORTURES
from bench.torture.run import Figure, Run, Torture, newest
from billetter.testing import Binary, binary_at


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows asked for; 1 if a figure is not what it must be."""
    asked = _parser().parse_args(arguments)
    binary = _binary(asked.server) if asked.server else newest()
    seed = secrets.randbelow(2**32) if asked.seed is None else asked.seed
    print(f"{binary}, seed {seed}, {'full' if asked.full else 'quick'}", flush=True)
    began = time.monotonic()
    failed = []
    for torture in [each for each in TORTURES if not asked.row or each.row in asked.row]:
        figures = _played(torture, seed, asked.full, binary)
        if not all(figure.ok or (figure.speed and asked.any_speed) for figure in figures):
            failed.append(torture.row)
        print(f"  again: {_replay(torture, seed, asked.full, binary)}", flush=True)
    print(f"\n{time.monotonic() - began:.0f} s in all")
    if failed:
        print(f"NOT AS IT MUST BE: row {', '.join(map(str, failed))}")
    return 1 if failed else 0


def _played(torture: Torture, seed: int, full: bool, binary: Binary) -> list[Figure]:
    print(f"\nrow {torture.row}: {torture.title}", flush=True)
    began = time.monotonic()
    # Short, as a socket's path may have 107 bytes only.
    with tempfile.TemporaryDirectory(prefix="billetter-") as directory:
        run = Run(seed, full, binary, Path(directory))
        try:
            figures = asyncio.run(_awaited(torture, run))
        except Exception as error:
            # A row that breaks must not keep the others from being run.
            figures = [Figure("the torture itself", f"{error!r}", "runs to its end", False)]
    _print(figures)
    print(f"  {time.monotonic() - began:.1f} s", flush=True)
    return figures


async def _awaited(torture: Torture, run: Run) -> list[Figure]:
    return await torture.play(run)


def _print(figures: Sequence[Figure]) -> None:
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        verdict = (
            ("ok" if figure.ok else "SLOW" if figure.speed else "NOT OK") if figure.bar else ""
        )
        bar = f"  (must be {figure.bar})" if figure.bar else ""
        print(f"  {verdict:6} {figure.name:{width}}  {figure.value}{bar}")


def _replay(torture: Torture, seed: int, full: bool, binary: Binary) -> str:
    words = ["python -m bench.torture", str(torture.row), f"--seed {seed}"]
    return " ".join([*words, *(["--full"] if full else []), f"--server {binary.path}"])


def _binary(path: str) -> Binary:
    try:
        return binary_at(path)
    except RuntimeError as error:
        raise SystemExit(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.torture",
        description="Break what can break, and show that nothing is lost or sold twice by it.",
        epilog="rows: " + "; ".join(f"{each.row} {each.title}" for each in TORTURES),
    )
    known = [torture.row for torture in TORTURES]
    parser.add_argument("row", nargs="*", type=int, help=f"one of {known}; all without any")
    parser.add_argument("--seed", type=int, help="of all that is random; drawn without it")
    parser.add_argument("--full", action="store_true", help="the long mode")
    any_speed = "bars of speed do not fail the run: for machines that have other work"
    parser.add_argument("--any-speed", action="store_true", help=any_speed)
    parser.add_argument("--server", metavar="PATH", help="a redis-server or valkey-server")
    return parser


if __name__ == "__main__":
    sys.exit(main())
