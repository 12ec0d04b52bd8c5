"""Rate limits over HTTP: which apply to a route, and how they are told.

The headers are the three of draft-ietf-httpapi-ratelimit-headers-06. Later drafts fold them into
one structured field, whose syntax has changed with every draft; these are what clients read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

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
    account: whom a login names, as accounts are compared. trusted: a service or an administrator.
    """

    address: str
    user: UserId = GUEST
    credential: bytes | None = None
    account: str | None = None
    trusted: bool = False

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
    """Limits that a request meets together, in the order in which the operator wrote them.

    trusted: those that count callers whom the operator trusts, too; None: all of them.
    own: the buckets are the caller's own, so that they can be asked all at once.
    """

    def __init__(
        self,
        limits: Limits,
        policies: Sequence[Policy],
        trusted: Sequence[Policy] | None = None,
        *,
        own: bool = False,
    ) -> None:
        self._take = limits.take_all if own else limits.take_each
        self._policies = policies
        self._trusted = policies if trusted is None else trusted

    async def admit(self, caller: Caller) -> Allowance | None:
        """What is left to the caller; None: no limit counts them. Unavailable: Redis is away."""
        policies = self._trusted if caller.trusted else self._policies
        if not policies:
            return None
        return await self._take((policy, caller.subject(policy.by)) for policy in policies)


@dataclass(frozen=True, slots=True)
class Gates:
    """The limits of one route: found when it is built, so that one without any costs nothing.

    outer: by address, before credentials are looked at: checking a password is what costs most.
    inner: by who calls, once that is known, and before anything is done for them. Of changes all
        are there: services and administrators make them for many, and are counted by key alone.
    keyed: in place of inner where a request has an Idempotency-Key.
    """

    outer: Gate | None = None
    inner: Gate | None = None
    keyed: Gate | None = None

    @classmethod
    def of(cls, group: Group | None, policies: Iterable[Policy], limits: Limits) -> Self:
        """Those of a group of routes; no group, no limits but those of keys."""
        every = tuple(policies)
        applying = policies_of(group, every) if group else ()
        if group is Group.WRITE:
            first = applying[:0]
            inner, trusted = applying, _by_key(applying)
        else:
            first = tuple(policy for policy in applying if policy.by is By.IP)
            inner = trusted = tuple(policy for policy in applying if policy.by is not By.IP)
        keys = policies_of(Group.KEYS, every)
        keyed, keyed_trusted = inner + keys, trusted + _by_key(keys)
        return cls(
            Gate(limits, first) if first else None,
            Gate(limits, inner, trusted, own=True) if inner else None,
            Gate(limits, keyed, keyed_trusted, own=True) if keyed else None,
        )


def _by_key(policies: tuple[Policy, ...]) -> tuple[Policy, ...]:
    return tuple(policy for policy in policies if policy.by is By.KEY)


def rate_limit_headers(allowance: Allowance) -> list[tuple[bytes, bytes]]:
    """The headers that say what is left."""
    return [
        (b"ratelimit-limit", b"%d" % allowance.limit),
        (b"ratelimit-remaining", b"%d" % allowance.remaining),
        (b"ratelimit-reset", b"%d" % allowance.reset_s),
    ]


def limited(allowance: Allowance, plain: Reply = RATE_LIMITED) -> Reply:
    """429; plain: the reply of a route that words it otherwise."""
    retry_after = (b"retry-after", b"%d" % (allowance.retry_after_s or 0))
    return plain.plus(retry_after, *rate_limit_headers(allowance))
