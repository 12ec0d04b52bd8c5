"""Row 12, the other half: a whole hall of holds ends at the same moment."""

import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bench.torture.hall import apart, engine_on, new_event, percentile, seat
from bench.torture.run import Figure, Run, Torture, audited
from billetter.domain.ids import BookingId, EventId, UserId, split_booking_id
from billetter.domain.outcome import Opened
from billetter.engine import Engine, keys
from billetter.testing import RedisServer

SEATS_PER_S_MIN = 20_000
DELAY_MS_MAX = 50
EVENT_BOOKINGS = 5_000
AT_ONCE = 500
CLAIMANTS = 20
PAUSE_S = 0.01
BEFORE_S = 2.0
"""Claims are timed for so long before the holds end; the sweepers start meanwhile."""
POLL_S = 0.05
SWEPT_S_MAX = 120.0
BUYER = UserId("x:buyer")


@dataclass(slots=True)
class Swept:
    """seconds: from the end of the holds until the last seat was free. Latencies in ms."""

    bookings: int = 0
    seats: int = 0
    seconds: float = 0.0
    before: list[float] = field(default_factory=list)
    during: list[float] = field(default_factory=list)
    ended: Counter[int] = field(default_factory=Counter)


async def sweeping(run: Run) -> list[Figure]:
    figures = []
    for sweepers in (1, 2):
        with RedisServer(run.binary, apart(run, str(sweepers)), appendonly=True) as redis:
            swept = await _sweep(
                redis.url, run.random, run.many(20_000 // sweepers, 100_000), sweepers
            )
            figures += [*_told(f"{sweepers} sweeper{'s'[: sweepers - 1]}", swept)]
            figures.append(await audited(redis.url))
    return figures


def _told(who: str, swept: Swept) -> list[Figure]:
    rate = swept.seats / swept.seconds
    usual, slow = percentile(swept.before, 0.5), percentile(swept.during, 0.99)
    delay = slow - usual
    twice = sum(count > 1 for count in swept.ended.values())
    once = len(swept.ended) == swept.bookings and not twice
    bar = f"≥ {SEATS_PER_S_MIN:,} a second"
    return [
        Figure(f"{who}: holds, seats", f"{swept.bookings:,}, {swept.seats:,}"),
        Figure(
            f"{who}: seats returned",
            f"{rate:,.0f} a second",
            bar,
            rate >= SEATS_PER_S_MIN,
            speed=True,
        ),
        Figure(f"{who}: all after", f"{swept.seconds:.2f} s"),
        Figure(f"{who}: claims before", f"p50 {usual:.1f} ms, p99 {_p99(swept.before):.1f} ms"),
        Figure(f"{who}: claims meanwhile", f"{len(swept.during):,}, p99 {slow:.1f} ms"),
        Figure(
            f"{who}: a claim's delay at p99",
            f"{delay:.1f} ms",
            f"≤ {DELAY_MS_MAX} ms",
            delay <= DELAY_MS_MAX and bool(swept.during),
            speed=True,
        ),
        Figure(f"{who}: holds ended once", str(once), "True", once),
    ]


def _p99(values: Sequence[float]) -> float:
    return percentile(values, 0.99)


async def _sweep(url: str, chance: Random, bookings: int, sweepers: int) -> Swept:
    swept = Swept(bookings)
    async with engine_on(url) as engine:
        events = [
            await new_event(engine, 5 * EVENT_BOOKINGS) for _ in range(0, bookings, EVENT_BOOKINGS)
        ]
        held: list[BookingId] = []
        for event in events:
            held += await _fill(engine, event, chance, swept)
        hall = await new_event(engine, 900_000)
        with _sweeping(url, sweepers):
            ends_ms = await _end_together(engine, held)
            claims = [
                asyncio.create_task(_claims(engine, hall, number, ends_ms, swept))
                for number in range(CLAIMANTS)
            ]
            await asyncio.sleep(max(0, ends_ms / 1000 - time.time()))
            await _emptied(engine, events)
            swept.seconds = time.time() - ends_ms / 1000
            for claim in claims:
                claim.cancel()
            await asyncio.wait(claims)
        await _count_ends(engine, events, swept)
    return swept


async def _fill(engine: Engine, event: EventId, chance: Random, swept: Swept) -> list[BookingId]:
    """Bookings of 4 or 5 seats."""
    held: list[BookingId] = []
    first = 0
    while len(held) < EVENT_BOOKINGS:
        opening = []
        for _ in range(AT_ONCE):
            count = chance.choice((4, 5))
            wanted = [seat(event, index) for index in range(first, first + count)]
            opening.append(engine.bookings.open(event, BUYER, wanted))
            first += count
        opened = await asyncio.gather(*opening)
        held += [each.id for each in opened if isinstance(each, Opened)]
    swept.seats += first
    return held


async def _end_together(engine: Engine, held: Sequence[BookingId]) -> int:
    """Let all these holds end at one moment, as if made at one; ms since 1970."""
    parts = [held[start : start + AT_ONCE] for start in range(0, len(held), AT_ONCE)]
    began = time.monotonic()
    await _end_at(engine, parts[0], int((time.time() + 3_600) * 1000))
    needed_s = 3 * (time.monotonic() - began) * len(parts)
    ends_ms = int((time.time() + needed_s + BEFORE_S) * 1000)
    for part in parts:
        await _end_at(engine, part, ends_ms)
    if time.time() * 1000 > ends_ms:
        raise TimeoutError("the first holds ended before the last of them were set to")
    await asyncio.sleep(max(0, ends_ms / 1000 - BEFORE_S - time.time()))
    return ends_ms


async def _end_at(engine: Engine, held: Sequence[BookingId], ends_ms: int) -> None:
    commands: list[tuple[Any, ...]] = []
    for booking in held:
        event, number = split_booking_id(booking)
        own = keys.of_event(event)
        commands += [
            ("HSET", own.booking(number), "expires", ends_ms),
            ("ZADD", own.deadlines, ends_ms, f"{event}:{number}"),
            ("PEXPIREAT", own.hold(number), ends_ms),
        ]
    await asyncio.gather(*(engine.store.command(*each) for each in commands))


@contextmanager
def _sweeping(url: str, count: int) -> Any:
    """That many processes that sweep as workers do."""
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_sweeper, args=(url,), daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _sweeper(url: str) -> None:
    async def sweep() -> None:
        async with engine_on(url) as engine:
            await engine.sweeper.run()

    asyncio.run(sweep())


async def _claims(engine: Engine, hall: EventId, number: int, ends_ms: int, swept: Swept) -> None:
    opened = await engine.bookings.open(hall, BUYER)
    assert isinstance(opened, Opened)
    for index in range(number, 900_000, CLAIMANTS):
        began = time.perf_counter()
        await engine.seats.claim(opened.id, BUYER, [seat(hall, index)])
        taken_ms = (time.perf_counter() - began) * 1000
        (swept.during if time.time() * 1000 > ends_ms else swept.before).append(taken_ms)
        await asyncio.sleep(PAUSE_S)


async def _emptied(engine: Engine, events: Sequence[EventId]) -> None:
    """Return when no seat is taken any more."""
    left = list(events)
    async with asyncio.timeout(SWEPT_S_MAX):
        while left:
            await asyncio.sleep(POLL_S)
            sales = await engine.events.sales(left[0])
            if sales is None or not sales.all.taken:
                left.pop(0)


async def _count_ends(engine: Engine, events: Sequence[EventId], swept: Swept) -> None:
    """How often the journal says of each booking that it has expired."""
    for event in events:
        journal, start = keys.of_event(event).journal, "-"
        while batch := await engine.store.command("XRANGE", journal, start, "+", "COUNT", 1_000):
            for _, flat in batch:
                fields = dict(zip(flat[::2], flat[1::2], strict=True))
                if fields[b"what"] == b"expired":
                    swept.ended[int(event * 100_000_000 + int(fields[b"booking"]))] += 1
            start = f"({batch[-1][0].decode()}"


TORTURES = [Torture(12, "a hall of holds ends at once", sweeping)]
