"""Access tokens: only those that were made with the secret, for Billetter, and lately."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest

from billetter.access.principal import WrongCredentials
from billetter.access.tokens import CLAIMS, AccessTokens, api_digest, new_api_token
from billetter.domain.account import Account, Role
from billetter.domain.ids import AccountId
from tests.access.conftest import LIFETIME_S, SECRET, Clock

ANN = Account(AccountId(7), "Ann", "ann@example.org", Role.ORGANIZER, "hash", 0, "1700000000000001")
PUBLIC_KEY = b"""-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAJv8ZpB5hEK7qxP9K3v43hUS5fGT4waK
e7ix4Z4mu5UBv+cw7WSFAt0Vaag0sAbsPzU8Hhsrj/qPABvfB8asUwcCAwEAAQ==
-----END PUBLIC KEY-----
"""


def good() -> dict[str, Any]:
    """Claims that are good."""
    now = int(time.time())
    return {
        "aud": "billetter",
        "exp": now + 60,
        "gen": "1",
        "iat": now,
        "role": "admin",
        "sub": "7",
    }


def segment(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def jws(payload: bytes) -> bytes:
    """Any payload, well signed."""
    text = segment(b'{"alg":"HS256","typ":"JWT"}') + b"." + segment(payload)
    return text + b"." + segment(hmac.new(SECRET, text, hashlib.sha256).digest())


def forged(header: object, claims: object, key: bytes, digest: str = "sha256") -> bytes:
    """A token as its forger writes it, signed by an HMAC with the key; without one, not at all."""
    text = b".".join(segment(json.dumps(each).encode()) for each in (header, claims))
    signature = hmac.digest(key, text, digest) if key else b""
    return text + b"." + segment(signature)


def signed(claims: dict[str, Any]) -> bytes:
    return jwt.encode(claims, SECRET, "HS256").encode()


def reader() -> AccessTokens:
    return AccessTokens(SECRET, LIFETIME_S)


def refused(token: bytes) -> bool:
    try:
        reader().read(token)
    except WrongCredentials:
        return True
    return False


def test_a_token_is_read_by_who_has_the_secret() -> None:
    token = reader().issue(ANN).encode()
    claims = reader().read(token)
    assert (claims.account, claims.generation) == (7, ANN.generation)
    assert LIFETIME_S - 60 < claims.left_s <= LIFETIME_S
    with pytest.raises(WrongCredentials):
        AccessTokens(SECRET[::-1], LIFETIME_S).read(token)


def test_it_says_no_more_than_it_must() -> None:
    token = reader().issue(ANN)
    said = jwt.decode(token, options={"verify_signature": False})
    assert set(said) == set(CLAIMS)
    assert (said["sub"], said["role"], said["aud"]) == ("7", "organizer", "billetter")
    assert said["exp"] - said["iat"] == LIFETIME_S
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}


def test_the_claims_that_the_others_are_made_of_are_good() -> None:
    assert not refused(signed(good()))
    assert not refused(forged({"alg": "HS256"}, good(), SECRET))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_without_an_algorithm(alg: str) -> None:
    assert refused(forged({"alg": alg, "typ": "JWT"}, good(), b""))
    assert refused(forged({"alg": alg, "typ": "JWT"}, good(), SECRET))


@pytest.mark.parametrize(("alg", "digest"), [("HS384", "sha384"), ("HS512", "sha512")])
def test_another_algorithm_with_the_right_secret(alg: str, digest: str) -> None:
    assert refused(forged({"alg": alg}, good(), SECRET, digest))


@pytest.mark.parametrize("alg", ["RS256", "ES256", "PS256", "HS256"])
def test_a_public_key_for_a_secret(alg: str) -> None:
    assert refused(forged({"alg": alg}, good(), PUBLIC_KEY))


@pytest.mark.parametrize("key", [b"", b"\0", b"secret", SECRET[:-1], SECRET + b"\0x"])
def test_a_guessed_secret(key: bytes) -> None:
    assert refused(forged({"alg": "HS256"}, good(), key))


def test_a_key_that_comes_along() -> None:
    mine = b"x" * 32
    jwk = {"kty": "oct", "k": segment(mine).decode()}
    for header in ({"jwk": jwk}, {"kid": "/dev/null"}, {"jku": "http://127.0.0.1/"}):
        assert refused(forged({"alg": "HS256", **header}, good(), mine))


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_missing_claim(claim: str) -> None:
    claims = good()
    del claims[claim]
    assert refused(signed(claims))


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": None},
        {"exp": 1},
        {"exp": int(time.time()) - 1},
        {"exp": "soon"},
        {"exp": None},
        {"sub": "seven"},
        {"sub": ""},
        {"sub": None},
        {"nbf": int(time.time()) + 3_600},
        {"exp": str(int(time.time()) + 60)},
        {"exp": 1e308},
        {"exp": time.time() + 60},
        {"exp": True},
        {"exp": 2**53},
        {"exp": 10**400},
        {"exp": -1},
        {"exp": [int(time.time()) + 60]},
        {"iat": "now"},
        {"iat": True},
        {"nbf": "0"},
        {"nbf": None},
        {"gen": 1},
        {"gen": ["1"]},
        {"sub": 7},
        {"sub": ["7"]},
        {"sub": " 7"},
        {"sub": "+7"},
        {"sub": "0_7"},
        {"sub": "-7"},
        {"sub": "\u0667"},
        {"sub": "7" * 17},
        {"aud": ["billetter"]},
        {"aud": {}},
    ],
)
def test_a_wrong_claim(wrong: dict[str, Any]) -> None:
    assert refused(signed(good() | wrong))


@pytest.mark.parametrize(
    "payload",
    [
        b'{"exp": NaN}',
        b'{"exp": Infinity}',
        b'{"exp": 1e999}',
        b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
        b"[" * 3_000,
        b"[]",
        b"null",
        b'"x"',
        b"",
        b"\xff",
    ],
    ids=lambda payload: repr(payload[:20]),
)
def test_a_signed_payload_that_is_none(payload: bytes) -> None:
    full = json.dumps(good()).encode()[:-1] + b", " + payload[1:]
    for body in (payload, full):
        assert refused(jws(body))


def test_a_changed_claim() -> None:
    header, _, signature = signed(good()).split(b".")
    better = segment(json.dumps(good() | {"sub": "8"}).encode())
    assert refused(b".".join([header, better, signature]))


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b".",
        b"..",
        b"a.b.c",
        b"\xff\xfe.\x00.",
        b"e30.e30.",
        segment(b"[]") + b".e30.",
        segment(b'"x"') + b".e30.",
        segment(b"[" * 3_000) + b".e30.",
        segment(b"[" * 100_000) + b".e30.",
    ],
    ids=lambda token: repr(token[:12]),
)
def test_no_token_at_all(token: bytes) -> None:
    assert refused(token)


def test_its_time_ends_by_our_clock() -> None:
    clock = Clock()
    tokens = AccessTokens(SECRET, LIFETIME_S, clock.time)
    token = tokens.issue(ANN).encode()
    clock.pass_(LIFETIME_S - 1)
    assert tokens.read(token).left_s <= 1
    clock.pass_(1)
    with pytest.raises(WrongCredentials):
        tokens.read(token)


def test_one_made_by_a_clock_that_is_ahead_is_good() -> None:
    ahead = int(time.time()) + 30
    assert not refused(signed(good() | {"iat": ahead, "exp": ahead + 60}))


def test_api_tokens_are_told_apart_and_kept_as_digests() -> None:
    tokens = {new_api_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(token.startswith("blt_") and len(token) == 47 for token in tokens)
    assert api_digest(b"blt_x") == hashlib.sha256(b"blt_x").hexdigest()
