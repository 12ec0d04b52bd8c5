"""Replies are lost, and scripts are forgotten."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

from bench.torture.ledger import figures
from bench.torture.proxy import Fault, Proxy
from bench.torture.run import Figure, Run, Torture, audited, none_of
from bench.torture.steps import STEPS
from bench.torture.steps.bed import FORGOTTEN_AT_ONCE, Bed, Step, Told
from bench.torture.steps.bookings import note_unnamed
from bench.torture.steps.sight import Sight, seen, swept
from bench.torture.workload import Load, engine_on, planned
from billetter.domain.outcome import EngineError, OutcomeUnknown, Unavailable
from billetter.engine import Engine
from billetter.engine.once import Once
from billetter.engine.scripts import Script, names
from billetter.testing import RedisServer
from billetter.wire.errors import WireError
from billetter.wire.topology import open_wire

AT_ONCE = 20
REPEATS_MAX = 5
CALM_S, HASTY_S = 10.0, 0.5
"""Deadlines of lanes: where it must not pass, and where it is waited for."""
FLUSH_EVERY_S = 0.1
NAME_TTL_MS = 60_000
LAST = "PING"
"""A command that changes nothing: when it has ended, so has all that was sent before."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """A fault and how often in a row. mended: by the lane alone, the caller notices nothing."""

    fault: Fault
    times: int = 1
    mended: bool = True

    def __str__(self) -> str:
        return self.fault.name if self.times == 1 else f"{self.fault.name} {self.times} times"


MISHAPS = [
    Mishap(Fault.DROP_REPLY),
    Mishap(Fault.CUT_REPLY),
    Mishap(Fault.CUT_REQUEST),
    Mishap(Fault.DROP_REPLY, times=2, mended=False),
    Mishap(Fault.CUT_REQUEST, times=2, mended=False),
    Mishap(Fault.HALF_OPEN, mended=False),
    Mishap(Fault.MUTE, mended=False),
]


@dataclass(slots=True)
class Played:
    """A step as it went. noticed: failures that its caller saw; false: those that were untrue."""

    told: Told
    sight: Sight
    noticed: list[str]
    false: list[str]
    commands: list[list[bytes]] = field(default_factory=list)
    sprung: int = 0


class Stage:
    """Plays steps, each through a proxy of its own, on one server."""

    def __init__(self, run: Run, server: RedisServer, engine: Engine) -> None:
        self._run = run
        self._server = server
        self._engine = engine
        self._played = 0

    async def play(self, step: Step, mishap: Mishap | None = None, nth: int = 1) -> Played:
        """Do the step, with a mishap to its nth command; repeat it until it is answered."""
        self._played += 1
        path = self._run.directory / f"proxy{self._played}"
        deadline_s = CALM_S if mishap is None or mishap.mended else HASTY_S
        surfaces = mishap is not None and not mishap.mended
        once = None
        if surfaces:
            once = Once.named("step", str(self._played), ttl_ms=NAME_TTL_MS)
        async with AsyncExitStack() as stack:
            proxy = await stack.enter_async_context(Proxy(path, self._server.socket))
            engine = await _ready(stack, proxy.url, deadline_s)
            bed = await step.prepare(self._engine)
            proxy.commands.clear()
            fault = mishap or Mishap(Fault.PASS)
            trap = proxy.arm(fault.fault, nth=nth, times=fault.times)
            played = await insist(self._engine, engine, step, bed, once, sweeps=surfaces)
            played.sprung = trap.sprung
            played.commands = commands_of(proxy)
            return played


async def _ready(stack: AsyncExitStack, url: str, deadline_s: float) -> Engine:
    """An engine whose calls have that deadline; on a busy machine its start may miss it."""
    for _ in range(REPEATS_MAX):
        try:
            return await stack.enter_async_context(engine_on(url, deadline_s, FORGOTTEN_AT_ONCE))
        except (WireError, Unavailable, OutcomeUnknown):
            await asyncio.sleep(deadline_s)
    raise TimeoutError(f"no engine is ready within {deadline_s} s, {REPEATS_MAX} times")


async def insist(
    engine: Engine,
    tried: Engine,
    step: Step,
    bed: Bed,
    once: Once | None,
    *,
    mend: Callable[[], Awaitable[object]] | None = None,
    sweeps: bool = False,
) -> Played:
    """Do the step on `tried` until it is answered, and look by `engine` at what came of it.

    mend: is awaited after a failure, and after the answer. sweeps: look when the sweeper has done
    what an answered call may leave to it.
    """
    before = await seen(engine, bed)
    noticed: list[str] = []
    false: list[str] = []
    for _ in range(REPEATS_MAX):
        try:
            told = await step.act(tried, bed, once)
        except (Unavailable, OutcomeUnknown) as error:
            noticed.append(repr(error))
            if mend is not None:
                await mend()
            after = await seen(engine, bed)
            if isinstance(error, Unavailable) and after.own != before.own:
                false.append(f"{step.name}: {error!r}, and it was done")
            before = after
        else:
            await _quiet(tried)
            if mend is not None:
                await mend()
            if sweeps:
                await swept(engine, bed)
            return Played(told, await seen(engine, bed), noticed, false)
    raise TimeoutError(f"{step.name} is never answered: {noticed}")


async def _quiet(engine: Engine) -> None:
    """Return when what nobody waits for has ended as well."""
    with suppress(EngineError):
        await engine.store.command(LAST, reads=True)


def commands_of(proxy: Proxy) -> list[list[bytes]]:
    """What the step itself has sent."""
    return [command for command in proxy.commands if command != [LAST.encode()]]


async def replies_lost(run: Run) -> list[Figure]:
    """Row 7: each command of each step loses its reply, or itself, in every way there is."""
    with RedisServer(run.binary, run.directory) as server:
        async with engine_on(server.url, CALM_S, FORGOTTEN_AT_ONCE) as engine:
            stage = Stage(run, server, engine)
            calm = [await stage.play(step) for step in STEPS]
            plays = [
                (step, calm[number], mishap, nth)
                for number, step in enumerate(STEPS)
                for mishap in MISHAPS
                for nth in range(1, len(calm[number].commands) + 1)
            ]
            run.random.shuffle(plays)
            told = await _compared(stage, plays)
            unnamed = Step("note without a name", "seats pay", note_unnamed)
            undisturbed = await stage.play(unnamed)
            control = await _compared(stage, [(unnamed, undisturbed, MISHAPS[0], 1)])
        seen_twice = len(control.differing)
        return [
            Figure("calls disturbed", f"{told.plays} of {len(STEPS)} kinds, {len(MISHAPS)} ways"),
            none_of("changing scripts left out", await _left_out(server, calm)),
            none_of("faults that never struck", told.unsprung),
            none_of("effects other than exactly once, or another answer", told.differing),
            none_of("'unavailable' of what was done", told.false),
            none_of("single losses that the caller noticed", told.surfaced),
            Figure("calls the caller had to repeat", str(told.noticed)),
            Figure("control, unnamed note: caught", str(seen_twice), "1", seen_twice == 1),
            await audited(server.url),
        ]


@dataclass(slots=True)
class _Told:
    plays: int = 0
    noticed: int = 0
    unsprung: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    surfaced: list[str] = field(default_factory=list)


async def _compared(stage: Stage, plays: Sequence[tuple[Step, Played, Mishap, int]]) -> _Told:
    told = _Told()
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(step: Step, calm: Played, mishap: Mishap, nth: int) -> None:
        async with limit:
            played = await stage.play(step, mishap, nth)
        name = f"{step.name}, {mishap} at command {nth}"
        told.plays += 1
        told.noticed += len(played.noticed)
        told.false += played.false
        if played.sprung != mishap.times:
            told.unsprung.append(f"{name}: {played.sprung}")
        if mishap.mended and played.noticed:
            told.surfaced.append(f"{name}: {played.noticed}")
        if (difference := differing(step, calm, played)) is not None:
            told.differing.append(f"{name}: {difference}")

    await asyncio.gather(*(one(*play) for play in plays))
    return told


def differing(step: Step, calm: Played, played: Played) -> str | None:
    """What is not as it was undisturbed; None if nothing."""
    asked_again = step.repeated if played.noticed else None
    if played.told.outcome not in (calm.told.outcome, step.again, asked_again):
        return f"answered {played.told}, not {calm.told}"
    return played.sight.unlike(calm.sight) or None


async def _left_out(server: RedisServer, calm: Sequence[Played]) -> list[str]:
    """Changing scripts that none of these ran."""
    ran = {command[1] for played in calm for command in played.commands}
    wire = open_wire(server.url)
    await wire.start()
    try:
        scripts = [Script(name) for name in names()]
        for script in scripts:
            await script.load(wire)  # Which finds out in what form this server takes it.
    finally:
        await wire.close()
    changing = [each for each in scripts if not each.reads]
    return [each.name for each in changing if each.sha.encode() not in ran]


async def scripts_flushed(run: Run) -> list[Figure]:
    """Row 9: SCRIPT FLUSH ten times a second under load; nobody notices."""
    lasts_s = run.many(4, 120)
    with RedisServer(run.binary, run.directory) as server:
        async with engine_on(server.url) as engine:
            load = Load(engine, await planned(engine), run.random, patience_s=0)
            task = asyncio.create_task(load())
            flushes = await _flush(engine, lasts_s)
            load.stop()
            log = await task
            told = await figures(engine, log)
            missing = await _refused(engine, "NOSCRIPT")
        failed = log.unavailable + log.unknown + log.unsettled + len(log.errors)
        return [
            Figure("flushes", str(flushes), "> 0", flushes > 0),
            Figure("scripts that were missing", str(missing), f">= {flushes}", missing >= flushes),
            Figure("client errors", str(failed), "0", failed == 0),
            *told,
            await audited(server.url),
        ]


async def _flush(engine: Engine, lasts_s: float) -> int:
    flushes = 0
    loop = asyncio.get_running_loop()
    end = loop.time() + lasts_s
    while loop.time() < end:
        await asyncio.sleep(FLUSH_EVERY_S)
        await engine.store.command("SCRIPT", "FLUSH")
        flushes += 1
    return flushes


async def _refused(engine: Engine, code: str) -> int:
    """How often the server has answered with this error."""
    info = (await engine.store.command("INFO", "errorstats", reads=True)).decode()
    found = re.search(rf"errorstat_{code}:count=(\d+)", info)
    return int(found[1]) if found else 0


TORTURES = [
    Torture(7, "lost replies", replies_lost),
    Torture(9, "SCRIPT FLUSH under load", scripts_flushed),
]
