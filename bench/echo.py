"""The ceiling: an ASGI app that gives back what it is sent, under uvicorn as it comes.

`python -m bench.echo` serves it on a free port of 127.0.0.1, with the options of Billetter's
workers and uvicorn's own HTTP protocol.
"""

import socket
from typing import Any

import uvicorn

from billetter.listener import BACKLOG
from billetter.worker import KEEP_ALIVE_S

JSON = (b"content-type", b"application/json")


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer 200 with the request's own body."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
        config = uvicorn.Config(
            echo,
            interface="asgi3",
            http="httptools",
            ws="none",
            lifespan="off",
            loop="auto",
            backlog=BACKLOG,
            proxy_headers=False,
            server_header=False,
            log_level="warning",
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        print(f"echo listens on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
