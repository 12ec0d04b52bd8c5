"""Rate limits over HTTP: which apply to a route, and how they are told.

The headers are the three of draft-ietf-httpapi-ratelimit-headers-06. Later drafts fold them into
one structured field, whose syntax has changed with every draft; these are what clients read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from billetter.access.principal import TooManyAttempts
from billetter.api.replies import Reply, error
from billetter.domain.ids import GUEST, UserId
from billetter.domain.network import client_of
from billetter.domain.policy import Allowance, By, Group, Policy, policies_of
from billetter.engine.limits import Limits

RATE_LIMITED = error(
    429, "rate_limited", "There were too many requests; Retry-After says when to come again."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """What is known of who sends a request.

    address: of the client, "" on a Unix socket. credential: the Authorization header.
    account: whom a login names, as accounts are compared.
    """

    address: str
    user: UserId = GUEST
    credential: bytes | None = None
    account: str | None = None

    def subject(self, by: By) -> str:
        """Whose bucket the request takes from."""
        match by:
            case By.USER if self.user != GUEST:
                return self.user
            case By.ACCOUNT if self.account is not None:
                return self.account
            case By.KEY if self.credential is not None:
                return self.credential.decode("latin-1")
        return client_of(self.address or None)


class Gate:
    """Limits that a request meets together, in the order in which the operator wrote them."""

    def __init__(self, limits: Limits, policies: Sequence[Policy]) -> None:
        self._limits = limits
        self._policies = policies

    async def admit(self, caller: Caller) -> Allowance:
        """What is left to the caller. Unavailable: Redis is away."""
        return await self._limits.take_each(
            (policy, caller.subject(policy.by)) for policy in self._policies
        )


@dataclass(frozen=True, slots=True)
class Gates:
    """The limits of one route: found when it is built, so that one without any costs nothing.

    outer: by address, before credentials are looked at: checking a password is what costs most.
    inner: by who calls, once that is known, and before anything is done for them.
    """

    outer: Gate | None
    inner: Gate | None

    @classmethod
    def of(cls, group: Group | None, policies: Iterable[Policy], limits: Limits) -> Self:
        """Those of a group of routes; no group, no limits."""
        applying = policies_of(group, policies) if group else ()
        by_address = [policy for policy in applying if policy.by is By.IP]
        others = [policy for policy in applying if policy.by is not By.IP]
        return cls(
            Gate(limits, by_address) if by_address else None,
            Gate(limits, others) if others else None,
        )


def told(allowance: Allowance) -> list[tuple[bytes, bytes]]:
    """The headers that say what is left."""
    return [
        (b"ratelimit-limit", b"%d" % allowance.limit),
        (b"ratelimit-remaining", b"%d" % allowance.remaining),
        (b"ratelimit-reset", b"%d" % allowance.reset_s),
    ]


def limited(allowance: Allowance, plain: Reply = RATE_LIMITED) -> Reply:
    """429; plain: the reply of a route that words it otherwise."""
    return plain.plus((b"retry-after", b"%d" % (allowance.retry_after_s or 0)), *told(allowance))


class LoginGuard:
    """The limits of logins, for Basic as well: each password that is tried counts, right or wrong.

    A credential that was proven just before is not tried again, and so does not count.
    """

    def __init__(self, policies: Iterable[Policy], limits: Limits) -> None:
        applying = policies_of(Group.LOGIN, policies)
        self._gate = Gate(limits, applying) if applying else None

    async def attempt(self, email: str, address: str) -> None:
        """See Guard."""
        if self._gate is not None:
            allowance = await self._gate.admit(Caller(address, account=email))
            if allowance.retry_after_s is not None:
                raise TooManyAttempts(allowance)
