"""Crowds in front of a server that is a process of its own, on one real Redis."""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from billetter.testing import RedisServer, find_binaries
from tests.api.client import NOT_SELECTED, SELECTED, Api, seat_of
from tests.api.serving import looking_at, process
from tests.crowd import Answer, Connection, all_at_once, gathered, largest_crowd

CROWD = 10_000
SELLERS = 200
SEATS = 1_000


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Api]:
    with (
        tempfile.TemporaryDirectory(prefix="billetter-") as directory,
        RedisServer(find_binaries()[-1], Path(directory)) as redis,
    ):
        async with (
            process(redis.url, workers=2, header_timeout_s=600) as running,
            looking_at(redis.url, running.address) as api,
        ):
            yield api


async def opened(api: Api, event: int, size: int) -> list[int]:
    """So many bookings, opened by a few clients."""
    booked: list[int] = []
    body = {"event_id": event}
    async with gathered(api.address, min(size, 50)) as crowd:
        while len(booked) < size:
            clients = crowd[: size - len(booked)]
            answers = await all_at_once(clients, "POST", "/api/bookings", [body] * len(clients))
            assert {answer.status for answer in answers} == {201}
            booked += [answer.json()["id"] for answer in answers]
    assert len(set(booked)) == size
    return booked


@pytest.mark.parametrize("size", [2, 10, 100, 1_000, CROWD])
async def test_one_seat_has_one_winner(server: Api, size: int) -> None:
    size = largest_crowd(size)
    event = await server.make_event()
    seat = seat_of(event, 42)
    bookings = await opened(server, event, size)
    wanted = [{"booking_id": booking, "seat_id": seat} for booking in bookings]

    async with gathered(server.address, size) as crowd:
        answers = await all_at_once(crowd, "PATCH", "/api/seats/select", wanted)

    assert Counter(answer.status for answer in answers) == {200: 1, 419: size - 1}
    assert Counter(answer.json() for answer in answers) == {SELECTED: 1, NOT_SELECTED: size - 1}
    assert (await server.analytics(event))["reserved_seats"] == 1
    assert len(await server.journal(event, "claimed")) == 1
    assert await server.broken_rules(event) == []


class Seller:
    """Sells seats of an event, one booking each, until none is left; one payment in ten fails."""

    def __init__(self, connection: Connection, event: int, seed: int) -> None:
        self._connection = connection
        self._event = event
        self._chances = random.Random(seed)
        self.sold: list[int] = []

    async def sell_all(self) -> None:
        while not await self._nothing_left():
            if free := await self._listed("FREE"):
                await self._sell(self._chances.choice(free)["id"])

    async def _nothing_left(self) -> bool:
        return not await self._listed("FREE") and not await self._listed("RESERVED")

    async def _listed(self, status: str) -> list[Any]:
        path = f"/api/seats?event_id={self._event}&status={status}&pageSize=5"
        found: list[Any] = (await self._ask("GET", path, {200})).json()
        return found

    async def _sell(self, seat: int) -> None:
        body: dict[str, int] = {"event_id": self._event}
        booking = (await self._ask("POST", "/api/bookings", {201}, body)).json()["id"]
        body = {"booking_id": booking, "seat_id": seat}
        if (await self._ask("PATCH", "/api/seats/select", {200, 419}, body)).status == 419:
            return
        body = {"booking_id": booking}
        await self._ask("PATCH", "/api/bookings/initiatePayment", {200}, body)
        fails = self._chances.random() < 0.1
        result = "fail" if fails else "success"
        await self._ask("GET", f"/api/payments/{result}?orderId={booking}", {200})
        if not fails:
            self.sold.append(seat)

    async def _ask(self, method: str, path: str, expected: set[int], body: object = None) -> Answer:
        answer = await self._connection.send(method, path, body)
        assert answer.status in expected, answer
        return answer


async def test_200_sellers_sell_every_seat_once(server: Api) -> None:
    event = await server.make_event(rows=20, seats_per_row=SEATS // 20, price="150.00")

    async with gathered(server.address, SELLERS) as crowd:
        sellers = [Seller(connection, event, seed) for seed, connection in enumerate(crowd)]
        await asyncio.gather(*(seller.sell_all() for seller in sellers))

    sold = [seat for seller in sellers for seat in seller.sold]
    states = await server.states(event)
    assert sorted(sold) == sorted(states)
    assert Counter(states.values()) == {"SOLD": SEATS}
    numbers = await server.analytics(event)
    assert numbers["sold_seats"] == numbers["total_seats"] == SEATS
    assert numbers["free_seats"] == numbers["reserved_seats"] == 0
    assert numbers["bookings_count"] == SEATS
    assert numbers["total_revenue"] == "150000.00"
    confirmed = await server.journal(event, "confirmed")
    assert Counter(entry["seats"].count(":") for entry in confirmed) == {1: SEATS}
    assert len({entry["seats"] for entry in confirmed}) == SEATS
    assert await server.broken_rules(event) == []
