"""Row 1: many workers of several processes fight over a few seats, tickets and places in lines.

What must not be is judged from what the workers were told, by nothing that Billetter keeps.
"""

import asyncio
import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from bench.torture.crashes import crashes
from bench.torture.hall import TAKEN_UNASKED, apart, at_pace, engine_on, new_event, seat
from bench.torture.run import Figure, Run, Torture, audited, none_of
from bench.torture.rush import rush
from billetter.domain.booking import SeatStatus, Status
from billetter.domain.ids import BookingId, EventId, SeatId, UserId, split_booking_id
from billetter.domain.outcome import AwaitingPayment, Opened, Outcome, Unavailable
from billetter.engine import Engine
from billetter.engine.maps import SeatQuery
from billetter.testing import RedisServer

PROCESSES, WORKERS = 3, 40
HOT_SEATS = 12
"""Seats of an event: so few that every worker wants what another has."""
OPERATIONS_PER_EVENT = 800
HOLD_MS, PAYMENT_MS = 60, 90
"""Some holds lapse while the fight goes on."""
CONTROL_OPERATIONS = 6_000
OPERATIONS = "TORTURE_OPERATIONS"
"""Environment variable: how many operations instead, 10 000 000 for instance."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one process does: `operations` of them, from one event to the next."""

    url: str
    seed: str
    events: Sequence[EventId]
    operations: int
    sabotaged: bool


@dataclass(slots=True)
class Told:
    """What the workers of one process were told. sold: confirmed bookings with their seats."""

    operations: int = 0
    unavailable: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    sold: list[tuple[BookingId, tuple[SeatId, ...]]] = field(default_factory=list)


async def contention(run: Run) -> list[Figure]:
    """Half of the operations are about seats, half about tickets without numbers."""
    wanted = int(os.environ.get(OPERATIONS, 0)) or run.many(100_000, 1_000_000)
    seats = await _seats(run, wanted // 2)
    return [*seats, *await rush(run, wanted - wanted // 2), *await crashes(run)]


async def _seats(run: Run, wanted: int) -> list[Figure]:
    with RedisServer(run.binary, run.directory) as redis:
        began = time.monotonic()
        told = await _fight(redis.url, run.seed, wanted, sabotaged=False)
        rate = told.operations / (time.monotonic() - began)
        figures = [
            Figure("seats: operations", f"{told.operations:,} ({rate:,.0f} a second)"),
            Figure("processes, workers of each", f"{PROCESSES}, {WORKERS}"),
            *(Figure(f"answered {each.value}", f"{n:,}") for each, n in told.outcomes.items()),
            Figure("answered unavailable: changing hands", f"{told.unavailable:,}"),
            none_of("double sales", twice_sold(told)),
            none_of("acknowledged sales that Billetter denies", await _denied(redis.url, told)),
            await audited(redis.url),
        ]
    return [*figures, await _control(run)]


def twice_sold(told: Told) -> list[SeatId]:
    """Seats that more than one booking was told it has bought."""
    owners = Counter(each for _, seats in told.sold for each in seats)
    return [each for each, count in owners.items() if count > 1]


async def _control(run: Run) -> Figure:
    """The same fight, by scripts that do not ask whether a seat is taken."""
    with RedisServer(run.binary, apart(run, "control")) as redis:
        told = await _fight(redis.url, run.seed, CONTROL_OPERATIONS, sabotaged=True)
        caught = len(twice_sold(told))
        audit = await audited(redis.url)
    value = f"{caught} double sales found, audit {'blind' if audit.ok else 'finds them'}"
    return Figure("control: no guard", value, "found", caught > 0 and not audit.ok)


async def _fight(url: str, seed: int, operations: int, *, sabotaged: bool) -> Told:
    async with engine_on(url) as engine:
        count = max(2, operations // OPERATIONS_PER_EVENT)
        terms = {"hold_ms": HOLD_MS, "payment_ms": PAYMENT_MS}
        events = [await new_event(engine, HOT_SEATS, **terms) for _ in range(count)]
    shares = [
        Share(url, f"{seed}:{number}", events, operations // PROCESSES, sabotaged)
        for number in range(PROCESSES)
    ]
    loop = asyncio.get_running_loop()
    spawn = multiprocessing.get_context("spawn")
    whole = Told()
    with ProcessPoolExecutor(PROCESSES, mp_context=spawn) as pool:
        for told in await asyncio.gather(*(loop.run_in_executor(pool, _play, s) for s in shares)):
            whole.operations += told.operations
            whole.unavailable += told.unavailable
            whole.outcomes += told.outcomes
            whole.sold += told.sold
    return whole


def _play(share: Share) -> Told:
    return asyncio.run(_crowd(share))


async def _crowd(share: Share) -> Told:
    told = Told()
    async with engine_on(share.url, without=TAKEN_UNASKED if share.sabotaged else ()) as engine:
        workers = (
            _Worker(engine, share, told, random.Random(f"{share.seed}:{number}"), number)
            for number in range(WORKERS)
        )
        await asyncio.gather(*(worker.run() for worker in workers))
    return told


class _Worker:
    """One customer after the other: chooses seats, and pays, gives up or forgets to."""

    def __init__(
        self, engine: Engine, share: Share, told: Told, chance: random.Random, number: int
    ) -> None:
        self._engine = engine
        self._share = share
        self._told = told
        self._random = chance
        self._user = UserId(f"x:{share.seed}:{number}")

    async def run(self) -> None:
        while self._told.operations < self._share.operations:
            try:
                await self._customer(self._event())
            except Unavailable:  # The seats changed hands three times while it looked.
                self._told.operations += 1
                self._told.unavailable += 1

    def _event(self) -> EventId:
        return at_pace(
            self._share.events, self._told.operations, self._share.operations, self._random
        )

    async def _customer(self, event: EventId) -> None:
        chance = self._random
        at_once = self._choice(event) if chance.random() < 0.5 else []
        opened = await self._engine.bookings.open(event, self._user, at_once)
        self._count(opened.outcome)
        if not isinstance(opened, Opened):
            return
        held = set(at_once)
        for _ in range(chance.randrange(4)):
            if held and chance.random() < 0.3:
                await self._release(held)
            else:
                await self._claim(opened.id, held)
        if chance.random() < 0.2:
            await asyncio.sleep(chance.uniform(0, 2 * HOLD_MS / 1000))
        if held and chance.random() < 0.5:
            await self._pay(opened.id, held)
        elif chance.random() < 0.8:
            self._count((await self._engine.bookings.cancel(opened.id, self._user)).outcome)

    def _choice(self, event: EventId) -> list[SeatId]:
        indexes = self._random.sample(range(HOT_SEATS), self._random.randint(1, 3))
        return [seat(event, index) for index in indexes]

    async def _claim(self, booking: BookingId, held: set[SeatId]) -> None:
        wanted = self._choice(split_booking_id(booking)[0])
        answer = await self._engine.seats.claim(booking, self._user, wanted)
        self._count(answer.outcome)
        if answer.outcome is Outcome.CLAIMED:
            held.update(wanted)

    async def _release(self, held: set[SeatId]) -> None:
        leaving = self._random.choice(sorted(held))
        answer = await self._engine.seats.release(leaving, self._user)
        self._count(answer.outcome)
        if answer.outcome is Outcome.RELEASED:
            held.remove(leaving)

    async def _pay(self, booking: BookingId, held: set[SeatId]) -> None:
        chance, bookings = self._random, self._engine.bookings
        awaiting = await bookings.begin_payment(booking, self._user)
        self._count(awaiting.outcome)
        if not isinstance(awaiting, AwaitingPayment):
            return
        if chance.random() < 0.3:  # Some pay at the last moment, or after it.
            await asyncio.sleep(chance.uniform(0, 2 * PAYMENT_MS / 1000))
        if chance.random() < 0.5:
            self._count((await bookings.fail(booking)).outcome)
        for _ in range(chance.choice((1, 1, 2))):
            answer = await bookings.confirm(booking)
            self._count(answer.outcome)
        if answer.outcome is Outcome.CONFIRMED:
            self._told.sold.append((booking, tuple(sorted(held))))

    def _count(self, outcome: Outcome) -> None:
        self._told.operations += 1
        self._told.outcomes[outcome] += 1


async def _denied(url: str, told: Told) -> list[BookingId]:
    """Confirmed bookings that Billetter does not show as the workers were told."""
    denied = []
    async with engine_on(url) as engine:
        sold: dict[EventId, set[SeatId]] = {}
        for booking, seats in told.sold:
            kept = await engine.bookings.get(booking)
            if kept is None or kept.status is not Status.CONFIRMED or set(kept.seats) != set(seats):
                denied.append(booking)
                continue
            if kept.event_id not in sold:
                query = SeatQuery(None, SeatStatus.SOLD, 0, HOT_SEATS)
                page = await engine.maps.page(kept.event_id, query)
                found = page.seats if page else []
                sold[kept.event_id] = {seat(kept.event_id, index) for index, _ in found}
            if not sold[kept.event_id].issuperset(seats):
                denied.append(booking)
    return denied


TORTURES = [Torture(1, "many workers fight over few seats, tickets and lines, and die", contention)]
