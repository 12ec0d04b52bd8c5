"""draw_id: ids of events and accounts, each drawn once, from a counter that is there."""

from tests.lua.stage import Reply, Stage


def counter(stage: Stage) -> str:
    key = f"{stage.own.tag}:counter"
    stage.watched = [key]
    return key


async def draw(stage: Stage, begins: str = "0") -> Reply:
    return await stage.run("draw_id", [counter(stage)], begins)


async def test_a_counter_that_is_gone_is_never_begun_again(stage: Stage) -> None:
    assert await stage.unchanged(draw(stage)) == ["NO_COUNTER"]


async def test_it_goes_on_from_the_last(stage: Stage) -> None:
    await stage.command("SET", counter(stage), 41)
    assert await draw(stage) == ["DRAWN", "42"]
    assert await draw(stage) == ["DRAWN", "43"]
    assert await stage.command("GET", counter(stage)) == "43"


async def test_where_nothing_was_prepared_it_begins(stage: Stage) -> None:
    assert await draw(stage, "1") == ["DRAWN", "1"]
    assert await draw(stage) == ["DRAWN", "2"]
