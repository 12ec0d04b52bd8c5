"""Rows 1 to 4, 6 and 12: requests over HTTP, against the ceiling or against one another."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from bench import halls
from bench.figures import Bar, Measured, Sample, compared
from bench.halls import Fresh, FreshSeats, new_hall, opened, seat, select
from bench.run import Row, Run
from bench.servers import EchoServer, Stand, need_wrk, stand
from bench.torture.http import Server
from bench.wrk import AT_ONCE, Load, RanOut, wrk
from billetter.domain.ids import BookingId, SeatId

Side = Callable[[], Awaitable[Sample]]
Others = Callable[[asyncio.Event], Coroutine[Any, Any, Sample]]

ECHOED = select(BookingId(100_000_001), SeatId(1_000_001))
PACED = Load(connections=16, pause_ms=16)
"""Buyers that think between selects: about a thousand a second, which leaves a worker at leisure,
so that their latency is what a select takes and not how many stand in line before it."""
PAGE = 20
LAST_PAGE = 5_000
LEFT_OVER = 100
"""Free seats of a hall that is nearly sold out."""
SELECT_BAR = Bar(0.42, 0.52)
CONFLICT_BAR = Bar(0.50, 0.60)
OPEN_BAR = Bar(0.30, 0.40)
PAGE_BAR = Bar(0.35, 0.50)
LAST_PAGE_BAR = Bar(0.9)
FSYNC_BAR = Bar(0.85, 0.95)
FREE_BAR = Bar(3.0, at_most=True)


def answered(run: Run, server: Server, expected: int, *requests: str, load: Load = AT_ONCE) -> Side:
    """A run in which these requests are sent over and over."""
    pids, seconds = server.workers(), run.scale.run_s

    async def measure() -> Sample:
        return await wrk(server.port, requests, expected, load, seconds=seconds, pids=pids)

    return measure


def selects(run: Run, server: Server, fresh: FreshSeats, load: Load = AT_ONCE) -> Side:
    """A run in which every request selects a seat that nobody has."""
    return once_each(run, server, 200, fresh, load)


def paced_selects(run: Run, at: Stand) -> Side:
    """A run of selects whose latency is of use: at a pace, and long enough for a percentile."""
    return selects(run.for_the_tail(), at.api, FreshSeats(at.engine), PACED)


async def amid(measure: Side, others: Others, seen: list[Sample]) -> Sample:
    """The sample taken while others are at it; theirs is added to `seen`.

    others: end soon after the event is set, and before the next sample is taken.
    """
    over = asyncio.Event()
    async with asyncio.TaskGroup() as both:
        at_it = both.create_task(others(over))
        try:
            sample = await measure()
        finally:
            over.set()
    other = at_it.result()
    seen.append(other)
    return replace(sample, fault=sample.fault or other.fault)


def once_each(run: Run, server: Server, expected: int, fresh: Fresh, load: Load = AT_ONCE) -> Side:
    """A run in which no request is sent twice."""
    pids, seconds = server.workers(), run.scale.run_s
    if load.per_s:
        fresh.seen(load.per_s)

    async def measure() -> Sample:
        asked = await fresh.requests(seconds)
        try:
            sample = await wrk(
                server.port, asked, expected, load, seconds=seconds, pids=pids, once=True
            )
        except RanOut:
            fresh.seen(2 * len(asked) / seconds)
            return await measure()
        fresh.seen(sample.per_s)
        return sample

    return measure


async def select_fresh(run: Run) -> Measured:
    async def side(at: Stand) -> Side:
        return selects(run, at.api, FreshSeats(at.engine))

    return await _to_ceiling(run, 1, "select", SELECT_BAR, side)


async def conflict(run: Run) -> Measured:
    async def side(at: Stand) -> Side:
        event = await new_hall(at.engine, run.scale.seats)
        await halls.take(at.engine, event, range(1_000))
        (mine,) = await opened(at.engine, [(event, ())])
        asked = [select(mine, seat(event, index)) for index in range(1_000)]
        return answered(run, at.api, 419, *asked)

    return await _to_ceiling(run, 2, "conflict", CONFLICT_BAR, side)


async def open_booking(run: Run) -> Measured:
    async def side(at: Stand) -> Side:
        event = await new_hall(at.engine, run.scale.seats)
        return answered(run, at.api, 201, f'POST /api/bookings {{"event_id": {event}}}')

    return await _to_ceiling(run, 3, "open", OPEN_BAR, side)


async def _to_ceiling(
    run: Run, row: int, what: str, bar: Bar, prepare: Callable[[Stand], Awaitable[Side]]
) -> Measured:
    """One kind of request against the echo, in turn."""
    need_wrk()
    async with stand(run) as at, EchoServer(run) as echo:
        sides = {what: await prepare(at), "echo": answered(run, echo, 200, ECHOED)}
        samples = await run.in_turn(f"row {row}", sides)
    return Measured([compared(row, f"{what} ÷ echo", samples, bar, what, "echo")], samples)


async def seat_pages(run: Run) -> Measured:
    need_wrk()
    last = min(LAST_PAGE, run.scale.seats // PAGE)
    async with stand(run) as at, EchoServer(run) as echo:
        event = await new_hall(at.engine, run.scale.seats)
        await halls.take(at.engine, event, range(0, run.scale.seats, 2))
        path = f"GET /api/seats?event_id={event}&pageSize={PAGE}&page="
        sides = {
            "page 1": answered(run, at.api, 200, f"{path}1"),
            f"page {last:,}": answered(run, at.api, 200, f"{path}{last}"),
            "echo": answered(run, echo, 200, ECHOED),
        }
        samples = await run.in_turn("row 4", sides)
    figures = [
        compared(4, "seat page ÷ echo", samples, PAGE_BAR, "page 1", "echo"),
        compared(4, f"page {last:,} ÷ page 1", samples, LAST_PAGE_BAR, f"page {last:,}", "page 1"),
    ]
    return Measured(figures, samples)


async def durable(run: Run) -> Measured:
    need_wrk()
    async with AsyncExitStack() as stack:
        sides = {}
        for side, appendonly in (("fsync always", True), ("no persistence", False)):
            name = side.replace(" ", "-")
            at = await stack.enter_async_context(stand(run, name, appendonly=appendonly))
            sides[side] = selects(run, at.api, FreshSeats(at.engine))
        samples = await run.in_turn("row 6", sides)
    name = "select, fsync always ÷ no persistence"
    return Measured([compared(6, name, samples, FSYNC_BAR, *sides)], samples)


async def free_pages(run: Run) -> Measured:
    need_wrk()
    seats = run.scale.seats
    async with stand(run) as at:
        sides = {}
        for side, taken in (("empty", 0), ("nearly sold out", seats - LEFT_OVER)):
            event = await new_hall(at.engine, seats)
            await halls.take(at.engine, event, range(taken))
            path = f"/api/seats?event_id={event}&status=FREE&pageSize={PAGE}"
            sides[side] = answered(run, at.api, 200, f"GET {path}")
        samples = await run.in_turn("row 12", sides)
    name = "time of a FREE page, nearly sold out ÷ empty"
    return Measured([compared(12, name, samples, FREE_BAR, *sides)], samples)


ROWS = [
    Row(1, "select a fresh seat over HTTP", select_fresh),
    Row(2, "select a seat that is taken", conflict),
    Row(3, "open a booking", open_booking),
    Row(4, "a page of 20 seats of 100 000", seat_pages),
    Row(6, "what appendfsync always costs", durable),
    Row(12, "a page of free seats when few are left", free_pages),
]
