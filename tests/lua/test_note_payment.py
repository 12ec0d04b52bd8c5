"""note_payment: what a gateway said goes into the journal, once."""

from tests.lua.stage import ANN, ONCE_MS, Stage, entry


async def test_no_booking(stage: Stage) -> None:
    before = await stage.snapshot()
    assert await stage.note(1, "AUTHORIZED", once="a") == ["NO_BOOKING"]
    after = await stage.snapshot()
    assert set(after) - set(before) == {stage.once_key("a")}
    assert await stage.unchanged(stage.note(1, "AUTHORIZED", once="a")) == ["=NO_BOOKING"]


async def test_writes_it_down_and_changes_nothing_else(stage: Stage) -> None:
    await stage.paying(1, 5)
    booking = await stage.booking(1)
    assert await stage.note(1, "AUTHORIZED ☀", once="a") == ["NOTED"]
    assert await stage.last() == entry("payment_note", 1, ANN, note="AUTHORIZED ☀")
    assert await stage.booking(1) == booking
    assert 0 < await stage.command("PTTL", stage.once_key("a")) <= ONCE_MS


async def test_again_it_is_written_already(stage: Stage) -> None:
    await stage.open(1)
    await stage.note(1, "AUTHORIZED", once="a")
    assert await stage.unchanged(stage.note(1, "AUTHORIZED", once="a")) == ["=NOTED"]


async def test_another_notification_is_another_entry(stage: Stage) -> None:
    await stage.open(1)
    await stage.note(1, "AUTHORIZED", once="a")
    assert await stage.note(1, "REVERSED", once="b") == ["NOTED"]
    assert [entry["note"] for entry in await stage.journal()][-2:] == ["AUTHORIZED", "REVERSED"]
