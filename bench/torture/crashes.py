"""A process dies between freeing a ticket and handing it to the first who waits for it.

It has its answer that the ticket is free, and dies of SIGKILL before its next step. Nobody sweeps
then, and newcomers come. Only after that a sweeper starts, in another process, as `billetter serve`
runs it: the ticket must be the one's who waits first.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.torture.customers import Customer
from bench.torture.fairness import Fault, Rule, faults, idle
from bench.torture.hall import HOLD_MS, ORGANIZER, Guard, apart, empty, engine_on, new_sale
from bench.torture.mortals import die, ended, mortal, started
from bench.torture.run import Figure, Run, audited, none_of
from bench.torture.rush import LINE_UNASKED, asked_at_last
from bench.torture.told import Call, Said, Scribe, Told, calls_of
from billetter.domain.ids import EventId, UserId
from billetter.domain.ticket import Item
from billetter.engine import Engine
from billetter.testing import RedisServer

SHORT_MS = 500
LAPSED_S = 0.02
"""So long after its end a hold has surely lapsed."""
PATIENCE_S, CONTROL_PATIENCE_S = 30.0, 0.5
"""How long the first in the line waits for the ticket, and where it is gone already."""
POLL_S = 0.02
HOLDER, NEIGHBOUR = UserId("x:holder"), UserId("x:neighbour")
LINE = (UserId("x:first"), UserId("x:second"))
TICKETS = 2

Calls = Mapping[EventId, Sequence[Call]]


@dataclass(frozen=True, slots=True)
class Way:
    """How a ticket becomes free.

    gets: gives the holder one. frees: frees it, or another; the process dies of that.
    """

    gets: Callable[[Customer, EventId], Awaitable[Told]]
    frees: Callable[[Engine, Customer, EventId, Told], Awaitable[object]]
    hold_ms: int = HOLD_MS
    grows: int = 0


@dataclass(frozen=True, slots=True)
class Victim:
    """A process that frees a ticket of an event for which some wait."""

    url: str
    way: str
    event: EventId
    has: Told
    log: Path


@dataclass(frozen=True, slots=True)
class Played:
    """All calls, and the last ones: before anybody swept (gap), and when all had come to rest."""

    ways: Mapping[EventId, Way]
    died: int
    calls: Calls
    gap: Calls
    last: Calls

    def idle(self, last: Calls) -> list[Fault]:
        return [
            fault
            for event, way in self.ways.items()
            for fault in idle(last[event], TICKETS + way.grows)
        ]

    def faults(self) -> list[Fault]:
        found = self.idle(self.last)
        for event, way in self.ways.items():
            found += faults([*self.calls[event], *self.last[event]], TICKETS + way.grows)
        return found

    def handed_on(self) -> int:
        """In how many events the first of the line has a ticket."""
        return sum(
            any(call.user == LINE[0] and call.said is Said.HAS for call in calls)
            for calls in self.last.values()
        )


async def crashes(run: Run) -> list[Figure]:
    wanted = list(WAYS) * run.many(2, 20)
    with RedisServer(run.binary, apart(run, "crashes")) as redis:
        played = await _play(redis.url, wanted, apart(run, "told"), PATIENCE_S)
        audit = await audited(redis.url)
    count = len(wanted)
    seen, handed_on = len(played.idle(played.gap)), played.handed_on()
    return [
        Figure(
            "processes killed with a ticket that they had freed",
            f"{played.died}: {', '.join(WAYS)}",
            f"{count}",
            played.died == count,
        ),
        Figure(
            "control: free while somebody waits, before anybody sweeps",
            f"{seen}",
            f"{count}",
            seen == count,
        ),
        Figure("handed to the first", f"{handed_on}", f"{count}", handed_on == count),
        none_of("of them, or of newcomers, what must not be", played.faults()),
        audit,
        await _control(run),
    ]


async def _control(run: Run) -> Figure:
    """Newcomers who need not care for the line: that must be seen."""
    with RedisServer(run.binary, apart(run, "newcomers")) as redis:
        logs = apart(run, "overtaking")
        played = await _play(redis.url, ["lapsed"], logs, CONTROL_PATIENCE_S, [LINE_UNASKED])
    found = [fault for fault in played.faults() if fault.rule is Rule.OVERTAKEN]
    return Figure("control: newcomers who overtake", f"{len(found)}", "> 0", bool(found))


async def _play(
    url: str, ways: Sequence[str], logs: Path, patience_s: float, without: Sequence[Guard] = ()
) -> Played:
    """`without` concerns newcomers. Nothing in this process hands a ticket on."""
    during, events, died = empty(logs / "during"), dict[EventId, Way](), 0
    async with engine_on(url) as engine, engine_on(url, without=without) as bold:
        scribe = Scribe(during / "crowd")
        for way in ways:
            event, has = await _sold_out(engine, scribe, WAYS[way], WAYS[way].hold_ms)
            victim = Victim(url, way, event, has, during / f"{event}")
            died += await ended(started(_free_and_die, victim))
            events[event] = WAYS[way]
            await _newcomers(bold, scribe, event, "early")
        gap = await asked_at_last(engine, calls_of(during), empty(logs / "gap"))
        sweeper = started(_sweep, url)
        await asyncio.gather(*(_handed_on(bold, scribe, event, patience_s) for event in events))
        sweeper.kill()
        await ended(sweeper)
        calls = calls_of(during)
        last = await asked_at_last(engine, calls, empty(logs / "last"))
    return Played(events, died, calls, gap, last)


async def _sold_out(engine: Engine, scribe: Scribe, way: Way, hold_ms: int) -> tuple[EventId, Told]:
    """An event with a holder, and a line that waits; and what the holder has."""
    event = await new_sale(engine, [TICKETS], hold_ms=hold_ms)
    has = await way.gets(Customer(engine, scribe, HOLDER), event)
    await Customer(engine, scribe, NEIGHBOUR).reserve(event)
    told = [await Customer(engine, scribe, user).book(event) for user in LINE]
    if any(each.said is not Said.WAITS for each in told):  # Too slow: the hold has lapsed already.
        return await _sold_out(engine, scribe, way, 2 * hold_ms)
    return event, has


async def _newcomers(engine: Engine, scribe: Scribe, event: EventId, name: str) -> None:
    """Some who want a ticket, each in another way."""
    one, other, third = (
        Customer(engine, scribe, UserId(f"x:{name}:{way}")) for way in ("opens", "takes", "books")
    )
    await asyncio.gather(one.open(event, [Item(1, 1)]), other.reserve(event), third.book(event))


async def _handed_on(engine: Engine, scribe: Scribe, event: EventId, patience_s: float) -> None:
    """Newcomers come until the first in the line has a ticket, or has lost patience."""
    until, first = time.monotonic() + patience_s, Customer(engine, scribe, LINE[0])
    while time.monotonic() < until:
        await _newcomers(engine, scribe, event, f"{time.monotonic_ns()}")
        if (await first.standing(event)).said is Said.HAS:
            return
        await asyncio.sleep(POLL_S)


def _sweep(url: str) -> None:
    async def sweep() -> None:
        async with engine_on(url) as engine:
            await engine.sweeper.run()

    asyncio.run(sweep())


def _free_and_die(victim: Victim) -> None:
    async def free() -> None:
        async with engine_on(victim.url) as engine:
            mortal(engine, 1)
            holder = Customer(engine, Scribe(victim.log), HOLDER)
            await WAYS[victim.way].frees(engine, holder, victim.event, victim.has)

    asyncio.run(free())


async def _opened(holder: Customer, event: EventId) -> Told:
    return await holder.open(event, [Item(1, 1)])


async def _paying(holder: Customer, event: EventId) -> Told:
    return await holder.pay(event, await _opened(holder, event))


async def _paid(holder: Customer, event: EventId) -> Told:
    return await holder.confirm(event, await _paying(holder, event))


async def _swept(engine: Engine, holder: Customer, event: EventId, has: Told) -> None:
    """A sweeper dies when it has ended the booking that has lapsed."""

    async def drain() -> int:
        die()

    engine.lines.drain = drain  # type: ignore[method-assign]
    await asyncio.sleep(has.until + LAPSED_S - time.monotonic())
    await engine.sweeper.run()


WAYS = {
    "cancelled": Way(_opened, lambda _, it, event, has: it.cancel(event, has.booking)),
    "released": Way(_opened, lambda _, it, event, has: it.release(event, has)),
    "unpaid": Way(_paying, lambda _, it, event, has: it.fail(event, has.booking)),
    "refunded": Way(_paid, lambda _, it, event, has: it.refund(event, has.booking)),
    "given up": Way(Customer.book, lambda _, it, event, has: it.give_up(event, has.booking)),
    "lapsed": Way(_opened, _swept, hold_ms=SHORT_MS),
    "added": Way(_opened, lambda _, it, event, has: it.grow(event, ORGANIZER, 1), grows=1),
}
