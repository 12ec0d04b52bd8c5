"""Bodies in chunks: what comes with them is no header, and there is not much of it."""

import json

import pytest

from tests.serving.raw import Raw, chunked, request

EVENT = json.dumps({"title": "In chunks", "totalCapacity": 3}).encode()
FLOOD = 64_000_000
"""Bytes; that many at once would be seen in the worker's memory."""


def in_chunks(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


def test_a_trailer_is_no_header(raw: Raw) -> None:
    trailers = b"X-Request-Id: smuggled\r\nAuthorization: Bearer wrong\r\nHost: b\r\n\r\n"
    for _ in range(2):
        asked = chunked("POST", "/api/events", in_chunks(EVENT, 7) + b"0\r\n" + trailers)
        answer = raw.send(asked).answer()
        assert answer.status == 201
        assert answer.header("X-Request-Id") is None
    assert raw.send(request("GET", "/health")).answer().status == 200


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"0\r\n", b"X: y\r\n" * 10_000),
        (b"0\r\nX: ", b"y" * 60_000),
        (b"0\r\n", b"y" * 60_000),
        (b"1", b"0" * 60_000),
        (b"0", b"0" * 60_000),
        (b"1;", b"y" * 60_000),
        (b"1;y=", b"y" * 60_000),
        (b"", b"1;" + b"y" * 6_000 + b"\r\n \r\n"),
    ],
    ids=["lines", "a value", "a name", "a size", "zeros", "a name of", "an extension", "many"],
)
def test_what_is_no_body_has_an_end(raw: Raw, begin: bytes, more: bytes) -> None:
    raw.send(chunked("POST", "/api/events", begin))
    assert raw.flood(more, FLOOD) < FLOOD
    (answer,) = raw.rest()
    assert answer.status in (400, 431)
    assert answer.header("Connection") == "close"


@pytest.mark.parametrize("size", [1, 3, 100, 5_000])
def test_small_chunks_are_no_fault(raw: Raw, size: int) -> None:
    body = EVENT + b" " * 15_000
    asked = chunked("POST", "/api/events", in_chunks(body, size) + b"0\r\n\r\n")
    assert raw.send(asked).answer().status == 201
    assert raw.send(asked).answer().status == 201


def test_what_is_refused_in_the_middle_was_not_done(raw: Raw) -> None:
    asked = chunked("POST", "/api/events", in_chunks(EVENT, 7) + b"no size\r\n")
    answers = raw.send(request("GET", "/health") + asked).rest()
    assert [each.status for each in answers] == [200, 400]
    assert answers[1].json()["error"] == "bad_request"


def test_an_answer_stands_when_the_unread_body_breaks(raw: Raw) -> None:
    """Its route reads no body: what it did is told, and nothing else."""
    answers = raw.send(chunked("GET", "/health", b"1\r\nx\r\nno size\r\n")).rest()
    assert [each.status for each in answers] == [200]


def test_a_trailer_that_ends_the_connection_ends_it_in_words(raw: Raw) -> None:
    ended = in_chunks(EVENT, 7) + b"0\r\nConnection: close\r\n\r\n"
    raw.send(chunked("POST", "/api/events", ended) + request("GET", "/health"))
    (answer,) = raw.rest()
    assert answer.status == 201
    assert answer.header("Connection") == "close"


def test_a_trailer_that_ends_a_connection_whose_answer_is_out(raw: Raw) -> None:
    """Of a body that nobody reads."""
    raw.send(chunked("POST", "/nowhere", in_chunks(EVENT, 7)))
    assert raw.answer().status == 404
    assert raw.send(b"0\r\nConnection: close\r\n\r\n").rest() == []
