"""What the engine is to do, in plain Python: dictionaries for seats, flags for what has lapsed.

The model has no clock and draws no numbers. A hold has lapsed when its booking says so; where the
engine sets the end of a hold or names a new booking, the model takes over what it `heard`, if that
can be true.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import NamedTuple

from billetter.domain.booking import Booking, SeatStatus, Status
from billetter.domain.event import Counts, State, Terms
from billetter.domain.ids import (
    BookingId,
    BookingNumber,
    EventId,
    SeatId,
    SeatIndex,
    UserId,
    seat_id,
    split_booking_id,
    split_seat_id,
)
from billetter.domain.layout import ZonePlan
from billetter.domain.outcome import Answer, AwaitingPayment, Opened, Outcome
from billetter.domain.payment import UNNAMED, Notice, Payment, PaymentState, Refund
from billetter.domain.ticket import Item, Rank, Reserved, Standing

Said = Answer | Opened | AwaitingPayment | Reserved | Standing
Prices = dict[SeatIndex, int]
"""Seats in the order in which they were taken, with their prices in minor units."""

ORGANIZER = UserId("guest")
"""Who makes all events."""
UNFINISHED = {Status.BOOKED, Status.SEATS_SELECTED, Status.PAYMENT_INITIATED}
IMPOSSIBLE = -1
LONG_AGO_MS, NEVER_MS = 1_000, 32_000_000_000_000
"""Times that are over, and yet to come, whenever a test runs."""
PAYMENTS_MAX = 20
REFERENCE = "bank transfer, 7: ü"
BECAME = {"due": PaymentState.REFUND_DUE, "done": PaymentState.REFUNDED}
"""What a payment is whose refund is in this state."""


class Leaving(Enum):
    """What becomes of an ended booking: kept for some time, then due to be forgotten."""

    NO = "no"
    LATER = "later"
    DUE = "due"


class Heard(NamedTuple):
    """An answer of the engine, and between which two times it was given (ms)."""

    said: Said
    asked_ms: int
    came_ms: int


class Place(NamedTuple):
    """Where a seat is, as lists show it."""

    row: int
    number: int
    zone: str
    price: int


@dataclass
class ModelBooking:
    """A booking. status: without regard to a hold that has lapsed. ends_ms: None once sold."""

    id: BookingId
    user: UserId
    created_ms: int
    ends_ms: int | None
    status: Status = Status.BOOKED
    seats: Prices = field(default_factory=dict)
    released: Prices = field(default_factory=dict)
    amount: int | None = None
    armed: bool = False
    lapsed: bool = False
    leaving: Leaving = Leaving.NO
    payments: dict[str, int] = field(default_factory=dict)
    """What each brought; "" for one without an id."""
    refunds: dict[str, Refund] = field(default_factory=dict)
    """By the payment that goes back."""
    unpaid: bool = False
    """It waits for what costs nothing."""

    @property
    def refund(self) -> str | None:
        if any(refund.state == "due" for refund in self.refunds.values()):
            return "due"
        return "done" if self.refunds else None

    def known(self, notice: Notice) -> str | None:
        """Which of its payments a notice is about."""
        if notice.payment_id in self.payments:
            return notice.payment_id
        if not notice.payment_id:
            return next(iter(self.payments), None)
        unnamed = self.payments.get("")
        return "" if unnamed is not None and notice.amount in (None, unnamed) else None

    def name(self, payment: str) -> None:
        """The payment without an id has this one."""
        self.payments = {id_ or payment: paid for id_, paid in self.payments.items()}
        named = {id_ or payment: refund for id_, refund in self.refunds.items()}
        self.refunds = {id_: refund._replace(payment_id=id_) for id_, refund in named.items()}

    def owe(self, payment: str, reason: str) -> None:
        amount = self.payments[payment]
        self.refunds[payment] = Refund(payment, amount, reason, "due", "")
        self.leaving = Leaving.NO

    @property
    def settled(self) -> Outcome:
        """What a payment came to that is not due back."""
        confirmed = self.status is Status.CONFIRMED
        return Outcome.CONFIRMED if confirmed else Outcome.CANCELLED

    @property
    def unfinished(self) -> bool:
        return self.status in UNFINISHED

    @property
    def shown(self) -> Status:
        return Status.EXPIRED if self.unfinished and self.lapsed else self.status

    def end(self, status: Status) -> None:
        if self.seats:
            self.released, self.seats = self.seats, {}
        self.status = status
        self.leaving = Leaving.NO if self.refund == "due" else Leaving.LATER

    def described(self) -> Booking:
        ended = self.shown in (Status.EXPIRED, Status.CANCELLED)
        seats = {} if ended else self.seats
        had = (self.seats or self.released) if ended else {}
        event, _ = split_booking_id(self.id)
        states = {id_: BECAME[refund.state] for id_, refund in self.refunds.items()}
        return Booking(
            self.id,
            event,
            self.user,
            self.shown,
            tuple(seat_id(event, index) for index in seats),
            sum(seats.values()) if self.amount is None else self.amount,
            self.created_ms,
            self.ends_ms,
            self.refund,
            tuple(seats.values()),
            tuple(seat_id(event, index) for index in had),
            tuple(
                Payment(id_, paid, states.get(id_, PaymentState.PAID))
                for id_, paid in self.payments.items()
            ),
            tuple(self.refunds.values()),
        )


class Show:
    """An event."""

    def __init__(
        self, event: EventId, zones: Sequence[ZonePlan], terms: Terms, seeded: bool
    ) -> None:
        self.id = event
        self.made = (zones, terms)
        self.seeded = seeded
        self.bookings: dict[BookingNumber, ModelBooking] = {}
        self.used: set[int] = set()
        """Numbers of bookings that ever were: none of them is given again."""
        self.bits = 0
        self.restore()

    def restore(self) -> None:
        """As it was made; only indexes are never used again."""
        zones, self.terms = self.made
        self.line: list[ModelBooking] = []
        self.patrons: dict[UserId, ModelBooking] = {}
        """The newest booking of one place for each user, whatever became of it."""
        self.state = State.ON_SALE
        self.payments = False
        self.unmatched: dict[tuple[BookingNumber, str], tuple[str, int | None]] = {}
        """Payments that nothing could be sold for, oldest first: why, and how much it was."""
        self.revenue = self.confirmed = 0
        self.zones: dict[int, list[SeatIndex]] = {}
        self.places: dict[SeatIndex, Place] = {}
        self.floors: set[int] = set()
        """Numbers of the zones without numbered seats."""
        ever, self.bits, self.numbers = self.bits, 0, 0
        for zone in zones:
            self.add_zone(zone)
        self.bits = max(ever, self.bits)

    def match(self, booking: ModelBooking, payment: str) -> None:
        """A payment of a booking is known: nobody misses it."""
        number = split_booking_id(booking.id)[1]
        for name in (payment, ""):
            self.unmatched.pop((number, name), None)

    def early(self, booking: ModelBooking, paid: int) -> str:
        """The payment that came before payment began, and that one without an id must be."""
        number = split_booking_id(booking.id)[1]
        for (home, payment), (reason, amount) in self.unmatched.items():
            if home == number and payment and reason == "not_initiated" and amount in (None, paid):
                return payment
        return ""

    @property
    def shut(self) -> tuple[str, ...]:
        """Why it gives no seat now, if it does not: of all times only LONG_AGO_MS is over."""
        if self.state is not State.ON_SALE:
            return (self.state,)
        opens, closes = self.terms.sale_starts_at_ms or 0, self.terms.sale_ends_at_ms or 0
        if opens > LONG_AGO_MS:
            return ("not_yet", str(opens), str(closes))
        return ("over", str(opens), str(closes)) if closes == LONG_AGO_MS else ()

    @property
    def over(self) -> bool:
        return self.state is State.CANCELLED

    def awaited(self, price: int) -> bool:
        """Whether free seats of this price are theirs who wait."""
        return any(not each.unpaid or price == 0 for each in self.line)

    @property
    def turn(self) -> tuple[ModelBooking, SeatIndex] | None:
        """Who is to have a seat now, and which: the first of those who may have any of them."""
        for booking in self.line:
            free = [i for i in _free(self) if not booking.unpaid or not self.places[i].price]
            if free:
                return booking, free[0]
        return None

    def add_zone(self, zone: ZonePlan) -> None:
        row = max((place.row for place in self.places.values()), default=0)
        seats = [(row + r, s) for r, size in enumerate(zone.rows, 1) for s in range(1, size + 1)]
        indexes = self._fresh(len(seats))
        for index, (seat_row, number) in zip(indexes, seats, strict=True):
            self.places[index] = Place(seat_row, number, zone.name, zone.price)
        self.numbers += 1
        self.zones[self.numbers] = indexes
        if not zone.numbered:
            self.floors.add(self.numbers)

    def grow(self, number: int, by: int) -> None:
        """More seats of a zone that is one row."""
        last = self.places[self.zones[number][-1]]
        for more, index in enumerate(self._fresh(by), 1):
            self.places[index] = last._replace(number=last.number + more)
            self.zones[number].append(index)

    def drop(self, indexes: Sequence[SeatIndex]) -> None:
        for index in indexes:
            del self.places[index]
        kept = {
            number: [i for i in zone if i in self.places] for number, zone in self.zones.items()
        }
        self.zones = {number: zone for number, zone in kept.items() if zone}

    def price(self, number: int, price: int) -> None:
        for index in self.zones[number]:
            self.places[index] = self.places[index]._replace(price=price)

    def _fresh(self, size: int) -> list[SeatIndex]:
        start = -(-self.bits // 8) * 8
        self.bits = start + size
        return [SeatIndex(index) for index in range(start, start + size)]

    @property
    def holders(self) -> dict[SeatIndex, ModelBooking]:
        """Who has which seat, lapsed ones that nobody has looked at included."""
        return {index: each for each in self.bookings.values() for index in each.seats}

    @property
    def states(self) -> dict[SeatIndex, SeatStatus]:
        """Every seat in the order of lists, with its state."""
        holders = self.holders
        return {index: _state(holders.get(index)) for zone in self.zones.values() for index in zone}

    @property
    def counts(self) -> tuple[Counts, ...]:
        states = self.states
        zones = [[states[index] for index in zone] for zone in self.zones.values()]
        prices = [self.places[zone[0]].price for zone in self.zones.values()]
        return tuple(
            Counts(
                len(z),
                len(z) - (0 if self.awaited(price) else z.count(SeatStatus.FREE)),
                z.count(SeatStatus.SOLD),
            )
            for z, price in zip(zones, prices, strict=True)
        )

    def free(self, number: int) -> list[SeatIndex]:
        """The free seats of a zone."""
        return [index for index in self.zones[number] if index not in self.holders]


class Model:
    """The engine's calls, each with the answer it has to give."""

    def __init__(self) -> None:
        self.shows: dict[EventId, Show] = {}
        self.heard = Heard(Answer(Outcome.KEPT), 0, 0)

    def open(self, event: EventId, user: UserId, seats: Sequence[SeatId]) -> Said:
        show = self.shows.get(event)
        if show is None:
            return Answer(Outcome.NO_EVENT)
        wanted = self._wanted(event, seats)
        if isinstance(wanted, Answer):
            return wanted
        if show.shut:
            return Answer(Outcome.NOT_ON_SALE, show.shut)
        if len(wanted) > show.terms.seats_max:
            return Answer(Outcome.TOO_MANY, (str(show.terms.seats_max),))
        return self._make_room(show, wanted, None) or self._opened(show, user, wanted)

    def open_tickets(self, event: EventId, user: UserId, items: Sequence[Item]) -> Said:
        show = self.shows.get(event)
        if show is None:
            return Answer(Outcome.NO_EVENT)
        quantities = Counter[int]()
        for zone, quantity in items:
            quantities[zone] += quantity
        if unknown := quantities.keys() - (show.floors & show.zones.keys()):
            return Answer(Outcome.NO_ZONE, (str(min(unknown)),))
        if show.shut:
            return Answer(Outcome.NOT_ON_SALE, show.shut)
        if quantities.total() > show.terms.seats_max:
            return Answer(Outcome.TOO_MANY, (str(show.terms.seats_max),))
        for zone, quantity in quantities.items():
            awaited = show.awaited(show.places[show.zones[zone][0]].price)
            if awaited or not self._has_free(show, partial(_has, show, zone, quantity)):
                return Answer(Outcome.SOLD_OUT, (str(zone),))
        wanted = [i for zone, quantity in quantities.items() for i in show.free(zone)[:quantity]]
        return self._opened(show, user, {index: show.places[index].price for index in wanted})

    def reserve(self, event: EventId, user: UserId, giver: UserId | None = None) -> Said:
        said = self._place(event, user, False, giver)
        if isinstance(said, Answer):
            return said
        return Reserved(said.id, event, user, said.created_ms, Outcome.RESERVED, False)

    def book(self, event: EventId, user: UserId, giver: UserId | None = None) -> Said:
        return self._place(event, user, True, giver)

    def give_up(self, event: EventId, user: UserId) -> Answer:
        show = self.shows.get(event)
        if show is None:
            return Answer(Outcome.NO_EVENT)
        booking = show.patrons.get(user)
        if booking is None or booking.status is Status.CANCELLED:
            return Answer(Outcome.NO_BOOKING)
        if booking.status is Status.CONFIRMED:
            self._pay_back(show, booking, "cancelled")
        return self.fail(booking.id)

    def serve(self, event: EventId) -> None:
        """What is free goes to those who wait."""
        show = self.shows[event]
        while not show.shut and (turn := show.turn):
            booking, index = turn
            show.line.remove(booking)
            self._sell(show, booking, index)

    def standing(self, event: EventId, user: UserId) -> Standing | None:
        """What a user has, but for the time it changed."""
        show = self.shows[event]
        booking = show.patrons.get(user)
        return _standing(show, booking) if booking else None

    def _place(
        self, event: EventId, user: UserId, waits: bool, giver: UserId | None
    ) -> Standing | Answer:
        show = self.shows.get(event)
        if show is None:
            return Answer(Outcome.NO_EVENT)
        before = show.patrons.get(user)
        if before and before.status is not Status.CANCELLED:
            return Answer(Outcome.ALREADY_BOOKED, (str(split_booking_id(before.id)[1]),))
        if show.shut:
            return Answer(Outcome.NOT_ON_SALE, show.shut)
        unpaid = giver not in (None, ORGANIZER)
        free = self._may_have(show, unpaid)
        if not free and unpaid and _costly(show):
            return Answer(Outcome.PAYMENT_REQUIRED)
        if not free and not waits:
            return Answer(Outcome.SOLD_OUT)
        booking = ModelBooking(BookingId(IMPOSSIBLE), user, self._created(), None, Status.WAITING)
        if refusal := self._over_cap(show, user, booking, 1):
            return refusal
        free = self._may_have(show, unpaid)  # Also what the user's own lapsed bookings had.
        booking.id = self._named(show)
        show.bookings[split_booking_id(booking.id)[1]] = show.patrons[user] = booking
        booking.unpaid = unpaid
        if free:
            self._sell(show, booking, free[0])
        else:
            show.line.append(booking)
        return _standing(show, booking)

    def _may_have(self, show: Show, unpaid: bool) -> list[SeatIndex]:
        """The free seats that a newcomer may have; unpaid: only those that cost nothing."""

        def mine() -> list[SeatIndex]:
            prices = ((index, show.places[index].price) for index in _free(show))
            may = ((index, price) for index, price in prices if not unpaid or not price)
            return [index for index, price in may if not show.awaited(price)]

        if not show.line or (not unpaid and all(each.unpaid for each in show.line)):
            self._has_free(show, lambda: bool(mine()))
        return mine()

    def _sell(self, show: Show, booking: ModelBooking, index: SeatIndex) -> None:
        booking.amount = show.places[index].price
        booking.status, booking.seats = Status.CONFIRMED, {index: booking.amount}
        show.payments = True
        show.revenue += booking.amount
        show.confirmed += 1

    def _has_free(self, show: Show, has: Callable[[], bool]) -> bool:
        """Whether there is what is wanted, once lapsed bookings are ended if that is needed."""
        if not has():
            for booking in [it for it in show.bookings.values() if it.unfinished and it.lapsed]:
                self.expire(booking.id)
        return has()

    def _opened(self, show: Show, user: UserId, wanted: Prices) -> Said:
        if refusal := self._over_cap(show, user, None, len(wanted)):
            return refusal
        ends = self._armed_for(show.terms.hold_ms)
        booking = ModelBooking(self._named(show), user, ends - show.terms.hold_ms, ends)
        _take(booking, wanted)
        show.bookings[split_booking_id(booking.id)[1]] = booking
        taken = tuple(seat_id(show.id, index) for index in wanted)
        prices = tuple(wanted.values())
        return Opened(booking.id, show.id, taken, prices, ends, Outcome.OPENED, False)

    def claim(self, id_: BookingId, user: UserId, seats: Sequence[SeatId]) -> Answer:
        event, _ = split_booking_id(id_)
        booking = self.find(id_)
        if booking is None:
            return Answer(Outcome.NO_BOOKING)
        if booking.user != user:
            return Answer(Outcome.NOT_YOURS)
        wanted = self._wanted(event, seats)
        if isinstance(wanted, Answer):
            return wanted
        if booking.shown not in (Status.BOOKED, Status.SEATS_SELECTED):
            return Answer(Outcome.CLOSED, (booking.shown,))
        show = self.shows[event]
        more = wanted.keys() - booking.seats.keys()
        if more and (refusal := self._cannot_grow(show, booking, wanted)):
            return refusal
        if not booking.armed:
            booking.ends_ms = self._armed_for(show.terms.hold_ms)
        _take(booking, wanted)
        return Answer(Outcome.CLAIMED, (str(booking.ends_ms),))

    def release(self, seat: SeatId, user: UserId) -> Answer:
        event, index = split_seat_id(seat)
        show = self.shows.get(event)
        if show is None or index not in show.places:
            return Answer(Outcome.NO_SEAT)
        booking = show.holders.get(index)
        if booking is None or booking.shown is Status.EXPIRED:
            return Answer(Outcome.NOT_HELD, (str(index),))
        if booking.user != user:
            return Answer(Outcome.NOT_YOURS)
        if booking.status is not Status.SEATS_SELECTED:
            return Answer(Outcome.CLOSED, (booking.status,))
        del booking.seats[index]
        if not booking.seats:
            booking.status = Status.BOOKED
        self.serve(event)
        return Answer(Outcome.RELEASED, (str(len(booking.seats)),))

    def begin_payment(self, id_: BookingId, user: UserId) -> Said:
        booking = self.find(id_)
        if booking is None:
            return self._unknown(id_)
        if booking.user != user:
            return Answer(Outcome.NOT_YOURS)
        show = self.shows[split_booking_id(id_)[0]]
        if show.over and booking.shown in UNFINISHED:
            return Answer(Outcome.NOT_ON_SALE, (show.state,))
        match booking.shown:
            case Status.PAYMENT_INITIATED:
                pass
            case Status.SEATS_SELECTED:
                show.payments = True
                booking.status = Status.PAYMENT_INITIATED
                booking.amount = sum(booking.seats.values())
                booking.ends_ms = self._armed_for(show.terms.payment_ms)
            case Status.BOOKED:
                return Answer(Outcome.NO_SEATS)
            case closed:
                return Answer(Outcome.CLOSED, (closed,))
        assert booking.amount is not None
        assert booking.ends_ms is not None
        return AwaitingPayment(booking.amount, booking.ends_ms, Outcome.AWAITING_PAYMENT, False)

    def confirm(self, id_: BookingId, notice: Notice = UNNAMED) -> Answer:
        booking = self.find(id_)
        if booking is None:
            return self._unknown(id_)
        payment, known = notice.payment_id, booking.known(notice)
        show = self.shows[split_booking_id(id_)[0]]
        if known is not None:
            if payment and known != payment:
                booking.name(payment)
                known = payment
                show.match(booking, payment)
            return Answer(Outcome.REFUND_DUE if known in booking.refunds else booking.settled)
        if booking.status is Status.CONFIRMED and not payment:
            return Answer(Outcome.CONFIRMED)
        if refusal := self._unmatched(show, booking, notice):
            return refusal
        if not booking.payments and show.over and booking.unfinished:
            booking.end(Status.CANCELLED)
        reason = self._why_owed(show, booking)
        paid = booking.amount if notice.amount is None else notice.amount
        assert booking.amount is not None
        assert paid is not None
        if reason and not paid and not booking.payments:
            return Answer(Outcome.CANCELLED)
        payment = payment or show.early(booking, paid)
        booking.payments[payment] = paid
        show.match(booking, payment)
        if reason and paid:
            booking.owe(payment, reason)
            return Answer(Outcome.REFUND_DUE)
        if reason:
            return Answer(booking.settled)
        booking.seats = booking.seats or booking.released
        booking.status, booking.released = Status.CONFIRMED, {}
        booking.ends_ms, booking.leaving = None, Leaving.NO
        show.revenue += booking.amount
        show.confirmed += 1
        return Answer(Outcome.CONFIRMED)

    def _unmatched(self, show: Show, booking: ModelBooking, notice: Notice) -> Answer | None:
        """Keep a payment that nothing can be sold for."""
        first = not booking.payments
        if booking.amount is None or not booking.armed:
            reason, answer = "not_initiated", Answer(Outcome.NOT_INITIATED)
        elif first and notice.amount not in (None, booking.amount):
            reason, answer = "amount", Answer(Outcome.UNMATCHED, ("amount",))
        elif len(booking.payments) >= PAYMENTS_MAX:
            reason, answer = "too_many", Answer(Outcome.UNMATCHED, ("too_many",))
        else:
            return None
        name = (split_booking_id(booking.id)[1], notice.payment_id)
        if show.unmatched.get(name) != (reason, notice.amount):
            show.unmatched.pop(name, None)
        show.unmatched[name] = (reason, notice.amount)
        show.payments = True
        return answer

    def _why_owed(self, show: Show, booking: ModelBooking) -> str:
        """Why money that came is due back; "" where it buys something."""
        if booking.payments:
            return "paid_twice"
        if show.over:
            return "event_cancelled"
        if booking.status is Status.CANCELLED:
            return "cancelled"
        return "expired" if self._cannot_return(show, booking) else ""

    def settle(self, id_: BookingId, payment: str | None, organizer: UserId | None) -> Answer:
        booking, (event, number) = self.find(id_), split_booking_id(id_)
        unmatched = self.shows[event].unmatched if event in self.shows else {}
        stray = payment is not None and (number, payment) in unmatched
        if booking is None and not stray:
            return self._unknown(id_)
        if organizer not in (None, ORGANIZER):
            return Answer(Outcome.NOT_YOURS)
        if payment is not None and stray:
            _, kept = unmatched.pop((number, payment))
            mark = booking.refund if booking else None
            return Answer(Outcome.SETTLED, (str(kept or 0), mark or ""))
        assert booking is not None
        wanted = payment if payment in booking.refunds or payment is None else ""
        meant = [each for each in booking.refunds if wanted in (None, each)]
        if not meant:
            return Answer(Outcome.NO_REFUND)
        due = [each for each in meant if booking.refunds[each].state == "due"]
        for each in due:
            booking.refunds[each] = booking.refunds[each]._replace(
                state="done", reference=REFERENCE
            )
        ended = booking.status in (Status.CANCELLED, Status.EXPIRED)
        if due and ended and booking.refund == "done":
            booking.leaving = Leaving.LATER
        amount = sum(booking.refunds[each].amount for each in due)
        return Answer(Outcome.SETTLED, (str(amount), booking.refund or ""))

    def owed(self, event: EventId) -> set[BookingId]:
        """Bookings whose refund is due."""
        bookings = self.shows[event].bookings.values()
        return {booking.id for booking in bookings if booking.refund == "due"}

    def cancel(self, id_: BookingId, user: UserId) -> Answer:
        booking = self.find(id_)
        if booking is not None:
            if booking.user != user:
                return Answer(Outcome.NOT_YOURS)
            if booking.shown is Status.EXPIRED:
                return Answer(Outcome.CLOSED, (Status.EXPIRED,))
        return self.fail(id_)

    def fail(self, id_: BookingId) -> Answer:
        booking = self.find(id_)
        if booking is None:
            return Answer(Outcome.NO_BOOKING)
        if booking.status is Status.CONFIRMED:
            return Answer(Outcome.ALREADY_CONFIRMED)
        event, _ = split_booking_id(id_)
        if booking.status is not Status.CANCELLED:
            self._leave_line(booking)
            booking.end(Status.CANCELLED)
        self.serve(event)
        return Answer(Outcome.CANCELLED)

    def refund(self, id_: BookingId, user: UserId) -> Answer:
        booking = self.find(id_)
        if booking is None:
            return self._unknown(id_)
        if booking.user != user:
            return Answer(Outcome.NOT_YOURS)
        if booking.status is Status.CANCELLED:
            return Answer(Outcome.CANCELLED)
        if booking.status is not Status.CONFIRMED:
            return Answer(Outcome.CLOSED, (booking.shown,))
        event, _ = split_booking_id(id_)
        owed = self._pay_back(self.shows[event], booking, "cancelled")
        self.serve(event)
        return Answer(Outcome.REFUND_DUE, (str(owed),)) if owed else Answer(Outcome.CANCELLED)

    def cancel_event(self, event: EventId, user: UserId | None) -> Answer:
        show = self.shows[event]
        if user not in (None, ORGANIZER):
            return Answer(Outcome.NOT_YOURS)
        show.state = State.CANCELLED
        for booking in show.bookings.values():
            if booking.status is Status.CONFIRMED:
                self._pay_back(show, booking, "event_cancelled")
            elif booking.seats or booking.status is Status.WAITING:
                self._leave_line(booking)
                booking.end(Status.CANCELLED)
        return Answer(Outcome.CANCELLED)

    def delete_event(self, event: EventId, user: UserId | None) -> Answer:
        show = self.shows[event]
        if user not in (None, ORGANIZER):
            return Answer(Outcome.NOT_YOURS)
        if show.payments or show.holders or show.line:
            return Answer(Outcome.HAS_BOOKINGS)
        del self.shows[event]
        return Answer(Outcome.REMOVED)

    def refuse_amendment(
        self, event: EventId, user: UserId | None, going: Sequence[SeatIndex]
    ) -> Answer | None:
        """Why an event does not change, if it does not: seats `going` have to be free."""
        show = self.shows[event]
        if user not in (None, ORGANIZER):
            return Answer(Outcome.NOT_YOURS)
        if show.over:
            return Answer(Outcome.NOT_ON_SALE, (show.state,))
        if taken := show.holders.keys() & set(going):
            return Answer(Outcome.SEAT_TAKEN, (str(seat_id(event, min(taken))), "0"))
        return None

    def expire(self, id_: BookingId) -> Answer:
        booking = self.find(id_)
        if booking is None:
            return Answer(Outcome.NO_BOOKING)
        if not booking.unfinished:
            return Answer(Outcome.KEPT, (booking.status,))
        if not booking.lapsed:
            return Answer(Outcome.HELD)
        if not booking.armed:
            self._remove(booking)
            return Answer(Outcome.VANISHED, (booking.user,))
        booking.end(Status.EXPIRED)
        return Answer(Outcome.EXPIRED)

    def forget(self, id_: BookingId) -> Answer:
        booking = self.find(id_)
        if booking is None or booking.leaving is not Leaving.DUE:
            return Answer(Outcome.KEPT)
        self._remove(booking)
        return Answer(Outcome.FORGOTTEN, (booking.user,))

    def reset(self) -> None:
        self.shows = {event: show for event, show in self.shows.items() if show.seeded}
        for show in self.shows.values():
            show.bookings.clear()
            show.restore()

    def find(self, id_: BookingId) -> ModelBooking | None:
        event, number = split_booking_id(id_)
        return self.shows[event].bookings.get(number) if event in self.shows else None

    def booking(self, id_: BookingId) -> ModelBooking:
        """One that is known to be there."""
        event, number = split_booking_id(id_)
        return self.shows[event].bookings[number]

    def all(self) -> list[ModelBooking]:
        return [booking for show in self.shows.values() for booking in show.bookings.values()]

    def page(self, user: UserId) -> list[Booking]:
        """All bookings of a user, newest first."""
        own = [booking for booking in self.all() if booking.user == user]
        own.sort(key=lambda booking: (booking.created_ms, str(booking.id)), reverse=True)
        return [booking.described() for booking in own]

    def _wanted(self, event: EventId, seats: Sequence[SeatId]) -> Prices | Answer:
        """The seats with their prices, if all of them are seats of this event."""
        wanted: Prices = {}
        for seat in seats:
            home, index = split_seat_id(seat)
            if home not in self.shows or index not in self.shows[home].places:
                return Answer(Outcome.NO_SEAT)
            if home != event:
                return Answer(Outcome.WRONG_EVENT)
            wanted[index] = self.shows[home].places[index].price
        return wanted

    def _make_room(self, show: Show, wanted: Prices, own: ModelBooking | None) -> Answer | None:
        """End the lapsed bookings that have these seats; or what is in the way, and end none."""
        others = {index: show.holders.get(index) for index in wanted}
        others = {index: other for index, other in others.items() if not own or other is not own}
        for index, other in others.items():
            free = not show.awaited(wanted[index]) if other is None else False
            if not (free or (other and other.unfinished and other.lapsed)):
                ends_ms = (other and other.ends_ms) or 0
                fields = (str(seat_id(show.id, index)), str(ends_ms))
                return Answer(Outcome.SEAT_TAKEN, fields)
        lapsed = {id(other): other for other in others.values() if other}
        for other in lapsed.values():
            other.end(Status.EXPIRED)
        return self._make_room(show, wanted, own) if lapsed else None

    def _cannot_grow(self, show: Show, booking: ModelBooking, wanted: Prices) -> Answer | None:
        """Why a booking cannot have more seats."""
        if show.shut:
            return Answer(Outcome.NOT_ON_SALE, show.shut)
        if refusal := self._make_room(show, wanted, booking):
            return refusal
        seats = len(booking.seats | wanted)
        if seats > show.terms.seats_max:
            return Answer(Outcome.TOO_MANY, (str(show.terms.seats_max),))
        return self._over_cap(show, booking.user, booking, seats)

    def _cannot_return(self, show: Show, booking: ModelBooking) -> bool:
        """Whether an expired booking cannot have its seats back: gone, in other hands, too many."""
        if booking.status is not Status.EXPIRED:
            return False
        if show.over or booking.released.keys() - show.places.keys():
            return True
        if self._make_room(show, booking.released, booking):
            return True
        return bool(self._over_cap(show, booking.user, booking, len(booking.released)))

    def _over_cap(
        self, show: Show, user: UserId, own: ModelBooking | None, seats: int
    ) -> Answer | None:
        """End lapsed bookings of the user that reach a cap; or which cap it is, and end none."""
        others = [it for it in show.bookings.values() if it.user == user and it is not own]
        unfinished = [it for it in others if it.unfinished]
        held = seats + sum(len(it.seats) for it in unfinished)
        sold = sum(len(it.seats) for it in others if it.status is Status.CONFIRMED)
        used = [("held_max", held), ("bought_max", held + sold)] if seats else []
        used += [] if own else [("open_max", len(unfinished) + 1)]
        for cap, number in used:
            most = getattr(show.terms, cap)
            if most is None or number <= most:
                continue
            lapsed = [it for it in unfinished if it.lapsed]
            if not lapsed:
                return Answer(Outcome.CAP_REACHED, (cap, str(most)))
            for each in lapsed:
                self.expire(each.id)
            return self._over_cap(show, user, own, seats)
        return None

    def _pay_back(self, show: Show, booking: ModelBooking, reason: str) -> int:
        """Cancel it, and say how much of what payments brought is due by that."""
        assert booking.amount is not None
        show.revenue -= booking.amount
        show.confirmed -= 1
        booking.end(Status.CANCELLED)
        left = {id_: paid for id_, paid in booking.payments.items() if id_ not in booking.refunds}
        for id_, paid in left.items():
            if paid:
                booking.owe(id_, reason)
        return sum(left.values())

    def _leave_line(self, booking: ModelBooking) -> None:
        line = self.shows[split_booking_id(booking.id)[0]].line
        if booking in line:
            line.remove(booking)

    def _remove(self, booking: ModelBooking) -> None:
        event, number = split_booking_id(booking.id)
        show = self.shows[event]
        del show.bookings[number]
        if show.patrons.get(booking.user) is booking:
            del show.patrons[booking.user]

    def _unknown(self, id_: BookingId) -> Answer:
        known = split_booking_id(id_)[0] in self.shows
        return Answer(Outcome.NO_BOOKING if known else Outcome.NO_EVENT)

    def _armed_for(self, ms: int) -> int:
        """The end of a hold that begins now: what was heard, if it lies where it has to."""
        said, asked_ms, came_ms = self.heard
        if isinstance(said, Opened | AwaitingPayment):
            ends = said.expires_ms
        elif isinstance(said, Answer) and said.outcome is Outcome.CLAIMED:
            ends = int(said.fields[0])
        else:
            return IMPOSSIBLE
        return ends if asked_ms <= ends - ms <= came_ms else IMPOSSIBLE

    def _created(self) -> int:
        """When a place is given now: what was heard, if that can be."""
        said, asked_ms, came_ms = self.heard
        if isinstance(said, Reserved | Standing) and asked_ms <= said.created_ms <= came_ms:
            return said.created_ms
        return IMPOSSIBLE

    def _named(self, show: Show) -> BookingId:
        """The id of a new booking: what was heard, if its number is new."""
        said = self.heard.said
        if not isinstance(said, Opened | Reserved | Standing):
            return BookingId(IMPOSSIBLE)
        event, number = split_booking_id(said.id)
        if event != show.id or number in show.used:
            return BookingId(IMPOSSIBLE)
        show.used.add(number)
        return said.id


def _take(booking: ModelBooking, wanted: Prices) -> None:
    booking.seats |= {index: wanted[index] for index in wanted if index not in booking.seats}
    if booking.seats:
        booking.status, booking.armed = Status.SEATS_SELECTED, True


def _state(holder: ModelBooking | None) -> SeatStatus:
    if holder is None:
        return SeatStatus.FREE
    return SeatStatus.SOLD if holder.status is Status.CONFIRMED else SeatStatus.RESERVED


def _costly(show: Show) -> bool:
    """Whether there are free seats that cost something, and nobody waits for them."""
    costly = [index for index in _free(show) if show.places[index].price]
    return bool(costly) and all(each.unpaid for each in show.line)


def _has(show: Show, zone: int, quantity: int) -> bool:
    return len(show.free(zone)) >= quantity


def _free(show: Show) -> list[SeatIndex]:
    """All free seats in zone order."""
    return [index for number in show.zones for index in show.free(number)]


RANKS = {
    Status.CONFIRMED: (Rank.CONFIRMED, Outcome.CONFIRMED),
    Status.WAITING: (Rank.WAITING, Outcome.WAITING),
    Status.CANCELLED: (Rank.CANCELLED, Outcome.CANCELLED),
}


def _standing(show: Show, booking: ModelBooking) -> Standing:
    """updated_ms: when it was made, which holds for new ones only."""
    rank, outcome = RANKS[booking.status]
    position = show.line.index(booking) + 1 if booking in show.line else None
    created_ms = booking.created_ms
    id_, user = booking.id, booking.user
    return Standing(id_, show.id, user, rank, position, created_ms, created_ms, outcome, False)
