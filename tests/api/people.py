"""Accounts for tests of the API: as the operator makes them, with headers that prove them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from secrets import token_hex

import pytest
from argon2 import PasswordHasher

from billetter.access import passwords
from billetter.access.tokens import AccessTokens, api_digest, new_api_token
from billetter.domain.account import Account, Role
from billetter.domain.outcome import Outcome
from billetter.engine import Engine
from billetter.wire.topology import open_wire
from tests.access.conftest import QUICK
from tests.api.client import basic

SECRET = "7Qm4xWc9Zr2Lk8Vt5Bn1Hs6Jd3Fg0PyA"
"""Signs access tokens where a test makes its own."""
PAYMENT_SECRET = "aV3rYl0ngKeyThatOnlyTheGatewayHas"
PASSWORD = "correct horse"
_HASH = QUICK.hash(PASSWORD)
_numbers = count()


def fresh_email() -> str:
    return f"person-{next(_numbers)}-{token_hex(4)}@example.org"


class Operator:
    """Makes accounts behind the back of the API. Hashes are quick; everything else is as it is."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def appoint(self, role: Role = Role.ATTENDEE) -> Account:
        """Somebody new, with the password of everybody here."""
        email = fresh_email()
        made = await self.engine.accounts.appoint(email, email, role, _HASH)
        assert isinstance(made, Account)
        return made

    async def api_token(self, service: Account) -> str:
        """An Authorization header with a new API token."""
        token = new_api_token()
        added = await self.engine.accounts.add_token(service.id, api_digest(token.encode()))
        assert added.outcome is Outcome.ADDED
        return f"Bearer {token}"


def bearer(account: Account) -> str:
    """An Authorization header with an access token, as a login at a server with SECRET gives it."""
    return f"Bearer {AccessTokens(SECRET.encode(), 3_600).issue(account)}"


def by_password(account: Account) -> str:
    return basic(account.email, PASSWORD)


@asynccontextmanager
async def operating(url: str) -> AsyncIterator[Operator]:
    """The operator of the Redis at `url`."""
    wire = open_wire(url)
    await wire.start()
    try:
        engine = Engine(wire)
        await engine.prepare()
        yield Operator(engine)
    finally:
        await wire.close()


@contextmanager
def quick_passwords(hasher: PasswordHasher = QUICK) -> Iterator[None]:
    """Servers that start meanwhile hash passwords with little memory, and so in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "argon2id", lambda: hasher)
        yield
