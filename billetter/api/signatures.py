"""Signatures of payment gateways: HMAC-SHA256 under the secret that both sides know, in hex.

A callback (`GET …/success`, `…/fail`) carries `timestamp`, in seconds since 1970, and `signature`
as query parameters. What is signed is ASCII:

    booking_id|outcome|amount|timestamp        100000042|success|450.00|1791900000

with the outcome of the path, `success` or `fail`, and the amount that payment began with, in two
digits: a callback for one sum never settles another.

A notification (`POST …/notifications`) carries the header

    Billetter-Signature: t=1791900000,v1=<hex>

and what is signed is the timestamp, a full stop and the body, byte for byte. There may be several
`v1`, so that a gateway can change its secret; one of them must be right. Or it carries the header

    X-Webhook-Signature: sha256=<hex>

and what is signed is the body alone. It has no time, so a copy of it is as good as the first; but
each notification acts once.
"""

import hmac
import re
from dataclasses import dataclass
from enum import StrEnum

from billetter.api.replies import Reply, error
from billetter.domain.ids import BookingId
from billetter.domain.money import to_decimal
from billetter.engine.once import Once

TOLERANCE_S = 300
"""Seconds that a timestamp may be away from now, either way."""
REMEMBER_MS = 4 * TOLERANCE_S * 1000
"""How long a delivery is remembered: twice as long as it can be valid."""
SIGNATURES_MAX = 4

_HEX = re.compile(r"[0-9a-f]{64}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class Result(StrEnum):
    """How a payment ended."""

    SUCCESS = "success"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Callback:
    """What a callback says. amount: minor units."""

    booking: BookingId
    result: Result
    amount: int


class BadSignature(Exception):
    """It does not come from the gateway, or not now. The message is one sentence for its owner."""


def sign_callback(secret: bytes, callback: Callback, timestamp_s: int) -> str:
    """The `signature` of a callback."""
    amount = to_decimal(callback.amount)
    text = f"{callback.booking}|{callback.result}|{amount}|{timestamp_s}"
    return _hmac(secret, text.encode())


def verify_callback(
    secret: bytes, callback: Callback, signature: str | None, timestamp: str | None, now_s: float
) -> Once:
    """The name of the delivery, under which its effect is recorded: a repetition has none.

    BadSignature: a parameter is missing, the time is not now, or the secret is another.
    """
    if not signature or not timestamp:
        raise BadSignature("The callback needs the parameters signature and timestamp.")
    moment = _checked_moment(timestamp, now_s)
    _compare(sign_callback(secret, callback, moment), [signature])
    # All of it, or else one that says something new at the same second would be lost.
    words = (str(callback.booking), callback.result, str(callback.amount), str(moment))
    return Once.named("callback", *words, ttl_ms=REMEMBER_MS)


def sign_notification(secret: bytes, body: bytes, timestamp_s: int) -> str:
    """The Billetter-Signature of a notification."""
    return f"t={timestamp_s},v1={_hmac(secret, b'%d.%b' % (timestamp_s, body))}"


def verify_notification(secret: bytes, body: bytes, header: bytes | None, now_s: float) -> None:
    """BadSignature: the header is missing or malformed, late, or signed with another secret.

    What the notification says acts once by its own name: see `billetter.engine.once.notice`.
    """
    fields = [part.strip().partition("=") for part in (header or b"").decode("latin-1").split(",")]
    timestamps = [value for name, _, value in fields if name == "t"]
    signatures = [value for name, _, value in fields if name == "v1"]
    if len(timestamps) != 1 or not 1 <= len(signatures) <= SIGNATURES_MAX:
        raise BadSignature(
            "The notification needs the header Billetter-Signature: t=…,v1=…, "
            "or X-Webhook-Signature: sha256=…."
        )
    moment = _checked_moment(timestamps[0], now_s)
    expected = sign_notification(secret, body, moment).rpartition("=")[2]
    _compare(expected, signatures)


def verify_body(secret: bytes, body: bytes, header: bytes, now_s: float) -> None:
    """BadSignature: the X-Webhook-Signature is malformed, or made with another secret."""
    scheme, _, signature = header.decode("latin-1").strip().partition("=")
    if scheme.lower() != "sha256":
        raise BadSignature("The header X-Webhook-Signature must be sha256=….")
    _compare(_hmac(secret, body), [signature.lower()])


def unsigned(error_: BadSignature) -> Reply:
    """401, not 403: who calls is in doubt, not what they may do; signed anew it may be right."""
    challenge = (b"www-authenticate", b'Billetter-Signature realm="payments"')
    return error(401, "unauthorized", str(error_), challenge)


def _hmac(secret: bytes, message: bytes) -> str:
    return hmac.digest(secret, message, "sha256").hex()


def _checked_moment(timestamp: str, now_s: float) -> int:
    """Seconds since 1970. First of all: it is cheap, and what is late need not be hashed."""
    if not _TIMESTAMP.fullmatch(timestamp):
        raise BadSignature("The timestamp must be whole seconds since 1970.")
    moment = int(timestamp)
    if abs(now_s - moment) > TOLERANCE_S:
        raise BadSignature(f"The timestamp is more than {TOLERANCE_S} seconds away from now.")
    return moment


def _compare(expected: str, given: list[str]) -> None:
    """In constant time, so that a right signature cannot be felt out digit by digit."""
    valid = [hmac.compare_digest(expected, each) for each in given if _HEX.fullmatch(each)]
    if not any(valid):
        raise BadSignature("The signature is wrong.")
