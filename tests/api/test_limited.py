"""Rate limits over a real socket: exactly as many are let in as the operator wrote."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import count
from random import randrange

import httpx
import pytest

from billetter.domain.account import Role
from tests.api.client import Api, basic, granted, outcome, refused, seat_of
from tests.api.people import SECRET, bearer, fresh_email, operating, quick_passwords
from tests.api.serving import serving

TOLD = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")
URL = "fake://limited"
PROXY = "127.0.0.1"
CROWD = 100

_numbers = count(randrange(2**40))


def fresh_client() -> dict[str, str]:
    """Headers of a proxy whose client is an IPv6 network that nobody had before."""
    number = f"{next(_numbers):012x}"
    return {"x-forwarded-for": f"fd00:{number[:4]}:{number[4:8]}:{number[8:]}::1"}


def statuses(answers: Sequence[httpx.Response]) -> Counter[int]:
    return Counter(each.status_code for each in answers)


def left(answers: Sequence[httpx.Response]) -> list[int]:
    """What each that was let in was told to have left, the least first."""
    return sorted(int(each.headers[TOLD[1]]) for each in answers if each.status_code < 400)


async def many(api: Api, size: int, headers: dict[str, str]) -> list[httpx.Response]:
    """`size` reads at once."""
    return await asyncio.gather(
        *(api.http.get("/api/events", params={"page": 1}, headers=headers) for _ in range(size))
    )


async def test_of_a_crowd_exactly_so_many_are_let_in(any_url: str) -> None:
    async with serving(any_url, rate_limits="read=7/1h/ip", trusted_proxies=PROXY) as api:
        answers = await many(api, CROWD, fresh_client())
        assert statuses(answers) == {200: 7, 429: CROWD - 7}
        assert left(answers) == list(range(7))
        for each in answers:
            assert each.headers["ratelimit-limit"] == "7"
            assert 0 < int(each.headers["ratelimit-reset"]) <= 3_600
            assert ("retry-after" in each.headers) == (each.status_code == 429)
            if each.status_code == 429:
                refused(each, 429, "rate_limited")
                assert each.headers["ratelimit-remaining"] == "0"
                assert 1 <= int(each.headers["retry-after"]) <= 515  # A seventh of the hour.
        assert statuses(await many(api, 7, fresh_client())) == {200: 7}


async def test_workers_share_the_buckets(redis_url: str) -> None:
    settings = {"rate_limits": "read=9/1h/ip", "trusted_proxies": PROXY}
    client = fresh_client()
    async with serving(redis_url, **settings) as one, serving(redis_url, **settings) as other:
        both = await asyncio.gather(many(one, 20, client), many(other, 20, client))
    answers = [*both[0], *both[1]]
    assert statuses(answers) == {200: 9, 429: 31}
    assert left(answers) == list(range(9))


async def test_the_scarcest_of_several_limits_is_told() -> None:
    limits = "read=5/1h/ip,read=3/1h/user,read=4/1h/key"
    async with serving(URL, rate_limits=limits, trusted_proxies=PROXY) as api:
        client = fresh_client()
        for remaining in (2, 1, 0):
            (answer,) = await many(api, 1, client)
            assert [answer.headers[name] for name in TOLD[:2]] == ["3", str(remaining)]
        # Refused by the second, it has cost no token of the others.
        (refusal,) = await many(api, 1, client)
        assert (refusal.status_code, refusal.headers[TOLD[0]]) == (429, "3")


async def test_only_a_trusted_proxy_says_who_its_client_is() -> None:
    async with serving(URL, rate_limits="read=2/1h/ip", trusted_proxies="10.9.9.9") as api:
        claimed = [answer for _ in range(3) for answer in await many(api, 1, fresh_client())]
        assert claimed[2].status_code == 429
        assert statuses(await many(api, 1, {})) == {429: 1}


async def test_a_client_behind_a_proxy_cannot_be_somebody_else() -> None:
    async with serving(URL, rate_limits="read=2/1h/ip", trusted_proxies=PROXY) as api:
        own = fresh_client()["x-forwarded-for"]
        claims = [fresh_client()["x-forwarded-for"] for _ in range(4)]
        headers = [{"x-forwarded-for": f"{claim}, {own}"} for claim in claims]
        answers = [answer for each in headers for answer in await many(api, 1, each)]
    assert [each.status_code for each in answers] == [200, 200, 429, 429]


async def test_neighbours_in_one_network_are_one_client() -> None:
    async with serving(URL, rate_limits="read=1/1h/ip", trusted_proxies=PROXY) as api:
        one = fresh_client()
        neighbour = {"x-forwarded-for": one["x-forwarded-for"].replace("::1", "::2")}
        assert statuses(await many(api, 1, one)) == {200: 1}
        assert statuses(await many(api, 1, neighbour)) == {429: 1}


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_who_watches_is_never_limited(path: str) -> None:
    async with serving(URL, rate_limits="default=1/30d/ip", trusted_proxies=PROXY) as api:
        client = fresh_client()
        assert statuses(await many(api, 2, client)) == {200: 1, 429: 1}
        for _ in range(5):
            answer = await api.http.get(path, headers=client)
            granted(answer)
            assert not set(TOLD) & set(answer.headers)


async def test_routes_without_a_limit_say_nothing_of_one() -> None:
    async with serving(URL, rate_limits="write=1/1h/ip", trusted_proxies=PROXY) as api:
        client = fresh_client()
        for _ in range(3):
            (answer,) = await many(api, 1, client)
            assert answer.status_code == 200
            assert not set(TOLD) & set(answer.headers)


async def test_a_refused_callback_would_be_money() -> None:
    limits = "default=3/1h/ip,write=1000/1h/ip"
    async with serving(URL, rate_limits=limits, trusted_proxies=PROXY) as api:
        event = await api.make_event()
        booking = await api.paying(event, seat_of(event, 0))
        client = fresh_client()
        for _ in range(6):
            path, query = "/api/payments/success", {"orderId": booking}
            answer = await api.http.get(path, params=query, headers=client)
            assert (answer.status_code, outcome(answer)) == (200, "CONFIRMED")
            assert not set(TOLD) & set(answer.headers)


async def test_callbacks_have_a_limit_where_one_is_written() -> None:
    async with serving(URL, rate_limits="payments=2/1h/ip", trusted_proxies=PROXY) as api:
        client = fresh_client()
        path, query = "/api/payments/fail", {"orderId": 1}
        answers = [await api.http.get(path, params=query, headers=client) for _ in range(3)]
        assert [each.status_code for each in answers] == [404, 404, 429]
        assert answers[0].headers["ratelimit-remaining"] == "1"


async def test_a_refused_request_binds_no_idempotency_key(any_url: str) -> None:
    key = f"key-{next(_numbers)}"
    client = fresh_client() | {"idempotency-key": key}
    async with serving(any_url, rate_limits="write=1/1h/ip", trusted_proxies=PROXY) as api:
        spent = {**client, "idempotency-key": f"{key}-first"}
        granted(await api.http.post("/api/events", json={"title": "First"}, headers=spent), 201)
        for title in ("Second", "Third"):
            answer = await api.http.post("/api/events", json={"title": title}, headers=client)
            refused(answer, 429, "rate_limited")
    async with serving(any_url, rate_limits="") as api:
        answer = await api.create(key=key, title="Fourth")
        granted(answer, 201)
        assert "idempotency-replayed" not in answer.headers


async def test_a_user_is_limited_with_whatever_credentials(any_url: str) -> None:
    settings = {"auth": "required", "secret": SECRET, "rate_limits": "read=4/1h/user"}
    async with operating(any_url) as operator, serving(any_url, **settings) as api:
        ann, bob = [await operator.appoint(Role.SERVICE) for _ in range(2)]
        headers = [bearer(ann), await operator.api_token(ann), await operator.api_token(ann)]
        seen = await asyncio.gather(
            *(api.as_(header).get("/api/bookings") for header in headers for _ in range(3))
        )
        assert statuses(seen) == {200: 4, 429: 5}
        granted(await api.as_(bearer(bob)).get("/api/bookings"))


async def test_a_key_is_limited_by_itself() -> None:
    settings = {"auth": "required", "secret": SECRET, "rate_limits": "read=2/1h/key"}
    async with operating(URL) as operator, serving(URL, **settings) as api:
        ann = await operator.appoint(Role.SERVICE)
        for header in (await operator.api_token(ann), await operator.api_token(ann)):
            seen = [await api.as_(header).get("/api/bookings") for _ in range(3)]
            assert [each.status_code for each in seen] == [200, 200, 429]


async def test_whoever_has_no_role_costs_nobody_a_token() -> None:
    settings = {"auth": "required", "secret": SECRET, "rate_limits": "write=1/1h/user"}
    async with operating(URL) as operator, serving(URL, **settings) as api:
        ann = await operator.appoint()
        for _ in range(3):
            refused(await api.as_(bearer(ann)).create(), 403, "forbidden")
        refused(await api.as_(bearer(ann)).open(2**40), 404, "event_not_found")
        refused(await api.as_(bearer(ann)).open(2**40), 429, "rate_limited")


async def test_of_many_guesses_at_once_exactly_so_many_are_tried(any_url: str) -> None:
    email = fresh_email()
    with quick_passwords():
        async with serving(any_url, rate_limits="login=6/1h/account") as api:
            guesses = [api.login(email, f"guess {n}") for n in range(15)]
            headers = [basic(email, f"guess {n}") for n in range(15)]
            knocks = [api.as_(header).get("/api/bookings") for header in headers]
            answers = await asyncio.gather(*guesses, *knocks)
    assert statuses(answers) == {401: 6, 429: 24}


async def test_registrations_are_limited_before_anything_is_hashed() -> None:
    async with serving(URL, rate_limits="register=1/1h/ip", trusted_proxies=PROXY) as api:
        client = fresh_client()
        bodies = [{"username": it, "email": it, "password": "short"} for it in ("a@b", "b@b")]
        path = "/api/auth/register"
        answers = [await api.http.post(path, json=body, headers=client) for body in bodies]
        assert [each.status_code for each in answers] == [400, 429]


# The limits of required mode.


async def test_the_first_minute_of_a_buyer_is_never_limited() -> None:
    settings = {"auth": "required", "secret": SECRET, "trusted_proxies": PROXY}
    async with operating(URL) as operator, serving(URL, **settings) as api:
        event = await api.as_(bearer(await operator.appoint(Role.ORGANIZER))).make_event()
        client = fresh_client()
        for buyer in range(3):  # Behind one address.
            headers = {**client, "authorization": bearer(await operator.appoint())}
            seats = [seat_of(event, 30 * buyer + index) for index in range(25)]
            answers = [
                await api.http.post("/api/bookings", json={"event_id": event}, headers=headers)
            ]
            booking = granted(answers[0], 201)["id"]
            for seat in seats:
                body = {"booking_id": booking, "seat_id": seat}
                answers.append(
                    await api.http.patch("/api/seats/select", json=body, headers=headers)
                )
            path, body = "/api/bookings/initiatePayment", {"booking_id": booking}
            answers.append(await api.http.patch(path, json=body, headers=headers))
            assert statuses(answers) == {201: 1, 200: 26}
            assert answers[-1].headers["ratelimit-limit"] == "5000"


async def test_keys_have_a_limit_of_their_own() -> None:
    settings = {"auth": "required", "secret": SECRET, "rate_limits": "keys=2/1h/user"}
    async with operating(URL) as operator, serving(URL, **settings) as api:
        event = await api.as_(bearer(await operator.appoint(Role.ORGANIZER))).make_event()
        ann = api.as_(bearer(await operator.appoint()))
        keyed = [await ann.open(event, key=f"key-{n}-{next(_numbers)}") for n in range(3)]
        assert statuses(keyed) == {201: 2, 429: 1}
        granted(await ann.open(event), 201)
        service = api.as_(bearer(await operator.appoint(Role.SERVICE)))
        for n in range(3):
            granted(await service.open(event, key=f"key-{n}-{next(_numbers)}"), 201)


async def test_a_wrong_credential_uses_up_nobodys_changes() -> None:
    settings = {"auth": "required", "secret": SECRET, "rate_limits": "write=1/1h/ip"}
    async with operating(URL) as operator, serving(URL, trusted_proxies=PROXY, **settings) as api:
        event = await api.as_(bearer(await operator.appoint(Role.ADMIN))).make_event()
        client, ann = fresh_client(), bearer(await operator.appoint())
        statuses_ = []
        for header in ("Bearer x", "Bearer x", ann, ann):
            headers = {**client, "authorization": header}
            answer = await api.http.post("/api/bookings", json={"event_id": event}, headers=headers)
            statuses_.append(answer.status_code)
        assert statuses_ == [401, 401, 201, 429]
