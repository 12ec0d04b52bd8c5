"""Names for operations that must happen once, however often they are sent."""

from dataclasses import dataclass
from hashlib import blake2b
from secrets import token_hex

from billetter.domain.ids import BookingId

RETRY_TTL_MS = 60_000
"""How long the wire may go on repeating one call."""
NOTICE_TTL_MS = 604_800_000
"""How long a gateway may go on repeating one notification: a week."""


@dataclass(frozen=True, slots=True)
class Once:
    """Names one operation, so that its script can tell a repetition from a new call.

    digest: what the recorded reply is kept under, in the partition of the event it concerns.
    """

    digest: str
    ttl_ms: int

    @classmethod
    def anew(cls) -> "Once":
        """For one call of a script that may not run twice."""
        return cls(token_hex(12), RETRY_TTL_MS)

    @classmethod
    def named(cls, *words: str, ttl_ms: int) -> "Once":
        """For an operation that these words identify."""
        digest = blake2b(digest_size=16)
        for word in words:
            encoded = word.encode()
            digest.update(len(encoded).to_bytes(4, "big") + encoded)
        return cls(digest.hexdigest(), ttl_ms)

    def then(self, what: str) -> "Once":
        """For what follows from the operation, as part of it."""
        return self.named(self.digest, what, ttl_ms=self.ttl_ms)


def notice(booking: BookingId | None, payment: str, *words: str) -> Once:
    """Names one notification of a gateway by all that it says, so that it acts once.

    The booking is part of the name: a payment id used for two of them must not settle one silently.
    """
    return Once.named("notice", str(booking), payment, *words, ttl_ms=NOTICE_TTL_MS)
