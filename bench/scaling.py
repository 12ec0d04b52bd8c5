"""Rows 9 and 11: the cost of a claim with many events, and of a select with many workers."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from bench.claims import claimed
from bench.figures import Bar, Figure, Measured, Sample, Samples, compared, cpu
from bench.halls import SEATS_OF_A_BUYER, FreshSeats, Order, new_hall, new_halls, opened, seat
from bench.http import Side, selects
from bench.run import Row, Run
from bench.servers import need_wrk, redis_of
from bench.torture.http import Server
from bench.wrk import AT_ONCE, Load
from billetter.domain.ids import EventId
from billetter.engine import Engine

BETWEEN = (100, 1_000)
"""Numbers of events between one and the many, for the plot."""
SMALL = 800
"""Seats of an event that is one of many."""
EVENTS_BAR = Bar(1.1, at_most=True)
CPU_BAR = Bar(1.1, at_most=True)
TWO_WORKERS_BAR = Bar(0.9)
PACE = Load(connections=32, pause_ms=16)
"""Of each worker: about 2 000 selects a second, so that four of them fit on two processors."""


async def many_events(run: Run) -> Measured:
    """Claims in one event while there are few and many, and claims spread over the many."""
    most = run.scale.events
    counts = sorted({1, most, *(count for count in BETWEEN if count < most)})
    async with AsyncExitStack() as stack:
        sides: dict[str, Side] = {}
        for count in counts:
            run.progress.say(f"row 9: making {_events(count)}")
            _, engine = await stack.enter_async_context(redis_of(run, f"events-{count}"))
            events = await new_halls(engine, count - 1, SMALL)
            sides[_events(count)] = _in_one(run, engine)
        everywhere = f"all of {_events(most)}"  # The last ones made are those of the most.
        sides[everywhere] = _in_all(run, engine, events)
        samples = await run.in_turn("row 9", sides)
    few, many = _events(1), _events(most)
    figures = [
        compared(9, f"cost of a claim, {many} ÷ {few}", samples, EVENTS_BAR, few, many),
        compared(9, f"cost of claims all over {many} ÷ {few}", samples, Bar(None), few, everywhere),
    ]
    return Measured(figures, samples, {"counts": counts})


def _in_one(run: Run, engine: Engine) -> Side:
    async def measure() -> Sample:
        event = await new_hall(engine, run.scale.claims)
        firsts = range(0, run.scale.claims, SEATS_OF_A_BUYER)
        return await _claimed(engine, [(event, range(at, at + SEATS_OF_A_BUYER)) for at in firsts])

    return measure


def _in_all(run: Run, engine: Engine, events: Sequence[EventId]) -> Side:
    sold = Counter[EventId]()

    def order() -> Order:
        event = random.choice(events)
        first = sold[event]
        sold[event] += SEATS_OF_A_BUYER
        return event, range(first, first + SEATS_OF_A_BUYER)

    async def measure() -> Sample:
        buyers = run.scale.claims // SEATS_OF_A_BUYER
        return await _claimed(engine, [order() for _ in range(buyers)])

    return measure


async def _claimed(engine: Engine, orders: Sequence[Order]) -> Sample:
    bookings = await opened(engine, [(event, ()) for event, _ in orders])
    claims = [
        (booking, seat(event, index))
        for booking, (event, indexes) in zip(bookings, orders, strict=True)
        for index in indexes
    ]
    return await claimed(engine, claims)


def _events(count: int) -> str:
    return f"{count:,} event{'s'[: count - 1]}"


async def many_workers(run: Run) -> Measured:
    """Selects by servers of one, two and four processes on one Redis, in turn.

    Each worker bears the same load: at a pace that leaves all of them at leisure, for what a select
    costs; and as much as it can, for what comes out of the machine. There more processes than it
    has processors interrupt one another, and a select bears that, too.
    """
    need_wrk()
    counts = run.scale.workers
    async with AsyncExitStack() as stack:
        redis, engine = await stack.enter_async_context(redis_of(run, "workers"))
        paced: dict[str, Side] = {}
        rushed: dict[str, Side] = {}
        for count in counts:
            api = Server(redis.url, run.apart(f"workers-{count}"), workers=count)
            await stack.enter_async_context(api)
            side, pace, load = _workers(count), _times(count, PACE), _times(count, AT_ONCE)
            paced[f"{side} at a pace"] = selects(run, api, FreshSeats(engine), pace)
            rushed[side] = selects(run, api, FreshSeats(engine), load)
        samples = await run.in_turn("row 11", paced | rushed)
    return Measured([*_scaling(samples, paced, rushed)], samples)


def _scaling(samples: Samples, paced: Iterable[str], rushed: Iterable[str]) -> Iterator[Figure]:
    for sides, bar in ((paced, CPU_BAR), (rushed, Bar(None))):
        one, *more = sides
        for many in more:
            yield compared(11, f"CPU of a select, {many} ÷ 1", samples, bar, many, one, of=cpu)
    name = "selects a second, 2 workers ÷ 1"
    yield compared(11, name, samples, TWO_WORKERS_BAR, _workers(2), _workers(1))


def _times(count: int, load: Load) -> Load:
    return replace(load, connections=count * load.connections)


def _workers(count: int) -> str:
    return f"{count} worker{'s'[: count - 1]}"


ROWS = [
    Row(9, "many events in one Redis", many_events),
    Row(11, "several workers on one Redis", many_workers),
]
