"""What must hold in Redis after every change, read from the keys and not through the engine.

    journal = Journal(wire, event)
    assert await violations(wire, event, journal) == []

Nothing may change the event while it is read.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from billetter.domain.ids import BookingNumber, EventId
from billetter.domain.layout import Layout
from billetter.engine import keys
from billetter.wire.topology import Wire

UNFINISHED = {"booked", "seats_selected", "payment_initiated"}
HAVE_SEATS = {"seats_selected", "payment_initiated", "confirmed"}
BECAME = {"active": "confirmed", "waiting": "waiting", "past": "cancelled"}
"""What users have by their one place, and the status of its booking."""
ENTRIES_MAX = 1_000
"""Journal entries read at once."""

Hash = dict[str, str]


@dataclass
class SeatMap:
    """Who has which seat, as the journal tells it. odd: entries that cannot be true."""

    holders: dict[int, int] = field(default_factory=dict)
    sold: set[int] = field(default_factory=set)
    paid: dict[int, int] = field(default_factory=dict)
    """What payments have brought for bookings."""
    owed: dict[int, int] = field(default_factory=dict)
    """What is due back of bookings."""
    opened: set[int] = field(default_factory=set)
    places: set[int] = field(default_factory=set)
    """Bookings of one place for a user: confirmed, or waiting, without having been opened."""
    odd: list[str] = field(default_factory=list)

    def apply(self, entry: Hash) -> None:
        number = int(entry["booking"] or 0)
        indexes = [int(index) for index in re.findall(r"(?:^|,)(\d+)", entry["seats"])]
        if entry["what"] == "opened":
            self.opened.add(number)
        elif entry["what"] in ("waiting", "confirmed") and number not in self.opened:
            self.places.add(number)
        self._count(entry, number)
        match entry["what"]:
            case "opened" | "claimed":
                self._expect(entry, indexes, {None})
                self.holders |= dict.fromkeys(indexes, number)
            case "confirmed":
                self._expect(entry, indexes, {None, number})
                self.holders |= dict.fromkeys(indexes, number)
                self.sold.update(indexes)
            case "released" | "cancelled" | "expired" | "discarded":
                self._expect(entry, indexes, {number})
                self._free(indexes, of_sold=entry["what"] in ("cancelled", "discarded"))
            case "paid" | "refund_due" | "refund_settled" | "refund_dropped":
                pass
            case "payment_begun" | "payment_note" | "payment_named" | "payment_unmatched":
                pass
            case "waiting" | "forgotten" | "unmatched_settled" | "unmatched_dropped":
                pass
            case "amended" | "cancelling" | "called_off" | "restored" if not number:
                pass
            case unknown:
                self.odd.append(f"nobody knows what {unknown} means")

    def _count(self, entry: Hash, number: int) -> None:
        """Add up what was paid, and what is to go back."""
        match entry["what"]:
            case "paid":
                self._add(self.paid, number, entry)
            case "refund_due":
                self._add(self.owed, number, entry)
                if self.owed[number] > self.paid.get(number, 0):
                    self.odd.append(f"more is due to {number} than was paid")
            case "refund_settled":
                self._add(self.owed, number, entry, -1)
                self._add(self.paid, number, entry, -1)
                if self.owed[number] < 0:
                    self.odd.append(f"more has gone back to {number} than was due")
            case "refund_dropped":
                self._add(self.owed, number, entry, -1)
            case "forgotten" | "discarded":
                self.paid.pop(number, None)
                self.owed.pop(number, None)

    def _add(self, sums: dict[int, int], number: int, entry: Hash, sign: int = 1) -> None:
        sums[number] = sums.get(number, 0) + sign * int(entry["note"].split(" ")[0])

    def _free(self, indexes: list[int], *, of_sold: bool) -> None:
        for index in indexes:
            self.holders.pop(index, None)
            if of_sold:
                self.sold.discard(index)

    def _expect(self, entry: Hash, indexes: list[int], holders: set[int | None]) -> None:
        wrong = [index for index in indexes if self.holders.get(index) not in holders]
        if wrong:
            self.odd.append(f"{entry['what']} by {entry['booking']}, others have {wrong}")


class Journal:
    """Replays the journal of an event's partition; reads only what has come since the last time."""

    def __init__(self, wire: Wire, event: EventId) -> None:
        self._wire = wire
        self._key = keys.of_event(event).journal
        self._last = "0-0"
        self.maps: dict[int, SeatMap] = {}
        """Events whose creation is in the journal and that were not removed."""

    async def catch_up(self) -> None:
        while True:
            entries: Any = await self._wire.call(
                "XRANGE", self._key, f"({self._last}", "+", "COUNT", ENTRIES_MAX
            )
            for stamp, flat in entries:
                self._last = stamp.decode()
                self._apply(_hash(flat))
            if len(entries) < ENTRIES_MAX:
                return

    def _apply(self, entry: Hash) -> None:
        event = int(entry["event"])
        if entry["what"] == "created":
            self.maps[event] = SeatMap()
        elif entry["what"] == "removed":
            self.maps.pop(event, None)
        elif event in self.maps:
            self.maps[event].apply(entry)


@dataclass(frozen=True)
class BookingFacts:
    """A booking's hash, what is left of its hold (PTTL, ms) and its places in both indexes (ms)."""

    fields: Hash
    hold_left_ms: int
    deadline_ms: int | None
    leaves_ms: int | None

    @property
    def status(self) -> str:
        return self.fields["status"]

    @property
    def payments(self) -> dict[str, int]:
        """What each of its payments brought."""
        return {id_: int(paid) for id_, paid in _parts(self.fields.get("payments", ""))}

    @property
    def refunds(self) -> list[tuple[str, int, str]]:
        """Which payment goes back, how much of it, and whether it is due or done."""
        parts = _parts(self.fields.get("refunds", ""))
        return [(id_, int(amount), state) for id_, amount, _, state, _ in parts]

    @property
    def owed(self) -> int:
        return sum(amount for _, amount, state in self.refunds if state == "due")

    @property
    def prices(self) -> dict[int, int]:
        """Price of each of its seats, by index."""
        seats = re.findall(r"(\d+):(\d+)", self.fields["seats"])
        return {int(index): int(price) for index, price in seats}


@dataclass(frozen=True)
class Facts:
    """All that is kept of an event, as it was at one time between began_ms and ended_ms."""

    event: Hash
    taken: set[int]
    sold: set[int]
    holders: dict[int, int]
    bookings: dict[int, BookingFacts]
    shares: Hash
    chores: set[int]
    patrons: Hash
    line: list[int]
    unpaid: list[int]
    """Those in the line who may have only what costs nothing."""
    promoting: set[int]
    """Events whose line is handed what is free, now or when their sale opens."""
    owed: set[int]
    """Numbers in the index of bookings whose refund is due."""
    indexed: set[int]
    """Numbers in the indexes of holds that end and of bookings that leave."""
    unused: set[int]
    """Numbers that were given back."""
    began_ms: int
    ended_ms: int


async def violations(wire: Wire, event: EventId, journal: Journal | None = None) -> list[str]:
    """Every rule that the event breaks, one sentence each."""
    facts = await _read(wire, event)
    if journal is None:
        journal = Journal(wire, event)
    await journal.catch_up()
    return [
        f"event {event}: {broken}"
        for broken in (
            *_of_seats(facts),
            *_of_bookings(facts),
            *_of_shares(facts, event),
            *_of_line(facts, event),
            *_of_journal(facts, event, journal),
        )
    ]


def _of_seats(facts: Facts) -> Iterator[str]:
    owners: dict[int, int] = {}
    for number, booking in facts.bookings.items():
        for index in booking.prices:
            if index in owners:
                yield f"seat {index} is in bookings {owners[index]} and {number}"
            owners[index] = number
    if facts.holders != owners:
        yield f"holders {facts.holders}, but bookings list {owners}"
    if facts.taken != owners.keys():
        yield f"taken {facts.taken}, but bookings list {owners}"
    paid = {index for index in owners if facts.bookings[owners[index]].status == "confirmed"}
    if facts.sold != paid:
        yield f"sold {facts.sold}, but confirmed are {paid}"
    if facts.event:
        layout = Layout.from_json(facts.event["layout"])
        if strays := [index for index in owners if layout.zone_of(index) is None]:
            yield f"no seats at all: {strays}"


def _of_bookings(facts: Facts) -> Iterator[str]:
    if strays := facts.indexed - facts.bookings.keys():
        yield f"indexes name bookings that are not there: {strays}"
    if used := facts.unused & facts.bookings.keys():
        yield f"numbers of bookings that are there were given back: {used}"
    if beyond := [n for n in facts.unused if n > int(facts.event.get("bookings", 0))]:
        yield f"numbers were given back that were never drawn: {beyond}"
    for number, booking in facts.bookings.items():
        for broken in (*_of_states(booking), *_of_holds(booking, facts)):
            yield f"booking {number}: {broken} in {booking}"
        as_made = facts.event.get("version", "")[:-3] == facts.event.get("created")
        if as_made and len(booking.prices) > int(facts.event["seats_max"]):
            yield f"booking {number} has too many seats"
    confirmed = [each for each in facts.bookings.values() if each.status == "confirmed"]
    counted = (len(confirmed), sum(int(each.fields["amount"]) for each in confirmed))
    kept = (int(facts.event.get("confirmed", 0)), int(facts.event.get("revenue", 0)))
    if facts.event and kept != counted:
        yield f"confirmed and revenue are {counted}, the event says {kept}"


def _of_states(booking: BookingFacts) -> Iterator[str]:
    if (booking.status in HAVE_SEATS) != bool(booking.prices):
        yield "its state and its seats do not go together"
    amount = booking.fields.get("amount")
    priced = booking.status in ("payment_initiated", "confirmed")
    if priced and (amount is None or int(amount) != sum(booking.prices.values())):
        yield "the amount is not the sum of the prices"
    yield from _of_money(booking)


def _of_money(booking: BookingFacts) -> Iterator[str]:
    """What payments brought is what it cost, and what goes back: nothing more, nothing less."""
    back = {id_: amount for id_, amount, _ in booking.refunds}
    if len(back) != len(booking.refunds) or not back.items() <= booking.payments.items():
        yield "a refund of what was not paid, or two of one payment"
    states = {state for *_, state in booking.refunds}
    mark = "due" if "due" in states else "done" if states else None
    if booking.fields.get("refund") != mark or 0 in back.values():
        yield "its mark does not say what its refunds do"
    kept = sum(booking.payments.values()) - sum(back.values())
    if booking.payments and kept != (
        int(booking.fields["amount"]) if booking.status == "confirmed" else 0
    ):
        yield "what was paid for it is not what it costs"


def _of_holds(booking: BookingFacts, facts: Facts) -> Iterator[str]:
    if booking.status in UNFINISHED:
        if str(booking.deadline_ms) != booking.fields["expires"]:
            yield "its deadline is not its end"
        elif not _held_until(booking, facts):
            yield "its hold does not end at its deadline"
    elif booking.deadline_ms is not None or booking.hold_left_ms != -2:
        yield "a hold is left over"
    ended = booking.status in ("cancelled", "expired")
    if (booking.leaves_ms is not None) != (ended and not booking.owed):
        yield "it is kept too long, or not long enough"


def _held_until(booking: BookingFacts, facts: Facts) -> bool:
    assert booking.deadline_ms is not None
    if booking.hold_left_ms == -2:
        return booking.deadline_ms <= facts.ended_ms
    read_ms = booking.deadline_ms - booking.hold_left_ms
    # Clocks are read to the millisecond, once rounded up and once down.
    return facts.began_ms - 1 <= read_ms <= facts.ended_ms + 1


def _of_shares(facts: Facts, event: EventId) -> Iterator[str]:
    """What users have is counted where it is capped, and only as it is."""
    state, caps = facts.event.get("state"), facts.event.get("caps", "")
    waiting = int(facts.event.get("uncounted", 0))
    if (event in facts.chores) != (state == "cancelling" or "uncounted" in facts.event):
        yield "what is left to do is not among the chores"
    if state == "cancelled" and facts.taken:
        yield f"it is cancelled, and seats are taken: {facts.taken}"
    counted = {
        (user, int(number)): (mark, int(seats))
        for user, share in facts.shares.items()
        for number, mark, seats in re.findall(r"(\d+)([:=])(\d+)", share)
    }
    for number, booking in facts.bookings.items() if facts.event else ():
        has = ("=" if booking.status == "confirmed" else ":", len(booking.prices))
        told = counted.pop((booking.fields["user"], number), None)
        if told and (told != has or booking.status in ("cancelled", "expired")):
            yield f"{told} is counted of booking {number}, which has {has}"
        limited = booking.status in UNFINISHED or (
            booking.status == "confirmed" and "bought_max" in caps
        )
        if (
            limited
            and told is None
            and (booking.fields.get("counted") or (caps and number > waiting))
        ):
            yield f"booking {number} is not counted"
    if counted:
        yield f"counted are bookings that are not there: {counted}"


def _of_line(facts: Facts, event: EventId) -> Iterator[str]:
    """Who waits is in the line, and nobody waits for what is free."""
    bookings = facts.bookings
    waiting = {number for number, each in bookings.items() if each.status == "waiting"}
    if sorted(facts.line) != sorted(waiting):
        yield f"in the line are {facts.line}, waiting are {waiting}"
    unpaid = str(len(facts.unpaid)) if facts.line else None
    if facts.event.get("waiting_free") != unpaid:
        yield f"{facts.event.get('waiting_free')} wait for what is free, in the line {unpaid}"
    if facts.event.get("waiting") != (str(len(facts.line)) if facts.line else None):
        yield f"{facts.event.get('waiting')} wait, in the line are {facts.line}"
    for user, place in facts.patrons.items():
        number, became = place.split(":")
        booking = bookings.get(int(number))
        if not booking or (booking.fields["user"], booking.status) != (user, BECAME[became]):
            yield f"{user} has the place {place}, and the booking is {booking}"
    told = {int(place.split(":")[0]) for place in facts.patrons.values()}
    if strays := waiting - told:
        yield f"{strays} wait, and are no places"
    ends = facts.event.get("sale_ends_at") or facts.event.get("starts_at")
    over = ends is not None and int(ends) <= facts.ended_ms
    sells = facts.event.get("state") == "on_sale" and not over
    if facts.line and sells and event not in facts.promoting:
        layout = Layout.from_json(facts.event["layout"])
        seats = {i for span in layout.spans() for i in range(span.start, span.start + span.size)}
        free = seats - facts.taken
        if len(facts.unpaid) == len(facts.line):
            free = {i for i in free if (zone := layout.zone_of(i)) and zone.price == 0}
        if free:
            yield f"{facts.line} wait, and {free} are free"


def _of_journal(facts: Facts, event: EventId, journal: Journal) -> Iterator[str]:
    told = journal.maps.get(event)
    if told is None:
        if facts.taken or facts.sold or facts.holders:
            yield "seats of an event that the journal does not know"
        return
    yield from told.odd
    if told.holders != facts.holders or told.holders.keys() != facts.taken:
        yield f"the journal gives {told.holders}, Redis {facts.holders}, {facts.taken}"
    owed = {number: each.owed for number, each in facts.bookings.items() if each.owed}
    if {number: amount for number, amount in told.owed.items() if amount} != owed:
        yield f"the journal owes {told.owed}, bookings {owed}"
    live = {number: facts.bookings[number] for number in told.places & facts.bookings.keys()}
    for number, each in live.items():
        place = facts.patrons.get(each.fields["user"], "")
        if each.status != "cancelled" and place.split(":")[0] != str(number):
            yield f"booking {number} is a place, and its user has {place}"
    if facts.owed != owed.keys():
        yield f"{facts.owed} are listed as owed, bookings say {owed}"
    if told.sold != facts.sold:
        yield f"the journal sells {told.sold}, Redis {facts.sold}"


async def _read(wire: Wire, event: EventId) -> Facts:
    own = keys.of_event(event)
    began_ms = await _now_ms(wire)
    whole, taken, sold, holders, deadlines, ended, *rest = await _ask(
        wire,
        ("HGETALL", own.event),
        ("GET", own.taken),
        ("GET", own.sold),
        ("HGETALL", own.holders),
        ("ZRANGE", own.deadlines, 0, -1, "WITHSCORES"),
        ("ZRANGE", own.ended, 0, -1, "WITHSCORES"),
        ("HGETALL", own.shares),
        ("SMEMBERS", own.chores),
        ("HGETALL", own.patrons),
        ("ZRANGE", own.waiting, 0, -1),
        ("ZRANGEBYSCORE", own.waiting, 2**50, "+inf"),
        ("SMEMBERS", own.promote),
        ("ZRANGE", own.openings, 0, -1),
        ("ZRANGE", own.unused, 0, -1),
        ("ZRANGE", own.refunds, 0, -1),
    )
    shares, chores, patrons, line, unpaid, promoting, opening, unused, owed = rest
    fields = _hash(whole)
    due, leaving = _scores(event, deadlines), _scores(event, ended)
    numbers = range(1, int(fields.get("bookings", 0)) + 1)
    rows = await _ask(wire, *(("HGETALL", own.booking(BookingNumber(n))) for n in numbers))
    holds = await _ask(wire, *(("PTTL", own.hold(BookingNumber(n))) for n in numbers))
    bookings = {
        number: BookingFacts(_hash(row), left, due.get(number), leaving.get(number))
        for number, row, left in zip(numbers, rows, holds, strict=True)
        if row
    }
    holders = {int(index): int(number) for index, number in _hash(holders).items()}
    return Facts(
        fields,
        _bits(taken),
        _bits(sold),
        holders,
        bookings,
        _hash(shares),
        {int(each) for each in chores},
        _hash(patrons),
        [int(each) for each in line],
        [int(each) for each in unpaid],
        {int(each) for each in [*promoting, *opening]},
        {int(each) for each in owed},
        due.keys() | leaving.keys(),
        {int(each) for each in unused},
        began_ms,
        await _now_ms(wire),
    )


async def _ask(wire: Wire, *commands: tuple[Any, ...]) -> list[Any]:
    return list(await asyncio.gather(*(wire.call(*command) for command in commands)))


async def _now_ms(wire: Wire) -> int:
    seconds, micros = (await _ask(wire, ("TIME",)))[0]
    return int(seconds) * 1000 + int(micros) // 1000


def _hash(flat: list[bytes]) -> Hash:
    words = [word.decode() for word in flat]
    return dict(zip(words[::2], words[1::2], strict=True))


def _scores(event: EventId, flat: list[bytes]) -> dict[int, int]:
    """Numbers of this event's bookings in a sorted set, with their scores."""
    found = {}
    for member, score in _hash(flat).items():
        home, number = member.split(":")
        if int(home) == event:
            found[int(number)] = int(score)
    return found


def _parts(kept: str) -> list[list[str]]:
    """What a booking keeps as text: parts with ',' between, their words with ':' between."""
    return [part.split(":") for part in kept.split(",") if part]


def _bits(bitmap: bytes | None) -> set[int]:
    size = 8 * len(bitmap or b"")
    bits = f"{int.from_bytes(bitmap or b'', 'big'):0{size}b}" if size else ""
    return {index for index, bit in enumerate(bits) if bit == "1"}
