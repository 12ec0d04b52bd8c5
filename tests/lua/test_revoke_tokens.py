"""revoke_tokens: all API tokens of an account, and nobody else's."""

from tests.lua.people import Person
from tests.lua.stage import Stage


async def test_none(stage: Stage) -> None:
    ann = Person(stage)
    assert await stage.unchanged(ann.revoke_tokens()) == ["REVOKED", "0"]


async def test_takes_all_back(stage: Stage) -> None:
    ann, bob = Person(stage), Person(stage)
    await ann.serving("x", "y")
    await bob.serving("x")
    before = await ann.fields()
    assert await ann.revoke_tokens() == ["REVOKED", "2"]
    assert await ann.stood_for("x", "y") == [None, None]
    assert await ann.had() == set()
    assert await ann.fields() == before
    assert await bob.stood_for("x") == [str(bob.id)]
    assert await bob.had() == {"x"}
    assert (await ann.told())[-1] == ("tokens_revoked", "2")


async def test_again_there_are_none(stage: Stage) -> None:
    ann = Person(stage)
    await ann.serving("x")
    await ann.revoke_tokens()
    assert await stage.unchanged(ann.revoke_tokens()) == ["REVOKED", "0"]
