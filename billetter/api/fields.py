"""Types of fields in requests: strict, with limits on everything."""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, PlainValidator

from billetter.domain.ids import ID_MAX, SEATS_MAX
from billetter.domain.money import to_minor
from billetter.domain.text import plain, plain_line, shows_nothing

SEATS_PER_CALL_MAX = 100
PAGE_SIZE_MAX = 20
NAME_MAX = 200
ID_DIGITS_MAX = 16
DAY_MS = 86_400_000
_DAY_MS_MAX = 253_402_300_799_999  # The end of the year 9999.
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MOMENT = re.compile(
    rf"{_DAY}([Tt ][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}([.,][0-9]{{1,9}})?)?"
    r"([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)


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


def id_of(digits: str) -> int:
    """An id as it stands in a path; more digits than one can have mean 0, which is nobody's."""
    return int(digits) if len(digits) <= ID_DIGITS_MAX else 0


def _in_path(text: Any) -> int:
    if not isinstance(text, str) or not re.fullmatch("[0-9]+", text):
        raise ValueError("must be plain decimal digits")
    return id_of(text)


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
    return isinstance(text, str) and bool(re.fullmatch(_DAY, text))


def _moment(text: str) -> int:
    """The ms of a time, or of the first one of a day. Nothing but ISO 8601 with its dashes:
    readers of dates take `2026`, or seconds since 1970, for a time as well."""
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError
        return _ms(datetime.fromisoformat(text.upper()))
    except ValueError:
        raise ValueError("must be a date or a time, like 2026-10-13T12:34:56Z") from None


def either(*names: str) -> Any:
    """A field that goes by any of these names."""
    return Field(validation_alias=AliasChoices(*names))


def _name(value: Any) -> Any:
    """How a caller calls a user: a line of text, or a number that says the same as its digits."""
    if type(value) is int and 0 <= value <= ID_MAX:
        return value
    fits = isinstance(value, str) and 1 <= len(value) <= NAME_MAX and value.isprintable()
    if not fits or shows_nothing(value):
        raise ValueError(f"must be a text of 1-{NAME_MAX} printable characters, or an integer")
    return value


Id = Annotated[int, Field(ge=0, le=ID_MAX)]
Title = Annotated[str, Field(max_length=200), AfterValidator(plain_line)]
Phrase = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=5_000), AfterValidator(plain)]
Price = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,2})?$"), AfterValidator(to_minor)]
Moment = Annotated[str, Field(max_length=40), AfterValidator(_moment)]
Seconds = Annotated[int, Field(ge=1, le=604_800)]
Seats = Annotated[int, Field(ge=1, le=SEATS_MAX)]
SeatIds = Annotated[list[Id], Field(min_length=1, max_length=SEATS_PER_CALL_MAX)]
Name = Annotated[int | str, PlainValidator(_name)]
Digits = Annotated[int, BeforeValidator(digits)]
PathId = Annotated[int, BeforeValidator(_in_path)]
Day = Annotated[int, BeforeValidator(_day)]
From = Annotated[int, BeforeValidator(_from)]
Until = Annotated[int, BeforeValidator(_until)]
Cursor = Annotated[str, Field(pattern=r"^([0-9]{1,16}(-[0-9]{1,16})?)?$")]
Page = Annotated[int, BeforeValidator(digits), Field(ge=1)]
PageSize = Annotated[int, BeforeValidator(digits), Field(ge=1, le=PAGE_SIZE_MAX)]
