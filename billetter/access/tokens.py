"""Tokens: access tokens that people get by logging in, and API tokens that services are given."""

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any, Final

import jwt
import orjson

from billetter.access.principal import WrongCredentials
from billetter.domain.account import Account
from billetter.domain.ids import ID_MAX, AccountId

ALGORITHM: Final = "HS256"
AUDIENCE: Final = "billetter"
CLAIMS: Final = ("aud", "exp", "gen", "iat", "role", "sub")
"""Every access token has them. gen: the generation of the account that it was made for."""
API_PREFIX: Final = "blt_"
"""By it an API token is told from an access token, and found where it has leaked."""

_ACCOUNT = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
_SIGNED = jwt.PyJWS(algorithms=[ALGORITHM])


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
            said = orjson.loads(_SIGNED.decode(token, self._secret, algorithms=[ALGORITHM]))
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise WrongCredentials from None
        return _checked(said, self._clock())


def _checked(claims: Any, now: float) -> AccessClaims:
    """The claims, if each is of the kind and in the range that ours have.

    A library made for everybody's tokens takes numbers as texts, fractions and lists, too; a
    signature does not make them harmless, as others may hold the secret. Another machine's clock
    may be ahead, so a token made in the future is good at once.
    """
    if not isinstance(claims, dict) or any(claim not in claims for claim in CLAIMS):
        raise WrongCredentials
    exp, sub, gen = claims["exp"], claims["sub"], claims["gen"]
    starts = claims.get("nbf", 0)
    genuine = (
        claims["aud"] == AUDIENCE
        and _is_time(exp)
        and _is_time(claims["iat"])
        and _is_time(starts)
        and isinstance(sub, str)
        and _ACCOUNT.fullmatch(sub)
        and isinstance(gen, str)
    )
    if not genuine or starts > now or exp <= now:
        raise WrongCredentials
    return AccessClaims(AccountId(int(sub)), gen, exp - now)


def _is_time(value: object) -> bool:
    """Whether it is a count of seconds since 1970: an integer, and no boolean."""
    return type(value) is int and 0 <= value <= ID_MAX


def new_api_token() -> str:
    """A token that nobody guesses: 256 bits at random."""
    return API_PREFIX + token_urlsafe(32)


def api_digest(token: bytes) -> str:
    """What an API token is kept and found under. At random as it is, it needs no slow hash."""
    return hashlib.sha256(token).hexdigest()
