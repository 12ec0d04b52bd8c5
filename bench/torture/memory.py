"""Redis is out of memory."""

import asyncio
from pathlib import Path

from bench.torture.ledger import figures
from bench.torture.proxy import Fault, Proxy
from bench.torture.replies import (
    CALM_S,
    NAME_TTL_MS,
    Played,
    commands_of,
    differing,
    insist,
)
from bench.torture.run import Figure, Run, Torture, audited, none_of
from bench.torture.steps import STEPS
from bench.torture.steps.bed import FORGOTTEN_AT_ONCE, Step
from bench.torture.workload import Load, engine_on, fresh, planned
from billetter.domain.ids import UserId, split_booking_id
from billetter.domain.outcome import Opened, Unavailable
from billetter.engine import Engine, keys
from billetter.engine.once import Once
from billetter.testing import RedisServer

ROOM_MAX = 200_000
"""Bytes that a load is left with before the memory is full."""
SQUEEZES_QUICK, SQUEEZES_FULL = 3, 60
SQUEEZE_S = 0.7


async def limit(engine: Engine, maxmemory: int) -> None:
    """0 is no limit."""
    await engine.store.command("CONFIG", "SET", "maxmemory", maxmemory)


async def memory_full(run: Run) -> list[Figure]:
    """Row 10: memory is full from each command of each step on, and under load at any moment."""
    with RedisServer(run.binary, run.directory) as server:
        async with engine_on(server.url, CALM_S, FORGOTTEN_AT_ONCE) as engine:
            steps = await _each_step(run.directory, server, engine)
            audit = await audited(server.url)
        squeezed = await _squeezed(run, server)
        return [*steps, audit, *squeezed, await audited(server.url), await _control(run)]


async def _each_step(directory: Path, server: RedisServer, engine: Engine) -> list[Figure]:
    plays = refused = 0
    wrong: list[str] = []
    false: list[str] = []
    stuck: list[str] = []
    for number, step in enumerate(STEPS):
        calm = await _play(directory / f"{number}", server, engine, step, 0)
        for nth in range(1, len(calm.commands) + 1):
            played = await _play(directory / f"{number}.{nth}", server, engine, step, nth)
            plays += 1
            refused += len(played.noticed)
            false += played.false
            if difference := differing(step, calm, played):
                wrong.append(f"{step.name}, full at command {nth}: {difference}")
            if step.frees and played.noticed:
                stuck.append(f"{step.name}, full at command {nth}: {played.noticed[0]}")
    return [
        Figure("calls with memory full", f"{plays} of {len(STEPS)} kinds"),
        Figure("of these refused", str(refused), "> 0", refused > 0),
        none_of("refused and yet done", false),
        none_of("in the end not done once, or otherwise", wrong),
        none_of("releases and ends that did not work", stuck),
    ]


async def _play(path: Path, server: RedisServer, engine: Engine, step: Step, nth: int) -> Played:
    """Do the step with memory full from its nth command on; 0: never."""
    async with (
        Proxy(path, server.socket) as proxy,
        engine_on(proxy.url, CALM_S, FORGOTTEN_AT_ONCE) as tried,
    ):
        bed = await step.prepare(engine)
        proxy.commands.clear()
        proxy.arm(Fault.PASS, nth=nth, hook=lambda: limit(engine, 1))
        once = Once.named("full", str(bed.event), ttl_ms=NAME_TTL_MS)

        played = await insist(
            engine, tried, step, bed, once, mend=lambda: limit(engine, 0), sweeps=nth > 0
        )
        played.commands = commands_of(proxy)
    return played


async def _squeezed(run: Run, server: RedisServer) -> list[Figure]:
    """A load runs into the limit again and again; its buyers go on giving back."""
    async with engine_on(server.url) as engine:
        load = Load(engine, await planned(engine), run.random)
        task = asyncio.create_task(load())
        for _ in range(run.many(SQUEEZES_QUICK, SQUEEZES_FULL)):
            await load.progress(50)
            used = int(await _fact(engine, "used_memory"))
            await limit(engine, used + run.random.randrange(ROOM_MAX))
            await asyncio.sleep(SQUEEZE_S)
            await limit(engine, 0)
        load.stop()
        log = await task
        told = await figures(engine, log)
    refused = log.unavailable
    return [Figure("under load: refused", str(refused), "> 0", refused > 0), *told]


async def _fact(engine: Engine, name: str) -> str:
    info = (await engine.store.command("INFO", "memory", reads=True)).decode()
    facts: dict[str, str] = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    return facts[name]


async def _control(run: Run) -> Figure:
    """The same claim by plain commands instead of a script: the audit must see that it broke."""
    with RedisServer(run.binary, fresh(run, "control")) as server:
        async with engine_on(server.url) as engine:
            event = await planned(engine)
            opened = await engine.bookings.open(event, UserId("x:ann"))
            assert isinstance(opened, Opened)
            _, number = split_booking_id(opened.id)
            own = keys.of_event(event)
            await engine.store.command("HSET", own.holders, 3, number)
            await limit(engine, 1)
            try:
                await engine.store.command("SETBIT", own.taken, 3, 1)
            except Unavailable:
                await limit(engine, 0)
        audit = await audited(server.url)
    return Figure("control, half a claim: the audit", audit.value, "not clean", not audit.ok)


TORTURES = [Torture(10, "memory full", memory_full)]
