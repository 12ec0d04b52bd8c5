"""Small ASGI apps for worker processes, and the parent that runs one of them.

python -m tests.tiny_app SETTINGS FACTORY      the settings as JSON, a create_… function below
It prints {"port", "redis"} when the workers serve. The folder around the data directory holds
files that say what an app does, and those that it leaves as marks.
"""

import asyncio
import errno
import json
import os
import resource
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from billetter.settings import Settings

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def respond(send: Send, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class TinyApp:
    """Answers each path by the method of its name."""

    def __init__(self, settings: Settings) -> None:
        self._files = settings.data.parent

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        method = "lifespan" if scope["type"] == "lifespan" else scope["path"].strip("/")
        await getattr(self, method)(receive, send)

    async def lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        (self._files / "shut").touch()
        await send({"type": "lifespan.shutdown.complete"})

    async def pid(self, receive: Receive, send: Send) -> None:
        await respond(send, str(os.getpid()).encode())

    async def descriptors(self, receive: Receive, send: Send) -> None:
        await respond(send, json.dumps(resource.getrlimit(resource.RLIMIT_NOFILE)).encode())

    async def wait(self, receive: Receive, send: Send) -> None:
        """Answer when the file `go` is there."""
        (self._files / "waiting").touch()
        while not (self._files / "go").exists():  # noqa: ASYNC110  # Another process makes it.
            await asyncio.sleep(0.01)
        await respond(send, b"done")

    async def hang(self, receive: Receive, send: Send) -> None:
        """Never answer, and let nothing end it."""
        (self._files / "waiting").touch()
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

    async def echo(self, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        await respond(send, body)

    async def much(self, receive: Receive, send: Send) -> None:
        """16 MiB, 1 KiB at a time without a pause; the file `sent` grows by a byte for each MiB."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(16 * 1024):
            body = bytes([number % 251]) * 1024
            await send({"type": "http.response.body", "body": body, "more_body": True})
            if number % 1024 == 0:
                with (self._files / "sent").open("ab") as sent:
                    sent.write(b".")
        await send({"type": "http.response.body", "body": b""})


class FailsInLifespan(TinyApp):
    """As Starlette tells it: a traceback, then the error."""

    async def lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "Traceback ..."})
        raise ConnectionRefusedError("the hall is closed")


class SaysItFailed(TinyApp):
    async def lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no tickets today"})


def create(settings: Settings, redis_url: str) -> TinyApp:
    """The app, unless the file `sick` is there."""
    if (settings.data.parent / "sick").exists():
        raise OSError(errno.EIO, "the hall\nis sick")
    return TinyApp(settings)


def create_failing(settings: Settings, redis_url: str) -> TinyApp:
    return FailsInLifespan(settings)


def create_saying(settings: Settings, redis_url: str) -> TinyApp:
    return SaysItFailed(settings)


def create_buggy(settings: Settings, redis_url: str) -> TinyApp:
    raise TypeError("a bug")


def create_dying(settings: Settings, redis_url: str) -> TinyApp:
    os._exit(7)


if __name__ == "__main__":
    # Here, as workers need none of it.
    from billetter.listener import StartError
    from billetter.logs import open_logs
    from billetter.server import Running, run

    def announce(running: Running) -> None:
        redis = running.embedded.url if running.embedded else None
        print(json.dumps({"port": running.port, "redis": redis}), flush=True)

    open_logs()
    try:
        run(Settings(**json.loads(sys.argv[1])), announce, f"tests.tiny_app:{sys.argv[2]}")
    except StartError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
