"""settle_event: what is left to do in an event."""

from tests.lua.stage import Stage, entry


async def test_no_event_nor_any_chore(stage: Stage) -> None:
    await stage.cancel_event()
    await stage.command("DEL", stage.own.event)
    assert await stage.settle() == ["NO_EVENT"]
    assert not await stage.is_chore()
    assert await stage.unchanged(stage.settle()) == ["NO_EVENT"]


async def test_nothing_is_left(stage: Stage) -> None:
    assert await stage.unchanged(stage.settle()) == ["KEPT", "on_sale"]
    await stage.command("SADD", stage.own.chores, stage.event)
    assert await stage.settle() == ["KEPT", "on_sale"]
    assert not await stage.is_chore()


async def test_held_until_nobody_has_a_seat(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    await stage.open(2)
    await stage.cancel_event()
    assert await stage.unchanged(stage.settle()) == ["HELD"]
    await stage.refund(1)
    cancelling = stage.version
    assert await stage.settle() == ["CANCELLED"]
    fields = await stage.fields()
    assert fields == fields | {"state": "cancelled", "version": stage.version}
    assert int(stage.version) > int(cancelling)
    assert not await stage.is_chore()
    assert await stage.last() == entry("called_off", "", "", note=stage.version)
    assert await stage.unchanged(stage.settle()) == ["KEPT", "cancelled"]


async def test_uncounted_until_all_are_counted(stage: Stage) -> None:
    for _ in range(3):
        await stage.draw(9)
    await stage.amend(caps="held_max=1", counts=1)
    for counted in (0, 2):
        assert await stage.unchanged(stage.settle(counted)) == ["UNCOUNTED", "3"]
    assert await stage.settle(3) == ["KEPT", "on_sale"]
    assert not await stage.is_chore()
    assert "uncounted" not in await stage.fields()


async def test_what_came_meanwhile_is_not_put_down_as_done(stage: Stage) -> None:
    await stage.draw(9)
    await stage.amend(caps="held_max=1", counts=1)
    await stage.draw(9)
    await stage.amend(caps="held_max=1,bought_max=2", counts=1)
    assert await stage.settle(1) == ["UNCOUNTED", "2"]


async def test_a_cancelled_event_needs_no_counts(stage: Stage) -> None:
    await stage.draw(9)
    await stage.amend(caps="held_max=1", counts=1)
    await stage.cancel_event()
    assert await stage.settle() == ["CANCELLED"]
    assert "uncounted" not in await stage.fields()
