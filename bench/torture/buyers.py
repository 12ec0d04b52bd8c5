"""What the users of one process do with a few tickets: they buy, wait, give back, and forget to."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.torture.customers import Customer
from bench.torture.hall import ORGANIZER, Guard, at_pace, engine_on
from bench.torture.mortals import mortal
from bench.torture.told import Said, Scribe, Told
from billetter.domain.ids import EventId, UserId
from billetter.domain.ticket import Item
from billetter.engine import Engine

WORKERS = 40
ZONES = (5, 3)
"""Tickets of each zone of an event, at first."""
HOLD_MS, PAYMENT_MS = 60, 90
"""Some holds lapse while the fight goes on."""
LINELESS = 2
"""Of so many events, one has no line."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one process does: from call `done` to call `operations` of its users.

    servings: at which of its changes that free something it dies before that is handed on; 0: none.
    """

    url: str
    users: str
    events: Sequence[EventId]
    operations: int
    log: Path
    without: Sequence[Guard] = ()
    done: int = 0
    servings: int = 0


def play(part: Part) -> None:
    asyncio.run(_crowd(part))


async def _crowd(part: Part) -> None:
    """As in a worker of `billetter serve`, a sweeper runs beside them."""
    async with engine_on(part.url, without=part.without) as engine:
        if part.servings:
            mortal(engine, part.servings)
        scribe = Scribe(part.log)
        sweeping = asyncio.create_task(engine.sweeper.run())
        await asyncio.gather(*(_Buyer(engine, scribe, part, n).run() for n in range(WORKERS)))
        sweeping.cancel()
        await asyncio.wait([sweeping])
        scribe.close()


class _Buyer:
    """One user, who goes from event to event and comes back to some."""

    def __init__(self, engine: Engine, scribe: Scribe, part: Part, number: int) -> None:
        self._scribe = scribe
        self._part = part
        self._random = random.Random(f"{part.users}:{number}:{part.done}")
        self._customer = Customer(engine, scribe, UserId(f"{part.users}:{number}"))

    async def run(self) -> None:
        while self._done < self._part.operations:
            event, chance = self._event(), self._random.random()
            if chance < 0.01:
                zone = self._random.randint(1, len(ZONES))
                await self._customer.grow(event, ORGANIZER, zone)
            elif chance < (0.7 if event % LINELESS == 0 else 0.3):
                await self._tickets(event)
            else:
                await self._place(event)

    @property
    def _done(self) -> int:
        return self._part.done + self._scribe.calls

    def _event(self) -> EventId:
        return at_pace(self._part.events, self._done, self._part.operations, self._random)

    async def _tickets(self, event: EventId) -> None:
        chance, customer = self._random, self._customer
        zones = chance.sample(range(1, len(ZONES) + 1), chance.choice((1, 1, 2)))
        has = await customer.open(event, [Item(zone, chance.randint(1, 2)) for zone in zones])
        if has.tickets > 1 and chance.random() < 0.2:
            await customer.release(event, has)
            has = await customer.look(event, has.booking)
        if has.said is not Said.HAS:
            return
        if chance.random() < 0.15:
            await asyncio.sleep(chance.uniform(0, 2 * HOLD_MS / 1000))
        if chance.random() < 0.6:
            await self._pay(event, has)
        elif chance.random() < 0.75:
            await customer.cancel(event, has.booking)

    async def _pay(self, event: EventId, has: Told) -> None:
        chance, customer = self._random, self._customer
        has = await customer.pay(event, has)
        if has.said is not Said.HAS:
            return
        if chance.random() < 0.2:  # Some pay at the last moment, or after it.
            await asyncio.sleep(chance.uniform(0, 2 * PAYMENT_MS / 1000))
        if chance.random() < 0.3:
            await customer.fail(event, has.booking)
        for _ in range(chance.choice((1, 1, 2))):
            told = await customer.confirm(event, has)
        if told.said is Said.HAS and chance.random() < 0.1:
            await customer.pay_again(event, has.booking)
        if told.said is Said.HAS and chance.random() < 0.9:
            await customer.refund(event, has.booking)

    async def _place(self, event: EventId) -> None:
        """Ask for a place, sometimes twice at once; wait for a while; and mostly leave again."""
        chance, customer = self._random, self._customer
        lineless = event % LINELESS == 0
        asks = customer.reserve if lineless or chance.random() < 0.1 else customer.book
        times = chance.choices((1, 2), (9, 1))[0]
        answers = await asyncio.gather(*(asks(event) for _ in range(times)))
        told = max(answers, key=lambda each: each.booking)
        for _ in range(chance.randrange(4)):
            if told.booking:
                await asyncio.sleep(chance.uniform(0, 0.02))
                told = await self._asked(event, told.booking)
        if told.booking and chance.random() < 0.85:
            await self._leave(event, told.booking)

    async def _asked(self, event: EventId, booking: int) -> Told:
        if self._random.random() < 0.5:
            return await self._customer.standing(event)
        return await self._customer.look(event, booking)

    async def _leave(self, event: EventId, booking: int) -> None:
        """In any of the ways there are; the first two of them end only one of both."""
        customer = self._customer
        way = self._random.random()
        if way < 0.2:
            told = await customer.refund(event, booking)
        elif way < 0.4:
            told = await customer.cancel(event, booking)
        if way >= 0.4 or told.said is not Said.OVER:
            await customer.give_up(event, booking)
