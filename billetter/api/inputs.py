"""What a request brings: its path, its query and its body, read and checked."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, ValidationError
from starlette.types import Receive

from billetter.api import replies
from billetter.api.ignored import ignored_fields, ignored_parameters, unread_fields
from billetter.api.messages import UNKNOWN, details, own_names
from billetter.api.replies import Reply
from billetter.api.sites import BY_BROWSERS

QUERY_FIELDS_MAX = 64
REMEMBERED_MAX = 512
"""Bytes of a query whose meaning is remembered."""

_JSON = re.compile(rb"application/([a-z0-9.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_USUAL_TYPE = b"application/json"


class Stop(Exception):
    """The request ends here, with this reply."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply


class Gone(Exception):
    """The client has left; nobody waits for a reply."""


async def read_body(headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes:
    content_type = headers.get(b"content-type")
    if content_type is None:
        # Of a page of another site, a browser would not even ask whether it may send that.
        if not BY_BROWSERS.isdisjoint(headers):
            raise Stop(replies.NOT_JSON)
    elif content_type != _USUAL_TYPE and not _JSON.fullmatch(content_type.strip()):
        raise Stop(replies.NOT_JSON)
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > limit:
        raise Stop(_too_large(limit))
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body += message.get("body", b"")
        if len(body) > limit:
            raise Stop(_too_large(limit))
        if not message.get("more_body", False):
            return bytes(body)


def parse_body(model: type[BaseModel], body: bytes, strict: bool, ignored: list[str]) -> BaseModel:
    """The model made of a body. Fields it does not have are refused if strict, else ignored."""
    extra: Literal["forbid", "allow"] = "forbid" if strict else "allow"
    try:
        parsed: BaseModel = model.__pydantic_validator__.validate_json(
            body, strict=True, extra=extra
        )
    except ValidationError as error:
        if not strict:
            ignored += unread_fields(model, body)
        raise Stop(replies.invalid(details(model, error))) from None
    if not strict:
        ignored += ignored_fields(parsed)
    return parsed


def parse_query(
    model: type[BaseModel] | None, query_string: bytes, strict: bool, ignored: list[str]
) -> BaseModel | None:
    """The model made of a query; what it does not know, as above. None: nothing is known."""
    if model is None:
        parsed, unknown = None, ignored_parameters(query_string)
    else:
        usual = len(query_string) <= REMEMBERED_MAX
        parsed, unknown = (_known if usual else _parsed)(model, query_string)
    if unknown and strict:
        raise Stop(replies.invalid([{"field": it, "message": UNKNOWN} for it in unknown]))
    ignored += unknown
    return parsed


def _parsed(model: type[BaseModel], query_string: bytes) -> tuple[BaseModel, list[str]]:
    """The model, and the parameters that it does not have."""
    try:
        fields = parse_qsl(
            query_string.decode("latin-1"),
            keep_blank_values=True,
            max_num_fields=QUERY_FIELDS_MAX,
        )
    except ValueError:
        raise Stop(wrong("query", f"has more than {QUERY_FIELDS_MAX} fields")) from None
    sent, names = dict(fields), own_names(model)
    return checked(model, sent), [name for name in sent if name not in names]


# A crowd asks the same: 1 µs instead of 7. Failures are not kept.
_known = lru_cache(1_024)(_parsed)


def checked(model: type[BaseModel], fields: Mapping[str, object]) -> BaseModel:
    """The model made of what stands in a query or a path."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise Stop(replies.invalid(details(model, error))) from None


def said(body: bytes) -> str:
    """What a body says, in whatever order and spacing; as it is if only its reader takes it."""
    try:
        said = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS) if body else b""
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        said = body  # NaN, 1e999 or deep nesting in fields that nobody reads.
    return said.decode("utf-8", "replace")


def wrong(field: str, message: str) -> Reply:
    return replies.invalid([{"field": field, "message": message}])


def _too_large(limit: int) -> Reply:
    return replies.error(413, "body_too_large", f"The body may have {limit} bytes at most.")
