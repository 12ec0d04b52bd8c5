"""Settings of accounts: no secret that can be guessed, and none at all where one is needed."""

import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from billetter.settings import Settings

STRONG = "3f9c0b7e1a2d4c5b6a798e0f1d2c3b4a"

pytestmark = pytest.mark.usefixtures("plain_environment")


def test_without_a_secret_each_start_has_its_own_and_all_its_workers_share_it() -> None:
    chosen = settings()
    assert (chosen.auth, chosen.token_s) == ("open", 3_600)
    assert len(chosen.secret.get_secret_value()) >= 32
    assert chosen.secret != settings().secret
    assert pickle.loads(pickle.dumps(chosen)).secret == chosen.secret


def test_a_secret_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLETTER_SECRET", STRONG)
    monkeypatch.setenv("BILLETTER_AUTH", "required")
    chosen = settings()
    assert chosen.secret.get_secret_value() == STRONG
    assert chosen.auth == "required"
    assert STRONG not in f"{chosen!r} {chosen}"


def test_required_mode_needs_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLETTER_AUTH", "required")
    assert "must be set" in refusal()


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("", "32 bytes"),
        (STRONG[:-1], "32 bytes"),
        ("a" * 64, "guessed"),
        ("abcabcabc" * 8, "guessed"),
        ("ChangeMe-ChangeMe-quickly-before-you-go", "guessed"),
        ("please-change_me-please-change-it-now-2", "guessed"),
        ("a-very-long-Secret-that-nobody-ever-heard", "guessed"),
        ("billetter-production-hmac-key-number-one", "guessed"),
        ("01234567890123456789abcdefghijklmnopqrst", "guessed"),
    ],
)
@pytest.mark.parametrize("auth", ["open", "required"])
def test_a_secret_that_is_none(
    secret: str, told: str, auth: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILLETTER_AUTH", auth)
    monkeypatch.setenv("BILLETTER_SECRET", secret)
    assert told in refusal()


def test_another_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLETTER_AUTH", "closed")
    monkeypatch.setenv("BILLETTER_SECRET", STRONG)
    assert "'open' or 'required'" in refusal()


def settings(**chosen: Any) -> Settings:
    return Settings(**chosen)


def refusal() -> str:
    """What is wrong, as the command line tells it."""
    with pytest.raises(ValidationError) as wrong:
        settings()
    told: str = wrong.value.errors()[0]["msg"]
    return told
