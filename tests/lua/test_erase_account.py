"""erase_account: nothing is left that says who it was."""

from billetter.engine import keys
from tests.lua.people import Person
from tests.lua.stage import Stage


async def test_no_account(stage: Stage) -> None:
    assert await stage.unchanged(Person(stage).erase()) == ["NO_ACCOUNT"]


async def test_leaves_nothing_but_what_the_journal_says_of_its_id(stage: Stage) -> None:
    ann = Person(stage)
    before = await stage.snapshot()
    await ann.serving("x", "y")
    assert await ann.erase() == ["ERASED"]
    after = await stage.snapshot()
    assert await ann.told() == [
        ("registered", "service"),
        ("token_added", ""),
        ("token_added", ""),
        ("erased", ""),
    ]
    assert ann.name not in repr(after)
    for state in (before, after):
        state.pop(keys.USERS_JOURNAL, None)
    assert after == before


async def test_again_it_is_gone(stage: Stage) -> None:
    ann = Person(stage)
    await ann.registered()
    await ann.erase()
    assert await stage.unchanged(ann.erase()) == ["NO_ACCOUNT"]


async def test_its_names_are_free_and_other_accounts_stay(stage: Stage) -> None:
    ann, bob, eve = (Person(stage) for _ in range(3))
    await ann.serving("x")
    await bob.serving("x")
    fields = await bob.fields()
    await ann.erase()
    assert (await eve.register(ann.name))[0] == "REGISTERED"
    assert await bob.fields() == fields
    assert await bob.stood_for("x") == [str(bob.id)]
