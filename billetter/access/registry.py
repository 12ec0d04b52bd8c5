"""Who has an account: people register, log in and change their passwords."""

from contextlib import suppress

from billetter.access.passwords import PASSWORD_MAX, Passwords, checked_password
from billetter.access.principal import Guard, Over, TooBusy, WrongCredentials
from billetter.domain.account import EMAIL_MAX, Account, Role, compared
from billetter.domain.ids import AccountId
from billetter.domain.network import client_of
from billetter.domain.outcome import Answer, EngineError, Outcome
from billetter.engine.accounts import Accounts


class Unguarded:
    """A guard that lets everybody guess."""

    async def attempt(self, email: str, address: str, *, known: bool) -> Over:
        return _nothing


async def _nothing(counts: bool) -> None: ...


class Registry:
    """Accounts with their passwords. Every method that takes one may raise TooBusy."""

    def __init__(
        self, accounts: Accounts, passwords: Passwords, guard: Guard | None = None
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._guard = guard or Unguarded()

    async def register(
        self, username: str, email: str, password: str, role: Role = Role.ATTENDEE
    ) -> Account | Answer:
        """Make an account as anybody may. All three are checked before.

        A refusal: WRONG_ROLE, EMAIL_TAKEN, USERNAME_TAKEN.
        """
        password_hash = await self._passwords.hash(password)
        return await self._accounts.register(username, email, role, password_hash)

    async def appoint(
        self, username: str, email: str, password: str, role: Role
    ) -> Account | Answer:
        """The same as the operator may: with any role but guest."""
        password_hash = await self._passwords.hash(password)
        return await self._accounts.appoint(username, email, role, password_hash)

    async def change_password(self, account: AccountId, password: str) -> Answer:
        """UPDATED, or NO_ACCOUNT. What the account proved itself with before is void."""
        password_hash = await self._passwords.hash(password)
        return await self._accounts.change_password(account, password_hash)

    async def change_own_password(
        self, account: AccountId, old: str, new: str, address: str = ""
    ) -> Answer:
        """The same as an account itself may, which proves itself by the old one, like a login.

        A refusal: WRONG_PASSWORD, which the old one is. ValueError, with a sentence: the new one
        cannot be the password of this account. Raises TooManyAttempts.
        """
        found = await self._accounts.get(account)
        if found is None:
            raise WrongCredentials
        if new == old:
            raise ValueError("The new password must be another one.")
        checked_password(new, found.username, found.email)
        if not await self._proven(found, found.email, old, address):
            return Answer(Outcome.WRONG_PASSWORD)
        password_hash = await self._passwords.hash(new)
        answer = await self._accounts.change_password(account, password_hash, found.generation)
        return Answer(Outcome.WRONG_PASSWORD) if answer.outcome is Outcome.KEPT else answer

    async def login(self, email: str, password: str, address: str = "") -> Account:
        """The account of this e-mail and password.

        address: where they come from. Raises WrongCredentials, which does not tell of which the
        account was wrong, not even by the time it takes; TooManyAttempts, as the guard says.
        """
        if len(email) > EMAIL_MAX or len(password) > PASSWORD_MAX:
            raise WrongCredentials  # Nobody has these, so that is no secret.
        account = await self._accounts.by_email(email)
        right = await self._proven(account, email, password, address)
        if account is None or not right:
            raise WrongCredentials
        await self._strengthen(account, password)
        return account

    async def _proven(
        self, account: Account | None, email: str, password: str, address: str
    ) -> bool:
        """Whether the password is the account's. One that is does not count as an attempt."""
        client, id_ = client_of(address or None), account.id if account else None
        known = await self._accounts.knows(id_, client)
        over, counts = await self._guard.attempt(compared(email), address, known=known), True
        try:
            right = await self._passwords.verify(account.password if account else None, password)
            counts = account is None or not right
        except TooBusy:
            counts = False
            raise
        finally:
            await over(counts)
        if account is None or not right:
            return False
        with suppress(EngineError):  # The password is right, whatever becomes of this.
            await self._accounts.remember(account.id, client)
        return True

    async def _strengthen(self, account: Account, password: str) -> None:
        """Hash the password anew if that has become stronger; another login may do so as well."""
        if self._passwords.outdated(account.password):
            with suppress(TooBusy, EngineError):
                await self._accounts.rehash(account, await self._passwords.hash(password))
