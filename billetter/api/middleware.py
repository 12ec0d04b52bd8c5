"""What every request goes through. Pure ASGI: a BaseHTTPMiddleware costs 110 µs a layer."""

import asyncio
import re
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billetter.api.replies import OVERLOADED, WHOLE, Reply
from billetter.api.sites import MISDIRECTED, Hosts

SHED_S = 1.0
"""Seconds that a request waits for its 503."""

_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,255}")


class Admission:
    """Answers 503 while `requests_max` requests are under way, so that the admitted stay fast.

    Not at once: clients that ask again without a pause would take all the time there is.
    """

    def __init__(self, app: ASGIApp, requests_max: int) -> None:
        self._app = app
        self._requests_max = requests_max
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._under_way >= self._requests_max:
            await asyncio.sleep(SHED_S)
            await OVERLOADED.send(scope, send)
        else:
            self._under_way += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._under_way -= 1


class Entrance:
    """Refuses hosts that are not answered for, and echoes X-Request-Id where the client sent one.

    Both in one look at the headers, as every request pays for that.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        app, sent, hosts = self._app, None, self._hosts
        for name, value in scope["headers"]:
            if name == b"host":
                if value not in hosts.known and not hosts.answer_for(value, scope):
                    app = _misdirected
            elif name == b"x-request-id" and sent is None:
                sent = value
        if sent is None or not _REQUEST_ID.fullmatch(sent):
            return app(scope, receive, send)
        return _echoing(app, (b"x-request-id", sent), scope, receive, send)


async def _misdirected(scope: Scope, receive: Receive, send: Send) -> None:
    await MISDIRECTED.send(scope, send)


def _echoing(
    app: ASGIApp, header: tuple[bytes, bytes], scope: Scope, receive: Receive, send: Send
) -> Awaitable[None]:
    """The app's answer with one header more."""

    async def echo(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], header]}
        await send(message)

    extensions = scope.get("extensions", {})
    if (whole := extensions.get(WHOLE)) is not None:

        def echo_whole(reply: Reply) -> bool:
            return bool(whole(reply.plus(header)))

        scope = {**scope, "extensions": extensions | {WHOLE: echo_whole}}
    return app(scope, receive, echo)
