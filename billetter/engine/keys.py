"""The spelling of every key. lua/README.md has the table of what each one holds.

Events are spread over 64 partitions and the partition is the hash tag, so that all that one
change touches lies in one cluster slot.
"""

from collections.abc import Iterable
from functools import lru_cache

from billetter.domain.ids import AccountId, BookingNumber, EventId, UserId
from billetter.engine import partition_keys

PARTITIONS = partition_keys.PARTITIONS
META = "{meta}"
PROBE = "{meta}:probe"
"""Written to see whether writes are taken; gone after a moment."""
EVENTS_NEXT = "{events}:next"
EVENTS_INDEX = "{events}:index"
USERS_NEXT = "{users}:next"
USERS_JOURNAL = "{users}:journal"
EMAILS = "{users}:emails"
USERNAMES = "{users}:usernames"
TOKENS = "{users}:tokens"
BOOKINGS = "{p??}:booking:*"
"""A pattern for SCAN that the hashes of all bookings match; others may match it too."""
OURS = "{*"
"""A pattern for SCAN that no key of ours escapes; others may match it too."""


class EventKeys:
    """The keys of one event, spelled once."""

    __slots__ = (
        "_booking",
        "_hold",
        "_inventory",
        "_once",
        "chores",
        "deadlines",
        "ended",
        "event",
        "gone",
        "holders",
        "journal",
        "openings",
        "patrons",
        "promote",
        "refunds",
        "shares",
        "sold",
        "tag",
        "taken",
        "unmatched",
        "unused",
        "waiting",
    )

    def __init__(self, event: EventId) -> None:
        self.tag = tag = partition_keys.partition_tag(event % PARTITIONS)
        self.event = f"{tag}:event:{event}"
        self.taken = f"{tag}:event:{event}:taken"
        self.sold = f"{tag}:event:{event}:sold"
        self.holders = f"{tag}:event:{event}:holders"
        self.shares = f"{tag}:event:{event}:shares"
        self.patrons = f"{tag}:event:{event}:patrons"
        self.waiting = f"{tag}:event:{event}:waiting"
        self.unused = f"{tag}:event:{event}:unused"
        self.refunds = f"{tag}:event:{event}:refunds"
        self.unmatched = f"{tag}:event:{event}:unmatched"
        self.deadlines = partition_keys.deadlines(tag)
        self.ended = partition_keys.ended(tag)
        self.journal = partition_keys.journal(tag)
        self.chores = partition_keys.chores(tag)
        self.promote = partition_keys.promote(tag)
        self.openings = partition_keys.openings(tag)
        self.gone = partition_keys.gone(tag)
        self._inventory = (self.event, self.taken, self.sold, self.holders)
        self._booking = f"{tag}:booking:{event}:"
        self._hold = f"{tag}:hold:{event}:"
        self._once = f"{tag}:once:"

    def booking(self, number: BookingNumber) -> str:
        return f"{self._booking}{number}"

    def hold(self, number: BookingNumber) -> str:
        return f"{self._hold}{number}"

    def once(self, digest: str) -> str:
        return self._once + digest

    def to_claim(self, number: BookingNumber) -> list[str]:
        """What a script needs that gives seats to a booking."""
        return [
            self.event,
            self.taken,
            self.holders,
            self.booking(number),
            self.hold(number),
            self.deadlines,
            self.journal,
            self.shares,
        ]

    def to_release(self, number: BookingNumber) -> list[str]:
        """What a script needs that takes seats back from a booking that goes on."""
        return [
            self.taken,
            self.holders,
            self.booking(number),
            self.hold(number),
            self.journal,
            self.shares,
            self.waiting,
            self.promote,
        ]

    def to_expire(self, number: BookingNumber) -> list[str]:
        """What a script needs that ends a booking with a hold."""
        return [
            self.taken,
            self.holders,
            self.booking(number),
            self.hold(number),
            self.deadlines,
            self.ended,
            self.journal,
            self.shares,
            self.waiting,
            self.promote,
        ]

    def to_end(self, number: BookingNumber) -> list[str]:
        """What a script needs that ends an unpaid booking, whether it has a hold or waits."""
        return [*self.to_expire(number), self.event, self.patrons]

    def to_settle(self, number: BookingNumber) -> list[str]:
        """What a script needs that sells the seats of a booking."""
        return [*self._to_sell(number), self.refunds, self.unmatched]

    def _to_sell(self, number: BookingNumber) -> list[str]:
        return [
            *self._inventory,
            self.booking(number),
            self.hold(number),
            self.deadlines,
            self.ended,
            self.journal,
            self.shares,
        ]

    def to_discard(self, number: BookingNumber) -> list[str]:
        """What a script needs that undoes a booking, whatever its state."""
        own = [self.patrons, self.waiting, self.promote, self.refunds]
        return [*self._to_sell(number), *own]

    def to_refund(self, number: BookingNumber) -> list[str]:
        """What a script needs that takes back what a booking has bought."""
        return [*self._to_unsell(number), self.ended, self.refunds]

    def _to_unsell(self, number: BookingNumber) -> list[str]:
        return [
            *self._inventory,
            self.booking(number),
            self.hold(number),
            self.journal,
            self.shares,
            self.patrons,
            self.waiting,
            self.promote,
        ]

    def to_give_up(self, number: BookingNumber) -> list[str]:
        """What a script needs that takes a user's one place back."""
        return [*self._to_unsell(number), self.ended]

    def to_pay_back(self, number: BookingNumber) -> list[str]:
        """What a script needs that marks a refund as done."""
        return [
            self.event,
            self.booking(number),
            self.hold(number),
            self.ended,
            self.refunds,
            self.journal,
            self.unmatched,
        ]

    def to_upgrade(self, number: BookingNumber) -> list[str]:
        """What a script needs that sets right what an older version wrote of a refund."""
        return [self.booking(number), self.ended, self.refunds, self.journal]

    def to_forget(self, number: BookingNumber) -> list[str]:
        """What a script needs that removes an ended booking."""
        return [self.booking(number), self.ended, self.journal, self.patrons]

    def to_place(self, number: BookingNumber) -> list[str]:
        """What a script needs that gives a user their one place."""
        return [
            *self._inventory,
            self.booking(number),
            self.journal,
            self.shares,
            self.patrons,
            self.waiting,
        ]

    def to_book(self, number: BookingNumber) -> list[str]:
        """The same, unless the user has one."""
        return [*self.to_place(number), self.deadlines]

    def to_promote(self, number: BookingNumber) -> list[str]:
        """The same, for the first in the line."""
        return [*self.to_place(number), self.promote, self.openings]

    def to_draw(self) -> list[str]:
        """What a script needs that draws booking numbers."""
        return [self.event, self.unused]

    def to_return(self, once: str, numbers: Iterable[BookingNumber]) -> list[str]:
        """What a script needs that takes these back, once."""
        return [*self.to_draw(), self.once(once), *map(self.booking, numbers)]

    def to_create(self) -> list[str]:
        """What a script needs that makes the event."""
        return [self.event, self.journal, self.gone]

    def to_restore(self) -> list[str]:
        """What a script needs that makes the event what it was."""
        return [self.event, self.chores, self.openings, self.journal]

    def to_amend(self) -> list[str]:
        """What a script needs that changes the event."""
        return [self.event, self.taken, self.chores, self.journal, self.waiting, self.promote]

    def to_finish(self) -> list[str]:
        """What a script needs that sees what is left to do in the event."""
        return [self.event, self.holders, self.chores, self.journal, self.waiting]

    def to_remove(self) -> list[str]:
        """What a script needs that removes the event."""
        return [
            *self._inventory,
            self.shares,
            self.patrons,
            self.waiting,
            self.unused,
            self.refunds,
            self.unmatched,
            self.promote,
            self.openings,
            self.chores,
            self.gone,
            self.journal,
        ]


@lru_cache(maxsize=16_384)
def of_event(event: EventId) -> EventKeys:
    return EventKeys(event)


def account(id_: AccountId) -> str:
    return f"{{users}}:account:{id_}"


def account_tokens(id_: AccountId) -> str:
    return f"{{users}}:account:{id_}:tokens"


def account_addresses(id_: AccountId) -> str:
    return f"{{users}}:account:{id_}:addresses"


def user_bookings(user: UserId) -> str:
    return f"{{u:{user}}}:bookings"


def user_once(user: UserId, key: str) -> str:
    return f"{{u:{user}}}:once:{key}"


def payment(digest: str) -> str:
    """Which booking a payment is for, by what its id comes to."""
    return f"{{pay:{digest}}}:booking"


def limit(bucket: str) -> str:
    return f"{{l:{bucket}}}"
