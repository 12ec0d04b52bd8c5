"""A buyer: browses, opens a booking, selects seats, pays or not; again, until nothing is left."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from bench.sellout.tally import Step, Tally
from bench.torture.http import Client, Reply, request

SEATS_MAX = 4
"""That a booking is to have."""
CONFLICTS_MAX = 4
"""After so many a buyer takes the seats that he has, or looks again later if he has none."""
FATES = {"buy": 86, "fail": 6, "walk away": 4, "cancel": 4}
"""What becomes of bookings with seats, and of how many in a hundred."""
PAUSE_S, PAUSE_S_MAX = 0.5, 8.0
"""Before another look, when there was nothing to be had: the first time, and at most, or as long as
a hold lasts where that is less."""

Told = tuple[int, str]
"""Status and Billetter-Outcome of an answer."""
AWAITED: Mapping[Step, frozenset[Told]] = {
    "browse": frozenset({(200, "")}),
    "open": frozenset({(201, "OPENED")}),
    "select": frozenset({(200, "CLAIMED"), (419, "SEAT_TAKEN")}),
    "pay": frozenset({(200, "AWAITING_PAYMENT")}),
    "confirm": frozenset({(200, "CONFIRMED")}),
    "fail": frozenset({(200, "CANCELLED")}),
    "cancel": frozenset({(200, "CANCELLED")}),
}
TOO_LATE = frozenset({(400, "CLOSED"), (404, "NO_BOOKING")})
"""What a buyer is told whose hold has ended; of a booking that never had a seat nothing is left."""


class UnexpectedError(Exception):
    """An answer that must not be, or none at all."""


class LapsedError(Exception):
    """The hold ended before its buyer was done."""


@dataclass(frozen=True, slots=True)
class Hall:
    """The event to sell. hold_s: how long its holds last."""

    event: int
    seats: int
    hold_s: int

    def listing(self, status: str) -> bytes:
        """The request for a page of the seats of that status."""
        return request("GET", f"/api/seats?event_id={self.event}&status={status}&pageSize=20")


class Buyer:
    """Has a connection to himself; what he is told goes into everybody's tally."""

    def __init__(self, client: Client, hall: Hall, tally: Tally, chance: Random) -> None:
        self._client = client
        self._hall = hall
        self._tally = tally
        self._chance = chance
        self._held_until = 0.0
        self._pause_s = PAUSE_S

    async def run(self) -> None:
        """Buy until nothing is left, or until an answer comes that must not be."""
        try:
            while free := await self._find_free():
                await self._book(free)
        except UnexpectedError as error:
            self._tally.errors.append(str(error))

    async def _find_free(self) -> list[int]:
        """Free seats, once there are any; none when everything is sold.

        Whoever sees nothing reserved and, after that, nothing free, may go: if a seat is still not
        sold, it has since been selected by somebody who will look for it if he does not buy it.
        """
        reserved = True
        while not (free := await self._browse("FREE")) and reserved:
            if reserved := bool(await self._browse("RESERVED")):
                await self._pause()
        return free

    async def _book(self, free: list[int]) -> None:
        """One booking, from its opening to whatever becomes of it."""
        try:
            booking = await self._open()
            while not (seats := await self._select(booking, free)):
                await self._pause()
                if not (free := await self._find_free()):
                    await self._cancel(booking)
                    return
            self._pause_s = PAUSE_S
            await self._decide(booking, seats)
        except LapsedError:
            self._tally.lapsed += 1

    async def _select(self, booking: int, free: list[int]) -> list[int]:
        """As many of the free seats as are wanted, or can be had: others are after them, too."""
        wanted, seats, conflicts = self._chance.randint(1, SEATS_MAX), list[int](), 0
        self._chance.shuffle(free)
        while free and len(seats) < wanted and conflicts < CONFLICTS_MAX:
            sent, seat = time.perf_counter(), free.pop()
            if not await self._claim(booking, seat):
                conflicts += 1
                continue
            if not seats:
                self._held_from(sent)
            seats.append(seat)
        self._tally.conflicts += conflicts
        return seats

    async def _decide(self, booking: int, seats: list[int]) -> None:
        fate = self._chance.choices(list(FATES), list(FATES.values()))[0]
        if fate == "walk away":
            self._tally.walkaways += 1
        elif fate == "cancel":
            await self._cancel(booking)
            self._tally.cancelled += 1
        else:
            body = {"booking_id": booking}
            await self._ask("pay", request("PATCH", "/api/bookings/initiatePayment", body))
            await self._settle(booking, seats, failed=fate == "fail")

    async def _settle(self, booking: int, seats: list[int], *, failed: bool) -> None:
        """What a payment gateway does, in the end."""
        if failed:
            await self._ask("fail", request("GET", f"/api/payments/fail?orderId={booking}"))
            self._tally.failed_payments += 1
        else:
            await self._ask("confirm", request("GET", f"/api/payments/success?orderId={booking}"))
            self._tally.sold(booking, seats)

    async def _browse(self, status: str) -> list[int]:
        told = await self._ask("browse", self._hall.listing(status))
        return [seat["id"] for seat in told.json()]

    async def _open(self) -> int:
        self._held_from(time.perf_counter())
        body = {"event_id": self._hall.event}
        told = await self._ask("open", request("POST", "/api/bookings", body))
        booking: int = told.json()["id"]
        return booking

    async def _claim(self, booking: int, seat: int) -> bool:
        """Whether the seat could be had."""
        body = {"booking_id": booking, "seat_id": seat}
        told = await self._ask("select", request("PATCH", "/api/seats/select", body))
        return told.status == 200

    async def _cancel(self, booking: int) -> None:
        body = {"booking_id": booking}
        await self._ask("cancel", request("PATCH", "/api/bookings/cancel", body))

    async def _ask(self, step: Step, asked: bytes) -> Reply:
        sent = time.perf_counter()
        reply = await self._client.ask(asked)
        self._tally.answered(step, sent)
        told = reply.status, reply.header("billetter-outcome")
        if told not in AWAITED[step]:
            if told in TOO_LATE and time.perf_counter() >= self._held_until:
                raise LapsedError
            said = f"{reply.status} {reply.body[:200]!r}" if reply.status else "connection lost"
            raise UnexpectedError(f"{step}: {said}")
        return reply

    def _held_from(self, sent: float) -> None:
        """A hold begins when its booking is opened, and once more with the first seat."""
        self._held_until = sent + self._hall.hold_s

    async def _pause(self) -> None:
        """Longer each time, and never the same for two, so that the crowd does not come as one."""
        await asyncio.sleep(self._pause_s * self._chance.uniform(0.5, 1.5))
        self._pause_s = min(2 * self._pause_s, PAUSE_S_MAX, self._hall.hold_s)
