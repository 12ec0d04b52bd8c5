"""Tokens: access tokens that people get by logging in, and API tokens that services are given."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any, Final

import jwt

from billetter.access.principal import WrongCredentials
from billetter.domain.account import Account
from billetter.domain.ids import AccountId

ALGORITHM: Final = "HS256"
AUDIENCE: Final = "billetter"
CLAIMS: Final = ("aud", "exp", "gen", "iat", "role", "sub")
"""Every access token has them. gen: the generation of the account that it was made for."""
API_PREFIX: Final = "blt_"
"""By it an API token is told from an access token, and found where it has leaked."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a genuine access token says. left_s: seconds for which it is still good."""

    account: AccountId
    generation: str
    left_s: float


class AccessTokens:
    """Makes and reads JSON Web Tokens; none is stored.

    secret: 32 bytes or more, the same in every worker. lifetime_s: how long each is good for.
    clock: seconds since 1970.
    """

    def __init__(
        self, secret: bytes, lifetime_s: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._secret = secret
        self._clock = clock
        self.lifetime_s = lifetime_s

    def issue(self, account: Account) -> str:
        now = int(self._clock())
        claims = {
            "aud": AUDIENCE,
            "exp": now + self.lifetime_s,
            "gen": account.generation,
            "iat": now,
            "role": account.role,
            "sub": str(account.id),
        }
        return jwt.encode(claims, self._secret, ALGORITHM)

    def read(self, token: bytes) -> AccessClaims:
        """What the token says. WrongCredentials: it is not ours, not for us, or no longer good."""
        try:
            claims = self._decoded(token)
            account = AccountId(int(claims["sub"]))
        except (jwt.InvalidTokenError, ValueError):
            raise WrongCredentials from None
        left_s = claims["exp"] - self._clock()
        if left_s <= 0:
            raise WrongCredentials
        return AccessClaims(account, str(claims["gen"]), left_s)

    def _decoded(self, token: bytes) -> dict[str, Any]:
        return jwt.decode(
            token,
            self._secret,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            # Another machine's clock may be ahead: a token that was made there is good at once.
            options={"require": list(CLAIMS), "verify_iat": False},
        )


def new_api_token() -> str:
    """A token that nobody guesses: 256 bits at random."""
    return API_PREFIX + token_urlsafe(32)


def api_digest(token: bytes) -> str:
    """What an API token is kept and found under. At random as it is, it needs no slow hash."""
    return hashlib.sha256(token).hexdigest()
