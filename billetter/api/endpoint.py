"""A typed handler becomes an ASGI endpoint: body, principal, idempotency, reply."""

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, ValidationError
from starlette.types import Receive, Scope, Send

from billetter.access.principal import Doorkeeper, Principal, WrongCredentials
from billetter.api import replies
from billetter.api.replies import Reply
from billetter.domain.ids import BookingId, UserId
from billetter.domain.money import to_decimal
from billetter.domain.outcome import OutcomeUnknown, Unavailable
from billetter.engine import Engine
from billetter.engine.idempotency import Idempotency
from billetter.engine.once import Once

BODY_MAX = 16_384
"""Bytes of a request body, unless the endpoint says otherwise."""
DETAILS_MAX = 20
QUERY_FIELDS_MAX = 64

_IDEMPOTENCY_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_JSON = re.compile(rb"application/([a-z0-9.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_READS = {b"authorization", b"content-length", b"content-type", b"idempotency-key"}

logger = logging.getLogger("billetter.api")


@dataclass(frozen=True, slots=True)
class Services:
    """What endpoints work with. Durations in ms; payment_url: template of the payment page."""

    engine: Engine
    doorkeeper: Doorkeeper
    hold_ms: int
    payment_ms: int
    payment_url: str | None

    def payment_page(self, booking: BookingId, amount: int) -> str | None:
        """Where the client pays; None without a gateway."""
        if self.payment_url is None:
            return None
        return self.payment_url.format(booking_id=booking, amount=to_decimal(amount))


@dataclass(frozen=True, slots=True)
class Call:
    """One request: who calls, with what to work, and the ids in its path."""

    services: Services
    principal: Principal
    idempotency: Idempotency | None
    ids: dict[str, int]

    @property
    def engine(self) -> Engine:
        return self.services.engine

    @property
    def user(self) -> UserId:
        return self.principal.user

    @property
    def once(self) -> Once | None:
        return self.idempotency.once if self.idempotency else None


class Handler(Protocol):
    """An endpoint's function; it takes the body or the query where one is declared."""

    __name__: str

    def __call__(self, call: Call, *inputs: Any) -> Awaitable[Reply]: ...


class Stop(Exception):
    """The request ends here, with this reply."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply


class Gone(Exception):
    """The client has left; nobody waits for a reply."""


@dataclass(frozen=True)
class Endpoint:
    """One route: method, path, and what its handler takes."""

    method: str
    path: str
    handler: Handler
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    body_max: int
    safe: bool
    """Whether it only reads; a GET that does not is none for HEAD."""

    def bound(self, services: Services) -> "BoundEndpoint":
        return BoundEndpoint(self, services)


def _declare(method: str) -> Callable[..., Callable[[Any], Endpoint]]:
    def declare(
        path: str,
        *,
        body: type[BaseModel] | None = None,
        query: type[BaseModel] | None = None,
        body_max: int = BODY_MAX,
        safe: bool = method == "GET",
    ) -> Callable[[Any], Endpoint]:
        return lambda handler: Endpoint(method, path, handler, body, query, body_max, safe)

    return declare


get, post, patch = _declare("GET"), _declare("POST"), _declare("PATCH")


class BoundEndpoint:
    """An endpoint with its services: an ASGI application."""

    def __init__(self, endpoint: Endpoint, services: Services) -> None:
        self._endpoint = endpoint
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reply = await self._reply(scope, receive)
        except Stop as stop:
            reply = stop.reply
        except Gone:
            return
        except Unavailable as error:
            logger.debug("unavailable: %s", error)
            reply = replies.UNAVAILABLE
        except OutcomeUnknown as error:
            logger.warning("outcome unknown: %s", error)
            reply = replies.OUTCOME_UNKNOWN
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            reply = replies.INTERNAL
        await respond(reply, send)

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        endpoint = self._endpoint
        headers = {name: value for name, value in scope["headers"] if name in _READS}
        principal = await self._principal(headers.get(b"authorization"))
        inputs: list[BaseModel] = []
        body = b""
        if endpoint.query is not None:
            inputs.append(_parse_query(endpoint.query, scope["query_string"]))
        if endpoint.body is not None:
            body = await _read_body(headers, receive, endpoint.body_max)
            inputs.append(_parse_body(endpoint.body, body))
        idempotency = None
        if endpoint.method != "GET" and b"idempotency-key" in headers:
            key = headers[b"idempotency-key"]
            idempotency = await self._bind(key, principal.user, scope, body)
        call = Call(self._services, principal, idempotency, scope.get("path_params", {}))
        return await endpoint.handler(call, *inputs)

    async def _principal(self, authorization: bytes | None) -> Principal:
        try:
            return await self._services.doorkeeper.identify(authorization)
        except WrongCredentials:
            raise Stop(replies.UNAUTHORIZED) from None

    async def _bind(self, key: bytes, user: UserId, scope: Scope, body: bytes) -> Idempotency:
        """Bind the caller's key to this request: method, path and what the body says."""
        if not _IDEMPOTENCY_KEY.fullmatch(key):
            raise Stop(_wrong("Idempotency-Key", "must be 1-255 visible ASCII characters"))
        target = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        request = Once.named(scope["method"], target, _said(body), ttl_ms=0)
        idempotency = await self._services.engine.keys.bind(user, key.decode(), request.digest)
        if idempotency is None:
            raise Stop(replies.KEY_REUSED)
        return idempotency


async def respond(reply: Reply, send: Send) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _read_body(headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes:
    content_type = headers.get(b"content-type")
    if content_type is not None and not _JSON.fullmatch(content_type.strip()):
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


def _parse_body(model: type[BaseModel], body: bytes) -> BaseModel:
    try:
        return model.__pydantic_validator__.validate_json(body, strict=True)  # type: ignore[no-any-return]
    except ValidationError as error:
        raise Stop(_invalid(error)) from None


def _parse_query(model: type[BaseModel], query_string: bytes) -> BaseModel:
    try:
        fields = parse_qsl(
            query_string.decode("latin-1"),
            keep_blank_values=True,
            max_num_fields=QUERY_FIELDS_MAX,
        )
    except ValueError:
        raise Stop(_wrong("query", f"has more than {QUERY_FIELDS_MAX} fields")) from None
    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        raise Stop(_invalid(error)) from None


def _said(body: bytes) -> str:
    """What a body says, in whatever order and spacing; as it is if only its reader takes it."""
    try:
        said = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS) if body else b""
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        said = body  # NaN, 1e999 or deep nesting in fields that nobody reads.
    return said.decode("utf-8", "replace")


def _invalid(error: ValidationError) -> Reply:
    details = [
        {
            "field": ".".join(map(str, each["loc"])) or "body",
            "message": each["msg"].removeprefix("Value error, "),
        }
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return replies.invalid(details[:DETAILS_MAX])


def _wrong(field: str, message: str) -> Reply:
    return replies.invalid([{"field": field, "message": message}])


def _too_large(limit: int) -> Reply:
    return replies.error(413, "body_too_large", f"The body may have {limit} bytes at most.")
