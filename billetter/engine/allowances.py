"""What users have of an event with caps, compared with their bookings: for the audit."""

import asyncio
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from billetter.domain.booking import Status
from billetter.domain.event import CAP_MAX, Event
from billetter.domain.ids import BookingNumber, UserId
from billetter.engine import keys
from billetter.engine.fields import caps_of
from billetter.engine.inspection import UNFINISHED, SeenBooking, indexes
from billetter.engine.scripts import Store
from billetter.engine.unreadable import noting

BATCH = 200

_PART = re.compile(r"[0-9]{1,18}[:=][0-9]{1,18}")


class Part(NamedTuple):
    """What a user has by one booking; text as scripts keep it: `42:3` held, `42=3` bought."""

    user: UserId
    text: str

    @property
    def number(self) -> BookingNumber:
        return BookingNumber(int(self.text.replace("=", ":").partition(":")[0]))

    @property
    def bought(self) -> bool:
        return "=" in self.text


def parts_of(booking: SeenBooking) -> Iterator[Part]:
    """What its user has by a booking, if anything."""
    text = _text(booking.number, booking.status, len(booking.seats))
    if text:
        yield Part(booking.user, text)


async def share_faults(store: Store, event: Event, expected: Iterable[Part]) -> list[str]:
    """What is wrong with the shares of an event whose bookings say what to expect.

    Both are read while a sale may go on, so where they differ one script looks at each again.
    """
    found = set[Part]()
    unread: list[str] = []
    async for batch in store.scan_hash(keys.of_event(event.id).shares):
        for user, share in batch:
            with noting(lambda why: unread.append(f"a user's share of it {why}")):
                found |= _parts(user.decode(), share.decode())
    caps = caps_of(event.terms)
    lacking = {it for it in expected if caps and (not it.bought or "bought_max" in caps)} - found
    suspects = sorted(lacking | (found - set(expected)))
    wrong: list[str | None] = []
    for start in range(0, len(suspects), BATCH):
        looks = (_noted(store, event, suspect) for suspect in suspects[start : start + BATCH])
        wrong += await asyncio.gather(*looks)
    return unread + sorted({fault for fault in wrong if fault})


def _parts(user: str, share: str) -> set[Part]:
    """What a share lists. ValueError: it is none."""
    parts = {Part(UserId(user), text) for text in share.split(",")}
    if odd := [part.text for part in parts if not _PART.fullmatch(part.text)]:
        raise ValueError(f"{user} has {odd[0]!r}")
    return parts


async def _noted(store: Store, event: Event, suspect: Part) -> str | None:
    """The fault of one suspect, of which it may be one that it cannot be read."""
    unread: list[str] = []
    with noting(lambda why: unread.append(f"what {suspect.user} has of it {why}")):
        return await _fault(store, event, suspect)
    return unread[0]


async def _fault(store: Store, event: Event, suspect: Part) -> str | None:
    own, number = keys.of_event(event.id), suspect.number
    declared = [own.event, own.booking(number), own.shares]
    answer = await store.run("inspect_share", declared, suspect.user)
    caps, uncounted, share, user, status, seats, counted = answer.fields
    parts = _parts(suspect.user, share) if share else set()
    told = next((part.text for part in parts if part.number == number), "")
    has = ""
    if user == suspect.user:
        has = _text(number, Status(status), len(indexes(seats)))
    limited = bool(has) and ("=" not in has or "bought_max" in caps)
    waits = number <= int(uncounted or 0) or len(parts) >= CAP_MAX
    missing = not told and limited and bool(counted or (caps and not waits))
    if missing or (told and told != has):
        return f"{suspect.user} has {has or 'nothing'}, and {told or 'nothing'} is counted"
    return None


def _text(number: BookingNumber, status: Status, seats: int) -> str:
    if status in UNFINISHED:
        return f"{number}:{seats}"
    return f"{number}={seats}" if status is Status.CONFIRMED else ""
