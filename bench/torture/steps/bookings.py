"""Events and bookings: made, opened, claimed, paid, ended."""

import asyncio

from bench.torture.steps.bed import SEATS, SHORT_MS, Bed, Step, Told, plan
from bench.torture.workload import HOLD_MS
from billetter.domain.ids import BookingNumber, split_booking_id
from billetter.domain.outcome import Answer, Outcome
from billetter.domain.payment import Notice
from billetter.engine import Engine, keys
from billetter.engine.once import Once


async def _create(engine: Engine, bed: Bed, once: Once | None) -> Told:
    bound = await engine.keys.bind(bed.bob, f"create-{bed.event}", "print")
    assert bound is not None, "nobody else has this key"
    return await engine.events.create(plan(), bed.bob, bound)


async def _answer(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """What is done with the keys of two requests: one is answered, one comes to nothing."""
    answered, vain = f"answered-{bed.event}", f"vain-{bed.event}"
    if bound := await engine.keys.bind(bed.bob, vain, "print"):
        await engine.keys.free(bound)
    bound = await engine.keys.bind(bed.bob, answered, "print")
    assert bound is not None, "nobody else has this key"
    if bound.reply is None:
        await engine.keys.record(bound, b"said")
    again = await engine.keys.bind(bed.bob, answered, "print")
    assert again is not None
    assert again.reply is not None
    return Answer(Outcome.REPLIED, (again.reply.decode(),))


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


async def _give_numbers_back(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """All but the booking's own: those that were drawn ahead as well."""
    own, (_, number) = keys.of_event(bed.event), split_booking_id(bed.booking)
    others = [BookingNumber(each) for each in (1, 2, 3) if each != number]
    named = once or Once.anew()
    declared = own.to_return(named.digest, others)
    return await engine.store.run("return_numbers", declared, named.ttl_ms, *others)


async def _release(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.seats.release(bed.seats(1)[0], bed.ann, once)


async def _pay(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.bookings.begin_payment(bed.booking, bed.ann, once)


async def _confirm(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.bookings.confirm(bed.booking, once)


async def _pay_again(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """It may need memory: the payment is listed by its id."""
    return await engine.payments.succeed(bed.booking, Notice(f"again-{bed.number}", 9), once)


async def _pay_wrongly(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.payments.succeed(bed.booking, Notice(f"wrong-{bed.number}", 9), once)


async def _pay_early(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.payments.succeed(bed.booking, Notice(f"early-{bed.number}"), None)


async def _keep(engine: Engine, bed: Bed, once: Once | None) -> Told:
    notice = Notice(f"odd-{bed.number}", status="who knows?")
    return await engine.payments.keep(bed.booking, notice, "status", once or Once.anew())


async def _settle(engine: Engine, bed: Bed, once: Once | None) -> Told:
    told = await engine.payments.settle(bed.booking, "wire", organizer=bed.bob, once=once)
    return Answer(told.outcome, told.fields[1:], told.replayed)


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


async def _upgrade(engine: Engine, bed: Bed, once: Once | None) -> Told:
    event, number = split_booking_id(bed.booking)
    declared = keys.of_event(event).to_upgrade(number)
    return await engine.store.run("upgrade_booking", declared, event, number, HOLD_MS)


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
    Step("answer under a key", "", _answer),
    Step("open a booking with seats", "", _open),
    Step("open with a seat that is none", "", _open_nowhere),
    Step("open over a lapsed hold", "seats lapse", _open_lapsed, hold_ms=SHORT_MS),
    Step("claim seats", "seats", _claim),
    Step("release a seat", "seats", _release, frees=True),
    Step("begin a payment", "seats", _pay),
    Step("confirm", "seats pay", _confirm, frees=True),
    Step("confirm late", "seats pay lapse expire", _confirm, payment_ms=SHORT_MS, frees=True),
    Step("begin a payment after the sale", "seats over", _pay),
    Step("confirm after the sale", "seats pay over", _confirm, frees=True),
    Step("give numbers back", "drawn", _give_numbers_back),
    Step("confirm what was cancelled", "seats pay cancel", _confirm, frees=True),
    Step("confirm with another payment", "seats pay confirm", _pay_again),
    Step("confirm for another sum", "seats pay", _pay_wrongly, frees=True),
    Step("confirm too early", "seats", _pay_early, frees=True),
    Step("keep a payment that nobody knows", "seats", _keep, frees=True),
    Step("settle a refund", "seats pay confirm refund", _settle, frees=True),
    Step("list a refund of an older version", "seats pay confirm refund unlisted", _upgrade),
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
