"""Rate limits: one bucket of tokens for each limit and each of those it counts apart."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from billetter.domain.outcome import EngineError, Outcome, OutcomeUnknown, Unavailable
from billetter.domain.policy import Allowance, Policy
from billetter.engine import keys
from billetter.engine.once import Once
from billetter.engine.scripts import Store


class Limits:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(self, policy: Policy, subject: str) -> Allowance:
        """One token from the bucket of `subject`. Unavailable: nobody can say whether it is empty.

        subject: of any length; it is kept as a digest, so no address or token lies about in Redis.
        """
        bucket = Once.named(str(policy), subject, ttl_ms=0).digest
        try:
            answer = await self._store.run(
                "take_token", [keys.limit(bucket)], policy.count, policy.interval_us
            )
        except OutcomeUnknown as error:
            # A token may be gone. What the caller wants has not begun, and that is what matters.
            raise Unavailable(str(error)) from error
        first, reset_us = map(int, answer.fields)
        if answer.outcome is Outcome.LIMITED:
            return Allowance(policy.count, 0, _seconds(reset_us), _seconds(first))
        return Allowance(policy.count, first, _seconds(reset_us))

    async def give_back(self, policy: Policy, subject: str) -> None:
        """Put a token back that was taken for what does not count after all."""
        bucket = Once.named(str(policy), subject, ttl_ms=0).digest
        with suppress(EngineError):  # It comes back by itself, only later.
            await self._store.run("return_token", [keys.limit(bucket)], policy.interval_us)

    async def take_all(self, wanted: Iterable[tuple[Policy, str]]) -> Allowance:
        """A token from each bucket, all at once: the longest refusal, or the scarcest allowance.

        What refuses leaves all of them as they were, but for a moment: for buckets that are the
        caller's own. ValueError: there are no buckets.
        """
        pairs = list(wanted)
        taken = await asyncio.gather(*(self.take(*pair) for pair in pairs))
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


def scarcest(allowances: Iterable[Allowance]) -> Allowance:
    """The one with the least left."""
    return min(allowances, key=lambda allowance: allowance.remaining)


def _seconds(us: int) -> int:
    """Rounded up: who comes back then is not told to wait again."""
    return -(-us // 1_000_000)
