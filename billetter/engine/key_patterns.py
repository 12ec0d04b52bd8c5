"""What a key found by SCAN is; `keys` has their spelling."""

import re

from billetter.domain.ids import BookingNumber, EventId

_EVENT = re.compile(rb"\{p\d\d\}:event:(\d+)")
_BOOKING = re.compile(rb"\{p\d\d\}:booking:(\d+):(\d+)")
_OF_REQUESTS = re.compile(
    rb"\{u:[^{}]+\}:once:.*|\{p\d\d\}:once:.*|\{pay:[^{}]+\}:booking|\{p\d\d\}:event:\d+:unmatched",
    re.DOTALL,
)


def event_of(key: bytes) -> EventId | None:
    """The event whose hash this key is, if it is one."""
    found = _EVENT.fullmatch(key)
    return EventId(int(found[1])) if found else None


def booking_of(key: bytes) -> tuple[EventId, BookingNumber] | None:
    """The booking whose hash this key is, if it is one."""
    found = _BOOKING.fullmatch(key)
    return (EventId(int(found[1])), BookingNumber(int(found[2]))) if found else None


def is_of_requests(key: bytes) -> bool:
    """Whether the key remembers a request, or a payment that was told of."""
    return _OF_REQUESTS.fullmatch(key) is not None
