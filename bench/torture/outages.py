"""Row 7 over HTTP: Redis is lost at each command of each request that changes something."""

import asyncio
from collections import deque
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.torture.asking import Caller
from bench.torture.cuts import DEADLINE_MS, Choose, Loss, Stage, untruths
from bench.torture.hall import engine_on
from bench.torture.http import Server
from bench.torture.proxy import Proxy
from bench.torture.routes import ROUTES, Route, cancelled
from bench.torture.run import Figure, Run, Torture, audited, none_of
from billetter.api.replies import UNAVAILABLE
from billetter.testing import RedisServer

STAGES_QUICK, STAGES_FULL = 2, 4
LOSSES_QUICK = 3
"""Losses of each route that are tried in the quick mode; in the full one all are."""
ENV = {"BILLETTER_SWEEP": "0", "BILLETTER_RATE_LIMITS": ""}


@dataclass(slots=True)
class _Told:
    losses: int = 0
    wrong: list[str] = field(default_factory=list)
    audits: list[Figure] = field(default_factory=list)
    controls: int = 0


async def redis_lost(run: Run) -> list[Figure]:
    """Row 7 over HTTP: each answer is compared with the journals, and repeated until it settles."""

    def chosen(every: list[tuple[Loss, int]]) -> list[tuple[Loss, int]]:
        return every if run.full else run.random.sample(every, min(LOSSES_QUICK, len(every)))

    left, told = deque(ROUTES), _Told()
    stages = run.many(STAGES_QUICK, STAGES_FULL)
    await asyncio.gather(*(_work(run, str(number), left, chosen, told) for number in range(stages)))
    caught = f"{told.controls} of {stages}"
    return [
        Figure(
            "losses of Redis", f"{told.losses} amid {len(ROUTES)} ways to ask {_paths()} routes"
        ),
        none_of("untrue answers, and effects other than exactly once", told.wrong),
        Figure("control, an untrue answer: caught", caught, "all", told.controls == stages),
        *told.audits,
    ]


async def _work(run: Run, name: str, left: deque[Route], chosen: Choose, told: _Told) -> None:
    async with AsyncExitStack() as stack:
        stage, url = await _stage(stack, run, run.directory / name)
        while left:
            losses, wrong = await stage.survey(left.popleft(), chosen)
            told.losses += losses
            told.wrong += wrong
        told.controls += await _control(stage)
        told.audits.append(await audited(url))


async def _stage(stack: AsyncExitStack, run: Run, directory: Path) -> tuple[Stage, str]:
    tried, calm = directory / "tried", directory / "calm"
    for each in (tried, calm):
        each.mkdir(parents=True)
    redis = stack.enter_context(RedisServer(run.binary, directory))
    proxy = await stack.enter_async_context(Proxy(directory / "proxy.sock", redis.socket))
    env = {**ENV, "BILLETTER_REDIS_DEADLINE_MS": str(DEADLINE_MS)}
    losing = await stack.enter_async_context(Server(proxy.url, tried, 1, env))
    keeping = await stack.enter_async_context(Server(redis.url, calm, 1, ENV))
    engine = await stack.enter_async_context(engine_on(redis.url))
    return Stage(proxy, Caller(losing.port), Caller(keeping.port), engine), redis.url


async def _control(stage: Stage) -> bool:
    """Whether it is seen that something was done which is said not to be."""
    (route,) = (each for each in ROUTES if each.prepare is cancelled)
    calm = await stage.play(route)
    untrue = calm.first._replace(status=503, body=UNAVAILABLE.body)
    return bool(untruths(route, calm, replace(calm, first=untrue)))


def _paths() -> int:
    return len({(route.method, route.path) for route in ROUTES})


TORTURES = [Torture(7, "Redis lost amid requests", redis_lost)]
