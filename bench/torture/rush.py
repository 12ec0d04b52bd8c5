"""Many users in several processes fight over a few tickets, places and the lines for them.

Processes are killed meanwhile, by others and by themselves, and their users go on in new ones.
"""

import asyncio
import math
import tempfile
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from random import Random

from bench.torture.buyers import HOLD_MS, PAYMENT_MS, ZONES, Part, play
from bench.torture.customers import Customer
from bench.torture.fairness import Fault, Rule, faults, grown, idle
from bench.torture.hall import Guard, apart, empty, engine_on, new_sale
from bench.torture.mortals import ended, started
from bench.torture.run import Figure, Run, audited, none_of
from bench.torture.told import Call, Said, Scribe, Told, Verb, calls_of, counted
from billetter.domain.ids import EventId
from billetter.engine import Engine
from billetter.engine.sweeper import LEASE_MS
from billetter.testing import RedisServer

PROCESSES = 3
OPERATIONS_PER_EVENT = 800
LIFE_S = 1.2
"""How long a process may live before it is killed."""
SERVINGS, PARTS = 600, 40
"""After how many changes that free something it dies of itself, before the next is handed on: at
most so many, and at most that part of its operations."""
ROUND = 50_000
"""Operations that are judged at once."""
REST_S_MAX = 60.0
AT_ONCE = 200
CONTROL_OPERATIONS = 3_200
LINE_UNASKED: Guard = ("book_place", "  if not line then\n", "  if true then\n")
"""Newcomers get what is free, whoever waits for it."""
TICKET_UNASKED = "at = next_seat(taken, 0, at, stop)", "at = at <= stop and at or nil"


@dataclass(frozen=True, slots=True)
class Fight:
    """All calls of each event, those of the end apart: there each user was asked what they have.

    killed, died: processes that were killed at any moment, and between freeing and handing on.
    """

    calls: Mapping[EventId, Sequence[Call]]
    last: Mapping[EventId, Sequence[Call]]
    killed: int
    died: int


@dataclass(slots=True)
class Tally:
    """What came of fights. unanswered: calls that died with their process; ends: those of them that
    were to give something back."""

    operations: int = 0
    unanswered: int = 0
    ends: int = 0
    killed: int = 0
    died: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)

    def add(self, fight: Fight) -> None:
        self.killed += fight.killed
        self.died += fight.died
        for event, calls in fight.calls.items():
            last = fight.last.get(event, [])
            self.operations += len(calls)
            lost = [call.verb for call in calls if call.told is None]
            self.unanswered += len(lost)
            self.ends += lost.count(Verb.END)
            self.answers.update(f"{c.verb} {c.told.outcome}" for c in calls if c.told)
            self.faults += faults([*calls, *last], sum(ZONES))
            self.faults += idle(last, sum(ZONES) + grown(calls))

    def found(self, rule: Rule) -> list[Fault]:
        return [fault for fault in self.faults if fault.rule is rule]


async def rush(run: Run, operations: int) -> list[Figure]:
    tally = Tally()
    with RedisServer(run.binary, apart(run, "rush")) as redis:
        while (left := operations - tally.operations) > 0:
            await _round(redis.url, run, min(left, ROUND), tally)
        answers = ", ".join(f"{n:,} {name}" for name, n in sorted(tally.answers.items()))
        return [
            Figure("tickets and lines: operations", f"{tally.operations:,}: {answers}"),
            Figure("processes killed at any moment", f"{tally.killed}", "> 0", tally.killed > 0),
            Figure(
                "processes killed between freeing and handing on",
                f"{tally.died}",
                "> 0",
                tally.died > 0,
            ),
            Figure("calls that died with them", f"{tally.unanswered:,}, {tally.ends:,} ends"),
            *(none_of(rule.value, tally.found(rule)) for rule in Rule),
            await audited(redis.url),
            *[await _control(run, each) for each in CONTROLS],
        ]


@dataclass(frozen=True, slots=True)
class Control:
    """A fight with other scripts. finds: what the judge must see in it."""

    name: str
    without: Sequence[Guard]
    finds: Sequence[Rule]


CONTROLS = [
    Control(
        "tickets that others have, and places without end",
        [
            ("open_booking", *TICKET_UNASKED),
            ("book_place", *TICKET_UNASKED),
            ("book_place", "if place and not string.find(place, ':past', 1, true)", "if false"),
        ],
        [Rule.TOO_MANY, Rule.TWO_OWNERS, Rule.TWO_PLACES],
    ),
    Control("newcomers who need not wait", [LINE_UNASKED], [Rule.OVERTAKEN]),
    Control(
        "nothing is handed on",
        [("promote_waiting", "if open then\n", "if false then\n")],
        [Rule.IDLE],
    ),
]


async def _control(run: Run, control: Control) -> Figure:
    tally = Tally()
    with RedisServer(run.binary, apart(run, control.finds[-1].name)) as redis:
        await _round(redis.url, run, CONTROL_OPERATIONS, tally, control.without)
    found = {rule: len(tally.found(rule)) for rule in control.finds}
    told = ", ".join(f"{count} {rule}" for rule, count in found.items())
    return Figure(f"control: {control.name}", told, "each found", all(found.values()))


async def _round(
    url: str, run: Run, operations: int, tally: Tally, without: Sequence[Guard] = ()
) -> None:
    with tempfile.TemporaryDirectory(dir=run.directory) as logs:
        tally.add(await fight(url, run.random, operations, Path(logs), without))


async def fight(
    url: str, chance: Random, operations: int, logs: Path, without: Sequence[Guard] = ()
) -> Fight:
    """Fight, come to rest, and ask everybody. logs: an empty directory for what was told."""
    async with engine_on(url, without=without) as engine:
        count = max(2, operations // OPERATIONS_PER_EVENT)
        terms = {"hold_ms": HOLD_MS, "payment_ms": PAYMENT_MS}
        events = [await new_sale(engine, ZONES, **terms) for _ in range(count)]
        during = empty(logs / "during")
        name = f"x:{chance.getrandbits(32):08x}"
        share = math.ceil(operations / PROCESSES)
        parts = [
            Part(url, f"{name}:{n}", events, share, during / str(n), without)
            for n in range(PROCESSES)
        ]
        deaths = await asyncio.gather(
            *(_slot(part, Random(chance.getrandbits(64))) for part in parts)
        )
        await repeated(engine, calls_of(during), during / "repeated")
        calls = calls_of(during)
        await come_to_rest(engine)
        last = await asked_at_last(engine, calls, empty(logs / "last"))
    killed, died = map(sum, zip(*deaths, strict=True))
    return Fight(calls, last, killed, died)


async def repeated(engine: Engine, calls: Mapping[EventId, Sequence[Call]], log: Path) -> None:
    """Make calls again that were to give something and died unanswered, as their users would."""
    scribe = Scribe(log)
    lost = [(event, c) for event, those in calls.items() for c in those if c.name and not c.told]
    await in_turns(Customer(engine, scribe, call.user).make(event, call) for event, call in lost)
    scribe.close()


async def in_turns(calls: Iterable[Coroutine[object, object, Told]]) -> None:
    """AT_ONCE of them at a time."""
    left = iter(calls)
    while some := list(islice(left, AT_ONCE)):
        await asyncio.gather(*some)


async def come_to_rest(engine: Engine) -> None:
    """Sweep until nothing is left to do: all holds have lapsed by then, and leases of the dead."""
    await asyncio.sleep((HOLD_MS + PAYMENT_MS + LEASE_MS) / 1000)
    async with asyncio.timeout(REST_S_MAX):
        while await engine.sweeper.expire_lapsed() + await engine.lines.drain():
            pass


async def asked_at_last(
    engine: Engine, calls: Mapping[EventId, Sequence[Call]], logs: Path
) -> dict[EventId, list[Call]]:
    """Ask every user what they have, and which seats."""
    scribe = Scribe(logs / "0")
    asked = []
    for event, those in calls.items():
        users = {call.user for call in those if call.verb in (Verb.BOOK, Verb.RESERVE)}
        asked += [_place(Customer(engine, scribe, user), event) for user in sorted(users)]
        had = {c.booking: c.user for c in those if c.verb is Verb.OPEN and c.booking}
        asked += [Customer(engine, scribe, user).look(event, it) for it, user in had.items()]
    await in_turns(asked)
    scribe.close()
    return calls_of(logs)


async def _place(customer: Customer, event: EventId) -> Told:
    told = await customer.standing(event)
    return await customer.look(event, told.booking) if told.said is Said.HAS else told


async def _slot(part: Part, chance: Random) -> tuple[int, int]:
    """One process after the other does the part, until one has lived to do the rest of it.

    Every second is killed, the others die of themselves. How many did, of each kind.
    """
    deaths, share = [0, 0], math.ceil(part.operations / PARTS)
    while part.done < part.operations:
        kind = sum(deaths) % 2
        log = part.log.with_name(f"{part.log.name}.{sum(deaths)}")
        servings = chance.randint(1, min(SERVINGS, share)) if kind else 0
        within_s = None if kind else chance.uniform(0, LIFE_S)
        if not await ended(started(play, replace(part, log=log, servings=servings)), within_s):
            break
        deaths[kind] += 1
        part = replace(part, done=part.done + counted(log))
    return deaths[0], deaths[1]
