"""What those who run an event do with it.

Whatever follows from a change once it stands, as to count bookings or to end them, is done before
it is answered, or said to be left.
"""

from collections.abc import Callable
from dataclasses import replace

from bench.torture.steps.bed import NEVER_MS, Act, Bed, Step, Told, ended
from billetter.domain.event import Event
from billetter.domain.outcome import Outcome
from billetter.engine import Engine, keys
from billetter.engine.once import Once


def _amend(change: Callable[[Event], Event]) -> Act:
    async def act(engine: Engine, bed: Bed, once: Once | None) -> Told:
        return await engine.organizers.amend(bed.event, bed.bob, change, once)

    return act


def _longer(event: Event) -> Event:
    """With another title each time."""
    return replace(event, details=replace(event.details, title=event.details.title + "!"))


def _capped(event: Event) -> Event:
    return replace(event, terms=replace(event.terms, held_max=5, bought_max=6))


def _put_off(event: Event) -> Event:
    """Its sale is yet to open."""
    return replace(event, terms=replace(event.terms, sale_starts_at_ms=NEVER_MS))


def _larger(event: Event) -> Event:
    """With one more seat each time."""
    zone = event.layout.zones[0]
    return replace(event, layout=event.layout.sized(zone.number, zone.size + 1))


def _reopened(event: Event) -> Event:
    return replace(event, terms=replace(event.terms, sale_ends_at_ms=None))


async def _cancel(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.organizers.cancel(bed.event, bed.bob, once)


async def _delete(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.organizers.delete(bed.event, bed.bob, once)


async def _restore(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """As a reset does, which restores every seeded event of a Redis."""
    own = keys.of_event(bed.event)
    return await engine.store.change(
        "restore_event", own, own.to_restore(), once or Once.anew(), bed.bob, bed.event
    )


async def _leave_ids_out(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """Of a counter of its own, of which none was drawn yet."""
    return await engine.store.run("skip_ids", [f"{keys.EVENTS_NEXT}:{bed.number}"], 2)


STEPS = [
    Step("leave ids out", "", _leave_ids_out, again=Outcome.KEPT),
    Step("amend an event", "", _amend(_longer)),
    Step("amend an event with caps", "seats", _amend(_capped)),
    Step("amend an event that others wait for", "seats line", _amend(_larger), seats=2),
    Step("end a sale that others wait for", "seats line", _amend(ended), seats=2),
    Step("put a sale off that others wait for", "place line", _amend(_put_off), seats=1),
    Step(
        "open a sale again that others wait for",
        "place line over give_up",
        _amend(_reopened),
        seats=1,
    ),
    Step("cancel an event", "seats pay confirm line", _cancel, seats=2),
    Step("cancel an event with seats held", "seats", _cancel),
    Step("delete an event", "", _delete, frees=True),
    Step("restore an event", "seeded seats pay confirm close", _restore),
]
