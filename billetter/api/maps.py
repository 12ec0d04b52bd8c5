"""The whole of an event's seats: where they are, and the state of each in two bits."""

from hashlib import blake2b

from billetter.api.call import Call
from billetter.api.endpoint import EVERYBODY, get
from billetter.api.replies import NO_EVENT, Headers, Reply, encoded
from billetter.domain.ids import EventId
from billetter.engine.maps import SeatMap


@get("/api/events/{id:id}/seatmap", roles=EVERYBODY)
async def read_map(call: Call) -> Reply:
    """A bit for every seat index, 1 = held or sold, and then another for each, 1 = sold.

    The first index is the highest bit of the first byte; the seat at an index has the id
    event · 1 000 000 + index + 1. Not compressed: a map of 25 000 bytes that is sold here and there
    takes a millisecond to become 19 000, more than most networks take for the difference.
    """
    seats = await call.engine.maps.get(EventId(call.ids["id"]))
    if seats is None:
        return NO_EVENT
    tag = _tag(seats.event.version, seats.taken, seats.sold)
    headers = [(b"etag", tag), (b"billetter-layout", seats.event.version.encode())]
    return Reply(304, b"", headers) if call.has(tag) else _mapped(seats, headers)


@get("/api/events/{id:id}/layout", roles=EVERYBODY)
async def read_layout(call: Call) -> Reply:
    """Which seats there are: zones with their rows and the indexes they are at."""
    event = await call.engine.events.current(EventId(call.ids["id"]))
    if event is None:
        return NO_EVENT
    tag = _tag(event.version)
    headers = [(b"etag", tag)]
    if call.has(tag):
        return Reply(304, b"", headers)
    return encoded(200, await call.services.shown.layouts.of(event), *headers)


def _tag(version: str, *planes: bytes) -> bytes:
    digest = blake2b(version.encode(), digest_size=12)
    for plane in planes:
        digest.update(plane)
    return b'"%b"' % digest.hexdigest().encode()


def _mapped(seats: SeatMap, headers: Headers) -> Reply:
    body = seats.taken + seats.sold
    described = [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", b"%d" % len(body)),
    ]
    return Reply(200, body, [*described, *headers])


ENDPOINTS = [read_map, read_layout]
