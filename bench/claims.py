"""Row 5: claims by the engine, without HTTP, against what Redis can do."""

import asyncio
import random
import re
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bench.figures import Bar, Measured, Sample, compared
from bench.halls import SEATS_OF_A_BUYER, new_hall, opened, seat
from bench.programs import said_by
from bench.run import NotMeasured, Row, Run
from bench.servers import redis_of
from bench.torture.hall import sabotage
from billetter.domain.ids import (
    GUEST,
    SEATS_MAX,
    BookingId,
    BookingNumber,
    EventId,
    SeatId,
    booking_id,
)
from billetter.domain.outcome import Outcome
from billetter.engine import Engine, keys
from billetter.testing import RedisServer
from billetter.wire.lane import Argument
from billetter.wire.link import Reply
from billetter.wire.topology import Wire, open_wire

IN_FLIGHT = 800
"""Claims under way at once: as many as redis-benchmark has with 50 clients and P=16."""
CLIENTS, PIPELINE = 50, 16
BENCHMARK_S_MAX = 120.0
DRAWN_TWICE_MAX = 0.1
"""Share of the claims by redis-benchmark that may find their seat taken."""
ENGINE_BAR = Bar(0.6, 0.8)

PROBE = 777_777
"""The index of a seat whose claim shows where a claim has its seat."""
HEADER = "--[[ Claim seats"

Claim = tuple[BookingId, SeatId]
Command = tuple[Argument, ...]


async def engine_limit(run: Run) -> Measured:
    """The engine against redis-benchmark, both with one script on one Redis, in turn."""
    program = _beside(run.binary.path, "redis-benchmark")
    claims = run.scale.claims
    buyers = claims // SEATS_OF_A_BUYER
    async with redis_of(run, "limit") as (redis, _), _overheard(redis.url) as (engine, ear):
        await _one_claim(engine, buyers)
        _let_draw(engine, ear.heard, buyers)
        await engine.prepare()

        async def by_engine() -> Sample:
            event = await _fresh_event(engine, buyers)
            drawn = random.sample(range(SEATS_MAX), claims)
            chosen = [(_buyer(event, at, buyers), seat(event, at)) for at in drawn]
            return await claimed(engine, chosen)

        async def by_redis_benchmark() -> Sample:
            event = await _one_claim(engine, buyers)
            said = await _benchmarked(program, redis, ear.heard, claims)
            taken = await engine.store.command("BITCOUNT", keys.of_event(event).taken)
            return benchmark_sample(said, int(taken), claims)

        sides = {"engine": by_engine, "redis-benchmark": by_redis_benchmark}
        samples = await run.in_turn("row 5", sides)
    name = f"engine's claims ÷ redis-benchmark P={PIPELINE}"
    return Measured([compared(5, name, samples, ENGINE_BAR, *sides)], samples)


class _Ear:
    """A wire that passes everything on and remembers the last call."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.heard: Command = ()
        self.start = wire.start
        self.close = wire.close

    def call(self, *args: Argument) -> Awaitable[Reply]:
        self.heard = args
        return self._wire.call(*args)


@asynccontextmanager
async def _overheard(url: str) -> AsyncIterator[tuple[Engine, _Ear]]:
    ear = _Ear(open_wire(url))
    await ear.start()
    try:
        engine = Engine(ear)
        await engine.prepare()
        yield engine, ear
    finally:
        await ear.close()


async def _one_claim(engine: Engine, buyers: int) -> EventId:
    """A fresh event in which PROBE has just been claimed."""
    event = await _fresh_event(engine, buyers)
    await claimed(engine, [(_buyer(event, PROBE, buyers), seat(event, PROBE))])
    return event


async def _fresh_event(engine: Engine, buyers: int) -> EventId:
    """As many seats as an event may have, and bookings number 1 to `buyers`."""
    event = await new_hall(engine, SEATS_MAX, zones=1)
    await opened(engine, [(event, ())] * buyers)
    return event


def _buyer(event: EventId, index: int, buyers: int) -> BookingId:
    """The booking that the script draws for a seat."""
    return booking_id(event, BookingNumber(index % buyers + 1))


def _let_draw(engine: Engine, probe: Command, buyers: int) -> None:
    """Make the script draw its seat and booking from the digits that it is given.

    redis-benchmark can vary an argument by twelve random digits, and in no other way. Both sides
    run this script, so both pay for it. probe: the claim of PROBE, which shows what stands where.
    """
    sabotage(engine, "claim_seats", HEADER, drawing(probe, PROBE, buyers) + HEADER)


def drawing(probe: Command, index: int, buyers: int) -> str:
    """Lua that puts the drawn seat and its booking where `probe` has those of seat `index`."""
    number = str(index % buyers + 1)
    names, args = _taken_apart(probe)
    lines = [
        f"local drawn = tonumber(ARGV[{_only(args, str(index))}])",
        f"ARGV[{_only(args, str(index))}] = string.format('%d', drawn)",
        f"local buyer = string.format('%d', drawn % {buyers} + 1)",
        f"ARGV[{_only(args, number)}] = buyer",
    ]
    for place, name in enumerate(names, 1):
        if name.endswith(f":{number}"):
            lines.append(f"KEYS[{place}] = string.match(KEYS[{place}], '^.*:') .. buyer")
    return "".join(f"{line}\n" for line in lines)


def _taken_apart(command: Command) -> tuple[list[str], list[str]]:
    """KEYS and ARGV of an EVALSHA."""
    count = int(command[2])
    words = [str(word) for word in command[3:]]
    return words[:count], words[count:]


def _only(words: Sequence[str], word: str) -> int:
    """Where the word is, counted from 1."""
    if words.count(word) != 1:
        raise RuntimeError(f"{word} is not in {words} once")
    return words.index(word) + 1


async def _benchmarked(program: str, redis: RedisServer, claim: Command, claims: int) -> str:
    """What redis-benchmark says of that many claims of random seats."""
    options = ("-s", redis.socket, "-c", CLIENTS, "-P", PIPELINE, "-n", claims, "-r", SEATS_MAX)
    words = ("__rand_int__" if str(word) == str(PROBE) else word for word in claim)
    return await said_by(program, *options, "--csv", *words, limit_s=BENCHMARK_S_MAX)


def benchmark_sample(said: str, taken: int, claims: int) -> Sample:
    """What redis-benchmark printed; `taken` seats came of its `claims`."""
    rates = re.findall(r'^"EVALSHA .*?","([\d.]+)"', said, re.MULTILINE)
    if not rates:
        return Sample(0.0, f"it said {said.strip()!r}")
    enough = taken >= claims * (1 - DRAWN_TWICE_MAX)
    return Sample(float(rates[-1]), "" if enough else f"{taken} of {claims} seats were claimed")


async def claimed(engine: Engine, claims: Sequence[Claim]) -> Sample:
    """Make these claims, IN_FLIGHT at once; every one must succeed."""
    left: Iterator[Claim] = iter(claims)
    refused = 0

    async def buyer() -> None:
        nonlocal refused
        for booking, wanted in left:
            told = await engine.seats.claim(booking, GUEST, [wanted])
            refused += told.outcome is not Outcome.CLAIMED

    began = time.perf_counter()
    await asyncio.gather(*(buyer() for _ in range(IN_FLIGHT)))
    rate = len(claims) / (time.perf_counter() - began)
    return Sample(rate, f"{refused} claims were refused" if refused else "")


def _beside(server: str, name: str) -> str:
    """The program of that name from where the server is, or from the PATH."""
    found = shutil.which(name, path=str(Path(server).parent)) or shutil.which(name)
    if found is None:
        raise NotMeasured(f"{name} is not installed: `apt-get install redis-tools`")
    return found


ROWS = [Row(5, "claims by the engine alone", engine_limit)]
