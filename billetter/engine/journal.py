"""Reads the log of all that happened."""

from collections import deque
from dataclasses import dataclass, field

from billetter.domain.ids import BookingNumber, EventId
from billetter.engine import keys
from billetter.engine.scripts import Store

BATCH = 1_000

_START = "0-0"
_TAKING = frozenset({"opened", "claimed", "confirmed"})
_FREEING = frozenset({"released", "cancelled", "expired", "discarded"})
_OWING = {"refund_due": 1, "refund_settled": -1}
_UNDOING = frozenset({"cancelled", "discarded"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. seats: indexes. lua/README.md says what `what` can be.

    Entries of the event itself have no booking; their seats are those that are gone.
    """

    id: str
    what: str
    event: EventId
    booking: BookingNumber | None
    user: str
    seats: tuple[int, ...]
    note: str


@dataclass(slots=True)
class Inventory:
    """Whose the seats of one event are, as its journal tells.

    whole: the journal still has the event's creation, so it tells everything.
    paid: what its confirmed bookings cost. undone: bookings that were cancelled, or discarded by a
    reset: what they cost counts no more. owed: what is due back of bookings.
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
        if entry.what == "created":
            self.whole = True
        elif entry.what == "removed":
            self.holders.clear()
            self.sold.clear()
        elif entry.booking is not None:
            self._of_booking(entry, entry.booking)

    def _of_booking(self, entry: Entry, booking: BookingNumber) -> None:
        if entry.what in _OWING:
            amount = _OWING[entry.what] * int(entry.note.split(" ")[0])
            self.owed[booking] = self.owed.get(booking, 0) + amount
        elif entry.what == "discarded":
            self.owed.pop(booking, None)
        if entry.what in _TAKING:
            self.holders |= dict.fromkeys(entry.seats, booking)
            if entry.what == "confirmed":
                self.sold.update(entry.seats)
                self.paid[booking] = int(entry.note)
        elif entry.what in _FREEING:
            for seat in entry.seats:
                self.holders.pop(seat, None)
            self.sold.difference_update(entry.seats)
            if entry.what in _UNDOING:
                self.paid.pop(booking, None)
                self.undone.add(booking)


class Replay:
    """The inventories of one partition's events, by replaying its journal as far as asked.

    gaps: how often the journal was trimmed faster than it was read. Nothing is whole after that.
    """

    def __init__(self, store: Store, tag: str) -> None:
        self._store = store
        self._key = keys.journal(tag)
        self._inventories: dict[EventId, Inventory] = {}
        self._ahead: deque[Entry] = deque()
        self._last = _START
        self.gaps = 0

    def of(self, event: EventId) -> Inventory:
        return self._inventories.setdefault(event, Inventory())

    async def advance(self, until: str) -> None:
        """Apply what was written after the last entry applied, up to the entry `until`."""
        await self.read(until)
        while self._ahead and place(self._ahead[0].id) <= place(until):
            entry = self._ahead.popleft()
            self.of(entry.event).apply(entry)

    async def read(self, until: str) -> None:
        """Read as far as the entry `until`, so that advancing up to there asks no server."""
        while place(self._last) < place(until):
            batch = await self._next(until)
            self._ahead += batch
            self._last = batch[-1].id if len(batch) == BATCH else until

    async def _next(self, until: str) -> list[Entry]:
        batch = await self._store.command(
            "XRANGE", self._key, f"({self._last}", until, "COUNT", BATCH, reads=True
        )
        oldest = await self._store.command("XRANGE", self._key, "-", "+", "COUNT", 1, reads=True)
        trimmed = not oldest or place(oldest[0][0].decode()) > place(self._last)
        if trimmed and self._last != _START:
            self.gaps += 1
            self._ahead.clear()
            for inventory in self._inventories.values():
                inventory.whole = False
        return [_entry(id_.decode(), fields) for id_, fields in batch]


def place(id_: str) -> tuple[int, int]:
    """What entries are ordered by."""
    ms, _, number = id_.partition("-")
    return int(ms), int(number)


def _entry(id_: str, fields: list[bytes]) -> Entry:
    told = dict(zip(fields[::2], fields[1::2], strict=True))
    booking, seats = told[b"booking"], told[b"seats"]
    return Entry(
        id_,
        told[b"what"].decode(),
        EventId(int(told[b"event"])),
        BookingNumber(int(booking)) if booking else None,
        told[b"user"].decode(),
        tuple(int(seat.partition(b":")[0]) for seat in seats.split(b",") if seat),
        told[b"note"].decode(),
    )
