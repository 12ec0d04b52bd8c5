"""What several tortures need: an engine, an event, a script with its guard removed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha1
from pathlib import Path
from random import Random

from bench.torture.run import Run
from billetter.domain.event import Details, EventPlan, Terms
from billetter.domain.ids import EventId, SeatId, SeatIndex, UserId, seat_id
from billetter.domain.layout import Layout, ZonePlan
from billetter.engine import Engine
from billetter.wire.topology import open_wire

ORGANIZER = UserId("x:organizer")
HOLD_MS = 900_000
Guard = tuple[str, str, str]
"""A script's name, a part of its text, and what to put in its place."""

TAKEN_UNASKED: Sequence[Guard] = tuple(
    (script, "if redis.call('GETBIT', taken, index) == 0 then", "if true then")
    for script in ("claim_seats", "open_booking")
)
"""Scripts that no longer ask whether a seat is taken."""


@asynccontextmanager
async def engine_on(
    url: str, *, deadline_s: float = 2.0, without: Sequence[Guard] = ()
) -> AsyncIterator[Engine]:
    """An engine with a wire of its own; `without` removes guards from its scripts."""
    wire = open_wire(url, deadline_s=deadline_s)
    await wire.start()
    try:
        engine = Engine(wire)
        for script, guard, instead in without:
            sabotage(engine, script, guard, instead)
        await engine.prepare()
        yield engine
    finally:
        await wire.close()


def sabotage(engine: Engine, name: str, guard: str, instead: str) -> None:
    """Change the text of one script, for this engine alone."""
    script = engine.store._scripts[name]
    if guard not in script.source:
        raise ValueError(f"{name} has no {guard!r}")
    script.source = script.source.replace(guard, instead)
    script._plain = script._plain.replace(guard, instead)
    script.sha = sha1(script.source.encode(), usedforsecurity=False).hexdigest()


async def new_event(
    engine: Engine, seats: int, *, hold_ms: int = HOLD_MS, payment_ms: int = HOLD_MS
) -> EventId:
    """An event of one zone, in which a booking may have any number of seats."""
    return await _made(
        engine, Terms(hold_ms, payment_ms, seats), [ZonePlan("Hall", 1_000, (seats,))]
    )


async def new_sale(
    engine: Engine, tickets: Sequence[int], *, hold_ms: int = HOLD_MS, payment_ms: int = HOLD_MS
) -> EventId:
    """An event that has so many tickets without numbers in each zone."""
    zones = [ZonePlan("Floor", 1_000, (size,), numbered=False) for size in tickets]
    return await _made(engine, Terms(hold_ms, payment_ms, sum(tickets)), zones)


async def _made(engine: Engine, terms: Terms, zones: Sequence[ZonePlan]) -> EventId:
    plan = EventPlan(Details("Torture"), terms, Layout.plan(zones))
    return (await engine.events.create(plan, ORGANIZER)).id


def apart(run: Run, name: str) -> Path:
    """A directory beside those of the run's other servers."""
    return empty(run.directory / name)


def empty(directory: Path) -> Path:
    directory.mkdir()
    return directory


def seat(event: EventId, index: int) -> SeatId:
    return seat_id(event, SeatIndex(index))


def at_pace(events: Sequence[EventId], done: int, of: int, chance: Random) -> EventId:
    """The event whose turn it is when so many `of` all calls are done, or one beside it.

    So all processes get on at about the same pace; some are ahead, some behind.
    """
    at = done * len(events) // of
    return events[min(len(events) - 1, max(0, at + chance.choice((-1, 0, 0, 0, 1))))]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
