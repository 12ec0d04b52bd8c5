"""Row 17: servers and workers end under load, and nothing acknowledged is lost."""

import asyncio
import os
import signal
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bench.torture.hall import apart, engine_on, new_event, seat
from bench.torture.http import Client, Server, request
from bench.torture.ledger import bookings_of
from bench.torture.run import Figure, Run, Torture, audited
from billetter.domain.ids import BookingId, EventId, SeatId
from billetter.testing import RedisServer

CLIENTS = 100
READ_MAX = 500
EXIT_S_MAX = 12.0
"""shutdown_s, and what its parent adds before it kills."""


@dataclass(slots=True)
class Sales:
    """acknowledged: bookings opened with these seats. lost: requests that got no reply.

    unsettled: seats asked for without an answer that says whether; whoever comes next asks again,
    under the same Idempotency-Key.
    """

    acknowledged: dict[BookingId, SeatId] = field(default_factory=dict)
    unavailable: int = 0
    lost: int = 0
    odd: list[str] = field(default_factory=list)
    unsettled: list[SeatId] = field(default_factory=list)
    next_seat: int = 0
    going: bool = True


async def restart(run: Run) -> list[Figure]:
    rounds = run.many(5, 20)
    with RedisServer(run.binary, run.directory, appendonly=True) as redis:
        async with engine_on(redis.url) as engine:
            event = await new_event(engine, 900_000)
        sales, ends = Sales(), list[tuple[int, float]]()
        for _ in range(rounds):
            async with Server(redis.url, run.directory) as server:
                ends.append(await _round(server, event, sales))
        async with Server(redis.url, run.directory) as server:
            await _settle(server.port, event, sales)
        lost = await _lost(redis.url, sales)
        async with engine_on(redis.url) as engine:
            extra = len(await bookings_of(engine, event)) - len(sales.acknowledged)
        audit = await audited(redis.url)
    slowest = max(seconds for _, seconds in ends)
    codes = sorted({code for code, _ in ends})
    return [
        Figure("servers ended by SIGTERM, workers by SIGTERM, by SIGKILL", f"{rounds} of each"),
        Figure("acknowledged bookings", f"{len(sales.acknowledged):,}"),
        Figure("requests without a reply; answered 503", f"{sales.lost:,}; {sales.unavailable:,}"),
        Figure("acknowledged and lost", str(len(lost)), "0", not lost),
        Figure("made more than once", str(extra), "0", not extra),
        Figure(
            "replies that must not be",
            f"{len(sales.odd)} {sales.odd[:2]}",
            "0",
            not sales.odd,
        ),
        Figure("exit codes", str(codes), "[0]", codes == [0]),
        Figure("slowest exit", f"{slowest:.1f} s", f"≤ {EXIT_S_MAX:.0f} s", slowest <= EXIT_S_MAX),
        audit,
        await _restart_control(run),
    ]


async def _round(server: Server, event: EventId, sales: Sales) -> tuple[int, float]:
    """Load, and in its midst end a worker, kill another, end everything."""
    sales.going = True
    buyers = [asyncio.create_task(_buy(server.port, event, sales)) for _ in range(CLIENTS)]
    for sign in (signal.SIGTERM, signal.SIGKILL):
        await asyncio.sleep(0.3)
        with suppress(ProcessLookupError):
            os.kill(server.workers()[0], sign)
    await asyncio.sleep(0.5)
    end = await server.stop()
    sales.going = False
    await asyncio.gather(*buyers)
    return end


async def _buy(port: int, event: EventId, sales: Sales) -> None:
    client: Client | None = None
    while sales.going:
        try:
            if client is None or client.lost:
                client = await Client.open(port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        await _ask(client, event, sales)
    if client is not None:
        client.close()


async def _ask(client: Client, event: EventId, sales: Sales) -> None:
    if sales.unsettled:
        wanted = sales.unsettled.pop()
    else:
        wanted, sales.next_seat = seat(event, sales.next_seat), sales.next_seat + 1
    body = {"event_id": event, "seat_ids": [wanted]}
    told = await client.ask(request("POST", "/api/bookings", body, key=f"seat-{wanted}"))
    if told.status == 201:
        sales.acknowledged[BookingId(told.json()["id"])] = wanted
    elif told.status in (0, 503):
        sales.unsettled.append(wanted)
        sales.lost += told.status == 0
        sales.unavailable += told.status == 503
    else:
        sales.odd.append(str(told))


async def _settle(port: int, event: EventId, sales: Sales) -> None:
    """Ask again for what the last round left without an answer."""
    client = await Client.open(port)
    while sales.unsettled:
        await _ask(client, event, sales)
    client.close()


async def _lost(url: str, sales: Sales) -> list[BookingId]:
    """Acknowledged bookings that are not there, or without their seat."""
    async with engine_on(url) as engine:
        reads: list[Awaitable[Any]] = [engine.bookings.get(each) for each in sales.acknowledged]
        found = []
        for start in range(0, len(reads), READ_MAX):
            found += await asyncio.gather(*reads[start : start + READ_MAX])
    pairs = zip(sales.acknowledged.items(), found, strict=True)
    return [each for (each, wanted), kept in pairs if kept is None or kept.seats != (wanted,)]


async def _restart_control(run: Run) -> Figure:
    """On a Redis that keeps nothing, the loss must be seen."""
    with RedisServer(run.binary, apart(run, "control")) as redis:
        async with engine_on(redis.url) as engine:
            event = await new_event(engine, 900_000)
        sales = Sales()
        async with Server(redis.url, run.directory, workers=1) as server:
            buyers = [asyncio.create_task(_buy(server.port, event, sales)) for _ in range(9)]
            await asyncio.sleep(0.3)
            redis.kill()
            redis.start()
            sales.going = False
            await asyncio.gather(*buyers)
            lost = await _lost(redis.url, sales)
    return Figure("control: a Redis without memory loses", f"{len(lost)}", "> 0", bool(lost))


TORTURES = [Torture(17, "servers and workers end under load", restart)]
