"""A typed handler becomes an ASGI endpoint: who, how often, body, idempotency, reply."""

import logging
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
from billetter.api.ignored import ignored_header
from billetter.api.inputs import Gone, Stop, checked, parse_body, parse_query, read_body
from billetter.api.limits import Caller, Gate, Gates, limited, rate_limit_headers
from billetter.api.replays import bind, recorded
from billetter.api.replies import Reply
from billetter.api.sites import BY_BROWSERS, CROSS_SITE, FETCH_SITE, ORIGIN
from billetter.domain.account import Role
from billetter.domain.ids import GUEST
from billetter.domain.outcome import OutcomeUnknown, Unavailable
from billetter.domain.policy import Allowance, Group
from billetter.engine.limits import scarcest
from billetter.engine.unit_of_work import UnitOfWork

BODY_MAX = 16_384
"""Bytes of a request body, unless the endpoint says otherwise."""
LARGE_BODY = 1_048_576
"""Bytes that no endpoint may go beyond: the connection refuses larger bodies for all of them."""

Roles = frozenset[Role] | None
"""Who may call. The guest is one of them where there are guests."""
EVERYBODY: Roles = None
CALLERS: Roles = frozenset(Role)
ORGANIZERS: Roles = frozenset({Role.GUEST, Role.ORGANIZER, Role.ADMIN})
ADMINS: Roles = frozenset({Role.ADMIN})
NOBODY: Roles = frozenset()
ACCOUNTS: Roles = frozenset(Role) - {Role.GUEST}
GATEWAYS = frozenset({Role.SERVICE, Role.ADMIN})
"""They act for many, so that their changes are counted by limits of their key alone."""
HOSTS: Roles = GATEWAYS | {Role.ORGANIZER}

_GUEST = Principal(GUEST)
_READS = {
    b"authorization",
    b"billetter-signature",
    b"content-length",
    b"content-type",
    b"idempotency-key",
    b"if-none-match",
    b"x-webhook-signature",
} | BY_BROWSERS

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
    resetting: bool
    strict: bool
    terse: bool


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One route: method, path, and what its handler takes from whom.

    names: what stands in the path where that is text; ids there need no model.
    safe: it only reads; a GET that does not is none for HEAD. keyed: it takes an Idempotency-Key.
    group: of routes that are limited together; None: not limited here.
    signed: a signature stands in for credentials where gateways have a secret; the handler checks.
    trusting: where there are guests, whoever calls may.
    resetting: where there are none, nobody may unless resets are on.
    strict: unknown fields and parameters are refused, not ignored and named in the reply.
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
    resetting: bool = False
    strict: bool = False
    terse: bool = False

    def __post_init__(self) -> None:
        if self.body_max > LARGE_BODY:
            raise ValueError(f"{self.path} takes more than any request brings: {LARGE_BODY} bytes")

    def bound(self, services: Services) -> "BoundEndpoint":
        return BoundEndpoint(self, services)

    def roles_under(self, services: Services) -> Roles:
        """Who may call where things are as these services say."""
        trusted = self.trusting and services.guests
        if self.resetting and not services.guests and not services.resets:
            return NOBODY
        return EVERYBODY if self.proven_otherwise(services) or trusted else self.roles

    def proven_otherwise(self, services: Services) -> bool:
        """Whether the handler asks for a signature."""
        return self.signed and services.payment_secret is not None


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
        # A gateway's signature proves more, and comes by a page of the gateway.
        self._changes = not (endpoint.safe or endpoint.proven_otherwise(services))
        self._gates = Gates.of(endpoint.group, services.policies, services.engine.limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left: list[Allowance] = []
        ignored: list[str] = []
        try:
            reply = await self._reply(scope, receive, left, ignored)
        except Gone:
            return
        except Exception as error:
            reply = _failed(error, scope)
        if left:
            reply = reply.plus(*rate_limit_headers(scarcest(left)))
        if ignored:
            reply = reply.plus(ignored_header(ignored))
        if self._endpoint.terse:
            reply = replies.terse(reply)
        await reply.send(scope, send)

    async def _reply(
        self, scope: Scope, receive: Receive, left: list[Allowance], ignored: list[str]
    ) -> Reply:
        endpoint, gates, headers = self._endpoint, self._gates, _read_headers(scope)
        by_a_page = ORIGIN in headers or FETCH_SITE in headers
        if by_a_page and self._changes and self._services.sites.refuse(headers, scope):
            raise Stop(CROSS_SITE)
        client = scope.get("client")
        address, authorization = client[0] if client else "", headers.get(b"authorization")
        if gates.outer is not None:
            await _admit(gates.outer, Caller(address), left)
        principal = await self._principal(authorization, address)
        note_user(scope, principal.user)
        inputs, body = await self._inputs(scope, receive, headers, ignored)
        key = headers.get(b"idempotency-key") if endpoint.keyed else None
        gate = gates.inner if key is None else gates.keyed
        if gate is not None:
            trusted = principal.role in GATEWAYS
            caller = Caller(address, principal.user, authorization, trusted=trusted)
            await _admit(gate, caller, left)
        ids = scope.get("path_params", {})
        call = Call(self._services, principal, address, ids, headers, body, None)
        if endpoint.safe:
            return await endpoint.handler(call, *inputs)
        with UnitOfWork() as unit:
            if key is not None:
                return await self._once(key, scope, call, inputs, unit)
            return await endpoint.handler(call, *inputs)

    async def _inputs(
        self, scope: Scope, receive: Receive, headers: dict[bytes, bytes], ignored: list[str]
    ) -> tuple[list[BaseModel], bytes]:
        """What the handler takes, read and checked, and the body as it came."""
        endpoint, body = self._endpoint, b""
        inputs: list[BaseModel] = []
        if endpoint.names is not None:
            inputs.append(checked(endpoint.names, scope.get("path_params", {})))
        query, strict = scope["query_string"], endpoint.strict
        if query or endpoint.query is not None:
            asked = parse_query(endpoint.query, query, strict, ignored)
            if asked is not None:
                inputs.append(asked)
        if endpoint.body is not None:
            body = await read_body(headers, receive, endpoint.body_max)
            inputs.append(parse_body(endpoint.body, body, strict, ignored))
        return inputs, body

    async def _once(
        self, key: bytes, scope: Scope, call: Call, inputs: list[BaseModel], unit: UnitOfWork
    ) -> Reply:
        """The reply to a request with an Idempotency-Key, of whichever call came first."""
        target = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        keys, request = self._services.engine.keys, (scope["method"], target)
        call.idempotency = await bind(keys, key, call.user, *request, body=call.body)
        handler = self._endpoint.handler
        return await recorded(keys, call.idempotency, unit, lambda: handler(call, *inputs))

    async def _principal(self, authorization: bytes | None, address: str) -> Principal:
        """Who calls, if they may."""
        try:
            principal = await self._services.doorkeeper.identify(authorization, address)
        except CredentialsMissing:
            if self._roles is not None:
                raise
            return _GUEST
        if self._roles is not None and principal.role not in self._roles:
            raise Stop(replies.FORBIDDEN)
        return principal


def _read_headers(scope: Scope) -> dict[bytes, bytes]:
    """Those headers of a request that anything here reads."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _READS:
            # Lines of one name are one list (RFC 9110, 5.3), and nothing that takes one alone.
            headers[name] = value if name not in headers else b"%b, %b" % (headers[name], value)
    return headers


async def _admit(gate: Gate, caller: Caller, left: list[Allowance]) -> None:
    """Take what the request costs; what is left is told with the reply."""
    allowance = await gate.admit(caller)
    if allowance is None:
        return
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
            return replies.BUSY
        case Unavailable():
            logger.debug("unavailable: %s", error)
            return replies.UNAVAILABLE
        case OutcomeUnknown():
            logger.warning("outcome unknown: %s", error)
            return replies.OUTCOME_UNKNOWN
    logger.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
    return replies.INTERNAL
