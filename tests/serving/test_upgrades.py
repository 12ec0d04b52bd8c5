"""An offer to speak another protocol is ignored, and the request behind it is served as any."""

import json

import pytest

from tests.serving.raw import Host, Raw, request

OFFERS = {
    "h2c": (
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
    ),
    "websocket": ("Connection: keep-alive, Upgrade", "Upgrade: websocket"),
}
BODY = json.dumps({"title": "Behind an offer", "totalCapacity": 3}).encode()
LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = "Transfer-Encoding: chunked"
CHUNKS = b"%x\r\n%b\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize("packets", [1, 2])
@pytest.mark.parametrize(
    ("framing", "body"), [(LENGTH, BODY), (CHUNKED, CHUNKS)], ids=["length", "chunked"]
)
@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_the_body_arrives_and_the_connection_goes_on(
    raw: Raw, offer: tuple[str, ...], framing: str, body: bytes, packets: int
) -> None:
    asked = request("POST", "/api/events", None, *offer, framing)
    for _ in range(2):
        if packets == 1:
            raw.send(asked + body)
        else:
            raw.send(asked)
            raw.send(body)  # TCP_NODELAY makes it a packet of its own.
        assert raw.answer().status == 201
    assert raw.send(request("GET", "/health")).answer().status == 200


def test_an_offer_in_trailers_is_none(raw: Raw) -> None:
    trailers = b"0\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    asked = request("POST", "/api/events", None, CHUNKED)
    raw.send((asked + CHUNKS.replace(b"0\r\nX-Trailer: 1\r\n\r\n", trailers)) * 2)
    assert [raw.answer().status for _ in range(2)] == [201, 201]


def test_offers_without_a_body_come_together(raw: Raw) -> None:
    asked = request("GET", "/health", None, *OFFERS["h2c"])
    assert [raw.send(asked * 3).answer().status for _ in range(1)] == [200]
    assert [raw.answer().status for _ in range(2)] == [200, 200]


def test_the_last_request_stays_the_last(raw: Raw) -> None:
    last = request("GET", "/health", None, "Upgrade: h2c", "Connection: Upgrade, close")
    assert [each.status for each in raw.send(last + request("GET", "/health")).rest()] == [200]


def test_a_body_is_never_the_next_request(host: Host, raw: Raw) -> None:
    """It would get past whatever looked at the request in front of it."""
    hidden = request("POST", "/api/events", {"title": "Smuggled", "totalCapacity": 1})
    asked = request(
        "POST", "/api/events", None, *OFFERS["websocket"], f"Content-Length: {len(hidden)}"
    )
    assert raw.send(asked + hidden).answer().status == 400
    assert raw.send(request("GET", "/health")).answer().json() == {"status": "ok"}


@pytest.mark.parametrize("more", [(), OFFERS["h2c"], (LENGTH,)], ids=["plain", "offer", "length"])
def test_nothing_is_tunnelled(raw: Raw, more: tuple[str, ...]) -> None:
    asked = request("CONNECT", "example.com:443", None, *more)
    (answer,) = raw.send(asked + request("GET", "/health")).rest()
    assert answer.status == 400
    assert answer.json()["error"] == "bad_request"


def test_nobody_is_warned_of_what_is_no_fault(host: Host, raw: Raw) -> None:
    raw.send(request("GET", "/health", None, *OFFERS["websocket"])).answer()
    assert "websocket" not in host.complaints.lower()
    assert "upgrade" not in host.complaints.lower()
