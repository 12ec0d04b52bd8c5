"""Rate limits as an operator writes them: `login=10/1m/ip,login=10/1m/account`.

A limit is `group=count/window/by`. It is a bucket: `count` requests may come at once, and one more
as each `count`-th part of the window has passed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NoReturn

COUNT_MAX = 1_000_000
WINDOW_S_MAX = 2_592_000
"""Thirty days: the µs of a whole bucket and a time since 1970 stay exact in a Lua number."""

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_POLICY = re.compile(r"([a-z]+)=([0-9]{1,7})/([0-9]{1,7})([smhd])/([a-z]+)")


class Group(StrEnum):
    """Routes that are limited together."""

    LOGIN = "login"
    REGISTER = "register"
    READ = "read"
    WRITE = "write"
    PAYMENTS = "payments"
    """What a payment gateway calls. It is never under `default`: a refused callback is money."""
    KEYS = "keys"
    """Requests with an Idempotency-Key, each of which is recorded. They count under their route's
    group as well, and never under `default`."""
    DEFAULT = "default"
    """All the groups above, but for payments and keys, that have no limit of their own, counted
    together."""


OPEN_LIMITS = "login=10/1m/ip,login=10/1m/account"
REQUIRED_LIMITS = (
    f"{OPEN_LIMITS},register=500/1h/ip,write=5000/1d/user,write=200000/1d/ip,"
    "keys=2000/1d/user,keys=100000/1d/ip"
)
"""The limits where nobody has written any, in open and in required mode.

In required mode strangers come, and what one of them can have kept must be bounded. A booking that
is opened and dropped is kept for a week, at some 300 bytes: 5 000 a day are 10 MB of one user. A
buyer needs some 25 changes, all of which may come at once; behind one address there may be
8 000 of them in the first minute of a sale. A recorded reply is kept for a day, at about 1 KB; an
account for good, at half of that.
"""


class By(StrEnum):
    """Whose requests are counted together; by address where a request has no such thing."""

    IP = "ip"
    """The client's address; of IPv6 its network of 64 bits."""
    USER = "user"
    """Who calls, whatever the credentials. The shared guest is nobody."""
    ACCOUNT = "account"
    """The account that a login or a registration names, whoever calls."""
    KEY = "key"
    """The credentials presented: a user with two tokens has two buckets."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One limit: a bucket of `count` tokens that takes `window_s` to fill."""

    group: Group
    count: int
    window_s: int
    by: By

    @property
    def interval_us(self) -> int:
        """Microseconds in which one token comes back, rounded up: never more than `count`."""
        return -(-self.window_s * 1_000_000 // self.count)

    def times(self, factor: int) -> "Policy":
        """The same for so many times as many."""
        return replace(self, count=min(self.count * factor, COUNT_MAX))

    def __str__(self) -> str:
        return f"{self.group}={self.count}/{self.window_s}s/{self.by}"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit.

    reset_s: seconds until all of it is there again. retry_after_s: seconds until the next request
    is let in, where this one was not; None where it was. Both are rounded up.
    """

    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int | None = None


def parse_policies(text: str) -> tuple[Policy, ...]:
    """The limits in `text`, in its order; none where it is empty.

    ValueError: one cannot be read, makes no sense or stands twice. The message says which and why.
    """
    policies = tuple(_parse(each.strip()) for each in text.split(",")) if text.strip() else ()
    for position, policy in enumerate(policies):
        if policy in policies[:position]:
            raise ValueError(f"{str(policy)!r} stands there twice")
    return policies


def policies_of(group: Group, policies: Iterable[Policy]) -> tuple[Policy, ...]:
    """Those that apply to a group: its own, or else the default ones."""
    every = tuple(policies)
    own = tuple(policy for policy in every if policy.group is group)
    if own or group in (Group.PAYMENTS, Group.KEYS):
        return own
    return tuple(policy for policy in every if policy.group is Group.DEFAULT)


def _parse(text: str) -> Policy:
    found = _POLICY.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no limit such as login=10/1m/ip")
    name, count, length, unit, by_name = found.groups()
    if name not in set(Group):
        _refuse(text, f"the groups are {', '.join(Group)}")
    if by_name not in set(By):
        _refuse(text, f"the last word is one of {', '.join(By)}")
    policy = Policy(Group(name), int(count), int(length) * _UNITS_S[unit], By(by_name))
    if not 1 <= policy.count <= COUNT_MAX:
        _refuse(text, f"the count is 1 to {COUNT_MAX}")
    if not 1 <= policy.window_s <= WINDOW_S_MAX:
        _refuse(text, f"the window is 1s to {WINDOW_S_MAX // 86_400}d")
    if policy.by is By.ACCOUNT and policy.group not in (Group.LOGIN, Group.REGISTER):
        _refuse(text, "only login and register name an account")
    return policy


def _refuse(text: str, reason: str) -> NoReturn:
    raise ValueError(f"{text!r}: {reason}")
