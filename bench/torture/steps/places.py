"""Tickets, places and lines: what is given to one user, and handed on to the next."""

from bench.torture.steps.bed import Bed, Step, Told
from billetter.domain.outcome import Answer
from billetter.domain.ticket import Item, Reserved
from billetter.engine import Engine
from billetter.engine.once import Once


async def _open(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.tickets.open(bed.event, bed.bob, [Item(1, 3)], once)


async def _book(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.tickets.book(bed.event, bed.bob, once)


async def _book_late(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """Under a name, so that what was refused is refused again."""
    return await engine.tickets.book(bed.event, bed.bob, once or Once.anew())


async def _book_unpaid(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """As one who may have only what costs nothing, and everything here costs something."""
    return await engine.tickets.book(bed.event, bed.bob, once, giver=bed.carol)


async def _reserve(engine: Engine, bed: Bed, once: Once | None) -> Told:
    told = await engine.tickets.reserve(bed.event, bed.bob, once)
    return Answer(told.outcome) if isinstance(told, Reserved) else told


async def _give_up(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.tickets.give_up(bed.event, bed.ann, once)


async def _leave(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.tickets.give_up(bed.event, bed.bob, once)


async def _cancel(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.bookings.cancel(bed.booking, bed.ann, once)


async def _refund(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.bookings.refund(bed.booking, bed.ann, once)


async def _give_back(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """It may need memory: servers before 7.0 have none to record that it is too late to cancel."""
    return await engine.bookings.give_back(bed.booking, bed.ann, once)


STEPS = [
    Step("open a booking with tickets", "", _open),
    Step("book a place", "", _book),
    Step("reserve a place", "", _reserve),
    Step("wait for a place", "place", _book, seats=1),
    Step("a place that must be paid for", "", _book_unpaid),
    Step("wait for what costs nothing", "place", _book_unpaid, seats=1),
    Step("give up a place", "place", _give_up, frees=True),
    Step("give up a place that others wait for", "place line", _give_up, seats=1, frees=True),
    Step("give up a place after the sale", "place line over", _give_up, seats=1, frees=True),
    Step("book a place after the sale", "over", _book_late),
    Step("leave a line", "place line", _leave, seats=1, frees=True),
    Step("cancel what others wait for", "seats line", _cancel, seats=2, frees=True),
    Step("refund", "seats pay confirm", _refund, frees=True),
    Step("refund what others wait for", "seats pay confirm line", _refund, seats=2, frees=True),
    Step("give back what is paid", "seats pay confirm", _give_back),
]
