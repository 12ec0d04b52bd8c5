"""record_refusal: a refusal that needed no script is given again unchanged."""

from tests.lua.stage import ONCE_MS, Stage


async def test_gives_the_refusal_and_keeps_it(stage: Stage) -> None:
    before = await stage.snapshot()
    assert await stage.record("NO_SEAT", "5", once="a") == ["NO_SEAT", "5"]
    after = await stage.snapshot()
    assert set(after) - set(before) == {stage.once_key("a")}
    assert 0 < await stage.command("PTTL", stage.once_key("a")) <= ONCE_MS


async def test_again_it_is_the_same(stage: Stage) -> None:
    await stage.record("NO_SEAT", once="a")
    assert await stage.unchanged(stage.record("NO_SEAT", once="a")) == ["=NO_SEAT"]


async def test_what_was_recorded_first_stays(stage: Stage) -> None:
    first = await stage.open(1, once="a")
    again = await stage.unchanged(stage.record("NO_SEAT", once="a"))
    assert again == ["=OPENED", *first[1:]]


async def test_scripts_give_it_too(stage: Stage) -> None:
    await stage.record("WRONG_EVENT", once="a")
    assert await stage.unchanged(stage.open(1, 5, once="a")) == ["=WRONG_EVENT"]
