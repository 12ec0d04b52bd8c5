"""The engine against a plain model of it: whatever is called, the same answers, Redis in order.

HYPOTHESIS_PROFILE=long runs thousands of examples. A failure prints @reproduce_failure(…), to be
put on EngineMachine.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from billetter.domain.booking import SeatStatus, Status
from billetter.domain.event import Details, Event, EventPlan, State, Terms
from billetter.domain.ids import (
    BOOKINGS_MAX,
    GUEST,
    BookingId,
    BookingNumber,
    EventId,
    SeatId,
    SeatIndex,
    UserId,
    booking_id,
    seat_id,
    split_booking_id,
)
from billetter.domain.layout import Layout, Seat, ZonePlan
from billetter.domain.money import PRICE_MAX
from billetter.domain.outcome import Opened, Outcome
from billetter.domain.payment import Notice
from billetter.domain.ticket import Item, Reserved, Standing
from billetter.engine import Engine, keys, numbers, partition_keys
from billetter.engine.maps import SeatQuery
from billetter.engine.once import Once
from billetter.wire.topology import open_wire
from tests.conftest import FAKE
from tests.invariants import Journal, violations
from tests.model import (
    LONG_AGO_MS,
    NEVER_MS,
    REFERENCE,
    Heard,
    Leaving,
    Model,
    ModelBooking,
    Said,
    Show,
)

T = TypeVar("T")

COMMON = settings(
    deadline=None,
    print_blob=True,
    phases=[Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
PROFILES = {
    "short": settings(COMMON, max_examples=80, stateful_step_count=30),
    "long": settings(COMMON, max_examples=4_000, stateful_step_count=60),
}
DATABASE = 7
"""On real servers this test has a database to itself: what it sweeps and resets is its own."""

PATIENCE_S = 60.0
"""A machine that is busy with other things must not look like a lost reply."""

EVENTS_MAX, ZONES_MAX = 3, 4
SEATS_SHOWN = 100
USERS = (GUEST, UserId("a:7"), UserId("x:ann"))
PATRONS = tuple(UserId(f"x:patron{number}") for number in range(12))
NOWHERE = EventId(4_000_000)
ONCE_TTL_MS = 3_600_000


@dataclass(frozen=True)
class Pick:
    """Seats to ask for: some of the event's, by number and state, and perhaps one it has not."""

    own: list[int]
    state: SeatStatus | None = None
    stray: str | None = None

    def among(self, show: Show, others: list[Show]) -> list[SeatId]:
        states = show.states
        indexes = [index for index, state in states.items() if self.state in (None, state)]
        indexes = indexes or list(states)
        seats = [seat_id(show.id, indexes[nth % len(indexes)]) for nth in self.own]
        return seats + ([self._stray(show, others)] if self.stray else [])

    def _stray(self, show: Show, others: list[Show]) -> SeatId:
        match self.stray:
            case "foreign" if others:
                return seat_id(others[0].id, SeatIndex(0))
            case "before":
                return seat_id(show.id, SeatIndex(-1))
            case "padding":
                return seat_id(show.id, SeatIndex(max(next(iter(show.zones.values()))) + 1))
            case "beyond":
                return seat_id(show.id, SeatIndex(max(show.places) + 8))
            case _:
                return seat_id(NOWHERE, SeatIndex(3))


@dataclass(frozen=True)
class Whose:
    """A booking: one of a kind, round; where there is none, one that was, or never was."""

    nth: int
    kind: str

    def among(self, bookings: list[ModelBooking]) -> list[BookingId]:
        return [booking.id for booking in bookings if KINDS[self.kind](booking)]


KINDS: dict[str, Callable[[ModelBooking], bool]] = {
    "choosing": lambda booking: booking.shown in (Status.BOOKED, Status.SEATS_SELECTED),
    "lapsed": lambda booking: booking.unfinished and booking.lapsed,
    "paying": lambda booking: booking.shown is Status.PAYMENT_INITIATED,
    "late": lambda booking: booking.amount is not None and booking.leaving is not Leaving.NO,
    "ended": lambda booking: booking.leaving is not Leaving.NO,
    "sold": lambda booking: booking.status is Status.CONFIRMED,
    "waiting": lambda booking: booking.status is Status.WAITING,
    "paid": lambda booking: bool(booking.payments),
    "owed": lambda booking: booking.refund == "due",
    "any": lambda _: False,
}


def of(*kinds: str) -> st.SearchStrategy[Whose]:
    return st.builds(Whose, st.integers(0, 9), st.sampled_from([*kinds, *kinds, "any"]))


prices = st.sampled_from([0, 1, 4_050, PRICE_MAX])
rows = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
halls = st.builds(ZonePlan, st.sampled_from("ABC"), prices, rows)
floors = st.builds(ZonePlan, st.just("Floor"), prices, st.tuples(st.integers(1, 9)), st.just(False))
all_zones = st.lists(halls | floors, min_size=1, max_size=3)
windows = st.sampled_from(
    [
        *[(None, None)] * 8,
        *[(LONG_AGO_MS, NEVER_MS), (None, NEVER_MS), (None, LONG_AGO_MS), (NEVER_MS, None)],
    ]
)
untimed_terms = st.builds(
    Terms,
    hold_ms=st.sampled_from([86_400_000, 90_000_000]),
    payment_ms=st.sampled_from([80_000_000, 100_000_000]),
    seats_max=st.sampled_from([1, 2, 4, 6]),
    held_max=st.sampled_from([None, None, None, 3, 5]),
    bought_max=st.sampled_from([None, None, None, 4, 7]),
    open_max=st.sampled_from([None, None, None, 3]),
)
all_terms = st.builds(
    lambda terms, window: replace(terms, sale_starts_at_ms=window[0], sale_ends_at_ms=window[1]),
    untimed_terms,
    windows,
)
states = st.sampled_from([None, SeatStatus.FREE, SeatStatus.FREE, SeatStatus.RESERVED])
strays = st.sampled_from([*[None] * 30, "foreign", "before", "padding", "beyond", "nowhere"])
own_seats = st.lists(st.integers(0, 30), min_size=1, max_size=3)
some = st.builds(Pick, own_seats, states, strays)
firsts = st.lists(some, min_size=1, max_size=4)
perhaps_some = st.just(Pick([])) | some | some
users = st.sampled_from(USERS)
patrons = st.sampled_from(PATRONS)
items = st.builds(Item, st.sampled_from([1, 2, 2, 3, 3, 4]), st.integers(1, 4))
all_items = st.lists(items, min_size=1, max_size=2)
nths = st.integers(0, 5)
"""Which of the events, round."""
askers = st.sampled_from([None, None, None, None, None, *USERS])
"""Who calls; None: whose booking it is."""
organizers = st.sampled_from([GUEST, GUEST, GUEST, None, USERS[1]])
"""Who changes an event: whose it is, an administrator, somebody else."""
open_states = st.sampled_from([State.ON_SALE, State.ON_SALE, State.CLOSED])
givers = st.sampled_from([None, None, GUEST, USERS[1], USERS[1]])
"""Who gives a place: one who may give any, whose event it is, one who may only give free ones."""
notices = st.builds(
    Notice,
    st.sampled_from(["", "", "p", "q", "r:1,%2C ü"]),
    st.sampled_from([None, None, None, 0, 1, 4_050]),
)
sendings = st.sampled_from(["plain", "plain", "named", "twice"])
"""Without a name for the call; with one; with one, and sent twice."""


class EngineMachine(RuleBasedStateMachine):
    """Makes each call on the engine and on the model, and compares the answers and all reads."""

    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.wire = open_wire(self.url, deadline_s=PATIENCE_S)
        self.run(self.wire.start())
        self.engine = Engine(self.wire)
        self.run(self.engine.prepare())
        self.model = Model()
        self.opened: list[BookingId] = []
        self.events: list[EventId] = []
        self.journals: dict[EventId, Journal] = {}
        self.sent: list[tuple[Callable[[Once], Awaitable[Said]], Once, Said]] = []

    def teardown(self) -> None:
        self.take_numbers_back()
        for event in self.events:
            self.run(self.command("HDEL", keys.of_event(event).event, "seeded"))
        self.run(self.engine.reset.run(GUEST))
        self.run(self.wire.close())
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def tell(
        self,
        call: Callable[..., Awaitable[Said]],
        expected: Callable[..., Said],
        *args: Any,
        sending: str = "plain",
    ) -> Said:
        """Make the call, with a name for it last; then ask the model, and compare."""
        once = None if sending == "plain" else Once(os.urandom(8).hex(), ONCE_TTL_MS)
        asked_ms = self.now_ms()
        said = self.run(_awaited(call(*args, once)))
        self.model.heard = Heard(said, asked_ms, self.now_ms())
        assert said == expected(*args)
        # What says "not now" is not kept: it is another answer later.
        if once and said.outcome is not Outcome.NOT_INITIATED:
            self.sent.append((partial(call, *args), once, said))
            if sending == "twice":
                self.send_again(-1)
        return said

    def send_again(self, nth: int) -> None:
        call, once, said = self.sent[nth]
        assert self.run(_awaited(call(once))) == replace(said, replayed=True)
        self.hand_on()

    def hand_on(self) -> None:
        """What is free goes to those who wait: what the sweeper does."""
        self.run(self.engine.lines.drain())
        for event in self.model.shows:
            self.model.serve(event)

    def now_ms(self) -> int:
        seconds, micros = self.run(self.command("TIME"))
        return int(seconds) * 1000 + int(micros) // 1000

    async def command(self, *args: str | int) -> Any:
        return await self.wire.call(*args)

    def take_numbers_back(self) -> None:
        """Let those of openings that were refused reach Redis."""
        pool = self.engine.bookings._opener._numbers
        while pool._unused or pool._returning:
            self.run(asyncio.sleep(0))

    def booking(self, whose: Whose) -> BookingId:
        found = whose.among(self.model.all()) or self.opened
        return found[whose.nth % len(found)] if found else booking_id(NOWHERE, BookingNumber(1))

    def asker(self, booking: BookingId, by: UserId | None) -> UserId:
        known = self.model.find(booking)
        return by or (known.user if known else GUEST)

    def lapsed(self) -> list[ModelBooking]:
        return [booking for booking in self.model.all() if KINDS["lapsed"](booking)]

    def event(self, nth: int) -> EventId:
        return self.events[nth % len(self.events)]

    def pick(self, event: EventId, seats: Pick) -> list[SeatId]:
        show = self.model.shows.get(event) or self.model.shows[self.event(0)]
        others = [other for other in self.model.shows.values() if other is not show]
        return seats.among(show, others)

    # What users and gateways do.

    @initialize(zones=all_zones, terms=all_terms, firsts=firsts)
    def begin(self, zones: list[ZonePlan], terms: Terms, firsts: list[Pick]) -> None:
        self.create(zones, terms, seeded=True)
        for first in firsts:
            self.open(0, GUEST, first)

    @precondition(lambda self: len(self.events) < EVENTS_MAX)
    @rule(zones=all_zones, terms=all_terms)
    def create_another(self, zones: list[ZonePlan], terms: Terms) -> None:
        self.create(zones, terms)

    @rule(nth=nths, user=users, seats=perhaps_some, sending=sendings)
    def open_booking(self, nth: int, user: UserId, seats: Pick, sending: str) -> None:
        self.open(nth, user, seats, sending)

    @rule(nth=nths, user=users, choices=st.lists(some, min_size=2, max_size=4))
    def browse(self, nth: int, user: UserId, choices: list[Pick]) -> None:
        """A booking that begins empty, and takes and returns seats one after the other."""
        said = self.open(nth, user, Pick([]))
        for choice in choices if isinstance(said, Opened) else ():
            seats = self.pick(self.event(nth), choice)
            self.tell(self.engine.seats.claim, self.model.claim, self.opened[-1], user, seats)
            if len(seats) > 1:
                self.tell(self.engine.seats.release, self.model.release, seats[0], user)

    @rule(nth=nths, user=users, seats=some)
    def open_and_begin_payment(self, nth: int, user: UserId, seats: Pick) -> None:
        self.begin_paying(nth, user, seats)

    @rule(
        nth=nths,
        seats=some,
        swept=st.booleans(),
        rival=st.sampled_from(["none", "holds", "lapsed", "paid"]),
        sending=sendings,
    )
    def pay_late(self, nth: int, seats: Pick, swept: bool, rival: str, sending: str) -> None:
        """A success after the hold has lapsed, when somebody else may have had a seat of it."""
        paid = self.begin_paying(nth, GUEST, seats)
        if paid is None:
            return
        wanted = paid.described().seats[-1:]
        self.end_hold(paid)
        if swept:
            self.sweep()
        came = rival != "none" and self.rival(self.event(nth), wanted, rival)
        confirm, expected = self.engine.bookings.confirm, self.model.confirm
        self.tell(confirm, expected, paid.id, sending=sending)
        if came and rival == "holds":
            # Its seats become free, but what is owed stays owed.
            self.tell(self.engine.bookings.fail, self.model.fail, self.opened[-1])
            self.tell(confirm, expected, paid.id, sending=sending)
            self.tell(self.engine.bookings.fail, self.model.fail, paid.id)

    def rival(self, event: EventId, seats: Sequence[SeatId], then: str) -> bool:
        """Somebody who wants these seats, unless the event's caps forbid it."""
        said = self.tell(self.engine.bookings.open, self.model.open, event, USERS[1], seats)
        if not isinstance(said, Opened):
            return False
        self.opened.append(said.id)
        if then == "lapsed":
            self.end_hold(self.model.booking(said.id))
        elif then == "paid":
            begin, expected = self.engine.bookings.begin_payment, self.model.begin_payment
            self.tell(begin, expected, said.id, USERS[1])
            self.tell(self.engine.bookings.confirm, self.model.confirm, said.id)
        return True

    def begin_paying(self, nth: int, user: UserId, seats: Pick) -> ModelBooking | None:
        said = self.open(nth, user, seats)
        if not isinstance(said, Opened):
            return None
        begin, expected = self.engine.bookings.begin_payment, self.model.begin_payment
        self.tell(begin, expected, said.id, user)
        return self.model.booking(said.id)

    def create(self, zones: list[ZonePlan], terms: Terms, *, seeded: bool = False) -> None:
        plan = EventPlan(Details("A title"), terms, Layout.plan(zones))
        if seeded:
            id_ = EventId(self.run(self.command("INCR", keys.EVENTS_NEXT)))
            making = self.engine.events.create_as(id_, plan, GUEST, seeded=True)
        else:
            making = self.engine.events.create(plan, GUEST)
        created = self.run(making)
        assert created.outcome is Outcome.CREATED
        self.events.append(created.id)
        self.model.shows[created.id] = Show(created.id, zones, terms, seeded)
        self.journals[created.id] = Journal(self.wire, created.id)
        event = self.run(self.engine.events.get(created.id))
        assert event is not None
        assert (event.details, event.terms) == (plan.details, terms)
        assert event.layout.to_json() == plan.layout.to_json()

    def open(self, nth: int, user: UserId, seats: Pick, sending: str = "plain") -> Said:
        event = self.event(nth)
        asked = self.pick(event, seats)
        call, expected = self.engine.bookings.open, self.model.open
        said = self.tell(call, expected, event, user, asked, sending=sending)
        if isinstance(said, Opened):
            self.opened.append(said.id)
        return said

    @rule(nth=nths, user=users, items=all_items, sending=sendings)
    def open_tickets(self, nth: int, user: UserId, items: list[Item], sending: str) -> None:
        call, expected = self.engine.tickets.open, self.model.open_tickets
        said = self.tell(call, expected, self.event(nth), user, items, sending=sending)
        if isinstance(said, Opened):
            self.opened.append(said.id)

    @rule(nth=nths, user=users, waits=st.booleans(), giver=givers, sending=sendings)
    def take_place(
        self, nth: int, user: UserId, waits: bool, giver: UserId | None, sending: str
    ) -> None:
        self.place(nth, user, waits, sending, giver)

    @rule(
        nth=nths,
        crowd=st.integers(1, 12),
        leave=st.lists(patrons, max_size=4),
        give=st.lists(givers, min_size=1, max_size=4),
    )
    def queue(self, nth: int, crowd: int, leave: list[UserId], give: list[UserId | None]) -> None:
        """Many want a place, and some of them give it up."""
        for number, user in enumerate(PATRONS[:crowd]):
            self.place(nth, user, True, giver=give[number % len(give)])
        for user in leave:
            self.tell(self.engine.tickets.give_up, self.model.give_up, self.event(nth), user)

    @rule(nth=nths, user=users | patrons, sending=sendings)
    def give_place_up(self, nth: int, user: UserId, sending: str) -> None:
        call, expected = self.engine.tickets.give_up, self.model.give_up
        self.tell(call, expected, self.event(nth), user, sending=sending)

    @rule(nth=nths, seats=some, waits=st.booleans())
    def come_between(self, nth: int, seats: Pick, waits: bool) -> None:
        """Seats lapse for which a line has formed, and somebody is quicker than the sweeper."""
        said = self.open(nth, GUEST, seats)
        for user in PATRONS:
            self.place(nth, user, True)
        if not isinstance(said, Opened):
            return
        self.end_hold(self.model.booking(said.id))
        self.sweep()
        event, user, model = said.event_id, USERS[1], self.model
        show = model.shows[event]
        floor = min(show.floors & show.zones.keys(), default=1)
        told = self.tell(self.engine.bookings.open, model.open, event, user, said.seats)
        tickets = self.tell(
            self.engine.tickets.open, model.open_tickets, event, user, [Item(floor, 1)]
        )
        self.opened += [each.id for each in (told, tickets) if isinstance(each, Opened)]
        self.place(nth, user, waits)

    @rule()
    def hand_on_what_is_free(self) -> None:
        self.hand_on()

    def place(
        self,
        nth: int,
        user: UserId,
        waits: bool,
        sending: str = "plain",
        giver: UserId | None = None,
    ) -> None:
        tickets, model = self.engine.tickets, self.model
        gives = tickets.book if waits else tickets.reserve
        expected = partial(model.book if waits else model.reserve, giver=giver)
        call = partial(gives, giver=giver)
        said = self.tell(call, expected, self.event(nth), user, sending=sending)
        if isinstance(said, Reserved | Standing):
            self.opened.append(said.id)

    @rule(whose=of("choosing", "lapsed"), by=askers, seats=some, sending=sendings)
    def claim(self, whose: Whose, by: UserId | None, seats: Pick, sending: str) -> None:
        booking = self.booking(whose)
        user, asked = self.asker(booking, by), self.pick(split_booking_id(booking)[0], seats)
        call, expected = self.engine.seats.claim, self.model.claim
        self.tell(call, expected, booking, user, asked, sending=sending)

    @rule(
        whose=of("choosing", "paying", "lapsed"), by=askers, nth=st.integers(0, 3), sending=sendings
    )
    def release(self, whose: Whose, by: UserId | None, nth: int, sending: str) -> None:
        """A seat that the booking has or had."""
        booking = self.booking(whose)
        known = self.model.find(booking)
        seats = list(known.seats or known.released) if known else []
        index = seats[nth % len(seats)] if seats else SeatIndex(nth)
        seat, user = seat_id(split_booking_id(booking)[0], index), self.asker(booking, by)
        self.tell(self.engine.seats.release, self.model.release, seat, user, sending=sending)

    @rule(nth=nths, user=users, seats=some, sending=sendings)
    def release_any(self, nth: int, user: UserId, seats: Pick, sending: str) -> None:
        seat = self.pick(self.event(nth), seats)[-1]
        self.tell(self.engine.seats.release, self.model.release, seat, user, sending=sending)

    @rule(whose=of("choosing", "lapsed"), by=askers, sending=sendings)
    def begin_payment(self, whose: Whose, by: UserId | None, sending: str) -> None:
        booking = self.booking(whose)
        user = self.asker(booking, by)
        call, expected = self.engine.bookings.begin_payment, self.model.begin_payment
        self.tell(call, expected, booking, user, sending=sending)

    @rule(whose=of("paying", "late", "lapsed"), sending=sendings)
    def confirm(self, whose: Whose, sending: str) -> None:
        booking = self.booking(whose)
        self.tell(self.engine.bookings.confirm, self.model.confirm, booking, sending=sending)

    @rule(
        whose=of("paying", "late", "paid", "choosing"),
        sending=sendings,
        notice=notices,
        right=st.booleans(),
    )
    def pay(self, whose: Whose, sending: str, notice: Notice, right: bool) -> None:
        """A notice that names a payment, and perhaps what it brought."""
        booking = self.booking(whose)
        known = self.model.find(booking)
        if right and known and known.amount is not None:
            notice = replace(notice, amount=known.amount)
        confirm = self.engine.bookings.confirm
        expected = partial(self.model.confirm, notice=notice)
        self.tell(partial(confirm, notice=notice), expected, booking, sending=sending)

    @rule(
        whose=of("owed", "paid"),
        payment=st.sampled_from([None, None, "", "p", "q"]),
        organizer=organizers,
    )
    def settle(self, whose: Whose, payment: str | None, organizer: UserId | None) -> None:
        booking = self.booking(whose)
        settling = self.engine.payments.settle(
            booking, REFERENCE, organizer=organizer, payment_id=payment
        )
        assert self.run(settling) == self.model.settle(booking, payment, organizer)

    @rule(whose=of("choosing", "paying", "lapsed", "waiting"), by=askers, sending=sendings)
    def cancel(self, whose: Whose, by: UserId | None, sending: str) -> None:
        booking = self.booking(whose)
        user = self.asker(booking, by)
        self.tell(self.engine.bookings.cancel, self.model.cancel, booking, user, sending=sending)

    @rule(whose=of("paying", "late", "lapsed"), sending=sendings)
    def fail(self, whose: Whose, sending: str) -> None:
        booking = self.booking(whose)
        self.tell(self.engine.bookings.fail, self.model.fail, booking, sending=sending)

    @precondition(lambda self: self.sent)
    @rule(nth=st.integers(0, 1_000))
    def repeat(self, nth: int) -> None:
        """A call of long ago is sent once more: the answer of then, and nothing happens."""
        self.send_again(nth % len(self.sent))

    @precondition(lambda self: len(self.sent) < 6)
    @rule(
        nth=nths,
        number=st.sampled_from([0, 5_000, BOOKINGS_MAX]),
        known_event=st.booleans(),
        seats=some,
        sending=sendings,
    )
    def ask_for_what_never_was(
        self, nth: int, number: int, known_event: bool, seats: Pick, sending: str
    ) -> None:
        event = self.event(nth)
        asked = self.pick(event, seats)
        booking = booking_id(event if known_event else NOWHERE, BookingNumber(number))
        bookings, model = self.engine.bookings, self.model
        tell = partial(self.tell, sending=sending)
        tell(bookings.open, model.open, NOWHERE, GUEST, asked)
        tell(self.engine.tickets.open, model.open_tickets, NOWHERE, GUEST, [Item(1, 1)])
        tell(self.engine.tickets.book, model.book, NOWHERE, GUEST)
        tell(self.engine.tickets.give_up, model.give_up, NOWHERE, GUEST)
        tell(self.engine.seats.claim, model.claim, booking, GUEST, asked)
        tell(bookings.begin_payment, model.begin_payment, booking, GUEST)
        tell(bookings.confirm, model.confirm, booking)
        tell(bookings.cancel, model.cancel, booking, GUEST)
        tell(bookings.fail, model.fail, booking)
        assert self.run(bookings.get(booking)) is None
        assert self.run(self.engine.events.sales(NOWHERE)) is None
        assert self.run(self.engine.maps.page(NOWHERE, SeatQuery(None, None, 0, 1))) is None

    @precondition(lambda self: len(self.opened) > 4)
    @rule()
    def reset(self) -> None:
        """Only what was seeded is left, as it was; nothing is remembered of requests."""
        self.take_numbers_back()
        self.run(self.engine.reset.run(GUEST))
        self.model.reset()
        self.hand_on()
        self.sent.clear()
        self.events = list(self.model.shows)
        left = {keys.META, keys.EVENTS_NEXT, keys.EVENTS_INDEX, keys.USERS_NEXT}
        left |= set(map(partition_keys.data, partition_keys.TAGS))
        for event in self.events:
            own = keys.of_event(event)
            left |= {own.event, own.taken, own.sold}
        found = {key.decode() for key in self.run(self.command("KEYS", "*"))}
        kept = ("journal", ":gone", ":unused")
        assert {key for key in found - left if not key.endswith(kept)} == set()

    # What organizers do.

    @rule(whose=of("sold"), by=askers, sending=sendings)
    def refund(self, whose: Whose, by: UserId | None, sending: str) -> None:
        booking = self.booking(whose)
        user = self.asker(booking, by)
        self.tell(self.engine.bookings.refund, self.model.refund, booking, user, sending=sending)

    @rule(nth=nths, by=organizers, terms=all_terms, state=open_states)
    def change_terms(self, nth: int, by: UserId | None, terms: Terms, state: State) -> None:
        event = self.event(nth)
        if self.amend(event, by, lambda it: replace(it, terms=terms, state=state)):
            self.model.shows[event].terms = terms
            self.model.shows[event].state = state
            self.model.serve(event)

    @rule(nth=nths, by=organizers, zone=nths, price=prices)
    def change_price(self, nth: int, by: UserId | None, zone: int, price: int) -> None:
        event = self.event(nth)
        number = self.zone(event, zone)
        if self.amend(event, by, lambda it: replace(it, layout=it.layout.priced(number, price))):
            self.model.shows[event].price(number, price)
            self.model.serve(event)

    @rule(nth=nths, by=organizers, zone=halls | floors)
    def add_zone(self, nth: int, by: UserId | None, zone: ZonePlan) -> None:
        event = self.event(nth)
        if len(self.model.shows[event].zones) > ZONES_MAX:
            return
        if self.amend(event, by, lambda it: replace(it, layout=it.layout.adding([zone]))):
            self.model.shows[event].add_zone(zone)
            self.model.serve(event)

    @rule(nth=nths, by=organizers, zone=nths, size=st.integers(0, 12))
    def change_size(self, nth: int, by: UserId | None, zone: int, size: int) -> None:
        """A zone gets another capacity, or goes when it has rows or none is left."""
        event = self.event(nth)
        show, number = self.model.shows[event], self.zone(event, zone)
        indexes = show.zones[number]
        size = size if number in show.floors else 0
        if not size and len(show.zones) == 1:
            return

        def change(it: Event) -> Event:
            layout = it.layout.sized(number, size) if size else it.layout.without(number)
            return replace(it, layout=layout)

        if self.amend(event, by, change, indexes[size:]):
            show.drop(indexes[size:])
            if size > len(indexes):
                show.grow(number, size - len(indexes))
            self.model.serve(event)

    @rule(nth=nths, by=organizers, certain=st.integers(0, 3))
    def cancel_event(self, nth: int, by: UserId | None, certain: int) -> None:
        if not certain:
            event = self.event(nth)
            said = self.run(self.engine.organizers.cancel(event, by))
            assert said == self.model.cancel_event(event, by)

    @rule(nth=nths, by=organizers)
    def delete_event(self, nth: int, by: UserId | None) -> None:
        event = self.event(nth)
        show = self.model.shows[event]
        if show.seeded or (show.bookings and not show.holders and not show.payments):
            return  # What is left of bookings would be nobody's.
        said = self.run(self.engine.organizers.delete(event, by))
        assert said == self.model.delete_event(event, by)
        if said.outcome is Outcome.REMOVED:
            self.events.remove(event)
            self.stays_gone(event)

    def stays_gone(self, event: EventId) -> None:
        """Who made it says so again: that was done, and nothing comes of it."""
        terms, layout = Terms(1_000, 1_000, 1), Layout.plan([ZonePlan("A", 1, (1,))])
        plan = EventPlan(Details("A title"), terms, layout)
        created = self.run(self.engine.events.create_as(event, plan, GUEST))
        assert (created.outcome, created.replayed) == (Outcome.CREATED, True)
        assert self.run(self.engine.events.get(event)) is None

    def amend(
        self,
        event: EventId,
        by: UserId | None,
        change: Callable[[Event], Event],
        going: Sequence[SeatIndex] = (),
    ) -> bool:
        """Change an event, and say whether it has changed."""
        said = self.run(self.engine.organizers.amend(event, by, change))
        refusal = self.model.refuse_amendment(event, by, going)
        assert said == refusal if refusal else said.outcome is Outcome.AMENDED
        return refusal is None

    def zone(self, event: EventId, nth: int) -> int:
        numbers = list(self.model.shows[event].zones)
        return numbers[nth % len(numbers)]

    # What time does.

    @rule(whose=of("choosing", "paying"), then=st.sampled_from(["nothing", "sweep", "expire"]))
    def lapse(self, whose: Whose, then: str) -> None:
        booking = self.booking(whose)
        known = self.model.find(booking)
        if known and known.unfinished and not known.lapsed:
            self.end_hold(known)
        if then == "sweep":
            self.sweep()
        elif then == "expire":
            self._expire(booking)

    @rule(whose=of("choosing", "paying"), seats=some, nth=st.integers(0, 3))
    def come_too_late(self, whose: Whose, seats: Pick, nth: int) -> None:
        """Its owner still wants something of a booking that nobody has swept up yet."""
        booking = self.model.find(self.booking(whose))
        if booking is None or not booking.unfinished:
            return
        if not booking.lapsed:
            self.end_hold(booking)
        event, _ = split_booking_id(booking.id)
        engine, model, id_, user = self.engine, self.model, booking.id, booking.user
        self.tell(engine.seats.claim, model.claim, id_, user, self.pick(event, seats))
        for index in list(booking.seats)[nth:]:
            self.tell(engine.seats.release, model.release, seat_id(event, index), user)
        self.tell(engine.bookings.begin_payment, model.begin_payment, id_, user)
        self.tell(engine.bookings.cancel, model.cancel, id_, user)

    def end_hold(self, booking: ModelBooking) -> None:
        """What a script finds when the time is over: no hold, and a deadline in the past."""
        event, number = split_booking_id(booking.id)
        own, ended_ms = keys.of_event(event), self.now_ms() - 1
        self.run(self.command("DEL", own.hold(number)))
        self.run(self.command("ZADD", own.deadlines, ended_ms, f"{event}:{number}"))
        self.run(self.command("HSET", own.booking(number), "expires", ended_ms))
        booking.lapsed, booking.ends_ms = True, ended_ms

    @precondition(lambda self: self.lapsed())
    @rule()
    def sweep(self) -> None:
        lapsed = self.lapsed()
        assert self.run(self.engine.sweeper.expire_lapsed()) == len(lapsed)
        for booking in lapsed:
            self.model.expire(booking.id)

    @rule(whose=of("ended"))
    def expire(self, whose: Whose) -> None:
        self._expire(self.booking(whose))

    def _expire(self, booking: BookingId) -> None:
        said = self.run(self.engine.bookings.expire(*split_booking_id(booking)))
        assert said == self.model.expire(booking)

    @rule(whose=of("ended"), due=st.booleans(), all_due=st.booleans())
    def forget(self, whose: Whose, due: bool, all_due: bool) -> None:
        booking = self.booking(whose)
        event, number = split_booking_id(booking)
        known = self.model.find(booking)
        if due and known and known.leaving is Leaving.LATER:
            member, past = f"{event}:{number}", self.now_ms() - 1
            self.run(self.command("ZADD", keys.of_event(event).ended, past, member))
            known.leaving = Leaving.DUE
        if all_due:
            self._forget_all_due()
        else:
            said = self.run(self.engine.bookings.forget(event, number))
            assert said == self.model.forget(booking)

    def _forget_all_due(self) -> None:
        leaving = [booking for booking in self.model.all() if booking.leaving is Leaving.DUE]
        assert self.run(self.engine.sweeper.forget_ended()) == len(leaving)
        for booking in leaving:
            self.model.forget(booking.id)

    # What can be read.

    @rule(
        nth=nths,
        row=st.none() | st.integers(0, 10),
        status=st.none() | st.sampled_from(SeatStatus),
        skip=st.none() | st.integers(0, 12),
        take=st.integers(1, 20),
    )
    def look(self, nth: int, **asked: Any) -> None:
        event, query = self.event(nth), SeatQuery(**asked)
        page = self.run(self.engine.maps.page(event, query))
        show = self.model.shows[event]
        matches: list[tuple[int, SeatStatus]] = [
            (index, state)
            for index, state in show.states.items()
            if query.row in (None, show.places[index].row) and query.status in (None, state)
        ]
        assert page is not None
        assert page.total == len(matches)
        start = query.skip or 0
        if query.skip is None and query.status and page.seats:
            # From anywhere among the matches, and round.
            start = matches.index(page.seats[0])
            matches += matches[:start]
        assert page.seats == matches[start:][: query.take]

    @rule(user=users, skip=st.integers(0, 5), take=st.integers(1, 5))
    def leaf(self, user: UserId, skip: int, take: int) -> None:
        listed = self.model.page(user)
        page = self.run(self.engine.bookings.page(user, skip, take))
        assert page == (listed[skip : skip + take], len(listed))

    @invariant()
    def redis_is_in_order(self) -> None:
        for event in self.events:
            assert self.run(violations(self.wire, event, self.journals[event])) == []

    @invariant()
    def reads_agree(self) -> None:
        for show in self.model.shows.values():
            self.run(self._compare(show))
        for booking in self.opened:
            known = self.model.find(booking)
            assert self.run(self.engine.bookings.get(booking)) == (known and known.described())
        for show in self.model.shows.values():
            newest_first = [booking.described() for _, booking in sorted(show.bookings.items())][
                ::-1
            ]
            told = self.run(self.engine.bookings.of_event(show.id, None, 1_000))
            assert told == (newest_first, None)
        for user in USERS + PATRONS[:3]:
            listed = self.model.page(user)
            assert self.run(self.engine.bookings.page(user, 0, 1_000)) == (listed, len(listed))

    async def _compare(self, show: Show) -> None:
        sales = await self.engine.events.sales(show.id)
        assert sales is not None
        assert sales.zones == show.counts
        sums = (show.revenue, show.confirmed, len(show.line))
        assert (sales.revenue, sales.confirmed, sales.waiting) == sums
        owed, total = await self.engine.payments.owed(show.id, 0, 1_000)
        due = {each.id: sum(it.amount for it in each.refunds) for each in owed}
        assert due.keys() == self.model.owed(show.id)
        assert (total, all(due.values())) == (len(due), True)
        kept, total = await self.engine.payments.unmatched(show.id, 0, 1_000)
        unmatched = {
            (split_booking_id(it.booking or 0)[1], it.payment_id): (it.reason, it.amount)
            for it in kept
        }
        assert (unmatched, len(kept)) == (show.unmatched, total)
        for user in {*show.patrons, *USERS}:
            told = await self.engine.tickets.standing(show.id, user)
            expected = self.model.standing(show.id, user)
            assert (told and replace(told, updated_ms=told.created_ms)) == expected
        for status in (None, *SeatStatus):
            page = await self.engine.maps.page(show.id, SeatQuery(None, status, 0, SEATS_SHOWN))
            assert page is not None
            shown = [each for each in show.states.items() if status in (None, each[1])]
            assert page.seats == shown
            places = [_place(page.event.layout.seat(index)) for index, _ in shown]
            assert places == [show.places[index] for index, _ in shown]


def _place(seat: Seat | None) -> tuple[int, int, str, int]:
    assert seat is not None
    return seat.row, seat.number, seat.zone.name, seat.zone.price


async def _awaited(call: Awaitable[T]) -> T:
    return await call


def test_engine_does_what_the_model_does(any_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "RETURN_S", 0.0)
    url = "fake://" if FAKE in any_url else f"{any_url}?db={DATABASE}"
    machine = type("Machine", (EngineMachine,), {"url": url})
    profile = os.environ.get("HYPOTHESIS_PROFILE", "short")
    run_state_machine_as_test(machine, settings=PROFILES.get(profile, PROFILES["short"]))
