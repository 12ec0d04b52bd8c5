"""add_token: a digest stands for a service."""

from tests.lua.people import TOKENS_MAX, Person
from tests.lua.stage import Stage


async def test_no_account(stage: Stage) -> None:
    assert await stage.unchanged(Person(stage).add_token("x")) == ["NO_ACCOUNT"]


async def test_only_for_a_service(stage: Stage) -> None:
    for role in ("attendee", "organizer", "admin"):
        ann = Person(stage)
        await ann.registered(role)
        assert await stage.unchanged(ann.add_token("x")) == ["WRONG_ROLE", role]


async def test_stands_for_the_account(stage: Stage) -> None:
    ann = Person(stage)
    await ann.serving()
    before = await ann.fields()
    reply, during = await stage.timed(ann.add_token("x"))
    assert reply == ["ADDED"]
    assert await ann.stood_for("x") == [str(ann.id)]
    assert int(await stage.command("HGET", ann.tokens, ann.digest("x"))) in during
    assert await ann.fields() == before
    assert (await ann.told())[-1] == ("token_added", "")


async def test_again_it_is_there_already(stage: Stage) -> None:
    ann = Person(stage)
    await ann.serving(*map(str, range(TOKENS_MAX)))
    assert await stage.unchanged(ann.add_token("0")) == ["ADDED"]


async def test_no_more_than_it_may_have(stage: Stage) -> None:
    ann = Person(stage)
    await ann.serving(*map(str, range(TOKENS_MAX)))
    assert await stage.unchanged(ann.add_token("x")) == ["TOO_MANY", str(TOKENS_MAX)]
