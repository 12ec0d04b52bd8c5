"""A typed handler becomes an ASGI endpoint: who, how often, body, idempotency, reply."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from billetter.access.principal import (
    CredentialsMissing,
    Principal,
    TooBusy,
    TooManyAttempts,
    WrongCredentials,
)
from billetter.api import replies
from billetter.api.accesslog import note_user
from billetter.api.call import Call, Handler, Services
from billetter.api.inputs import (
    Gone,
    Stop,
    checked,
    parse_body,
    parse_query,
    read_body,
    said,
    wrong,
)
from billetter.api.limits import Caller, Gate, Gates, limited, told
from billetter.api.replies import Reply
from billetter.domain.account import Role
from billetter.domain.ids import GUEST, UserId
from billetter.domain.outcome import OutcomeUnknown, Unavailable
from billetter.domain.policy import Allowance, Group
from billetter.engine.idempotency import Idempotency
from billetter.engine.limits import scarcest
from billetter.engine.once import Once

BODY_MAX = 16_384
"""Bytes of a request body, unless the endpoint says otherwise."""

Roles = frozenset[Role] | None
"""Who may call. The guest is one of them where there are guests."""
EVERYBODY: Roles = None
CALLERS: Roles = frozenset(Role)
ORGANIZERS: Roles = frozenset({Role.GUEST, Role.ORGANIZER, Role.ADMIN})
ADMINS: Roles = frozenset({Role.ADMIN})
GATEWAYS: Roles = frozenset({Role.SERVICE, Role.ADMIN})

_NOBODY = Principal(GUEST)
_IDEMPOTENCY_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_READS = {
    b"authorization",
    b"billetter-signature",
    b"content-length",
    b"content-type",
    b"idempotency-key",
    b"if-none-match",
    b"x-webhook-signature",
}

logger = logging.getLogger("billetter.api")


class Rules(TypedDict, total=False):
    """What is not as usual. The usual values, and what they mean, are Endpoint's."""

    names: type[BaseModel]
    query: type[BaseModel]
    body: type[BaseModel]
    body_max: int
    safe: bool
    keyed: bool
    roles: Roles
    group: Group | None
    signed: bool
    trusting: bool
    terse: bool


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One route: method, path, and what its handler takes from whom.

    names: what stands in the path where that is text; ids there need no model.
    safe: it only reads; a GET that does not is none for HEAD. keyed: it takes an Idempotency-Key.
    group: of routes that are limited together; None: not limited here.
    signed: a signature stands in for credentials where gateways have a secret; the handler checks.
    trusting: where there are guests, whoever calls may.
    terse: errors are as replies.terse has them.
    """

    method: str
    path: str
    handler: Handler
    names: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    body_max: int = BODY_MAX
    safe: bool
    keyed: bool
    roles: Roles = CALLERS
    group: Group | None
    signed: bool = False
    trusting: bool = False
    terse: bool = False

    def bound(self, services: Services) -> "BoundEndpoint":
        return BoundEndpoint(self, services)

    def roles_under(self, services: Services) -> Roles:
        """Who may call where things are as these services say."""
        proven_otherwise = self.signed and services.payment_secret is not None
        trusted = self.trusting and services.guests
        return EVERYBODY if proven_otherwise or trusted else self.roles


def _declare(method: str) -> Callable[..., Callable[[Any], Endpoint]]:
    reads = method == "GET"
    usual = Rules(safe=reads, keyed=not reads, group=Group.READ if reads else Group.WRITE)

    def declare(path: str, **rules: Unpack[Rules]) -> Callable[[Any], Endpoint]:
        chosen = usual | rules
        return lambda handler: Endpoint(method=method, path=path, handler=handler, **chosen)

    return declare


get, post, put, patch, delete = map(_declare, ("GET", "POST", "PUT", "PATCH", "DELETE"))


class BoundEndpoint:
    """An endpoint with its services: an ASGI application."""

    def __init__(self, endpoint: Endpoint, services: Services) -> None:
        self._endpoint = endpoint
        self._services = services
        self._roles = endpoint.roles_under(services)
        self._gates = Gates.of(endpoint.group, services.policies, services.engine.limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left: list[Allowance] = []
        try:
            reply = await self._reply(scope, receive, left)
        except Gone:
            return
        except Exception as error:
            reply = _failed(error, scope)
        if left:
            reply = reply.plus(*told(scarcest(left)))
        if self._endpoint.terse:
            reply = replies.terse(reply)
        await reply.send(scope, send)

    async def _reply(self, scope: Scope, receive: Receive, left: list[Allowance]) -> Reply:
        endpoint, gates, headers = self._endpoint, self._gates, {}
        for name, value in scope["headers"]:
            if name in _READS:
                headers[name] = value
        client = scope.get("client")
        address, authorization = client[0] if client else "", headers.get(b"authorization")
        if gates.outer is not None:
            await _admit(gates.outer, Caller(address), left)
        principal = await self._principal(authorization, address)
        note_user(scope, principal.user)
        inputs: list[BaseModel] = []
        body = b""
        ids = scope.get("path_params", {})
        if endpoint.names is not None:
            inputs.append(checked(endpoint.names, ids))
        if endpoint.query is not None:
            inputs.append(parse_query(endpoint.query, scope["query_string"]))
        if endpoint.body is not None:
            body = await read_body(headers, receive, endpoint.body_max)
            inputs.append(parse_body(endpoint.body, body))
        if gates.inner is not None:
            await _admit(gates.inner, Caller(address, principal.user, authorization), left)
        idempotency = None
        if endpoint.keyed and (key := headers.get(b"idempotency-key")) is not None:
            idempotency = await self._bind(key, principal.user, scope, body)
        call = Call(self._services, principal, address, ids, headers, body, idempotency)
        return await endpoint.handler(call, *inputs)

    async def _principal(self, authorization: bytes | None, address: str) -> Principal:
        """Who calls, if they may."""
        try:
            principal = await self._services.doorkeeper.identify(authorization, address)
        except CredentialsMissing:
            if self._roles is not None:
                raise
            return _NOBODY
        if self._roles is not None and principal.role not in self._roles:
            raise Stop(replies.FORBIDDEN)
        return principal

    async def _bind(self, key: bytes, user: UserId, scope: Scope, body: bytes) -> Idempotency:
        """Bind the caller's key to this request: method, path and what the body says."""
        if not _IDEMPOTENCY_KEY.fullmatch(key):
            raise Stop(wrong("Idempotency-Key", "must be 1-255 visible ASCII characters"))
        target = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        request = Once.named(scope["method"], target, said(body), ttl_ms=0)
        idempotency = await self._services.engine.keys.bind(user, key.decode(), request.digest)
        if idempotency is None:
            raise Stop(replies.KEY_REUSED)
        return idempotency


async def _admit(gate: Gate, caller: Caller, left: list[Allowance]) -> None:
    """Take what the request costs; what is left is told with the reply."""
    allowance = await gate.admit(caller)
    if allowance.retry_after_s is not None:
        left.clear()
        raise Stop(limited(allowance))
    left.append(allowance)


def _failed(error: Exception, scope: Scope) -> Reply:
    """The reply where there is none from the handler."""
    match error:
        case Stop():
            return error.reply
        case WrongCredentials():
            return replies.UNAUTHORIZED
        case CredentialsMissing():
            return replies.CREDENTIALS_MISSING
        case TooManyAttempts():
            return limited(error.allowance)
        case TooBusy():
            return replies.OVERLOADED
        case Unavailable():
            logger.debug("unavailable: %s", error)
            return replies.UNAVAILABLE
        case OutcomeUnknown():
            logger.warning("outcome unknown: %s", error)
            return replies.OUTCOME_UNKNOWN
    logger.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
    return replies.INTERNAL
