"""Request bodies: what is no JSON, no HTTP, too long, or slow to come."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from billetter.api.endpoint import LARGE_BODY, post
from tests.api.client import SELECTED, Api, granted, refused, seat_of

BODY_MAX = 16_384
LAYOUT_MAX = LARGE_BODY
CHANGES = [
    ("POST", "/api/events"),
    ("POST", "/api/bookings"),
    ("PATCH", "/api/bookings/initiatePayment"),
    ("PATCH", "/api/bookings/cancel"),
    ("PATCH", "/api/seats/select"),
    ("PATCH", "/api/seats/release"),
    ("POST", "/api/payments/notifications"),
]
MALFORMED = {
    "empty": b"",
    "blank": b" \n\t",
    "null": b"null",
    "true": b"true",
    "number": b"17",
    "text": b'"event_id"',
    "array": b"[]",
    "array of objects": b'[{"event_id": 1, "booking_id": 1, "seat_id": 1, "title": "x"}]',
    "open": b'{"event_id": 1',
    "trailing comma": b'{"event_id": 1,}',
    "trailing text": b'{"event_id": 1} x',
    "two": b'{"event_id": 1}{"event_id": 1}',
    "single quotes": b"{'event_id': 1}",
    "comment": b'{"event_id": 1 /* one */}',
    "leading zeros": b'{"event_id": 01}',
    "plus": b'{"event_id": +1}',
    "form": b"event_id=1&booking_id=1",
    "xml": b"<event_id>1</event_id>",
    "byte order mark": b'\xef\xbb\xbf{"event_id": 1}',
    "utf-16": '{"event_id": 1}'.encode("utf-16"),
    "not utf-8": b'{"event_id": 1, "title": "\xff\xfe"}',
    "overlong": b'{"event_id": 1, "title": "\xc0\x80"}',
    "lone surrogate": b'{"event_id": 1, "title": "\\ud800"}',
    "lone low surrogate": b'{"event_id": 1, "title": "\\udc00 x"}',
    "encoded surrogate": b'{"event_id": 1, "title": "\xed\xa0\x80"}',
    "raw control character": b'{"event_id": 1, "title": "a\x00b"}',
    "bad escape": b'{"event_id": 1, "title": "\\x41"}',
    "not a number": b'{"event_id": NaN, "booking_id": NaN, "seat_id": NaN}',
    "infinity": b'{"event_id": Infinity, "booking_id": 1e999, "seat_id": -Infinity}',
    "deep": b"[" * 8_000 + b"]" * 8_000,
    "deep and open": b'{"a":' * 3_000,
    "deep inside": b'{"event_id": 1, "a": ' + b"[" * 7_000 + b"]" * 7_000 + b"}",
    "long number": b'{"event_id": ' + b"1" * 15_000 + b"}",
    "long fraction": b'{"event_id": 1.' + b"1" * 15_000 + b"}",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
}


@pytest.mark.parametrize("what", MALFORMED)
async def test_malformed_bodies(any_api: Api, what: str) -> None:
    for method, path in CHANGES:
        for headers in ({}, {"idempotency_key": f"malformed-{what.replace(' ', '-')}"}):
            answer = await any_api.send(method, path, MALFORMED[what], **headers)
            refused(answer, 400, "validation_error")


async def test_a_field_twice(api: Api) -> None:
    event = await api.make_event()

    answer = await api.send("POST", "/api/bookings", b'{"event_id":0,"event_id":%d}' % event)

    assert granted(answer, 201)["event_id"] == event, "the last one counts"


async def test_unknown_fields_are_ignored(any_api: Api) -> None:
    event = await any_api.make_event()
    more: dict[str, Any] = {"id": 5, "user": "eve", "status": "confirmed", "__proto__": {}, "": 1}

    opened = granted(await any_api.open(event, **more), 201)

    shown = await any_api.shown(opened["id"])
    assert shown["status"] == "booked"
    for odd in (b"1e999", b"NaN", b"1" * 4_000, b'"\\u0000"', b"[[[[{}]]]]", b'"\xf0\x9f\x8e\xad"'):
        content = b'{"event_id":%d,"more":%s}' % (event, odd)
        assert (await any_api.send("POST", "/api/bookings", content)).status_code == 201


@pytest.mark.parametrize(
    "content_type",
    [
        *("text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data"),
        *("application/xml", "application/octet-stream", "application/jsonx", "json", "*/*", ";"),
    ],
)
async def test_other_content_types(any_api: Api, content_type: str) -> None:
    for method, path in CHANGES:
        answer = await any_api.send(method, path, b"{}", content_type=content_type)
        refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    [
        *("application/json", "application/json; charset=utf-8", "APPLICATION/JSON;charset=UTF-8"),
        *("application/json ;charset=utf-8", "application/problem+json"),
    ],
)
async def test_json_content_types(any_api: Api, content_type: str) -> None:
    content = b'{"event_id":%d}' % await any_api.make_event()

    answer = await any_api.send("POST", "/api/bookings", content, content_type=content_type)

    assert answer.status_code == 201


async def test_a_missing_content_type_with_json(any_api: Api) -> None:
    content = b'{"event_id":%d}' % await any_api.make_event()

    assert granted(await any_api.http.post("/api/bookings", content=content), 201)
    refused(await any_api.http.post("/api/bookings", content=b"x"), 400, "validation_error")
    refused(await any_api.http.post("/api/bookings"), 400, "validation_error")


def padded(size: int, **fields: object) -> bytes:
    """A JSON object of exactly `size` bytes."""
    bare = orjson.dumps({**fields, "padding": ""})
    return bare[:-2] + b"x" * (size - len(bare)) + bare[-2:]


async def in_pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]
        await asyncio.sleep(0)


async def test_bodies_up_to_16_KiB(any_api: Api) -> None:
    event = await any_api.make_event()
    fits, excess = padded(BODY_MAX, event_id=event), padded(BODY_MAX + 1, event_id=event)

    assert (await any_api.send("POST", "/api/bookings", fits)).status_code == 201
    refused(await any_api.send("POST", "/api/bookings", excess), 413, "body_too_large")
    chunked = await any_api.http.post("/api/bookings", content=in_pieces(fits, 1_000))
    assert chunked.status_code == 201
    chunked = await any_api.http.post("/api/bookings", content=in_pieces(excess, 1_000))
    refused(chunked, 413, "body_too_large")
    for method, path in CHANGES:
        if path != "/api/events":
            answer = await any_api.send(method, path, b" " * 1_000_000)
            refused(answer, 413, "body_too_large")


async def test_layouts_up_to_1_MiB(api: Api) -> None:
    fits, excess = padded(LAYOUT_MAX, title="Long"), padded(LAYOUT_MAX + 1, title="Long")

    assert (await api.send("POST", "/api/events", fits)).status_code == 201
    refused(await api.send("POST", "/api/events", excess), 413, "body_too_large")
    chunked = await api.http.post("/api/events", content=in_pieces(excess, 65_536))
    refused(chunked, 413, "body_too_large")


async def test_a_large_layout_of_ragged_rows(api: Api) -> None:
    rows = [1 + number % 9 for number in range(150_000)]
    zones = [{"name": "Ragged", "price": "1.00", "rows": rows}]

    event = await api.make_event(zones=zones)

    last = (await api.seats(event, row=150_000))[-1]
    assert (last["row"], last["number"]) == (150_000, rows[-1])


async def test_a_body_in_pieces(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.book(event)
    content = orjson.dumps({"booking_id": booking, "seat_id": seat_of(event, 0)})

    chunked = await any_api.http.patch("/api/seats/select", content=in_pieces(content, 1))
    assert granted(chunked) == SELECTED

    head = b"PATCH /api/seats/select HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    request = head + b"Content-Length: %d\r\n\r\n" % len(content) + content
    answer = await raw(any_api, *(request[i : i + 1] for i in range(len(request))))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(orjson.dumps(SELECTED))


async def test_a_client_that_leaves_in_the_middle(api: Api) -> None:
    event = await api.make_event()
    head = b"POST /api/bookings HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"

    for part in (head[:10], head, head + b'{"event_id":%d' % event):
        _, writer = await asyncio.open_connection(*api.address)
        writer.write(part)
        await writer.drain()
        writer.transport.abort()
    assert await api.book(event)
    assert len(await api.journal(event, "opened")) == 1


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"BREW /api/events HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/events HTTP/9.9\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST /api/bookings HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/bookings HTTP/1.1\r\nHost: x\r\nContent-Length: 1e3\r\n\r\n",
        b"POST /api/bookings HTTP/1.1\r\nHost: x\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5_000),
        b"POST /api/bookings HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /api/events?query=\u0449\u0435\u043b\u043a HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    ],
    ids=lambda request: request[:40].decode("latin-1"),
)  # fmt: skip
async def test_what_is_not_http_is_refused(api: Api, request_bytes: bytes) -> None:
    answer = await raw(api, request_bytes)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert orjson.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "bad_request"
    assert granted(await api.get("/health"))


@pytest.mark.parametrize("method", ["PROPFIND", "CONNECT", "LINK", "PURGE", "TRACE", "OPTIONS"])
async def test_unusual_methods(api: Api, method: str) -> None:
    head = f"{method} /api/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    answer = await raw(api, head.encode())

    assert answer.startswith((b"HTTP/1.1 405 ", b"HTTP/1.1 400 "))


async def test_doubled_slashes_lead_nowhere(api: Api) -> None:
    answer = await raw(api, b"GET //api/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 404 ")


async def raw(api: Api, *pieces: bytes) -> bytes:
    """Send these pieces one after the other; everything that comes back until the end."""
    reader, writer = await asyncio.open_connection(*api.address)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_no_endpoint_takes_more_than_a_connection_lets_through() -> None:
    post("/larger", body_max=LARGE_BODY)(None)
    with pytest.raises(ValueError, match=r"^/larger takes more"):
        post("/larger", body_max=LARGE_BODY + 1)(None)
