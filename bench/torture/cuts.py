"""Redis is lost at each command of each request that changes something: what is answered is true.

Two servers work on one Redis: one over a proxy, which loses it; the other prepares what is asked
for, undisturbed. What was done is what the journals say, before and after the request is repeated.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import count

from bench.torture.asking import Asked, Caller
from bench.torture.http import Reply
from bench.torture.proxy import Fault, Proxy, Trap
from bench.torture.routes import Route
from billetter.engine import Engine, keys, partition_keys

DEADLINE_MS = 50
"""Of the calls to Redis that are lost: what a request waits for where it is away."""
REPEATS_MAX = 500
REPEAT_S = 0.01
JOURNALS = [*map(partition_keys.journal, partition_keys.TAGS), keys.USERS_JOURNAL]

_keys = count(1)


class Loss(Enum):
    """How Redis is lost at a command. The lane mends a single loss by itself, so two come."""

    BEFORE = (Fault.CUT_REQUEST, 2)
    """Before the command is passed on."""
    AFTER = (Fault.DROP_REPLY, 2)
    """After it was executed, before its reply."""
    THEN = (Fault.LEAVE, 1)
    """After its reply: the next one cannot even be sent."""


Choose = Callable[[list[tuple[Loss, int]]], list[tuple[Loss, int]]]


@dataclass(slots=True)
class Played:
    """A request as it went. commands: that it took. done: by then; settled: when its repetition
    was answered as well, `again`, and for a key the repetition of that, `third`."""

    commands: int
    first: Reply
    done: Counter[str]
    again: Reply
    settled: Counter[str]
    third: Reply | None


class Stage:
    """tried, calm: the servers over the proxy and beside it. engine: on Redis itself."""

    def __init__(self, proxy: Proxy, tried: Caller, calm: Caller, engine: Engine) -> None:
        self._proxy = proxy
        self._tried = tried
        self._calm = calm
        self._engine = engine
        self._seen = dict.fromkeys(JOURNALS, "-")

    async def survey(self, route: Route, chosen: Choose = list) -> tuple[int, list[str]]:
        """How often Redis was lost to this route, and every untruth that was told about it.

        chosen: those losses that are tried, of all there are.
        """
        calm = await self.play(route)
        every = [(loss, nth) for loss in Loss for nth in range(1, calm.commands + 1)]
        plays = chosen(every)
        wrong = untruths(route, calm, calm)
        for loss, nth in plays:
            told = untruths(route, calm, await self.play(route, loss, nth))
            wrong += [f"{route.name}: {loss.name} at command {nth}: {each}" for each in told]
        return len(plays), wrong

    async def play(self, route: Route, loss: Loss | None = None, nth: int = 1) -> Played:
        """Ask once with this loss, and once more when Redis is back."""
        asked = await route.prepare(self._calm)
        await self._happened()
        self._proxy.commands.clear()
        key = f"cut-{next(_keys)}" if route.keyed else ""
        fault, times = loss.value if loss else (Fault.PASS, 0)
        trap = self._proxy.arm(fault, nth=nth, times=times)
        first = await self._tried.ask(asked, key)
        commands = trap.seen
        self._restore(trap)
        done = await self._happened()
        again = await self._insist(asked, key)
        await self._engine.lines.drain()  # As the sweeper does.
        settled = done + await self._happened()
        third = await self._insist(asked, key) if key else None
        return Played(commands, first, done, again, settled, third)

    def _restore(self, trap: Trap) -> None:
        trap.times = 0
        self._proxy.away = False

    async def _insist(self, asked: Asked, key: str) -> Reply:
        """The first answer that is one."""
        for _ in range(REPEATS_MAX):
            reply = await self._tried.ask(asked, key)
            if reply.status != 503:
                return reply
            await asyncio.sleep(REPEAT_S)
        raise TimeoutError(f"{asked} is never answered")

    async def _happened(self) -> Counter[str]:
        """What the journals have said since they were last read."""
        store = self._engine.store
        looks = (store.command("XRANGE", key, self._seen[key], "+", reads=True) for key in JOURNALS)
        happened = Counter[str]()
        for key, entries in zip(JOURNALS, await asyncio.gather(*looks), strict=True):
            for id_, fields in entries:
                happened[fields[fields.index(b"what") + 1].decode()] += 1
                self._seen[key] = f"({id_.decode()}"
        return happened


def untruths(route: Route, calm: Played, played: Played) -> list[str]:
    """What was said of a request and is not so; calm: as it goes undisturbed."""
    wrong: list[str] = []
    first, whole = played.first, calm.settled
    done, made = (_without(route.later, each) for each in (played.done, whole))
    said = first.json()["error"] if first.status == 503 else "done"
    if first.status not in (503, calm.first.status):
        wrong.append(f"answered {first.status} {first.body!r}")
    elif said == "unavailable" and done:
        wrong.append(f"'unavailable', and it was done: {done}")
    elif said == "outcome_unknown" and not done <= made:
        wrong.append(f"done: {done}, which is more than {made}")
    elif said == "done" and done != made:
        wrong.append(f"said to be done: {done}, not {made}")
    if played.settled != whole:
        wrong.append(f"done after a repetition: {played.settled}, not {whole}")
    if played.again.status not in (calm.first.status, route.again):
        wrong.append(f"the repetition was answered {played.again.status} {played.again.body!r}")
    if route.keyed and said == "done":
        wrong += _unlike(first, played.again)
    if played.third is not None:
        wrong += _unlike(played.again, played.third)
    return wrong


def _without(later: str, happened: Counter[str]) -> Counter[str]:
    return Counter({what: times for what, times in happened.items() if what != later})


def _unlike(first: Reply, again: Reply) -> Sequence[str]:
    """How the reply to a repetition under a key is not the one before."""
    if (first.status, first.body) != (again.status, again.body):
        return [f"answered {first.body!r}, then {again.body!r}"]
    replayed = again.header("idempotency-replayed")
    return [] if replayed == "true" else ["a replay that is not marked as one"]
