"""Rows 9 and 11: the cost of a claim with many events, and of a select with many workers."""

import random
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack

from bench.claims import claimed
from bench.figures import Bar, Measured, Sample, compared, cpu
from bench.halls import SEATS_OF_A_BUYER, FreshSeats, Order, new_hall, new_halls, opened, seat
from bench.http import Side, selects
from bench.run import Row, Run
from bench.servers import need_wrk, redis_of
from bench.torture.http import Server
from bench.wrk import CONNECTIONS, Load
from billetter.domain.ids import EventId
from billetter.engine import Engine

BETWEEN = (100, 1_000)
"""Numbers of events between one and the many, for the plot."""
SMALL = 800
"""Seats of an event that is one of many."""
EVENTS_BAR = Bar(1.1, at_most=True)
CPU_BAR = Bar(1.1, at_most=True)
TWO_WORKERS_BAR = Bar(0.9)


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

    Each worker has as many connections as the one has: were they spread over more workers, each
    would find fewer requests in a turn of its loop, and a select would bear more of the turn.
    """
    need_wrk()
    counts = run.scale.workers
    async with AsyncExitStack() as stack:
        redis, engine = await stack.enter_async_context(redis_of(run, "workers"))
        sides: dict[str, Side] = {}
        for count in counts:
            api = Server(redis.url, run.apart(f"workers-{count}"), workers=count)
            await stack.enter_async_context(api)
            load = Load(connections=count * CONNECTIONS)
            sides[_workers(count)] = selects(run, api, FreshSeats(engine), load)
        samples = await run.in_turn("row 11", sides)
    one, *more = sides
    figures = [
        compared(11, f"CPU of a select, {many} ÷ {one}", samples, CPU_BAR, many, one, of=cpu)
        for many in more
    ]
    name = "selects a second, 2 workers ÷ 1"
    figures.append(compared(11, name, samples, TWO_WORKERS_BAR, _workers(2), one))
    return Measured(figures, samples, {"counts": counts})


def _workers(count: int) -> str:
    return f"{count} worker{'s'[: count - 1]}"


ROWS = [
    Row(9, "many events in one Redis", many_events),
    Row(11, "several workers on one Redis", many_workers),
]
