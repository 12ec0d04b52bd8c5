"""The audit amid what no script wrote: it names that, looks at all the rest, and never fails."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from billetter.domain.ids import EventId
from billetter.domain.outcome import Unavailable
from billetter.engine import Engine, audit, keys, partition_keys
from billetter.engine.audit_report import Report
from billetter.engine.journal import KINDS, Unread, read_entry
from billetter.wire.lane import Argument
from billetter.wire.topology import Wire
from tests.lua.stage import Stage
from tests.lua.test_once import CASES, Case
from tests.processes import ROOT
from tests.test_audit import ANN, BOB, HOLD_MS, Sale, alone, cap, own_url, sale

__all__ = ["alone", "own_url", "sale"]  # Fixtures.


WRITES = re.compile(r"(?:journal|tell)\((?:KEYS\[\d+\]|at\.journal), '(\w+)'")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "SETTLE_S", 0.01)


# Entries of the journals.


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_every_entry_that_a_script_writes_is_read(stage_of: Stage, case: Case) -> None:
    await case.start(stage_of)
    await case.call(stage_of)
    for journal in (stage_of.own.journal, keys.USERS_JOURNAL):
        entries: Any = await stage_of.wire.call("XRANGE", journal, "-", "+")
        read = [read_entry(id_.decode(), fields) for id_, fields in entries]
        assert not [entry for entry in read if isinstance(entry, Unread)]


@pytest.fixture
async def stage_of(alone: Wire) -> Stage:
    stage = Stage(alone)
    await stage.create()
    return stage


async def test_an_event_whose_seats_went_is_clean_and_replayed(sale: Sale) -> None:
    """Its journal tells of them as ranges."""
    own, event = sale.own, await sale.engine.events.get(sale.event)
    assert event
    store = sale.engine.store
    declared = [*own.to_amend(), own.once("a")]
    about = (60_000, ANN, sale.event, event.version, "20-29", "0", "")
    answer = await store.run("amend_event", declared, *about, "title", "B")
    assert answer.outcome.value == "AMENDED"
    assert await sale.audit() == Report(events=1, bookings=5, seats=6)


def entry(**changed: Argument) -> Callable[[Sale], Awaitable[object]]:
    """An entry as of a booking that opened with seat 9, of which something is changed."""

    async def write(sale: Sale) -> object:
        told: dict[str, Argument] = {
            "what": "expired",
            "event": sale.event,
            "booking": 2,
            "user": BOB,
        }
        fields: dict[str, Argument] = {**told, "seats": "9", "note": "", **changed}
        flat = [each for name, value in fields.items() if value != "gone" for each in (name, value)]
        return await sale.ask("XADD", sale.own.journal, "*", *flat)

    return write


ENTRIES = {
    "unknown_word": (entry(what="exploded"), "nobody knows what 'exploded' means"),
    "odd_seats": (entry(seats="9,x"), "'x' is no number"),
    "range_of_a_booking": (entry(seats="9-11"), "'9-11' is no number"),
    "huge_seat": (entry(seats="9" * 5_000), "'9{40}' is no number"),
    "odd_gone": (entry(what="amended", booking="", seats="9"), "'' is no number"),
    "odd_booking": (entry(booking="-1"), "'-1' is no number"),
    "no_booking": (entry(booking=""), "'expired' names no booking of an event"),
    "odd_amount": (entry(what="confirmed", note="1.50"), "'1.50' is no number"),
    "not_text": (entry(user=b"\xff"), "'utf-8' codec .*"),
    "lacks_seats": (entry(seats="gone"), "it has no seats"),
    "odd_event": (entry(event="x"), "'x' is no number"),
    "lacks_event": (entry(event="gone"), "it has no event"),
}


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize("repair", [False, True])
async def test_an_odd_entry_is_named_and_the_rest_is_looked_at(
    sale: Sale, name: str, repair: bool
) -> None:
    write, why = ENTRIES[name]
    await write(sale)
    await sale.ask("SETBIT", sale.own.taken, 9, 1)
    other = await sale.make(HOLD_MS)
    await sale.ask("SETBIT", keys.of_event(other).taken, 8, 1)
    report = await sale.audit(repair=repair)
    told = {(each.event, each.what, each.mended) for each in report.violations}
    odd = next(each for each in told if each[1].startswith("entry "))
    named = rf"entry \d+-\d+ of {re.escape(sale.own.journal)} cannot be read: {why}"
    assert re.fullmatch(named, odd[1])
    known = None if "event" in name else sale.event
    assert (odd[0], odd[2]) == (known, False)
    assert {each[0] for each in told} == {known, sale.event, other}
    assert len(told) == 3
    # What it tells of an event is no witness any more.
    assert report.unreplayed == ([sale.event] if known else [])
    assert not report.clean


async def test_an_odd_entry_of_an_event_that_is_gone_is_named(sale: Sale) -> None:
    await entry(what="exploded", event=sale.event + 64)(sale)
    await entry(what="exploded", event=sale.event + 1)(sale)
    report = await sale.audit()
    assert [each.event for each in report.violations] == [sale.event + 64, sale.event + 1]
    assert report.unreplayed == []


async def test_an_odd_entry_in_a_partition_without_events_is_named(alone: Wire) -> None:
    await alone.call("XADD", partition_keys.journal("{p09}"), "*", "what", "exploded")
    report = await Engine(alone).audit.run()
    assert [each.event for each in report.violations] == [None]


# Everything else.


@dataclass(frozen=True)
class Odd:
    """Something no script wrote. told: what is said of it, among other things."""

    name: str
    do: Callable[[Sale], Awaitable[object]]
    told: str
    of_event: bool = True


def ask(command: str, key: str, *args: Argument) -> Callable[[Sale], Awaitable[object]]:
    return lambda sale: sale.ask(command, getattr(sale.own, key), *args)


def hashed(number: int, **fields: Argument) -> Callable[[Sale], Awaitable[object]]:
    return lambda sale: sale.change(number, **fields)


def retyped(key: Callable[[Sale], str]) -> Callable[[Sale], Awaitable[object]]:
    """A key holds what no key of ours does."""

    async def change(sale: Sale) -> None:
        await sale.ask("DEL", key(sale))
        await sale.ask("LPUSH", key(sale), "odd")

    return change


def own(name: str) -> Callable[[Sale], str]:
    return lambda sale: str(getattr(sale.own, name))


async def with_caps(sale: Sale, share: str) -> None:
    await cap(sale)
    await sale.ask("HSET", sale.own.shares, "x:eve", share)


async def garbled_layout(sale: Sale) -> None:
    await sale.ask("HSET", sale.own.event, "layout", '{"zones": [{}]}')


ODD = [
    Odd("seats", hashed(1, seats="x:500"), "booking \\d+ cannot be read: .*'x'.*"),
    Odd("price", hashed(1, seats="1:x"), "booking \\d+ cannot be read: .*'x'.*"),
    Odd("status", hashed(1, status="dancing"), "booking \\d+ cannot be read: .*dancing.*"),
    Odd("not_text", hashed(1, user=b"\xff\xfe"), "booking \\d+ cannot be read: .*utf-8.*"),
    Odd("amount", hashed(4, amount="x"), "booking \\d+ costs x, its seats 1000"),
    Odd("expires", hashed(1, expires="soon"), "booking \\d+: its hold ends soon, .*"),
    Odd("holder", ask("HSET", "holders", 0, "ann"), "seat \\d+ cannot be read: .*'ann'"),
    Odd("holder_of", ask("HSET", "holders", "x", 1), "a holder of its seats cannot be read: .*'x'"),
    Odd("place", ask("HSET", "patrons", "x:eve", "what"), "a user's place in it .*'what'"),
    Odd("became", ask("HSET", "patrons", "x:eve", "9:odd"), "a user's place in it .*'9:odd'"),
    Odd("waits", ask("ZADD", "waiting", 1, "x"), "its line has an entry that .*'x'"),
    Odd("refund_of", ask("ZADD", "refunds", 1, "x"), "an entry of its list of refunds .*'x'"),
    Odd("unmatched", ask("HSET", "unmatched", "5:p", "junk"), "an unmatched payment .*"),
    Odd("unmatched_of", ask("HSET", "unmatched", "x:p", "::x:y:1"), "an unmatched payment .*'x'"),
    Odd("refunds", retyped(own("refunds")), "its list of refunds cannot be read.*"),
    Odd("all_unmatched", retyped(own("unmatched")), "its list of unmatched payments .*"),
    Odd("share", lambda sale: with_caps(sale, "9+1"), "a user's share of it .*'9\\+1'"),
    Odd("share_of_ann", ask("HSET", "shares", "x:ann", "1"), "a user's share of it .*'1'"),
    Odd(
        "revenue",
        ask("HSET", "event", "revenue", "x"),
        "revenue .*the event says \\(x, 1\\)",
    ),
    Odd("last", ask("HSET", "event", "bookings", "x"), "booking \\d+: x is the last number drawn"),
    Odd("drawn", ask("HSET", "event", "bookings", 3), "booking \\d+: 3 is the last number drawn"),
    Odd("no_version", ask("HDEL", "event", "version"), "the event .* has no version"),
    Odd("layout", garbled_layout, "the event cannot be read: .*"),
    Odd("holders_type", retyped(own("holders")), "its list of holders cannot be read: WRONGTYPE.*"),
    Odd("taken_type", retyped(own("taken")), "its bitmap of taken .* WRONGTYPE.*"),
    Odd("sold_type", retyped(own("sold")), "its bitmap of sold .* WRONGTYPE.*"),
    Odd("shares_type", retyped(own("shares")), "its list of shares .*WRONGTYPE.*"),
    Odd("patrons_type", retyped(own("patrons")), "its list of places .*WRONGTYPE.*"),
    Odd("waiting_type", retyped(own("waiting")), "its .*WRONGTYPE.*"),
    Odd("event_type", retyped(own("event")), "the event cannot be read: .*WRONGTYPE.*"),
    Odd("journal_type", retyped(own("journal")), "the event cannot be read: .*WRONGTYPE.*"),
    Odd("deadlines_type", retyped(own("deadlines")), "booking \\d+ cannot be read: .*WRONGTYPE.*"),
    Odd(
        "booking_type",
        retyped(lambda sale: sale.booking(2)),
        "booking \\d+ .*WRONGTYPE.*",
    ),
    Odd(
        "users_list_type",
        retyped(lambda sale: keys.user_bookings(BOB)),
        "the list of its user has booking \\d+: .*WRONGTYPE.*",
    ),
    Odd(
        "listed",
        lambda sale: sale.ask("ZADD", keys.EVENTS_INDEX, 1, "x"),
        "an entry of the list of events cannot be read: .*'x'",
        False,
    ),
    Odd(
        "list_type",
        retyped(lambda sale: keys.EVENTS_INDEX),
        "the list of events cannot be read: .*WRONGTYPE.*",
        False,
    ),
    Odd(
        "planted_event",
        lambda sale: sale.ask("HSET", "{p63}:event:1", "version", "1"),
        "the key b'{p63}:event:1' cannot be read: no event is kept under that name",
        False,
    ),
    Odd(
        "planted_booking",
        lambda sale: sale.ask("HSET", "{p01}:booking:1:0009", "user", "x"),
        "the key b'{p01}:booking:1:0009' cannot be read: .*",
        False,
    ),
]


@pytest.mark.parametrize("odd", ODD, ids=lambda it: it.name)
async def test_what_cannot_be_read_is_named_and_the_rest_is_looked_at(sale: Sale, odd: Odd) -> None:
    other = await sale.make(HOLD_MS)
    await odd.do(sale)
    await sale.ask("SETBIT", keys.of_event(other).taken, 8, 1)
    before = await everything(sale)
    plain = await sale.audit()
    assert await everything(sale) == before
    for report in (plain, await sale.audit(repair=True)):
        told = [each for each in report.violations if re.fullmatch(odd.told, each.what)]
        assert told, report.violations
        assert {each.event for each in told} == {sale.event if odd.of_event else None}
        assert not any(each.mended for each in told)
        assert not report.clean
        assert other in {each.event for each in report.violations}
        assert report.events == 2


async def everything(sale: Sale) -> object:
    found = await sale.ask("KEYS", "*")
    assert isinstance(found, list)
    return sorted(found), [await sale.ask("DUMP", key) for key in sorted(found)]


async def test_of_an_event_whose_layout_is_odd_the_seats_are_looked_at(sale: Sale) -> None:
    await garbled_layout(sale)
    await sale.ask("SETBIT", sale.own.taken, 9, 1)
    told = await sale.told()
    assert [what for what in told if what == "seat 9 is taken, and nobody holds it"]


async def test_a_booking_beyond_the_last_number_is_looked_at(sale: Sale) -> None:
    await sale.ask("HSET", sale.own.event, "bookings", 3)
    await sale.change(4, seats="4:500")
    told = await sale.told()
    assert "booking 5: 3 is the last number drawn" in told
    assert "seat 5 is held by booking 4, which does not list it" in told


async def test_a_redis_that_goes_away_is_no_finding(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sale.engine.store.run

    async def run(name: str, *args: object) -> object:
        if name == "inspect_booking":
            raise Unavailable("it is away")
        return await real(name, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(sale.engine.store, "run", run)
    with pytest.raises(Unavailable):
        await sale.audit()


def test_every_kind_of_entry_has_a_reader_and_is_in_the_table() -> None:
    texts = [path.read_text() for path in sorted((ROOT / "lua").rglob("*.lua"))]
    written = {what for text in texts for what in WRITES.findall(text)}
    table = (ROOT / "lua" / "README.md").read_text().partition("## The journal")[2]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert written == KINDS.keys() == {what for row in rows for what in re.findall("`(.*?)`", row)}


async def test_a_refund_of_what_is_gone_is_taken_off_its_list(sale: Sale) -> None:
    await sale.ask("ZADD", sale.own.refunds, 1, 77)
    told = [r"a refund of booking \d+ is listed, and it is gone"]
    for mended in (False, True):
        report = await sale.audit(repair=mended)
        (fault,) = report.violations
        assert (re.fullmatch(told[0], fault.what) is not None, fault.mended) == (True, mended)
    assert (await sale.audit()).clean


async def test_an_odd_payment_of_no_known_event_is_named(alone: Wire) -> None:
    await alone.call("HSET", keys.of_event(EventId(0)).unmatched, "5:p", "junk")
    report = await Engine(alone).audit.run()
    (fault,) = report.violations
    assert fault.event is None
    assert fault.what.startswith("an unmatched payment cannot be read")
