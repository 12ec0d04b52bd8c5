"""Rate limits: one bucket of tokens for each limit and each of those it counts apart."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, cast

from billetter.domain.outcome import EngineError, Outcome, OutcomeUnknown, Unavailable
from billetter.domain.policy import Allowance, By, Policy
from billetter.engine import keys
from billetter.engine.once import Once
from billetter.engine.scripts import Store
from billetter.wire.errors import WireError
from billetter.wire.link import Reply

LIMITED: Final = Outcome.LIMITED.value.encode()


class Limits:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(self, policy: Policy, subject: str) -> Allowance:
        """One token from the bucket of `subject`. Unavailable: nobody can say whether it is empty.

        subject: of any length; it is kept as a digest, so no address or token lies about in Redis.
        """
        declared = [_bucket(policy, subject)]
        try:
            reply = await self._store.run_raw(
                "take_token", declared, policy.count, policy.interval_us
            )
        except OutcomeUnknown as error:
            # A token may be gone. What the caller wants has not begun, and that is what matters.
            raise Unavailable(str(error)) from error
        return _allowance(policy, reply)

    async def give_back(self, policy: Policy, subject: str) -> None:
        """Put a token back that was taken for what does not count after all."""
        with suppress(EngineError):  # It comes back by itself, only later.
            await self._store.run("return_token", [_bucket(policy, subject)], policy.interval_us)

    async def take_all(self, wanted: Iterable[tuple[Policy, str]]) -> Allowance:
        """A token from each bucket, all at once: the longest refusal, or the scarcest allowance.

        What refuses leaves all of them as they were, but for a moment: for buckets that are the
        caller's own. ValueError: there are no buckets.
        """
        pairs = list(wanted)
        begun = [
            self._store.begin_run(
                "take_token", [_bucket(*pair)], pair[0].count, pair[0].interval_us
            )
            for pair in pairs
        ]
        taken = [await self._taken(*pair, it) for pair, it in zip(pairs, begun, strict=True)]
        refused = [allowance for allowance in taken if allowance.retry_after_s is not None]
        if not refused:
            return scarcest(taken)
        let_in = [it for it, got in zip(pairs, taken, strict=True) if got.retry_after_s is None]
        await asyncio.gather(*(self.give_back(*pair) for pair in let_in))
        return max(refused, key=lambda allowance: allowance.retry_after_s or 0)

    async def take_each(self, wanted: Iterable[tuple[Policy, str]]) -> Allowance:
        """A token from each bucket in turn: the first refusal, or else the scarcest allowance.

        A refusal leaves the buckets after it alone: who is stopped by one limit cannot use up
        somebody else's share of another. Those before it get their tokens back.
        ValueError: there are no buckets.
        """
        taken: list[tuple[Policy, str]] = []
        left: list[Allowance] = []
        for policy, subject in wanted:
            allowance = await self.take(policy, subject)
            if allowance.retry_after_s is not None:
                for bucket in taken:
                    await self.give_back(*bucket)
                return allowance
            taken.append((policy, subject))
            left.append(allowance)
        return scarcest(left)

    async def _taken(self, policy: Policy, subject: str, begun: Awaitable[Reply]) -> Allowance:
        """What came of a token that was asked for."""
        try:
            return _allowance(policy, cast(list[Any], await begun))
        except WireError:
            return await self.take(policy, subject)  # A token taken in vain comes back.


def _bucket(policy: Policy, subject: str) -> str:
    """The key of a bucket. Credentials are not kept in memory to save what finding it costs."""
    return _named(policy, subject) if policy.by is By.KEY else _kept(policy, subject)


@lru_cache(16_384)
def _kept(policy: Policy, subject: str) -> str:
    return _named(policy, subject)


def _named(policy: Policy, subject: str) -> str:
    return keys.limit(Once.named(str(policy), subject, ttl_ms=0).digest)


def _allowance(policy: Policy, reply: Sequence[Any]) -> Allowance:
    outcome, first, reset_us = reply[0], int(reply[1]), int(reply[2])
    if outcome == LIMITED:
        return Allowance(policy.count, 0, _seconds(reset_us), _seconds(first))
    return Allowance(policy.count, first, _seconds(reset_us))


def scarcest(allowances: Iterable[Allowance]) -> Allowance:
    """The one with the least left."""
    return min(allowances, key=lambda allowance: allowance.remaining)


def _seconds(us: int) -> int:
    """Rounded up: who comes back then is not told to wait again."""
    return -(-us // 1_000_000)
