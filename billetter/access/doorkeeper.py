"""Says who a request comes from, in a microsecond if the same header was proven just before."""

import asyncio
import binascii
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from secrets import token_bytes
from typing import Final

from billetter.access.principal import CredentialsMissing, Principal, WrongCredentials
from billetter.access.registry import Registry
from billetter.access.tokens import API_PREFIX, AccessClaims, AccessTokens, api_digest
from billetter.domain.account import Account
from billetter.domain.ids import GUEST, AccountId
from billetter.engine.accounts import Accounts

FRESH_S: Final = 60.0
"""Seconds for which a proven header needs no look at its account."""
PROVEN_MAX: Final = 32_768
"""Proven headers kept per worker; the oldest go first, and are proven again."""
HEADER_MAX: Final = 4_096
"""Bytes of an Authorization header."""

_API_PREFIX = API_PREFIX.encode()


@dataclass(frozen=True, slots=True)
class _Proof:
    """A header proved an account of this generation; that counts until then, by the clock."""

    principal: Principal
    generation: str
    until: float


class AccountsDoor:
    """Everybody with an account, by Basic, by an access token or by an API token.

    guests: whether who brings nothing is the shared guest; else CredentialsMissing.
    clock: seconds of a clock that is never set back.

    A change of password or role, or an erasure, is in force within FRESH_S, and at once in the
    process that is told of it. Headers are kept as digests under a key of this process alone.
    """

    def __init__(
        self,
        accounts: Accounts,
        registry: Registry,
        tokens: AccessTokens,
        *,
        guests: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accounts = accounts
        self._registry = registry
        self._tokens = tokens
        self._guest = Principal(GUEST) if guests else None
        self._clock = clock
        self._key = token_bytes(32)
        self._proofs: dict[bytes, _Proof] = {}
        self._flights: dict[bytes, asyncio.Task[Principal]] = {}
        self._forgotten = 0

    async def identify(self, authorization: bytes | None, address: str = "") -> Principal:
        """See Doorkeeper."""
        if authorization is None:
            if self._guest is None:
                raise CredentialsMissing
            return self._guest
        digest = blake2b(authorization, key=self._key, digest_size=16).digest()
        proof = self._proofs.get(digest)
        if proof is not None and self._clock() < proof.until:
            return proof.principal
        return await self._join(digest, authorization, address)

    def forget(self, account: AccountId) -> None:
        """See Doorkeeper. What is being proven meanwhile is not remembered."""
        self._forgotten += 1
        proven = self._proofs.items()
        for digest in [it for it, proof in proven if proof.principal.account == account]:
            del self._proofs[digest]

    async def _join(self, digest: bytes, authorization: bytes, address: str) -> Principal:
        """Prove a header once for all who bring it meanwhile, though the first of them leave."""
        flight = self._flights.get(digest)
        if flight is None:
            flight = asyncio.create_task(self._prove(digest, authorization, address))
            self._flights[digest] = flight
            flight.add_done_callback(partial(self._landed, digest))
        await asyncio.wait((flight,))
        return flight.result()

    def _landed(self, digest: bytes, flight: asyncio.Task[Principal]) -> None:
        del self._flights[digest]
        if not flight.cancelled():
            flight.exception()  # Perhaps nobody is left to hear of it.

    async def _prove(self, digest: bytes, authorization: bytes, address: str) -> Principal:
        # Before the account is read: what changes after that is seen in time.
        now, forgotten = self._clock(), self._forgotten
        before = self._proofs.get(digest)
        account, good_s = await self._account(authorization, address, before)
        proof = _Proof(Principal.of(account), account.generation, now + good_s)
        if forgotten == self._forgotten:
            self._keep(digest, proof)
        return proof.principal

    def _keep(self, digest: bytes, proof: _Proof) -> None:
        self._proofs.pop(digest, None)  # As the newest it goes to the end.
        while len(self._proofs) >= PROVEN_MAX:
            del self._proofs[next(iter(self._proofs))]
        self._proofs[digest] = proof

    async def _account(
        self, authorization: bytes, address: str, before: _Proof | None
    ) -> tuple[Account, float]:
        """Whose header this is, and the seconds for which that counts."""
        if len(authorization) > HEADER_MAX:
            raise WrongCredentials
        scheme, _, credentials = authorization.partition(b" ")
        credentials = credentials.lstrip(b" ")  # One space or more, says RFC 9110.
        match scheme.lower():
            case b"bearer" if credentials.startswith(_API_PREFIX):
                return await self._service(credentials), FRESH_S
            case b"bearer":
                claims = self._tokens.read(credentials)
                return await self._bearer(claims), min(FRESH_S, claims.left_s)
            case b"basic":
                return await self._basic(credentials, address, before), FRESH_S
            case _:
                raise WrongCredentials

    async def _bearer(self, claims: AccessClaims) -> Account:
        account = await self._accounts.get(claims.account)
        if account is None or account.generation != claims.generation:
            raise WrongCredentials
        return account

    async def _service(self, token: bytes) -> Account:
        account = await self._accounts.by_token(api_digest(token))
        if account is None:
            raise WrongCredentials
        return account

    async def _basic(self, credentials: bytes, address: str, before: _Proof | None) -> Account:
        """The account of an e-mail and a password.

        A header that proved the account before is not hashed again while its generation stays.
        """
        if before is not None and before.principal.account is not None:
            account = await self._accounts.get(before.principal.account)
            if account is not None and account.generation == before.generation:
                return account
        try:
            pair = _text(binascii.a2b_base64(credentials, strict_mode=True))
        except ValueError:
            raise WrongCredentials from None
        email, colon, password = pair.partition(":")
        if not colon:
            raise WrongCredentials
        return await self._registry.login(email, password, address)


def _text(pair: bytes) -> str:
    """A pair as UTF-8, which we ask for, or else as the Latin-1 that old clients send."""
    try:
        return pair.decode()
    except UnicodeDecodeError:
        return pair.decode("latin-1")
