"""The demo: event 1 is a concert in a stadium of 100 000 seats; two small events go with it."""

from billetter.domain.event import Details, EventPlan, Terms
from billetter.domain.ids import GUEST, EventId
from billetter.domain.layout import Layout, ZonePlan
from billetter.engine import Engine, keys

EVENTS = 3
_STARTED, _DONE = b"started", b"done"


async def seed(engine: Engine, hold_ms: int, payment_ms: int) -> bool:
    """Make the demo events, once; False on a Redis that had other events before.

    Several processes may do so at the same time, and one that was stopped half-way is resumed.
    """
    command = engine.store.command
    state = await command("HGET", keys.META, "demo", reads=True)
    if state is None:
        last = (await engine.store.run("skip_ids", [keys.EVENTS_NEXT], EVENTS)).fields[0]
        if int(last) != EVENTS:
            return False
        await command("HSETNX", keys.META, "demo", _STARTED)
    if state != _DONE:
        terms = Terms(hold_ms, payment_ms, seats_max=100)
        for number, (details, zones) in enumerate(_PROGRAMME, start=1):
            plan = EventPlan(details, terms, Layout.plan(zones))
            await engine.events.create_as(EventId(number), plan, GUEST, seeded=True)
        await command("HSET", keys.META, "demo", _DONE)
    return True


def _hall(name: str, price: int, rows: int, seats_per_row: int) -> ZonePlan:
    return ZonePlan(name, price, (seats_per_row,) * rows)


_PROGRAMME = (
    (
        Details("Celesta Moreira: Live at the Stadium", location="National Stadium"),
        [
            _hall("Golden circle", 4_000_000, 100, 100),
            _hall("Fan zone", 8_000_000, 150, 100),
            _hall("Lower tier", 12_000_000, 200, 100),
            _hall("Middle tier", 16_000_000, 250, 100),
            _hall("Upper tier", 20_000_000, 300, 100),
        ],
    ),
    (
        Details("An Evening of Chamber Music", location="City Hall", category="classical"),
        [_hall("Stalls", 4_500, 12, 20), _hall("Balcony", 3_000, 4, 15)],
    ),
    (
        Details("Improvised Theatre", location="The Cellar", category="theatre"),
        [ZonePlan("House", 1_800, (8, 10, 12, 12))],
    ),
)
