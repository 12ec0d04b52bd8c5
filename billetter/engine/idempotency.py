"""Binds Idempotency-Keys to the requests that first used them."""

from dataclasses import dataclass

from billetter.domain.ids import UserId
from billetter.domain.outcome import Outcome
from billetter.engine import keys
from billetter.engine.once import Once
from billetter.engine.scripts import Store

KEY_TTL_MS = 86_400_000
"""How long an Idempotency-Key is remembered: a day."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A request that came with an Idempotency-Key, after the key was found to be its own."""

    user: UserId
    key: str
    fingerprint: str
    once: Once


class Keys:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def bind(self, user: UserId, key: str, fingerprint: str) -> Idempotency | None:
        """None when another request of this user has used the key within its day."""
        # The fingerprint is part of the name: it may lapse just before the recorded reply does.
        once = Once.named(user, key, fingerprint, ttl_ms=KEY_TTL_MS)
        idempotency = Idempotency(user, key, fingerprint, once)
        bound = await self._reserve(idempotency, "")
        return None if bound is None else idempotency

    async def bind_id(self, idempotency: Idempotency, candidate: int) -> int:
        """The id this request was given first: `candidate` unless it was here before."""
        bound = await self._reserve(idempotency, str(candidate))
        return int(bound) if bound else candidate

    async def finished(self, idempotency: Idempotency) -> bool:
        """Whether `finish` was called for this request: for what no single script does."""
        key = keys.user_once(idempotency.user, idempotency.key)
        return bool(await self._store.command("HEXISTS", key, "finished", reads=True))

    async def finish(self, idempotency: Idempotency) -> None:
        key = keys.user_once(idempotency.user, idempotency.key)
        await self._store.command("HSET", key, "finished", 1)

    async def _reserve(self, idempotency: Idempotency, candidate: str) -> str | None:
        answer = await self._store.run(
            "reserve_id",
            [keys.user_once(idempotency.user, idempotency.key)],
            KEY_TTL_MS,
            idempotency.fingerprint,
            candidate,
        )
        return None if answer.outcome is Outcome.KEY_REUSED else answer.fields[0]
