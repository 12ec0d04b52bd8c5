"""Reads the log of all that happened."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from billetter.domain.ids import BookingNumber, EventId
from billetter.engine import partition_keys
from billetter.engine.scripts import Store

BATCH = 1_000

_START = "0-0"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. seats: indexes. lua/README.md says what `what` can be.

    Entries of the event itself have no booking; those of accounts have no event, which is 0 then.
    gone: first and last index of the seats that an event no longer has.
    amount: minor units, where the note is one, or begins with it.
    """

    id: str
    what: str
    event: EventId
    booking: BookingNumber | None
    user: str
    seats: tuple[int, ...]
    gone: tuple[tuple[int, int], ...]
    note: str
    amount: int


@dataclass(frozen=True, slots=True)
class Unread:
    """An entry that no reader understands. event: None where not even that can be read."""

    id: str
    event: EventId | None
    why: str


@dataclass(slots=True)
class Inventory:
    """Whose the seats of one event are, as its journal tells.

    whole: the journal still has the event's creation, and all of it was understood, so it tells
    everything. paid: what its confirmed bookings cost. undone: bookings that were cancelled, or
    discarded by a reset: what they cost counts no more. owed: what is due back of bookings.
    """

    whole: bool = False
    holders: dict[int, BookingNumber] = field(default_factory=dict)
    sold: set[int] = field(default_factory=set)
    paid: dict[BookingNumber, int] = field(default_factory=dict)
    undone: set[BookingNumber] = field(default_factory=set)
    owed: dict[BookingNumber, int] = field(default_factory=dict)

    @property
    def debts(self) -> dict[BookingNumber, int]:
        """What is due back of bookings of which anything is."""
        return {number: amount for number, amount in self.owed.items() if amount}

    def apply(self, entry: Entry) -> None:
        KINDS[entry.what].apply(self, entry)


def _nothing(told: Inventory, entry: Entry) -> None: ...


def _begin(told: Inventory, entry: Entry) -> None:
    told.whole = True


def _clear(told: Inventory, entry: Entry) -> None:
    told.holders.clear()
    told.sold.clear()


def _take(told: Inventory, entry: Entry) -> None:
    if entry.booking is not None:
        told.holders |= dict.fromkeys(entry.seats, entry.booking)


def _sell(told: Inventory, entry: Entry) -> None:
    _take(told, entry)
    if entry.booking is not None:
        told.sold.update(entry.seats)
        told.paid[entry.booking] = entry.amount


def _free(told: Inventory, entry: Entry) -> None:
    for seat in entry.seats:
        told.holders.pop(seat, None)
    told.sold.difference_update(entry.seats)


def _owe(told: Inventory, entry: Entry) -> None:
    if entry.booking is not None:
        told.owed[entry.booking] = told.owed.get(entry.booking, 0) + entry.amount


def _settle(told: Inventory, entry: Entry) -> None:
    if entry.booking is not None:
        told.owed[entry.booking] = told.owed.get(entry.booking, 0) - entry.amount


def _undo(told: Inventory, entry: Entry) -> None:
    _free(told, entry)
    if entry.booking is not None:
        told.paid.pop(entry.booking, None)
        told.undone.add(entry.booking)


def _discard(told: Inventory, entry: Entry) -> None:
    _undo(told, entry)
    if entry.booking is not None:
        told.owed.pop(entry.booking, None)


@dataclass(frozen=True, slots=True)
class Kind:
    """How entries of one kind are read. Whatever a reader refuses, the audit reports.

    apply: what they say of an inventory. seats: they list seats, as index or index:price.
    gone: their seats are ranges, first-last. paid: their note is an amount. owed: it begins with
    one.
    """

    apply: Callable[[Inventory, Entry], None] = _nothing
    seats: bool = False
    gone: bool = False
    paid: bool = False
    owed: bool = False


KINDS: Final[Mapping[str, Kind]] = {
    # Of an event.
    "created": Kind(_begin),
    "amended": Kind(gone=True),
    "cancelling": Kind(),
    "called_off": Kind(),
    "restored": Kind(),
    "removed": Kind(_clear),
    # Of a booking.
    "opened": Kind(_take, seats=True),
    "claimed": Kind(_take, seats=True),
    "released": Kind(_free, seats=True),
    "payment_begun": Kind(seats=True),
    "payment_note": Kind(),
    "waiting": Kind(),
    "confirmed": Kind(_sell, seats=True, paid=True),
    "paid": Kind(),
    "payment_named": Kind(),
    "payment_unmatched": Kind(),
    "unmatched_settled": Kind(),
    "unmatched_dropped": Kind(),
    "refund_due": Kind(_owe, owed=True),
    "refund_settled": Kind(_settle, owed=True),
    "refund_dropped": Kind(_settle, owed=True),
    "cancelled": Kind(_undo, seats=True),
    "expired": Kind(_free, seats=True),
    "forgotten": Kind(),
    "discarded": Kind(_discard, seats=True),
    # Of an account.
    "registered": Kind(),
    "role_changed": Kind(),
    "password_changed": Kind(),
    "rehashed": Kind(),
    "token_added": Kind(),
    "tokens_revoked": Kind(),
    "erased": Kind(),
}
"""Every word that a script of any version wrote as `what`; lua/README.md says what each means."""


class Replay:
    """The inventories of one partition's events, by replaying its journal as far as asked.

    gaps: how often the journal was trimmed faster than it was read. Nothing is whole after that.
    unread: entries that could not be read. The events they tell of are not whole any more.
    """

    def __init__(self, store: Store, tag: str) -> None:
        self._store = store
        self.key = partition_keys.journal(tag)
        self._inventories: dict[EventId, Inventory] = {}
        self._ahead: deque[Entry | Unread] = deque()
        self._blind = set[EventId]()
        self._last = _START
        self.gaps = 0
        self.unread: list[Unread] = []

    def of(self, event: EventId) -> Inventory:
        return self._inventories.setdefault(event, Inventory())

    async def advance(self, until: str) -> None:
        """Apply what was written after the last entry applied, up to the entry `until`."""
        await self.read(until)
        while self._ahead and place(self._ahead[0].id) <= place(until):
            self._apply(self._ahead.popleft())

    async def finish(self) -> None:
        """Read to the end, which nobody may have asked for: an odd entry there is one, too."""
        last = await self._store.command("XREVRANGE", self.key, "+", "-", "COUNT", 1, reads=True)
        if last:
            await self.advance(last[0][0].decode())

    async def read(self, until: str) -> None:
        """Read as far as the entry `until`, so that advancing up to there asks no server."""
        while place(self._last) < place(until):
            batch = await self._next(until)
            self._ahead += batch
            self._last = batch[-1].id if len(batch) == BATCH else until

    def _apply(self, entry: Entry | Unread) -> None:
        if isinstance(entry, Entry):
            told = self.of(entry.event)
            told.apply(entry)
            told.whole &= entry.event not in self._blind
            return
        self.unread.append(entry)
        if entry.event is not None:
            self._blind.add(entry.event)
            self.of(entry.event).whole = False

    async def _next(self, until: str) -> list[Entry | Unread]:
        batch = await self._store.command(
            "XRANGE", self.key, f"({self._last}", until, "COUNT", BATCH, reads=True
        )
        oldest = await self._store.command("XRANGE", self.key, "-", "+", "COUNT", 1, reads=True)
        trimmed = not oldest or place(oldest[0][0].decode()) > place(self._last)
        if trimmed and self._last != _START:
            self.gaps += 1
            self._ahead.clear()
            for inventory in self._inventories.values():
                inventory.whole = False
        return [read_entry(id_.decode(), fields) for id_, fields in batch]


def place(id_: str) -> tuple[int, int]:
    """What entries are ordered by."""
    ms, _, number = id_.partition("-")
    return int(ms), int(number)


def read_entry(id_: str, fields: Sequence[bytes]) -> Entry | Unread:
    """One entry, from its fields as Redis gives them."""
    told = dict(zip(fields[::2], fields[1::2], strict=True))
    event = None
    try:
        event = EventId(_number(told[b"event"]) if told[b"event"] else 0)
        return _entry(id_, event, told)
    except KeyError as error:
        return Unread(id_, event, f"it has no {error.args[0].decode(errors='replace')}")
    except ValueError as error:
        return Unread(id_, event, str(error))


def _entry(id_: str, event: EventId, told: Mapping[bytes, bytes]) -> Entry:
    what = told[b"what"].decode()
    kind = KINDS.get(what)
    if kind is None:
        raise ValueError(f"nobody knows what {what!r} means")
    booking, seats, note = told[b"booking"], told[b"seats"], told[b"note"].decode()
    amount = note.partition(" ")[0] if kind.owed else note
    if (kind.seats or kind.paid or kind.owed) and not (event and booking):
        raise ValueError(f"{what!r} names no booking of an event")
    return Entry(
        id_,
        what,
        event,
        BookingNumber(_number(booking)) if booking else None,
        told[b"user"].decode(),
        tuple(_number(each.partition(b":")[0]) for each in _listed(seats)) if kind.seats else (),
        tuple(map(_range, _listed(seats))) if kind.gone else (),
        note,
        _number(amount.encode()) if kind.paid or kind.owed else 0,
    )


def _listed(seats: bytes) -> list[bytes]:
    return seats.split(b",") if seats else []


def _range(text: bytes) -> tuple[int, int]:
    first, _, last = text.partition(b"-")
    return _number(first), _number(last)


def _number(text: bytes) -> int:
    """As scripts write it: digits, and no more of them than any number of ours has."""
    if not (text.isdigit() and len(text) <= 19):
        raise ValueError(f"{text.decode(errors='backslashreplace')[:40]!r} is no number")
    return int(text)
