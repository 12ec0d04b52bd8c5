"""cancel_event: from now on nothing of it is sold or paid for."""

from tests.lua.stage import ANN, BOB, NOBODY, Stage, entry


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    assert await nowhere.unchanged(nowhere.cancel_event()) == ["NO_EVENT"]


async def test_not_yours_outranks_the_state(stage: Stage) -> None:
    assert await stage.unchanged(stage.cancel_event(BOB)) == ["NOT_YOURS"]
    await stage.cancel_event()
    assert await stage.unchanged(stage.cancel_event(BOB)) == ["NOT_YOURS"]
    await stage.command("HDEL", stage.own.event, "organizer")
    assert await stage.unchanged(stage.cancel_event()) == ["NOT_YOURS"]


async def test_cancelling_until_it_is_settled(stage: Stage) -> None:
    first = stage.version
    assert await stage.cancel_event() == ["CANCELLING"]
    assert int(stage.version) > int(first)
    fields = await stage.fields()
    assert fields == fields | {"state": "cancelling", "version": stage.version}
    assert await stage.is_chore()
    assert await stage.last() == entry("cancelling", "", ANN, note=stage.version)
    assert await stage.unchanged(stage.cancel_event()) == ["CANCELLING"]
    await stage.settle()
    assert await stage.unchanged(stage.cancel_event()) == ["CANCELLED"]


async def test_a_closed_one_and_an_administrator_too(stage: Stage) -> None:
    await stage.amend(state="closed")
    assert await stage.cancel_event(NOBODY) == ["CANCELLING"]
    assert await stage.last() == entry("cancelling", "", "", note=stage.version)


async def test_nothing_is_sold_any_more(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.paying(2, 6)
    await stage.swept(3, 7)
    for ending in (stage.cancel_event, stage.settle):
        await ending()
        state = (await stage.fields())["state"]
        assert await stage.unchanged(stage.open(4)) == ["NOT_ON_SALE", state]
        assert await stage.unchanged(stage.claim(1, 8)) == ["NOT_ON_SALE", state]
        assert await stage.unchanged(stage.begin_payment(1)) == ["NOT_ON_SALE", state]
        assert await stage.unchanged(stage.begin_payment(2)) == ["NOT_ON_SALE", state]
        assert await stage.unchanged(stage.confirm(2)) == ["CALLED_OFF", "2"]
    assert await stage.confirm(3) == ["REFUND_DUE"]


async def test_with_a_once_key_the_reply_is_kept(stage: Stage) -> None:
    assert await stage.cancel_event(once="a") == ["CANCELLING"]
    await stage.settle()
    assert await stage.unchanged(stage.cancel_event(once="a")) == ["=CANCELLING"]
