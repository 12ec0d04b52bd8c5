"""Requests that two readers could take for different ones are refused (RFC 9112)."""

import pytest

from billetter.request_head import inspect, is_host
from tests.serving.raw import Raw, chunked, request

GET = b"GET /health HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /api/events HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
ONE = b"1\r\n{\r\n0\r\n\r\n"
HIDDEN = request("GET", "/health", None, "X-Request-Id: hidden")

AMBIGUOUS = {
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: a\r\n\r\n",
    "two hosts, old": b"GET /health HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    "empty host": b"GET /health HTTP/1.1\r\nHost:\r\n\r\n",
    "a list of hosts": b"GET /health HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "a host with a path": b"GET /health HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a host with a user": b"GET /health HTTP/1.1\r\nHost: me@a\r\n\r\n",
    "a port that is none": b"GET /health HTTP/1.1\r\nHost: a:b\r\n\r\n",
    "bytes for a host": b"GET /health HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n",
    "length and chunks": POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n" + ONE,
    "chunks and length": POST + CHUNKED + b"Content-Length: 5\r\n\r\n" + ONE,
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "one length twice": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": POST + b"Content-Length: +2\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -2\r\n\r\n{}",
    "an empty length": POST + b"Content-Length:\r\n\r\n{}",
    "a hexadecimal length": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "an endless length": POST + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    "another coding": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + ONE,
    "no coding": POST + b"Transfer-Encoding: identity\r\n\r\n" + ONE,
    "a strange coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + ONE,
    "two codings": POST + CHUNKED + CHUNKED + b"\r\n" + ONE,
    "a hidden coding": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + ONE,
    "a space before a colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + ONE,
    "chunks in 1.0": b"POST / HTTP/1.0\r\n" + CHUNKED + b"\r\n" + ONE,
    "two credentials": GET + b"Authorization: Basic YTpi\r\nAuthorization: Basic YTpj\r\n\r\n",
    "two types": POST + b"Content-Type: application/json\r\ncontent-type: text/plain\r\n\r\n",
    "two keys": POST + b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n",
    "bare LF": b"GET /health HTTP/1.1\nHost: a\n\n",
    "bare LF in headers": GET + b"X: y\n\r\n",
    "bare CR in headers": GET + b"X: y\rZ: 1\r\n\r\n",
    "a folded header": GET + b"X: y\r\n z\r\n\r\n",
    "a folded first header": b"GET /health HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n",
    "NUL": GET + b"X: y\0z\r\n\r\n",
    "a control": GET + b"X: y\x01z\r\n\r\n",
    "no name": GET + b": y\r\n\r\n",
    "no colon": GET + b"x\r\n\r\n",
    "a name in bytes": GET + b"\xff: y\r\n\r\n",
    "a space in the target": b"GET /health HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes in the target": b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/1.2": b"GET /health HTTP/1.2\r\nHost: a\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /health\r\n\r\n",
    "a target of another scheme's": b"GET ftp:///x HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target with a user": b"GET http://me@a/health HTTP/1.1\r\nHost: a\r\n\r\n",
    "a chunk in C": POST + CHUNKED + b"\r\n0x1\r\n{\r\n0\r\n\r\n",
    "a signed chunk": POST + CHUNKED + b"\r\n+1\r\n{\r\n0\r\n\r\n",
    "a chunk with a space": POST + CHUNKED + b"\r\n1 \r\n{\r\n0\r\n\r\n",
    "an overflowing chunk": POST + CHUNKED + b"\r\n10000000000000001\r\n{\r\n0\r\n\r\n",
    "a chunk that is longer": POST + CHUNKED + b"\r\n1\r\n{}\r\n0\r\n\r\n",
    "chunks by LF": POST + CHUNKED + b"\r\n1\n{\n0\n\n",
    "an extension by LF": POST + CHUNKED + b"\r\n1;x\n{\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("asked", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_is_ambiguous_is_refused(raw: Raw, asked: bytes) -> None:
    (answer,) = raw.send(asked + HIDDEN).rest()
    assert answer.status == 400
    assert answer.json()["error"] == "bad_request"
    assert answer.header("Connection") == "close"
    assert answer.header("X-Request-Id") is None


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "localhost:8000",
        "127.0.0.1:80",
        "[::1]",
        "[::1]:8000",
        "a.b.example.",
        "my_app:1",
        "a:",
    ],
)
def test_hosts(raw: Raw, name: str) -> None:
    assert is_host(name.encode())
    asked = f"GET /health HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()
    assert raw.send(asked).answer().status == 200


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a,b", "a:1:2", "::1", "[::1", "[1]", "[::g]", "a:65536", "a" * 300, "a\\b", "<a>"],
)
def test_no_hosts(name: str) -> None:
    assert not is_host(name.encode())


def test_other_headers_may_be_doubled(raw: Raw) -> None:
    asked = request("GET", "/health", None, "If-None-Match: a", "If-None-Match: b", "X: 1", "X: 2")
    assert raw.send(asked).answer().status == 200


def test_http_1_0_needs_no_host_and_is_over_after_its_answer(raw: Raw) -> None:
    (answer,) = raw.send(b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").rest()
    assert answer.status == 200
    assert answer.header("Connection") == "close"


@pytest.mark.parametrize(
    "target", [b"http://b.example/health", b"http://b:8000/health?x", b"http://[::1]:1/health"]
)
def test_a_target_in_absolute_form_is_served(raw: Raw, target: bytes) -> None:
    for _ in range(2):
        raw.send(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
        assert raw.answer().status == 200


def test_the_body_of_head_and_get_is_no_request(raw: Raw) -> None:
    length = f"Content-Length: {len(HIDDEN)}"
    raw.send(request("HEAD", "/health", None, length) + HIDDEN)
    assert raw.answer(bodiless=True).status == 200
    raw.send(request("GET", "/health", None, length) + HIDDEN)
    assert raw.answer().header("X-Request-Id") is None
    raw.send(chunked("GET", "/health", b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)))
    assert raw.answer().header("X-Request-Id") is None
    assert raw.send(HIDDEN).answer().header("X-Request-Id") == "hidden"


def test_a_look_at_the_host_of_a_target() -> None:
    """In absolute form it counts more than the header (RFC 9112 3.2.2)."""
    headers = [(b"host", b"a"), (b"x", b"y")]
    head = inspect(b"GET", b"http://b:81/c?d", "1.1", headers)
    assert (head.target, headers) == (b"/c?d", [(b"x", b"y"), (b"host", b"b:81")])
    headers = [(b"host", b"a")]
    assert inspect(b"GET", b"http://[::1]", "1.1", headers).target == b"/"
    assert headers == [(b"host", b"[::1]")]


@pytest.mark.parametrize("space", [" ", "\t", " \t  "])
def test_space_after_a_value_is_none_of_it(raw: Raw, space: str) -> None:
    """RFC 9112, 5.1."""
    key = f"Idempotency-Key: spaced-{space.encode().hex()}"
    own = ["Origin: http://a", "Sec-Fetch-Site: same-origin", "Content-Type: application/json"]
    asked = request("POST", "/api/events", {"title": "Spaced"}, key, *own)
    first = raw.send(asked).answer()
    assert first.status == 201
    head, _, body = asked.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    spaced = b"\r\n".join([line, *(field + space.encode() for field in fields)])
    again = raw.send(spaced + b"\r\n\r\n" + body).answer()
    assert (again.status, again.body) == (201, first.body)
    assert again.header("Idempotency-Replayed") == "true"
