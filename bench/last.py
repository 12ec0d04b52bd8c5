"""Row 17: the last tickets of a large zone, against its first ones."""

import random
from collections.abc import Sequence
from functools import partial

from bench.figures import Bar, Figure, Measured, Sample, Samples, compared, cpu
from bench.halls import SEATS_MAX, TICKETS_ZONE, all_of, new_standing, seat
from bench.http import Side
from bench.run import Row, Run
from bench.servers import redis_of
from bench.spent import Spent, adding_scripts
from billetter.domain.ids import GUEST, EventId
from billetter.domain.outcome import Opened, Outcome
from billetter.domain.ticket import Item
from billetter.engine import Engine

LAST_BAR = Bar(3.0, at_most=True)
LEFT = 100
"""Free tickets of a zone that is nearly sold out."""
AT_ONCE = LEFT // 2
"""Tickets that are held at once while it is measured: some are left when the last are taken."""
CLAIMS_OF_A_TICKET = 8
"""The claims of a run by the engine for each ticket of a run here, which takes longer."""
EMPTY, AT_THE_END, SCATTERED = "empty", "free at the end", "free here and there"
QUANTITIES = (1, 10)
"""Tickets of a booking."""


async def last_tickets(run: Run) -> Measured:
    """Bookings with tickets of zones that are empty, and nearly full in two ways, in turn."""
    async with redis_of(run, "last", appendonly=False) as (_, engine):
        run.progress.say(f"row 17: filling zones of {run.scale.tickets:,} tickets")
        zones = {
            EMPTY: await new_standing(engine, run.scale.tickets),
            AT_THE_END: await _filled(engine, run.scale.tickets, LEFT),
            SCATTERED: await _with_gaps(engine, run.scale.tickets),
        }
        sides = {
            _side(zone, quantity): opening(engine, event, quantity, _bookings(run, quantity))
            for quantity in QUANTITIES
            for zone, event in zones.items()
        }
        samples = await run.in_turn("row 17", sides)
    figures = [
        _figure(samples, zone, quantity)
        for quantity in QUANTITIES
        for zone in (AT_THE_END, SCATTERED)
    ]
    return Measured(figures, samples)


def _side(zone: str, quantity: int) -> str:
    return f"{quantity} of a zone {zone}"


def _figure(samples: Samples, zone: str, quantity: int) -> Figure:
    name = f"Redis time of a booking of {quantity}, {zone} ÷ {EMPTY}"
    sides = (_side(zone, quantity), _side(EMPTY, quantity))
    return compared(17, name, samples, LAST_BAR, *sides, of=cpu)


def _bookings(run: Run, quantity: int) -> int:
    """How many are opened in a run."""
    return run.scale.claims // CLAIMS_OF_A_TICKET // quantity


async def _filled(engine: Engine, tickets: int, left: int) -> EventId:
    """An event of which all tickets but the last `left` are held."""
    event = await new_standing(engine, tickets)
    full, rest = divmod(tickets - left, SEATS_MAX)
    quantities = [SEATS_MAX] * full + [rest] * (rest > 0)
    found = await all_of([partial(_open, engine, event, each) for each in quantities])
    if not all(found):
        raise RuntimeError(f"{found.count(None)} bookings were refused as event {event} was filled")
    return event


async def _with_gaps(engine: Engine, tickets: int) -> EventId:
    """An event of which LEFT tickets are free, anywhere."""
    event = await _filled(engine, tickets, 0)
    gaps = random.sample(range(tickets), LEFT)
    release = partial(engine.seats.release, user=GUEST)
    told = await all_of([partial(release, seat(event, gap)) for gap in gaps])
    if any(answer.outcome is not Outcome.RELEASED for answer in told):
        raise RuntimeError(f"tickets of event {event} were not released")
    return event


async def _open(engine: Engine, event: EventId, quantity: int) -> Opened | None:
    """A booking with so many tickets, or None where they cannot be had."""
    told = await engine.tickets.open(event, GUEST, [Item(TICKETS_ZONE, quantity)])
    return told if isinstance(told, Opened) and len(told.seats) == quantity else None


def opening(engine: Engine, event: EventId, quantity: int, bookings: int) -> Side:
    """A run in which so many bookings are opened, about, and cancelled again unmeasured."""
    at_once = AT_ONCE // quantity
    rounds = max(1, bookings // at_once)
    open_one = partial(_open, engine, event, quantity)

    async def measure() -> Sample:
        spent, wrong = Spent(), 0
        for _ in range(rounds):
            async with adding_scripts(engine, spent):
                found = await all_of([open_one] * at_once)
            opened = [booking for booking in found if booking]
            tickets = {ticket for booking in opened for ticket in booking.seats}
            wrong += at_once * quantity - len(tickets)
            wrong += await _cancelled(engine, opened)
        fault = f"{wrong} tickets were not had, or not given back" if wrong else ""
        return spent.sample(rounds * at_once, fault)

    return measure


async def _cancelled(engine: Engine, opened: Sequence[Opened]) -> int:
    """Cancel the bookings; how many of them stay."""
    cancel = partial(engine.bookings.cancel, user=GUEST)
    told = await all_of([partial(cancel, booking.id) for booking in opened])
    return sum(answer.outcome is not Outcome.CANCELLED for answer in told)


ROWS = [Row(17, "the last tickets of a large zone", last_tickets)]
