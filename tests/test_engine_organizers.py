"""Organizers: events change, close and end while people buy; caps hold however many ask at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from uuid import uuid4

import pytest

from billetter.domain.booking import Status
from billetter.domain.event import CAP_MAX, Details, Event, EventPlan, State, Terms
from billetter.domain.ids import (
    BookingId,
    BookingNumber,
    EventId,
    SeatId,
    SeatIndex,
    UserId,
    seat_id,
    split_booking_id,
)
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.listing import Window
from billetter.domain.outcome import Answer, Opened, Outcome, OutcomeUnknown, Unavailable
from billetter.engine import Engine, bookings, keys
from billetter.engine.once import Once
from billetter.wire.errors import NotRun
from billetter.wire.lane import Argument
from billetter.wire.link import Reply
from billetter.wire.topology import Wire
from tests.invariants import violations

ANN, BOB, ORGANIZER = UserId("a:900001"), UserId("a:900002"), UserId("a:900003")
"""Nobody whom another test registers on the same server."""
HOUR_MS = 3_600_000
TERMS = Terms(hold_ms=HOUR_MS, payment_ms=HOUR_MS, seats_max=10)
HALL, FLOOR = ZonePlan("Hall", 500, (4, 6)), ZonePlan("Floor", 300, (20,), numbered=False)


@pytest.fixture
async def engine(wire: Wire) -> Engine:
    engine = Engine(wire)
    await engine.prepare()
    return engine


async def make(engine: Engine, terms: Terms = TERMS, starts_at_ms: int | None = None) -> EventId:
    details = Details("A title", starts_at_ms=starts_at_ms)
    plan = EventPlan(details, terms, Layout.plan([HALL, FLOOR]))
    return (await engine.events.create(plan, ORGANIZER)).id


def seats(event: EventId, *indexes: int) -> list[SeatId]:
    return [seat_id(event, SeatIndex(index)) for index in indexes]


async def opened(engine: Engine, event: EventId, *indexes: int, user: UserId = ANN) -> BookingId:
    said = await engine.bookings.open(event, user, seats(event, *indexes))
    assert isinstance(said, Opened)
    return said.id


async def paying(engine: Engine, event: EventId, *indexes: int, user: UserId = ANN) -> BookingId:
    booking = await opened(engine, event, *indexes, user=user)
    await engine.bookings.begin_payment(booking, user)
    return booking


async def bought(engine: Engine, event: EventId, *indexes: int, user: UserId = ANN) -> BookingId:
    booking = await paying(engine, event, *indexes, user=user)
    assert await engine.bookings.confirm(booking) == Answer(Outcome.CONFIRMED)
    return booking


async def known(engine: Engine, event: EventId) -> Event:
    found = await engine.events.get(event)
    assert found is not None
    return found


async def outcomes(calls: Sequence[Awaitable[object]]) -> Counter[Outcome]:
    said = await asyncio.gather(*calls)
    return Counter(each.outcome for each in said if isinstance(each, Answer | Opened))


# Amending.


async def test_everything_of_an_event_may_change(engine: Engine, wire: Wire) -> None:
    event = await make(engine)
    held = await opened(engine, event, 0)
    made = await known(engine, event)
    terms = Terms(HOUR_MS // 2, HOUR_MS // 3, 2, 3, 4, 5, cancel_before_ms=7)
    details = Details("Another", True, "told", 1_900_000_000_000, "here", "music")

    def change(event: Event) -> Event:
        layout = event.layout.priced(1, 900).sized(2, 30).adding([ZonePlan("Box", 9, (2,))])
        return replace(event, details=details, terms=terms, layout=layout, state=State.CLOSED)

    amended = await engine.organizers.amend(event, ORGANIZER, change)
    assert amended.outcome is Outcome.AMENDED
    other = Engine(wire)
    now = await known(other, event)
    assert now.version == amended.fields[0]
    assert (now.details, now.terms, now.state) == (details, terms, State.CLOSED)
    assert (now.organizer, now.created_ms) == (ORGANIZER, made.created_ms)
    assert [(zone.name, zone.price, zone.size) for zone in now.layout.zones] == [
        ("Hall", 900, 10),
        ("Floor", 300, 30),
        ("Box", 9, 2),
    ]
    booking = await engine.bookings.get(held)
    assert booking is not None
    assert booking.total == 500
    back = await engine.organizers.amend(
        event, None, lambda event: replace(event, details=Details("Third"), terms=TERMS)
    )
    assert back.outcome is Outcome.AMENDED
    now = await known(other, event)
    assert now.version == amended.fields[0]  # As this process knew it…
    other.events.forget(event)
    now = await known(other, event)
    assert (now.details, now.terms) == (Details("Third"), TERMS)
    assert await violations(wire, event) == []


async def test_who_may_and_what_is_refused(engine: Engine) -> None:
    event = await make(engine)
    await opened(engine, event, 16 + 19)
    amend = engine.organizers.amend
    assert await amend(EventId(event + 10**6), None, lambda it: it) == Answer(Outcome.NO_EVENT)
    assert await amend(event, ANN, lambda it: it) == Answer(Outcome.NOT_YOURS)
    smaller = await amend(event, ORGANIZER, lambda it: replace(it, layout=it.layout.sized(2, 19)))
    taken = str(seats(event, 16 + 19)[0])
    assert smaller == Answer(Outcome.SEAT_TAKEN, (taken, "0"))
    rows = await amend(event, ORGANIZER, lambda it: replace(it, layout=it.layout.sized(1, 19)))
    assert rows.outcome is Outcome.BAD_LAYOUT
    assert (await known(engine, event)).layout.total == 30


async def test_a_change_of_an_outdated_event_is_computed_anew(engine: Engine, wire: Wire) -> None:
    event, other = await make(engine), Engine(wire)
    await known(other, event)

    def larger(event: Event) -> Event:
        return replace(event, layout=event.layout.sized(2, event.layout.zone(2).size + 5))

    for each in (engine, other, engine):
        amended = await each.organizers.amend(event, ORGANIZER, larger)
        assert amended.outcome is Outcome.AMENDED
    engine.events.forget(event)
    assert (await known(engine, event)).layout.zone(2).size == 35


async def test_one_name_changes_it_once(engine: Engine) -> None:
    event, once = await make(engine), Once.anew()

    def without(event: Event) -> Event:
        return replace(event, layout=event.layout.without(2))

    answers = [await engine.organizers.amend(event, ORGANIZER, without, once) for _ in "12"]
    assert [answer.outcome for answer in answers] == [Outcome.AMENDED] * 2
    assert [answer.replayed for answer in answers] == [False, True]


async def test_an_event_grows_under_a_crowd_and_loses_nothing(engine: Engine, wire: Wire) -> None:
    event = await make(engine)
    workers = [Engine(wire) for _ in range(4)]
    claimed: set[SeatId] = set()
    done = asyncio.Event()

    async def buy(number: int) -> None:
        user = UserId(f"x:{number}")
        while not done.is_set():
            booking = await opened(workers[number % 4], event, user=user)
            for zone in (await known(workers[number % 4], event)).layout.zones:
                index = zone.extents[-1].start + number % zone.extents[-1].size
                try:
                    said = await workers[number % 4].seats.claim(booking, user, seats(event, index))
                except Unavailable:
                    continue
                if said.outcome is Outcome.CLAIMED:
                    assert not claimed & set(seats(event, index))
                    claimed.update(seats(event, index))

    async def grow() -> None:
        def more(it: Event) -> Event:
            zones = [ZonePlan(f"Z{it.layout.numbers}", 100, (3,))]
            layout = it.layout.sized(2, it.layout.zone(2).size + 3).adding(zones)
            return replace(it, layout=layout.priced(1, it.layout.zone(1).price + 1))

        for _ in range(15):
            amended = await engine.organizers.amend(event, ORGANIZER, more)
            assert amended.outcome is Outcome.AMENDED
        done.set()

    async with asyncio.timeout(60):
        await asyncio.gather(grow(), *(buy(number) for number in range(12)))
    sales = await engine.events.sales(event)
    assert sales is not None
    assert (sales.all.total, sales.all.taken) == (30 + 15 * 6, len(claimed))
    assert await violations(wire, event) == []


# Closing, cancelling, deleting.


async def test_a_closed_event_sells_only_what_is_held(engine: Engine, wire: Wire) -> None:
    event = await make(engine)
    held = await opened(engine, event, 0)
    amend = engine.organizers.amend
    await amend(event, ORGANIZER, lambda it: replace(it, state=State.CLOSED))
    refused = Answer(Outcome.NOT_ON_SALE, ("closed",))
    other = Engine(wire)
    assert await other.bookings.open(event, ANN) == refused
    assert await other.seats.claim(held, ANN, seats(event, 1)) == refused
    await engine.bookings.begin_payment(held, ANN)
    assert await engine.bookings.confirm(held) == Answer(Outcome.CONFIRMED)
    await amend(event, ORGANIZER, lambda it: replace(it, state=State.ON_SALE))
    await opened(other, event, 1)


async def test_a_cancelled_event_gives_everything_back(engine: Engine, wire: Wire) -> None:
    event = await make(engine)
    empty = await opened(engine, event)
    held = await opened(engine, event, 0)
    pays = await paying(engine, event, 1, 2)
    owns = await bought(engine, event, 3, 4)
    assert await engine.organizers.cancel(event, ANN) == Answer(Outcome.NOT_YOURS)
    assert await engine.organizers.cancel(event, ORGANIZER) == Answer(Outcome.CANCELLED)
    assert await engine.bookings.confirm(pays) == Answer(Outcome.REFUND_DUE)
    found = [await engine.bookings.get(each) for each in (empty, held, pays, owns)]
    told = [(each.status, each.refund, each.seats) for each in found if each]
    assert told == [
        (Status.BOOKED, None, ()),
        (Status.CANCELLED, None, ()),
        (Status.CANCELLED, "due", ()),
        (Status.CANCELLED, "due", ()),
    ]
    sales = await engine.events.sales(event)
    assert sales is not None
    assert (sales.all.taken, sales.revenue, sales.confirmed) == (0, 0, 0)
    assert sales.event.state is State.CANCELLED
    assert await engine.organizers.cancel(event, None) == Answer(Outcome.CANCELLED)
    listed = (await engine.events.listed(Window(0, 1_000))).items
    assert [it.state for it in listed if it.id == event] == [State.CANCELLED]
    assert await violations(wire, event) == []


async def test_payments_that_race_a_cancellation(engine: Engine, wire: Wire) -> None:
    event = await make(engine)
    waiting = [await paying(engine, event, index, user=UserId(f"x:{index}")) for index in range(10)]
    confirming = [engine.bookings.confirm(booking) for booking in waiting]
    *first, cancelled, second, third = await asyncio.gather(
        *confirming[:8], engine.organizers.cancel(event, ORGANIZER), *confirming[8:]
    )
    said = [*first, second, third]
    assert cancelled == Answer(Outcome.CANCELLED)
    assert {each.outcome for each in said} == {Outcome.CONFIRMED, Outcome.REFUND_DUE}
    found = [await engine.bookings.get(booking) for booking in waiting]
    assert [(it.status, it.refund) for it in found if it] == [(Status.CANCELLED, "due")] * 10
    sales = await engine.events.sales(event)
    assert sales is not None
    assert (sales.all.taken, sales.revenue, sales.confirmed) == (0, 0, 0)
    assert await violations(wire, event) == []


class Stopped(Exception):
    pass


class Failing:
    """A wire that refuses one script from its nth run on."""

    def __init__(
        self, wire: Wire, engine: Engine, script: str, runs: int, error: type[Exception]
    ) -> None:
        self._wire = wire
        self._error = error
        self._sha = engine.store._scripts[script].sha
        self._left = runs

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def call(self, *args: Argument) -> Awaitable[Reply]:
        if args[:2] == ("EVALSHA", self._sha):
            self._left -= 1
            if self._left < 0:
                raise self._error
        return self._wire.call(*args)


async def cut_short(
    wire: Wire, engine: Engine, script: str, runs: int, error: type[Exception] = Stopped
) -> Engine:
    """An engine that goes down at the nth run of a script."""
    failing = Engine(Failing(wire, engine, script, runs, error))
    await failing.prepare()
    return failing


@pytest.mark.parametrize("runs", [0, 1, 3])
@pytest.mark.parametrize("script", ["refund_booking", "cancel_booking", "settle_event"])
async def test_a_cancellation_cut_short_goes_on(
    engine: Engine, wire: Wire, script: str, runs: int
) -> None:
    event = await make(engine)
    for index in range(4):
        await bought(engine, event, index)
        await opened(engine, event, index + 4)
    failing = await cut_short(wire, engine, script, runs)
    try:
        await failing.organizers.cancel(event, ORGANIZER)
    except Stopped:
        assert await engine.bookings.open(event, ANN) == Answer(
            Outcome.NOT_ON_SALE, ("cancelling",)
        )
    assert await violations(wire, event) == []
    await engine.sweeper.settle_events()
    assert await engine.organizers.cancel(event, ORGANIZER) == Answer(Outcome.CANCELLED)
    sales = await engine.events.sales(event)
    assert sales is not None
    assert (sales.all.taken, sales.confirmed) == (0, 0)
    assert await violations(wire, event) == []


@pytest.mark.parametrize("script", ["settle_event", "refund_booking"])
async def test_a_cancellation_that_stands_is_never_said_to_be_not_made(
    engine: Engine, wire: Wire, script: str
) -> None:
    event = await make(engine)
    await bought(engine, event, 0)
    failing = await cut_short(wire, engine, script, 0, NotRun)
    with pytest.raises(OutcomeUnknown):
        await failing.organizers.cancel(event, ORGANIZER)
    now = await engine.events.current(event)
    assert now is not None
    assert now.state is State.CANCELLING
    assert await engine.organizers.cancel(event, ORGANIZER) == Answer(Outcome.CANCELLED)
    assert await violations(wire, event) == []


@pytest.mark.parametrize("script", ["settle_event", "count_booking"])
async def test_an_amendment_that_stands_is_never_said_to_be_not_made(
    engine: Engine, wire: Wire, script: str
) -> None:
    event = await make(engine)
    await opened(engine, event, 0)
    failing = await cut_short(wire, engine, script, 0, NotRun)
    with pytest.raises(OutcomeUnknown):
        await failing.organizers.amend(
            event, ORGANIZER, lambda it: replace(it, terms=replace(it.terms, held_max=5))
        )
    now = await engine.events.current(event)
    assert now is not None
    assert now.terms.held_max == 5
    assert await violations(wire, event) == []


async def test_an_event_without_bookings_may_be_deleted(engine: Engine, wire: Wire) -> None:
    event = await make(engine)
    held = await opened(engine, event, 0)
    delete = engine.organizers.delete
    assert await delete(event, ANN) == Answer(Outcome.NOT_YOURS)
    assert await delete(event, ORGANIZER) == Answer(Outcome.HAS_BOOKINGS)
    await engine.bookings.cancel(held, ANN)
    assert await delete(event, ORGANIZER) == Answer(Outcome.REMOVED)
    assert await delete(event, ORGANIZER) == Answer(Outcome.NO_EVENT)
    assert await engine.events.get(event) is None
    assert await wire.call("ZSCORE", keys.EVENTS_INDEX, event) is None


async def test_a_paid_booking_may_be_cancelled_in_time(engine: Engine, wire: Wire) -> None:
    event = await make(engine)
    owns = await bought(engine, event, 0, 1)
    assert await engine.bookings.cancel(owns, ANN) == Answer(Outcome.ALREADY_CONFIRMED)
    assert await engine.bookings.refund(owns, BOB) == Answer(Outcome.NOT_YOURS)
    assert await engine.bookings.refund(owns, ANN) == Answer(Outcome.REFUND_DUE, ("1000",))
    assert await engine.bookings.refund(owns, ANN) == Answer(Outcome.CANCELLED)
    # It is sold at its doors as well.
    terms = replace(TERMS, sale_ends_at_ms=32_000_000_000_000)
    soon = await make(engine, terms, starts_at_ms=1_000_000_000_000)
    late = await bought(engine, soon, 0)
    until = str(1_000_000_000_000 - 12 * HOUR_MS)
    assert await engine.bookings.refund(late, ANN) == Answer(Outcome.TOO_LATE, (until,))
    assert await violations(wire, event) == []


# Caps.


@pytest.mark.parametrize("cap", ["held_max", "bought_max"])
async def test_many_claims_at_once_get_what_the_cap_allows(
    engine: Engine, wire: Wire, cap: str
) -> None:
    event = await make(engine, replace(TERMS, **{cap: 5}))
    mine = [await opened(engine, event) for _ in range(20)]
    claims = [
        engine.seats.claim(booking, ANN, seats(event, 16 + index))
        for index, booking in enumerate(mine)
    ]
    said = await outcomes(claims)
    assert said == {Outcome.CLAIMED: 5, Outcome.CAP_REACHED: 15}
    await opened(engine, event, 0, user=BOB)
    assert await violations(wire, event) == []


async def test_many_openings_at_once_get_what_the_cap_allows(engine: Engine, wire: Wire) -> None:
    event = await make(engine, replace(TERMS, open_max=3))
    said = await outcomes([engine.bookings.open(event, ANN) for _ in range(20)])
    assert said == {Outcome.OPENED: 3, Outcome.CAP_REACHED: 17}
    assert await violations(wire, event) == []


async def test_what_has_lapsed_may_be_had_again_at_once(engine: Engine, wire: Wire) -> None:
    event = await make(engine, replace(TERMS, hold_ms=1, held_max=1, open_max=1))
    async with asyncio.timeout(30):
        for index in range(5):
            said: object = Answer(Outcome.CAP_REACHED)
            while isinstance(said, Answer):
                said = await engine.bookings.open(event, ANN, seats(event, index))
                assert isinstance(said, Opened) or said.outcome is Outcome.CAP_REACHED
    assert await violations(wire, event) == []


async def test_an_empty_booking_that_made_room_is_not_listed(engine: Engine, wire: Wire) -> None:
    user = UserId(f"x:{uuid4()}")
    event = await make(engine, replace(TERMS, hold_ms=1, open_max=1))
    first = await opened(engine, event, user=user)
    async with asyncio.timeout(30):
        while isinstance(await engine.bookings.open(event, user), Answer):
            pass
    assert await wire.call("ZSCORE", keys.user_bookings(user), first) is None


async def test_caps_that_come_later_count_what_was_there(engine: Engine, wire: Wire) -> None:
    event = await make(engine)
    held = await opened(engine, event, 0, 1)
    await bought(engine, event, 2)
    await opened(engine, event, 3, user=BOB)

    def capped(event: Event) -> Event:
        return replace(event, terms=replace(event.terms, held_max=3, bought_max=4))

    assert (await engine.organizers.amend(event, ORGANIZER, capped)).outcome is Outcome.AMENDED
    assert await violations(wire, event) == []
    claim = engine.seats.claim
    over = await claim(held, ANN, seats(event, 4, 5))
    assert over == Answer(Outcome.CAP_REACHED, ("held_max", "3"))
    assert (await claim(held, ANN, seats(event, 4))).outcome is Outcome.CLAIMED
    await opened(engine, event)
    assert await violations(wire, event) == []


async def test_a_count_cut_short_goes_on(engine: Engine, wire: Wire) -> None:
    event = await make(engine)
    for index in range(5):
        await opened(engine, event, index)
    failing = await cut_short(wire, engine, "count_booking", 2)

    def capped(event: Event) -> Event:
        return replace(event, terms=replace(event.terms, held_max=5))

    with pytest.raises(Stopped):
        await failing.organizers.amend(event, ORGANIZER, capped)
    assert await violations(wire, event) == []
    assert await engine.sweeper.settle_events() >= 1
    refused = await engine.bookings.open(event, ANN, seats(event, 9))
    assert refused == Answer(Outcome.CAP_REACHED, ("held_max", "5"))
    assert await violations(wire, event) == []


async def test_the_largest_cap_of_open_bookings_is_none(engine: Engine) -> None:
    event = await make(engine, replace(TERMS, open_max=CAP_MAX))
    assert (await known(engine, event)).terms == TERMS


# The organizer's view.


async def test_all_bookings_of_an_event_newest_first(
    engine: Engine, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bookings, "WALK_MIN", 2)
    monkeypatch.setattr(bookings, "WALK_MAX", 7)
    event = await make(engine)
    assert await engine.bookings.of_event(event, None, 5) == ([], None)
    made = [await opened(engine, event, user=UserId(f"x:{n}")) for n in range(20)]
    own = keys.of_event(event)
    for gone in (made[3], *made[8:18]):
        await wire.call("DEL", own.booking(split_booking_id(gone)[1]))
    left = [each for each in reversed(made) if each != made[3] and each not in made[8:18]]
    for take in (1, 2, 3, 20):
        found: list[BookingId] = []
        before: BookingNumber | None = None
        for _ in range(30):
            page, before = await engine.bookings.of_event(event, before, take)
            assert len(page) <= take
            found += [booking.id for booking in page]
            if before is None:
                break
        assert found == left
