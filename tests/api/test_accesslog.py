"""The access log: a line of JSON for each request, and nothing secret in it."""

import io
import logging
import re
from collections.abc import Iterator
from typing import Any, cast

import httpx
import orjson
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billetter.api.accesslog import PATH_MAX, AccessLog, logger, note_user, open_log
from billetter.api.middleware import Entrance
from billetter.api.replies import WHOLE, reply
from billetter.api.sites import Hosts
from billetter.domain.ids import GUEST, UserId
from tests.api.client import TIME

OK = reply(200, "OK")
SECRETS = {
    "authorization": "Bearer s3cret-token",
    "idempotency-key": "s3cret-key",
    "billetter-signature": "t=1,v1=s3cret",
    "cookie": "s3cret-cookie",
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await OK.send(scope, send)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    before = logger.handlers, logger.propagate, logger.level
    stream = io.StringIO()
    open_log(stream)
    yield stream
    logger.handlers, logger.propagate = before[0], before[1]
    logger.setLevel(before[2])


async def ask(app: ASGIApp, method: str, path: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(cast(Any, app), client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://a") as client:
        return await client.request(method, path, **more)


def entries(log: io.StringIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in log.getvalue().splitlines()]


async def test_a_request_is_one_line(log: io.StringIO) -> None:
    headers = {"x-request-id": "7f3a"}
    await ask(AccessLog(Entrance(app, Hosts())), "GET", "/api/seats?event_id=1", headers=headers)
    (entry,) = entries(log)
    assert TIME.fullmatch(entry.pop("time"))
    assert 0 <= entry.pop("ms") < 60_000
    assert entry == {
        "method": "GET",
        "path": "/api/seats",
        "status": 200,
        "bytes": 4,
        "user": None,
        "client": "192.0.2.7",
        "request_id": "7f3a",
    }


async def test_nothing_secret_is_logged(log: io.StringIO) -> None:
    query = "orderId=1&signature=s3cret&token=s3cret&password=s3cret"
    body = {"email": "ann@example.org", "password": "s3cret"}
    await ask(AccessLog(app), "POST", f"/api/auth/login?{query}", json=body, headers=SECRETS)
    assert len(entries(log)) == 1
    told = log.getvalue().casefold()
    words = ("s3cret", "authorization", "password", "token", "signature", "ann@", "cookie")
    assert [word for word in words if word in told] == []


@pytest.mark.parametrize(
    ("user", "kind"),
    [(GUEST, "guest"), (UserId("a:7"), "account"), (UserId("x:ann@example.org"), "external")],
)
async def test_the_kind_of_user_is_logged_and_not_who_it_is(
    log: io.StringIO, user: UserId, kind: str
) -> None:
    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        note_user(scope, user)
        await app(scope, receive, send)

    await ask(AccessLog(Entrance(known, Hosts())), "GET", "/", headers={"x-request-id": "1"})
    assert entries(log)[0]["user"] == kind
    assert "ann@" not in log.getvalue()


async def test_a_head_request_has_no_bytes(log: io.StringIO) -> None:
    await ask(AccessLog(app), "HEAD", "/")
    assert entries(log)[0]["bytes"] == 0


async def test_a_bad_request_id_is_not_logged(log: io.StringIO) -> None:
    await ask(AccessLog(Entrance(app, Hosts())), "GET", "/", headers={"x-request-id": "a b"})
    assert entries(log)[0]["request_id"] is None


async def test_a_path_cannot_forge_a_line(log: io.StringIO) -> None:
    await ask(AccessLog(app), "GET", '/a%0A{"status":200}%1b[2J')
    (entry,) = entries(log)
    assert entry["path"] == '/a\n{"status":200}\x1b[2J'
    assert "\x1b" not in log.getvalue()
    assert len(log.getvalue().splitlines()) == 1


async def test_a_long_path_is_cut(log: io.StringIO) -> None:
    await ask(AccessLog(app), "GET", "/" + "a" * 9_000)
    assert len(entries(log)[0]["path"]) == PATH_MAX
    assert len(log.getvalue()) < 4_096  # What a pipe takes as one.


async def test_what_is_no_text_does_not_fail_the_request(log: io.StringIO) -> None:
    async def mangled(scope: Scope, receive: Receive, send: Send) -> None:
        await AccessLog(app)({**scope, "path": "/\udcff", "client": None}, receive, send)

    assert (await ask(mangled, "GET", "/")).status_code == 200
    assert (entries(log)[0]["path"], entries(log)[0]["client"]) == ("/?", None)


async def test_who_leaves_before_the_answer_is_logged_without_a_status(log: io.StringIO) -> None:
    async def gone(scope: Scope, receive: Receive, send: Send) -> None:
        return

    async def nothing(message: Message) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await AccessLog(gone)(scope, cast(Any, None), nothing)
    assert (entries(log)[0]["status"], entries(log)[0]["bytes"]) == (None, 0)


async def test_a_reply_that_could_be_sent_whole_is_logged_too(log: io.StringIO) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [],
        "extensions": {WHOLE: lambda reply: True},
    }
    await AccessLog(app)(scope, cast(Any, None), send)
    assert len(sent) == 2
    assert entries(log)[0]["status"] == 200


async def test_what_is_no_request_passes(log: io.StringIO) -> None:
    seen: list[str] = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    await AccessLog(lifespan)({"type": "lifespan"}, cast(Any, None), cast(Any, None))
    assert seen == ["lifespan"]
    assert entries(log) == []


def test_other_words_are_logged_as_a_message(log: io.StringIO) -> None:
    logger.warning("%d of them", 3)
    assert entries(log)[0]["message"] == "3 of them"
    assert re.match(r'\{"time":"', log.getvalue())


def test_it_goes_to_standard_output(capsys: pytest.CaptureFixture[str], log: io.StringIO) -> None:
    open_log()
    logger.info({"path": "/"})
    assert orjson.loads(capsys.readouterr().out)["path"] == "/"
    assert not logging.getLogger("billetter.access").propagate
