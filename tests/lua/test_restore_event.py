"""restore_event: a seeded event is as it was made."""

from tests.lua.stage import BOB, Stage, entry


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    assert await nowhere.unchanged(nowhere.restore(once="")) == ["NO_EVENT"]


async def test_what_was_amended_is_as_it_was(stage: Stage) -> None:
    await stage.plan(seeded="1", title="A", location="")
    made = await stage.fields()
    await stage.amend(title="B", category="music", dropped="location", state="closed")
    await stage.amend(title="C", going="70-79", caps="held_max=1", counts=1)
    last = stage.version
    assert await stage.restore() == ["RESTORED", stage.version]
    assert int(stage.version) > int(last)
    fields = await stage.fields()
    restored = {name: text for name, text in fields.items() if not name.startswith("seed:")}
    assert restored == made | {"version": stage.version}
    assert not await stage.is_chore()
    assert await stage.last() == entry("restored", "", BOB, note=stage.version)


async def test_a_cancelled_one_is_on_sale_again(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.cancel_event()
    await stage.command("ZADD", stage.own.openings, 1, stage.event)
    await stage.restore()
    assert await stage.command("ZSCORE", stage.own.openings, stage.event) is None
    fields = await stage.fields()
    assert fields["state"] == "on_sale"
    assert "payments" not in fields
    assert not await stage.is_chore()
    assert (await stage.open(2, 6))[0] == "OPENED"


async def test_what_has_been_a_seat_never_becomes_another(stage: Stage) -> None:
    await stage.plan(seeded="1")
    await stage.amend(bits=96)
    await stage.restore()
    assert (await stage.fields())["bits"] == "96"


async def test_again_it_stays_so(stage: Stage) -> None:
    await stage.plan(seeded="1", title="A")
    await stage.amend(title="B")
    await stage.restore()
    await stage.restore(once="b")
    assert (await stage.fields())["title"] == "A"


async def test_the_same_again_leaves_alone_what_has_happened_since(stage: Stage) -> None:
    await stage.plan(seeded="1", title="A")
    restored = await stage.restore()
    await stage.amend(title="B")
    await stage.paying(1, 5)
    again = stage.restore()
    assert await stage.unchanged(again) == ["=RESTORED", restored[1]]
