"""The engine where a sequence of single calls does not reach: many at once, repairs, upkeep."""

import asyncio
import math
import random
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from billetter.domain.booking import SeatStatus, Status
from billetter.domain.event import Details, Event, EventPlan, Terms
from billetter.domain.ids import (
    BOOKINGS_MAX,
    GUEST,
    BookingId,
    EventId,
    SeatId,
    SeatIndex,
    UserId,
    seat_id,
    split_booking_id,
)
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.listing import Listed, Window
from billetter.domain.outcome import (
    Answer,
    EngineError,
    Opened,
    Outcome,
    OutcomeUnknown,
    Unavailable,
)
from billetter.domain.search import Search
from billetter.engine import Engine, Retention, events, keys, search, sweeper
from billetter.engine.idempotency import KEY_TTL_MS
from billetter.engine.lines import tickets
from billetter.engine.maps import SeatQuery
from billetter.engine.once import Once
from billetter.wire.errors import NotRun, ReplyLost
from billetter.wire.lane import Argument
from billetter.wire.link import Reply
from billetter.wire.topology import Wire, open_wire
from tests.conftest import FAKE
from tests.invariants import Journal, violations

ANN, BOB = UserId("x:ann"), UserId("x:bob")
TERMS = Terms(hold_ms=900_000, payment_ms=900_000, seats_max=10)
FLEETING = Terms(hold_ms=1, payment_ms=900_000, seats_max=10)
EXPIRED_BEFORE = Answer(Outcome.KEPT, ("expired",))
PATIENCE_S = 30.0
DATABASE = 8
"""On real servers, for tests that sweep, list or reset everything there is."""


class Meddler:
    """A wire on which something happens just before each call of a script."""

    def __init__(self, wire: Wire, *command: Argument) -> None:
        self._wire = wire
        self._command = command
        self.scripts_run = 0

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def call(self, *args: Argument) -> Awaitable[Reply]:
        if args[0] == "EVALSHA":
            self.scripts_run += 1
            self._wire.call(*self._command)
        return self._wire.call(*args)


class Absent(Meddler):
    """A wire that cannot be used for its first calls."""

    def __init__(self, wire: Wire, calls: int) -> None:
        super().__init__(wire, "PING")
        self._refusals = calls

    def call(self, *args: Argument) -> Awaitable[Reply]:
        if self._refusals:
            self._refusals -= 1
            raise NotRun("not connected")
        return super().call(*args)


class Dying(Meddler):
    """A wire whose process dies as its last script has run: neither is its reply seen."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire, "PING")
        self.scripts_left = math.inf

    def call(self, *args: Argument) -> Awaitable[Reply]:
        if not self.scripts_left:
            raise NotRun("dead")
        if args[0] == "EVALSHA":
            self.scripts_left -= 1
        return self._last(*args) if not self.scripts_left else self._wire.call(*args)

    async def _last(self, *args: Argument) -> Reply:
        await self._wire.call(*args)
        raise ReplyLost("dead")


@pytest.fixture
async def engine(wire: Wire) -> Engine:
    return await prepared(wire)


@pytest.fixture
async def apart(any_url: str) -> AsyncIterator[Wire]:
    """A wire to a database in which nothing is."""
    wire = open_wire("fake://apart" if FAKE in any_url else f"{any_url}?db={DATABASE}")
    await wire.start()
    await wire.call("HDEL", keys.META, "format", "partitions")
    await Engine(wire).reset.run(GUEST)
    yield wire
    await wire.close()


async def prepared(wire: Wire, retention: Retention | None = None) -> Engine:
    engine = Engine(wire, retention)
    await engine.prepare()
    return engine


async def make_event(engine: Engine, size: int = 10, terms: Terms = TERMS) -> EventId:
    layout = Layout.plan([ZonePlan("Hall", 500, (size,))])
    plan = EventPlan(Details("A title"), terms, layout)
    return (await engine.events.create(plan, GUEST)).id


def seat(event: EventId, index: int) -> SeatId:
    return seat_id(event, SeatIndex(index))


async def opened(
    engine: Engine, event: EventId, indexes: Sequence[int] = (), user: UserId = ANN
) -> BookingId:
    said = await engine.bookings.open(event, user, [seat(event, each) for each in indexes])
    assert isinstance(said, Opened)
    return said.id


async def all_due(wire: Wire, times: str) -> None:
    """Return when everything in a sorted set of times (ms) lies in the past."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            seconds, micros = await ask(wire, "TIME")
            now_ms = int(seconds) * 1000 + int(micros) // 1000
            if not await ask(wire, "ZCOUNT", times, now_ms, "+inf"):
                return
            await asyncio.sleep(0.001)


async def ask(wire: Wire, *args: Argument) -> Any:
    return await wire.call(*args)


@asynccontextmanager
async def going_on(work: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Do some work over and over while the block runs; its failure is the block's."""

    async def repeat() -> None:
        while True:
            await work()
            await asyncio.sleep(0.002)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def patiently(call: Callable[..., Awaitable[Answer]], *args: Any) -> Answer:
    """Repeat a call that could not be answered, as it changed nothing: seats went to and fro."""
    while True:
        with suppress(Unavailable):
            return await call(*args)


async def crowd(engine: Engine, event: EventId, size: int, seed: int, customers: int = 20) -> None:
    """Customers who do at random what customers do, all at once, with few seats for many."""

    async def customer(number: int) -> None:
        chance = random.Random(seed + number)
        user = UserId(f"x:{number}")
        for _ in range(6):
            wanted = [seat(event, each) for each in chance.sample(range(size), 2)]
            said = await engine.bookings.open(event, user, wanted[: chance.randrange(3)])
            if isinstance(said, Opened):
                await engine.seats.claim(said.id, user, wanted)
                await patiently(engine.seats.release, wanted[chance.randrange(2)], user)
                if chance.random() < 0.7:
                    await engine.bookings.begin_payment(said.id, user)
                end = chance.choice([engine.bookings.confirm, engine.bookings.fail])
                await end(said.id)

    await asyncio.gather(*(customer(number) for number in range(customers)))


# What has changed behind the engine's back.


async def change_price(wire: Wire, event: EventId, price: int) -> None:
    layout = Layout.plan([ZonePlan("Hall", price, (10,))]).to_json()
    await wire.call("HSET", keys.of_event(event).event, "layout", layout, "version", f"v{price}")


async def test_a_changed_layout_is_read_again(engine: Engine, wire: Wire) -> None:
    event = await make_event(engine)
    first = await opened(engine, event, [0])
    await change_price(wire, event, 600)
    claimed = await engine.seats.claim(first, ANN, [seat(event, 1)])
    await change_price(wire, event, 700)
    second = await opened(engine, event, [2])
    await change_price(wire, event, 800)
    page = await engine.maps.page(event, SeatQuery(None, None, 0, 1))
    await change_price(wire, event, 900)
    sales = await engine.events.sales(event)

    assert claimed.outcome is Outcome.CLAIMED
    bookings = [await engine.bookings.get(each) for each in (first, second)]
    assert [each.total for each in bookings if each] == [500 + 600, 700]
    assert page is not None
    assert page.event.layout.zones[0].price == 800
    assert sales is not None
    assert sales.event.layout.zones[0].price == 900


async def test_a_changed_layout_is_not_an_answer_to_keep(engine: Engine, wire: Wire) -> None:
    event = await make_event(engine)
    booking, once = await opened(engine, event), Once("changed-layout", 60_000)
    await change_price(wire, event, 600)
    answers = [await engine.seats.claim(booking, ANN, [seat(event, 0)], once) for _ in "12"]
    assert [answer.outcome for answer in answers] == [Outcome.CLAIMED] * 2
    assert [answer.replayed for answer in answers] == [False, True]


async def test_a_layout_that_never_rests_is_given_up(engine: Engine, wire: Wire) -> None:
    event = await make_event(engine)
    booking = await opened(engine, event)
    meddler = Meddler(wire, "HINCRBY", keys.of_event(event).event, "version", 1)
    with pytest.raises(Unavailable):
        await Engine(meddler).seats.claim(booking, ANN, [seat(event, 0)])
    assert meddler.scripts_run == 4
    assert await violations(wire, event) == []


async def test_a_seat_that_changes_hands_is_looked_at_again(engine: Engine, wire: Wire) -> None:
    event = await make_event(engine)
    booking = await opened(engine, event, [0])
    holders = keys.of_event(event).holders
    number = split_booking_id(booking)[1]
    await wire.call("HSET", holders, 0, number + 1)
    meddler = Meddler(wire, "HSET", holders, 0, number)
    assert (await Engine(meddler).seats.release(seat(event, 0), ANN)).outcome is Outcome.RELEASED
    assert meddler.scripts_run == 2
    assert await violations(wire, event) == []


async def test_removed_events_are_forgotten(apart: Wire) -> None:
    first, other = await prepared(apart), await prepared(apart)
    event = await make_event(first)
    booking = await opened(other, event, [0])
    await first.reset.run(GUEST)

    refused = await other.bookings.open(event, ANN, [seat(event, 0)])
    assert refused == Answer(Outcome.NO_EVENT)
    assert await other.events.get(event) is None
    assert await other.events.sales(event) is None
    assert await other.maps.page(event, SeatQuery(None, None, 0, 1)) is None
    claimed = await other.seats.claim(booking, ANN, [seat(event, 0)])
    assert claimed == Answer(Outcome.NO_BOOKING)


@pytest.mark.parametrize("read", ["sales", "page"])
async def test_reads_find_out_that_an_event_is_gone(apart: Wire, read: str) -> None:
    first, other = await prepared(apart), await prepared(apart)
    event = await make_event(first)
    assert await other.events.get(event) is not None
    await first.reset.run(GUEST)
    if read == "sales":
        assert await other.events.sales(event) is None
    else:
        assert await other.maps.page(event, SeatQuery(None, None, 0, 1)) is None
    assert await other.events.get(event) is None


async def get_event(engine: Engine, event: EventId) -> Event:
    found = await engine.events.get(event)
    assert found
    return found


async def test_events_that_were_read_first_make_room_for_others(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [await make_event(engine) for _ in range(3)]
    first = [await get_event(engine, made[0])]
    monkeypatch.setattr(engine.events.known, "bytes_max", 2 * events.about_bytes(first[0]))
    first += [await get_event(engine, event) for event in made[1:]]
    again = [await get_event(engine, event) for event in reversed(made)]
    # The first had to make room and is read anew; the others are the very same.
    assert [one is other for one, other in zip(first, reversed(again), strict=True)] == [
        False,
        True,
        True,
    ]


async def test_what_is_forgotten_takes_no_room(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [await make_event(engine) for _ in range(3)]
    size = events.about_bytes(await get_event(engine, made[0]))
    monkeypatch.setattr(engine.events.known, "bytes_max", 2 * size)
    kept = await get_event(engine, made[1])
    engine.events.forget(made[0])
    other = await get_event(engine, made[2])
    assert await get_event(engine, made[1]) is kept
    assert await get_event(engine, made[2]) is other


async def test_an_event_read_twice_at_once_takes_the_room_of_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [await make_event(engine) for _ in range(2)]
    twice = await asyncio.gather(*(get_event(engine, made[0]) for _ in range(2)))
    monkeypatch.setattr(engine.events.known, "bytes_max", 2 * events.about_bytes(twice[0]))
    await get_event(engine, made[1])
    assert await get_event(engine, made[0]) is twice[1]


async def test_an_event_larger_than_all_room_is_remembered_alone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.events.known, "bytes_max", 1)
    small, large = [await make_event(engine, size) for size in (10, 1_000)]
    before = await get_event(engine, small)
    found = await get_event(engine, large)
    assert await get_event(engine, large) is found
    assert await get_event(engine, small) is not before


@pytest.mark.parametrize(
    ("zones", "rows"),
    [(1, [8]), (10, [8]), (10, [8] * 100), (100, [8, 9] * 10), (1, [8] * 5_000), (1, [8, 9] * 999)],
)
def test_the_memory_of_an_event_is_known_within_a_factor_of_two(
    zones: int, rows: list[int]
) -> None:
    written = Layout.plan([ZonePlan(f"Zone {zone}", 500, rows) for zone in range(zones)])
    text, count = written.to_json(), 20
    tracemalloc.start()
    kept = [
        Event(EventId(at), str(at), at, Details(f"Event {at}"), replace(TERMS), layout)
        for at, layout in enumerate(Layout.from_json(text) for _ in range(count))
    ]
    used = [
        tickets(layout) and all(layout.seat(start) for start, _ in layout.extents)
        for layout in (event.layout for event in kept)
    ]
    taken = tracemalloc.get_traced_memory()[0] / count
    tracemalloc.stop()
    assert all(used)
    assert 1 / 2 < events.about_bytes(kept[0]) / taken < 2


async def test_who_asks_goes_before_what_for(engine: Engine) -> None:
    event, other = await make_event(engine), await make_event(engine)
    booking = await opened(engine, event)
    for wanted, reason in (
        (seat(event, 10), Outcome.NO_SEAT),
        (seat(EventId(other + 1_000), 0), Outcome.NO_SEAT),
        (seat(other, 0), Outcome.WRONG_EVENT),
    ):
        assert await engine.seats.claim(booking, ANN, [wanted]) == Answer(reason)
        answer = await engine.seats.claim(booking, BOB, [wanted])
        assert answer == Answer(Outcome.NOT_YOURS)
        answer = await engine.seats.claim(BookingId(booking + 1), ANN, [wanted])
        assert answer == Answer(Outcome.NO_BOOKING)


# Many at once.


async def test_one_seat_has_one_winner(any_url: str) -> None:
    async with AsyncExitStack() as stack:
        engines = []
        for _ in range(50):
            wire = open_wire(any_url)
            await wire.start()
            stack.push_async_callback(wire.close)
            engines.append(await prepared(wire))
        event = await make_event(engines[0])
        bookings = [await opened(engine, event) for engine in engines]
        answers = await asyncio.gather(
            *(
                engine.seats.claim(booking, ANN, [seat(event, 3)])
                for engine, booking in zip(engines, bookings, strict=True)
            )
        )
        won = [answer for answer in answers if answer.outcome is Outcome.CLAIMED]
        lost = [answer for answer in answers if answer.outcome is Outcome.SEAT_TAKEN]
        assert (len(won), len(lost)) == (1, 49)
        assert {answer.fields for answer in lost} == {(str(seat(event, 3)), *won[0].fields)}
        assert await violations(wire, event) == []


async def test_one_name_has_one_effect(engine: Engine, wire: Wire) -> None:
    event, once = await make_event(engine), Once.anew()
    calls = (engine.bookings.open(event, ANN, [seat(event, 0)], once) for _ in range(30))
    answers = await asyncio.gather(*calls)
    assert all(isinstance(answer, Opened) for answer in answers)
    assert len({answer.id for answer in answers if isinstance(answer, Opened)}) == 1
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 29
    assert await violations(wire, event) == []


@pytest.mark.parametrize("indexes", [(0,), (1,)], ids=["opened", "refused"])
async def test_an_answer_outlives_the_last_number(
    engine: Engine, wire: Wire, indexes: tuple[int, ...]
) -> None:
    event, once = await make_event(engine), Once.anew()
    await opened(engine, event, [1])
    asked = [seat(event, index) for index in indexes]
    first = await engine.bookings.open(event, ANN, asked, once)
    await wire.call("HSET", keys.of_event(event).event, "bookings", BOOKINGS_MAX)
    assert await engine.bookings.open(event, ANN, asked) == Answer(Outcome.EXHAUSTED)
    assert await engine.bookings.open(event, ANN, asked, once) == replace(first, replayed=True)


async def test_a_crowd_leaves_order(engine: Engine, wire: Wire) -> None:
    event = await make_event(engine, size=6)
    await crowd(engine, event, 6, seed=1)
    assert await violations(wire, event) == []


# Scripts that are not there.


async def test_a_flush_between_calls_goes_unnoticed(engine: Engine, wire: Wire) -> None:
    event = await make_event(engine)
    flushed = Engine(Meddler(wire, "SCRIPT", "FLUSH"))
    booking = await opened(flushed, event, [0])
    await flushed.bookings.begin_payment(booking, ANN)
    assert (await flushed.bookings.confirm(booking)).outcome is Outcome.CONFIRMED
    assert await violations(wire, event) == []


async def test_flushes_under_load_go_unnoticed(engine: Engine, any_url: str, wire: Wire) -> None:
    event = await make_event(engine, size=6)
    flusher = open_wire(any_url)
    await flusher.start()
    async with going_on(lambda: flusher.call("SCRIPT", "FLUSH")):
        await crowd(engine, event, 6, seed=2)
    await flusher.close()
    assert await violations(wire, event) == []


async def test_another_format_is_refused(apart: Wire) -> None:
    await prepared(apart)
    await prepared(apart)
    for field, found in (("format", 2), ("partitions", 128)):
        right: Any = await apart.call("HGET", keys.META, field)
        await apart.call("HSET", keys.META, field, found)
        with pytest.raises(EngineError, match=f"{field} {found}"):
            await Engine(apart).prepare()
        await apart.call("HSET", keys.META, field, right)


async def test_ready_says_whether_redis_answers(any_url: str) -> None:
    wire = open_wire(any_url)
    await wire.start()
    engine = Engine(wire)
    await engine.readiness.look()
    await wire.close()
    with pytest.raises(Unavailable):
        await engine.readiness.look()


# Holds that lapse by themselves.


async def test_seats_of_a_lapsed_hold_are_had_at_once(apart: Wire) -> None:
    engine = await prepared(apart)
    event = await make_event(engine, terms=FLEETING)
    first = await opened(engine, event, [0, 1])
    second = await opened(engine, event, [2])
    await all_due(apart, keys.of_event(event).deadlines)
    lapsed = await engine.bookings.get(first)
    assert lapsed is not None
    assert (lapsed.status, lapsed.seats) == (Status.EXPIRED, ())

    await apart.call("HSET", keys.of_event(event).event, "hold_ms", TERMS.hold_ms)
    third = await opened(engine, event, [1, 2, 3])
    assert (await engine.seats.claim(third, ANN, [seat(event, 0)])).outcome is Outcome.CLAIMED
    for booking in (first, second):
        assert await engine.bookings.expire(*split_booking_id(booking)) == EXPIRED_BEFORE
    assert await violations(apart, event) == []


async def test_a_sweep_takes_all_partitions_and_long_queues(apart: Wire) -> None:
    engine = await prepared(apart)
    sizes = (1_201, 500, 3)
    made = [await make_event(engine, size, FLEETING) for size in sizes]
    lasting = await make_event(engine)
    kept = await opened(engine, lasting, [0])
    for event, size in zip(made, sizes, strict=True):
        await asyncio.gather(*(opened(engine, event, [index]) for index in range(size)))
        await opened(engine, event, user=BOB)
        await all_due(apart, keys.of_event(event).deadlines)

    assert await engine.sweeper.expire_lapsed() == sum(sizes) + len(sizes)
    assert await engine.sweeper.expire_lapsed() == 0
    for event in made:
        assert await free_seats(engine, event) == sizes[made.index(event)]
        assert await violations(apart, event) == []
    assert await ask(apart, "EXISTS", keys.user_bookings(BOB)) == 0
    still = await engine.bookings.get(kept)
    assert still is not None
    assert still.status is Status.SEATS_SELECTED


async def free_seats(engine: Engine, event: EventId) -> int:
    sales = await engine.events.sales(event)
    assert sales is not None
    return sales.all.free


async def test_two_sweepers_do_the_work_once(apart: Wire) -> None:
    engine, other = await prepared(apart), await prepared(apart)
    event = await make_event(engine, 600, FLEETING)
    await asyncio.gather(*(opened(engine, event, [index]) for index in range(600)))
    await all_due(apart, keys.of_event(event).deadlines)
    await asyncio.gather(engine.sweeper.expire_lapsed(), other.sweeper.expire_lapsed())

    assert await free_seats(engine, event) == 600
    assert await told(apart, event) == {"opened": 600, "expired": 600}
    assert await violations(apart, event) == []


async def told(wire: Wire, event: EventId) -> dict[str, int]:
    """How often the journal tells what of the event's bookings."""
    entries = await ask(wire, "XRANGE", keys.of_event(event).journal, "-", "+")
    counts: dict[str, int] = {}
    for _, fields in entries:
        if fields[3] == str(event).encode() and fields[5]:
            counts[fields[1].decode()] = counts.get(fields[1].decode(), 0) + 1
    return counts


async def test_the_sweeper_outlives_an_absent_redis(
    apart: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "INTERVAL_S", 0.001)
    engine = await prepared(apart)
    event = await make_event(engine, terms=FLEETING)
    booking = await opened(engine, event, [0])
    sweeping = asyncio.create_task(Engine(Absent(apart, calls=200)).sweeper.run())
    async with asyncio.timeout(PATIENCE_S):
        while await free_seats(engine, event) < 10:  # noqa: ASYNC110  # Redis tells nobody.
            await asyncio.sleep(0.001)
    assert not sweeping.done()
    sweeping.cancel()
    await asyncio.wait([sweeping])
    assert await engine.bookings.expire(*split_booking_id(booking)) == EXPIRED_BEFORE


# What is long over.


async def test_ended_bookings_are_forgotten_after_their_time(apart: Wire) -> None:
    lasting, brief = await prepared(apart), await prepared(apart, Retention(ended_ms=1))
    made = [await make_event(lasting), await make_event(lasting)]
    kept, gone = [await opened(lasting, event, [0]) for event in made]
    await lasting.bookings.cancel(kept, ANN)
    await brief.bookings.cancel(gone, ANN)
    await all_due(apart, keys.of_event(made[1]).ended)
    assert await lasting.sweeper.forget_ended() == 1

    assert await lasting.bookings.get(gone) is None
    listed = await ask(apart, "ZRANGE", keys.user_bookings(ANN), 0, -1)
    assert listed == [b"%d" % kept]
    assert [booking.id for booking in (await lasting.bookings.page(ANN, 0, 10))[0]] == [kept]
    for event in made:
        assert await violations(apart, event) == []


async def test_what_money_is_owed_for_is_not_forgotten(apart: Wire) -> None:
    engine = await prepared(apart, Retention(ended_ms=1))
    event = await make_event(engine)
    owed, other = await opened(engine, event, [0]), await opened(engine, event, [1])
    await engine.bookings.begin_payment(owed, ANN)
    await engine.bookings.fail(owed)
    assert (await engine.bookings.confirm(owed)).outcome is Outcome.REFUND_DUE
    assert (await engine.bookings.fail(owed)).outcome is Outcome.CANCELLED
    await engine.bookings.fail(other)
    await all_due(apart, keys.of_event(event).ended)
    assert await engine.sweeper.forget_ended() == 1
    found = await engine.bookings.get(owed)
    assert found is not None
    assert found.refund == "due"


async def test_journals_are_cut_to_length_and_age(apart: Wire) -> None:
    engine = await prepared(apart, Retention(journal_max=200))
    event = await make_event(engine)
    booking, journal = await opened(engine, event), keys.of_event(event).journal
    notes = (engine.bookings.note(booking, f"note {nth}", Once.anew()) for nth in range(600))
    assert {answer.outcome for answer in await asyncio.gather(*notes)} == {Outcome.NOTED}
    await engine.sweeper.trim_journals()
    # Whole nodes of 100 entries go.
    assert 200 <= await ask(apart, "XLEN", journal) <= 300
    last = (await ask(apart, "XREVRANGE", journal, "+", "-", "COUNT", 1))[0][1]
    assert last[-1] == b"note 599"

    # Less than no age: whatever there is, is too old.
    forgetful = await prepared(apart, Retention(journal_ms=-60_000))
    await forgetful.sweeper.trim_journals()
    assert await ask(apart, "XLEN", journal) <= 100


async def test_notes_are_written_once(engine: Engine, wire: Wire) -> None:
    event, once = await make_event(engine), Once.anew()
    booking = await opened(engine, event)
    notes = [await engine.bookings.note(booking, "REFUNDED", once) for _ in range(2)]
    assert notes == [Answer(Outcome.NOTED), Answer(Outcome.NOTED, replayed=True)]
    assert await told(wire, event) == {"opened": 1, "payment_note": 1}
    unknown = await engine.bookings.note(BookingId(booking + 1), "REFUNDED", Once.anew())
    assert unknown == Answer(Outcome.NO_BOOKING)


# Lists.


async def test_events_are_listed_newest_first(apart: Wire) -> None:
    engine = await prepared(apart)
    made = [await make_event(engine) for _ in range(5)]
    newest = made[::-1]
    assert await pages(engine, 0, 2) == (newest[:2], 5)
    assert await pages(engine, 3, 20) == (newest[3:], 5)
    assert await pages(engine, 5, 20) == ([], 5)
    # An index entry may outlive its event for a moment.
    await apart.call("DEL", keys.of_event(made[1]).event)
    assert (await pages(engine, 0, 20))[0] == [each for each in newest if each != made[1]]


async def pages(engine: Engine, skip: int, take: int) -> tuple[list[EventId], int]:
    listed = await engine.events.listed(Window(skip, take))
    return [event.id for event in listed.items], listed.total


async def test_events_are_found_by_words_and_day(
    apart: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "READ_AT_ONCE", 2)
    engine = await prepared(apart)
    midnight = int(datetime(2026, 10, 13, tzinfo=UTC).timestamp() * 1000)
    day_ms = 86_400_000
    made = {}
    for title, description, starts in (
        ("Tosca", None, midnight),
        ("Straße", "with TOSCA inside", midnight + day_ms - 1),
        ("Other", "", midnight + day_ms),
        ("tosca", None, midnight - 1),
        ("TOSCA", None, None),
    ):
        details = Details(title, description=description, starts_at_ms=starts)
        plan = EventPlan(details, TERMS, Layout.plan([ZonePlan("Hall", 500, (10,))]))
        made[title] = (await engine.events.create(plan, GUEST)).id

    async def found(words: str, day: int | None, skip: int = 0, take: int = 9) -> list[str]:
        until = None if day is None else day + day_ms
        wanted = Search(words, day, until, descending=True)
        listed = await engine.finder.find(wanted, skip, take)
        assert isinstance(listed, Listed)
        titles = [event.details.title for event in listed.items]
        assert [made[title] for title in titles] == [event.id for event in listed.items]
        return [*titles, str(listed.total)]

    assert await found("tosca", None) == ["TOSCA", "tosca", "Straße", "Tosca", "4"]
    assert await found("tosca", None, 1, 2) == ["tosca", "Straße", "4"]
    assert await found("tosca", midnight) == ["Straße", "Tosca", "2"]
    assert await found("STRASSE", midnight) == ["Straße", "1"]
    assert await found("", midnight + day_ms) == ["Other", "1"]
    assert await found("carmen", None) == ["0"]


async def test_bookings_that_vanished_leave_the_list(apart: Wire) -> None:
    engine = await prepared(apart)
    event = await make_event(engine)
    made = [await opened(engine, event) for _ in range(4)]
    gone = [BookingId(made[-1] + extra) for extra in (1, 2, 3)]
    for nth, booking in enumerate(gone):
        await apart.call("ZADD", keys.user_bookings(ANN), nth, booking)
    listed, total = await engine.bookings.page(ANN, 2, 4)
    assert ([booking.id for booking in listed], total) == (made[1::-1], 4)
    assert await ask(apart, "ZCARD", keys.user_bookings(ANN)) == 4


async def test_a_booking_that_is_about_to_come_stays_in_the_list(apart: Wire) -> None:
    engine = await prepared(apart)
    event = await make_event(engine)
    made = await opened(engine, event)
    coming = BookingId(made + 1)
    now_ms = time.time_ns() // 1_000_000
    await apart.call("ZADD", keys.user_bookings(ANN), now_ms, coming)
    listed, total = await engine.bookings.page(ANN, 0, 10)
    assert ([booking.id for booking in listed], total) == ([made], 1)
    assert await ask(apart, "ZCARD", keys.user_bookings(ANN)) == 2
    assert await opened(engine, event) == coming
    listed, total = await engine.bookings.page(ANN, 0, 10)
    assert ([booking.id for booking in listed], total) == ([coming, made], 2)


async def test_whoever_dies_after_making_a_booking_has_listed_it(apart: Wire) -> None:
    event = await make_event(await prepared(apart))
    dying = Dying(apart)
    engine = Engine(dying)
    await engine.prepare()
    dying.scripts_left = 2  # The one that draws a number, and the one that makes the booking.
    with pytest.raises(OutcomeUnknown):
        await engine.bookings.open(event, ANN)
    listed, total = await (await prepared(apart)).bookings.page(ANN, 0, 10)
    assert ([booking.event_id for booking in listed], total) == ([event], 1)


async def test_a_repetition_lists_what_could_not_be_listed(apart: Wire) -> None:
    """As when memory was full for the list, and no more for the booking."""
    engine = await prepared(apart)
    event = await make_event(engine)
    once = Once.named("again", ttl_ms=60_000)
    first = await engine.bookings.open(event, ANN, (), once)
    assert isinstance(first, Opened)
    await apart.call("DEL", keys.user_bookings(ANN))
    await engine.bookings.open(event, ANN, (), once)
    assert await ask(apart, "ZRANGE", keys.user_bookings(ANN), 0, -1) == [b"%d" % first.id]


async def test_what_was_refused_is_not_listed(apart: Wire) -> None:
    engine = await prepared(apart)
    event = await make_event(engine)
    await opened(engine, event, [0], BOB)
    said = await engine.bookings.open(event, ANN, [seat(event, 0)])
    assert isinstance(said, Answer)
    assert await ask(apart, "EXISTS", keys.user_bookings(ANN)) == 0


async def test_a_repetition_lists_nothing_that_is_gone(apart: Wire) -> None:
    engine = await prepared(apart)
    event = await make_event(engine)
    once = Once.named("gone", ttl_ms=60_000)
    first = await engine.bookings.open(event, ANN, (), once)
    assert isinstance(first, Opened)
    own, number = keys.of_event(event), split_booking_id(first.id)[1]
    await apart.call("DEL", own.booking(number), keys.user_bookings(ANN))
    assert await engine.bookings.open(event, ANN, (), once) == replace(first, replayed=True)
    assert await ask(apart, "EXISTS", keys.user_bookings(ANN)) == 0


async def test_a_refusal_is_told_though_its_entry_stays(apart: Wire) -> None:
    class Full(Meddler):
        def call(self, *args: Argument) -> Awaitable[Reply]:
            if args[0] == "ZREM":
                raise NotRun("too many calls are under way")
            return self._wire.call(*args)

    engine = await prepared(apart)
    event = await make_event(engine)
    await opened(engine, event, [0], BOB)
    user = UserId("x:refused")
    said = await Engine(Full(apart, "PING")).bookings.open(event, user, [seat(event, 0)])
    assert isinstance(said, Answer)
    assert said.outcome is Outcome.SEAT_TAKEN
    assert await engine.bookings.page(user, 0, 10) == ([], 0)


async def test_a_repetition_lists_no_other_booking(apart: Wire) -> None:
    engine = await prepared(apart)
    event = await make_event(engine)
    once = Once.named("again", ttl_ms=60_000)
    first, again = [await engine.bookings.open(event, ANN, (), once) for _ in "12"]
    assert isinstance(first, Opened)
    assert again == replace(first, replayed=True)
    listed = await ask(apart, "ZRANGE", keys.user_bookings(ANN), 0, -1)
    assert listed == [b"%d" % first.id]


async def test_the_window_of_free_seats_starts_anywhere_and_wraps(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await make_event(engine, 10)
    await opened(engine, event, [0, 4, 5, 9])
    free = [1, 2, 3, 6, 7, 8]
    for start in range(len(free)):
        monkeypatch.setattr(random, "randrange", lambda stop, at=start: at % stop)
        for take in (1, 4, 6, 20):
            page = await engine.maps.page(event, SeatQuery(None, SeatStatus.FREE, None, take))
            assert page is not None
            window = (free[start:] + free[:start])[:take]
            assert [index for index, _ in page.seats] == window
            assert page.total == len(free)


# Keys of requests, and reset.


async def test_a_key_belongs_to_its_first_request(engine: Engine) -> None:
    key = Once.anew().digest
    first = await engine.keys.bind(ANN, key, "POST /a")
    again = await engine.keys.bind(ANN, key, "POST /a")
    other = await engine.keys.bind(BOB, key, "POST /b")
    assert first is not None
    assert again is not None
    assert other is not None
    assert (first.once, first.fingerprint) == (again.once, again.fingerprint)
    assert first.token != again.token, "they are two calls"
    assert first.once != other.once
    assert await engine.keys.bind(ANN, key, "POST /b") is None

    assert await engine.keys.bind_id(first, 17) == 17
    assert await engine.keys.bind_id(first, 18) == 17
    assert await engine.keys.bind_id(other, 19) == 19
    later = await engine.keys.bind(ANN, key, "POST /a")
    assert later is not None
    assert (later.id, later.reply) == ("17", None)


async def test_the_first_reply_recorded_is_the_reply(engine: Engine) -> None:
    key = Once.anew().digest
    first, second = [await engine.keys.bind(ANN, key, "POST /a") for _ in "12"]
    assert first is not None
    assert second is not None
    assert await engine.keys.record(second, b"\xff\r\n\x00") is None
    assert await engine.keys.record(first, b"mine") == b"\xff\r\n\x00"
    assert await engine.keys.record(second, b"\xff\r\n\x00") is None, "sent twice by the wire"
    await engine.keys.free(second)
    later = await engine.keys.bind(ANN, key, "POST /a")
    assert later is not None
    assert later.reply == b"\xff\r\n\x00"
    assert await engine.keys.bind(ANN, key, "POST /b") is None


async def test_ids_stay_bound_when_the_reply_is_recorded(engine: Engine) -> None:
    key = Once.anew().digest
    first, late = [await engine.keys.bind(ANN, key, "POST /a") for _ in "12"]
    assert first is not None
    assert late is not None
    assert await engine.keys.bind_id(first, 17) == 17
    assert await engine.keys.record(first, b"17") is None
    assert await engine.keys.bind_id(late, 18) == 17, "or it would make a second one"


async def test_a_key_that_came_to_nothing_is_anybodys(engine: Engine, wire: Wire) -> None:
    key = Once.anew().digest
    first, second = [await engine.keys.bind(ANN, key, "POST /a") for _ in "12"]
    assert first is not None
    assert second is not None
    await engine.keys.free(second)
    assert await engine.keys.bind(ANN, key, "POST /b") is None, "the first call may still do it"
    await engine.keys.free(first)
    assert await ask(wire, "EXISTS", keys.user_once(ANN, key)) == 0
    assert await engine.keys.bind(ANN, key, "POST /b") is not None


async def test_a_key_that_cannot_be_let_go_lapses(apart: Wire) -> None:
    engine = await prepared(apart)
    bound = await engine.keys.bind(ANN, "a key", "POST /a")
    assert bound is not None
    dying = Dying(apart)
    failing = Engine(dying)
    await failing.prepare()
    dying.scripts_left = 0
    await failing.keys.free(bound)
    assert 0 < await ask(apart, "PTTL", keys.user_once(ANN, "a key")) <= KEY_TTL_MS


async def test_an_event_is_made_once_for_a_key(engine: Engine) -> None:
    idempotency = await engine.keys.bind(ANN, Once.anew().digest, "POST /api/events")
    plan = EventPlan(Details("A title"), TERMS, Layout.plan([ZonePlan("Hall", 500, (10,))]))
    calls = (engine.events.create(plan, ANN, idempotency) for _ in range(10))
    made = await asyncio.gather(*calls)
    assert len({created.id for created in made}) == 1
    assert sorted(created.replayed for created in made) == [False] + [True] * 9


async def test_reset_under_a_sale_leaves_order(apart: Wire) -> None:
    engine, other = await prepared(apart), await prepared(apart)
    seeded = EventId(await ask(apart, "INCR", keys.EVENTS_NEXT))
    plan = EventPlan(Details("A title"), TERMS, Layout.plan([ZonePlan("Hall", 500, (6,))]))
    await engine.events.create_as(seeded, plan, GUEST, seeded=True)
    made = await make_event(engine, 6)
    journals = {event: Journal(apart, event) for event in (seeded, made)}
    async with going_on(lambda: other.reset.run(GUEST)):
        await asyncio.gather(*(crowd(engine, event, 6, seed=3) for event in journals))
    for event, journal in journals.items():
        assert await violations(apart, event, journal) == []

    await other.reset.run(GUEST)
    await opened(engine, seeded, [0])
    await other.reset.run(GUEST)
    assert await free_seats(engine, seeded) == 6
    assert await engine.events.sales(made) is None
    assert await violations(apart, seeded) == []
    assert await engine.bookings.page(ANN, 0, 10) == ([], 0)
    await opened(engine, seeded, [0])
    entries = await ask(apart, "XRANGE", keys.of_event(seeded).journal, "-", "+")
    written = [dict(zip(entry[::2], entry[1::2], strict=True)) for _, entry in entries]
    ours = [it for it in written if (it[b"what"], it[b"event"]) == (b"opened", b"%d" % seeded)]
    assert len({it[b"booking"] for it in ours}) == len(ours) > 2
    assert await make_event(engine) > made
    left = {key for key in await ask(apart, "KEYS", "*") if b":%d" % made in key}
    assert left == set()


async def test_a_reset_that_an_earlier_version_has_done_is_not_done_again(apart: Wire) -> None:
    engine = await prepared(apart)
    idempotency = await engine.keys.bind(ANN, "a key", "POST /api/reset")
    event = await make_event(engine)
    await apart.call("HSET", keys.user_once(ANN, "a key"), "finished", 1)
    await engine.reset.run(ANN, idempotency)
    assert await engine.events.get(event) is not None


async def test_a_reset_spares_the_key_that_asks_for_it(apart: Wire) -> None:
    engine = await prepared(apart)
    idempotency = await engine.keys.bind(ANN, "a key", "POST /api/reset")
    await engine.keys.bind(ANN, "another", "POST /a")
    await engine.reset.run(ANN, idempotency)
    assert await engine.keys.bind(ANN, "a key", "POST /other") is None
    assert await engine.keys.bind(ANN, "another", "POST /other") is not None
