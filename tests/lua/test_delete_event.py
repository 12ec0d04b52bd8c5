"""delete_event: goes while nobody has bought anything, nor tried to."""

from tests.lua.stage import ANN, BOB, NOBODY, Stage, entry


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    assert await nowhere.delete() == ["NO_EVENT"]


async def test_not_yours_outranks_has_bookings(stage: Stage) -> None:
    await stage.open(1, 5)
    assert await stage.delete(BOB, once="b") == ["NOT_YOURS"]
    assert await stage.delete(once="a") == ["HAS_BOOKINGS"]
    assert await stage.fields()


async def test_removes_the_event(stage: Stage) -> None:
    await stage.plan(caps="open_max=2")
    await stage.open(1)
    await stage.open(2, 5)
    await stage.cancel(2)
    await stage.amend(title="B", counts=1)
    assert await stage.delete() == ["REMOVED"]
    gone = {*stage.to_read(), stage.own.holders, stage.own.shares}
    assert not gone & set(await stage.snapshot())
    assert not await stage.is_chore()
    assert await stage.last() == entry("removed", "", ANN)
    assert await stage.unchanged(stage.delete()) == ["=REMOVED"]
    assert await stage.delete(once="b") == ["NO_EVENT"]


async def test_nothing_is_left_of_a_line_that_was_given_up(stage: Stage) -> None:
    await stage.open(1, 0, 8, user=BOB)
    assert (await stage.book(2))[0] == "WAITING"
    await stage.cancel(1, BOB)
    await stage.cancel(2)
    assert await stage.is_promoting()
    assert await stage.delete() == ["REMOVED"]
    assert not await stage.is_promoting()
    assert await stage.patrons() == {}


async def test_nothing_is_left_of_what_was_sold_before_a_reset(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    await stage.restore()
    await stage.discard(1)
    assert stage.own.sold in await stage.snapshot()
    assert await stage.delete(once="b") == ["REMOVED"]
    assert not {*stage.to_read()} & set(await stage.snapshot())


async def test_nothing_is_left_of_an_opening(stage: Stage) -> None:
    await stage.command("ZADD", stage.own.openings, 1, stage.event)
    assert await stage.delete() == ["REMOVED"]
    assert await stage.command("ZSCORE", stage.own.openings, stage.event) is None


async def test_its_id_is_kept(stage: Stage) -> None:
    assert await stage.delete(BOB, once="b") == ["NOT_YOURS"]
    assert await stage.kept() is None
    created = (await stage.fields())["created"]
    await stage.delete()
    assert await stage.kept() == f"0:{stage.version}:{created}"


async def test_an_administrator_may(stage: Stage) -> None:
    assert await stage.delete(NOBODY) == ["REMOVED"]


async def test_seats_held_or_sold_keep_it(stage: Stage) -> None:
    await stage.open(1, 5)
    assert await stage.delete(once="a") == ["HAS_BOOKINGS"]
    await stage.command("HDEL", stage.own.event, "payments")
    await stage.confirmed(2, 6)
    await stage.cancel(1)
    await stage.command("HDEL", stage.own.event, "payments")
    assert await stage.delete(once="b") == ["HAS_BOOKINGS"]


async def test_a_payment_that_ever_began_keeps_it(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.fail(1)
    assert await stage.delete() == ["HAS_BOOKINGS"]
    assert await stage.confirm(1) == ["REFUND_DUE"]


async def test_what_is_left_of_empty_bookings_vanishes(stage: Stage) -> None:
    await stage.plan(caps="open_max=2")
    await stage.lapsed(1)
    await stage.delete()
    assert await stage.expire(1) == ["VANISHED", ANN]
    assert stage.own.shares not in await stage.snapshot()


async def test_a_stray_entry_of_its_refunds_goes_with_it(stage: Stage) -> None:
    await stage.command("ZADD", stage.own.refunds, 1, 7)
    assert await stage.delete() == ["REMOVED"]
    assert await stage.owed() == {}
