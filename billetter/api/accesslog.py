"""One line of JSON for each request, without anything secret.

    {"time": "2026-10-13T12:34:56.789Z", "method": "PATCH", "path": "/api/seats/select",
     "status": 200, "ms": 1.25, "bytes": 37, "user": "account", "client": "192.0.2.7",
     "request_id": "7f3a"}

Of a request there are the method and the path alone: a query may hold signatures, and headers and
bodies hold credentials. `status` is null where the client left before the answer. `user` is the
kind of who called, null where nobody asked. `bytes` are the body's.
"""

import logging
import sys
from time import perf_counter
from typing import TextIO

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billetter.api.hardening import in_messages
from billetter.api.replies import time_text
from billetter.domain.ids import UserId

PATH_MAX = 1_024
"""Characters of a path that are logged: pipes tear longer lines of several workers apart."""
KINDS = {"a": "account", "x": "external", "guest": "guest"}

_USER = "billetter.user"
"""In a state that is shared with an application that contains this one, and has users, too."""

logger = logging.getLogger("billetter.access")


class JsonLines(logging.Formatter):
    """A record whose message is a dict, as one line of JSON with its time."""

    def format(self, record: logging.LogRecord) -> str:
        fields = record.msg if isinstance(record.msg, dict) else {"message": record.getMessage()}
        return orjson.dumps({"time": time_text(int(record.created * 1000)), **fields}).decode()


def open_log(stream: TextIO | None = None) -> None:
    """Let the access log go to a stream, standard output unless another is given."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonLines())
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.INFO)


def note_user(scope: Scope, user: UserId) -> None:
    """Let the access log know who calls. The state survives that the scope is copied."""
    scope.setdefault("state", {})[_USER] = user


class AccessLog:
    """Logs each request when it has been answered, or when its client has left."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        entry = _Entry(scope)

        async def watched(message: Message) -> None:
            entry.watch(message)
            await send(message)

        try:
            await self._app(in_messages(scope), receive, watched)
        finally:
            logger.info(entry.fields())


class _Entry:
    """What is known of one request, so far."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._started = perf_counter()
        self._status: int | None = None
        self._bytes = 0
        self._request_id: str | None = None

    def watch(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            # As it is answered, and not as it was asked: only a good one is echoed.
            self._request_id = dict(message["headers"]).get(b"x-request-id", b"").decode() or None
        elif self._scope["method"] != "HEAD":
            self._bytes += len(message.get("body", b""))

    def fields(self) -> dict[str, object]:
        client = self._scope.get("client")
        path = self._scope["path"][:PATH_MAX]
        return {
            "method": self._scope["method"],
            "path": path.encode("utf-8", "replace").decode(),
            "status": self._status,
            "ms": round((perf_counter() - self._started) * 1000, 3),
            "bytes": self._bytes,
            "user": _kind(self._scope["state"].get(_USER)),
            "client": client[0] if client else None,
            "request_id": self._request_id,
        }


def _kind(user: UserId | None) -> str | None:
    return KINDS.get(user.partition(":")[0]) if user else None
