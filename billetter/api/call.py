"""What a handler is given: one request, and what to serve it with."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, Protocol

from billetter.access.principal import Doorkeeper, Principal
from billetter.access.registry import Registry
from billetter.access.tokens import AccessTokens
from billetter.api.replies import Reply
from billetter.api.shown import Shown
from billetter.api.sites import Sites
from billetter.domain.ids import BookingId, UserId
from billetter.domain.money import to_decimal
from billetter.domain.policy import Policy
from billetter.engine import Engine
from billetter.engine.idempotency import Idempotency
from billetter.engine.once import Once


@dataclass(frozen=True, slots=True)
class Services:
    """What endpoints work with. Durations in ms.

    guests: whether who brings no credentials is the shared guest. resets: whether administrators
        may reset where there are no guests. policies: rate limits.
    payment_url: template of the payment page; payment_secret: what a gateway signs with.
    sites: from which web pages changes are taken.
    shown: what was put into JSON before.
    currency: of all prices, as ISO 4217 has it.
    """

    engine: Engine
    doorkeeper: Doorkeeper
    registry: Registry
    tokens: AccessTokens
    guests: bool
    resets: bool
    policies: tuple[Policy, ...]
    hold_ms: int
    payment_ms: int
    payment_url: str | None
    payment_secret: bytes | None
    currency: str
    sites: Sites
    shown: Shown = field(default_factory=Shown)

    def payment_page(self, booking: BookingId, amount: int) -> str | None:
        """Where the client pays; None without a gateway."""
        if self.payment_url is None:
            return None
        return self.payment_url.format(booking_id=booking, amount=to_decimal(amount))


@dataclass(slots=True)  # Frozen ones take three times as long to make.
class Call:
    """One request: who calls, from where, and what is said beside what the handler takes.

    ids: those in the path. body: as it came. headers: those that anything here reads.
    """

    services: Services
    principal: Principal
    address: str
    ids: dict[str, int]
    headers: dict[bytes, bytes]
    body: bytes
    idempotency: Idempotency | None

    @property
    def engine(self) -> Engine:
        return self.services.engine

    @property
    def user(self) -> UserId:
        return self.principal.user

    @property
    def once(self) -> Once | None:
        return self.idempotency.once if self.idempotency else None

    def has(self, tag: bytes) -> bool:
        """Whether the client has what this entity tag names."""
        tags = self.headers.get(b"if-none-match", b"").split(b",")
        return any(each.strip().removeprefix(b"W/") in (tag, b"*") for each in tags)


class Handler(Protocol):
    """An endpoint's function; it takes the body or the query where one is declared."""

    __name__: str

    def __call__(self, call: Call, *inputs: Any) -> Awaitable[Reply]: ...
