"""Row 25: HTTP as nobody means it, beside ten thousand idle clients and some who must be served."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from socket import SO_ERROR, SOL_SOCKET, create_connection

import orjson

from bench.torture.hall import engine_on, new_event, percentile
from bench.torture.http import Client, Server, crowd, most_connections, once_asked, request
from bench.torture.run import Figure, Run, Torture, audited, none_of
from billetter.domain.ids import EventId
from billetter.testing import RedisServer

CONNECTIONS, SPARE = 10_000, 200
ATTACKERS, UNREADING = 8, 40
PIPELINED = 400
HEALTH_PAUSE_S = 0.02
HEALTH_P99_S_MAX = 0.1
MEMORY_MB_MAX = 150.0
MARGIN_S = 4.0
PATIENCE_S = 20.0
ANSWER_S_MAX = 20.0
FLOOD_BYTES = 4_000_000
TRAPS = 900_000
"""Seats: their map is too large for the system to take in 400 of them."""
HEAD = b"host: localhost\r\ncontent-type: application/json\r\n"
OFFER = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQ\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
SENT_AWAY = frozenset({400, 413, 431})

_STATUS = re.compile(rb"HTTP/1\.1 (\d+)")


@dataclass(slots=True)
class Siege:
    """What is seen meanwhile. odd: answers that an attack must not get."""

    port: int
    random: Random
    trap: EventId
    over: bool = False
    attacks: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    let_go: list[float] = field(default_factory=list)

    def hidden(self) -> bytes:
        """A request in the body of another. If it ran, a seat of the trap would be taken."""
        seat = self.trap * 1_000_000 + self.random.randint(1, TRAPS)
        return request("POST", "/api/bookings", {"event_id": self.trap, "seat_ids": [seat]})


def _post(headers: bytes, content: bytes) -> bytes:
    return b"POST /api/bookings HTTP/1.1\r\n" + HEAD + headers + b"\r\n" + content


def _announced(headers: bytes, content: bytes, what: bytes = b"POST /api/bookings") -> bytes:
    """A request whose body is of announced length."""
    return b"%b HTTP/1.1\r\n%b%bcontent-length: %d\r\n\r\n%b" % (
        *(what, HEAD, headers),
        *(len(content), content),
    )


def _chunks(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def _opening(siege: Siege) -> bytes:
    return orjson.dumps({"event_id": siege.trap + 10**6, "note": "nowhere"})


Attack = Callable[[Siege], tuple[bytes, frozenset[int]]]
"""What is sent on one connection, and the statuses of all that may come back."""

ATTACKS: dict[str, Attack] = {
    "trailers": lambda s: (
        _post(CHUNKED, _chunks(b"{}") + b"0\r\n" + b"x: y\r\n" * (FLOOD_BYTES // 6)),
        SENT_AWAY,
    ),
    "a trailer": lambda s: (_post(CHUNKED, b"0\r\nx: " + b"y" * FLOOD_BYTES), SENT_AWAY),
    "an extension": lambda s: (_post(CHUNKED, b"1;x=" + b"y" * FLOOD_BYTES), SENT_AWAY),
    "a chunk size": lambda s: (_post(CHUNKED, b"0" * FLOOD_BYTES), SENT_AWAY),
    "chunks of one byte": lambda s: (
        _post(CHUNKED, b"1\r\n \r\n" * (FLOOD_BYTES // 6)),
        SENT_AWAY,
    ),
    "a header": lambda s: (_post(b"x: " + b"y" * FLOOD_BYTES, b""), SENT_AWAY),
    "upgrade, length": lambda s: (_announced(OFFER, s.hidden()), SENT_AWAY),
    "upgrade, chunks": lambda s: (
        _post(OFFER + CHUNKED, _chunks(s.hidden()) + b"0\r\n\r\n"),
        SENT_AWAY,
    ),
    "upgrade, a good body": lambda s: (
        _announced(OFFER, _opening(s)) * 3,
        frozenset({404}),
    ),
    "connect": lambda s: (
        b"CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n" + s.hidden(),
        SENT_AWAY,
    ),
    "length and chunks": lambda s: (
        _announced(CHUNKED, b"0\r\n\r\n" + s.hidden()),
        SENT_AWAY,
    ),
    "two lengths": lambda s: (_announced(b"content-length: 0\r\n", s.hidden()), SENT_AWAY),
    "two hosts": lambda s: (_post(b"host: a\r\n", s.hidden()), SENT_AWAY),
    "a foreign name": lambda s: (
        b"POST /api/reset HTTP/1.1\r\nhost: rebound.example\r\ncontent-length: 0\r\n\r\n",
        frozenset({421}),
    ),
    "a foreign page": lambda s: (
        b"POST /api/reset HTTP/1.1\r\norigin: https://evil.example\r\n"
        b"sec-fetch-site: cross-site\r\ncontent-length: 0\r\n" + HEAD + b"\r\n",
        frozenset({403}),
    ),
    "no host": lambda s: (b"GET /health HTTP/1.1\r\n\r\n" + s.hidden(), SENT_AWAY),
    "a body nobody reads": lambda s: (
        _announced(b"", s.hidden(), b"GET /health"),
        frozenset({200}),
    ),
    "after the last": lambda s: (
        b"GET /health HTTP/1.1\r\nconnection: close\r\n" + HEAD + b"\r\n" + s.hidden(),
        frozenset({200}),
    ),
    "pipelined, then nonsense": lambda s: (
        request("GET", "/health") * PIPELINED + b"nonsense\r\n\r\n" + s.hidden(),
        frozenset({200, 400}),
    ),
}


async def hostile(run: Run) -> list[Figure]:
    body_s = run.many(4, 20)
    seconds = run.many(8, 60)
    env = {"BILLETTER_BODY_TIMEOUT_S": str(body_s), "BILLETTER_HEADER_TIMEOUT_S": "4"}
    room = most_connections(CONNECTIONS + SPARE) - SPARE
    with RedisServer(run.binary, run.directory, appendonly=True) as redis:
        async with engine_on(redis.url) as engine:
            trap = await new_event(engine, TRAPS)
        async with Server(redis.url, run.directory, workers=1, env=env) as server:
            before = await asyncio.to_thread(server.memory_mb)
            siege = Siege(server.port, run.random, trap)
            async with crowd(server.port, room):
                await _lay(siege, server, seconds, body_s)
            left = (await once_asked(siege.port, _asked(trap, "availability"))).json()["left"]
        audit = await audited(redis.url)
    return [
        *_figures(siege, before, body_s),
        Figure("seats that smuggled requests took", f"{TRAPS - left}", "0", left == TRAPS),
        Figure("idle connections meanwhile", f"{room:,}"),
        audit,
    ]


def _figures(siege: Siege, before: float, body_s: int) -> list[Figure]:
    grown = max(siege.memory_mb) - before
    slowest = percentile(siege.health, 0.99)
    late = max(siege.let_go, default=0.0)
    tried = f"{siege.attacks.total():,} in {len(siege.attacks)} ways"
    return [
        Figure("attacks", tried, f"all {len(ATTACKS)} ways", len(siege.attacks) == len(ATTACKS)),
        none_of("answers that none should get", siege.odd),
        Figure(
            f"clients that read nothing of {PIPELINED} maps, let go",
            f"{len(siege.let_go)} of {UNREADING}",
            "all",
            len(siege.let_go) == UNREADING,
        ),
        Figure(
            "the last of them after",
            f"{late:.1f} s",
            f"≤ {body_s + MARGIN_S:.0f} s",
            late <= body_s + MARGIN_S,
            speed=True,
        ),
        Figure(
            "memory of the worker",
            f"{grown:.0f} MB more",
            f"≤ {MEMORY_MB_MAX:.0f} MB",
            grown <= MEMORY_MB_MAX,
        ),
        Figure(
            f"/health meanwhile, {len(siege.health):,} times: p99",
            f"{slowest * 1000:.0f} ms",
            f"≤ {HEALTH_P99_S_MAX * 1000:.0f} ms",
            0 < slowest <= HEALTH_P99_S_MAX,
            speed=True,
        ),
    ]


async def _lay(siege: Siege, server: Server, seconds: float, body_s: float) -> None:
    patience_s = body_s + PATIENCE_S
    attacking = [asyncio.create_task(_attack(siege)) for _ in range(ATTACKERS)]
    asking = asyncio.to_thread(_ask_health, siege)
    watching = [asyncio.create_task(asking), asyncio.create_task(_watch(siege, server))]
    unread = [_never_read(siege, patience_s) for _ in range(UNREADING)]
    await asyncio.gather(asyncio.sleep(seconds), *unread)
    siege.over = True
    await asyncio.gather(*attacking, *watching)


def _asked(event: EventId, what: str) -> bytes:
    return request("GET", f"/api/events/{event}/{what}")


async def _attack(siege: Siege) -> None:
    names = list(ATTACKS)
    while not siege.over:
        if not names:
            names = list(ATTACKS)
        name = names.pop(siege.random.randrange(len(names)))
        sent, allowed = ATTACKS[name](siege)
        said = await _told(siege.port, sent)
        statuses = {int(each) for each in _STATUS.findall(said)}
        siege.attacks[name] += 1
        if not statuses <= allowed:
            siege.odd.append(f"{name}: {sorted(statuses)}")


async def _told(port: int, sent: bytes) -> bytes:
    """All that comes back for these bytes, until the server ends or falls silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    try:
        writer.write(sent)
        with suppress(ConnectionError, TimeoutError):
            while data := await asyncio.wait_for(reader.read(65_536), 0.5 if said else 5):
                said += data
    finally:
        writer.transport.abort()
    return said


async def _never_read(siege: Siege, patience_s: float) -> None:
    """Asks for a lot and reads nothing of it, until the server has had enough."""
    client = await Client.open(siege.port)
    client.transport.pause_reading()
    began = time.perf_counter()
    client.transport.write(_asked(siege.trap, "seatmap") * PIPELINED)
    broken = client.transport.get_extra_info("socket")
    while time.perf_counter() - began < patience_s:
        await asyncio.sleep(0.1)
        if broken.getsockopt(SOL_SOCKET, SO_ERROR):
            siege.let_go.append(time.perf_counter() - began)
            break
    client.close()


def _ask_health(siege: Siege) -> None:
    """In a thread, as the attackers' loop is busy too."""
    asked = request("GET", "/health")
    with create_connection(("127.0.0.1", siege.port), ANSWER_S_MAX) as client:
        while not siege.over:
            began = time.perf_counter()
            client.sendall(asked)
            said = client.recv(65_536)
            siege.health.append(time.perf_counter() - began)
            if not said.startswith(b"HTTP/1.1 200"):
                siege.odd.append(f"/health: {said[:20]!r}")
                return
            time.sleep(HEALTH_PAUSE_S)


async def _watch(siege: Siege, server: Server) -> None:
    while not siege.over:
        siege.memory_mb.append(await asyncio.to_thread(server.memory_mb))
        await asyncio.sleep(0.3)


TORTURES = [Torture(25, "hostile HTTP", hostile)]
