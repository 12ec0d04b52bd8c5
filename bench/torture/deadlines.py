"""Row 12: claims against expiry against payment at the deadline, and the sweeper's own figures."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from bench.torture.hall import Guard, apart, engine_on, new_event, percentile, seat
from bench.torture.run import Figure, Run, Torture, audited
from billetter.domain.booking import SeatStatus, Status
from billetter.domain.ids import (
    BookingId,
    BookingNumber,
    EventId,
    SeatId,
    UserId,
    booking_id,
    split_seat_id,
)
from billetter.domain.outcome import Answer, AwaitingPayment, Opened, Outcome, Unavailable
from billetter.engine import Engine, keys
from billetter.engine.maps import SeatQuery
from billetter.testing import RedisServer

TERMS_MS = (50, 100, 200)
"""How long holds and payments last."""
AT_ONCE = 100
JITTER_S = 0.006
MARGIN_MS = 2
LAG_S_MAX = 1.0
BUYER, RIVAL = UserId("x:buyer"), UserId("x:rival")
REFUND_FORGOTTEN: Guard = (
    "confirm_booking",
    "owed = owed or refusal and 'expired'",
    "free = free or {}",
)
"""A script that sells the seats of a lapsed booking, whoever has them by now."""

POLL_S = 0.05


@dataclass(slots=True)
class Duels:
    """sold: who was told that it has bought a seat. faults: what must never be."""

    told: Counter[str] = field(default_factory=Counter)
    sold: dict[SeatId, list[BookingId]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


async def deadline(run: Run) -> list[Figure]:
    with RedisServer(run.binary, run.directory) as redis:
        duels = await _duels(redis.url, run.random, run.many(1_500, 20_000))
        lags = await _lags(redis.url, run.random, run.many(3_000, 50_000))
        audit = await audited(redis.url)
    with RedisServer(run.binary, apart(run, "control")) as redis:
        control = await _duels(redis.url, run.random, 300, without=[REFUND_FORGOTTEN])
    p99, caught = percentile(lags, 0.99), len(control.faults)
    return [
        *(Figure(name, f"{count:,}") for name, count in sorted(duels.told.items())),
        Figure("sold and freed, or sold twice", _some(duels.faults), "0", not duels.faults),
        Figure("holds that lapsed unclaimed", f"{len(lags):,}"),
        Figure("sweeper lag p50", f"{percentile(lags, 0.5):.3f} s"),
        Figure(
            "sweeper lag p99", f"{p99:.3f} s", f"≤ {LAG_S_MAX} s", 0 < p99 <= LAG_S_MAX, speed=True
        ),
        Figure("control: no refund", f"{caught} faults found", "> 0", caught > 0),
        audit,
    ]


def _some(faults: Sequence[str]) -> str:
    return f"{len(faults)}{f': {faults[:2]}' if faults else ''}"


async def _duels(url: str, chance: Random, count: int, without: Sequence[Guard] = ()) -> Duels:
    duels = Duels()
    async with engine_on(url, without=without) as engine, engine_on(url) as other:
        events = {ms: await new_event(engine, count, hold_ms=ms, payment_ms=ms) for ms in TERMS_MS}
        sweepers = [asyncio.create_task(_sweep_always(each)) for each in (engine, other)]
        for first in range(0, count, AT_ONCE):
            seats = [
                seat(events[chance.choice(TERMS_MS)], index)
                for index in range(first, min(first + AT_ONCE, count))
            ]
            await asyncio.gather(*(_duel(engine, other, duels, chance, each) for each in seats))
        for sweeper in sweepers:
            sweeper.cancel()
        await asyncio.wait(sweepers)
        await _verify(engine, duels)
    return duels


async def _sweep_always(engine: Engine) -> None:
    while True:
        await engine.sweeper.expire_lapsed()
        await asyncio.sleep(0.002)


async def _duel(
    engine: Engine, other: Engine, duels: Duels, chance: Random, wanted: SeatId
) -> None:
    """At the deadline of a payment: it succeeds, another claims the seat, sweepers sweep."""
    event, _ = split_seat_id(wanted)
    opened = await engine.bookings.open(event, BUYER, [wanted])
    if not isinstance(opened, Opened):
        duels.faults.append(f"seat {wanted} of nobody: {opened}")
        return
    awaiting = await engine.bookings.begin_payment(opened.id, BUYER)
    if not isinstance(awaiting, AwaitingPayment):
        duels.told[f"too late to pay: {awaiting.outcome.value}"] += 1
        return
    await asyncio.sleep(max(0, awaiting.expires_ms / 1000 - time.time() - 0.015))
    rival = await other.bookings.open(event, RIVAL)
    assert isinstance(rival, Opened)
    at = awaiting.expires_ms / 1000
    paid, claimed = await asyncio.gather(
        _pay(engine, opened.id, at + chance.uniform(-JITTER_S, 4 * JITTER_S)),
        _claim(other, rival.id, wanted, at + chance.uniform(-JITTER_S, JITTER_S)),
    )
    both = time.time() * 1000
    duels.told[f"payment {paid.outcome.value}, claim {claimed.outcome.value}"] += 1
    if paid.outcome is Outcome.CONFIRMED:
        duels.sold.setdefault(wanted, []).append(opened.id)
    elif paid.outcome is not Outcome.REFUND_DUE:
        duels.faults.append(f"payment of {opened.id} is lost: {paid}")
    if claimed.outcome is Outcome.CLAIMED:
        held = both < int(claimed.fields[0]) - MARGIN_MS
        if paid.outcome is Outcome.CONFIRMED and held:
            duels.faults.append(f"seat {wanted} is sold to {opened.id} and held by {rival.id}")
        await _buy(other, duels, rival.id, wanted)


async def _pay(engine: Engine, booking: BookingId, at_s: float) -> Answer:
    await asyncio.sleep(max(0, at_s - time.time()))
    return await engine.bookings.confirm(booking)


async def _claim(engine: Engine, booking: BookingId, wanted: SeatId, at_s: float) -> Answer:
    await asyncio.sleep(max(0, at_s - time.time()))
    try:
        return await engine.seats.claim(booking, RIVAL, [wanted])
    except Unavailable:
        return Answer(Outcome.CHANGED)


async def _buy(engine: Engine, duels: Duels, booking: BookingId, wanted: SeatId) -> None:
    awaiting = await engine.bookings.begin_payment(booking, RIVAL)
    if isinstance(awaiting, AwaitingPayment):
        answer = await engine.bookings.confirm(booking)
        if answer.outcome is Outcome.CONFIRMED:
            duels.sold.setdefault(wanted, []).append(booking)


async def _verify(engine: Engine, duels: Duels) -> None:
    """What was sold is sold still, to one."""
    for wanted, buyers in duels.sold.items():
        if len(buyers) > 1:
            duels.faults.append(f"seat {wanted} was sold to {buyers}")
        kept = await engine.bookings.get(buyers[0])
        event, index = split_seat_id(wanted)
        page = await engine.maps.page(event, SeatQuery(None, None, index, 1))
        shown = page.seats[0][1] if page else None
        whole = kept and kept.status is Status.CONFIRMED and kept.seats == (wanted,)
        if not whole or shown is not SeatStatus.SOLD:
            duels.faults.append(f"seat {wanted} of {buyers[0]} was sold, and is {shown}: {kept}")


async def _lags(url: str, chance: Random, count: int) -> list[float]:
    """How long after their end the sweeper, as it runs in a worker, ends holds. In seconds."""
    async with engine_on(url) as engine:
        events = [await new_event(engine, count, hold_ms=each) for each in (300, 700, 1_500)]
        sweeper = asyncio.create_task(engine.sweeper.run())
        ends: dict[BookingId, int] = {}
        for index in range(count):
            event = chance.choice(events)
            opened = await engine.bookings.open(event, BUYER, [seat(event, index)])
            if isinstance(opened, Opened):
                ends[opened.id] = opened.expires_ms
        for event in events:
            await _emptied(engine, event)
        sweeper.cancel()
        await asyncio.wait([sweeper])
        expired = await _expired(engine, events)
    return [(expired[each] - end) / 1000 for each, end in ends.items()]


async def _emptied(engine: Engine, event: EventId) -> None:
    """Return when none of its seats is taken any more."""
    while (sales := await engine.events.sales(event)) and sales.all.taken:  # noqa: ASYNC110
        await asyncio.sleep(POLL_S)


async def _expired(engine: Engine, events: Sequence[EventId]) -> dict[BookingId, int]:
    """When each booking was ended for its hold had lapsed, by the journal, ms since 1970."""
    found: dict[BookingId, int] = {}
    for journal in {keys.of_event(event).journal for event in events}:
        start = "-"
        while batch := await engine.store.command("XRANGE", journal, start, "+", "COUNT", 1_000):
            for entry, flat in batch:
                fields = dict(zip(flat[::2], flat[1::2], strict=True))
                if fields[b"what"] == b"expired":
                    event = EventId(int(fields[b"event"]))
                    number = BookingNumber(int(fields[b"booking"]))
                    found[booking_id(event, number)] = int(entry.split(b"-")[0])
            start = f"({batch[-1][0].decode()}"
    return found


TORTURES = [Torture(12, "claim, expiry and payment at the deadline", deadline)]
