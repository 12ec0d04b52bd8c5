"""Accounts: registered, changed, erased, found."""

import asyncio
from collections.abc import Sequence

from billetter.domain.account import OPEN_ROLES, Account, Role, compared, compared_before
from billetter.domain.ids import AccountId
from billetter.domain.outcome import Answer, Outcome
from billetter.engine import keys
from billetter.engine.once import Once
from billetter.engine.scripts import Store

TOKENS_MAX = 16
"""API tokens of one account."""
ADDRESSES_MAX = 32
"""Addresses that one account is known by."""
ADDRESSES_KEEP_MS = 90 * 86_400_000
"""How long they are, without a login."""

NOBODY = AccountId(0)
"""The id of no account."""

_FIELDS = ("username", "email", "role", "password", "created", "generation")


class Accounts:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def register(
        self, username: str, email: str, role: Role, password_hash: str
    ) -> Account | Answer:
        """Make an account as anybody may: with a role of OPEN_ROLES.

        A refusal: WRONG_ROLE (fields: the role), EMAIL_TAKEN, USERNAME_TAKEN.
        """
        if role not in OPEN_ROLES:
            return Answer(Outcome.WRONG_ROLE, (role,))
        return await self.appoint(username, email, role, password_hash)

    async def appoint(
        self, username: str, email: str, role: Role, password_hash: str
    ) -> Account | Answer:
        """Make an account with any role but guest, as the operator may.

        username, email: checked. A refusal: EMAIL_TAKEN, USERNAME_TAKEN.
        """
        if taken := await self._taken_before(email, username):
            return Answer(taken)
        id_ = AccountId(await self._store.draw_id(keys.USERS_NEXT))
        answer = await self._store.run(
            "register_account",
            [keys.account(id_), keys.EMAILS, keys.USERNAMES, keys.USERS_JOURNAL],
            id_,
            username,
            compared(username),
            email,
            compared(email),
            role,
            password_hash,
        )
        if answer.outcome is not Outcome.REGISTERED:
            return answer
        created, generation = answer.fields
        return Account(id_, username, email, role, password_hash, int(created), generation)

    async def get(self, account: AccountId) -> Account | None:
        """The account of this id; None where there is none, or none any more."""
        row = await self._store.command("HMGET", keys.account(account), *_FIELDS, reads=True)
        return _account(account, row)

    async def by_email(self, email: str) -> Account | None:
        """The account of this e-mail, in whatever case it is written."""
        found = await self._found(keys.EMAILS, compared(email))
        if found is None and (before := compared_before(email)) != compared(email):
            return await self._found(keys.EMAILS, before)
        return found

    async def by_token(self, digest: str) -> Account | None:
        """The account that an API token of this digest stands for."""
        return await self._found(keys.TOKENS, digest)

    async def all(self) -> list[Account]:
        """Every account, by id."""
        ids = {
            AccountId(int(id_))
            async for batch in self._store.scan_hash(keys.EMAILS)
            for _, id_ in batch
        }
        found = await asyncio.gather(*map(self.get, sorted(ids)))
        return [account for account in found if account is not None]

    async def change_role(self, account: AccountId, role: Role) -> Answer:
        """UPDATED (fields: the generation), or NO_ACCOUNT. Its tokens of either kind are void."""
        own = [keys.account(account), keys.account_tokens(account)]
        return await self._store.run(
            "change_role", [*own, keys.TOKENS, keys.USERS_JOURNAL], account, role
        )

    async def change_password(
        self, account: AccountId, password_hash: str, proven: str = ""
    ) -> Answer:
        """UPDATED (fields: the generation), or NO_ACCOUNT. Its tokens of either kind are void.

        proven: the generation whose password the caller has proven; KEPT if it is another by now.
        """
        own = [keys.account(account), keys.account_tokens(account)]
        declared = [*own, keys.TOKENS, keys.USERS_JOURNAL]
        return await self._store.run("change_password", declared, account, password_hash, proven)

    async def rehash(self, account: Account, password_hash: str) -> Answer:
        """Keep the password under another hash: UPDATED, or KEPT if it is another one by now."""
        declared = [keys.account(account.id), keys.USERS_JOURNAL]
        return await self._store.run(
            "rehash_password", declared, account.id, account.password, password_hash
        )

    async def erase(self, account: AccountId) -> Answer:
        """ERASED, or NO_ACCOUNT. Bookings stay, under the id alone."""
        own = [keys.account(account), keys.account_tokens(account)]
        shared = [keys.EMAILS, keys.USERNAMES, keys.TOKENS, keys.USERS_JOURNAL]
        declared = [*own, *shared, keys.account_addresses(account)]
        return await self._store.run("erase_account", declared, account)

    async def add_token(self, account: AccountId, digest: str) -> Answer:
        """Let an API token of this digest stand for a service.

        ADDED, or a refusal: NO_ACCOUNT, WRONG_ROLE (fields: its role), TOO_MANY (fields: how many
        it may have).
        """
        own = [keys.account(account), keys.account_tokens(account)]
        declared = [*own, keys.TOKENS, keys.USERS_JOURNAL]
        return await self._store.run("add_token", declared, account, digest, TOKENS_MAX)

    async def revoke_tokens(self, account: AccountId) -> Answer:
        """Take all API tokens of an account back: REVOKED (fields: how many there were)."""
        declared = [keys.account_tokens(account), keys.TOKENS, keys.USERS_JOURNAL]
        return await self._store.run("revoke_tokens", declared, account)

    async def knows(self, account: AccountId | None, client: str) -> bool:
        """Whether the account was proven from this client's address before."""
        # Of nobody's account it is asked as well: nobody is told apart by how long it takes.
        kept, address = keys.account_addresses(account or NOBODY), _address(client)
        return await self._store.command("ZSCORE", kept, address, reads=True) is not None

    async def remember(self, account: AccountId, client: str) -> Answer:
        """Know the account by this client's address from now on: ADDED, or NO_ACCOUNT."""
        declared = [keys.account(account), keys.account_addresses(account)]
        limits = (ADDRESSES_MAX, ADDRESSES_KEEP_MS)
        return await self._store.run("remember_address", declared, _address(client), *limits)

    async def _taken_before(self, email: str, username: str) -> Outcome | None:
        """Why there cannot be such an account, by how earlier versions compared names.

        They make no more of them, so that nothing can change after this look.
        """
        for index, name, taken in (
            (keys.EMAILS, email, Outcome.EMAIL_TAKEN),
            (keys.USERNAMES, username, Outcome.USERNAME_TAKEN),
        ):
            before = compared_before(name)
            if before != compared(name) and await self._id_of(index, before) is not None:
                return taken
        return None

    async def _id_of(self, index: str, name: str) -> AccountId | None:
        found = await self._store.command("HGET", index, name, reads=True)
        return None if found is None else AccountId(int(found))

    async def _found(self, index: str, name: str) -> Account | None:
        id_ = await self._id_of(index, name)
        return None if id_ is None else await self.get(id_)


def _address(client: str) -> str:
    """What an address is kept as: no address lies about in Redis."""
    return Once.named("address", client, ttl_ms=0).digest


def _account(id_: AccountId, row: Sequence[bytes | None]) -> Account | None:
    username, email, role, password, created, generation = (each and each.decode() for each in row)
    if not (username and email and role and password and created and generation):
        return None
    return Account(id_, username, email, Role(role), password, int(created), generation)
