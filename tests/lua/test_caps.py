"""Caps on what one user may have of an event: whatever gives or takes, the share follows."""

from collections.abc import Awaitable, Callable

import pytest

from tests.lua.stage import ANN, BOB, NOBODY, Reply, Stage

HELD, BOUGHT, OPEN = (
    "held_max=2,open_max=1000",
    "bought_max=2,open_max=1000",
    "open_max=2",
)
ALL = "held_max=9,bought_max=9,open_max=9"


async def test_without_caps_nothing_is_kept(stage: Stage) -> None:
    await stage.open(1, 1, 2)
    await stage.claim(1, 3)
    await stage.release(1, 1)
    await stage.confirmed(2, 4)
    await stage.refund(2)
    await stage.swept(3, 5)
    await stage.cancel(1)
    assert await stage.shares() == {}
    assert "counted" not in await stage.booking(1)


UNCOUNTED: dict[str, Callable[[Stage], Awaitable[Reply]]] = {
    "claim": lambda stage: stage.claim(1, 2),
    "release": lambda stage: stage.release(1, 1),
    "cancel": lambda stage: stage.cancel(1),
    "discard": lambda stage: stage.discard(1),
    "expire": lambda stage: stage.expire(2),
    "confirm": lambda stage: stage.confirm(3),
    "refund": lambda stage: stage.refund(4),
}


@pytest.mark.parametrize("how", UNCOUNTED)
async def test_without_caps_no_share_is_looked_at(stage: Stage, how: str) -> None:
    await stage.open(1, 1)
    await stage.lapsed(2, 3)
    await stage.paying(3, 4)
    await stage.confirmed(4, 5)
    await stage.command("HSET", stage.own.shares, ANN, "1:7,2:7,3:7,4=7")
    await UNCOUNTED[how](stage)
    assert await stage.shares() == {ANN: "1:7,2:7,3:7,4=7"}


async def test_seats_held(stage: Stage) -> None:
    await stage.plan(caps=HELD)
    reached = ["CAP_REACHED", "held_max", "2"]
    assert await stage.unchanged(stage.open(1, 1, 2, 3)) == reached
    await stage.open(1, 1)
    await stage.open(2)
    assert await stage.unchanged(stage.claim(2, 2, 3)) == reached
    assert (await stage.claim(2, 2))[0] == "CLAIMED"
    for refused in (stage.claim(1, 3), stage.claim(2, 3), stage.open(3, 3)):
        assert await stage.unchanged(refused) == reached
    assert (await stage.claim(2, 2))[0] == "CLAIMED"
    assert await stage.shares() == {ANN: "1:1,2:1"}
    assert (await stage.open(3))[0] == "OPENED"
    assert (await stage.open(4, 3, 4, user=BOB))[0] == "OPENED"


async def test_seats_bought_and_about_to_be(stage: Stage) -> None:
    await stage.plan(caps=BOUGHT)
    await stage.confirmed(1, 1)
    await stage.open(2, 2)
    assert await stage.shares() == {ANN: "1=1,2:1"}
    for refused in (stage.claim(2, 3), stage.open(3, 3)):
        assert await stage.unchanged(refused) == ["CAP_REACHED", "bought_max", "2"]
    assert (await stage.begin_payment(2))[0] == "AWAITING_PAYMENT"
    assert await stage.confirm(2) == ["CONFIRMED"]
    assert await stage.shares() == {ANN: "1=1,2=1"}
    assert (await stage.open(3))[0] == "OPENED"


async def test_what_is_bought_counts_only_where_that_is_capped(stage: Stage) -> None:
    await stage.plan(caps=HELD)
    await stage.confirmed(1, 1, 2)
    assert await stage.shares() == {}
    assert (await stage.open(2, 3, 4))[0] == "OPENED"
    await stage.refund(1)
    assert await stage.shares() == {ANN: "2:2"}


async def test_what_is_bought_is_neither_held_nor_open(stage: Stage) -> None:
    await stage.plan(caps="held_max=2,bought_max=4,open_max=1")
    await stage.confirmed(1, 1, 2)
    assert (await stage.open(2))[0] == "OPENED"
    assert (await stage.claim(2, 3, 4))[0] == "CLAIMED"


async def test_unfinished_bookings(stage: Stage) -> None:
    await stage.plan(caps=OPEN)
    await stage.open(1)
    await stage.paying(2, 1)
    for refused in (stage.open(3), stage.open(3, 2)):
        assert await stage.unchanged(refused) == ["CAP_REACHED", "open_max", "2"]
    assert (await stage.claim(1, 2))[0] == "CLAIMED"
    assert (await stage.open(1))[:2] == ["OPENED", "1"]
    await stage.confirm(2)
    assert (await stage.open(3))[0] == "OPENED"


async def test_the_first_cap_exceeded_is_named(stage: Stage) -> None:
    await stage.plan(caps="held_max=1,bought_max=1,open_max=1")
    await stage.open(1, 1)
    assert await stage.unchanged(stage.open(2, 2)) == ["CAP_REACHED", "held_max", "1"]
    assert await stage.unchanged(stage.open(2)) == ["CAP_REACHED", "open_max", "1"]


async def test_other_refusals_outrank_it(stage: Stage) -> None:
    await stage.plan(caps="held_max=1,open_max=1")
    await stage.confirmed(1, 5, user=BOB)
    await stage.open(2, 1)
    assert (await stage.unchanged(stage.claim(2, 5)))[0] == "SEAT_TAKEN"
    assert (await stage.unchanged(stage.open(3, 5)))[0] == "SEAT_TAKEN"
    assert await stage.unchanged(stage.claim(2, 2, 3, 4, 6)) == ["TOO_MANY", "4"]
    assert await stage.unchanged(stage.open(3, 2, 3, 4, 6, 7)) == ["TOO_MANY", "4"]


GIVING_BACK: dict[str, Callable[[Stage], Awaitable[Reply]]] = {
    "release": lambda stage: stage.release(1, 1),
    "cancel": lambda stage: stage.cancel(1),
    "fail": lambda stage: stage.fail(1),
    "discard": lambda stage: stage.discard(1),
}


@pytest.mark.parametrize("how", GIVING_BACK)
async def test_what_is_given_back_may_be_had_again(stage: Stage, how: str) -> None:
    await stage.plan(caps=HELD)
    await stage.open(1, 1)
    await stage.open(2, 2)
    assert (await stage.claim(2, 3))[0] == "CAP_REACHED"
    await GIVING_BACK[how](stage)
    assert await stage.shares() == {ANN: "2:1,1:0" if how == "release" else "2:1"}
    assert (await stage.claim(2, 3))[0] == "CLAIMED"


@pytest.mark.parametrize("how", ["cancel", "fail", "discard"])
async def test_a_user_with_nothing_costs_nothing(stage: Stage, how: str) -> None:
    await stage.plan(caps=ALL)
    await stage.open(1, 1)
    assert stage.own.shares in await stage.snapshot()
    await GIVING_BACK[how](stage)
    assert stage.own.shares not in await stage.snapshot()


async def test_a_lapsed_booking_of_ones_own_is_expired_first(stage: Stage) -> None:
    await stage.plan(caps=HELD)
    await stage.lapsed(1, 1)
    await stage.lapsed(2, 2, user=BOB)
    await stage.open(3)
    assert await stage.unchanged(stage.claim(3, 3, 4)) == ["LAPSED", "1"]
    assert await stage.unchanged(stage.open(4, 3, 4)) == ["LAPSED", "1"]
    await stage.expire(1)
    assert await stage.shares() == {ANN: "3:0", BOB: "2:1"}
    assert (await stage.claim(3, 3, 4))[0] == "CLAIMED"
    assert await stage.unchanged(stage.claim(3, 5)) == ["CAP_REACHED", "held_max", "2"]


async def test_a_lapsed_empty_booking_is_expired_first(stage: Stage) -> None:
    await stage.plan(caps=OPEN)
    await stage.lapsed(1)
    await stage.lapsed(2)
    assert await stage.unchanged(stage.open(3)) == ["LAPSED", "1", "2"]
    for number in (1, 2):
        assert await stage.expire(number) == ["VANISHED", ANN]
    assert await stage.shares() == {}
    assert (await stage.open(3))[0] == "OPENED"


async def test_a_late_payment_takes_seats_back_within_the_caps(stage: Stage) -> None:
    await stage.plan(caps=BOUGHT)
    await stage.swept(1, 1, 2)
    await stage.swept(2, 3)
    await stage.swept(3, 4)
    await stage.confirmed(4, 5)
    assert await stage.confirm(2) == ["CONFIRMED"]
    assert await stage.shares() == {ANN: "4=1,2=1"}
    assert await stage.confirm(1) == ["REFUND_DUE"]
    assert await stage.confirm(3) == ["REFUND_DUE"]
    assert await stage.taken() == {3, 5}


async def test_a_late_payment_is_not_kept_out_by_what_has_lapsed(stage: Stage) -> None:
    await stage.plan(caps=BOUGHT)
    await stage.swept(1, 1)
    await stage.lapsed(2, 2, 3)
    assert await stage.unchanged(stage.confirm(1)) == ["LAPSED", "2"]
    await stage.expire(2)
    assert await stage.confirm(1) == ["CONFIRMED"]


async def test_caps_that_come_later_hold_for_what_is_claimed_from_then_on(stage: Stage) -> None:
    await stage.open(1, 1)
    await stage.paying(2, 2)
    await stage.open(3, 3)
    await stage.plan(caps="held_max=3,bought_max=4,open_max=1000")
    assert (await stage.claim(1, 4))[0] == "CLAIMED"
    assert await stage.shares() == {ANN: "1:2"}
    assert (await stage.booking(1))["counted"] == "1"
    assert await stage.confirm(2) == ["CONFIRMED"]
    assert await stage.shares() == {ANN: "1:2,2=1"}
    assert (await stage.booking(2))["counted"] == "1"
    assert await stage.cancel(3) == ["CANCELLED"]
    assert await stage.unchanged(stage.claim(1, 5, 6)) == ["CAP_REACHED", "held_max", "3"]


async def test_what_one_has_when_a_cap_falls_one_keeps(stage: Stage) -> None:
    await stage.plan(caps="held_max=4,open_max=1000")
    await stage.open(1, 1, 2, 3)
    await stage.plan(caps="held_max=1,open_max=1")
    assert (await stage.claim(1, 2))[0] == "CLAIMED"
    assert await stage.unchanged(stage.claim(1, 4)) == ["CAP_REACHED", "held_max", "1"]
    await stage.plan(caps="held_max=1,bought_max=1,open_max=2")
    assert (await stage.open(2))[0] == "OPENED"
    assert (await stage.begin_payment(1))[0] == "AWAITING_PAYMENT"
    assert await stage.confirm(1) == ["CONFIRMED"]


async def test_more_than_a_booking_may_have_by_now_is_kept(stage: Stage) -> None:
    _, _, expires, *_ = await stage.open(1, 1, 2, 3)
    await stage.amend(seats_max=2)
    assert await stage.unchanged(stage.claim(1, 2)) == ["CLAIMED", expires]
    assert await stage.unchanged(stage.claim(1, 4)) == ["TOO_MANY", "2"]


async def test_caps_that_go_leave_right_shares(stage: Stage) -> None:
    await stage.plan(caps=ALL)
    await stage.open(1, 1)
    await stage.confirmed(2, 2)
    await stage.open(3, 3)
    await stage.command("HDEL", stage.own.event, "caps")
    await stage.claim(1, 4)
    await stage.refund(2)
    await stage.paying(4, 5)
    assert await stage.shares() == {ANN: "3:1,1:2"}
    await stage.begin_payment(3)
    await stage.confirm(3)
    await stage.cancel(1, NOBODY)
    assert await stage.shares() == {}


async def test_a_share_may_not_grow_without_end(stage: Stage) -> None:
    await stage.open(2000)
    await stage.plan(caps="held_max=900,open_max=1000")
    parts = ",".join(f"{number}:0" for number in range(1, 1_001))
    await stage.command("HSET", stage.own.shares, ANN, parts)
    reached = ["CAP_REACHED", "open_max", "1000"]
    assert await stage.unchanged(stage.open(3000)) == reached
    assert await stage.unchanged(stage.claim(2000, 5)) == reached
    await stage.command("HSET", stage.own.shares, ANN, parts + ",2000:0")
    assert (await stage.claim(2000, 5))[0] == "CLAIMED"
