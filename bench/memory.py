"""Rows 8 and 10: what a sold-out event costs Redis, and what its whole map costs to read."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial

from bench.figures import Bar, Figure, Measured
from bench.halls import all_of, new_hall, opened, take
from bench.run import NotMeasured, Row, Run
from bench.servers import redis_of
from bench.spent import Spent, adding_scripts
from bench.torture.http import Reply, Server, once_asked, request
from billetter.domain.ids import BookingId, EventId, UserId
from billetter.domain.outcome import AwaitingPayment, Outcome
from billetter.engine import Engine, key_patterns, keys, partition_keys

SEATS_OF_A_BOOKING = 2
READS = 200
SEAT_BAR = Bar(300, 200, at_most=True)
MAP_BYTES_BAR = Bar(25_000, at_most=True)
MAP_MS_BAR = Bar(1.0, at_most=True)


async def per_seat(run: Run) -> Measured:
    """The growth of used_memory while an event is made and sold out, less the journal's."""
    seats = run.scale.seats
    async with redis_of(run, "memory", appendonly=False) as (_, engine):
        before = await _used(engine)
        event = await new_hall(engine, seats)
        await _sell_out(run, engine, event, seats)
        grown = await _used(engine) - before
        run.progress.say("row 8: weighing every key")
        kinds = await _weighed(engine, event)
    journal = kinds.pop("journal", 0)
    value = (grown - journal) / seats
    kinds["tables and the rest"] = grown - journal - kinds.total()
    name = f"Redis memory of a sold seat, of {seats:,}"
    absolute = f"{(grown - journal) / 1e6:,.1f} MB; journal apart, {journal / seats:,.0f} B a seat"
    figure = Figure(8, name, value, SEAT_BAR, "B", absolute=absolute)
    shares = {kind: size / seats for kind, size in kinds.most_common()}
    return Measured([figure], series={"kinds": shares, "journal": journal / seats})


async def _sell_out(run: Run, engine: Engine, event: EventId, seats: int) -> None:
    """Every seat sold in bookings of two, each by a buyer of its own."""

    async def buy(first: int) -> None:
        user = UserId(f"a:{first}")
        (booking,) = await opened(engine, [(event, range(first, first + SEATS_OF_A_BOOKING))], user)
        await _pay(engine, booking, user)

    part = max(SEATS_OF_A_BOOKING, seats // 20)
    for start in range(0, seats, part):
        run.progress.say(f"row 8: selling, {start:,} of {seats:,} seats")
        firsts = range(start, min(start + part, seats), SEATS_OF_A_BOOKING)
        await all_of([partial(buy, first) for first in firsts])


async def _pay(engine: Engine, booking: BookingId, user: UserId) -> None:
    begun = await engine.bookings.begin_payment(booking, user)
    told = await engine.bookings.confirm(booking)
    if not isinstance(begun, AwaitingPayment) or told.outcome is not Outcome.CONFIRMED:
        raise RuntimeError(f"booking {booking} cannot be paid: {begun}, {told}")


async def _used(engine: Engine) -> int:
    info = await engine.store.command("INFO", "memory")
    return int(re.findall(rb"used_memory:(\d+)", info)[0])


async def _weighed(engine: Engine, event: EventId) -> Counter[str]:
    """Bytes that keys of each kind take."""
    own = keys.of_event(event)
    shared = [keys.META, keys.PROBE, keys.EVENTS_NEXT, keys.EVENTS_INDEX, keys.USERS_NEXT]
    shared += map(partition_keys.data, partition_keys.TAGS)
    named = {
        own.event: "the event",
        own.taken: "taken bitmap",
        own.sold: "sold bitmap",
        own.holders: "holders of seats",
        own.journal: "journal",
        own.deadlines: "deadlines",
        **dict.fromkeys(shared, "shared by all events"),
    }
    found = set[bytes]()
    async for batch in engine.store.scan(keys.OURS):
        found.update(batch)
    names = list(found)
    weigh = partial(engine.store.command, "MEMORY", "USAGE")
    weighed = await all_of([partial(weigh, name, "SAMPLES", 0) for name in names])
    sizes = Counter[str]()
    for name, size in zip(names, weighed, strict=True):
        sizes[_kind(name, named)] += int(size)
    return sizes


def _kind(key: bytes, named: Mapping[str, str]) -> str:
    if key_patterns.booking_of(key):
        return "bookings"
    if key.startswith(b"{u:"):
        return "lists of users"
    return named.get(key.decode(), "other")


async def whole_map(run: Run) -> Measured:
    """The map of a sold-out hall: its bytes, and the time Redis takes for it by its own account."""
    seats = run.scale.seats
    async with redis_of(run, "map") as (redis, engine):
        event = await new_hall(engine, seats)
        await take(engine, event, range(seats))
        still = {"BILLETTER_SWEEP": "0"}  # Else the sweeper's scripts would be counted as well.
        async with Server(redis.url, redis.directory, workers=1, env=still) as api:
            asked = request("GET", f"/api/events/{event}/seatmap")
            reply = await once_asked(api.port, asked)
            if reply.status != 200:
                raise NotMeasured(f"/api/events/{{id}}/seatmap answers {reply.status}: not there")
            spent = Spent()
            async with adding_scripts(engine, spent):
                for number in range(READS):
                    run.progress.say(f"row 10: {number + 1} of {READS}")
                    reply = await once_asked(api.port, asked)
    return Measured(list(_map_figures(seats, reply, spent.us / spent.calls / 1000)))


def _map_figures(seats: int, reply: Reply, spent_ms: float) -> Iterator[Figure]:
    fault = "" if len(reply.body) * 4 >= seats else "it is too short for two bits a seat"
    whole = f"the whole map of {seats:,} seats"
    size = f"{len(reply.body) * 8 / seats:.2f} bits a seat"
    yield Figure(10, whole, len(reply.body), MAP_BYTES_BAR, "B", absolute=size, fault=fault)
    asked = f"mean of {READS} reads, by INFO commandstats"
    yield Figure(10, f"Redis time of {whole}", spent_ms, MAP_MS_BAR, "ms", absolute=asked)


ROWS = [
    Row(8, "memory of a sold-out event", per_seat),
    Row(10, "the map of all seats", whole_map),
]
