"""The registry: who registers, who logs in, and what a guard is told."""

import asyncio
from dataclasses import replace

import pytest

from billetter.access.passwords import Passwords, argon2id
from billetter.access.principal import TooBusy, TooManyAttempts, WrongCredentials
from billetter.access.registry import Registry
from billetter.domain.account import Account, Role
from billetter.domain.outcome import Answer, Outcome
from tests.access.conftest import CLOSED, PASSWORD, QUICK, House

HERE = "192.0.2.7"


async def refused(house: House, email: str, password: str = PASSWORD) -> bool:
    try:
        await house.registry.login(email, password, HERE)
    except WrongCredentials:
        return True
    return False


async def test_who_registers_can_log_in(house: House) -> None:
    ann = await house.registry.register("Ann", "ann@example.org", PASSWORD, Role.ORGANIZER)
    assert isinstance(ann, Account)
    assert (ann.id, ann.user, ann.role) == (1, "a:1", Role.ORGANIZER)
    assert await house.registry.login("ann@example.org", PASSWORD, HERE) == ann
    assert await house.registry.login("ANN@Example.ORG", PASSWORD, HERE) == ann


@pytest.mark.parametrize("role", [Role.SERVICE, Role.ADMIN, Role.GUEST])
async def test_nobody_registers_himself_as_more_than_he_is(house: House, role: Role) -> None:
    refusal = Answer(Outcome.WRONG_ROLE, (role,))
    assert await house.registry.register("Eve", "eve@example.org", PASSWORD, role) == refusal
    assert await house.accounts.all() == []


async def test_taken_names_are_refused_in_any_case(house: House) -> None:
    await house.registry.register("Ann", "ann@example.org", PASSWORD)
    for name, email, outcome in (
        ("Bob", "Ann@Example.Org", Outcome.EMAIL_TAKEN),
        ("ANN", "bob@example.org", Outcome.USERNAME_TAKEN),
        ("\uff21nn", "bob@example.org", Outcome.USERNAME_TAKEN),
    ):
        assert await house.registry.register(name, email, PASSWORD) == Answer(outcome)


async def test_a_wrong_password_and_nobodys_email_are_one(house: House) -> None:
    ann = await house.person()
    assert await refused(house, ann.email, PASSWORD + "x")
    assert await refused(house, "nobody@example.org")
    assert house.hasher.verified == 2
    assert not await refused(house, ann.email)


async def test_what_nobody_can_have_is_not_hashed(house: House) -> None:
    assert await refused(house, "x" * 255)
    assert await refused(house, "ann@example.org", "x" * 129)
    assert house.hasher.verified == 0
    assert house.guard.attempts == []


async def test_a_guard_is_asked_each_time_and_knows_an_email_in_any_case(house: House) -> None:
    ann = await house.person()
    await house.registry.login(ann.email.upper(), PASSWORD, HERE)
    await refused(house, ann.email.title(), "wrong horse")
    await refused(house, "nobody@example.org")
    hers = (ann.email.lower(), HERE)
    assert house.guard.attempts == [hers, hers, ("nobody@example.org", HERE)]


async def test_who_is_stopped_by_the_guard_makes_no_work(house: House) -> None:
    ann = await house.person()
    house.guard.closed = True
    with pytest.raises(TooManyAttempts) as stopped:
        await house.registry.login(ann.email, PASSWORD, HERE)
    assert stopped.value.allowance == CLOSED
    assert house.hasher.verified == 0


async def test_another_password(house: House) -> None:
    ann = await house.person()
    answer = await house.registry.change_password(ann.id, "battery staple")
    assert answer.outcome is Outcome.UPDATED
    assert await refused(house, ann.email)
    again = await house.registry.login(ann.email, "battery staple", HERE)
    assert (again.id, again.generation) == (ann.id, answer.fields[0])


async def test_a_weak_hash_is_made_anew_by_the_next_login(house: House) -> None:
    ann = await house.person()
    stronger = Registry(house.accounts, Passwords(argon2id(memory_kib=16, passes=1)))
    assert "m=8," in ann.password
    assert await stronger.login(ann.email, PASSWORD, HERE) == ann
    kept = await house.accounts.get(ann.id)
    assert kept is not None
    assert "m=16," in kept.password
    assert kept == replace(ann, password=kept.password)
    assert await stronger.login(ann.email, PASSWORD, HERE) == kept
    assert not await refused(house, ann.email)


async def test_nothing_shows_a_hash(house: House) -> None:
    ann = await house.person()
    assert ann.password not in repr(ann)


async def test_only_a_right_password_does_not_count(house: House) -> None:
    ann = await house.person()
    assert await refused(house, ann.email, "wrong horse")
    assert await refused(house, "nobody@example.org")
    assert house.guard.forgiven == 0
    assert not await refused(house, ann.email)
    assert house.guard.forgiven == 1


async def test_what_could_not_be_tried_does_not_count(house: House) -> None:
    ann = await house.person()
    full = Registry(house.accounts, Passwords(QUICK, waiting_max=0), house.guard)
    with pytest.raises(TooBusy):
        await full.login(ann.email, PASSWORD, HERE)
    assert (len(house.guard.attempts), house.guard.forgiven) == (1, 1)


async def test_an_account_is_known_where_it_was_proven(house: House) -> None:
    ann, bob = await house.person(), await house.person()
    await house.registry.login(ann.email, PASSWORD, "2001:db8:1:2::9")
    await house.registry.login(ann.email, PASSWORD, "2001:db8:1:2::8")  # Of the same network.
    await house.registry.login(ann.email, PASSWORD, HERE)
    await house.registry.login(bob.email, PASSWORD, "2001:db8:1:2::9")
    await refused(house, "nobody@example.org")
    assert house.guard.known == [False, True, False, False, False]


async def test_a_wrong_password_makes_no_address_known(house: House) -> None:
    ann = await house.person()
    for _ in range(2):
        assert await refused(house, ann.email, "wrong horse")
    assert house.guard.known == [False, False]


# Another password of one's own.


async def test_an_own_password_is_changed_by_the_old_one(house: House) -> None:
    ann = await house.person()
    change = house.registry.change_own_password
    assert await change(ann.id, "wrong horse", "battery staple") == Answer(Outcome.WRONG_PASSWORD)
    assert not await refused(house, ann.email)
    assert (await change(ann.id, PASSWORD, "battery staple")).outcome is Outcome.UPDATED
    assert await refused(house, ann.email)
    assert not await refused(house, ann.email, "battery staple")
    assert house.guard.attempts[0] == (ann.email.lower(), "")


@pytest.mark.parametrize("new", [PASSWORD, "password1", "short", "{username}", "{email}"])
async def test_some_are_no_password_for_an_account(house: House, new: str) -> None:
    ann = await house.person()
    new = new.format(username=ann.username.upper(), email=ann.email)
    with pytest.raises(ValueError, match=r"password|Password"):
        await house.registry.change_own_password(ann.id, PASSWORD, new)
    assert house.hasher.verified == 0
    assert not await refused(house, ann.email)


async def test_who_is_nobody_any_more_has_no_password(house: House) -> None:
    ann = await house.person()
    await house.accounts.erase(ann.id)
    with pytest.raises(WrongCredentials):
        await house.registry.change_own_password(ann.id, PASSWORD, "battery staple")


async def test_of_two_changes_at_once_one_is_made(house: House) -> None:
    ann = await house.person()
    change = house.registry.change_own_password
    made = await asyncio.gather(*(change(ann.id, PASSWORD, f"battery {n}") for n in range(5)))
    assert sorted(answer.outcome is Outcome.UPDATED for answer in made) == [False] * 4 + [True]
    (winner,) = (n for n, answer in enumerate(made) if answer.outcome is Outcome.UPDATED)
    assert not await refused(house, ann.email, f"battery {winner}")
