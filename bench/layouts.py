"""Row 19: the first page of events that have as many rows as there can be, each read once."""

from functools import partial

import psutil

from bench.figures import Bar, Figure, Measured
from bench.halls import HOLD_MS, all_of
from bench.run import Row, Run
from bench.servers import stand
from bench.torture.http import once_asked, request
from billetter.domain.event import Details, EventPlan, Terms
from billetter.domain.ids import GUEST, SEATS_MAX, EventId
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.rows import Rows
from billetter.engine import Engine

EVENTS_MAX = 1_000
CPU_MS_BAR = Bar(2.0, at_most=True)
GROWTH_MB_BAR = Bar(32, at_most=True)
"""Twice what a worker may remember of the seats that it has listed."""
STILL = {"BILLETTER_SWEEP": "0"}
"""Else the sweeper's work would be counted as well."""


async def first_pages(run: Run) -> Measured:
    count = min(EVENTS_MAX, run.scale.events)
    async with stand(run, env=STILL) as at:
        made = partial(_large_event, at.engine)
        run.progress.say(f"row 19: {count:,} events")
        before, *events = await all_of([made] * (count + 1))
        faults = await _read(at.api.port, before)
        memory_mb, cpu_s = at.api.memory_mb(), _cpu_s(at.api.workers())
        for number, event in enumerate(events):
            run.progress.say(f"row 19: {number + 1:,} of {count:,}")
            faults = faults or await _read(at.api.port, event)
        used_ms = (_cpu_s(at.api.workers()) - cpu_s) * 1_000 / count
        grown_mb = at.api.memory_mb() - memory_mb
    name = f"first page of a fresh event of {SEATS_MAX:,} rows"
    about = f"mean of {count:,} events"
    return Measured(
        [
            Figure(
                19, f"CPU of the {name}", used_ms, CPU_MS_BAR, "ms", absolute=about, fault=faults
            ),
            Figure(
                19,
                f"growth of a worker over {count:,} such events",
                grown_mb,
                GROWTH_MB_BAR,
                "MB",
                absolute=f"from {memory_mb:,.0f} MB",
                fault=faults,
            ),
        ]
    )


async def _large_event(engine: Engine) -> EventId:
    layout = Layout.plan([ZonePlan("Standing in line", 4_500, Rows.equal(SEATS_MAX, 1))])
    terms = Terms(HOLD_MS, HOLD_MS, 1)
    return (await engine.events.create(EventPlan(Details("A long row"), terms, layout), GUEST)).id


async def _read(port: int, event: EventId) -> str:
    """What is wrong with the first page, if anything."""
    reply = await once_asked(port, request("GET", f"/api/seats?event_id={event}&page=1"))
    rows = [seat["row"] for seat in reply.json()] if reply.status == 200 else []
    return "" if rows == [*range(1, 21)] else f"the page of event {event} answers {reply.status}"


def _cpu_s(pids: list[int]) -> float:
    used = (psutil.Process(pid).cpu_times() for pid in pids)
    return sum(each.user + each.system for each in used)


ROWS = [Row(19, "first page of events with a million rows", first_pages)]
