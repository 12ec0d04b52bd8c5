"""remove_event: an event and its seats go, and its bookings can only be discarded."""

from tests.lua.stage import BOB, Stage, entry


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    assert await nowhere.unchanged(nowhere.remove()) == ["NO_EVENT"]
    assert await nowhere.unchanged(nowhere.remove()) == ["NO_EVENT"]


async def test_removes_the_event_and_its_seats(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    await stage.open(2, 6)
    assert await stage.remove() == ["REMOVED"]
    gone = {*stage.to_read(), stage.own.holders}
    assert not gone & set(await stage.snapshot())
    assert await stage.last() == entry("removed", "", BOB)
    assert await stage.unchanged(stage.remove()) == ["NO_EVENT"]


async def test_what_was_left_to_do_and_what_was_counted_goes_too(stage: Stage) -> None:
    await stage.plan(caps="open_max=2")
    await stage.open(1)
    await stage.cancel_event()
    await stage.command("ZADD", stage.own.openings, 1, stage.event)
    await stage.remove()
    assert await stage.command("ZSCORE", stage.own.openings, stage.event) is None
    assert not await stage.is_chore()
    assert stage.own.shares not in await stage.snapshot()


async def test_what_a_late_expiry_left_behind_goes_too(stage: Stage) -> None:
    await stage.lapsed(1, 5)
    await stage.remove()
    await stage.expire(1)
    assert stage.own.taken in await stage.snapshot()
    kept = await stage.kept()
    assert kept
    assert await stage.remove() == ["REMOVED"]
    assert stage.own.taken not in await stage.snapshot()
    assert await stage.kept() == kept


async def test_its_bookings_are_left_and_nothing_can_be_sold(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.paying(2, 6)
    await stage.remove()
    for refused in (stage.open(3), stage.claim(1, 7), stage.begin_payment(1), stage.confirm(2)):
        assert await stage.unchanged(refused) == ["NO_EVENT"]
    assert (await stage.look(1))[:3] == ["BOOKING", "a:1", "seats_selected"]


async def test_other_events_stay(stage: Stage) -> None:
    other = stage.elsewhere()
    await other.create()
    await other.open(1, 5)
    before = {key: text for key, text in (await other.snapshot()).items() if key in other.to_read()}
    await stage.remove()
    after = await other.snapshot()
    assert before.items() <= after.items()


async def test_what_is_owed_and_what_is_unmatched_goes_with_it(stage: Stage) -> None:
    await stage.refundable(1, 5)
    await stage.keep("p")
    await stage.remove()
    assert (await stage.owed(), await stage.unmatched()) == ({}, {})
