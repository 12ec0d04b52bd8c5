"""Looks at one booking or one event, each at one moment, and says what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass

from billetter.domain.booking import Status
from billetter.domain.ids import BookingNumber, EventId, UserId, booking_id
from billetter.domain.outcome import Outcome
from billetter.domain.payment import parse_payments, parse_refunds
from billetter.engine import keys
from billetter.engine.journal import Inventory
from billetter.engine.scripts import Store
from billetter.engine.unreadable import digits

UNFINISHED = frozenset({Status.BOOKED, Status.SEATS_SELECTED, Status.PAYMENT_INITIATED})
_ENDED = frozenset({Status.CANCELLED, Status.EXPIRED})
_PRICED = frozenset({Status.PAYMENT_INITIATED, Status.CONFIRMED})
_WITH_SEATS = _PRICED | {Status.SEATS_SELECTED}


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
                ("ZADD", own.deadlines, seen.expires, member) if digits(seen.expires) else None,
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
    """The sums of an event as it says them, and the last entry of its journal at that moment."""

    revenue: str
    confirmed: str
    bookings: str
    entry: str


async def see_event(store: Store, event: EventId) -> SeenEvent | None:
    own = keys.of_event(event)
    answer = await store.run("inspect_event", [own.event, own.journal])
    if answer.outcome is Outcome.NO_EVENT:
        return None
    revenue, confirmed, bookings, entry = answer.fields
    return SeenEvent(revenue or "0", confirmed or "0", bookings or "0", entry or "0-0")


async def number_faults(store: Store, event: EventId) -> list[Fault]:
    """Numbers that are to be drawn again, and that a booking has.

    One that was drawn between two looks is not there at the last; what has a booking never returns.
    """
    unused, found = keys.of_event(event).unused, []
    for number in map(int, await store.command("ZRANGE", unused, 0, -1, reads=True)):
        if await see_booking(store, event, BookingNumber(number)) is None:
            continue
        if await store.command("ZSCORE", unused, number, reads=True) is not None:
            name = f"booking {booking_id(event, BookingNumber(number))}"
            found.append(Fault(f"the number of {name} was given back", ("ZREM", unused, number)))
    return found


async def is_gone(store: Store, event: EventId) -> bool:
    """Whether an event was taken away, for good."""
    return bool(await store.command("HEXISTS", keys.of_event(event).gone, event, reads=True))


def tally_faults(
    seen: SeenEvent, paid: dict[BookingNumber, int], known: set[BookingNumber], told: Inventory
) -> list[str]:
    """Compares the event's sums with its bookings.

    paid: what was paid when the bookings were read. told: the journal up to the sums; of it counts
    what it did not yet know when the reading began.
    """
    since = {number: told.paid[number] for number in told.paid.keys() - known}
    counted = {number: cost for number, cost in (paid | since).items() if number not in told.undone}
    sums = f"({sum(counted.values())}, {len(counted)})"
    kept = f"({seen.revenue}, {seen.confirmed})"
    if sums == kept:
        return []
    both = f"{sums}, the event says {kept}"
    return [f"revenue and number of its confirmed bookings are {both}"]
