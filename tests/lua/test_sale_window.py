"""Sale windows: every script that gives a seat asks whether the sale is open, by Redis' clock."""

import asyncio

import pytest

from tests.lua.stage import ANN, BOB, Stage
from tests.lua.test_inspect_line import inspected

FAR_MS = 3_600_000
SOON_MS = 150
WAIT_S_MAX = 10.0


async def shut(stage: Stage, why: str) -> list[str | int]:
    """Put the window where it is not open; the refusal to expect."""
    now = await stage.now_ms()
    match why:
        case "not_yet":
            await stage.plan(sale_starts_at=now + FAR_MS)
            return ["NOT_ON_SALE", "not_yet", str(now + FAR_MS), "0"]
        case "over":
            await stage.plan(sale_starts_at=1, sale_ends_at=now)
            return ["NOT_ON_SALE", "over", "1", str(now)]
        case _:
            await stage.plan(starts_at=now)
            return ["NOT_ON_SALE", "over", "0", str(now)]


async def past(stage: Stage, ms: int) -> None:
    async with asyncio.timeout(WAIT_S_MAX):
        while await stage.now_ms() < ms:
            pass


async def is_opening(stage: Stage) -> int | None:
    score = await stage.command("ZSCORE", stage.own.openings, stage.event)
    return None if score is None else int(score)


WHYS = ["not_yet", "over", "started"]


@pytest.mark.parametrize("why", WHYS)
async def test_nothing_is_given_outside_the_window(stage: Stage, why: str) -> None:
    await stage.open(1, 5)
    refused = await shut(stage, why)
    assert await stage.unchanged(stage.open(2)) == refused
    assert await stage.unchanged(stage.open(2, 5)) == refused
    assert await stage.unchanged(stage.open(2, 6, 7, 8, 9, 10)) == refused
    assert await stage.unchanged(stage.open(2, tickets="1:1500:1:16-20")) == refused
    assert await stage.unchanged(stage.claim(1, 6)) == refused
    assert await stage.unchanged(stage.claim(1, 5, 6)) == refused
    assert await stage.unchanged(stage.book(3, BOB, 0)) == refused
    assert await stage.unchanged(stage.book(3, BOB)) == refused


@pytest.mark.parametrize("why", WHYS)
async def test_what_was_had_in_time_is_kept_and_can_be_paid(stage: Stage, why: str) -> None:
    opened = await stage.open(1, 5)
    await stage.book(2, BOB)
    await shut(stage, why)
    assert await stage.open(1, 5) == opened
    assert await stage.unchanged(stage.claim(1, 5)) == ["CLAIMED", opened[2]]
    assert (await stage.book(2, BOB))[0] == "CONFIRMED"
    assert await stage.book(9, BOB) == ["ALREADY_BOOKED", "2"]
    assert (await stage.begin_payment(1))[0] == "AWAITING_PAYMENT"
    assert await stage.confirm(1) == ["CONFIRMED"]


async def test_who_pays_late_gets_the_seats_back_after_the_sale_as_well(stage: Stage) -> None:
    await stage.swept(1, 5)
    await shut(stage, "over")
    assert await stage.confirm(1) == ["CONFIRMED"]


async def test_the_layout_is_looked_at_first(stage: Stage) -> None:
    await shut(stage, "over")
    stale = ["STALE_LAYOUT", stage.version]
    assert await stage.open(1, 5, version="1") == stale
    assert await stage.book(1, version="1") == stale


async def test_another_state_is_told_first(stage: Stage) -> None:
    await shut(stage, "over")
    await stage.plan(state="closed")
    assert await stage.open(1, 5) == ["NOT_ON_SALE", "closed"]


async def test_an_end_that_is_given_counts_and_not_the_start_of_the_event(stage: Stage) -> None:
    now = await stage.now_ms()
    await stage.plan(starts_at=now - FAR_MS, sale_ends_at=now + FAR_MS)
    assert (await stage.open(1, 5))[0] == "OPENED"
    assert (await stage.claim(1, 6))[0] == "CLAIMED"
    assert (await stage.book(2, BOB))[0] == "CONFIRMED"
    await stage.plan(starts_at=now + FAR_MS, sale_ends_at=now)
    assert (await stage.open(3, 7))[1] == "over"


async def test_it_opens_and_ends_by_the_clock(stage: Stage) -> None:
    opens = await stage.now_ms() + SOON_MS
    closes = opens + 2 * SOON_MS
    await stage.plan(sale_starts_at=opens, sale_ends_at=closes)
    window = [str(opens), str(closes)]
    assert await stage.open(1, 5) == ["NOT_ON_SALE", "not_yet", *window]
    await past(stage, opens)
    assert (await stage.open(1, 5))[0] == "OPENED"
    await past(stage, closes)
    assert await stage.open(2, 6) == ["NOT_ON_SALE", "over", *window]
    assert await stage.claim(1, 6) == ["NOT_ON_SALE", "over", *window]


@pytest.mark.parametrize("why", ["over", "started"])
async def test_promotion_ends_with_the_sale(stage: Stage, why: str) -> None:
    await stage.sold_out(3)
    await stage.give_up(1)
    await shut(stage, why)
    assert await inspected(stage) == ["INSPECTED", "over", "1", "0", "1", "0", "0", 1]
    assert await stage.promote(3, version="1") == ["KEPT"]
    assert not await stage.is_promoting()
    assert await stage.line() == [3]
    assert await is_opening(stage) is None
    assert await inspected(stage) == ["INSPECTED", "over", "1", "0", "1", "0", "0", 0]
    await stage.amend(dropped="starts_at,sale_ends_at")
    assert await stage.is_promoting()
    assert await stage.promote(3) == ["PROMOTED", "0"]


async def test_a_line_waits_for_the_sale_to_open(stage: Stage) -> None:
    await stage.sold_out(3, 4)
    await stage.give_up(1)
    _, _, opens, _ = await shut(stage, "not_yet")
    assert await inspected(stage) == ["INSPECTED", "not_yet", "2", "0", "2", "0", "0", 1]
    assert await stage.promote(0, version="1") == ["KEPT"]
    assert not await stage.is_promoting()
    assert await is_opening(stage) == int(opens)
    assert await inspected(stage) == ["INSPECTED", "not_yet", "2", "0", "2", "0", "0", 1]
    assert await stage.unchanged(stage.promote(3)) == ["KEPT"]
    await stage.plan(sale_starts_at=1)
    assert await stage.promote(3) == ["PROMOTED", "0"]
    assert await is_opening(stage) is None


async def test_an_opening_that_was_put_off_is_put_off(stage: Stage) -> None:
    await stage.sold_out(3)
    await shut(stage, "not_yet")
    await stage.promote(0)
    later = await stage.now_ms() + 2 * FAR_MS
    await stage.plan(sale_starts_at=later)
    await stage.promote(0)
    assert await is_opening(stage) == later
    await stage.plan(sale_starts_at=1)
    assert await stage.promote(3) == ["KEPT"]
    assert await is_opening(stage) is None


async def test_nobody_waits_for_an_opening(stage: Stage) -> None:
    await shut(stage, "not_yet")
    await stage.command("SADD", stage.own.promote, stage.event)
    assert await stage.promote(0) == ["KEPT"]
    assert await is_opening(stage) is None


async def test_nothing_is_left_of_the_opening_of_an_event_that_is_gone(stage: Stage) -> None:
    await stage.command("ZADD", stage.own.openings, 1, stage.event)
    await stage.command("ZADD", stage.own.waiting, 1, 0)
    await stage.command("DEL", stage.own.event)
    assert await stage.promote(0, version="") == ["KEPT"]
    assert await is_opening(stage) is None


async def test_an_event_without_an_end_sells_for_ever(stage: Stage) -> None:
    await stage.plan(sale_starts_at=1)
    assert (await stage.open(1, 5, user=ANN))[0] == "OPENED"
