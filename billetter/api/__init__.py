"""HTTP over the engine."""

from itertools import groupby
from operator import attrgetter
from typing import Any

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Route
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from billetter.api import bookings, events, payments, replies, seats, system
from billetter.api.endpoint import Endpoint, Services, respond
from billetter.api.middleware import Admission, RequestId

ID_DIGITS_MAX = 16
MODULES = (events, bookings, seats, payments, system)
ENDPOINTS: list[Endpoint] = [endpoint for module in MODULES for endpoint in module.ENDPOINTS]
"""Every route there is."""


class IdConvertor(Convertor[int]):
    """Digits. More of them than an id can have mean 0, which is nobody's."""

    regex = "[0-9]+"

    def convert(self, value: str) -> int:
        return int(value) if len(value) <= ID_DIGITS_MAX else 0

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("id", IdConvertor())


class Resource:
    """One path: its endpoints by method, and 405 for all other methods."""

    def __init__(self, endpoints: list[Endpoint], services: Services) -> None:
        self._by_method: dict[str, ASGIApp] = {}
        for endpoint in endpoints:
            bound = endpoint.bound(services)
            self._by_method[endpoint.method] = bound
            if endpoint.method == "GET" and endpoint.safe:
                self._by_method["HEAD"] = bound
        self._not_allowed = replies.not_allowed(self._by_method)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._by_method.get(scope["method"])
        if endpoint is None:
            await respond(self._not_allowed, send)
        else:
            await endpoint(scope, receive, send)


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(replies.PATH_NOT_FOUND, send)


def build(services: Services, lifespan: Lifespan[Any], requests_max: int) -> ASGIApp:
    """The API as an ASGI application; requests_max: under way at once."""
    by_path = groupby(sorted(ENDPOINTS, key=attrgetter("path")), key=attrgetter("path"))
    app = Starlette(
        routes=[Route(path, Resource(list(group), services)) for path, group in by_path],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.router.default = not_found
    return RequestId(Admission(app, requests_max))
