"""Accounts for script tests, called raw. Each test has people of its own on a shared server."""

from collections.abc import Sequence
from itertools import count
from random import randrange

from billetter.domain.ids import AccountId
from billetter.engine import keys
from tests.lua.stage import Reply, Stage, Text

_ids = count(randrange(1_000_000, 80_000_000))
TOKENS_MAX = 3
ADDRESSES_MAX = 2
KEEP_MS = 60_000


class Person:
    """An account, of an id that no other test has, on a stage that watches all it touches.

    Each method named after a script calls it raw and gives its reply.
    """

    def __init__(self, stage: Stage, id_: AccountId | None = None) -> None:
        self.stage = stage
        self.id = id_ or AccountId(next(_ids))
        self.own, self.tokens = keys.account(self.id), keys.account_tokens(self.id)
        self.addresses = keys.account_addresses(self.id)
        self.name = f"Ann {self.id}"
        shared = [keys.EMAILS, keys.USERNAMES, keys.TOKENS, keys.USERS_JOURNAL]
        stage.watched = list({*stage.watched, *shared, self.own, self.tokens, self.addresses})

    # The scripts.

    async def register(
        self, name: str = "", email: str = "", role: str = "attendee", password: str = "hash"
    ) -> Reply:
        name, email = name or self.name, email or f"{self.name}@example.org"
        declared = [self.own, keys.EMAILS, keys.USERNAMES, keys.USERS_JOURNAL]
        args = (self.id, name, name.lower(), email, email.lower(), role, password)
        return await self.stage.run("register_account", declared, *args)

    async def change_role(self, role: str) -> Reply:
        declared = [self.own, self.tokens, keys.TOKENS, keys.USERS_JOURNAL]
        return await self.stage.run("change_role", declared, self.id, role)

    async def change_password(self, password: str, proven: str = "") -> Reply:
        declared = [self.own, self.tokens, keys.TOKENS, keys.USERS_JOURNAL]
        return await self.stage.run("change_password", declared, self.id, password, proven)

    async def remember(self, address: str, most: int = ADDRESSES_MAX) -> Reply:
        declared = [self.own, self.addresses]
        return await self.stage.run("remember_address", declared, address, most, KEEP_MS)

    async def rehash(self, old: str, new: str) -> Reply:
        declared = [self.own, keys.USERS_JOURNAL]
        return await self.stage.run("rehash_password", declared, self.id, old, new)

    async def erase(self) -> Reply:
        shared = [keys.EMAILS, keys.USERNAMES, keys.TOKENS, keys.USERS_JOURNAL]
        declared = [self.own, self.tokens, *shared, self.addresses]
        return await self.stage.run("erase_account", declared, self.id)

    async def add_token(self, digest: str) -> Reply:
        declared = [self.own, self.tokens, keys.TOKENS, keys.USERS_JOURNAL]
        args = (self.id, self.digest(digest), TOKENS_MAX)
        return await self.stage.run("add_token", declared, *args)

    async def revoke_tokens(self) -> Reply:
        declared = [self.tokens, keys.TOKENS, keys.USERS_JOURNAL]
        return await self.stage.run("revoke_tokens", declared, self.id)

    # States to start from.

    async def registered(self, role: str = "attendee") -> None:
        assert (await self.register(role=role))[0] == "REGISTERED"

    async def serving(self, *digests: str) -> None:
        """A service with API tokens."""
        await self.registered("service")
        for digest in digests:
            assert await self.add_token(digest) == ["ADDED"]

    # The state as it stands.

    def digest(self, name: str) -> str:
        return f"{name}-{self.id}"

    async def fields(self) -> Text:
        return _pairs(await self.stage.command("HGETALL", self.own))

    async def stood_for(self, *digests: str) -> list[str | None]:
        """Whom each of these API tokens stands for."""
        wanted = map(self.digest, digests)
        return [await self.stage.command("HGET", keys.TOKENS, digest) for digest in wanted]

    async def had(self) -> set[str]:
        """The API tokens it has, as it keeps them itself."""
        found = await self.stage.command("HKEYS", self.tokens)
        return {digest.removesuffix(f"-{self.id}") for digest in found}

    async def told(self) -> list[tuple[str, str]]:
        """What the journal says of it, in order: what, and the note."""
        entries = await self.stage.command("XRANGE", keys.USERS_JOURNAL, "-", "+")
        written = [_pairs(fields) for _, fields in entries]
        mine = [entry for entry in written if entry["user"] == f"a:{self.id}"]
        assert all(entry["event"] == entry["booking"] == entry["seats"] == "" for entry in mine)
        return [(entry["what"], entry["note"]) for entry in mine]


def _pairs(flat: Sequence[str]) -> Text:
    return dict(zip(flat[::2], flat[1::2], strict=True))
