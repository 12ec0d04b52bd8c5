"""Which origins may read answers, and how what looks at answers gets to see them."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from billetter.api.replies import WHOLE, secured

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SENT = ("authorization", "content-type", "idempotency-key", "if-none-match", "x-request-id")
READ = (
    *("allow", "billetter-held-until", "billetter-ignored", "billetter-layout"),
    *("billetter-outcome", "billetter-sale-ends-at", "billetter-sale-starts-at"),
    *("billetter-seat", "etag", "idempotency-replayed", "link", "location"),
    *("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after"),
    *("www-authenticate", "x-request-id", "x-total-count"),
)
"""Headers of answers that a page of another origin can read: all that are ours to send, but for
those that every page may read and those that speak to browsers."""


def in_messages(scope: Scope) -> Scope:
    """The request, to be answered in messages even where a reply could be sent as a whole.

    Who looks at answers on their way sees them in messages only.
    """
    extensions = scope.get("extensions") or {}
    return {**scope, "extensions": {name: extensions[name] for name in extensions.keys() - {WHOLE}}}


def across_origins(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """The app, read by pages of these origins too; as it is where there are none.

    Credentials are headers that a page sets itself. There are no cookies to allow.
    """
    return _CrossOrigin(app, origins) if origins else app


class _CrossOrigin(CORSMiddleware):
    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=SENT,
            expose_headers=READ,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(in_messages(scope), receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        response.raw_headers = secured(response.raw_headers)
        return response
