"""From credentials to the one who calls."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from billetter.domain.account import Account, Role
from billetter.domain.ids import AccountId, UserId
from billetter.domain.policy import Allowance


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of one request. account: None for a guest."""

    user: UserId
    role: Role = Role.GUEST
    account: AccountId | None = None

    @classmethod
    def of(cls, account: Account) -> "Principal":
        return cls(account.user, account.role, account.id)


class WrongCredentials(Exception):
    """The request carries credentials, and they are nobody's."""


class CredentialsMissing(Exception):
    """The request carries none, and needs some."""


class TooManyAttempts(Exception):
    """Passwords were tried too often: of this account, or from this address."""

    def __init__(self, allowance: Allowance) -> None:
        super().__init__(f"try again in {allowance.retry_after_s} s")
        self.allowance = allowance


class TooBusy(Exception):
    """More passwords wait to be hashed than can be soon."""


Over: TypeAlias = Callable[[bool], Awaitable[None]]
"""Called when an attempt is over. It counts, unless the password was right or not looked at."""


class Guard(Protocol):
    """Limits the guessing of passwords.

    email: as `compared` gives it; address: where the request comes from, "" if that is unknown.
    """

    async def attempt(self, email: str, address: str, *, known: bool) -> Over:
        """Called before a password is hashed. TooManyAttempts: it is not to be.

        known: this account was proven from this address before, so that what others guess
            elsewhere does not count against it.
        """


class Doorkeeper(Protocol):
    """Says who a request comes from."""

    async def identify(self, authorization: bytes | None, address: str = "") -> Principal:
        """The principal behind an Authorization header, or behind none.

        address: where the request comes from.
        Raises WrongCredentials, CredentialsMissing; TooManyAttempts, TooBusy: it was not tried.
        """

    def forget(self, account: AccountId) -> None:
        """Prove anew whatever has proven this account: its password has changed."""
