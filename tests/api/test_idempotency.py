"""Idempotency-Key: one request, one effect, one answer, however often it is sent."""

import asyncio
from itertools import count
from typing import Any

import httpx
import orjson
import pytest

from billetter.testing import RedisServer
from tests.api.client import NOT_SELECTED, Api, eventually, granted, refused, seat_of
from tests.api.serving import serving
from tests.crowd import gathered

Request = tuple[str, str, dict[str, Any]]
DAY_MS = 86_400_000

_numbers = count()


def fresh_key() -> str:
    return f"key-{next(_numbers)}"


async def send(api: Api, request: Request, key: str | None) -> httpx.Response:
    method, path, body = request
    return await (api.post if method == "POST" else api.patch)(path, body, key)


async def assert_replayed(api: Api, request: Request, key: str) -> httpx.Response:
    """Send it twice; the second answer is the first once more. Gives the first."""
    first, second = await send(api, request, key), await send(api, request, key)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert (second.status_code, second.content) == (first.status_code, first.content)
    for name in ("location", "billetter-outcome", "billetter-seat", "billetter-held-until"):
        assert second.headers.get(name) == first.headers.get(name)
    return first


async def open_request(api: Api) -> Request:
    return "POST", "/api/bookings", {"event_id": await api.make_event()}


async def open_with_seats_request(api: Api) -> Request:
    event = await api.make_event()
    return "POST", "/api/bookings", {"event_id": event, "seat_ids": [seat_of(event, 0)]}


async def select_request(api: Api) -> Request:
    event = await api.make_event()
    body: dict[str, object] = {"booking_id": await api.book(event), "seat_id": seat_of(event, 0)}
    return "PATCH", "/api/seats/select", body


async def release_request(api: Api) -> Request:
    event = await api.make_event()
    await api.book(event, seat_of(event, 0))
    return "PATCH", "/api/seats/release", {"seat_id": seat_of(event, 0)}


async def pay_request(api: Api) -> Request:
    event = await api.make_event()
    booking = await api.book(event, seat_of(event, 0))
    return "PATCH", "/api/bookings/initiatePayment", {"booking_id": booking}


async def cancel_request(api: Api) -> Request:
    event = await api.make_event()
    return "PATCH", "/api/bookings/cancel", {"booking_id": await api.book(event, seat_of(event, 0))}


async def create_request(api: Api) -> Request:
    return "POST", "/api/events", {"title": "Once"}


async def notify_request(api: Api) -> Request:
    event = await api.make_event()
    booking = await api.paying(event, seat_of(event, 0))
    body = {"paymentId": fresh_key(), "status": "CONFIRMED", "data": {"orderId": booking}}
    return "POST", "/api/payments/notifications", body


CHANGES = {
    "opened": open_request,
    "opened with seats": open_with_seats_request,
    "claimed": select_request,
    "released": release_request,
    "payment_begun": pay_request,
    "cancelled": cancel_request,
    "created": create_request,
    "confirmed": notify_request,
}


async def entries(api: Api, what: str, request: Request, answers: set[bytes]) -> int:
    """How often it happened, by the journal of the event that the request was about."""
    body = request[2]
    match body:
        case {"event_id": int(event)}:
            pass
        case {"booking_id": int(booking)} | {"data": {"orderId": int(booking)}}:
            event = booking // 100_000_000
        case {"seat_id": int(seat)}:
            event = seat // 1_000_000
        case _:
            event = orjson.loads(next(iter(answers)))["id"]
    return len(await api.journal(event, what.split()[0]))


@pytest.mark.parametrize("what", CHANGES)
async def test_a_change_is_made_once(any_api: Api, what: str) -> None:
    request = await CHANGES[what](any_api)

    first = await assert_replayed(any_api, request, fresh_key())

    assert first.status_code in (200, 201)
    assert await entries(any_api, what, request, {first.content}) == 1


@pytest.mark.parametrize("what", CHANGES)
async def test_a_thousand_equal_requests_at_once(api: Api, what: str) -> None:
    request = await CHANGES[what](api)
    method, path, body = request
    key = fresh_key()

    async with gathered(api.address, 1_000) as crowd:
        answers = await asyncio.gather(*(each.send(method, path, body, key) for each in crowd))

    assert {answer.status for answer in answers} <= {200, 201}
    assert len({(answer.status, answer.body) for answer in answers}) == 1
    replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
    assert replayed.count("true") == 999
    assert await entries(api, what, request, {answers[0].body}) == 1


@pytest.mark.parametrize("what", CHANGES)
async def test_another_body_with_the_same_key(any_api: Api, what: str) -> None:
    request = await CHANGES[what](any_api)
    other = await CHANGES[what](any_api)
    method, path, body = request
    key = fresh_key()
    await send(any_api, request, key)

    if what != "created":
        refused(await send(any_api, other, key), 422, "idempotency_key_reused")
    refused(
        await send(any_api, (method, path, {**body, "more": 1}), key), 422, "idempotency_key_reused"
    )
    elsewhere = "/api/seats/select", {"booking_id": 1, "seat_id": 1}
    refused(await send(any_api, ("PATCH", *elsewhere), key), 422, "idempotency_key_reused")
    refused(await any_api.post("/api/reset", None, key), 422, "idempotency_key_reused")
    refused(await send(any_api, (method, f"{path}?x=1", body), key), 422, "idempotency_key_reused")


async def test_the_same_words_in_another_order_are_the_same_request(any_api: Api) -> None:
    event = await any_api.make_event()
    booking, key = await any_api.book(event), fresh_key()
    spellings = [
        '{"booking_id":%d,"seat_id":%d,"note":"\u00e9"}',
        '{\n  "seat_id": %d,\n "booking_id": %d, "note": "\\u00e9" }',
    ]

    first = await any_api.send(
        "PATCH",
        "/api/seats/select",
        (spellings[0] % (booking, seat_of(event, 0))).encode(),
        idempotency_key=key,
    )
    second = await any_api.send(
        "PATCH",
        "/api/seats/select",
        (spellings[1] % (seat_of(event, 0), booking)).encode(),
        idempotency_key=key,
    )

    assert granted(first) == granted(second)
    assert second.headers["idempotency-replayed"] == "true"


async def test_selecting_again_does_not_claim_a_released_seat(any_api: Api) -> None:
    event = await any_api.make_event()
    booking, seat, key = await any_api.book(event), seat_of(event, 0), fresh_key()
    first = await any_api.select(booking, seat, key)
    granted(await any_api.release(seat))

    again = await any_api.select(booking, seat, key)

    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert await any_api.state(seat) == "FREE"


async def test_releasing_again_does_not_take_the_seat_from_the_next(any_api: Api) -> None:
    event = await any_api.make_event()
    seat, key = seat_of(event, 0), fresh_key()
    await any_api.book(event, seat)
    first = await any_api.release(seat, key)
    await any_api.book(event, seat)

    again = await any_api.release(seat, key)

    assert (
        (again.status_code, again.content)
        == (first.status_code, first.content)
        == (
            200,
            b'"Seat successfully released"',
        )
    )
    assert await any_api.state(seat) == "RESERVED"


async def test_a_lost_seat_stays_lost_for_that_key(any_api: Api) -> None:
    event = await any_api.make_event()
    seat, key = seat_of(event, 0), fresh_key()
    holder, late = await any_api.book(event, seat), await any_api.book(event)
    request: Request = "PATCH", "/api/seats/select", {"booking_id": late, "seat_id": seat}

    first = await assert_replayed(any_api, request, key)
    assert granted(first, 419) == NOT_SELECTED
    await any_api.cancel(holder)

    assert granted(await send(any_api, request, key), 419) == NOT_SELECTED
    assert granted(await send(any_api, request, fresh_key()))


async def test_opening_again_after_it_ended_gives_the_first_answer(any_api: Api) -> None:
    event, key = await any_api.make_event(), fresh_key()
    first = await any_api.open(event, key)
    await any_api.cancel(granted(first, 201)["id"])

    again = await any_api.open(event, key)

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert len(await any_api.journal(event, "opened")) == 1


async def test_the_next_booking_is_another_one(any_api: Api) -> None:
    event = await any_api.make_event()

    keyed = [granted(await any_api.open(event, fresh_key()), 201)["id"] for _ in range(2)]
    plain = [await any_api.book(event) for _ in range(2)]

    assert len({*keyed, *plain}) == 4


async def refusals(api: Api) -> dict[str, Request]:
    """Requests that are refused, named by how."""
    event, elsewhere = await api.make_event(max_seats_per_booking=1), await api.make_event()
    seat = seat_of(event, 0)
    await api.book(event, seat)
    booking, unknown = await api.book(event), 2**53 - 1
    paid = await api.paid(event, seat_of(event, 1))
    full = await api.book(event, seat_of(event, 2))
    other = await api.book(event)
    await api.give_to_another(other)
    select, release = "/api/seats/select", "/api/seats/release"
    pay, cancel = "/api/bookings/initiatePayment", "/api/bookings/cancel"
    return {
        "unknown event": ("POST", "/api/bookings", {"event_id": 999_999}),
        "unknown booking": ("PATCH", select, {"booking_id": unknown, "seat_id": seat}),
        "unknown seat": ("PATCH", select, {"booking_id": booking, "seat_id": 0}),
        "unknown seat to open": ("POST", "/api/bookings", {"event_id": event, "seat_ids": [0]}),
        "wrong event": (
            *("PATCH", select),
            {"booking_id": booking, "seat_id": seat_of(elsewhere, 0)},
        ),
        "wrong event to open": (
            *("POST", "/api/bookings"),
            {"event_id": event, "seat_ids": [seat_of(elsewhere, 0)]},
        ),
        "seat taken": ("PATCH", select, {"booking_id": booking, "seat_id": seat}),
        "seat taken to open": ("POST", "/api/bookings", {"event_id": event, "seat_ids": [seat]}),
        "too many": ("PATCH", select, {"booking_id": full, "seat_id": seat_of(event, 9)}),
        "closed": ("PATCH", select, {"booking_id": paid, "seat_id": seat_of(event, 9)}),
        "not yours": ("PATCH", select, {"booking_id": other, "seat_id": seat_of(event, 9)}),
        "no seats": ("PATCH", pay, {"booking_id": booking}),
        "unknown booking to pay": ("PATCH", pay, {"booking_id": unknown}),
        "not yours to pay": ("PATCH", pay, {"booking_id": other}),
        "confirmed": ("PATCH", cancel, {"booking_id": paid}),
        "unknown booking to cancel": ("PATCH", cancel, {"booking_id": unknown}),
        "free seat": ("PATCH", release, {"seat_id": seat_of(event, 9)}),
        "sold seat": ("PATCH", release, {"seat_id": seat_of(event, 1)}),
        "no such seat": ("PATCH", release, {"seat_id": seat_of(event, 5_000)}),
        "unknown order": (
            *("POST", "/api/payments/notifications"),
            {"paymentId": fresh_key(), "status": "FAILED", "data": {"orderId": unknown}},
        ),
    }


async def test_refusals_are_given_again(any_api: Api) -> None:
    for name, request in (await refusals(any_api)).items():
        key = fresh_key()
        first = await assert_replayed(any_api, request, key)
        assert first.status_code in (400, 403, 404, 409, 419), name
        method, path, body = request
        reused = await send(any_api, (method, path, {**body, "more": 1}), key)
        refused(reused, 422, "idempotency_key_reused")


async def test_an_unknown_event_stays_unknown_for_that_key(alone: Api) -> None:
    key = fresh_key()
    refused(await alone.open(1, key), 404, "event_not_found")
    assert await alone.make_event() == 1

    again = await alone.open(1, key)

    refused(again, 404, "event_not_found")
    assert again.headers["idempotency-replayed"] == "true"
    assert granted(await alone.open(1, fresh_key()), 201)


async def test_what_is_not_valid_does_not_use_up_a_key(any_api: Api) -> None:
    event = await any_api.make_event()
    booking, seat = await any_api.book(event), seat_of(event, 0)
    zone = {"name": "Stalls", "price": "1.00"}
    good_and_bad: list[tuple[Request, list[dict[str, object]]]] = [
        (
            ("PATCH", "/api/seats/select", {"booking_id": booking, "seat_id": seat}),
            [{"booking_id": booking}, {"booking_id": booking, "seat_id": "x"}, {}],
        ),
        (("POST", "/api/bookings", {"event_id": event}), [{"event_id": -1}, {"event_id": 2**63}]),
        (
            ("POST", "/api/events", {"title": "Night"}),
            [
                {"title": ""},
                {"title": "Night", "zones": [zone]},
                {"title": "Night", "zones": [{**zone, "capacity": 999_999}] * 2},
                {"title": "Night", "rows": 1_001, "seats_per_row": 1_000},
            ],
        ),
    ]

    for (method, path, good), bad in good_and_bad:
        key = fresh_key()
        for body in bad:
            refused(await send(any_api, (method, path, body), key), 400, "validation_error")
        made = await send(any_api, (method, path, good), key)
        assert made.status_code in (200, 201), made.text
        assert "idempotency-replayed" not in made.headers
        for body in bad:
            refused(await send(any_api, (method, path, body), key), 400, "validation_error")


async def test_what_is_refused_before_does_not_use_up_a_key(api: Api) -> None:
    event, key = await api.make_event(), fresh_key()
    content = b'{"event_id": %d}' % event

    async def attempt(**headers: str) -> httpx.Response:
        return await api.send("POST", "/api/bookings", content, idempotency_key=key, **headers)

    refused(await attempt(content_type="text/plain"), 415, "unsupported_media_type")
    refused(await attempt(authorization="Bearer x"), 401, "unauthorized")
    padded = content[:-1] + b',"x":"' + b"x" * 16_384 + b'"}'
    long = await api.send("POST", "/api/bookings", padded, idempotency_key=key)
    refused(long, 413, "body_too_large")
    assert "idempotency-replayed" not in (await attempt()).headers


async def test_redis_away_does_not_use_up_a_key(durable_server: RedisServer) -> None:
    async with serving(durable_server.url, redis_deadline_ms=200) as api:
        event, key = await api.make_event(), fresh_key()
        durable_server.kill()
        refused(await api.open(event, key), 503, "unavailable")
        durable_server.start()
        granted_answers: list[httpx.Response] = []

        async def opened() -> bool:
            answer = await api.open(event, key)
            granted_answers.append(answer)
            return answer.status_code == 201

        await eventually(opened)
        assert (await api.open(event, key)).content == granted_answers[-1].content
        assert len(await api.journal(event, "opened")) == 1


async def test_keys_outlive_redis_and_the_server(durable_server: RedisServer) -> None:
    key = fresh_key()
    async with serving(durable_server.url) as api:
        request = await select_request(api)
        first = await send(api, request, key)
    durable_server.kill()
    durable_server.start()
    async with serving(durable_server.url) as api:
        again = await send(api, request, key)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["idempotency-replayed"] == "true"
        other = {**request[2], "seat_id": 1}
        refused(await send(api, (*request[:2], other), key), 422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "a" * 256, "two words", "tab\tbed", "\u00e9", "\xff"])
async def test_a_key_is_visible_ascii(any_api: Api, key: str) -> None:
    event = await any_api.make_event()

    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    answer = await any_api.http.post("/api/bookings", json={"event_id": event}, headers=headers)

    body = refused(answer, 400, "validation_error")
    assert body["details"][0]["field"] == "Idempotency-Key"
    assert await any_api.journal(event, "opened") == []


@pytest.mark.parametrize("key", ["a" * 255, "!", "{p01}:once:x", "~\"'`\\*?[]^%00"])
async def test_any_visible_ascii_is_a_key(any_api: Api, key: str) -> None:
    key = f"{key[:250]}{next(_numbers)}"

    await assert_replayed(any_api, await open_request(any_api), key)


async def test_reads_take_no_key(api: Api) -> None:
    for _ in range(2):
        answer = await api.http.get("/api/events?pageSize=1", headers={"Idempotency-Key": "a b"})
        assert "idempotency-replayed" not in answer.headers
        granted(answer)


async def test_a_key_is_kept_for_a_day(alone: Api) -> None:
    await send(alone, await select_request(alone), "some-key")

    kept = [key for key in await alone.redis("KEYS", "*") if b":once:" in key]
    assert len(kept) == 2, "the request's fingerprint and the script's reply"
    for key in kept:
        assert DAY_MS - 60_000 < await alone.redis("PTTL", key) <= DAY_MS


@pytest.mark.parametrize(
    "ignored",
    [
        *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0", b"1" * 400, b'"\\u0000"'),
        *(b"[" * 150 + b"]" * 150, b"[" * 180 + b"NaN" + b"]" * 180, b'{"a":{"a":NaN}}'),
    ],
    ids=lambda ignored: ignored.decode()[:20],
)
async def test_a_key_with_odd_fields_that_nobody_reads(api: Api, ignored: bytes) -> None:
    content = b'{"event_id":%d,"ignored":%s}' % (await api.make_event(), ignored)
    key = fresh_key()

    answers = [
        await api.send("POST", "/api/bookings", content, idempotency_key=key) for _ in range(2)
    ]

    assert {answer.status_code for answer in answers} in ({201}, {400})
    assert answers[0].content == answers[1].content


async def test_two_keys_at_once_for_one_seat(api: Api) -> None:
    event = await api.make_event()
    bookings = [await api.book(event) for _ in range(20)]
    keys = [fresh_key() for _ in bookings]

    async def rush() -> list[httpx.Response]:
        pairs = zip(bookings, keys, strict=True)
        return await asyncio.gather(*(api.select(b, seat_of(event, 0), key) for b, key in pairs))

    first, second = await rush(), await rush()

    assert [answer.status_code for answer in first].count(200) == 1
    assert [answer.content for answer in first] == [answer.content for answer in second]
