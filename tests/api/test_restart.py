"""The server ends in the middle of a sale and starts again: all that was acknowledged is there."""

import asyncio
import contextlib

import pytest

from billetter.testing import RedisServer
from tests.api.client import Api, eventually, granted, seat_of
from tests.api.serving import looking_at, process
from tests.crowd import Connection, gathered

SELLERS = 20
ENOUGH = 60
"""Seats sold when the server is told to end."""


async def sell(connection: Connection, event: int, seats: range, sold: set[int]) -> None:
    """Sell these seats one by one, until the server is gone; `sold` has what it acknowledged."""

    async def ask(method: str, path: str, body: object = None) -> object:
        answer = await connection.send(method, path, body)
        assert answer.status in (200, 201), answer
        return answer.json()

    with contextlib.suppress(OSError):
        for index in seats:
            opened = await ask("POST", "/api/bookings", {"event_id": event})
            assert isinstance(opened, dict)
            booking, seat = opened["id"], seat_of(event, index)
            await ask("PATCH", "/api/seats/select", {"booking_id": booking, "seat_id": seat})
            await ask("PATCH", "/api/bookings/initiatePayment", {"booking_id": booking})
            await ask("GET", f"/api/payments/success?orderId={booking}")
            sold.add(seat)


async def snapshot(api: Api, bookings: list[int]) -> list[object]:
    return [await api.shown(booking) for booking in bookings]


@pytest.mark.parametrize("with_redis", [False, True], ids=["the server", "the server and Redis"])
async def test_restart_in_the_middle_of_a_sale(
    durable_server: RedisServer, with_redis: bool
) -> None:
    url, sold = durable_server.url, set[int]()
    async with process(url) as running, looking_at(url, running.address) as api:
        quiet, busy = await api.make_event(), await api.make_event(rows=100)
        selected = await api.book(quiet, seat_of(quiet, 0), seat_of(quiet, 1))
        paying, paid = (
            await api.paying(quiet, seat_of(quiet, 2)),
            await api.paid(quiet, seat_of(quiet, 3)),
        )
        cancelled = await api.book(quiet, seat_of(quiet, 4))
        await api.cancel(cancelled)
        bookings = [selected, paying, paid, cancelled, await api.book(quiet)]
        before = await snapshot(api, bookings)
        states, numbers = await api.states(quiet), await api.analytics(quiet)
        async with gathered(running.address, SELLERS) as crowd:
            sales = asyncio.gather(
                *(
                    sell(connection, busy, range(number, 10_000, SELLERS), sold)
                    for number, connection in enumerate(crowd)
                )
            )

            async def enough() -> bool:
                return len(sold) >= ENOUGH

            await eventually(enough)
            await running.stop()
            await sales
    assert len(sold) < 10_000, "it was in the middle"

    if with_redis:
        durable_server.kill()
        durable_server.start()
    async with process(url) as running, looking_at(url, running.address) as api:
        assert await snapshot(api, bookings) == before
        assert await api.states(quiet) == states
        assert await api.analytics(quiet) == numbers
        found = await api.all_seats(busy, status="SOLD")
        assert sold <= {seat["id"] for seat in found}
        assert await api.broken_rules(busy) == await api.broken_rules(quiet) == []
        assert granted(await api.succeed(paying)) == "OK"
        assert granted(await api.pay(selected))


async def test_a_hold_ends_while_the_server_is_down(durable_server: RedisServer) -> None:
    url = durable_server.url
    async with process(url, sweep=0) as running, looking_at(url, running.address) as api:
        event = await api.make_event(hold_seconds=1)
        seat = seat_of(event, 0)
        booking = granted(await api.open(event, seat_ids=[seat]), 201)["id"]
        kept = await api.book(await api.make_event())

    async with process(url, sweep=0) as running, looking_at(url, running.address) as api:

        async def had() -> bool:
            return (await api.open(event, seat_ids=[seat])).status_code == 201

        await eventually(had)
        assert await api.status(booking) == "expired"
        assert await api.status(kept) == "booked"
