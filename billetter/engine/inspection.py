"""Looks at one booking or one seat, each at one moment, and says what is wrong with it."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from billetter.domain.booking import Status
from billetter.domain.ids import BookingNumber, EventId, UserId, booking_id
from billetter.domain.outcome import Outcome
from billetter.domain.payment import parse_payments, parse_refunds
from billetter.engine import keys
from billetter.engine.journal import Inventory, Replay, place
from billetter.engine.scripts import Store

UNFINISHED = frozenset({Status.BOOKED, Status.SEATS_SELECTED, Status.PAYMENT_INITIATED})
_ENDED = frozenset({Status.CANCELLED, Status.EXPIRED})
_PRICED = frozenset({Status.PAYMENT_INITIATED, Status.CONFIRMED})
_WITH_SEATS = _PRICED | {Status.SEATS_SELECTED}
HOLDER_LOOKS_MAX = 5
BATCH = 200

Suspicion = tuple[int, BookingNumber | None]
"""The index of a seat, and a booking that may hold it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong. mend: a command that sets it right, where only one way is right."""

    what: str
    mend: tuple[str | int, ...] | None = None


@dataclass(frozen=True, slots=True)
class SeenBooking:
    """A booking and all that it is tied to. Times are ms as text, '' where there is none.

    price: what its seats cost together. amount: what it says that it costs. entry: the journal's
    last at that moment.
    """

    number: BookingNumber
    user: UserId
    status: Status
    seats: tuple[int, ...]
    price: int
    amount: str
    created: str
    expires: str
    refund: str
    held: bool
    deadline: str
    forget: str
    owed_since: str = ""
    payments: str = ""
    refunds: str = ""
    entry: str = "0-0"


@dataclass(frozen=True, slots=True)
class SeenSeat:
    """A seat and all that says whose it is.

    status, lists: of the booking looked at, `number`. entry: the journal's last at that moment.
    """

    index: int
    number: BookingNumber
    taken: bool
    sold: bool
    holder: BookingNumber | None
    status: str
    lists: bool
    entry: str


async def see_booking(store: Store, event: EventId, number: BookingNumber) -> SeenBooking | None:
    own = keys.of_event(event)
    shared = (own.deadlines, own.ended, own.refunds, own.journal)
    declared = [own.booking(number), own.hold(number), *shared]
    answer = await store.run("inspect_booking", declared, event, number)
    if answer.outcome is Outcome.NO_BOOKING:
        return None
    user, status, seats, amount, created, expires, refund, held, *rest = answer.fields
    deadline, forget, owed_since, payments, refunds, entry = rest
    return SeenBooking(
        number,
        UserId(user),
        Status(status),
        indexes(seats),
        sum(int(seat.partition(":")[2]) for seat in seats.split(",") if seat),
        amount,
        created,
        expires,
        refund,
        held == "1",
        deadline,
        forget,
        owed_since,
        payments,
        refunds,
        entry or "0-0",
    )


def indexes(seats: str) -> tuple[int, ...]:
    """The seats of a booking, which are kept as `index:price,…`."""
    return tuple(int(seat.partition(":")[0]) for seat in seats.split(",") if seat)


def booking_faults(event: EventId, seen: SeenBooking, forget_ms: int) -> Iterator[Fault]:
    """What is wrong with a booking by itself: its seats, its hold, its deadline, its end.

    forget_ms: when it is to be forgotten, if it has ended and nobody has said when.
    """
    own = keys.of_event(event)
    member = f"{event}:{seen.number}"
    name = f"booking {booking_id(event, seen.number)}"
    if bool(seen.seats) != (seen.status in _WITH_SEATS):
        yield Fault(f"{name} is {seen.status}, and lists {'' if seen.seats else 'no '}seats")
    if seen.status in _PRICED and seen.amount != str(seen.price):
        yield Fault(f"{name} costs {seen.amount or 'nothing'}, its seats {seen.price}")
    if seen.status in UNFINISHED:
        if seen.deadline != seen.expires:
            due = f"due {seen.deadline}" if seen.deadline else "not due at all"
            yield Fault(
                f"{name}: its hold ends {seen.expires}, and it is {due}",
                ("ZADD", own.deadlines, seen.expires, member),
            )
    elif seen.deadline:
        yield Fault(f"{name} is {seen.status}, and due", ("ZREM", own.deadlines, member))
    if seen.held and seen.status not in UNFINISHED:
        yield Fault(f"{name} is {seen.status}, and has a hold")
    owes = seen.refund == "due" or bool(seen.owed_since)
    leaves = seen.status in _ENDED and not owes
    if leaves and not seen.forget:
        yield Fault(f"{name} is never forgotten", ("ZADD", own.ended, forget_ms, member))
    if seen.forget and not leaves:
        owed = "money is owed for it" if owes else f"it is {seen.status}"
        yield Fault(f"{name} is to be forgotten, and {owed}", ("ZREM", own.ended, member))
    try:
        yield from _money_faults(event, seen, name)
    except (TypeError, ValueError):
        yield Fault(f"{name}: its payments cannot be read")


def _money_faults(event: EventId, seen: SeenBooking, name: str) -> Iterator[Fault]:
    """What payments brought is what it costs and what goes back, and what is owed is listed."""
    refunds = parse_refunds(seen.refunds)
    paid = {each.id: each.amount for each in parse_payments(seen.payments, refunds)}
    back = {each.payment_id: each.amount for each in refunds}
    if len(back) != len(refunds) or not back.items() <= paid.items():
        yield Fault(f"{name} gives back what was not paid for it")
    states = {each.state for each in refunds}
    mark = "due" if "due" in states else "done" if states else ""
    if seen.refund != mark:
        yield Fault(f"{name}: its refund is {seen.refund or 'none'}, by its list {mark or 'none'}")
    kept = sum(paid.values()) - sum(back.values())
    costs = int(seen.amount or 0) if seen.status is Status.CONFIRMED else 0
    if paid and kept != costs:
        yield Fault(f"{name} has been paid {kept}, and costs {costs}")
    index = keys.of_event(event).refunds
    if mark == "due" and not seen.owed_since:
        mend = ("ZADD", index, seen.created, seen.number)
        yield Fault(f"{name}: its refund is due, and not listed", mend)
    if mark != "due" and seen.owed_since:
        yield Fault(f"{name}: no refund is due, and one is listed", ("ZREM", index, seen.number))


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """The sums of an event, and the last entry of its journal at that moment."""

    revenue: int
    confirmed: int
    bookings: int
    entry: str


async def see_event(store: Store, event: EventId) -> SeenEvent | None:
    own = keys.of_event(event)
    answer = await store.run("inspect_event", [own.event, own.journal])
    if answer.outcome is Outcome.NO_EVENT:
        return None
    revenue, confirmed, bookings, entry = answer.fields
    return SeenEvent(int(revenue or 0), int(confirmed or 0), int(bookings or 0), entry or "0-0")


def tally_faults(
    seen: SeenEvent, paid: dict[BookingNumber, int], known: set[BookingNumber], told: Inventory
) -> list[str]:
    """Compares the event's sums with its bookings.

    paid: what was paid when the bookings were read. told: the journal up to the sums; of it counts
    what it did not yet know when the reading began.
    """
    since = {number: told.paid[number] for number in told.paid.keys() - known}
    counted = {number: cost for number, cost in (paid | since).items() if number not in told.undone}
    sums = (sum(counted.values()), len(counted))
    if sums == (seen.revenue, seen.confirmed):
        return []
    kept = f"the event says {(seen.revenue, seen.confirmed)}"
    return [f"revenue and number of its confirmed bookings are {sums}, {kept}"]


class SeatInspector:
    """Looks at suspected seats of one partition; its replay follows the journal meanwhile."""

    def __init__(self, store: Store, replay: Replay) -> None:
        self._store = store
        self._replay = replay

    async def faults(self, event: EventId, suspicions: Iterable[Suspicion]) -> set[tuple[int, str]]:
        """Indexes of seats, each with something that is wrong with it."""
        found = set[tuple[int, str]]()
        left = [(index, number or BookingNumber(0)) for index, number in suspicions]
        for _ in range(HOLDER_LOOKS_MAX):
            passed_on = []
            for start in range(0, len(left), BATCH):
                for seen in await self._see(event, left[start : start + BATCH]):
                    await self._replay.advance(seen.entry)
                    if seen.holder not in (None, seen.number) and not seen.lists:
                        passed_on.append((seen.index, seen.holder))
                    else:
                        faults = [*_seat_faults(seen), *self._replay_faults(event, seen)]
                        found |= {(seen.index, fault) for fault in faults}
            left = sorted(set(passed_on))
        return found  # A seat still left changes hands faster than one can look: it is in use.

    async def _see(
        self, event: EventId, batch: Sequence[tuple[int, BookingNumber]]
    ) -> list[SeenSeat]:
        """Look at seats, each at one moment; in the order of these moments."""
        looks = (self._see_one(event, index, number) for index, number in batch)
        seen = sorted(await asyncio.gather(*looks), key=lambda it: place(it.entry))
        await self._replay.read(seen[-1].entry)
        return seen

    async def _see_one(self, event: EventId, index: int, number: BookingNumber) -> SeenSeat:
        own = keys.of_event(event)
        answer = await self._store.run(
            "inspect_seat",
            [own.taken, own.sold, own.holders, own.booking(number), own.journal],
            index,
        )
        taken, sold, holder, status, seats, entry = answer.fields
        return SeenSeat(
            index,
            number,
            taken == "1",
            sold == "1",
            BookingNumber(int(holder)) if holder else None,
            status,
            index in indexes(seats),
            entry or "0-0",
        )

    def _replay_faults(self, event: EventId, seen: SeenSeat) -> Iterator[str]:
        told = self._replay.of(event)
        if not told.whole:
            return
        holder = told.holders.get(seen.index)
        if holder != seen.holder:
            yield f"is held by {_named(seen.holder)}, its journal says by {_named(holder)}"
        if (seen.index in told.sold) != seen.sold:
            yield f"is {'' if seen.sold else 'not '}sold, its journal says otherwise"


def _named(holder: BookingNumber | None) -> str:
    return f"booking {holder}" if holder is not None else "nobody"


def _seat_faults(seen: SeenSeat) -> Iterator[str]:
    number = seen.number
    if seen.holder not in (None, number):
        yield f"is held by booking {seen.holder}, but {number} lists it too"
        return
    if seen.taken and seen.holder is None:
        yield "is taken, and nobody holds it"
    if seen.holder is not None and not seen.taken:
        yield f"is held by booking {seen.holder}, and not taken"
    if seen.sold and not seen.taken:
        yield "is sold, and not taken"
    if seen.holder == number and not seen.lists:
        yield f"is held by booking {number}, which does not list it"
    if seen.holder is None and seen.lists:
        yield f"is listed by booking {number}, which does not hold it"
    confirmed = seen.holder == number and seen.status == "confirmed"
    if confirmed and not seen.sold:
        yield f"is not sold, and booking {number} is confirmed"
    if seen.sold and not confirmed:
        yield "is sold, and its booking is not confirmed"
