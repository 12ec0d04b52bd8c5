"""discard_booking: undoes a booking altogether."""

from collections.abc import Awaitable, Callable

import pytest

from tests.lua.stage import ANN, BOB, PRICE, Stage, entry

Start = Callable[[Stage], Awaitable[object]]


async def test_no_booking(stage: Stage) -> None:
    assert await stage.unchanged(stage.discard(1)) == ["NO_BOOKING"]
    assert await stage.unchanged(stage.discard(1)) == ["NO_BOOKING"]


async def test_no_booking_takes_its_entries_along(stage: Stage) -> None:
    before = await stage.snapshot()
    for index in (stage.own.deadlines, stage.own.ended):
        await stage.command("ZADD", index, 1, f"{stage.event}:1")
    assert await stage.discard(1) == ["NO_BOOKING"]
    assert await stage.snapshot() == before


async def cancelled(stage: Stage) -> None:
    await stage.open(1, 5, 6)
    await stage.cancel(1)


async def refunded(stage: Stage) -> None:
    await stage.confirmed(1, 5, 6)
    await stage.refund(1)


STARTS: dict[str, tuple[Start, str]] = {
    "booked": (lambda stage: stage.open(1), ""),
    "seats_selected": (lambda stage: stage.open(1, 5, 6), "5,6"),
    "payment_initiated": (lambda stage: stage.paying(1, 5, 6), "5,6"),
    "confirmed": (lambda stage: stage.confirmed(1, 5, 6), "5,6"),
    "cancelled": (cancelled, ""),
    "refund due": (refunded, ""),
    "lapsed": (lambda stage: stage.lapsed(1, 5, 6), "5,6"),
    "expired": (lambda stage: stage.swept(1, 5, 6), ""),
}


@pytest.mark.parametrize("status", STARTS)
async def test_nothing_is_left_but_the_journal(stage: Stage, status: str) -> None:
    await stage.confirmed(99, 9, user=BOB)
    start, freed = STARTS[status]
    await start(stage)
    assert await stage.discard(1) == ["DISCARDED", ANN]
    assert await stage.booking(1) == {}
    assert not await stage.holds(1)
    assert await stage.deadline(1) is None
    assert await stage.forgotten_at(1) is None
    assert await stage.owed() == {}
    assert (await stage.taken(), await stage.sold()) == ({9}, {9})
    assert await stage.holders() == {9: 99}
    fields = await stage.fields()
    assert (fields["revenue"], fields["confirmed"]) == (str(PRICE), "1")
    assert await stage.last() == entry("discarded", 1, ANN, freed)
    assert await stage.unchanged(stage.discard(1)) == ["NO_BOOKING"]


async def test_an_expired_one_frees_nothing_that_has_gone_to_another(stage: Stage) -> None:
    await stage.swept(1, 5)
    await stage.open(2, 5, user=BOB)
    assert await stage.discard(1) == ["DISCARDED", ANN]
    assert (await stage.taken(), await stage.holders()) == ({5}, {5: 2})


async def test_what_cost_nothing_leaves_the_revenue(stage: Stage) -> None:
    await stage.confirmed(99, 9)
    await stage.paying(1, 5, price=0)
    await stage.confirm(1)
    await stage.discard(1)
    fields = await stage.fields()
    assert (fields["revenue"], fields["confirmed"]) == (str(PRICE), "1")


async def test_under_an_event_that_is_gone_no_seat_comes_back(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    await stage.open(2, 6)
    await stage.remove()
    for number in (1, 2):
        assert await stage.discard(number) == ["DISCARDED", ANN]
    left = await stage.snapshot()
    assert not [key for key in left if f":{stage.event}" in key]
    assert await stage.last() == entry("discarded", 2, ANN, "6")
    assert await stage.unchanged(stage.discard(1)) == ["NO_BOOKING"]
