"""rehash_password: the same password under another hash."""

from tests.lua.people import Person
from tests.lua.stage import Stage


async def test_no_account(stage: Stage) -> None:
    assert await stage.unchanged(Person(stage).rehash("hash", "stronger")) == ["KEPT"]


async def test_another_password_by_now(stage: Stage) -> None:
    ann = Person(stage)
    await ann.registered()
    await ann.change_password("new")
    assert await stage.unchanged(ann.rehash("hash", "stronger")) == ["KEPT"]


async def test_changes_the_hash_alone(stage: Stage) -> None:
    ann = Person(stage)
    await ann.registered()
    before = await ann.fields()
    assert await ann.rehash("hash", "stronger") == ["UPDATED", before["generation"]]
    assert await ann.fields() == before | {"password": "stronger"}
    assert (await ann.told())[-1] == ("rehashed", "")


async def test_again_it_is_another_hash(stage: Stage) -> None:
    ann = Person(stage)
    await ann.registered()
    await ann.rehash("hash", "stronger")
    assert await stage.unchanged(ann.rehash("hash", "stronger")) == ["KEPT"]
