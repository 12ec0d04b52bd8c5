"""A stage for script tests: one event, its bookings, and all that Redis holds of them.

Each method named after a script calls it raw, with its keys and arguments as its header lists
them, and gives its reply as text and integers. The other methods arrange a state or read one.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from itertools import count
from random import randrange
from typing import Any

from billetter.domain.ids import BookingNumber, EventId, UserId
from billetter.engine.keys import EventKeys
from billetter.engine.scripts import Store
from billetter.wire.errors import Rejected
from billetter.wire.lane import Argument
from billetter.wire.topology import Wire

Text = dict[str, str]
Reply = list[str | int]

ANN, BOB = UserId("a:1"), UserId("a:2")
PRICE = 1_500
BITS = 80
PLACES = "1:1500:1:0-0,2:900:1:8-8"
"""Two places in two zones, as lua/lib/tickets has it."""
SEATS_MAX = 4
HOLD_MS, PAYMENT_MS, KEEP_MS, ONCE_MS = 3_600_000, 1_800_000, 7_200_000, 600_000
LAPSE_S_MAX = 10.0
"""Seconds after which a hold of some milliseconds that still lives is a fault."""
NOBODY = ""
"""The user of a cancellation that no user asked for: the payment failed."""

_event_ids = count(randrange(1_000_000, 80_000_000))


class Stage:
    """An event with a number that no other test has; `create` puts it on sale."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.store = Store(wire)
        self.event = EventId(next(_event_ids))
        self.own = EventKeys(self.event)
        self.version = "0"
        self.watched: list[str] = []
        """Keys outside the partition that a snapshot is to hold as well."""

    async def run(self, script: str, keys: Sequence[str], *args: Argument) -> Reply:
        return [_text(field) for field in await self.store.run_raw(script, keys, *args)]

    async def command(self, *args: Argument) -> Any:
        return _text(await self.wire.call(*args))

    # The scripts.

    async def create(self, **fields: Argument) -> Reply:
        plan = {
            "bits": BITS,
            "hold_ms": HOLD_MS,
            "payment_ms": PAYMENT_MS,
            "seats_max": SEATS_MAX,
        } | fields
        flat = [each for field in plan.items() for each in field]
        reply = await self.run("create_event", self.to_create(), self.event, ANN, *flat)
        self.version = str(reply[1])
        return reply

    async def draw(self, largest: int, count: int = 1) -> Reply:
        return await self.run("draw_numbers", self.own.to_draw(), largest, count)

    async def give_back(self, *numbers: int, once: str = "") -> Reply:
        name = self.once_key(once or f"numbers-{next(_event_ids)}")
        bookings = [self.booking_key(number) for number in numbers]
        keys = [*self.own.to_draw(), name, *bookings]
        return await self.run("return_numbers", keys, ONCE_MS, *numbers)

    async def open(
        self,
        number: int,
        *seats: int,
        user: str = ANN,
        price: int = PRICE,
        version: str = "",
        tickets: str = "",
        once: str = "",
    ) -> Reply:
        keys = self._with(once, self.own.to_claim(BookingNumber(number)))
        wanted = [each for seat in seats for each in (seat, price)]
        about = (user, self.event, number, version or self.version, tickets)
        return await self.run("open_booking", keys, ONCE_MS, *about, *wanted)

    async def claim(
        self,
        number: int,
        *seats: int,
        user: str = ANN,
        price: int = PRICE,
        version: str = "",
        once: str = "",
    ) -> Reply:
        keys = self._with(once, self.own.to_claim(BookingNumber(number)))
        wanted = [each for seat in seats for each in (seat, price)]
        about = (user, self.event, number, version or self.version)
        return await self.run("claim_seats", keys, ONCE_MS, *about, *wanted)

    async def release(self, number: int, *seats: int, user: str = ANN, once: str = "") -> Reply:
        keys = self._with(once, self.to_release(number))
        return await self.run("release_seats", keys, ONCE_MS, user, self.event, number, *seats)

    async def begin_payment(self, number: int, user: str = ANN, once: str = "") -> Reply:
        keys = self._with(once, self.to_pay(number))
        return await self.run("begin_payment", keys, ONCE_MS, user, self.event, number)

    async def confirm(
        self,
        number: int,
        payment: str = "",
        amount: int | str = "",
        currency: str = "",
        status: str = "CONFIRMED",
        once: str = "",
    ) -> Reply:
        keys = self._with(once, self.own.to_settle(BookingNumber(number)))
        about = (self.event, number, payment, amount, currency, status)
        return await self.run("confirm_booking", keys, ONCE_MS, *about)

    async def settle_refund(
        self,
        number: int,
        payment: str = "*",
        reference: str = "",
        user: str = NOBODY,
        once: str = "",
    ) -> Reply:
        keys = self._with(once, self.own.to_pay_back(BookingNumber(number)))
        about = (user, self.event, number, payment, reference, KEEP_MS)
        return await self.run("settle_refund", keys, ONCE_MS, *about)

    async def upgrade(self, number: int) -> Reply:
        keys = self.own.to_upgrade(BookingNumber(number))
        return await self.run("upgrade_booking", keys, self.event, number, KEEP_MS)

    async def keep(
        self,
        payment: str,
        about: str = "::CONFIRMED",
        reason: str = "no_order",
        number: int = 0,
        kept: int = 1,
        once: str = "",
    ) -> Reply:
        keys = self._with(once, [self.own.event, self.own.unmatched, self.own.journal])
        told = (self.event, number, payment, about, reason, kept)
        return await self.run("keep_payment", keys, ONCE_MS, *told)

    async def cancel(self, number: int, user: str = ANN, once: str = "") -> Reply:
        keys = self._with(once, self.own.to_end(BookingNumber(number)))
        why = "" if user else "payment_failed"
        about = (user, self.event, number, KEEP_MS, why)
        return await self.run("cancel_booking", keys, ONCE_MS, *about)

    async def refund(self, number: int, user: str = ANN, once: str = "") -> Reply:
        keys = self._with(once, self.own.to_refund(BookingNumber(number)))
        why = "" if user else "event_cancelled"
        return await self.run(
            "refund_booking", keys, ONCE_MS, user, self.event, number, why, KEEP_MS
        )

    async def fail(self, number: int) -> Reply:
        return await self.cancel(number, NOBODY)

    async def note(self, number: int, text: str, once: str) -> Reply:
        keys = self._with(once, [self.booking_key(number), self.own.journal])
        return await self.run("note_payment", keys, ONCE_MS, self.event, number, text)

    async def record(self, *refusal: str, once: str) -> Reply:
        return await self.run("record_refusal", self._with(once, []), ONCE_MS, *refusal)

    async def expire(self, number: int, keep_ms: int = KEEP_MS) -> Reply:
        keys = self.own.to_expire(BookingNumber(number))
        return await self.run("expire_hold", keys, self.event, number, keep_ms)

    async def forget(self, number: int) -> Reply:
        keys = self.own.to_forget(BookingNumber(number))
        return await self.run("forget_booking", keys, self.event, number)

    async def discard(self, number: int) -> Reply:
        keys = self.own.to_discard(BookingNumber(number))
        return await self.run("discard_booking", keys, self.event, number)

    async def remove(self) -> Reply:
        return await self.run("remove_event", self.own.to_remove(), self.event, BOB)

    async def amend(
        self,
        user: str = ANN,
        version: str = "",
        going: str = "",
        counts: int = 0,
        dropped: str = "",
        once: str = "",
        **fields: Argument,
    ) -> Reply:
        """Change the event; `version` follows unless one is given."""
        flat = [each for field in fields.items() for each in field]
        about = (user, self.event, version or self.version, going, counts, dropped)
        keys = self._with(once or f"amend-{next(_event_ids)}", self.own.to_amend())
        reply = await self.run("amend_event", keys, ONCE_MS, *about, *flat)
        if not version and reply[0] == "AMENDED":
            self.version = str(reply[1])
        return reply

    async def cancel_event(self, user: str = ANN, once: str = "") -> Reply:
        keys = self._with(once, [self.own.event, self.own.chores, self.own.journal])
        reply = await self.run("cancel_event", keys, ONCE_MS, user, self.event)
        self.version = (await self.fields()).get("version", self.version)
        return reply

    async def settle(self, counted: int = 0) -> Reply:
        reply = await self.run("settle_event", self.own.to_finish(), self.event, counted)
        self.version = (await self.fields()).get("version", self.version)
        return reply

    async def count(self, number: int) -> Reply:
        keys = [self.own.event, self.booking_key(number), self.own.shares]
        return await self.run("count_booking", keys, number)

    async def delete(self, user: str = ANN, once: str = "a") -> Reply:
        keys = self._with(once, self.own.to_remove())
        return await self.run("delete_event", keys, ONCE_MS, user, self.event)

    async def restore(self, once: str = "a") -> Reply:
        keys = self._with(once, self.own.to_restore())
        reply = await self.run("restore_event", keys, ONCE_MS, BOB, self.event)
        self.version = str(reply[-1])
        return reply

    async def look(self, number: int) -> Reply:
        return await self.run("read_booking", [self.booking_key(number), self.hold_key(number)])

    async def book(
        self,
        number: int,
        user: str = ANN,
        waits: int = 1,
        places: str = PLACES,
        version: str = "",
        once: str = "",
        entitled: int = 1,
    ) -> Reply:
        keys = self._with(once, self.own.to_book(BookingNumber(number)))
        about = (user, self.event, number, version or self.version, waits, places, entitled)
        return await self.run("book_place", keys, ONCE_MS, *about)

    async def promote(self, number: int, places: str = PLACES, version: str = "") -> Reply:
        keys = self.own.to_promote(BookingNumber(number))
        about = (self.event, number, version or self.version, places)
        return await self.run("promote_waiting", keys, *about)

    async def give_up(self, number: int, user: str = ANN, once: str = "") -> Reply:
        keys = self.own.to_give_up(BookingNumber(number))
        keys = self._with(once or f"leave-{next(_event_ids)}", keys)
        return await self.run("give_up_place", keys, ONCE_MS, user, self.event, number, KEEP_MS)

    async def standing(self, number: int) -> Reply:
        return await self.run("read_standing", [self.booking_key(number), self.own.waiting], number)

    async def read_seats(self, *edges: int, version: str = "") -> list[Any]:
        version = version or self.version
        return await self.store.run_raw("read_seats", self.to_read(), version, *edges)

    async def count_seats(self, *edges: int, version: str = "") -> Reply:
        return await self.run("count_seats", self.to_read(), version or self.version, *edges)

    # Their keys.

    def booking_key(self, number: int) -> str:
        return self.own.booking(BookingNumber(number))

    def hold_key(self, number: int) -> str:
        return self.own.hold(BookingNumber(number))

    def once_key(self, once: str) -> str:
        return self.own.once(f"{self.event}-{once}")

    def to_create(self) -> list[str]:
        return self.own.to_create()

    def to_read(self) -> list[str]:
        return [self.own.event, self.own.taken, self.own.sold]

    def to_release(self, number: int) -> list[str]:
        return self.own.to_release(BookingNumber(number))

    def to_pay(self, number: int) -> list[str]:
        held = [self.booking_key(number), self.hold_key(number)]
        return [self.own.event, *held, self.own.deadlines, self.own.journal]

    def _with(self, once: str, keys: list[str]) -> list[str]:
        return [*keys, self.once_key(once)] if once else keys

    # States to start from.

    def elsewhere(self) -> "Stage":
        """Another event, which does not exist yet."""
        return Stage(self.wire)

    async def plan(self, **fields: Argument) -> None:
        """Change the event behind the scripts' back."""
        await self.command("HSET", self.own.event, *(x for field in fields.items() for x in field))

    async def age(self, number: int) -> None:
        """Let the last change of a booking be long ago, so that a new one can be told from it."""
        await self.command("HSET", self.booking_key(number), "updated", "0")

    async def lapse(self, number: int) -> None:
        """Wait until the hold of a booking has ended by its key and by the clock."""
        expires = int((await self.booking(number))["expires"])
        async with asyncio.timeout(LAPSE_S_MAX):
            while await self.holds(number) or await self.now_ms() <= expires:
                pass

    async def lapsed(self, number: int, *seats: int, user: str = ANN) -> None:
        """An unfinished booking whose hold has ended; nobody has swept it up."""
        await self.plan(hold_ms=1)
        assert (await self.open(number, *seats, user=user))[0] == "OPENED"
        await self.plan(hold_ms=HOLD_MS)
        await self.lapse(number)

    async def paying(self, number: int, *seats: int, user: str = ANN, price: int = PRICE) -> None:
        """A booking in payment."""
        assert (await self.open(number, *seats, user=user, price=price))[0] == "OPENED"
        assert (await self.begin_payment(number, user))[0] == "AWAITING_PAYMENT"

    async def unpaid(self, number: int, *seats: int, user: str = ANN) -> None:
        """A booking whose time to pay has lapsed; nobody has swept it up."""
        await self.plan(payment_ms=1)
        await self.paying(number, *seats, user=user)
        await self.plan(payment_ms=PAYMENT_MS)
        await self.lapse(number)

    async def swept(self, number: int, *seats: int, user: str = ANN) -> None:
        """A booking that reached payment and has been expired."""
        await self.unpaid(number, *seats, user=user)
        assert await self.expire(number) == ["EXPIRED"]

    async def confirmed(self, number: int, *seats: int, user: str = ANN) -> None:
        """A booking that is paid."""
        await self.paying(number, *seats, user=user)
        assert await self.confirm(number) == ["CONFIRMED"]

    async def refundable(self, number: int, *seats: int, user: str = ANN) -> None:
        """An expired booking that was paid for too late: Bob has its first seat."""
        await self.swept(number, *seats, user=user)
        assert (await self.open(number + 1_000, seats[0], user=BOB))[0] == "OPENED"
        assert await self.confirm(number) == ["REFUND_DUE"]

    async def sold_out(self, *numbers: int) -> None:
        """All places are sold, the first of them to ANN by booking 1; these bookings wait."""
        for number, user in ((1, ANN), (2, "x:second")):
            assert (await self.book(number, user=user))[0] == "CONFIRMED"
        for number in numbers:
            assert (await self.book(number, user=f"x:{number}"))[0] == "WAITING"

    # The state as it stands.

    async def now_ms(self) -> int:
        seconds, micros = await self.command("TIME")
        return int(seconds) * 1_000 + int(micros) // 1_000

    async def fields(self) -> Text:
        """The fields of the event."""
        return _pairs(await self.command("HGETALL", self.own.event))

    async def booking(self, number: int) -> Text:
        """The fields of a booking; none where there is none."""
        return _pairs(await self.command("HGETALL", self.booking_key(number)))

    async def owed(self) -> dict[str, int]:
        """Numbers of the bookings whose refund is due, and since when."""
        flat = await self.command("ZRANGE", self.own.refunds, 0, -1, "WITHSCORES")
        return {number: int(score) for number, score in _pairs(flat).items()}

    async def unmatched(self) -> Text:
        """Payments that nothing could be sold for, by booking number and id."""
        return _pairs(await self.command("HGETALL", self.own.unmatched))

    async def holders(self) -> dict[int, int]:
        found = _pairs(await self.command("HGETALL", self.own.holders))
        return {int(seat): int(number) for seat, number in found.items()}

    async def taken(self) -> set[int]:
        return _bits(await self.wire.call("GET", self.own.taken))

    async def sold(self) -> set[int]:
        return _bits(await self.wire.call("GET", self.own.sold))

    async def shares(self) -> Text:
        """What each user has of the event, as caps count it."""
        return _pairs(await self.command("HGETALL", self.own.shares))

    async def patrons(self) -> Text:
        """The one place of each user, and what became of it."""
        return _pairs(await self.command("HGETALL", self.own.patrons))

    async def line(self) -> list[int]:
        """Who waits, in order; the event says how many they are."""
        line = [int(each) for each in await self.command("ZRANGE", self.own.waiting, 0, -1)]
        assert (await self.fields()).get("waiting", "0") == str(len(line))
        return line

    async def is_promoting(self) -> bool:
        return str(self.event) in await self.command("SMEMBERS", self.own.promote)

    async def is_chore(self) -> bool:
        return str(self.event) in await self.command("SMEMBERS", self.own.chores)

    async def kept(self) -> str | None:
        """What is kept of the event for ever, once it is gone."""
        kept: str | None = await self.command("HGET", self.own.gone, self.event)
        return kept

    async def deadline(self, number: int) -> int | None:
        return await self._score(self.own.deadlines, number)

    async def forgotten_at(self, number: int) -> int | None:
        return await self._score(self.own.ended, number)

    async def holds(self, number: int) -> bool:
        return bool(await self.command("EXISTS", self.hold_key(number)))

    async def journal(self) -> list[Text]:
        """What is written down of this event, in order."""
        entries = await self.command("XRANGE", self.own.journal, "-", "+")
        written = [_pairs(fields) for _, fields in entries]
        return [entry for entry in written if entry["event"] == str(self.event)]

    async def last(self) -> Text:
        """The last entry of the journal, without its event."""
        entry = (await self.journal())[-1]
        assert list(entry) == ["what", "event", "booking", "user", "seats", "note"]
        return {name: text for name, text in entry.items() if name != "event"}

    async def assert_armed(self, number: int, expires: int) -> None:
        """The hold, its deadline and what its owner sees end at one moment."""
        start, left, stop = await asyncio.gather(
            self.now_ms(), self.command("PTTL", self.hold_key(number)), self.now_ms()
        )
        assert start + left - 1 <= expires <= stop + left + 1
        assert await self.deadline(number) == expires
        assert (await self.booking(number))["expires"] == str(expires)

    async def timed(self, reply: Awaitable[Reply]) -> tuple[Reply, range]:
        """The reply, and the milliseconds by the server's clock in which it was made."""
        start = await self.now_ms()
        got = await reply
        return got, range(start, await self.now_ms() + 1)

    async def unchanged(self, reply: Awaitable[Reply]) -> Reply:
        """The reply of a call that must leave every key as it is."""
        before = await self.snapshot()
        got = await reply
        assert await self.snapshot() == before
        return got

    async def snapshot(self) -> dict[str, object]:
        """Every key of this event and the shared ones of its partition, with values and ends."""
        shared = {self.own.deadlines, self.own.ended, self.own.journal, self.own.chores}
        shared |= {self.own.promote, self.own.openings, self.own.gone}
        found = await self.command("KEYS", f"{self.own.tag}:*")
        keys = [key for key in found if key in shared or f":{self.event}" in key] + self.watched
        contents = await asyncio.gather(*(self._content(key) for key in keys))
        return {key: content for key, content in zip(keys, contents, strict=True) if content}

    async def _content(self, key: str) -> object:
        match await self.command("TYPE", key):
            case "none":
                return None
            case "string":
                return await self.command("GET", key), await self._end(key)
            case "hash":
                return _pairs(await self.command("HGETALL", key)), await self._end(key)
            case "zset":
                return await self.command("ZRANGE", key, 0, -1, "WITHSCORES")
            case "set":
                return sorted(await self.command("SMEMBERS", key))
            case "stream":
                return await self.command("XRANGE", key, "-", "+")
            case other:
                raise AssertionError(f"{key} is a {other}")

    async def _end(self, key: str) -> object:
        """When a key ends; on servers before 7.0, whether it does."""
        try:
            return await self.command("PEXPIRETIME", key)
        except Rejected:
            return await self.command("PTTL", key) > 0

    async def _score(self, key: str, number: int) -> int | None:
        score = await self.command("ZSCORE", key, f"{self.event}:{number}")
        return None if score is None else int(score)


def entry(what: str, number: int | str, user: str, seats: str = "", note: str = "") -> Text:
    """An entry of the journal as `last` gives it."""
    return {"what": what, "booking": str(number), "user": user, "seats": seats, "note": note}


def _text(reply: Any) -> Any:
    if isinstance(reply, list):
        return [_text(each) for each in reply]
    return reply.decode(errors="surrogateescape") if isinstance(reply, bytes) else reply


def _pairs(flat: Sequence[str]) -> Text:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _bits(bitmap: Any) -> set[int]:
    return {
        8 * position + bit
        for position, byte in enumerate(bitmap or b"")
        for bit in range(8)
        if byte & 0x80 >> bit
    }
