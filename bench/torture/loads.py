"""Rows 8 and 11: clients that leave, and clients that repeat themselves."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from bench.torture.hall import engine_on, new_event, seat
from bench.torture.http import Client, Reply, Server, crowd, once_asked, request
from bench.torture.ledger import bookings_of
from bench.torture.run import Figure, Run, Torture, audited, none_of
from billetter.domain.ids import EventId
from billetter.testing import RedisServer
from billetter.wire.lane import Lane
from billetter.wire.topology import open_wire

CLIENTS = 100
TASKS = 200
EVENTS, SEATS = 20, 5_000
REPEATED = 1_000


@dataclass(slots=True)
class Tally:
    """done: replies awaited; left: connections closed or tasks cancelled before theirs."""

    left: int = 0
    done: int = 0
    wrong: list[str] = field(default_factory=list)

    def check(self, matches: bool, told: object) -> None:
        self.done += 1
        if not matches:
            self.wrong.append(str(told))


async def cancellation(run: Run) -> list[Figure]:
    wanted = run.many(5_000, 100_000)
    with RedisServer(run.binary, run.directory) as redis:
        async with engine_on(redis.url) as engine:
            events = [await new_event(engine, SEATS) for _ in range(EVENTS)]
        over_lane, over_http = Tally(), Tally()
        await _cancel_calls(redis.url, over_lane, run.random, wanted)
        async with Server(redis.url, run.directory) as server:
            visits = (
                _visit(server.port, events, over_http, Random(run.random.getrandbits(64)), wanted)
                for _ in range(CLIENTS)
            )
            await asyncio.gather(*visits)
        control = Tally()
        await _cancel_calls(redis.url, control, run.random, 2_000, forgetful=True)
        audit = await audited(redis.url)
    figures = []
    for name, tally in (("lane: calls cancelled", over_lane), ("HTTP: clients gone", over_http)):
        value = f"{tally.left:,}, while {tally.done:,} replies were awaited"
        figures += [Figure(name, value), none_of(f"{name}: replies mismatched", tally.wrong)]
    caught = f"{len(control.wrong)} mismatched of {control.done:,}"
    forgets = "control: a lane that forgets cancelled calls"
    return [*figures, Figure(forgets, caught, "> 0", bool(control.wrong)), audit]


async def _cancel_calls(
    url: str, tally: Tally, chance: Random, wanted: int, *, forgetful: bool = False
) -> None:
    """Tasks echo words over one lane; about half are cancelled at a random moment."""
    lane = cast(Lane, open_wire(url))
    await lane.start()

    async def echo(word: bytes) -> None:
        with suppress(Exception):  # A lane that mixes up replies ends calls in many ways.
            call = lane.call("ECHO", word)
            if forgetful:
                _forget_when_cancelled(lane, cast("asyncio.Future[Any]", call))
            reply = await call
            tally.check(reply == word, reply)

    while tally.left < wanted:
        words = [chance.randbytes(8).hex().encode() for _ in range(TASKS)]
        tasks = [asyncio.create_task(echo(word)) for word in words]
        for task in chance.sample(tasks, TASKS // 2):
            if chance.random() < 0.1:
                await asyncio.sleep(0)
            tally.left += task.cancel()
        await asyncio.wait(tasks)
    await lane.close()


def _forget_when_cancelled(lane: Lane, future: "asyncio.Future[Any]") -> None:
    link = lane._link
    call = lane._waiting[-1] if lane._waiting or link is None else link.sent[-1]

    def forget(done: "asyncio.Future[Any]") -> None:
        if done.cancelled() and link is not None and call in link.sent:
            link.sent.remove(call)

    future.add_done_callback(forget)


async def _visit(
    port: int, events: list[EventId], tally: Tally, chance: Random, wanted: int
) -> None:
    """Ask what tells in its reply what was asked; leave before the reply half of the time."""
    client = await Client.open(port)
    while tally.left < wanted:
        event = chance.choice(events)
        place = chance.randrange(SEATS)
        kind = chance.randrange(3)
        reply = client.ask(_question(kind, event, place))
        if chance.random() < 0.5:
            if chance.random() < 0.8:
                await asyncio.sleep(chance.uniform(0, 0.02))
            tally.left += not reply.done()
            client.close()
            client = await Client.open(port)
        else:
            told = await reply
            tally.check(_fits(told, kind, event, place), (kind, event, place, told))
            if client.lost:
                client = await Client.open(port)
    client.close()


def _question(kind: int, event: EventId, place: int) -> bytes:
    if kind == 0:
        return request("GET", f"/api/seats?event_id={event}&page={place + 1}&pageSize=1")
    if kind == 1:
        return request("GET", f"/api/events/{event}/availability")
    return request("POST", "/api/bookings", {"event_id": event, "seat_ids": [seat(event, place)]})


def _fits(told: Reply, kind: int, event: EventId, place: int) -> bool:
    if kind == 0:
        return told.status == 200 and told.json()[0]["id"] == seat(event, place)
    if kind == 1:
        return told.status == 200 and told.json()["event_id"] == event
    if told.status == 201:
        return bool(told.json()["event_id"] == event)
    return told.status == 419 and told.header("billetter-seat") == str(seat(event, place))


async def idempotency(run: Run) -> list[Figure]:
    with RedisServer(run.binary, run.directory, appendonly=True) as redis:
        async with engine_on(redis.url) as engine:
            event, other = [await new_event(engine, 10) for _ in range(2)]
            body = {"event_id": event}
            async with Server(redis.url, run.directory) as server:
                async with crowd(server.port, REPEATED) as clients:
                    asked = request("POST", "/api/bookings", body, key="the-same")
                    replies = await asyncio.gather(*(each.ask(asked) for each in clients))
                    plain = request("POST", "/api/bookings", {"event_id": other})
                    await asyncio.gather(*(each.ask(plain) for each in clients[:50]))
                changed = await once_asked(
                    server.port, request("POST", "/api/bookings", {"event_id": other}, "the-same")
                )
            redis.kill()
            redis.start()
            async with Server(redis.url, run.directory) as server:
                again = await once_asked(server.port, asked)
            opened, control = [len(await bookings_of(engine, each)) for each in (event, other)]
        audit = await audited(redis.url)
    told = {(each.status, each.body) for each in replies}
    same = (again.status, again.body) in told and again.header("idempotency-replayed") == "true"
    return [
        Figure("requests with one key at once", f"{REPEATED:,}"),
        Figure("bookings opened by them", str(opened), "1", opened == 1),
        Figure("different replies", str(len(told)), "1, of 201", [s for s, _ in told] == [201]),
        Figure("the key with another body", str(changed.status), "422", changed.status == 422),
        Figure("after both were restarted", "same" if same else str(again), "same", same),
        Figure("control: 50 without a key open", str(control), "50", control == 50),
        audit,
    ]


TORTURES = [
    Torture(8, "clients leave, calls are cancelled", cancellation),
    Torture(11, "one Idempotency-Key, a thousand times at once", idempotency),
]
