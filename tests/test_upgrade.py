"""Data that an older version wrote: what it owed is listed, once, and what nobody paid is not."""

import asyncio

import pytest

from billetter.domain.event import Details, EventPlan, Terms
from billetter.domain.ids import GUEST, BookingNumber, EventId, UserId, booking_id
from billetter.domain.layout import Layout, ZonePlan
from billetter.engine import Engine, keys, partition_keys, upgrade
from billetter.wire.topology import Wire

ANN = UserId("x:ann")
PLAN = EventPlan(
    Details("Old"), Terms(60_000, 60_000, 9), Layout.plan([ZonePlan("Hall", 500, (9,))])
)


async def old_data(wire: Wire) -> EventId:
    """An event with these debts as they were kept before there were lists of them."""
    engine = Engine(wire)
    await engine.prepare()
    event = (await engine.events.create(PLAN, GUEST)).id
    own = keys.of_event(event)
    await wire.call("HSET", own.event, "bookings", 3)
    for number, fields in (
        (1, ("armed", 1, "amount", 500)),
        (2, ("amount", 500)),
        (3, ("armed", 1, "amount", 0)),
    ):
        key = own.booking(BookingNumber(number))
        about = ("user", ANN, "status", "cancelled", "seats", "", "released", f"{number}:500")
        await wire.call(
            "HSET", key, *about, "created", 10, "updated", number, "refund", "due", *fields
        )
        id_ = booking_id(event, BookingNumber(number))
        await wire.call("ZADD", keys.user_bookings(ANN), 10, id_)
        amount = 0 if number == 3 else 500
        entry = ("event", event, "booking", number, "user", ANN, "seats", "", "note", amount)
        await wire.call("XADD", own.journal, "*", "what", "refund_due", *entry)
    return event


async def test_what_is_owed_is_listed_and_what_is_not_is_dropped(own_wire: Wire) -> None:
    event, engine = await old_data(own_wire), Engine(own_wire)
    await engine.prepare()
    assert not (await engine.audit.run()).clean
    assert await engine.upgrade.run() == 3
    owed, total = await engine.payments.owed(event, 0, 10)
    assert [(each.id, each.since_ms) for each in owed] == [(booking_id(event, BookingNumber(1)), 1)]
    assert total == 1
    report = await engine.audit.run()
    assert (report.violations, report.unreplayed) == ([], [])


async def test_it_is_done_once(own_wire: Wire) -> None:
    await old_data(own_wire)
    assert [await Engine(own_wire).upgrade.run(), await Engine(own_wire).upgrade.run()] == [3, 0]
    engine = Engine(own_wire)
    assert await engine.upgrade.run() == 0
    await own_wire.call("DEL", keys.META)
    assert await engine.upgrade.run() == 0, "it was seen to be done"


async def test_it_is_left_to_a_worker_that_is_at_it(own_wire: Wire) -> None:
    await old_data(own_wire)
    engine, lease = Engine(own_wire), partition_keys.lease(keys.META)
    await own_wire.call("SET", lease, 1)
    assert await engine.upgrade.run() == 0
    await own_wire.call("DEL", lease)
    assert await engine.upgrade.run() == 3
    assert await own_wire.call("EXISTS", lease) == 0


async def test_what_cannot_be_read_does_not_stop_it(
    own_wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    event = await old_data(own_wire)
    own = keys.of_event(event)
    await own_wire.call("SET", own.booking(BookingNumber(4)), "junk")
    await own_wire.call("SET", f"{own.tag}:booking:junk", "junk")
    engine = Engine(own_wire)
    await engine.upgrade.run()
    assert f"booking {booking_id(event, BookingNumber(4))} cannot be read" in caplog.text
    assert (await engine.payments.owed(event, 0, 10))[1] == 1
    assert await engine.upgrade.run() == 0


async def test_it_is_tried_until_it_is_done(
    own_wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "RETRY_S", 0.01)
    event, engine = await old_data(own_wire), Engine(own_wire)
    lease = partition_keys.lease(keys.META)
    await own_wire.call("SET", lease, 1)
    trying = asyncio.create_task(engine.upgrade.finish())
    await asyncio.sleep(0.1)
    assert not trying.done(), "another worker is at it, and may be stopped"
    await own_wire.call("DEL", lease)
    await asyncio.wait_for(trying, 10)
    assert (await engine.payments.owed(event, 0, 10))[1] == 1
