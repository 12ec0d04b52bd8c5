"""The sell-out: a small one for real, and that it sees everything that must not be."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench.sellout.buyer import Buyer, Hall
from bench.sellout.report import faults, table
from bench.sellout.tally import Tally
from bench.torture.http import Client
from tests.processes import Process, alive, eventually

SEATS = 500
Scripted = tuple[int, str, Any]
"""Status, Billetter-Outcome and JSON of an answer."""

HALL = Hall(event=7, seats=SEATS, hold_s=600)
SHORT = Hall(event=7, seats=SEATS, hold_s=0)
FREE = (200, "", [{"id": 7_000_001}])
OPENED = (201, "OPENED", {"id": 700_000_001})
CLAIMED = (200, "CLAIMED", "Seat successfully added to booking")
TAKEN = (419, "SEAT_TAKEN", "Failed to add seat to booking")
CLOSED = (400, "CLOSED", {"error": "invalid_state"})
VANISHED = (404, "NO_BOOKING", {"error": "booking_not_found"})
NOTHING: Scripted = (200, "", [])


def sell_out(*options: str) -> Process:
    return Process("-m", "bench.sellout", *options)


def test_a_small_hall_is_sold_out(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    sizes = ("--users", "50", "--seats", str(SEATS), "--hold-s", "1", "--seed", "7")
    with sell_out(*sizes, "--json", str(file)) as sale:
        assert sale.wait() == 0, f"{sale.out}{sale.err}"
        said = sale.out
    told = json.loads(file.read_text())

    assert (told["users"], told["seats"], told["sold"], told["seed"]) == (50, SEATS, SEATS, 7)
    assert (told["errors"], told["twice"], told["faults"], told["audit_violations"]) == (
        0,
        0,
        [],
        [],
    )
    assert told["analytics"]["sold_seats"] == SEATS
    assert told["analytics"]["bookings_count"] == told["bookings"]
    assert 0 < told["seconds_80"] <= told["seconds_100"] <= told["seconds"]
    assert told["curve"][0] == [0, 0]
    assert told["curve"][-1][1] == SEATS
    assert told["conflicts"] > 0
    assert told["failed_payments"] > 0
    assert told["walkaways"] > 0
    for step in ("browse", "open", "select", "pay", "confirm"):
        figures = told["steps"][step]
        assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"] <= figures["max_ms"]
    counts = [figures["count"] for figures in told["steps"].values()]
    assert sum(counts) == told["requests"] == sum(each["count"] for each in told["timeline"])
    assert f"{SEATS} of {SEATS}" in said


def test_a_sale_that_does_not_end_in_time_has_failed() -> None:
    with sell_out("--users", "5", "--seats", "5000", "--limit-s", "0.2") as sale:
        assert sale.wait() == 1, sale.err
        assert "of 5000 seats were sold" in sale.out


def children(process: Process, command: str) -> list[int]:
    return eventually(lambda: process.children(command))


def test_who_stops_a_sale_stops_its_servers() -> None:
    with sell_out("--users", "5", "--seats", "900000") as sale:
        own = ("redis-server", "billetter serve")
        started = [pid for name in own for pid in children(sale, name)]
        assert sale.stop() == 1
        assert sale.err.endswith("stopped before its end\n")
    assert not any(alive(pid) for pid in started)


def tally_of(*sales: tuple[int, Sequence[int]]) -> Tally:
    tally = Tally()
    for booking, seats in sales:
        tally.sold(booking, list(seats))
    return tally


def result_of(tally: Tally, seats: int, **told: Any) -> dict[str, Any]:
    """What a sale of that many seats gives back, all being well but for what is told."""
    analytics = {"sold_seats": seats, "reserved_seats": 0, "free_seats": 0}
    whole = {"seats": seats, "analytics": analytics, "audit_violations": [], "cpu_s": {}}
    return {**whole, **tally.summary(seats), **told}


def test_a_complete_sale_has_no_faults() -> None:
    result = result_of(tally_of((1, [1, 2]), (2, [3])), 3)

    assert faults(result) == []
    assert result["bookings"] == 2
    assert "3 of 3" in table(result)


@pytest.mark.parametrize(
    ("sales", "told", "fault"),
    [
        ([(1, [1, 2]), (2, [2])], {}, "1 seats were sold twice"),
        ([(1, [1])], {}, "1 of 2 seats were sold"),
        ([(1, [1, 2])], {"audit_violations": ["a seat"]}, "audit: a seat"),
        ([(1, [1, 2])], {"analytics": {}}, "the server says"),
        ([(1, [1, 2])], {"errors_named": [("open: 500", 9)]}, "open: 500 (9 times)"),
    ],
)
def test_a_fault_is_named(sales: Any, told: dict[str, Any], fault: str) -> None:
    assert fault in " ".join(faults(result_of(tally_of(*sales), 2, **told)))


async def head_of(reader: asyncio.StreamReader) -> bytes:
    """The head of the next request; nothing if there is none."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


@asynccontextmanager
async def buyer_told(
    *answers: Scripted, hall: Hall = HALL, seed: int = 1
) -> AsyncIterator[tuple[Buyer, Tally, list[str]]]:
    """A buyer, whose every request gets the next of the answers; after the last, none."""
    asked: list[str] = []
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await head_of(reader):
            lines = head.decode().lower().split("\r\n")
            length = [line.split(":")[1] for line in lines if line.startswith("content-length")]
            await reader.readexactly(int(length[0]) if length else 0)
            asked.append(head.decode().split(" HTTP")[0])
            if not left:
                break
            status, outcome, body = left.pop(0)
            content = json.dumps(body)
            named = f"billetter-outcome: {outcome}\r\n" if outcome else ""
            told = f"HTTP/1.1 {status} Told\r\n{named}content-length: {len(content)}\r\n\r\n"
            writer.write(f"{told}{content}".encode())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        client, tally = await Client.open(server.sockets[0].getsockname()[1]), Tally()
        yield Buyer(client, hall, tally, Random(seed)), tally, asked
        client.close()


async def test_an_answer_that_must_not_be_is_an_error() -> None:
    async with buyer_told(FREE, (503, "", {"error": "unavailable"})) as (buyer, tally, _):
        await buyer.run()

    assert tally.errors == ['open: 503 b\'{"error": "unavailable"}\'']


async def test_a_lost_connection_is_an_error() -> None:
    async with buyer_told(FREE, OPENED) as (buyer, tally, _):
        await buyer.run()

    assert tally.errors == ["select: connection lost"]


async def test_a_sale_counts_only_once_it_is_confirmed() -> None:
    paying = (FREE, OPENED, CLAIMED, (200, "AWAITING_PAYMENT", "…"), (200, "REFUND_DUE", "OK"))
    async with buyer_told(*paying) as (buyer, tally, asked):
        await buyer.run()

    assert asked[-1].startswith("GET /api/payments/success")
    assert tally.errors == ["confirm: 200 b'\"OK\"'"]
    assert tally.sales == []


@pytest.mark.parametrize("late", [CLOSED, VANISHED])
async def test_who_is_late_may_be_told_so_and_nobody_else(late: Scripted) -> None:
    async with buyer_told(FREE, OPENED, late, hall=HALL) as (buyer, tally, _):
        await buyer.run()
    assert (tally.lapsed, len(tally.errors)) == (0, 1)

    async with buyer_told(FREE, OPENED, late, NOTHING, NOTHING, NOTHING, hall=SHORT) as told:
        buyer, tally, _ = told
        await buyer.run()
    assert (tally.lapsed, tally.errors) == (1, [])


async def test_a_buyer_goes_when_nothing_is_reserved_and_after_that_nothing_is_free() -> None:
    async with buyer_told(NOTHING, NOTHING, NOTHING) as (buyer, tally, asked):
        await buyer.run()

    statuses = [path.partition("status=")[2].partition("&")[0] for path in asked]
    assert statuses == ["FREE", "RESERVED", "FREE"]
    assert tally.errors == []


async def test_a_buyer_without_luck_keeps_the_booking_until_nothing_is_left() -> None:
    answers = (FREE, OPENED, TAKEN, NOTHING, NOTHING, NOTHING, (200, "CANCELLED", "…"))
    after = (NOTHING, NOTHING, NOTHING)
    async with buyer_told(*answers, *after) as (buyer, tally, asked):
        await buyer.run()

    assert [path for path in asked if "/api/bookings" in path] == [
        "POST /api/bookings",
        "PATCH /api/bookings/cancel",
    ]
    assert (tally.conflicts, tally.errors) == (1, [])
