"""Types of fields in requests: strict, with limits on everything."""

import re
import unicodedata
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, PlainValidator

from billetter.domain.ids import ID_MAX, SEATS_MAX
from billetter.domain.money import to_minor

SEATS_PER_CALL_MAX = 100
PAGE_SIZE_MAX = 20
NAME_MAX = 200
DAY_MS = 86_400_000
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


def _day(text: Any) -> int:
    """The first ms of a day in UTC."""
    if not _is_day(text):
        raise ValueError("must be a date like 2026-10-13")
    return _ms(datetime.combine(date.fromisoformat(text), time.min, UTC))


def _from(text: Any) -> int:
    """The first ms of a day, or of a time."""
    return _day(text) if _is_day(text) else _moment(text)


def _until(text: Any) -> int:
    """The first ms after a day, or after a time."""
    return _day(text) + DAY_MS if _is_day(text) else _moment(text) + 1


def _is_day(text: Any) -> bool:
    return isinstance(text, str) and bool(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text))


def _moment(text: str) -> int:
    try:
        return _ms(datetime.fromisoformat(text))
    except ValueError:
        raise ValueError("must be a date or a time, like 2026-10-13T12:34:56Z") from None


def either(*names: str) -> Any:
    """A field that goes by any of these names."""
    return Field(validation_alias=AliasChoices(*names))


def _name(value: Any) -> Any:
    """How a caller calls a user: a line of text, or a number that says the same as its digits."""
    if type(value) is int and 0 <= value <= ID_MAX:
        return value
    if not isinstance(value, str) or not 1 <= len(value) <= NAME_MAX or not value.isprintable():
        raise ValueError(f"must be a text of 1-{NAME_MAX} printable characters, or an integer")
    return value


Id = Annotated[int, Field(ge=0, le=ID_MAX)]
Title = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Phrase = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=5_000), AfterValidator(_printable)]
Price = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,2})?$"), AfterValidator(to_minor)]
Moment = Annotated[datetime, AfterValidator(_ms)]
Seconds = Annotated[int, Field(ge=1, le=604_800)]
Seats = Annotated[int, Field(ge=1, le=SEATS_MAX)]
SeatIds = Annotated[list[Id], Field(min_length=1, max_length=SEATS_PER_CALL_MAX)]
Name = Annotated[int | str, PlainValidator(_name)]
Digits = Annotated[int, BeforeValidator(digits)]
Day = Annotated[int, BeforeValidator(_day)]
From = Annotated[int, BeforeValidator(_from)]
Until = Annotated[int, BeforeValidator(_until)]
Page = Annotated[int, BeforeValidator(digits), Field(ge=1)]
PageSize = Annotated[int, BeforeValidator(digits), Field(ge=1, le=PAGE_SIZE_MAX)]
