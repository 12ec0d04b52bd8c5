"""Every BILLETTER_* environment variable, with its unit and its default."""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from billetter.domain.network import origin_of, parse_hosts, parse_networks, parse_origins
from billetter.domain.policy import OPEN_LIMITS, REQUIRED_LIMITS, parse_policies

Seconds = Annotated[int, Field(ge=1, le=604_800)]
SECRET_BYTES_MIN = 32
"""RFC 7518 asks for a key as long as the hash, for HS256."""
SECRET_KINDS_MIN = 10
"""Different characters. Of 32 hexadecimal digits at random, one in ten thousand has fewer."""
MAKE_SECRET = "make one by: openssl rand -hex 32"
GUESSED_FIRST = re.compile("secret|passw|change.?me|default|example|billetter|0123456789", re.I)
SECRETS = frozenset({"payment_secret", "secret"})
NAMED = frozenset({"rate_limits"})
"""Fields of which an empty value says something: no limits."""
LISTS: dict[str, Callable[[str], object]] = {
    "rate_limits": parse_policies,
    "trusted_proxies": parse_networks,
    "cors_origins": parse_origins,
    "hosts": parse_hosts,
}
"""Fields that are lists of something, and what reads them."""


PREFIX = "BILLETTER_"
ORCHESTRATED = re.compile(r"SERVICE_(HOST|PORT)|PORT_[0-9]")
"""Of variables that Kubernetes sets where there is a service named billetter, after the prefix."""


class Settings(BaseSettings):
    """What an operator can set. A variable is the field's name in capitals after BILLETTER_."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65_535, description="port to listen on; 0 takes a free one")
    uds: Path | None = Field(
        None, description="path of a Unix socket to listen on, in place of an address and a port"
    )
    hosts: str | None = Field(
        None,
        description="host names that are served, *.example.org for all below it; none: any,"
        " but in open mode only this machine's own",
    )
    public_url: str | None = Field(
        None,
        description="address at which people reach this server, as https://tickets.example.org",
    )
    allow_public: bool = Field(
        False,
        description="serve a non-loopback address in open mode: who reaches it is the shared guest",
    )
    auth: Literal["open", "required"] = Field(
        "open",
        description="who brings no credentials: open: is the shared guest; required: gets 401",
    )
    secret: SecretStr = Field(
        None,  # The validator puts a random one in its place.
        validate_default=True,
        description="signs access tokens, 32 bytes or more; required mode needs one;"
        " none: a random one at each start",
    )
    token_s: Seconds = Field(3_600, description="seconds an access token is good for")
    workers: int = Field(1, ge=1, le=256, description="worker processes")
    worker_timeout_s: int = Field(
        15, ge=2, le=600, description="seconds after which a worker that hangs is replaced"
    )
    redis_url: str | None = Field(
        None,
        description="redis://, rediss:// or unix:// address; without one Billetter runs its own",
    )
    data: Path = Field(Path("billetter-data"), description="directory of the embedded Redis")
    data_id: str | None = Field(
        None,
        pattern="^[!-~]{1,64}$",
        description="the id that the data must have, as `serve` tells it; none: whatever is there",
    )
    demo: bool = Field(False, description="make the demo events once")
    access_log: bool = Field(False, description="log every request")
    hold_s: Seconds = Field(
        900, description="seconds a hold lasts, unless the event says otherwise"
    )
    payment_s: Seconds = Field(900, description="seconds a payment may take")
    payment_url: str | None = Field(
        None,
        description="payment page, with {booking_id} and {amount} filled in; none: no gateway",
    )
    payment_secret: SecretStr | None = Field(
        None,
        description="what a gateway signs its calls with, 32 bytes or more; none: unsigned",
    )
    currency: str = Field(
        "RUB", pattern=r"^[A-Z]{3}$", description="currency of all prices, as ISO 4217 has it"
    )
    rate_limits: str = Field(
        None,  # The validator puts those of the mode in its place.
        validate_default=True,
        description="group=count/window/by, comma-separated, in place of all that the mode has;"
        " empty: no limits",
    )
    trusted_proxies: str | None = Field(
        None, description="addresses and networks whose X-Forwarded-For is believed"
    )
    reset: Literal["admin"] | None = Field(
        None,
        description="who may call POST /api/reset in required mode: admin; none: nobody;"
        " in open mode everybody may",
    )
    cors_origins: str | None = Field(
        None, description="web origins whose pages may call the API; *: all of them"
    )
    keep_ended_s: int = Field(
        604_800, ge=1, description="seconds a cancelled or expired booking is kept"
    )
    journal_keep_s: int = Field(2_592_000, ge=1, description="seconds a journal entry is kept")
    journal_max: int = Field(
        1_000_000, ge=1_000, description="journal entries kept in each of 64 partitions"
    )
    sweep: bool = Field(True, description="return the seats of lapsed holds in the background")
    redis_deadline_ms: int = Field(
        2_000, ge=50, le=60_000, description="milliseconds a call to Redis may take"
    )
    in_flight_max: int = Field(
        32_768, ge=1, description="calls to Redis under way at once, per worker; more get 503"
    )
    requests_max: int = Field(
        16_384, ge=1, description="requests under way at once, per worker; more get 503"
    )
    connections_max: int = Field(
        16_384,
        ge=1,
        description="connections a worker serves, 512 fewer than its open files at most",
    )
    header_timeout_s: int = Field(
        10, ge=1, le=600, description="seconds a client may take to send its headers"
    )
    body_timeout_s: int = Field(
        20,
        ge=1,
        le=600,
        description="seconds a client may take to send its body,"
        " or read nothing while answers wait for it",
    )
    shutdown_s: int = Field(
        10, ge=1, le=600, description="seconds a worker may take to finish what is in flight"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _is_given(cls, value: object, info: ValidationInfo) -> object:
        """An empty variable is as good as none, as compose files leave them; but not a secret."""
        name = info.field_name or ""
        if value != "" or name in NAMED or cls.model_fields[name].default is not None:
            return value
        if name in SECRETS:
            raise ValueError("is empty: leave it out, or give it a value")
        return None

    @field_validator("secret", mode="before")
    @classmethod
    def _is_strong(cls, secret: str | SecretStr | None, info: ValidationInfo) -> str:
        if secret is None:
            if info.data.get("auth") == "required":
                raise ValueError(f"must be set when BILLETTER_AUTH is required; {MAKE_SECRET}")
            return token_urlsafe(SECRET_BYTES_MIN)
        text = secret if isinstance(secret, str) else secret.get_secret_value()
        if len(text.encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"must have {SECRET_BYTES_MIN} bytes at least; {MAKE_SECRET}")
        if len(set(text)) < SECRET_KINDS_MIN or GUESSED_FIRST.search(text):
            raise ValueError(f"can be guessed; {MAKE_SECRET}")
        return text

    @field_validator("rate_limits", mode="before")
    @classmethod
    def _are_those_of_the_mode(cls, limits: str | None, info: ValidationInfo) -> str:
        if limits is not None:
            return limits
        return REQUIRED_LIMITS if info.data.get("auth") == "required" else OPEN_LIMITS

    @field_validator("data", mode="before")
    @classmethod
    def _is_named(cls, data: object) -> object:
        if data == "":
            raise ValueError("must name a directory; it is empty")
        return data

    @field_validator("payment_secret")
    @classmethod
    def _is_long(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and len(secret.get_secret_value().encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"must have {SECRET_BYTES_MIN} bytes at least")
        return secret

    @field_validator(*LISTS)
    @classmethod
    def _can_be_read(cls, text: str | None, info: ValidationInfo) -> str | None:
        LISTS[info.field_name or ""](text or "")
        return text

    @field_validator("public_url")
    @classmethod
    def _is_a_web_address(cls, url: str | None) -> str | None:
        if url:
            origin_of(url)
        return url or None

    @field_validator("payment_url")
    @classmethod
    def _names_the_booking(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if not url.startswith(("https://", "http://")) or "{booking_id}" not in url:
            raise ValueError("must be an http(s) address that contains {booking_id}")
        try:
            url.format(booking_id=1, amount="1.00")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError("only {booking_id} and {amount} can be filled in") from error
        return url


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{field.upper()}"


def unknown_variables(environment: Iterable[str]) -> dict[str, str | None]:
    """Names of variables that look like settings and are none; to each the setting most like it."""
    known = [field.upper() for field in Settings.model_fields]
    found = {}
    for name in sorted(environment):
        prefix, own = name.upper()[: len(PREFIX)], name.upper()[len(PREFIX) :]
        if prefix == PREFIX and own not in known and not ORCHESTRATED.match(own):
            found[name] = next((PREFIX + like for like in get_close_matches(own, known, 1)), None)
    return found
