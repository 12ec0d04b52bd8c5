"""What a request says and nobody reads: named in the reply, so that a typing error is noticed."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote

import orjson
from pydantic import BaseModel

from billetter.api.messages import nested, own_names

NAMES_MAX = 16
NAME_MAX = 64
"""Names that the header has, and characters of each."""
PRINTABLE = "!#$&'*+-.^_`|~[]{}():/@"
"""What stands for itself in the header, beside letters and digits; all else goes by percents."""

Header = tuple[bytes, bytes]


def ignored_header(names: Sequence[str]) -> Header:
    """The header that names them, as they were sent."""
    every = [quote(name, PRINTABLE, errors="replace")[:NAME_MAX] or '""' for name in names]
    more = ["..."] if len(every) > NAMES_MAX else []
    return b"billetter-ignored", ", ".join([*every[:NAMES_MAX], *more]).encode()


def ignored_fields(body: BaseModel) -> list[str]:
    """Fields of a body that its model does not have: `seatIds`, `zones.0.colour`.

    They are not bound: the model has none of them when this returns.
    """
    inner = nested(type(body))
    if not body.__pydantic_extra__ and not inner:
        return []
    return list(_taken_out(body, ""))


def unread_fields(model: type[BaseModel], body: bytes) -> list[str]:
    """The same for a body that is wrong, as far as its own fields go."""
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    return [name for name in sent if name not in own_names(model)] if isinstance(sent, dict) else []


def ignored_parameters(query_string: bytes) -> list[str]:
    """All parameters of a query that nobody reads."""
    try:
        return [*dict(parse_qsl(query_string.decode("latin-1"), True, max_num_fields=NAMES_MAX))]
    except ValueError:
        return ["..."]


def _taken_out(body: BaseModel, path: str) -> Iterator[str]:
    if extra := body.__pydantic_extra__:
        yield from (f"{path}{name}" for name in extra)
        body.__pydantic_fields_set__.difference_update(extra)
        extra.clear()
    for field in nested(type(body)):
        yield from _within(getattr(body, field), f"{path}{field}.")


def _within(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from _taken_out(value, path)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _within(item, f"{path}{number}.")
