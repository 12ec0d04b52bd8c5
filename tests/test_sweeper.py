"""The sweepers of several workers share the work."""

import asyncio
import random

from billetter.domain.event import Details, EventPlan, Terms
from billetter.domain.ids import GUEST, EventId, SeatIndex, seat_id
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.outcome import Opened
from billetter.engine import Engine, keys, partition_keys
from billetter.wire.topology import Wire

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
