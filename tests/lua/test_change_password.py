"""change_password: another hash, and another generation."""

from tests.lua.people import Person
from tests.lua.stage import Stage


async def test_no_account(stage: Stage) -> None:
    assert await stage.unchanged(Person(stage).change_password("new")) == ["NO_ACCOUNT"]


async def test_changes_the_password_and_the_generation_and_takes_the_tokens_back(
    stage: Stage,
) -> None:
    ann = Person(stage)
    await ann.serving("x")
    before = await ann.fields()
    reply = await ann.change_password("new")
    assert reply[0] == "UPDATED"
    assert int(reply[1]) > int(before["generation"])
    assert await ann.fields() == before | {"password": "new", "generation": str(reply[1])}
    assert (await ann.told())[-1] == ("password_changed", "")
    assert await ann.stood_for("x") == [None]
    assert await ann.had() == set()


async def test_again_it_has_the_hash_already(stage: Stage) -> None:
    ann = Person(stage)
    await ann.registered()
    reply = await ann.change_password("new")
    assert await stage.unchanged(ann.change_password("new")) == reply


async def test_the_generation_is_a_later_one_though_the_clock_was_set_back(stage: Stage) -> None:
    ann = Person(stage)
    await ann.registered()
    await stage.command("HSET", ann.own, "generation", "4000000000000000")
    assert await ann.change_password("new") == ["UPDATED", "4000000000000001"]


async def test_what_was_proven_must_be_what_it_is_still(stage: Stage) -> None:
    ann = Person(stage)
    await ann.serving("x")
    proven = (await ann.fields())["generation"]
    first = await ann.change_password("new", proven)
    assert first[0] == "UPDATED"
    assert await stage.unchanged(ann.change_password("other", proven)) == ["KEPT"]
    assert await stage.unchanged(ann.change_password("new", proven)) == first
