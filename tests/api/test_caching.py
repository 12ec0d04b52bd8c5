"""What browsers may read of answers, keep of them, and ask for again."""

import ast
import re
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from billetter.api.hardening import READ
from billetter.api.replies import SECURITY_HEADERS, Reply, secured
from tests.api.client import Api, granted, refused
from tests.api.people import SECRET
from tests.api.serving import serving
from tests.test_tidy import sources

ORIGIN = "https://shop.example.org"
ANSWERS = re.compile(r"billetter/(api/|connection|worker)")
READ_BY_ALL = {"cache-control", "content-length", "content-type"}
"""Headers of ours that every page may read (CORS-safelisted response-header names)."""
OF_THE_CONNECTION = {"connection"}
FOR_BROWSERS = {name.decode() for name, _ in SECURITY_HEADERS}
_NAME = re.compile(r"[a-z]+(-[a-z]+)*")


@pytest.fixture(scope="module")
async def api() -> AsyncIterator[Api]:
    settings = {"cors_origins": ORIGIN, "secret": SECRET}
    async with serving("fake://caching", **settings) as api:
        yield api


# What a page of another origin can read.


def sent_headers(text: str) -> Iterator[str]:
    """Names of headers in pairs that begin with bytes, as replies have them."""
    nodes = list(ast.walk(ast.parse(text)))
    compared = {id(each) for it in nodes if isinstance(it, ast.Compare) for each in it.comparators}
    for node in nodes:
        if isinstance(node, ast.Tuple) and len(node.elts) == 2 and id(node) not in compared:
            first = node.elts[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, bytes):
                name = first.value.decode("latin-1")
                if _NAME.fullmatch(name):
                    yield name


def test_every_header_that_is_sent_can_be_read() -> None:
    answers = {path: text for path, text in sources("billetter").items() if ANSWERS.match(path)}
    found = {name for text in answers.values() for name in sent_headers(text)}
    assert {"billetter-layout", "link", "ratelimit-reset"} <= found
    assert found - READ_BY_ALL - OF_THE_CONNECTION - FOR_BROWSERS - set(READ) == set()


def test_a_header_that_is_forgotten_is_found() -> None:
    text = 'x = reply(200, 1, (b"billetter-news", b"%d" % n))\ny = (b"plain", 1)'
    assert set(sent_headers(text)) == {"billetter-news", "plain"}


async def test_a_page_reads_what_is_sent_to_it(api: Api) -> None:
    event = await api.make_event(totalCapacity=9)
    for _ in range(2):
        await api.open(event)
    for path in (f"/api/events/{event}/bookings?pageSize=1", f"/api/events/{event}/seatmap"):
        answer = await api.http.get(path, headers={"origin": ORIGIN, "x-request-id": "7"})
        shown = set(answer.headers["access-control-expose-headers"].lower().split(", "))
        unread = {name for name in answer.headers if not name.startswith("access-control")}
        assert unread - shown - READ_BY_ALL - FOR_BROWSERS == {"date", "vary"}


@pytest.mark.parametrize("wanted", ["if-none-match", "If-None-Match, Authorization"])
async def test_a_page_may_ask_for_what_it_has_in_any_way(api: Api, wanted: str) -> None:
    for method in ("GET", "HEAD"):
        asked = {
            "origin": ORIGIN,
            "access-control-request-method": method,
            "access-control-request-headers": wanted,
        }
        async with httpx.AsyncClient(base_url=api.http.base_url, trust_env=False) as page:
            answer = await page.options("/api/events/1/seatmap", headers=asked)
        assert answer.status_code == 200
        assert method in answer.headers["access-control-allow-methods"].split(", ")


# What may be kept.


async def test_what_a_tag_is_for_may_be_kept_and_is_asked_for_again(api: Api) -> None:
    event = await api.make_event(rows=1, seats_per_row=8)
    tagged = 0
    for path in ("seatmap", "layout", "", "ticket-types", "availability"):
        answer = await api.get(f"/api/events/{event}/{path}".rstrip("/"))
        tagged += "etag" in answer.headers
        kept = "no-cache" if "etag" in answer.headers else "no-store"
        assert answer.headers["cache-control"] == kept
    assert tagged >= 2


@pytest.mark.parametrize("path", ["seatmap", "layout"])
@pytest.mark.parametrize("origin", [None, ORIGIN, "https://another.example"])
async def test_not_modified_says_what_the_answer_would(
    api: Api, path: str, origin: str | None
) -> None:
    """RFC 9110, 15.4.5: caches take over what a 304 says."""
    path = f"/api/events/{await api.make_event()}/{path}"
    page = {} if origin is None else {"origin": origin}
    first = await api.http.get(path, headers=page)
    again = await api.http.get(path, headers={**page, "if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    of_the_body = {"content-length", "content-type"}
    assert set(first.headers) - set(again.headers) == of_the_body
    same = set(again.headers) - {"date"}
    assert {name: again.headers[name] for name in same} == {
        name: first.headers[name] for name in same
    }
    assert "origin" in first.headers["vary"].lower()


async def test_tags_may_come_in_several_lines(api: Api) -> None:
    path = f"/api/events/{await api.make_event()}/seatmap"
    tag = (await api.get(path)).headers["etag"]
    for lines in (
        [tag, '"other"'],
        ['"other"', tag],
        ['"a", "b"', f'"c", W/{tag}', '"d"'],
        ['"other"', "*"],
    ):
        headers = [("if-none-match", line) for line in lines]
        assert (await api.http.get(path, headers=headers)).status_code == 304
    headers = [("if-none-match", '"a"'), ("if-none-match", '"b"')]
    assert (await api.http.get(path, headers=headers)).status_code == 200


async def test_what_can_be_said_once_only_is_refused_in_several_lines(api: Api) -> None:
    keys = [("idempotency-key", "a"), ("idempotency-key", "b")]
    twice = await api.http.post("/api/events", json={"title": "An evening"}, headers=keys)
    refused(twice, 400, "bad_request")
    bearers = [("authorization", "Bearer a"), ("authorization", "Bearer b")]
    refused(await api.http.get("/api/bookings", headers=bearers), 400, "bad_request")
    granted(await api.get("/api/bookings"))


def test_both_ways_of_sending_say_the_same() -> None:
    for headers in (
        [(b"etag", b'"1"')],
        [(b"etag", b'"1"'), (b"cache-control", b"max-age=60")],
        [(b"content-type", b"text/plain")],
    ):
        lines = b"".join(b"%b: %b\r\n" % header for header in secured(headers))
        assert Reply(200, b"", headers).head == lines + b"\r\n"
