"""Row 18: whether selects wait for the maps that everybody else reads over the same connection."""

import asyncio
from functools import partial

from bench.figures import Bar, Figure, Measured, Sample, compared, fault_of, middle, p99
from bench.halls import new_hall, take
from bench.http import Others, Side, amid, answered, paced_selects
from bench.run import Row, Run
from bench.servers import need_wrk, stand
from bench.wrk import Load

READERS = Load(connections=32, pause_ms=16)
"""About two thousand reads a second: each of 10 000 people looks every five seconds."""
HEALTH, MAP = "/health read", "map read"
MAP_BAR = Bar(2.0, at_most=True)


async def map_readers(run: Run) -> Measured:
    """The same modest load of selects beside as many reads of nothing and of the whole map.

    /health is answered without Redis. What maps add to it is their way through the connection that
    selects share with them, and the bytes.
    """
    need_wrk()
    long_run = run.for_the_tail()
    reads: dict[str, list[Sample]] = {HEALTH: [], MAP: []}
    async with stand(run) as at:
        event = await new_hall(at.engine, run.scale.seats)
        await take(at.engine, event, range(0, run.scale.seats, 2))
        calm = paced_selects(run, at)
        sides: dict[str, Side] = {"no readers": calm}
        for side, path in ((HEALTH, "/health"), (MAP, f"/api/events/{event}/seatmap")):
            read = _reading(answered(long_run, at.api, 200, f"GET {path}", load=READERS))
            sides[side] = partial(amid, calm, read, reads[side])
        samples = await run.in_turn("row 18", sides)
    name = "p99 of a select,"
    figures = [
        compared(18, f"{name} {MAP} ÷ {HEALTH}", samples, MAP_BAR, MAP, HEALTH, of=p99),
        compared(18, f"{name} {MAP} ÷ no readers", samples, Bar(None), MAP, "no readers", of=p99),
        Figure(
            18,
            "maps read meanwhile",
            middle(reads[MAP]),
            unit="/s",
            absolute=f"beside {middle(samples[MAP]):,.0f} selects/s",
            fault=fault_of(samples, MAP),
        ),
    ]
    return Measured(figures, samples, {"maps_per_s": middle(reads[MAP])})


def _reading(measure: Side) -> Others:
    """Its run ends by itself: it is as long as that of the selects."""

    async def read(_: asyncio.Event) -> Sample:
        return await measure()

    return read


ROWS = [Row(18, "selects while many read the map", map_readers)]
