"""Types of fields in requests: strict, with limits on everything."""

import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from billetter.domain.ids import ID_MAX, SEATS_MAX
from billetter.domain.money import to_minor

SEATS_PER_CALL_MAX = 100
PAGE_SIZE_MAX = 20
_DAY_MS_MAX = 253_402_300_799_999  # The end of the year 9999.


def _printable(text: str) -> str:
    if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in text):
        raise ValueError("must not contain control characters")
    return text.strip()


def _one_line(text: str) -> str:
    text = _printable(text)
    if "\n" in text or "\t" in text:
        raise ValueError("must be one line")
    if not text:
        raise ValueError("must not be empty")
    return text


def _ms(moment: datetime) -> int:
    """Milliseconds since 1970; a time without a zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ms = round(moment.timestamp() * 1000)
    if not 0 <= ms <= _DAY_MS_MAX:
        raise ValueError("must lie between 1970 and 9999")
    return ms


def digits(text: Any) -> int:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,16}", text) or int(text) > ID_MAX:
        raise ValueError("must be plain decimal digits, at most 2^53-1")
    return int(text)


def _day(text: Any) -> date:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("must be a date like 2026-10-13")
    return date.fromisoformat(text)


Id = Annotated[int, Field(ge=0, le=ID_MAX)]
Title = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Text = Annotated[str, Field(max_length=5_000), AfterValidator(_printable)]
Price = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,2})?$"), AfterValidator(to_minor)]
Moment = Annotated[datetime, AfterValidator(_ms)]
Seconds = Annotated[int, Field(ge=1, le=604_800)]
Seats = Annotated[int, Field(ge=1, le=SEATS_MAX)]
SeatIds = Annotated[list[Id], Field(min_length=1, max_length=SEATS_PER_CALL_MAX)]
Digits = Annotated[int, BeforeValidator(digits)]
Day = Annotated[date, BeforeValidator(_day)]
Page = Annotated[int, BeforeValidator(digits), Field(ge=1)]
PageSize = Annotated[int, BeforeValidator(digits), Field(ge=1, le=PAGE_SIZE_MAX)]
