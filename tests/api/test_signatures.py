"""Signatures of payment gateways: only the right secret, the right words and the right time."""

import hashlib
import hmac

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billetter.api.signatures import (
    REMEMBER_MS,
    TOLERANCE_S,
    BadSignature,
    Callback,
    Result,
    sign_callback,
    sign_notification,
    unsigned,
    verify_callback,
    verify_notification,
)
from billetter.domain.ids import BookingId

SECRET = b"0123456789abcdef0123456789abcdef"
OTHER = b"0123456789abcdef0123456789abcdeF"
NOW = 1_791_900_000
CALLBACK = Callback(BookingId(100_000_042), Result.SUCCESS, 45_000)
BODY = b'{"paymentId": "p-1", "status": "CONFIRMED", "data": {"orderId": 100000042}}'


def by_hand(text: bytes) -> str:
    return hmac.new(SECRET, text, hashlib.sha256).hexdigest()


def test_a_callback_is_signed_as_it_is_written_down() -> None:
    signature = sign_callback(SECRET, CALLBACK, NOW)
    assert signature == by_hand(b"100000042|success|450.00|1791900000")
    verify_callback(SECRET, CALLBACK, signature, str(NOW), NOW)


def test_a_notification_is_signed_as_it_is_written_down() -> None:
    header = sign_notification(SECRET, BODY, NOW)
    assert header == f"t=1791900000,v1={by_hand(b'1791900000.' + BODY)}"
    verify_notification(SECRET, BODY, header.encode(), NOW)


@pytest.mark.parametrize(
    "claimed",
    [
        Callback(BookingId(100_000_043), Result.SUCCESS, 45_000),
        Callback(CALLBACK.booking, Result.FAIL, 45_000),
        Callback(CALLBACK.booking, Result.SUCCESS, 45_001),
        Callback(CALLBACK.booking, Result.SUCCESS, 450),
    ],
    ids=["booking", "result", "a cent more", "the sum in units"],
)
def test_a_signature_is_good_for_nothing_else(claimed: Callback) -> None:
    signature = sign_callback(SECRET, CALLBACK, NOW)
    with pytest.raises(BadSignature, match="signature is wrong"):
        verify_callback(SECRET, claimed, signature, str(NOW), NOW)


def test_a_signature_is_good_for_no_other_time() -> None:
    signature = sign_callback(SECRET, CALLBACK, NOW)
    with pytest.raises(BadSignature, match="signature is wrong"):
        verify_callback(SECRET, CALLBACK, signature, str(NOW + 1), NOW)
    header = sign_notification(SECRET, BODY, NOW).replace(f"t={NOW}", f"t={NOW + 1}")
    with pytest.raises(BadSignature, match="signature is wrong"):
        verify_notification(SECRET, BODY, header.encode(), NOW)


@pytest.mark.parametrize(
    "signature",
    [
        sign_callback(OTHER, CALLBACK, NOW),
        sign_callback(SECRET, CALLBACK, NOW).upper(),
        sign_callback(SECRET, CALLBACK, NOW)[:-1],
        sign_callback(SECRET, CALLBACK, NOW) + "\n",
        sign_callback(SECRET, CALLBACK, NOW)[:-1] + "٣",
        "0" * 64,
        "x",
    ],
    ids=["other secret", "capitals", "short", "newline", "no ASCII", "zeros", "a word"],
)
def test_a_forged_callback_is_refused(signature: str) -> None:
    with pytest.raises(BadSignature, match="signature is wrong"):
        verify_callback(SECRET, CALLBACK, signature, str(NOW), NOW)


@pytest.mark.parametrize(
    ("signature", "timestamp"), [(None, None), ("", ""), ("0" * 64, None), (None, str(NOW))]
)
def test_an_unsigned_callback_is_refused(signature: str | None, timestamp: str | None) -> None:
    with pytest.raises(BadSignature, match="needs the parameters"):
        verify_callback(SECRET, CALLBACK, signature, timestamp, NOW)


@pytest.mark.parametrize("timestamp", ["now", "-1", "1.5", "1" * 13, f"{NOW}\n", "١٢", " 1"])
def test_a_timestamp_is_plain_seconds(timestamp: str) -> None:
    with pytest.raises(BadSignature, match="whole seconds"):
        verify_callback(SECRET, CALLBACK, "0" * 64, timestamp, NOW)


@pytest.mark.parametrize("away", [TOLERANCE_S, -TOLERANCE_S, 0])
def test_within_five_minutes_it_is_in_time(away: int) -> None:
    verify_callback(SECRET, CALLBACK, sign_callback(SECRET, CALLBACK, NOW), str(NOW), NOW + away)
    header = sign_notification(SECRET, BODY, NOW).encode()
    verify_notification(SECRET, BODY, header, NOW + away)


@pytest.mark.parametrize("away", [TOLERANCE_S + 0.5, -TOLERANCE_S - 0.5, 1e9])
def test_later_or_earlier_it_is_refused(away: float) -> None:
    signature = sign_callback(SECRET, CALLBACK, NOW)
    with pytest.raises(BadSignature, match="300 seconds away"):
        verify_callback(SECRET, CALLBACK, signature, str(NOW), NOW + away)
    header = sign_notification(SECRET, BODY, NOW).encode()
    with pytest.raises(BadSignature, match="300 seconds away"):
        verify_notification(SECRET, BODY, header, NOW + away)


def test_each_delivery_has_a_name_of_its_own_for_longer_than_it_is_valid() -> None:
    def name(callback: Callback, sent: int, now: int) -> str:
        once = verify_callback(
            SECRET, callback, sign_callback(SECRET, callback, sent), str(sent), now
        )
        assert once.ttl_ms == REMEMBER_MS > 2 * TOLERANCE_S * 1000
        return once.digest

    fail = Callback(CALLBACK.booking, Result.FAIL, CALLBACK.amount)
    first = name(CALLBACK, NOW, NOW)
    assert name(CALLBACK, NOW, NOW + 200) == first
    assert len({first, name(CALLBACK, NOW + 1, NOW), name(fail, NOW, NOW)}) == 3


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"v1=" + b"0" * 64,
        b"t=1791900000",
        b"t=1791900000,t=1791900000,v1=" + b"0" * 64,
        b"t=1791900000" + b",v1=" + b",v1=".join([b"0" * 64] * 5),
        b"T=1791900000,V1=" + b"0" * 64,
        b"\xff\xfe",
    ],
)
def test_a_notification_without_a_whole_header_is_refused(header: bytes | None) -> None:
    with pytest.raises(BadSignature, match="needs the header"):
        verify_notification(SECRET, BODY, header, NOW)


def test_one_of_several_signatures_is_enough_in_any_order() -> None:
    good = by_hand(b"%d." % NOW + BODY)
    for header in (f"v1={'0' * 64}, v1={good}, t={NOW}, v0=x", f"t={NOW},v1={good},v1=junk"):
        verify_notification(SECRET, BODY, header.encode(), NOW)
    with pytest.raises(BadSignature, match="signature is wrong"):
        verify_notification(SECRET, BODY, f"t={NOW},v1={'0' * 64},v0={good}".encode(), NOW)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_other_body_passes(signed: bytes, sent: bytes) -> None:
    header = sign_notification(SECRET, signed, NOW).encode()
    if signed == sent:
        verify_notification(SECRET, sent, header, NOW)
    else:
        with pytest.raises(BadSignature, match="signature is wrong"):
            verify_notification(SECRET, sent, header, NOW)


def test_a_notification_in_other_words_is_refused() -> None:
    header = sign_notification(SECRET, BODY, NOW).encode()
    with pytest.raises(BadSignature, match="signature is wrong"):
        verify_notification(SECRET, orjson.dumps(orjson.loads(BODY)), header, NOW)


def test_a_callback_cannot_be_sent_as_a_notification() -> None:
    text = b"|success|450.00|1791900000"
    callback = sign_callback(SECRET, CALLBACK, NOW)
    for header in (f"t={NOW},v1={callback}", f"t={CALLBACK.booking},v1={callback}"):
        with pytest.raises(BadSignature):
            verify_notification(SECRET, text, header.encode(), NOW)


def test_who_signs_wrongly_is_told_what_to_sign() -> None:
    refusal = unsigned(BadSignature("The signature is wrong."))
    assert refusal.status == 401
    assert orjson.loads(refusal.body) == {
        "error": "unauthorized",
        "message": "The signature is wrong.",
    }
    assert b"Billetter-Signature" in dict(refusal.headers)[b"www-authenticate"]
