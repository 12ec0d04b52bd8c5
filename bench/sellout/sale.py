"""The sale: a Redis and a server of its own, an event, the crowd, and what everybody says of it."""

import asyncio
import resource
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from bench.sellout.buyer import Buyer, Hall
from bench.sellout.report import Progress
from bench.sellout.tally import Tally
from bench.torture.hall import engine_on
from bench.torture.http import Server, crowd, once_asked, request
from bench.torture.run import newest
from billetter.testing import RedisServer

ROW_SEATS = 200
PAYMENT_S = 60
"""Longer than any answer takes; then the seats of a buyer who was lost while paying come back."""
AUDIT_DEADLINE_S = 10.0
SAID_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What to sell, to how many, and where."""

    users: int
    seats: int
    seed: int
    workers: int
    hold_s: int
    limit_s: float
    redis_url: str | None = None


async def sell_out(plan: Plan) -> dict[str, Any]:
    """Sell, and return all figures, as they go into JSON.

    analytics: what the server says in the end. cpu_s: processor time of client and server.
    audit_violations: what the audit of the Redis found. said: the end of the server's own log.
    """
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="billetter-")))
        url = plan.redis_url
        if url is None:
            redis = RedisServer(newest(), directory, appendonly=True, appendfsync="always")
            url = stack.enter_context(redis).url
        before_s = _cpu_s(resource.RUSAGE_CHILDREN)
        server = await stack.enter_async_context(Server(url, directory, plan.workers))
        hall = await _open_hall(server.port, plan)
        tally = await _sell(server.port, hall, plan)
        told = await once_asked(server.port, request("GET", f"/api/analytics?id={hall.event}"))
        await server.stop()
        cpu_s = {
            "client": _cpu_s(resource.RUSAGE_SELF),
            "server": _cpu_s(resource.RUSAGE_CHILDREN) - before_s,
        }
        async with engine_on(url, deadline_s=AUDIT_DEADLINE_S) as engine:
            violations = (await engine.audit.run()).violations
        return {
            **asdict(plan),
            **tally.summary(plan.seats),
            "cpu_s": cpu_s,
            "analytics": told.json() if told.status == 200 else {},
            "audit_violations": [violation.what for violation in violations],
            "said": server.said()[-SAID_MAX:],
        }


async def _open_hall(port: int, plan: Plan) -> Hall:
    rows, rest = divmod(plan.seats, ROW_SEATS)
    body = {
        "title": "Sell-out",
        "hold_seconds": plan.hold_s,
        "payment_seconds": PAYMENT_S,
        "zones": [
            {
                "name": "Hall",
                "price": "150.00",
                "rows": [ROW_SEATS] * rows + ([rest] if rest else []),
            }
        ],
    }
    told = await once_asked(port, request("POST", "/api/events", body))
    if told.status != 201:
        raise RuntimeError(f"no event could be made: {told.status} {told.body!r}")
    return Hall(told.json()["id"], plan.seats, plan.hold_s)


async def _sell(port: int, hall: Hall, plan: Plan) -> Tally:
    """Everybody is there before the first one begins, and all begin at once."""
    async with crowd(port, plan.users) as clients:
        tally = Tally()
        buyers = [
            Buyer(client, hall, tally, Random(f"{plan.seed}:{number}"))
            for number, client in enumerate(clients)
        ]
        with Progress(tally, hall.seats), suppress(TimeoutError):
            async with asyncio.timeout(plan.limit_s), asyncio.TaskGroup() as group:
                for buyer in buyers:
                    group.create_task(buyer.run())
        tally.ended = time.perf_counter()
    return tally


def _cpu_s(who: int) -> float:
    """Processor time that this process has had, or all those that it has waited for."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime
