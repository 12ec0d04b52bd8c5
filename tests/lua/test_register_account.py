"""register_account: one account for an e-mail, and one for a username."""

import asyncio

from billetter.engine import keys
from tests.lua.people import Person
from tests.lua.stage import Stage


async def test_makes_an_account(stage: Stage) -> None:
    ann = Person(stage)
    reply, during = await stage.timed(ann.register(role="organizer", password="$hash"))
    assert reply[0] == "REGISTERED"
    created, generation = map(int, reply[1:])
    assert created in during
    assert generation // 1_000 == created
    assert await ann.fields() == {
        "username": ann.name,
        "username_key": ann.name.lower(),
        "email": f"{ann.name}@example.org",
        "email_key": f"{ann.name}@example.org".lower(),
        "role": "organizer",
        "password": "$hash",
        "created": str(created),
        "generation": str(generation),
    }
    email = f"{ann.name}@example.org".lower()
    assert await stage.command("HGET", keys.EMAILS, email) == str(ann.id)
    assert await stage.command("HGET", keys.USERNAMES, ann.name.lower()) == str(ann.id)
    assert await ann.told() == [("registered", "organizer")]


async def test_again_it_is_the_same_account(stage: Stage) -> None:
    ann = Person(stage)
    reply = await ann.register()
    assert await stage.unchanged(ann.register()) == reply


async def test_an_email_belongs_to_one(stage: Stage) -> None:
    ann, bob = Person(stage), Person(stage)
    await ann.registered()
    email = f"{ann.name}@EXAMPLE.org"
    assert await stage.unchanged(bob.register(email=email)) == ["EMAIL_TAKEN"]


async def test_a_username_belongs_to_one(stage: Stage) -> None:
    ann, bob = Person(stage), Person(stage)
    await ann.registered()
    name, email = ann.name.upper(), f"{bob.name}@example.org"
    assert await stage.unchanged(bob.register(name, email)) == ["USERNAME_TAKEN"]


async def test_the_email_is_told_first(stage: Stage) -> None:
    ann, bob = Person(stage), Person(stage)
    await ann.registered()
    email = f"{ann.name}@example.org"
    assert await stage.unchanged(bob.register(ann.name, email)) == ["EMAIL_TAKEN"]


async def test_one_of_many_at_once(stage: Stage) -> None:
    people = [Person(stage) for _ in range(20)]
    email = f"{people[0].name}@example.org"
    replies = await asyncio.gather(*(person.register(email=email) for person in people))
    assert sorted(reply[0] for reply in replies) == ["EMAIL_TAKEN"] * 19 + ["REGISTERED"]
