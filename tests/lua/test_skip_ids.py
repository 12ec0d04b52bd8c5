"""skip_ids: the first ids are left out, but never once any was drawn."""

import pytest

from tests.lua.stage import Reply, Stage


async def skip(stage: Stage, count: int = 3) -> Reply:
    stage.watched = [f"{stage.own.tag}:counter"]
    return await stage.run("skip_ids", stage.watched, count)


@pytest.mark.parametrize("begun", [False, True])
async def test_where_none_was_drawn_they_are_left_out(stage: Stage, begun: bool) -> None:
    key = f"{stage.own.tag}:counter"
    if begun:
        await stage.command("SET", key, 0)
    assert await skip(stage) == ["DRAWN", "3"]
    assert await stage.command("GET", key) == "3"
    assert await stage.unchanged(skip(stage)) == ["KEPT", "3"]


async def test_where_any_was_drawn_nothing_is_left_out(stage: Stage) -> None:
    stage.watched = [f"{stage.own.tag}:counter"]
    await stage.command("SET", *stage.watched, 1)
    assert await stage.unchanged(skip(stage)) == ["KEPT", "1"]
