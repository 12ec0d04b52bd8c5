"""Every BILLETTER_* environment variable, with its unit and its default."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Seconds = Annotated[int, Field(ge=1, le=604_800)]


class Settings(BaseSettings):
    """What an operator can set. A variable is the field's name in capitals after BILLETTER_."""

    model_config = SettingsConfigDict(env_prefix="BILLETTER_", frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65_535, description="port to listen on; 0 takes a free one")
    allow_public: bool = Field(
        False,
        description="serve a non-loopback address: everybody who reaches it is the shared guest",
    )
    workers: int = Field(1, ge=1, le=256, description="worker processes")
    redis_url: str | None = Field(
        None,
        description="redis://, rediss:// or unix:// address; without one Billetter runs its own",
    )
    data: Path = Field(Path("billetter-data"), description="directory of the embedded Redis")
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
        20, ge=1, le=600, description="seconds a client may take to send its body"
    )
    shutdown_s: int = Field(
        10, ge=1, le=600, description="seconds a worker may take to finish what is in flight"
    )

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
