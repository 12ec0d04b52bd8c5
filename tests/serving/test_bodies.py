"""Bodies that nobody reads: they end, and never run as the next request."""

import json

import pytest

from tests.serving.raw import Raw, chunked, request

HIDDEN = request("GET", "/health", None, "X-Request-Id: hidden")
BODY = json.dumps({"title": "x", "totalCapacity": 1}).encode()
EXPECT = ("Content-Type: application/json", "Expect: 100-continue")


@pytest.mark.parametrize("size", [1_000, 70_000, 400_000])
def test_a_body_that_is_not_read_is_dropped(raw: Raw, size: int) -> None:
    body = (HIDDEN * size)[:size]
    for method, path in [("GET", "/health"), ("POST", "/nowhere"), ("POST", "/api/bookings")]:
        raw.send(request(method, path, None, f"Content-Length: {size}"), body)
        assert raw.answer().status in (200, 400, 404, 413)
        assert raw.send(request("GET", "/health")).answer().header("X-Request-Id") is None


def test_a_refused_body_that_is_too_long_ends_the_connection(raw: Raw) -> None:
    raw.send(request("POST", "/api/events", None, f"Content-Length: {10**9}"))
    assert raw.flood(b"x" * 65_536, 100_000_000) < 100_000_000
    (answer,) = raw.rest()
    assert answer.status == 413
    assert answer.header("Connection") == "close"


@pytest.mark.parametrize("path", ["/nowhere", "/api/events"])
def test_endless_chunks_end_the_connection(raw: Raw, path: str) -> None:
    raw.send(chunked("POST", path, b""))
    assert raw.flood(b"10000\r\n" + b"x" * 65_536 + b"\r\n", 100_000_000) < 100_000_000
    (answer,) = raw.rest()
    assert answer.status in (404, 413)


def test_who_expects_100_is_told_to_go_on(raw: Raw) -> None:
    for _ in range(2):
        raw.send(request("POST", "/api/events", None, *EXPECT, f"Content-Length: {len(BODY)}"))
        assert raw.answer().status == 100
        answer = raw.send(BODY).answer()
        assert answer.status == 201
        assert answer.header("Connection") is None


def test_who_expects_100_and_is_refused_may_send_anything_next(raw: Raw) -> None:
    """Its body or its next request: nobody can tell them apart, so the connection ends."""
    asked = request("POST", "/nowhere", None, *EXPECT, f"Content-Length: {len(HIDDEN)}")
    answer = raw.send(asked).answer()
    assert raw.send(HIDDEN).rest() == []
    assert answer.status == 404
    assert answer.header("Connection") == "close"


def test_who_does_not_wait_for_100_keeps_the_connection(raw: Raw) -> None:
    asked = request("POST", "/nowhere", None, *EXPECT, f"Content-Length: {len(BODY)}")
    for _ in range(2):
        answer = raw.send(asked + BODY).answer()
        assert answer.status == 404
        assert answer.header("Connection") is None


def test_without_a_body_there_is_nothing_to_wait_for(raw: Raw) -> None:
    assert raw.send(request("POST", "/api/events", None, *EXPECT)).answer().status == 400
