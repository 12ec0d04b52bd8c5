"""What all scripts share: replies kept under a once key, and what happens when memory is full."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from billetter.domain.ids import AccountId, UserId
from billetter.domain.outcome import Unavailable
from billetter.engine import keys, scripts
from billetter.testing import Binary, RedisServer
from billetter.wire.topology import open_wire
from tests.lua.people import Person
from tests.lua.stage import ANN, BOB, LAPSE_S_MAX, ONCE_MS, Reply, Stage

Start = Callable[[Stage], Awaitable[object]]
Call = Callable[[Stage], Awaitable[Reply]]
CallOnce = Callable[[Stage, str], Awaitable[Reply]]


async def nothing(stage: Stage) -> None:
    pass


ONCE: dict[str, tuple[Start, CallOnce]] = {
    "open_booking": (nothing, lambda stage, once: stage.open(1, 5, once=once)),
    "claim_seats": (lambda stage: stage.open(1), lambda stage, once: stage.claim(1, 5, once=once)),
    "release_seats": (
        lambda stage: stage.open(1, 5),
        lambda stage, once: stage.release(1, 5, once=once),
    ),
    "begin_payment": (
        lambda stage: stage.open(1, 5),
        lambda stage, once: stage.begin_payment(1, once=once),
    ),
    "confirm_booking": (
        lambda stage: stage.paying(1, 5),
        lambda stage, once: stage.confirm(1, once=once),
    ),
    "cancel_booking": (
        lambda stage: stage.open(1, 5),
        lambda stage, once: stage.cancel(1, once=once),
    ),
    "refund_booking": (
        lambda stage: stage.confirmed(1, 5),
        lambda stage, once: stage.refund(1, once=once),
    ),
    "book_place": (nothing, lambda stage, once: stage.book(1, once=once)),
    "give_up_place": (
        lambda stage: stage.book(1),
        lambda stage, once: stage.give_up(1, once=once),
    ),
    "amend_event": (nothing, lambda stage, once: stage.amend(title="B", once=once)),
    "cancel_event": (nothing, lambda stage, once: stage.cancel_event(once=once)),
    "delete_event": (nothing, lambda stage, once: stage.delete(once=once)),
    "return_numbers": (
        lambda stage: stage.draw(9),
        lambda stage, once: stage.give_back(1, once=once),
    ),
    "restore_event": (nothing, lambda stage, once: stage.restore(once=once)),
    "keep_payment": (nothing, lambda stage, once: stage.keep("p", once=once)),
    "settle_refund": (
        lambda stage: stage.refundable(1, 5),
        lambda stage, once: stage.settle_refund(1, once=once),
    ),
    "note_payment": (
        lambda stage: stage.open(1),
        lambda stage, once: stage.note(1, "AUTHORIZED", once=once),
    ),
    "record_refusal": (nothing, lambda stage, once: stage.record("NO_SEAT", "☀", "", once=once)),
}


NAMED = {"amend_event", "delete_event", "give_up_place", "note_payment", "record_refusal"}
NAMED |= {"keep_payment", "return_numbers"}
"""Scripts that are never called without a key."""


def test_all_scripts_that_keep_replies_are_here() -> None:
    assert {name for name in scripts.names() if "lib/once" in source_of(name)} == set(ONCE)


def source_of(name: str) -> str:
    return scripts.directory().joinpath(f"{name}.lua").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", ONCE)
async def test_a_reply_is_kept_and_given_again_with_a_mark(stage: Stage, script: str) -> None:
    start, call = ONCE[script]
    await start(stage)
    first = await call(stage, "a")
    assert 0 < await stage.command("PTTL", stage.once_key("a")) <= ONCE_MS
    for _ in range(2):
        assert await stage.unchanged(call(stage, "a")) == [f"={first[0]}", *first[1:]]


@pytest.mark.parametrize("script", ONCE)
async def test_it_is_given_again_even_where_all_is_gone(stage: Stage, script: str) -> None:
    start, call = ONCE[script]
    await start(stage)
    first = await call(stage, "a")
    await stage.discard(1)
    await stage.remove()
    assert await stage.unchanged(call(stage, "a")) == [f"={first[0]}", *first[1:]]


@pytest.mark.parametrize("script", sorted(ONCE.keys() - NAMED))
async def test_without_a_key_nothing_is_kept(stage: Stage, script: str) -> None:
    start, call = ONCE[script]
    await start(stage)
    reply = await call(stage, "")
    assert not str(reply[0]).startswith("=")
    assert not [key for key in await stage.snapshot() if ":once:" in key]


@pytest.mark.parametrize("script", ONCE)
async def test_a_reply_of_its_own_for_every_key(stage: Stage, script: str) -> None:
    start, call = ONCE[script]
    await start(stage)
    await call(stage, "a")
    assert not str((await call(stage, "b"))[0]).startswith("=")


async def test_after_its_time_a_key_is_free_again(stage: Stage) -> None:
    await stage.open(1, 5, once="a")
    await stage.command("PEXPIRE", stage.once_key("a"), 1)
    async with asyncio.timeout(LAPSE_S_MAX):
        while await stage.command("EXISTS", stage.once_key("a")):
            pass
    assert (await stage.open(2, 6, once="a"))[:2] == ["OPENED", "2"]


async def given(stage: Stage) -> None:
    """Two numbers are drawn."""
    await stage.draw(9, 2)


async def missing(stage: Stage) -> None:
    """No event, and none that ever was."""
    await stage.command("DEL", stage.own.event)


@dataclass(frozen=True)
class Case:
    """A call in a state where it changes something.

    survives: it does so when memory is full, too; else it is refused and nothing has changed.
    """

    script: str
    state: str
    start: Start
    call: Call
    survives: bool

    @property
    def id(self) -> str:
        return f"{self.script}-{self.state}" if self.state else self.script


async def reserve(stage: Stage, candidate: str = "7") -> Reply:
    return await stage.run("reserve_id", _key(stage), ONCE_MS, "print", candidate, "token")


async def record(stage: Stage) -> Reply:
    return await stage.run("record_reply", _key(stage), ONCE_MS, "print", "token", "said")


async def free(stage: Stage) -> Reply:
    return await stage.run("free_key", _key(stage), "token")


def _key(stage: Stage) -> list[str]:
    stage.watched = [keys.user_once(UserId(f"x:{stage.event}"), "a")]
    return stage.watched


async def take_token(stage: Stage) -> Reply:
    key = keys.limit(f"{stage.event}")
    stage.watched = [key]
    return await stage.run("take_token", [key], 3, 600_000_000)


async def spent(stage: Stage) -> None:
    for _ in range(3):
        await take_token(stage)


async def return_token(stage: Stage) -> Reply:
    return await stage.run("return_token", [keys.limit(f"{stage.event}")], 600_000_000)


async def counting(stage: Stage) -> None:
    key = f"{stage.own.tag}:counter"
    stage.watched = [key]
    await stage.command("SET", key, 6)


async def draw_id(stage: Stage) -> Reply:
    return await stage.run("draw_id", stage.watched, "0")


async def skip_ids(stage: Stage) -> Reply:
    stage.watched = [f"{stage.own.tag}:counter"]
    return await stage.run("skip_ids", stage.watched, 3)


async def swept_behind_another(stage: Stage) -> None:
    await stage.swept(1, 5)
    await stage.open(2, 5, user=BOB)


async def cancelled_in_payment(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.cancel(1)


async def paid_by_p(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.confirm(1, "p")


async def twice_too_many(stage: Stage) -> None:
    await paid_by_p(stage)
    await stage.confirm(1, "q")
    await stage.confirm(1, "r")


async def paid_oddly(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.confirm(1, "p", 7)


async def old_debt(stage: Stage) -> None:
    """As older versions kept it."""
    await stage.refundable(1, 5)
    await stage.command("HDEL", stage.booking_key(1), "payments", "refunds")
    await stage.command("DEL", stage.own.refunds)


async def old_place(stage: Stage) -> None:
    await old_debt(stage)
    await stage.command("HDEL", stage.booking_key(1), "armed")


async def due(stage: Stage) -> None:
    await stage.lapsed(1, 5)
    await stage.expire(1, keep_ms=0)


def ann(stage: Stage) -> Person:
    return Person(stage, AccountId(1))


async def serving(stage: Stage) -> None:
    await ann(stage).serving("x")


async def counted(stage: Stage) -> None:
    await stage.plan(caps="held_max=9,bought_max=9,open_max=9")
    await stage.open(1, 5)


async def counted_in_payment(stage: Stage) -> None:
    await counted(stage)
    await stage.begin_payment(1)


async def counted_and_paid(stage: Stage) -> None:
    await counted_in_payment(stage)
    await stage.confirm(1)


async def counted_and_lapsed(stage: Stage) -> None:
    await stage.plan(caps="held_max=9,open_max=9")
    await stage.lapsed(1, 5)


async def uncounted(stage: Stage) -> None:
    await stage.draw(9)
    await stage.open(1, 5)
    await stage.amend(caps="held_max=9,open_max=9", counts=1)


async def promoting(stage: Stage) -> None:
    await stage.sold_out(3, 4)
    await stage.give_up(1)


CASES = [
    Case("reserve_id", "", nothing, reserve, False),
    Case("record_reply", "", reserve, record, False),
    Case("free_key", "", reserve, free, True),
    Case("take_token", "", nothing, take_token, False),
    Case("return_token", "", spent, return_token, True),
    Case("create_event", "", missing, lambda stage: stage.create(), False),
    Case("draw_numbers", "", nothing, lambda stage: stage.draw(9), False),
    Case("draw_id", "", counting, draw_id, False),
    Case("skip_ids", "", nothing, skip_ids, False),
    Case("return_numbers", "", given, lambda stage: stage.give_back(1), False),
    Case("open_booking", "", nothing, lambda stage: stage.open(1), False),
    Case("open_booking", "seats", nothing, lambda stage: stage.open(1, 5, once="a"), False),
    Case("claim_seats", "", lambda s: s.open(1), lambda s: s.claim(1, 5, once="a"), False),
    Case("claim_seats", "more", lambda s: s.open(1, 4), lambda s: s.claim(1, 5), False),
    Case("begin_payment", "", lambda s: s.open(1, 5), lambda s: s.begin_payment(1), False),
    Case("note_payment", "", lambda s: s.open(1), lambda s: s.note(1, "x", once="a"), False),
    Case("record_refusal", "", nothing, lambda s: s.record("NO_SEAT", once="a"), False),
    Case("release_seats", "", lambda s: s.open(1, 5), lambda s: s.release(1, 5), True),
    Case(
        "release_seats", "once", lambda s: s.open(1, 5), lambda s: s.release(1, 5, once="a"), True
    ),
    Case("cancel_booking", "", lambda s: s.open(1, 5), lambda s: s.cancel(1, once="a"), True),
    Case("cancel_booking", "booked", lambda s: s.open(1), lambda s: s.cancel(1), True),
    Case("cancel_booking", "failed", lambda s: s.paying(1, 5), lambda s: s.fail(1), True),
    Case("cancel_booking", "expired", lambda s: s.swept(1, 5), lambda s: s.fail(1), True),
    Case("expire_hold", "", lambda s: s.lapsed(1, 5), lambda s: s.expire(1), True),
    Case("expire_hold", "booked", lambda s: s.lapsed(1), lambda s: s.expire(1), True),
    Case("forget_booking", "", due, lambda s: s.forget(1), True),
    Case("confirm_booking", "", lambda s: s.paying(1, 5), lambda s: s.confirm(1, once="a"), True),
    Case("confirm_booking", "lapsed", lambda s: s.unpaid(1, 5), lambda s: s.confirm(1), True),
    Case("confirm_booking", "retaken", lambda s: s.swept(1, 5), lambda s: s.confirm(1), True),
    Case("confirm_booking", "gone", swept_behind_another, lambda s: s.confirm(1), True),
    Case("confirm_booking", "cancelled", cancelled_in_payment, lambda s: s.confirm(1), True),
    Case("confirm_booking", "early", lambda s: s.open(1, 5), lambda s: s.confirm(1, "p"), True),
    Case(
        "confirm_booking", "named", lambda s: s.confirmed(1, 5), lambda s: s.confirm(1, "p"), True
    ),
    Case("confirm_booking", "twice", paid_by_p, lambda s: s.confirm(1, "q"), True),
    Case("confirm_booking", "noted", paid_by_p, lambda s: s.confirm(1, "p", 7), True),
    Case("confirm_booking", "odd", lambda s: s.paying(1, 5), lambda s: s.confirm(1, "p", 7), True),
    Case("keep_payment", "noted", nothing, lambda s: s.keep("p", kept=0), True),
    Case("keep_payment", "", nothing, lambda s: s.keep("p"), True),
    Case("settle_refund", "", lambda s: s.refundable(1, 5), lambda s: s.settle_refund(1), True),
    Case("settle_refund", "one", twice_too_many, lambda s: s.settle_refund(1, "q"), True),
    Case("settle_refund", "unmatched", paid_oddly, lambda s: s.settle_refund(1, "p"), True),
    Case("upgrade_booking", "", old_debt, lambda s: s.upgrade(1), False),
    Case("upgrade_booking", "unpaid", old_place, lambda s: s.upgrade(1), False),
    Case("discard_booking", "", lambda s: s.confirmed(1, 5), lambda s: s.discard(1), True),
    Case("discard_booking", "counted", counted, lambda s: s.discard(1), True),
    Case("expire_hold", "counted", counted_and_lapsed, lambda s: s.expire(1), True),
    Case("cancel_booking", "counted", counted, lambda s: s.cancel(1), True),
    Case("release_seats", "counted", counted, lambda s: s.release(1, 5), True),
    Case("claim_seats", "counted", counted, lambda s: s.claim(1, 6), False),
    Case("open_booking", "counted", counted, lambda s: s.open(2, 6), False),
    Case("confirm_booking", "counted", counted_in_payment, lambda s: s.confirm(1), True),
    Case("refund_booking", "", lambda s: s.confirmed(1, 5), lambda s: s.refund(1), True),
    Case("refund_booking", "counted", counted_and_paid, lambda s: s.refund(1, once="a"), True),
    Case("book_place", "", nothing, lambda s: s.book(1, once="a"), False),
    Case("book_place", "waits", Stage.sold_out, lambda s: s.book(3, BOB), False),
    Case("book_place", "counted", counted, lambda s: s.book(2), False),
    Case("promote_waiting", "", promoting, lambda s: s.promote(3), False),
    Case("give_up_place", "", lambda s: s.book(1), lambda s: s.give_up(1), True),
    Case("give_up_place", "line", lambda s: s.sold_out(3), lambda s: s.give_up(1), True),
    Case("give_up_place", "waits", lambda s: s.sold_out(3), lambda s: s.give_up(3, "x:3"), True),
    Case("cancel_booking", "waits", lambda s: s.sold_out(3), lambda s: s.cancel(3, "x:3"), True),
    Case("discard_booking", "waits", lambda s: s.sold_out(3), lambda s: s.discard(3), True),
    Case("refund_booking", "line", lambda s: s.sold_out(3), lambda s: s.refund(1), True),
    Case("count_booking", "", uncounted, lambda s: s.count(1), False),
    Case("amend_event", "", nothing, lambda s: s.amend(title="B"), False),
    Case("amend_event", "seats", nothing, lambda s: s.amend(going="5-6", counts=1, bits=9), False),
    Case("cancel_event", "", nothing, lambda s: s.cancel_event(once="a"), False),
    Case("settle_event", "", Stage.cancel_event, lambda s: s.settle(), True),
    Case("settle_event", "counts", uncounted, lambda s: s.settle(9), True),
    Case("delete_event", "", nothing, lambda s: s.delete(), True),
    Case("restore_event", "", nothing, lambda s: s.restore(), False),
    Case("remove_event", "", lambda s: s.confirmed(1, 5), lambda s: s.remove(), True),
    Case("register_account", "", nothing, lambda s: ann(s).register(), False),
    Case("change_role", "", serving, lambda s: ann(s).change_role("admin"), False),
    Case("change_password", "", serving, lambda s: ann(s).change_password("new"), False),
    Case("rehash_password", "", serving, lambda s: ann(s).rehash("hash", "new"), False),
    Case("add_token", "", serving, lambda s: ann(s).add_token("y"), False),
    Case("remember_address", "", serving, lambda s: ann(s).remember("x"), False),
    Case("revoke_tokens", "", serving, lambda s: ann(s).revoke_tokens(), True),
    Case("erase_account", "", serving, lambda s: ann(s).erase(), True),
]


@pytest.fixture
async def own_stage(own_server: RedisServer) -> AsyncIterator[Stage]:
    wire = open_wire(own_server.url)
    await wire.start()
    stage = Stage(wire)
    await stage.store.load()
    await stage.create()
    yield stage
    await wire.close()


async def fill(stage: Stage, full: bool) -> None:
    await stage.command("CONFIG", "SET", "maxmemory", int(full))


def test_every_script_that_changes_something_meets_full_memory() -> None:
    changing = {name for name in scripts.names() if "no-writes" not in source_of(name)}
    assert {case.script for case in CASES} == changing


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_full_memory_stops_a_script_before_it_writes_or_not_at_all(
    own_stage: Stage, case: Case
) -> None:
    await case.start(own_stage)
    before = await own_stage.snapshot()
    await fill(own_stage, True)
    if case.survives:
        reply = await case.call(own_stage)
        await fill(own_stage, False)
    else:
        with pytest.raises(Unavailable):
            await case.call(own_stage)
        assert await own_stage.snapshot() == before
        await fill(own_stage, False)
        reply = await case.call(own_stage)
    assert await own_stage.snapshot() != before, reply


async def test_with_full_memory_the_whole_way_out_of_a_booking_works(own_stage: Stage) -> None:
    await own_stage.paying(1, 5, 6)
    await own_stage.open(2, 7, 8)
    await own_stage.lapsed(3, 9)
    await fill(own_stage, True)
    assert await own_stage.confirm(1) == ["CONFIRMED"]
    assert await own_stage.release(2, 7, once="a") == ["RELEASED", "1"]
    assert await own_stage.cancel(2) == ["CANCELLED"]
    assert await own_stage.expire(3, keep_ms=0) == ["EXPIRED"]
    assert await own_stage.forget(3) == ["FORGOTTEN", ANN]
    assert (await own_stage.taken(), await own_stage.sold()) == ({5, 6}, {5, 6})
    assert await own_stage.holders() == {5: 1, 6: 1}
    assert (await own_stage.last())["what"] == "forgotten"


async def test_with_full_memory_reading_works(own_stage: Stage) -> None:
    await own_stage.confirmed(1, 5)
    await fill(own_stage, True)
    assert (await own_stage.look(1))[:3] == ["BOOKING", ANN, "confirmed"]
    assert await own_stage.count_seats(0, 9) == ["COUNTS", "1500", "1", "0", "0", 1, 1]
    assert await own_stage.read_seats(0, 9) == [b"SEATS", b"\x04", b"\x04"]


async def test_with_full_memory_a_refusal_is_given_or_the_call_fails_cleanly(
    own_stage: Stage,
) -> None:
    await own_stage.confirmed(1, 5)
    before = await own_stage.snapshot()
    await fill(own_stage, True)
    for call in (own_stage.open(2, 5, once="a"), own_stage.claim(2, 5), own_stage.note(2, "", "b")):
        try:
            reply = await call
        except Unavailable:
            continue
        assert reply[0] in ("SEAT_TAKEN", "NO_BOOKING")
    assert await own_stage.snapshot() == before


async def test_with_full_memory_a_key_used_before_is_known_unless_flags_forbid_the_script(
    own_stage: Stage, binary: Binary
) -> None:
    known = await reserve(own_stage, "")
    await fill(own_stage, True)
    if binary.version >= (7, 0):
        with pytest.raises(Unavailable):
            await reserve(own_stage, "")
    else:
        assert await own_stage.unchanged(reserve(own_stage, "")) == known


async def test_with_full_memory_scripts_are_still_loaded(own_stage: Stage) -> None:
    await own_stage.open(1, 5)
    await fill(own_stage, True)
    await own_stage.command("SCRIPT", "FLUSH")
    afresh = type(own_stage.store)(own_stage.wire)
    own_stage.store = afresh
    assert await own_stage.release(1, 5) == ["RELEASED", "0"]
