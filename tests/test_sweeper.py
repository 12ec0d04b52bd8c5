"""The sweepers of several workers share the work."""

import asyncio
import random

import pytest

from billetter.domain.event import Details, EventPlan, Terms
from billetter.domain.ids import GUEST, BookingNumber, EventId, SeatIndex, seat_id
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.outcome import Opened
from billetter.engine import Engine, keys, partition_keys
from billetter.wire.topology import Wire
from tests.api.client import eventually

EVENT = EventId(random.randrange(1, 60_000_000))


async def lapsed_hold(engine: Engine, event: EventId) -> None:
    """An event with one seat, whose only hold has lapsed."""
    terms = Terms(hold_ms=1, payment_ms=1, seats_max=1)
    plan = EventPlan(Details("Brief"), terms, Layout.plan([ZonePlan("Hall", 100, (1,))]))
    await engine.events.create_as(event, plan, GUEST)
    opened = await engine.bookings.open(event, GUEST, [seat_id(event, SeatIndex(0))])
    assert isinstance(opened, Opened)
    await asyncio.sleep(0.01)


async def taken(engine: Engine, event: EventId) -> int:
    sales = await engine.events.sales(event)
    assert sales is not None
    return sales.all.taken


async def test_a_partition_that_another_sweeper_empties_is_left_to_it(wire: Wire) -> None:
    engine, event = Engine(wire), EVENT
    await engine.prepare()
    await lapsed_hold(engine, event)
    lease = partition_keys.lease(keys.of_event(event).deadlines)
    await wire.call("SET", lease, 1, "PX", 60_000)
    await engine.sweeper.expire_lapsed()
    assert await taken(engine, event) == 1
    await wire.call("DEL", lease)
    await engine.sweeper.expire_lapsed()
    assert await taken(engine, event) == 0
    assert await wire.call("EXISTS", lease) == 0


async def test_the_lease_of_a_sweeper_that_was_stopped_ends(wire: Wire) -> None:
    engine, event = Engine(wire), EventId(EVENT + 1)
    await engine.prepare()
    await lapsed_hold(engine, event)
    await wire.call("SET", partition_keys.lease(keys.of_event(event).deadlines), 1, "PX", 50)
    async with asyncio.timeout(30):
        while await taken(engine, event):
            await engine.sweeper.expire_lapsed()
            await asyncio.sleep(0.01)


async def test_what_cannot_be_read_keeps_nothing_else_from_its_turn(
    own_wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    engine, event = Engine(own_wire), EventId(1)
    await engine.prepare()
    await lapsed_hold(engine, event)
    own = keys.of_event(event)
    await own_wire.call("SET", own.booking(BookingNumber(7)), "junk")
    await own_wire.call("ZADD", own.deadlines, 0, "junk", 0, f"{event}:7")
    for index in partition_keys.chores(own.tag), partition_keys.promote(own.tag):
        await own_wire.call("SADD", index, "junk")
    await own_wire.call("ZADD", partition_keys.openings(own.tag), 0, "junk")

    async def swept() -> bool:
        return await taken(engine, event) == 0 and "event junk" in caplog.text

    sweeping = asyncio.create_task(engine.sweeper.run())
    await eventually(swept)
    assert not sweeping.done()
    sweeping.cancel()
    told = caplog.text
    assert told.count(f"junk of {own.deadlines} cannot be read") == 1
    assert told.count(f"{event}:7 of {own.deadlines} cannot be read") == 1
    assert "event junk cannot be read" in told
    assert await own_wire.call("ZCARD", own.deadlines) == 2
    assert await own_wire.call("ZCOUNT", own.deadlines, "-inf", 1) == 0, "put off"
