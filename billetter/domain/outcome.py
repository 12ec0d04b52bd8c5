"""Outcome: every named answer a script can give, and the ways an answer can fail to come."""

from dataclasses import dataclass
from enum import Enum, unique

from billetter.domain.ids import BookingId, EventId, SeatId


@unique
class Outcome(Enum):
    """The first element of every script's reply. What each means stands in the scripts."""

    # Changes made.
    RESERVED = "RESERVED"
    RECORDED = "RECORDED"
    CREATED = "CREATED"
    DRAWN = "DRAWN"
    RETURNED = "RETURNED"
    OPENED = "OPENED"
    CLAIMED = "CLAIMED"
    RELEASED = "RELEASED"
    AWAITING_PAYMENT = "AWAITING_PAYMENT"
    CONFIRMED = "CONFIRMED"
    REFUND_DUE = "REFUND_DUE"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    VANISHED = "VANISHED"
    FORGOTTEN = "FORGOTTEN"
    NOTED = "NOTED"
    DISCARDED = "DISCARDED"
    REMOVED = "REMOVED"
    AMENDED = "AMENDED"
    CANCELLING = "CANCELLING"
    COUNTED = "COUNTED"
    RESTORED = "RESTORED"
    TAKEN = "TAKEN"
    REGISTERED = "REGISTERED"
    UPDATED = "UPDATED"
    ERASED = "ERASED"
    ADDED = "ADDED"
    REVOKED = "REVOKED"
    WAITING = "WAITING"
    PROMOTED = "PROMOTED"
    SETTLED = "SETTLED"
    UNMATCHED = "UNMATCHED"
    LISTED = "LISTED"
    DROPPED = "DROPPED"
    # Things read.
    SEATS = "SEATS"
    COUNTS = "COUNTS"
    BOOKING = "BOOKING"
    INSPECTED = "INSPECTED"
    REPLIED = "REPLIED"
    # Refusals.
    NO_EVENT = "NO_EVENT"
    NO_BOOKING = "NO_BOOKING"
    NO_SEAT = "NO_SEAT"
    NO_SEATS = "NO_SEATS"
    NOT_YOURS = "NOT_YOURS"
    NOT_HELD = "NOT_HELD"
    NOT_INITIATED = "NOT_INITIATED"
    CLOSED = "CLOSED"
    SEAT_TAKEN = "SEAT_TAKEN"
    TOO_MANY = "TOO_MANY"
    WRONG_EVENT = "WRONG_EVENT"
    ALREADY_CONFIRMED = "ALREADY_CONFIRMED"
    KEY_REUSED = "KEY_REUSED"
    EXHAUSTED = "EXHAUSTED"
    NOT_ON_SALE = "NOT_ON_SALE"
    CAP_REACHED = "CAP_REACHED"
    TOO_LATE = "TOO_LATE"
    HAS_BOOKINGS = "HAS_BOOKINGS"
    BAD_LAYOUT = "BAD_LAYOUT"
    BAD_WINDOW = "BAD_WINDOW"
    LIMITED = "LIMITED"
    EMAIL_TAKEN = "EMAIL_TAKEN"
    USERNAME_TAKEN = "USERNAME_TAKEN"
    NO_ACCOUNT = "NO_ACCOUNT"
    NO_COUNTER = "NO_COUNTER"
    WRONG_ROLE = "WRONG_ROLE"
    WRONG_PASSWORD = "WRONG_PASSWORD"
    NO_ZONE = "NO_ZONE"
    SOLD_OUT = "SOLD_OUT"
    ALREADY_BOOKED = "ALREADY_BOOKED"
    PAYMENT_REQUIRED = "PAYMENT_REQUIRED"
    NO_REFUND = "NO_REFUND"
    # Nothing to do.
    HELD = "HELD"
    KEPT = "KEPT"
    # The engine sets something right and asks again.
    STALE_LAYOUT = "STALE_LAYOUT"
    LAPSED = "LAPSED"
    CHANGED = "CHANGED"
    CALLED_OFF = "CALLED_OFF"
    UNCOUNTED = "UNCOUNTED"
    NUMBER_USED = "NUMBER_USED"


REFUSALS = frozenset(
    {
        Outcome.NO_EVENT,
        Outcome.NO_BOOKING,
        Outcome.NO_SEAT,
        Outcome.NO_SEATS,
        Outcome.NOT_YOURS,
        Outcome.NOT_HELD,
        Outcome.CLOSED,
        Outcome.SEAT_TAKEN,
        Outcome.TOO_MANY,
        Outcome.WRONG_EVENT,
        Outcome.ALREADY_CONFIRMED,
        Outcome.EXHAUSTED,
        Outcome.NOT_ON_SALE,
        Outcome.CAP_REACHED,
        Outcome.TOO_LATE,
        Outcome.HAS_BOOKINGS,
        Outcome.EMAIL_TAKEN,
        Outcome.USERNAME_TAKEN,
        Outcome.NO_ACCOUNT,
        Outcome.WRONG_ROLE,
        Outcome.WRONG_PASSWORD,
        Outcome.NO_ZONE,
        Outcome.SOLD_OUT,
        Outcome.ALREADY_BOOKED,
        Outcome.PAYMENT_REQUIRED,
        Outcome.NO_REFUND,
    }
)
"""Answers to a change that was not made, and will not be: they are final."""

ASIDE = frozenset(
    {
        Outcome.RESERVED,
        Outcome.RECORDED,
        Outcome.REPLIED,
        Outcome.KEY_REUSED,
        Outcome.DRAWN,
        Outcome.TAKEN,
        Outcome.LIMITED,
        Outcome.EXPIRED,
        Outcome.VANISHED,
        Outcome.FORGOTTEN,
        Outcome.COUNTED,
        Outcome.PROMOTED,
        Outcome.LISTED,
        Outcome.DROPPED,
        Outcome.SEATS,
        Outcome.COUNTS,
        Outcome.BOOKING,
        Outcome.INSPECTED,
        Outcome.HELD,
        Outcome.KEPT,
        Outcome.NOT_INITIATED,
        Outcome.BAD_LAYOUT,
        Outcome.BAD_WINDOW,
        Outcome.RETURNED,
        Outcome.NUMBER_USED,
        Outcome.NO_COUNTER,
        Outcome.STALE_LAYOUT,
        Outcome.LAPSED,
        Outcome.CHANGED,
        Outcome.CALLED_OFF,
        Outcome.UNCOUNTED,
    }
)
"""Answers that neither make the change that somebody wants nor refuse it for good.

They prepare it, tidy up, read, or say "not now". All that is in neither set counts as a change:
to take something for one by mistake makes an answer less certain, never untrue.
"""


@dataclass(slots=True, unsafe_hash=True)  # Frozen ones take three times as long to make.
class Answer:
    """What a script answered.

    fields: what follows the outcome, as the script's header lists it.
    replayed: an earlier run with the same Idempotency-Key gave this answer.
    """

    outcome: Outcome
    fields: tuple[str, ...] = ()
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Created:
    """An event was made at created_ms (ms since 1970)."""

    id: EventId
    created_ms: int
    outcome: Outcome
    replayed: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A booking was opened; its hold ends at expires_ms (ms since 1970).

    prices: what each of its first seats costs, in minor units.
    """

    id: BookingId
    event_id: EventId
    seats: tuple[SeatId, ...]
    prices: tuple[int, ...]
    expires_ms: int
    outcome: Outcome
    replayed: bool


@dataclass(frozen=True, slots=True)
class AwaitingPayment:
    """A booking waits for its payment. amount: minor units; expires_ms: ms since 1970."""

    amount: int
    expires_ms: int
    outcome: Outcome
    replayed: bool


class EngineError(Exception):
    """No answer could be had. Repeating the call is always safe."""


class Unavailable(EngineError):
    """Redis is away or overloaded; the change was surely not made."""


class NotReady(Unavailable):
    """Redis cannot do what Billetter needs; reason: in a word, for those who watch."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class OutcomeUnknown(EngineError):
    """The reply was lost; the change may have been made, and a repetition makes it once."""
