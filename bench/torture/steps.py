"""Every way to change something, one call each, and what there is to see after it.

A step is done undisturbed first; whatever a fault does to it, the answer and what is there to see
must be the same in the end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count

from bench.torture.ledger import bookings_of
from bench.torture.workload import HOLD_MS
from billetter.domain.event import Details, EventPlan, Terms
from billetter.domain.ids import (
    BookingId,
    EventId,
    SeatId,
    SeatIndex,
    UserId,
    seat_id,
    split_booking_id,
    split_seat_id,
)
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.outcome import Answer, AwaitingPayment, Created, Opened, Outcome
from billetter.engine import Engine, Retention, keys
from billetter.engine.once import Once

SEATS = 64
SHORT_MS = 20
FORGOTTEN_AT_ONCE = Retention(ended_ms=0)

Told = Answer | AwaitingPayment | Created | Opened
_users = count(1)


@dataclass(frozen=True, slots=True)
class Bed:
    """What one step works on. ann has the booking; she and bob are nobody else's users.

    partitions: where the step may write.
    """

    event: EventId
    booking: BookingId
    ann: UserId
    bob: UserId
    partitions: Sequence[int]

    def seats(self, *indexes: int) -> list[SeatId]:
        return [seat_id(self.event, SeatIndex(index)) for index in indexes]


Act = Callable[[Engine, Bed, Once | None], Awaitable[Told]]


@dataclass(frozen=True, slots=True)
class Step:
    """One call.

    path: what ann's booking has come to before; hold_ms, payment_ms: what it was given.
    frees: it works when memory is full. makes: it makes an event.
    again: what is answered to one who does it again; None: what was answered first.
    """

    name: str
    path: str
    act: Act
    hold_ms: int = HOLD_MS
    payment_ms: int = HOLD_MS
    frees: bool = False
    makes: bool = False
    again: Outcome | None = None

    async def prepare(self, engine: Engine) -> Bed:
        """An event of its own, and ann's booking in it as `path` says."""
        number = next(_users)
        ann, bob = UserId(f"x:ann{number}"), UserId(f"x:bob{number}")
        event = (await engine.events.create(_plan(self.hold_ms, self.payment_ms), bob)).id
        words = self.path.split()
        seats = [seat_id(event, SeatIndex(index)) for index in (0, 1)] if "seats" in words else []
        opened = await engine.bookings.open(event, ann, seats)
        assert isinstance(opened, Opened), opened
        actions: dict[str, Callable[[], Awaitable[object]]] = {
            "pay": lambda: engine.bookings.begin_payment(opened.id, ann),
            "cancel": lambda: engine.bookings.cancel(opened.id, ann),
            "confirm": lambda: engine.bookings.confirm(opened.id),
            "lapse": lambda: asyncio.sleep(2 * SHORT_MS / 1000),
            "expire": lambda: engine.bookings.expire(*split_booking_id(opened.id)),
        }
        for word in words:
            if word in actions:
                await actions[word]()
        own = [event % keys.PARTITIONS]
        return Bed(event, opened.id, ann, bob, range(keys.PARTITIONS) if self.makes else own)


def _plan(hold_ms: int, payment_ms: int) -> EventPlan:
    layout = Layout.plan([ZonePlan("floor", 4_500, (SEATS,), numbered=False)])
    return EventPlan(Details("Torture"), Terms(hold_ms, payment_ms, 8), layout)


@dataclass(frozen=True, slots=True)
class Sight:
    """All there is to see of a bed: what was journalled, its bookings, counts and sums."""

    journal: tuple[tuple[str, str], ...]
    bookings: tuple[object, ...]
    sums: object

    @property
    def own(self) -> list[tuple[str, str]]:
        """What a call itself changed: to end what has lapsed is everybody's business."""
        return [entry for entry in self.journal if entry[0] != "expired"]


async def seen(engine: Engine, bed: Bed) -> Sight:
    """Without ids and times, so that it compares with another bed's."""
    journal = []
    for partition in bed.partitions:
        key = keys.journal(keys.partition_tag(partition))
        for _, flat in await engine.store.command("XRANGE", key, "-", "+", reads=True):
            entry = dict(zip(flat[::2], flat[1::2], strict=True))
            made_by_bob = entry[b"what"] == b"created" and entry[b"user"] == bed.bob.encode()
            if made_by_bob or int(entry[b"event"]) == bed.event:
                journal.append((entry[b"what"].decode(), entry[b"seats"].decode()))
    found = await bookings_of(engine, bed.event)
    listed = await _listed(engine, bed.ann) | await _listed(engine, bed.bob)
    bookings = sorted(
        (
            each.user == bed.ann,
            each.status.value,
            tuple(split_seat_id(seat)[1] for seat in each.seats),
            each.total,
            each.refund or "",
            each.id in listed,
        )
        for each in found.values()
    )
    engine.events.forget(bed.event)
    sales = await engine.events.sales(bed.event)
    sums = sales and (sales.revenue, sales.confirmed, sales.all)
    return Sight(tuple(sorted(journal)), tuple(bookings), sums)


async def _listed(engine: Engine, user: UserId) -> set[int]:
    page, _ = await engine.bookings.page(user, 0, 100)
    return {booking.id for booking in page}


async def _create(engine: Engine, bed: Bed, once: Once | None) -> Told:
    bound = await engine.keys.bind(bed.bob, f"create-{bed.event}", "print")
    assert bound is not None, "nobody else has this key"
    return await engine.events.create(_plan(HOLD_MS, HOLD_MS), bed.bob, bound)


async def _open(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.bookings.open(bed.event, bed.bob, bed.seats(5, 6), once)


async def _open_nowhere(engine: Engine, bed: Bed, once: Once | None) -> Told:
    named = once or Once.anew()
    return await engine.bookings.open(bed.event, bed.bob, bed.seats(SEATS + 7), named)


async def _claim(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.seats.claim(bed.booking, bed.ann, bed.seats(2, 3), once)


async def _open_lapsed(engine: Engine, bed: Bed, once: Once | None) -> Told:
    opened = await engine.bookings.open(bed.event, bed.bob, bed.seats(0), once)
    await asyncio.sleep(
        2 * SHORT_MS / 1000
    )  # So that bob's own hold has lapsed whenever one looks.
    return opened


async def _release(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.seats.release(bed.seats(1)[0], bed.ann, once)


async def _pay(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.bookings.begin_payment(bed.booking, bed.ann, once)


async def _confirm(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.bookings.confirm(bed.booking, once)


async def _cancel(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.bookings.cancel(bed.booking, bed.ann, once)


async def _fail(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.bookings.fail(bed.booking, once)


async def _note(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.bookings.note(bed.booking, "hello", once or Once.anew())


async def note_unnamed(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """The control: a script that has to be named, without a name."""
    event, number = split_booking_id(bed.booking)
    own = keys.of_event(event)
    declared = [own.booking(number), own.journal]
    return await engine.store.change("note_payment", own, declared, None, event, number, "hello")


async def _expire(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.bookings.expire(*split_booking_id(bed.booking))


async def _forget(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.bookings.forget(*split_booking_id(bed.booking))


async def _discard(engine: Engine, bed: Bed, once: Once | None) -> Told:
    event, number = split_booking_id(bed.booking)
    declared = keys.of_event(event).to_discard(number)
    told = await engine.store.run("discard_booking", declared, event, number)
    await engine.store.command("ZREM", keys.user_bookings(bed.ann), bed.booking)
    return told


async def _remove(engine: Engine, bed: Bed, once: Once | None) -> Told:
    own = keys.of_event(bed.event)
    told = await engine.store.run("remove_event", own.to_remove(), bed.event, bed.bob)
    await engine.store.command("ZREM", keys.EVENTS_INDEX, bed.event)
    return told


STEPS = [
    Step("create an event", "", _create, makes=True),
    Step("open a booking with seats", "", _open),
    Step("open with a seat that is none", "", _open_nowhere),
    Step("open over a lapsed hold", "seats lapse", _open_lapsed, hold_ms=SHORT_MS),
    Step("claim seats", "seats", _claim),
    Step("release a seat", "seats", _release, frees=True),
    Step("begin a payment", "seats", _pay),
    Step("confirm", "seats pay", _confirm, frees=True),
    Step("confirm late", "seats pay lapse expire", _confirm, payment_ms=SHORT_MS, frees=True),
    Step("confirm what was cancelled", "seats pay cancel", _confirm, frees=True),
    Step("cancel", "seats", _cancel, frees=True),
    Step("fail", "seats pay", _fail, frees=True),
    Step("note a payment", "seats pay", _note),
    Step(
        "expire a hold",
        "seats lapse",
        _expire,
        hold_ms=SHORT_MS,
        frees=True,
        again=Outcome.KEPT,
    ),
    Step(
        "expire an empty booking",
        "lapse",
        _expire,
        hold_ms=SHORT_MS,
        frees=True,
        again=Outcome.NO_BOOKING,
    ),
    Step(
        "forget a booking",
        "seats cancel",
        _forget,
        frees=True,
        again=Outcome.KEPT,
    ),
    Step(
        "discard a booking",
        "seats pay confirm",
        _discard,
        frees=True,
        again=Outcome.NO_BOOKING,
    ),
    Step(
        "remove an event",
        "",
        _remove,
        frees=True,
        again=Outcome.NO_EVENT,
    ),
]
