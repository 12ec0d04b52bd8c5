"""forget_booking: removes what is long over."""

from tests.lua.stage import ANN, BOB, Stage, entry


async def test_kept_unless_it_has_ended(stage: Stage) -> None:
    await stage.open(1)
    await stage.open(2, 5)
    await stage.paying(3, 6)
    await stage.confirmed(4, 7)
    await stage.lapsed(5, 8)
    for number in (1, 2, 3, 4, 5, 6):
        assert await stage.unchanged(stage.forget(number)) == ["KEPT"]


async def test_kept_before_its_time(stage: Stage) -> None:
    await stage.lapsed(1, 5)
    await stage.expire(1)
    await stage.open(2, 6)
    await stage.cancel(2)
    for number in (1, 2):
        assert await stage.unchanged(stage.forget(number)) == ["KEPT"]
        assert await stage.unchanged(stage.forget(number)) == ["KEPT"]


async def test_kept_while_money_is_owed(stage: Stage) -> None:
    await stage.refundable(1, 5)
    await stage.paying(2, 6)
    await stage.cancel(2)
    await stage.confirm(2)
    for number in (1, 2):
        assert await stage.unchanged(stage.forget(number)) == ["KEPT"]


async def test_an_entry_that_should_not_be_there_costs_no_booking(stage: Stage) -> None:
    await stage.open(1, 4)
    await stage.confirmed(2, 5)
    await stage.refundable(3, 6)
    before = await stage.snapshot()
    for number in (1, 2, 3):
        await stage.command("ZADD", stage.own.ended, 1, f"{stage.event}:{number}")
        assert await stage.forget(number) == ["KEPT"]
    assert await stage.snapshot() == before


async def test_kept_when_a_late_payment_brought_it_back(stage: Stage) -> None:
    await stage.unpaid(1, 5)
    await stage.expire(1, keep_ms=0)
    assert await stage.confirm(1) == ["CONFIRMED"]
    assert await stage.unchanged(stage.forget(1)) == ["KEPT"]


async def test_forgets_an_expired_booking(stage: Stage) -> None:
    await stage.lapsed(1, 5, user=BOB)
    await stage.expire(1, keep_ms=0)
    assert await stage.forget(1) == ["FORGOTTEN", BOB]
    assert await stage.booking(1) == {}
    assert await stage.forgotten_at(1) is None
    assert await stage.last() == entry("forgotten", 1, BOB)
    assert await stage.unchanged(stage.forget(1)) == ["KEPT"]


async def test_forgets_a_cancelled_booking_at_its_very_time(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.cancel(1)
    now = await stage.now_ms()
    await stage.command("ZADD", stage.own.ended, now, f"{stage.event}:1")
    assert await stage.forget(1) == ["FORGOTTEN", ANN]
    assert await stage.unchanged(stage.forget(1)) == ["KEPT"]


async def test_no_booking_where_only_its_entry_was_left(stage: Stage) -> None:
    before = await stage.snapshot()
    await stage.command("ZADD", stage.own.ended, 1, f"{stage.event}:1")
    assert await stage.forget(1) == ["NO_BOOKING"]
    assert await stage.snapshot() == before
    assert await stage.unchanged(stage.forget(1)) == ["KEPT"]


async def test_the_seats_that_went_to_another_stay_there(stage: Stage) -> None:
    await stage.lapsed(1, 5)
    await stage.expire(1, keep_ms=0)
    await stage.open(2, 5, user=BOB)
    await stage.forget(1)
    assert (await stage.taken(), await stage.holders()) == ({5}, {5: 2})
