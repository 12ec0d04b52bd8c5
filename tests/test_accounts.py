"""Accounts of the engine: one for each name however many ask, found, changed, erased."""

import asyncio
from collections import Counter
from itertools import count
from random import randrange

import pytest

from billetter.domain.account import Account, Role
from billetter.domain.ids import GUEST, ID_MAX, AccountId
from billetter.domain.outcome import Answer, Outcome
from billetter.engine import Engine, keys
from billetter.engine.accounts import TOKENS_MAX, Accounts
from billetter.wire.topology import Wire

NOBODY = AccountId(ID_MAX)

_numbers = count(randrange(1_000_000_000))


@pytest.fixture
def engine(wire: Wire) -> Engine:
    return Engine(wire)


@pytest.fixture
def accounts(engine: Engine) -> Accounts:
    return engine.accounts


def names() -> tuple[str, str]:
    """A username and an e-mail that nobody has."""
    number = next(_numbers)
    return f"Ann {number}", f"Ann{number}@Example.org"


async def somebody(accounts: Accounts, role: Role = Role.ATTENDEE) -> Account:
    made = await accounts.appoint(*names(), role, "$hash")
    assert isinstance(made, Account)
    return made


async def test_what_was_registered_is_found(accounts: Accounts) -> None:
    username, email = names()
    made = await accounts.register(username, email, Role.ORGANIZER, "$hash")
    assert isinstance(made, Account)
    assert (made.username, made.email, made.role) == (username, email, Role.ORGANIZER)
    assert made.user == f"a:{made.id}"
    assert await accounts.get(made.id) == made
    assert await accounts.by_email(email.upper()) == made
    assert made in await accounts.all()


@pytest.mark.parametrize("role", [Role.SERVICE, Role.ADMIN, Role.GUEST])
async def test_only_the_operator_gives_other_roles(accounts: Accounts, role: Role) -> None:
    username, email = names()
    refusal = Answer(Outcome.WRONG_ROLE, (role,))
    assert await accounts.register(username, email, role, "$hash") == refusal
    assert await accounts.by_email(email) is None
    made = await accounts.appoint(username, email, role, "$hash")
    assert isinstance(made, Account)
    assert made.role is role


async def test_one_of_many_gets_an_email(accounts: Accounts) -> None:
    _, email = names()
    cases = [email.upper(), email.lower(), email]
    made = await asyncio.gather(
        *(
            accounts.register(names()[0], cases[number % 3], Role.ATTENDEE, "$hash")
            for number in range(200)
        )
    )
    winners = [each for each in made if isinstance(each, Account)]
    losers = Counter(each.outcome for each in made if isinstance(each, Answer))
    assert (len(winners), losers) == (1, {Outcome.EMAIL_TAKEN: 199})
    assert await accounts.by_email(email) == winners[0]


async def test_one_of_many_gets_a_username(accounts: Accounts) -> None:
    username, _ = names()
    made = await asyncio.gather(
        *(accounts.register(username, names()[1], Role.ATTENDEE, "$hash") for _ in range(200))
    )
    losers = Counter(each.outcome for each in made if isinstance(each, Answer))
    assert losers == {Outcome.USERNAME_TAKEN: 199}


async def test_nobody(accounts: Accounts) -> None:
    for id_ in (NOBODY, AccountId(0), AccountId(-1), AccountId(10**30)):
        assert await accounts.get(id_) is None
    assert await accounts.by_email(names()[1]) is None
    assert await accounts.by_token("0" * 64) is None
    refusal = Answer(Outcome.NO_ACCOUNT)
    assert await accounts.change_role(NOBODY, Role.ADMIN) == refusal
    assert await accounts.change_password(NOBODY, "$new") == refusal
    assert await accounts.erase(NOBODY) == refusal
    assert await accounts.add_token(NOBODY, "digest") == refusal


async def test_changes_are_found_with_another_generation(accounts: Accounts) -> None:
    ann = await somebody(accounts)
    generations = {ann.generation}
    for change in (
        accounts.change_role(ann.id, Role.ADMIN),
        accounts.change_password(ann.id, "$new"),
    ):
        answer = await change
        assert answer.outcome is Outcome.UPDATED
        generations.add(answer.fields[0])
    found = await accounts.get(ann.id)
    assert found is not None
    assert (found.role, found.password) == (Role.ADMIN, "$new")
    assert len(generations) == 3
    assert found.generation == max(generations)


async def test_an_erased_account_frees_its_names_and_keeps_its_id(accounts: Accounts) -> None:
    ann = await somebody(accounts)
    assert await accounts.erase(ann.id) == Answer(Outcome.ERASED)
    assert await accounts.get(ann.id) is None
    assert await accounts.by_email(ann.email) is None
    again = await accounts.register(ann.username, ann.email, Role.ATTENDEE, "$hash")
    assert isinstance(again, Account)
    assert again.id > ann.id


async def test_tokens_of_a_service(accounts: Accounts) -> None:
    bob = await somebody(accounts, Role.SERVICE)
    digests = [f"{bob.id}-{number}" for number in range(TOKENS_MAX)]
    for digest in digests:
        assert await accounts.add_token(bob.id, digest) == Answer(Outcome.ADDED)
        assert await accounts.by_token(digest) == bob
    refusal = Answer(Outcome.TOO_MANY, (str(TOKENS_MAX),))
    assert await accounts.add_token(bob.id, f"{bob.id}-more") == refusal
    revoked = Answer(Outcome.REVOKED, (str(TOKENS_MAX),))
    assert await accounts.revoke_tokens(bob.id) == revoked
    assert await accounts.by_token(digests[0]) is None


async def test_nobody_else_gets_tokens(accounts: Accounts) -> None:
    ann = await somebody(accounts, Role.ADMIN)
    assert await accounts.add_token(ann.id, "x") == Answer(Outcome.WRONG_ROLE, ("admin",))


async def test_the_journal_tells_no_secrets_and_no_names(engine: Engine) -> None:
    accounts = engine.accounts
    bob = await somebody(accounts, Role.SERVICE)
    await accounts.add_token(bob.id, f"digest-{bob.id}")
    await accounts.change_password(bob.id, "$new")
    await accounts.erase(bob.id)
    written = await engine.store.command("XRANGE", keys.USERS_JOURNAL, "-", "+", reads=True)
    mine = [fields for _, fields in written if bob.user.encode() in fields]
    assert [fields[1] for fields in mine] == [
        b"registered",
        b"token_added",
        b"password_changed",
        b"erased",
    ]
    told = repr(written)
    for secret in (bob.email, bob.email.lower(), bob.username, "$hash", "$new", "digest-"):
        assert secret not in told


async def test_a_reset_leaves_accounts_alone(wire: Wire) -> None:
    await wire.call("SELECT", 9)
    engine = Engine(wire)
    ann = await somebody(engine.accounts)
    await engine.reset.run(GUEST)
    assert await engine.accounts.get(ann.id) == ann
    assert await engine.accounts.by_email(ann.email) == ann
