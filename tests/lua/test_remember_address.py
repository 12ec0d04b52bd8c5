"""remember_address: where an account was proven from, not longer than it is kept."""

from tests.lua.people import KEEP_MS, Person
from tests.lua.stage import Stage


async def known(person: Person) -> list[str]:
    """The addresses it is known by, the longest first."""
    found: list[str] = await person.stage.command("ZRANGE", person.addresses, 0, -1)
    return found


async def test_no_account(stage: Stage) -> None:
    assert await stage.unchanged(Person(stage).remember("a")) == ["NO_ACCOUNT"]


async def test_an_address_is_known_for_a_time(stage: Stage) -> None:
    ann = Person(stage)
    await ann.registered()
    assert await ann.remember("a") == ["ADDED"]
    assert await known(ann) == ["a"]
    left = await stage.command("PTTL", ann.addresses)
    assert KEEP_MS - 10_000 < left <= KEEP_MS
    await stage.command("PEXPIRE", ann.addresses, 1_000)
    assert await ann.remember("a") == ["ADDED"]
    assert await known(ann) == ["a"]
    assert await stage.command("PTTL", ann.addresses) > KEEP_MS - 10_000


async def test_of_too_many_the_one_of_longest_ago_is_forgotten(stage: Stage) -> None:
    ann = Person(stage)
    await ann.registered()
    for address in ("a", "b", "c"):
        await ann.remember(address)
        await stage.command("ZADD", ann.addresses, ord(address), address)
    assert await known(ann) == ["b", "c"]
    await ann.remember("b")
    await ann.remember("d")
    assert await known(ann) == ["b", "d"]


async def test_an_erased_account_is_known_from_nowhere(stage: Stage) -> None:
    ann = Person(stage)
    await ann.registered()
    await ann.remember("a")
    assert await ann.erase() == ["ERASED"]
    assert await known(ann) == []
