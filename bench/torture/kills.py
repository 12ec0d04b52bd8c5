"""Redis is killed under load."""

import asyncio
import time

from bench.torture.ledger import figures, verify
from bench.torture.run import Figure, Run, Torture, audited
from bench.torture.workload import Load, engine_on, fresh, planned
from billetter.testing import RedisServer

KILLS_QUICK, KILLS_FULL = 5, 100
CHANGES_BEFORE = 100
"""Changes that are acknowledged before the next blow."""
RECOVERY_S_MAX = 2.0
"""From the moment Redis answers again until a change is acknowledged; the longest pause between two
attempts of a lane to connect is 0.25 s."""


async def redis_killed(run: Run) -> list[Figure]:
    """Row 3: kill -9 under load and start again on the same directory, with one lane throughout."""
    kills = run.many(KILLS_QUICK, KILLS_FULL)
    with RedisServer(run.binary, run.directory, appendonly=True) as server:
        async with engine_on(server.url) as engine:
            load = Load(engine, await planned(engine), run.random)
            task = asyncio.create_task(load())
            recoveries = [await _blow(run, server, load) for _ in range(kills)]
            load.stop()
            log = await task
            told = await figures(engine, log)
        return [
            Figure("kills", str(kills)),
            *told,
            Figure(
                "longest recovery",
                f"{max(recoveries):.2f} s",
                f"< {RECOVERY_S_MAX} s, by the lane itself",
                max(recoveries) < RECOVERY_S_MAX,
            ),
            await audited(server.url),
            await _kept_nothing(run),
        ]


async def _blow(run: Run, server: RedisServer, load: Load) -> float:
    """Kill, start again, and say how long after that a change is acknowledged."""
    await load.progress(CHANGES_BEFORE)
    await asyncio.sleep(run.random.uniform(0, 0.2))
    server.kill()
    await asyncio.sleep(run.random.uniform(0, 0.1))
    await asyncio.to_thread(server.start)
    began = time.monotonic()
    async with asyncio.timeout(10 * RECOVERY_S_MAX):
        await load.progress()
    return time.monotonic() - began


async def _kept_nothing(run: Run) -> Figure:
    """Control: on a Redis that keeps nothing the same kill must be seen."""
    with RedisServer(run.binary, fresh(run, "control")) as server:
        async with engine_on(server.url) as engine:
            load = Load(engine, await planned(engine), run.random)
            task = asyncio.create_task(load())
            await load.progress(CHANGES_BEFORE)
            load.stop()
            log = await task
            server.kill()
            await asyncio.to_thread(server.start)
            lost = len((await verify(engine, log)).lost)
    return Figure("control, without AOF: lost", str(lost), "> 0", lost > 0)


TORTURES = [Torture(3, "Redis killed", redis_killed)]
