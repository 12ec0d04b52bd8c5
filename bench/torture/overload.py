"""Row 16: ten thousand connections, three times what can be served, a thousand slow clients."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from bench.torture.hall import apart, engine_on, new_event, percentile, seat
from bench.torture.http import Client, Server, crowd, most_connections, request
from bench.torture.run import Figure, Run, Torture, audited
from billetter.domain.ids import EventId
from billetter.testing import RedisServer

CONNECTIONS, SLOW, ADMITTED, SPARE = 10_000, 1_000, 40, 64
PAUSE_S = 0.05
DRIP_S = 1.0
MARGIN_S = 3.0
PATIENCE_S = 20.0
MEMORY_GROWTH_MAX = 1.2
ADMITTED_P99_S_MAX = 3.0
ADMITTED_MAX = 250
"""Requests under way beside those of the slow clients, of which half wait for a body."""
SERVED = frozenset({200, 201, 419, 429, 503})
HALF_HEAD = b"POST /api/bookings HTTP/1.1\r\nhost: localhost\r\nx-slow: "
HALF_BODY = b"POST /api/bookings HTTP/1.1\r\nhost: localhost\r\ncontent-length: 16000\r\n\r\n{"


@dataclass(slots=True)
class Load:
    """Latencies of the admitted, in s; every status; how long the server bore each slow client."""

    calm: list[float] = field(default_factory=list)
    pushed: list[float] = field(default_factory=list)
    admitted: Counter[int] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    closed_head: list[float] = field(default_factory=list)
    closed_body: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    pushing: bool = False
    over: bool = False


async def overload(run: Run) -> list[Figure]:
    head_s, body_s = run.many(4, 10), run.many(6, 20)
    limits = {
        "HEADER_TIMEOUT_S": head_s,
        "BODY_TIMEOUT_S": body_s,
        "REQUESTS_MAX": SLOW // 2 + ADMITTED_MAX,
    }
    env = {f"BILLETTER_{name}": str(limit) for name, limit in limits.items()}
    room = most_connections(CONNECTIONS + SPARE) - SPARE
    load = Load()
    with RedisServer(run.binary, run.directory, appendonly=True) as redis:
        async with engine_on(redis.url) as engine:
            event = await new_event(engine, 900_000)
        async with Server(redis.url, run.directory, env=env) as server:
            await _push(server, event, load, room, body_s + PATIENCE_S)
            refused = await _greedy(redis.url, run)
        audit = await audited(redis.url)
    return [
        Figure("connections, of them slow", f"{room:,}, {SLOW:,}"),
        *_served(load),
        *_closed("half a header", load.closed_head, head_s, SLOW // 2),
        *_closed("half a body", load.closed_body, body_s, SLOW - SLOW // 2),
        refused,
        audit,
    ]


def _served(load: Load) -> list[Figure]:
    third = len(load.memory_mb) // 3
    early, late = load.memory_mb[third], max(load.memory_mb[third:])
    odd = {status: n for status, n in load.statuses.items() if status not in SERVED}
    closed = odd.pop(0, 0)
    lost = sum(n for status, n in load.admitted.items() if status not in SERVED)
    slow = percentile(load.pushed, 0.99)
    flat = late <= early * MEMORY_GROWTH_MAX
    return [
        Figure("answers to the crowd", _counted(load.statuses), "200, 201, 419, 429, 503", not odd),
        Figure("closed instead of an answer, as idle for too long", f"{closed:,}"),
        Figure("admitted, before: p99", f"{percentile(load.calm, 0.99) * 1000:.0f} ms"),
        Figure("admitted, meanwhile: p50", f"{percentile(load.pushed, 0.5) * 1000:.0f} ms"),
        Figure(
            "admitted, meanwhile: p99",
            f"{slow * 1000:.0f} ms",
            f"≤ {ADMITTED_P99_S_MAX:.0f} s",
            0 < slow <= ADMITTED_P99_S_MAX,
            speed=True,
        ),
        Figure("admitted, not served", f"{lost} of {load.admitted.total():,}", "0", not lost),
        Figure(
            "memory of the workers",
            f"{early:.0f} MB after a third of the time, then {late:.0f} MB at most",
            f"≤ {MEMORY_GROWTH_MAX} times that",
            flat,
        ),
    ]


def _counted(statuses: Counter[int]) -> str:
    return ", ".join(f"{count:,} of {status}" for status, count in sorted(statuses.items()))


def _closed(what: str, after: Sequence[float], limit_s: float, clients: int) -> list[Figure]:
    latest = max(after, default=0.0)
    late = limit_s + MARGIN_S
    who = f"slow clients, {what}"
    return [
        Figure(f"{who}: closed", f"{len(after)} of {clients}", "all", len(after) == clients),
        Figure(
            f"{who}: the last", f"{latest:.1f} s", f"≤ {late:.0f} s", latest <= late, speed=True
        ),
    ]


async def _push(server: Server, event: EventId, load: Load, room: int, seconds: float) -> None:
    async with AsyncExitStack() as stack:
        admitted = await stack.enter_async_context(crowd(server.port, ADMITTED))
        serving = [
            asyncio.create_task(_admitted(client, event, number, load))
            for number, client in enumerate(admitted)
        ]
        await asyncio.sleep(1.0)
        idle = await stack.enter_async_context(crowd(server.port, room - SLOW - ADMITTED))
        slow = await stack.enter_async_context(crowd(server.port, SLOW))
        halves = SLOW // 2
        dripping = [
            *(_slow(client, HALF_HEAD, load.closed_head, seconds) for client in slow[:halves]),
            *(_slow(client, HALF_BODY, load.closed_body, seconds) for client in slow[halves:]),
        ]
        load.pushing = True
        pushing = [
            asyncio.create_task(_crowd_member(server.port, each, event, load)) for each in idle
        ]
        watching = asyncio.create_task(_watch(server, load))
        await asyncio.gather(*dripping)
        load.over = True
        await asyncio.gather(*serving, *pushing, watching)


async def _admitted(client: Client, event: EventId, number: int, load: Load) -> None:
    """Claims seats, one after the other. Its latency is that of requests that were let in."""
    at = number
    while not load.over:
        body = {"event_id": event, "seat_ids": [seat(event, at)]}
        asked = request("POST", "/api/bookings", body, key=f"seat-{at}")
        status = 503
        while status == 503:  # As it is told to: the same again, until it is known.
            began = time.perf_counter()
            status = (await client.ask(asked)).status
            load.admitted[status] += 1
        (load.pushed if load.pushing else load.calm).append(time.perf_counter() - began)
        if status == 0:
            return
        at += ADMITTED
        await asyncio.sleep(PAUSE_S)


async def _crowd_member(port: int, client: Client, event: EventId, load: Load) -> None:
    """Asks again as soon as it is answered: as much as can be served, and more."""
    asked = request("GET", f"/api/events/{event}/availability")
    while not load.over:
        if client.lost:  # Whoever says nothing for long loses the connection.
            client = await Client.open(port)
        load.statuses[(await client.ask(asked)).status] += 1
    client.close()


async def _slow(client: Client, half: bytes, closed: list[float], patience_s: float) -> None:
    """Begins a request and goes on a byte at a time, until the server has had enough."""
    began = time.perf_counter()
    client.ask(half)
    while not client.lost and time.perf_counter() - began < patience_s:
        await asyncio.sleep(DRIP_S)
        if not client.lost:
            client.transport.write(b" ")
    if client.lost:
        closed.append(time.perf_counter() - began)


async def _watch(server: Server, load: Load) -> None:
    while not load.over:
        await asyncio.sleep(1.0)
        load.memory_mb.append(await asyncio.to_thread(server.memory_mb))


async def _greedy(url: str, run: Run) -> Figure:
    """More connections than the server is set to bear: each one more is told so at once."""
    most, more = 50, 20
    env = {"BILLETTER_CONNECTIONS_MAX": str(most)}
    async with (
        Server(url, apart(run, "greedy"), workers=1, env=env) as server,
        crowd(server.port, most + more) as clients,
    ):
        asked = request("GET", "/health")
        waiting = asyncio.gather(*(client.ask(asked) for client in clients))
        replies = await asyncio.wait_for(waiting, 10)
    statuses = Counter(reply.status for reply in replies)
    name = f"{most + more} connections where {most} may be"
    ok = statuses == {200: most, 503: more}
    return Figure(name, _counted(statuses), f"{most} of 200, {more} of 503", ok)


TORTURES = [Torture(16, "overload and slow clients", overload)]
