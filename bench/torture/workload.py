"""Buyers who buy at once, and write down what they were told."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from bench.torture.ledger import NOWHERE, SEATS_MAX, Change, Entry, Log, Seats, Told
from bench.torture.run import Run
from billetter.domain.event import Details, EventPlan, Terms
from billetter.domain.ids import BookingId, EventId, SeatId, SeatIndex, UserId, seat_id
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.outcome import EngineError, Opened, OutcomeUnknown, Unavailable
from billetter.engine import Engine, Retention
from billetter.engine.once import Once
from billetter.wire.topology import open_wire

HOLD_MS = 3_600_000
"""No hold lapses during a torture: an expired booking is one that was not kept."""
SEATS = 400_000
HOT = 24
"""Seats that buyers contend for at any one time."""
PATIENCE_S = 30.0
PAUSE_S = 0.02


@asynccontextmanager
async def engine_on(
    url: str, deadline_s: float = 2.0, retention: Retention | None = None
) -> AsyncIterator[Engine]:
    wire = open_wire(url, deadline_s=deadline_s)
    await wire.start()
    try:
        engine = Engine(wire, retention)
        await engine.prepare()
        yield engine
    finally:
        await wire.close()


def fresh(run: Run, name: str) -> Path:
    """A directory of its own in the run's."""
    directory = run.directory / name
    directory.mkdir()
    return directory


async def planned(engine: Engine, seats: int = SEATS, hold_ms: int = HOLD_MS) -> EventId:
    """A new event of that many seats."""
    plan = EventPlan(
        Details("Torture"),
        Terms(hold_ms, hold_ms, SEATS_MAX),
        Layout.plan([ZonePlan("floor", 4_500, (seats,), numbered=False)]),
    )
    return (await engine.events.create(plan, UserId("a:1"))).id


class Load:
    """Buyers who buy one booking after the other until `stop`.

    A call whose outcome is unknown is repeated under the same name, as a client repeats its
    Idempotency-Key, until there is an answer or patience_s is over.
    """

    def __init__(
        self,
        engine: Engine,
        event: EventId,
        seed: random.Random,
        *,
        buyers: int = 32,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.log = Log(event)
        self._engine = engine
        self._random = seed
        self._buyers = buyers
        self._patience_s = patience_s
        self._opened = 0
        self._going = True

    async def __call__(self) -> Log:
        await asyncio.gather(*(self._buyer(number) for number in range(self._buyers)))
        return self.log

    def stop(self) -> None:
        """Let every buyer finish the call under way; then the load ends."""
        self._going = False

    async def progress(self, changes: int = 1) -> None:
        """Return when that many more changes have been acknowledged."""
        wanted = self.log.acknowledged + changes
        while True:
            if self.log.acknowledged >= wanted or not self._going:
                return
            await asyncio.sleep(0.002)

    async def _buyer(self, number: int) -> None:
        own = random.Random(self._random.getrandbits(64))
        user = UserId(f"x:buyer{number}")
        while self._going:
            opened = await self._open(user, own)
            if opened is not None:
                await self._buy(opened, self.log.bookings[opened], own)
            else:
                await asyncio.sleep(PAUSE_S * own.random())

    async def _open(self, user: UserId, own: random.Random) -> BookingId | None:
        change = Change("open", self._some(own) if own.random() < 0.4 else frozenset())
        entry = Entry(user)
        event, seats, once = self.log.event, _ids(self.log.event, change.seats), _once(own)
        told = await self._settled(
            entry, change, lambda: self._engine.bookings.open(event, user, seats, once)
        )
        self._opened += 1
        if isinstance(told, Opened):
            self.log.bookings[told.id] = entry
            return told.id
        if entry.states != {NOWHERE}:
            self.log.orphans.setdefault(user, []).extend(entry.states - {NOWHERE})
        return None

    async def _buy(self, booking: BookingId, entry: Entry, own: random.Random) -> None:
        for _ in range(own.randrange(1, 3)):
            await self._change(booking, entry, Change("claim", self._some(own)), own)
        for state in list(entry.states)[:1]:
            if state.seats and own.random() < 0.4:
                seat = own.choice(sorted(state.seats))
                await self._change(booking, entry, Change("release", frozenset({seat})), own)
        paths = (("pay", "confirm"), ("pay", "fail"), ("cancel",), ("pay", "confirm", "confirm"))
        for what in own.choices((*paths, ()), (4, 2, 4, 1, 1))[0]:
            await self._change(booking, entry, Change(what), own)

    async def _change(
        self, booking: BookingId, entry: Entry, change: Change, own: random.Random
    ) -> None:
        if not self._going:
            return
        engine, once, user = self._engine, _once(own), entry.user
        seats = _ids(self.log.event, change.seats)
        calls: dict[str, Callable[[], Awaitable[Told]]] = {
            "claim": lambda: engine.seats.claim(booking, user, seats, once),
            "release": lambda: engine.seats.release(seats[0], user, once),
            "pay": lambda: engine.bookings.begin_payment(booking, user, once),
            "confirm": lambda: engine.bookings.confirm(booking, once),
            "fail": lambda: engine.bookings.fail(booking, once),
            "cancel": lambda: engine.bookings.cancel(booking, user, once),
        }
        await self._settled(entry, change, calls[change.what])

    async def _settled(
        self, entry: Entry, change: Change, call: Callable[[], Awaitable[Told]]
    ) -> Told | None:
        """Call until the outcome is known; None: it is not, or the change was surely not made."""
        before = set(entry.states)
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._patience_s
        while True:
            try:
                told = await call()
            except Unavailable:
                self.log.unavailable += 1
                if entry.states == before:
                    return None
            except OutcomeUnknown:
                self.log.unknown += 1
                entry.states = before | {
                    after for state in before for after in change.on(state).values()
                }
            except EngineError as error:
                self.log.errors.append(repr(error))
                return None
            else:
                self.log.told(entry, change, before, told)
                return told
            if loop.time() > give_up:
                self.log.unsettled += 1
                return None
            await asyncio.sleep(PAUSE_S)

    def _some(self, own: random.Random) -> Seats:
        """1 to 4 seats where everybody else looks, too; the place moves on as bookings are made."""
        start = (self._opened * 2) % (SEATS - HOT)
        return frozenset(own.sample(range(start, start + HOT), own.randint(1, 4)))


def _once(own: random.Random) -> Once:
    return Once.named("torture", str(own.getrandbits(96)), ttl_ms=HOLD_MS)


def _ids(event: EventId, seats: Iterable[int]) -> list[SeatId]:
    return [seat_id(event, SeatIndex(index)) for index in sorted(seats)]
