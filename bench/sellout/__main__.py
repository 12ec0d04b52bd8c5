"""python -m bench.sellout [--users N] [--seats N] [--seed N] [--workers N] [--json PATH] …"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from bench.sellout.report import faults, table
from bench.sellout.sale import Plan, sell_out
from bench.torture.http import most_connections

HOLD_S_MIN, USERS_PER_HOLD_S = 2, 2_000
"""The larger the crowd, the longer the waits for answers, which holds must survive."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Sell out and say how it went; 1 if anything went wrong, a seat left unsold included."""
    asked = _parser().parse_args(arguments)
    users = most_connections(asked.users)
    plan = Plan(
        users=users,
        seats=asked.seats,
        seed=secrets.randbelow(2**32) if asked.seed is None else asked.seed,
        workers=asked.workers,
        hold_s=asked.hold_s or HOLD_S_MIN + users // USERS_PER_HOLD_S,
        limit_s=asked.limit_s,
        redis_url=asked.redis_url,
    )
    print(f"{users:,} users, {plan.seats:,} seats, seed {plan.seed}", flush=True)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(_stoppable(plan))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped before its end", file=sys.stderr)
        return 1
    wrong = faults(result)
    if asked.json:
        asked.json.write_text(json.dumps({**result, "faults": wrong}))
    print(table(result))
    for fault in wrong:
        print(f"NOT AS IT MUST BE: {fault}")
    if wrong:
        print(f"\nThe server said:\n{result['said']}")
    return 1 if wrong else 0


async def _stoppable(plan: Plan) -> dict[str, Any]:
    """SIGTERM ends it as Ctrl-C does, so that the servers that were started end with it."""
    task = asyncio.ensure_future(sell_out(plan))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.sellout",
        description="Sell one event out to a crowd: browse, book, select, pay, or walk away.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    number = _positive
    parser.add_argument("--users", type=number, default=10_000, help="each on its own connection")
    parser.add_argument("--seats", type=number, default=100_000, help="at most 999 999")
    parser.add_argument("--seed", type=int, help="of all that users do; drawn without it")
    cores = os.cpu_count() or 1
    parser.add_argument("--workers", type=number, default=cores, help="of the server")
    parser.add_argument("--hold-s", type=number, help="how long holds last; by the users without")
    parser.add_argument("--limit-s", type=float, default=600, help="when to give up")
    parser.add_argument("--redis-url", help="a Redis to sell on; one of its own without it")
    parser.add_argument("--json", type=Path, metavar="PATH", help="where to write all figures")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


if __name__ == "__main__":
    sys.exit(main())
