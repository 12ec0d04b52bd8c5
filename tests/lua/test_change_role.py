"""change_role: what an account proved itself with before no longer counts."""

from tests.lua.people import Person
from tests.lua.stage import Stage


async def test_no_account(stage: Stage) -> None:
    assert await stage.unchanged(Person(stage).change_role("admin")) == ["NO_ACCOUNT"]


async def test_changes_the_role_and_the_generation_alone(stage: Stage) -> None:
    ann = Person(stage)
    await ann.registered()
    before = await ann.fields()
    reply = await ann.change_role("admin")
    assert reply[0] == "UPDATED"
    assert int(reply[1]) > int(before["generation"])
    assert await ann.fields() == before | {"role": "admin", "generation": str(reply[1])}
    assert await ann.told() == [("registered", "attendee"), ("role_changed", "admin")]


async def test_again_it_has_the_role_already(stage: Stage) -> None:
    ann = Person(stage)
    await ann.serving("x")
    reply = ["UPDATED", (await ann.fields())["generation"]]
    assert await stage.unchanged(ann.change_role("service")) == reply


async def test_its_api_tokens_are_void_and_nobody_elses(stage: Stage) -> None:
    ann, bob = Person(stage), Person(stage)
    await ann.serving("x", "y")
    await bob.serving("x")
    await ann.change_role("organizer")
    assert await ann.stood_for("x", "y") == [None, None]
    assert await ann.had() == set()
    assert await bob.stood_for("x") == [str(bob.id)]
    await ann.change_role("service")
    assert await ann.stood_for("x", "y") == [None, None]


async def test_the_generation_is_a_later_one_though_the_clock_was_set_back(stage: Stage) -> None:
    ann = Person(stage)
    await ann.registered()
    await stage.command("HSET", ann.own, "generation", "4000000000000000")
    assert await ann.change_role("admin") == ["UPDATED", "4000000000000001"]
    assert (await ann.fields())["generation"] == "4000000000000001"
