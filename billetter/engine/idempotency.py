"""Binds Idempotency-Keys to the requests that first used them, and to what these were answered."""

from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from billetter.domain.ids import UserId
from billetter.domain.outcome import EngineError, OutcomeUnknown, Unavailable
from billetter.engine import keys
from billetter.engine.once import Once
from billetter.engine.scripts import Store

KEY_TTL_MS = 86_400_000
"""How long an Idempotency-Key is remembered: a day."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A request that came with an Idempotency-Key, after the key was found to be its own.

    token: tells this call from others of the same request. id: what `bind_id` gave an earlier
    call; '' if nothing. reply: what was recorded for it; None as long as nobody was answered.
    """

    user: UserId
    key: str
    fingerprint: str
    once: Once
    token: str
    id: str = ""
    reply: bytes | None = None


class Keys:
    """A key lives in three steps: bound by the first call, before it does anything, so that no
    other request can use it; then the reply is recorded, before anybody sees it. The first one
    recorded is the reply, whatever others of the same request have come to meanwhile. A key
    that came to nothing is let go.

    Who dies in between leaves the key bound for its day, and the scripts' own recorded replies: a
    repetition has no effect, and its reply is the first that anybody sees.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def bind(self, user: UserId, key: str, fingerprint: str) -> Idempotency | None:
        """None when another request of this user has used the key within its day."""
        # The fingerprint is part of the name: it may lapse just before the recorded reply does.
        once = Once.named(user, key, fingerprint, ttl_ms=KEY_TTL_MS)
        unbound = Idempotency(user, key, fingerprint, once, token_hex(8))
        try:
            outcome, said = await self._reserve(unbound, "")
        except OutcomeUnknown as error:
            # The key may be bound. What it is for has not begun, and that is what matters.
            raise Unavailable(str(error)) from error
        if outcome == b"KEY_REUSED":
            return None
        bound = (user, key, fingerprint, once, unbound.token)
        if outcome == b"REPLIED":
            return Idempotency(*bound, reply=said)
        return Idempotency(*bound, id=said.decode())

    async def bind_id(self, idempotency: Idempotency, candidate: int) -> int:
        """The id this request was given first: `candidate` unless it was here before."""
        outcome, said = await self._reserve(idempotency, str(candidate))
        return int(said) if outcome == b"RESERVED" else candidate  # A day later it is another's.

    async def record(self, idempotency: Idempotency, reply: bytes) -> bytes | None:
        """The reply that another call of this request was given first; None: it is this one.

        It is this one, too, where the key was another request's by now: that takes a day.
        """
        about = (KEY_TTL_MS, idempotency.fingerprint, idempotency.token, reply)
        kept = await self._store.run_raw("record_reply", [_key(idempotency)], *about)
        return kept[1] if kept[0] == b"REPLIED" else None

    async def free(self, idempotency: Idempotency) -> None:
        """Let a key go that came to nothing. Where that fails it lapses in its time."""
        with suppress(EngineError):
            await self._store.run("free_key", [_key(idempotency)], idempotency.token)

    async def finished(self, idempotency: Idempotency) -> bool:
        """Whether an earlier version has noted that this request is done."""
        return bool(await self._store.command("HEXISTS", _key(idempotency), "finished", reads=True))

    async def _reserve(self, idempotency: Idempotency, candidate: str) -> tuple[bytes, bytes]:
        """The outcome, and what follows it."""
        reply: list[Any] = await self._store.run_raw(
            "reserve_id",
            [_key(idempotency)],
            KEY_TTL_MS,
            idempotency.fingerprint,
            candidate,
            idempotency.token,
        )
        return reply[0], reply[1] if len(reply) > 1 else b""


def _key(idempotency: Idempotency) -> str:
    return keys.user_once(idempotency.user, idempotency.key)
