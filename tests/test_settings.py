"""Settings that can be wrong in ways of their own."""

import pytest
from pydantic import ValidationError

from billetter.domain.policy import OPEN_LIMITS, REQUIRED_LIMITS
from billetter.settings import Settings


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("rate_limits", "login=10", "'login=10' is no limit such as login=10/1m/ip"),
        ("trusted_proxies", "10.0.0.1/8", "10.0.0.1/8 has host bits set"),
        ("cors_origins", "example.org", "'example.org' is no origin such as"),
        ("payment_secret", "x" * 31, "must have 32 bytes at least"),
        ("currency", "rub", "should match pattern"),
        ("currency", "₽", "should match pattern"),
    ],
)
def test_a_wrong_one_says_why(field: str, text: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Settings.model_validate({field: text})


@pytest.mark.parametrize("field", ["rate_limits", "trusted_proxies", "cors_origins"])
def test_an_empty_list_is_none(field: str) -> None:
    assert not getattr(Settings.model_validate({field: ""}), field)


def test_a_secret_is_not_shown() -> None:
    settings = Settings.model_validate({"payment_secret": "☀" * 11})
    assert "☀" not in repr(settings)
    assert settings.payment_secret is not None
    assert settings.payment_secret.get_secret_value() == "☀" * 11


def test_rate_limits_are_those_of_the_mode_unless_they_are_written() -> None:
    assert Settings.model_validate({}).rate_limits == OPEN_LIMITS
    required = {"auth": "required", "secret": "7Qm4xWc9Zr2Lk8Vt5Bn1Hs6Jd3Fg0PyA"}
    assert Settings.model_validate(required).rate_limits == REQUIRED_LIMITS
    for written in ("", "login=1/1s/ip"):
        assert Settings.model_validate({**required, "rate_limits": written}).rate_limits == written


@pytest.mark.parametrize("name", ["uds", "reset", "data_id", "payment_url", "hosts", "redis_url"])
def test_an_empty_variable_is_none(name: str) -> None:
    assert getattr(Settings.model_validate({name: ""}), name) is None


@pytest.mark.parametrize("name", ["secret", "payment_secret"])
def test_an_empty_secret_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=f"1 validation error for Settings\n{name}"):
        Settings.model_validate({name: ""})
