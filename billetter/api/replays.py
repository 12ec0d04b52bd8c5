"""Requests with an Idempotency-Key: the first reply is recorded, and given to all that follow."""

import logging
import re
from collections.abc import Awaitable, Callable

from billetter.api import replies
from billetter.api.inputs import Stop, said, wrong
from billetter.api.replies import REPLAYED, Reply
from billetter.domain.ids import UserId
from billetter.engine.idempotency import Idempotency, Keys
from billetter.engine.once import Once
from billetter.engine.unit_of_work import UnitOfWork

REPLY_BYTES_MAX = 262_144
"""What is recorded at most: eight times what a booking of 999 seats takes to describe.

A longer reply is given unrecorded: a repetition has no effect then either, but is answered anew.
"""

_KEY = re.compile(rb"[\x21-\x7e]{1,255}")

logger = logging.getLogger("billetter.api")


async def bind(keys: Keys, key: bytes, user: UserId, *request: str, body: bytes) -> Idempotency:
    """Bind the caller's key to this request: method, path and what the body says."""
    if not _KEY.fullmatch(key):
        raise Stop(wrong("Idempotency-Key", "must be 1-255 visible ASCII characters"))
    fingerprint = Once.named(*request, said(body), ttl_ms=0).digest
    idempotency = await keys.bind(user, key.decode(), fingerprint)
    if idempotency is None:
        raise Stop(replies.KEY_REUSED)
    return idempotency


async def recorded(
    keys: Keys, idempotency: Idempotency, unit: UnitOfWork, work: Callable[[], Awaitable[Reply]]
) -> Reply:
    """The reply recorded for the request; if there is none, that of `work`, recorded now.

    What no script has made or refused is not recorded, and leaves the key as if it was never used.
    """
    if idempotency.reply is not None:
        return unpacked(idempotency.reply)
    try:
        reply = await work()
    except Stop:
        await keys.free(idempotency)
        raise
    # Whether it is a replay says the record. A script may have had this call before, and its
    # caller no reply.
    first = Reply(reply.status, reply.body, [each for each in reply.headers if each != REPLAYED])
    if not unit.decided:
        await keys.free(idempotency)
        return first
    record = packed(first)
    if len(record) > REPLY_BYTES_MAX:
        logger.warning("a reply of %d bytes is too long to be recorded", len(record))
        return reply
    earlier = await keys.record(idempotency, record)
    return first if earlier is None else unpacked(earlier)


def packed(reply: Reply) -> bytes:
    """A reply as it is recorded: status, headers and body as HTTP has them."""
    lines = [b"%d" % reply.status, *(b"%b: %b" % header for header in reply.headers)]
    return b"%b\r\n\r\n%b" % (b"\r\n".join(lines), reply.body)


def unpacked(record: bytes) -> Reply:
    """The recorded reply, marked as one that is given again."""
    head, _, body = record.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    return Reply(int(status), body, [*headers, REPLAYED])
