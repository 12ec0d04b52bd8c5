"""When an event sells: from when, until when, who waits for it to open, what can be changed."""

import asyncio
from dataclasses import replace

import pytest

from billetter.domain.event import (
    Details,
    Event,
    EventPlan,
    Sales,
    State,
    Terms,
    WindowError,
    check_window,
)
from billetter.domain.ids import EventId, SeatIndex, UserId, seat_id
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.listing import Listed
from billetter.domain.outcome import Answer, Opened, Outcome
from billetter.domain.search import Search
from billetter.domain.ticket import Rank, Reserved, Standing
from billetter.engine import Engine, keys
from billetter.engine.once import Once
from billetter.wire.topology import Wire
from tests.invariants import violations

ANN, BOB, CLEO, ORGANIZER = (UserId(f"a:{91_000 + each}") for each in range(4))
HOUR_MS = 3_600_000
TERMS = Terms(hold_ms=HOUR_MS, payment_ms=HOUR_MS, seats_max=10)
WAIT_S_MAX = 20.0


@pytest.fixture
async def engine(wire: Wire) -> Engine:
    engine = Engine(wire)
    await engine.prepare()
    return engine


async def now_ms(engine: Engine) -> int:
    seconds, micros = await engine.store.command("TIME", reads=True)
    return int(seconds) * 1_000 + int(micros) // 1_000


async def make(
    engine: Engine,
    size: int = 1,
    starts: int | None = None,
    sale: tuple[int | None, int | None] = (None, None),
) -> EventId:
    terms = replace(TERMS, sale_starts_at_ms=sale[0], sale_ends_at_ms=sale[1])
    details = Details("A title", starts_at_ms=starts)
    plan = EventPlan(details, terms, Layout.plan([ZonePlan("Floor", 0, (size,), numbered=False)]))
    return (await engine.events.create(plan, ORGANIZER)).id


async def window(
    engine: Engine, event: EventId, opens: int | None, closes: int | None = None
) -> Answer:
    terms = replace(TERMS, sale_starts_at_ms=opens, sale_ends_at_ms=closes)
    return await engine.organizers.amend(event, ORGANIZER, lambda it: replace(it, terms=terms))


async def rank(engine: Engine, event: EventId, user: UserId) -> Rank:
    standing = await engine.tickets.standing(event, user)
    assert standing is not None
    return standing.status


async def queued(engine: Engine) -> EventId:
    """An event whose only place Ann has; Bob and Cleo wait for it."""
    event = await make(engine)
    for user in (ANN, BOB, CLEO):
        assert isinstance(await engine.tickets.book(event, user), Standing)
    return event


async def test_what_is_said_of_the_window_is_kept(engine: Engine) -> None:
    event = await make(engine, starts=5_000, sale=(1_000, 2_000))
    known = await engine.events.current(event)
    assert known is not None
    assert (known.terms.sale_starts_at_ms, known.sale_ends_at_ms) == (1_000, 2_000)
    await window(engine, event, None)
    known = await engine.events.current(event)
    assert known is not None
    assert (known.terms.sale_starts_at_ms, known.terms.sale_ends_at_ms) == (None, None)
    assert known.sale_ends_at_ms == 5_000


async def test_nothing_is_sold_of_what_is_past(engine: Engine, wire: Wire) -> None:
    event = await make(engine, starts=1_000)
    refused = Answer(Outcome.NOT_ON_SALE, ("over", "0", "1000"))
    seat = seat_id(event, SeatIndex(0))
    assert await engine.bookings.open(event, ANN, [seat]) == refused
    assert await engine.tickets.reserve(event, ANN) == refused
    assert await engine.tickets.book(event, ANN) == refused
    assert await engine.bookings.page(ANN, 0, 100) == ([], 0)
    assert await violations(wire, event) == []


async def test_what_is_held_is_paid_after_the_end(engine: Engine) -> None:
    event = await make(engine, size=2)
    opened = await engine.bookings.open(event, ANN, [seat_id(event, SeatIndex(0))])
    assert isinstance(opened, Opened)
    await window(engine, event, None, 1_000)
    more = await engine.seats.claim(opened.id, ANN, [seat_id(event, SeatIndex(1))])
    assert more.outcome is Outcome.NOT_ON_SALE
    await engine.bookings.begin_payment(opened.id, ANN)
    assert await engine.bookings.confirm(opened.id) == Answer(Outcome.CONFIRMED)


async def test_a_sale_that_would_never_be_open_is_refused(engine: Engine) -> None:
    event = await make(engine, starts=5_000)
    assert (await window(engine, event, 6_000)).outcome is Outcome.BAD_WINDOW
    assert (await window(engine, event, 6_000, 6_000)).outcome is Outcome.BAD_WINDOW
    assert (await window(engine, event, 6_000, 6_001)).outcome is Outcome.AMENDED
    for opens, closes in ((None, None), (None, 1), (1, None), (1, 2)):
        check_window(opens, closes)
    for opens, closes in ((1, 1), (2, 1)):
        with pytest.raises(WindowError):
            check_window(opens, closes)


async def test_what_becomes_free_stays_so_while_the_sale_is_over(
    engine: Engine, wire: Wire
) -> None:
    event = await queued(engine)
    await window(engine, event, None, 1_000)
    await engine.tickets.give_up(event, ANN)
    await engine.lines.drain()
    assert await rank(engine, event, BOB) is Rank.WAITING
    assert await wire.call("SISMEMBER", keys.of_event(event).promote, event) == 0
    assert await violations(wire, event) == []
    await window(engine, event, None)
    assert await rank(engine, event, BOB) is Rank.CONFIRMED
    assert await rank(engine, event, CLEO) is Rank.WAITING
    assert await violations(wire, event) == []


async def test_the_line_moves_when_the_sale_opens(engine: Engine, wire: Wire) -> None:
    event = await queued(engine)
    opens = await now_ms(engine) + 700
    await window(engine, event, opens)
    await engine.tickets.give_up(event, ANN)
    assert await rank(engine, event, BOB) is Rank.WAITING
    assert await violations(wire, event) == []
    assert await engine.tickets.reserve(event, ANN) == Answer(
        Outcome.NOT_ON_SALE, ("not_yet", str(opens), "0")
    )
    sweeping = asyncio.create_task(engine.sweeper.run())
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            while await rank(engine, event, BOB) is Rank.WAITING:
                pass
    finally:
        sweeping.cancel()
    assert await now_ms(engine) >= opens
    assert await wire.call("ZSCORE", keys.of_event(event).openings, event) is None
    assert await violations(wire, event) == []


async def test_an_opening_that_has_come_is_seen_to_once(engine: Engine, wire: Wire) -> None:
    event = await queued(engine)
    await window(engine, event, await now_ms(engine) + HOUR_MS)
    await engine.tickets.give_up(event, ANN)
    openings = keys.of_event(event).openings
    assert await engine.lines.open_due(await now_ms(engine)) == 0
    await wire.call("HSET", keys.of_event(event).event, "sale_starts_at", 1)
    await wire.call("ZADD", openings, 1, event)
    assert await engine.lines.open_due(await now_ms(engine)) == 1
    assert await rank(engine, event, BOB) is Rank.CONFIRMED
    assert await engine.lines.open_due(await now_ms(engine)) == 0


async def test_only_what_can_be_had_now_is_found_as_available(engine: Engine) -> None:
    now = await now_ms(engine)
    sells = await make(engine, starts=now + HOUR_MS, sale=(now - HOUR_MS, now + HOUR_MS))
    shut = [
        await make(engine, starts=now - HOUR_MS),
        await make(engine, sale=(now + HOUR_MS, None)),
        await make(engine, starts=now + HOUR_MS, sale=(None, now - HOUR_MS)),
    ]
    ours = {sells, *shut}
    for available, expected in ((True, {sells}), (False, set(shut))):
        found = await engine.finder.find(Search(available=available), 0, 1_000)
        assert isinstance(found, Listed)
        assert {each.id for each in found.items} & ours == expected
    told = [await status(engine, event, now) for event in (sells, *shut)]
    assert told == ["upcoming", "past", "upcoming", "sold_out"]


async def status(engine: Engine, event: EventId, at_ms: int) -> str:
    sales = await engine.events.sales(event)
    assert isinstance(sales, Sales)
    return sales.status(at_ms)


async def test_a_reset_brings_the_window_back(engine: Engine) -> None:
    event = await make(engine)
    await engine.store.command("HSET", keys.of_event(event).event, "seeded", 1)
    await window(engine, event, 1_000, 2_000)
    own = keys.of_event(event)
    assert (await engine.tickets.reserve(event, ANN)) == Answer(
        Outcome.NOT_ON_SALE, ("over", "1000", "2000")
    )
    await engine.store.change("restore_event", own, own.to_restore(), Once.anew(), ORGANIZER, event)
    assert isinstance(await engine.tickets.reserve(event, ANN), Reserved)


def test_an_event_sells_in_its_window_alone() -> None:
    layout = Layout.plan([ZonePlan("Floor", 0, (1,))])
    terms = replace(TERMS, sale_starts_at_ms=10, sale_ends_at_ms=20)
    event = Event(EventId(1), "1", 1, Details("A", starts_at_ms=15), terms, layout)
    assert [at for at in range(8, 23) if event.sells_at(at)] == list(range(10, 20))
    assert not replace(event, state=State.CLOSED).sells_at(15)
    until_it_starts = replace(event, terms=replace(terms, sale_ends_at_ms=None))
    assert [at for at in range(8, 23) if until_it_starts.sells_at(at)] == list(range(10, 15))
