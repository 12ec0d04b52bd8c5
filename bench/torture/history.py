"""Row 18: what every worker did to every seat, and when, has one order that explains it.

Workers log each call, its answer and both times. Meanwhile Redis is stopped for longer than calls
may take, and connections are cut: so calls end as unknown, and act later or never.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from bench.torture.hall import HOLD_MS, TAKEN_UNASKED, apart, engine_on, new_event, seat
from bench.torture.linear import NEVER, NOBODY, Op, Seen, violation
from bench.torture.run import Figure, Run, Torture, audited
from billetter.domain.booking import SeatStatus
from billetter.domain.ids import BookingId, EventId, SeatId, UserId
from billetter.domain.outcome import Opened, Outcome, OutcomeUnknown, Unavailable
from billetter.engine import Engine
from billetter.engine.maps import SeatQuery
from billetter.engine.once import Once
from billetter.testing import RedisServer

ENGINES, WORKERS = 3, 20
"""Connections, and workers of each."""
HOT_SEATS = 8
OPERATIONS_PER_EVENT = 800
DEADLINE_S = 0.06
FAULT_S = 0.06
"""On average between two faults."""
GIVE_UP = 200
CONTROL_OPERATIONS = 2_000
READ_AS = {
    SeatStatus.FREE: Seen.FREE,
    SeatStatus.RESERVED: Seen.RESERVED,
    SeatStatus.SOLD: Seen.SOLD,
}


@dataclass(slots=True)
class Log:
    """What was done to each seat. ends: when a booking was over for sure, so that no call of it
    that was under way can act any more."""

    operations: int = 0
    faults: int = 0
    told: Counter[str] = field(default_factory=Counter)
    seats: dict[SeatId, list[Op]] = field(default_factory=dict)
    ends: dict[BookingId, float] = field(default_factory=dict)

    def add(self, seats: Sequence[SeatId], op: Op) -> None:
        for each in seats:
            self.seats.setdefault(each, []).append(op)

    def history(self, seat: SeatId) -> list[Op]:
        """Its operations, those of unknown outcome until their booking was over."""
        return [
            op if op.sure else replace(op, end=self.ends.get(BookingId(op.booking), NEVER))
            for op in self.seats[seat]
        ]

    def violations(self) -> list[str]:
        found = ((each, violation(self.history(each))) for each in sorted(self.seats))
        return [f"seat {each}: {op}" for each, op in found if op is not None]


async def history(run: Run) -> list[Figure]:
    with RedisServer(run.binary, run.directory) as redis:
        log = await _workload(redis, run.random, run.many(20_000, 500_000), faults=True)
        began = time.monotonic()
        violations = log.violations()
        checked_s = time.monotonic() - began
        unknown = sum(count for name, count in log.told.items() if name.endswith("unknown"))
        longest = max(map(len, log.seats.values()))
        recorded = sum(map(len, log.seats.values()))
        told = ", ".join(f"{count:,} {name}" for name, count in sorted(log.told.items()))
        figures = [
            Figure("operations", f"{log.operations:,}: {told}"),
            Figure("faults", f"{log.faults}", "> 0", log.faults > 0),
            Figure("outcomes unknown", f"{unknown:,}", "> 0", unknown > 0),
            Figure("histories", f"{len(log.seats):,} seats, the longest of {longest} operations"),
            Figure("checked", f"{recorded:,} in {checked_s:.1f} s"),
            Figure("violations", f"{len(violations)} {violations[:3] or ''}", "0", not violations),
            await audited(redis.url),
        ]
    return [*figures, await _control(run)]


async def _control(run: Run) -> Figure:
    """The same by scripts that do not ask whether a seat is taken: the checker must object."""
    with RedisServer(run.binary, apart(run, "control")) as redis:
        log = await _workload(redis, run.random, CONTROL_OPERATIONS, faults=False)
    found = len(log.violations())
    return Figure("control: no guard", f"{found} seats violated", "> 0", found > 0)


async def _workload(redis: RedisServer, chance: Random, operations: int, *, faults: bool) -> Log:
    log = Log()
    async with AsyncExitStack() as stack:
        plain = await stack.enter_async_context(engine_on(redis.url))
        options: dict[str, Any] = {} if not faults else {"deadline_s": DEADLINE_S}
        options["without"] = () if faults else TAKEN_UNASKED
        engines = [
            await stack.enter_async_context(engine_on(redis.url, **options)) for _ in range(ENGINES)
        ]
        count = max(2, operations // OPERATIONS_PER_EVENT)
        events = [await new_event(plain, HOT_SEATS) for _ in range(count)]
        workers = [
            _Worker(engine, log, Random(chance.getrandbits(64)), UserId(f"x:{n}:{m}"), operations)
            for n, engine in enumerate(engines)
            for m in range(WORKERS)
        ]
        trouble = asyncio.create_task(_trouble(redis, plain, chance, log)) if faults else None
        await asyncio.gather(*(worker.run(events) for worker in workers))
        if trouble:
            trouble.cancel()
            with suppress(asyncio.CancelledError):
                await trouble
    return log


async def _trouble(redis: RedisServer, engine: Engine, chance: Random, log: Log) -> None:
    """Stop Redis, mostly for longer than a call may take, or cut all connections but this one."""
    while True:
        await asyncio.sleep(chance.uniform(0, 2 * FAULT_S))
        log.faults += 1
        if chance.random() < 0.5:
            os.kill(redis.pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(chance.uniform(0.5, 6) * DEADLINE_S)
            finally:
                os.kill(redis.pid, signal.SIGCONT)
        else:
            with suppress(Unavailable, OutcomeUnknown):
                await engine.store.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


class _Worker:
    """One customer after the other, each with a booking; every call is logged with its times."""

    def __init__(
        self, engine: Engine, log: Log, chance: Random, user: UserId, operations: int
    ) -> None:
        self._engine = engine
        self._log = log
        self._random = chance
        self._user = user
        self._operations = operations

    async def run(self, events: Sequence[EventId]) -> None:
        while self._log.operations < self._operations:
            at = min(len(events) - 1, self._log.operations // OPERATIONS_PER_EVENT)
            event = events[at]
            opened = await self._open(event)
            if isinstance(opened, Opened):
                await self._customer(event, opened.id)

    async def _open(self, event: EventId) -> Any:
        once = Once.named("open", str(self._random.getrandbits(96)), ttl_ms=HOLD_MS)
        opens = self._engine.bookings.open
        return await self._known("open", lambda: opens(event, self._user, once=once))

    async def _customer(self, event: EventId, booking: BookingId) -> None:
        chance = self._random
        touched: set[SeatId] = set()
        for _ in range(chance.randint(1, 4)):
            doing = chance.random()
            if doing < 0.3:
                await self._read(event)
            elif doing < 0.5 and touched:
                await self._release(booking, chance.choice(sorted(touched)))
            else:
                await self._claim(event, booking, touched)
        paying = bool(touched) and chance.random() < 0.08
        if paying and await self._pay(booking, touched):
            return
        await self._cancel(booking, touched)

    async def _claim(self, event: EventId, booking: BookingId, touched: set[SeatId]) -> None:
        wanted = [seat(event, index) for index in self._random.sample(range(HOT_SEATS), 2)]
        wanted = wanted[: self._random.randint(1, 2)]
        claims = self._engine.seats.claim
        start = time.monotonic()
        answer = await self._call("claim", lambda: claims(booking, self._user, wanted))
        op = Op(Seen.CLAIMED, booking, start, time.monotonic())
        if answer is OutcomeUnknown:
            self._log.add(wanted, replace(op, sure=False))
            touched.update(wanted)
        elif answer is not None and answer.outcome is Outcome.CLAIMED:
            self._log.add(wanted, op)
            touched.update(wanted)
        elif answer is not None and answer.outcome is Outcome.SEAT_TAKEN:
            self._log.add([SeatId(int(answer.fields[0]))], replace(op, seen=Seen.TAKEN))

    async def _release(self, booking: BookingId, leaving: SeatId) -> None:
        releases = self._engine.seats.release
        start = time.monotonic()
        answer = await self._call("release", lambda: releases(leaving, self._user))
        op = Op(Seen.RELEASED, booking, start, time.monotonic())
        if answer is OutcomeUnknown:
            self._log.add([leaving], replace(op, sure=False))
        elif answer is not None and answer.outcome is Outcome.RELEASED:
            self._log.add([leaving], op)
        elif answer is not None and answer.outcome is Outcome.NOT_HELD:
            self._log.add([leaving], replace(op, seen=Seen.NOT_HELD))

    async def _read(self, event: EventId) -> None:
        pages = self._engine.maps.page
        query = SeatQuery(None, None, 0, HOT_SEATS)
        start = time.monotonic()
        page = await self._call("read", lambda: pages(event, query))
        end = time.monotonic()
        if page is not None and page is not OutcomeUnknown:
            for index, status in page.seats:
                self._log.add([seat(event, index)], Op(READ_AS[status], NOBODY, start, end))

    async def _pay(self, booking: BookingId, touched: set[SeatId]) -> bool:
        """Whether the booking was confirmed; asked again until that is known."""
        bookings = self._engine.bookings
        await self._known("begin", lambda: bookings.begin_payment(booking, self._user))
        start = time.monotonic()
        answer = await self._known("confirm", lambda: bookings.confirm(booking))
        if answer.outcome is not Outcome.CONFIRMED:
            return False
        end = self._log.ends[booking] = time.monotonic()
        self._log.add(sorted(touched), Op(Seen.CONFIRMED, booking, start, end))
        return True

    async def _cancel(self, booking: BookingId, touched: set[SeatId]) -> None:
        bookings = self._engine.bookings
        start = time.monotonic()
        await self._known("cancel", lambda: bookings.cancel(booking, self._user))
        end = self._log.ends[booking] = time.monotonic()
        self._log.add(sorted(touched), Op(Seen.ENDED, booking, start, end))

    async def _known(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """Repeat the call until it is answered, as every client may."""
        for _ in range(GIVE_UP):
            answer = await self._call(name, call)
            if answer is not None and answer is not OutcomeUnknown:
                return answer
        raise TimeoutError(f"{name} was never answered")

    async def _call(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """The answer; OutcomeUnknown itself where it was lost, None where the call did nothing."""
        self._log.operations += 1
        try:
            answer = await call()
        except OutcomeUnknown:
            self._log.told[f"{name} unknown"] += 1
            return OutcomeUnknown
        except Unavailable:
            self._log.told[f"{name} unavailable"] += 1
            await asyncio.sleep(0.005)
            return None
        self._log.told[f"{name} answered"] += 1
        return answer


TORTURES = [Torture(18, "every seat's history is linearizable", history)]
