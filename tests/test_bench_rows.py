"""Rows of the benchmark measured for real, with tiny counts: their programs do what they say."""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench import scaling
from bench.__main__ import chosen, main
from bench.claims import claimed
from bench.credentials import logins
from bench.figures import Measured, Sample, Verdict
from bench.halls import TICKETS_ZONE, FreshSeats, new_hall, new_standing, opened, seat
from bench.http import ECHOED, PACED, Side
from bench.last import opening
from bench.rows import ROWS
from bench.run import FULL, QUICK, SMOKE, NotMeasured, Progress, Run, Scale
from bench.servers import EchoServer, redis_of, stand
from bench.tickets import LATE, FreshTickets, reserve
from bench.torture.run import newest
from bench.wrk import AT_ONCE, CHRT, Load, wrk
from billetter.domain.ids import GUEST, EventId, named_user
from billetter.domain.outcome import Opened
from billetter.domain.ticket import Item
from billetter.engine import Engine
from billetter.testing import find_binaries
from tests.processes import children_of, eventually, short_directory

TINY = replace(SMOKE, pairs=2, events=3, seats=800)
MISSING = "needs a redis-server"

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")

pytestmark = pytest.mark.skipif(not find_binaries(), reason=MISSING)


@pytest.fixture
def run() -> Iterator[Run]:
    with short_directory() as directory:
        yield Run(TINY, newest(), directory, Progress())


async def measured(run: Run, number: int) -> Measured:
    (row,) = (row for row in ROWS if row.row == number)
    async with asyncio.timeout(60):
        try:
            return await row.measure(run.of(row))
        except NotMeasured as reason:
            pytest.skip(str(reason))


@pytest.mark.parametrize("number", [5, 9])
async def test_claims_are_made_and_compared(run: Run, number: int) -> None:
    found = await measured(run, number)
    assert all(len(runs) == TINY.pairs for runs in found.samples.values())
    assert not [figure.fault for figure in found.figures if figure.fault]
    assert all(figure.value and figure.value > 0 for figure in found.figures)


async def test_claims_all_over_are_in_as_many_events_as_are_said(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where fewer events are looked at in between."""
    spread: list[int] = []
    real = scaling._in_all

    def in_all(run: Run, engine: Engine, events: Sequence[EventId]) -> Side:
        spread.append(len(events))
        return real(run, engine, events)

    monkeypatch.setattr(scaling, "_in_all", in_all)
    monkeypatch.setattr(scaling, "BETWEEN", (4, 2))
    await measured(replace(run, scale=replace(TINY, pairs=1, events=7)), 9)
    assert spread == [7 - 1]


async def test_a_refused_claim_is_a_fault(run: Run) -> None:
    async with redis_of(run, "refused") as (_, engine):
        event = await new_hall(engine, 80)
        bookings = await opened(engine, [(event, ())] * 2)
        sample = await claimed(engine, [(booking, seat(event, 0)) for booking in bookings])
    assert sample.fault == "1 claims were refused"


async def test_fresh_seats_are_asked_for_once_each(run: Run) -> None:
    async with redis_of(run, "fresh") as (_, engine):
        fresh = FreshSeats(engine)
        fresh.seen(1_000)
        first, second = await fresh.requests(1), await fresh.requests(2)
    assert len(first) >= 1_000
    assert len(second) >= 2_000
    assert len({*first, *second}) == len(first) + len(second)


async def test_the_memory_of_a_seat_is_that_of_its_keys(run: Run) -> None:
    found = await measured(run, 8)
    (figure,) = found.figures
    kinds = found.series["kinds"]
    assert sum(kinds.values()) == pytest.approx(figure.value)
    assert {"bookings", "taken bitmap", "sold bitmap", "holders of seats"} <= set(kinds)
    assert "other" not in kinds
    assert found.series["journal"] > 0


async def test_the_map_is_two_bits_a_seat(run: Run) -> None:
    size, spent = (await measured(run, 10)).figures
    assert size.value == TINY.seats / 4
    assert spent.value
    assert {size.verdict, spent.verdict} <= {Verdict.OK, Verdict.MISSED}


async def test_credentials_are_sent_and_are_those_of_the_bookings(run: Run) -> None:
    found = await measured(run, 13)
    assert list(found.samples) == ["open", "Bearer", "Basic"]
    assert not [figure.fault for figure in found.figures if figure.fault]


async def test_people_log_in_while_selects_are_measured(run: Run) -> None:
    slower, hashed = (await measured(run, 14)).figures
    assert not slower.fault
    assert slower.value
    assert hashed.value


async def test_the_map_is_read_while_selects_are_measured(run: Run) -> None:
    found = await measured(run, 18)
    maps = found.figures[-1]
    assert list(found.samples) == ["no readers", "/health read", "map read"]
    assert all(figure.value and not figure.fault for figure in found.figures)
    assert maps.value
    assert maps.value > 100


async def test_first_pages_of_large_events_are_read(run: Run) -> None:
    cpu, growth = (await measured(run, 19)).figures
    assert not cpu.fault
    assert cpu.value is not None
    assert cpu.value < 1_000
    assert growth.verdict is Verdict.OK


@pytest.mark.parametrize("number", [15, 16, 17])
async def test_tickets_are_taken_and_compared(run: Run, number: int) -> None:
    once = replace(run, scale=replace(TINY, pairs=1))
    found = await measured(once, number)
    assert not [figure.fault for figure in found.figures if figure.fault]
    assert all(figure.value and figure.value > 0 for figure in found.figures)
    assert all(sample.per_s for runs in found.samples.values() for sample in runs)


async def test_an_answer_without_a_ticket_is_a_fault(run: Run) -> None:
    async with redis_of(run, "places") as (_, engine):
        fresh = FreshTickets(engine, reserve)
        fresh.seen(200)
        asked = await fresh.requests(1)
        event, users = taken_apart(asked)
        for user in users:
            await engine.tickets.reserve(event, named_user(user))
        one_each = Sample(1.0, answers=len(asked))
        assert await fresh.checked(one_each) == one_each
        one_more = replace(one_each, answers=len(asked) + 1)
        too_many = replace(one_each, answers=len(asked) - LATE - 1)
        faults = [(await fresh.checked(sample)).fault for sample in (one_more, too_many)]
    told = f"{len(asked)} tickets were taken in"
    assert faults == [f"{told} {len(asked) + 1} answers", f"{told} {len(asked) - LATE - 1} answers"]


def taken_apart(asked: Sequence[str]) -> tuple[EventId, list[str]]:
    """The event and the users of some reservations."""
    bodies = [json.loads(line.split(" ", 2)[2]) for line in asked]
    (event,) = {body["event_id"] for body in bodies}
    return EventId(event), [body["user_id"] for body in bodies]


async def test_every_place_is_asked_for_by_another_user(run: Run) -> None:
    async with redis_of(run, "users") as (_, engine):
        event = await new_standing(engine, 80)
        fresh = FreshTickets(engine, reserve, event)
        fresh.seen(20)
        found = [taken_apart(await fresh.requests(1)) for _ in range(2)]
        users = [user for _, those in found for user in those]
        assert {each for each, _ in found} == {event}
        assert len(set(users)) == len(users) == 52
        await opened_tickets(engine, event, 80)
        with pytest.raises(NotMeasured, match="tickets were taken"):
            await fresh.requests(1)


async def opened_tickets(engine: Engine, event: EventId, count: int) -> None:
    told = await engine.tickets.open(event, GUEST, [Item(TICKETS_ZONE, count)])
    assert isinstance(told, Opened)


async def test_a_ticket_that_cannot_be_had_is_a_fault(run: Run) -> None:
    async with redis_of(run, "few") as (_, engine):
        event = await new_standing(engine, 48)
        sample = await opening(engine, event, quantity=1, bookings=1)()
        assert sample.fault == "2 tickets were not had, or not given back"
        sales = await engine.events.sales(event)
        assert sales
        assert sales.all.taken == 0


async def test_logins_that_are_not_hashed_are_a_fault(run: Run) -> None:
    async with asyncio.timeout(60), stand(run) as at:
        sample = await logins(at.api.port, over=asyncio.Event())
    assert "429" in sample.fault


@pytest.mark.parametrize(
    ("numbers", "scale", "rows"),
    [
        ([], QUICK, range(1, 13)),
        ([], FULL, range(1, 20)),
        ([], SMOKE, range(1, 20)),
        ([14, 2], QUICK, (2, 14)),
    ],
)
def test_a_quick_run_leaves_rows_to_be_asked_for(
    numbers: Sequence[int], scale: Scale, rows: Sequence[int]
) -> None:
    assert [row.row for row in chosen(numbers, scale)] == list(rows)


@pytest.mark.parametrize(("load", "per_s"), [(PACED, 1_000), (AT_ONCE, None)])
def test_a_load_at_a_pace_knows_its_rate(load: Load, per_s: float | None) -> None:
    assert load.per_s == per_s


@needs_wrk
async def test_connections_rest_between_requests_if_they_shall(run: Run) -> None:
    load = Load(connections=1, pause_ms=100)
    async with asyncio.timeout(60), EchoServer(run) as echo:
        sample = await wrk(echo.port, [ECHOED], 200, load, seconds=1, pids=echo.workers())
    assert not sample.fault
    assert sample.per_s < 100


def wrks() -> list[int]:
    """Process ids of those that this process has started."""
    mine = children_of(os.getpid()).items()
    return [pid for pid, command in mine if command.split(" ")[0].endswith("wrk")]


@needs_wrk
@pytest.mark.skipif(shutil.which(CHRT[0]) is None, reason="needs chrt")
@pytest.mark.parametrize(("load", "policy"), [(AT_ONCE, "SCHED_BATCH"), (PACED, "SCHED_OTHER")])
async def test_a_client_in_a_hurry_does_not_preempt_the_server(
    run: Run, load: Load, policy: str
) -> None:
    async with asyncio.timeout(60), EchoServer(run) as echo, asyncio.TaskGroup() as both:
        asked = wrk(echo.port, [ECHOED], 200, load, seconds=1, pids=echo.workers())
        sample = both.create_task(asked)
        (pid,) = await asyncio.to_thread(eventually, wrks)
        assert os.sched_getscheduler(pid) == getattr(os, policy)
    assert not sample.result().fault


@pytest.fixture
def no_wrk(monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.which

    def which(name: str, mode: int = os.F_OK | os.X_OK, path: str | None = None) -> str | None:
        return None if name == "wrk" else real(name, mode, path)

    monkeypatch.setattr("shutil.which", which)


@pytest.mark.usefixtures("no_wrk")
async def test_without_wrk_nothing_is_measured_and_it_says_how_to_get_it(run: Run) -> None:
    for row in (row for row in ROWS if row.row in {1, 2, 3, 4, 6, 11, 12, 13, 14, 15, 16, 18}):
        with pytest.raises(NotMeasured, match="apt-get install wrk"):
            await row.measure(run.of(row))


def test_what_is_not_measured_fails_and_the_rest_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    binary = newest()
    monkeypatch.setattr("bench.__main__.newest", lambda: binary)
    real = shutil.which

    def which(name: str, mode: int = os.F_OK | os.X_OK, path: str | None = None) -> str | None:
        return None if name == "wrk" else real(name, mode, path)

    monkeypatch.setattr("shutil.which", which)
    files = [tmp_path / "results.json", tmp_path / "report.html"]
    assert main(["1", "--smoke", "--json", str(files[0]), "--report", str(files[1])]) == 1
    assert "not measured: row 1" in capsys.readouterr().out
    assert all("apt-get install wrk" in file.read_text() for file in files)
