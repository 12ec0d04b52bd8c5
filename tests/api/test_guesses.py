"""Guessing passwords: only wrong ones count, and nobody is locked out by what others guess."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from random import randrange

import httpx
import pytest

from billetter.api.login_guard import TRIES, WAITING_MAX
from billetter.domain.account import Account
from tests.access.conftest import Counting
from tests.api.client import Api, granted, refused
from tests.api.people import PASSWORD, SECRET, Operator, by_password, fresh_email, quick_passwords
from tests.api.serving import serving

LIMIT = 3
SETTINGS = {
    "auth": "required",
    "secret": SECRET,
    "rate_limits": f"login={LIMIT}/1h/ip,login={LIMIT}/1h/account",
    "trusted_proxies": "127.0.0.1",
}
_numbers = count(randrange(2**40))


def fresh_client() -> str:
    """An IPv6 client that nobody had before."""
    number = f"{next(_numbers):012x}"
    return f"fd01:{number[:4]}:{number[4:8]}:{number[8:]}::1"


@pytest.fixture(scope="module")
async def api(any_url: str) -> AsyncIterator[Api]:
    with quick_passwords():
        async with serving(any_url, **SETTINGS) as api:
            yield api


async def login(api: Api, client: str, email: str, password: str = PASSWORD) -> httpx.Response:
    body, headers = {"email": email, "password": password}, {"x-forwarded-for": client}
    return await api.http.post("/api/auth/login", json=body, headers=headers)


async def knock(api: Api, client: str, header: str) -> httpx.Response:
    headers = {"x-forwarded-for": client, "authorization": header}
    return await api.http.get("/api/bookings", headers=headers)


async def guessed_from_elsewhere(api: Api, person: Account) -> None:
    """All the guesses that are let in, and one more."""
    answers = [await login(api, fresh_client(), person.email, f"guess {n}") for n in range(10)]
    assert [each.status_code for each in answers] == [401] * LIMIT + [429] * (10 - LIMIT)


async def test_right_passwords_do_not_count(api: Api, operator: Operator) -> None:
    person, client = await operator.appoint(), fresh_client()
    for _ in range(2 * LIMIT):
        granted(await login(api, client, person.email))
    for _ in range(LIMIT):
        refused(await login(api, client, person.email, "a guess"), 401, "unauthorized")
    refused(await login(api, client, person.email), 429, "rate_limited")


async def test_right_basic_credentials_of_many_do_not_count(any_url: str) -> None:
    people = [fresh_email() for _ in range(2 * LIMIT)]
    client, settings = fresh_client(), {**SETTINGS, "auth": "open"}
    with quick_passwords():
        async with serving(any_url, **settings) as api:
            for email in people:
                granted(await api.register(email, PASSWORD), 201)
            from_one = [await login(api, client, email) for email in people]
    assert [each.status_code for each in from_one] == [200] * len(people)


async def test_an_owner_comes_in_from_where_they_came_in_before(
    api: Api, operator: Operator, any_url: str
) -> None:
    person, home = await operator.appoint(), fresh_client()
    granted(await login(api, home, person.email))
    await guessed_from_elsewhere(api, person)
    granted(await login(api, home, person.email))
    # Another worker has never seen them, and asks Redis.
    with quick_passwords():
        async with serving(any_url, **SETTINGS) as other:
            granted(await knock(other, home, by_password(person)))
            granted(await login(other, home, person.email.upper()))
    refused(await login(api, fresh_client(), person.email), 429, "rate_limited")


async def test_who_is_known_has_no_more_guesses_than_others(api: Api, operator: Operator) -> None:
    person, home = await operator.appoint(), fresh_client()
    granted(await login(api, home, person.email))
    answers = [await login(api, home, person.email, f"guess {n}") for n in range(2 * LIMIT)]
    assert [each.status_code for each in answers] == [401] * LIMIT + [429] * LIMIT


async def test_who_knows_a_password_cannot_make_the_server_hash_on(
    any_url: str, operator: Operator
) -> None:
    person, client, hasher = await operator.appoint(), fresh_client(), Counting()
    with quick_passwords(hasher):
        async with serving(any_url, **SETTINGS) as api:
            answers = [await login(api, client, person.email) for _ in range(LIMIT * TRIES)]
            assert {each.status_code for each in answers} == {200}
            refused(await login(api, client, person.email), 429, "rate_limited")
    assert hasher.verified == LIMIT * TRIES


async def test_at_once_no_more_are_tried_than_may_be_wrong(api: Api, operator: Operator) -> None:
    person = await operator.appoint()
    guesses = (login(api, fresh_client(), person.email, f"guess {n}") for n in range(20))
    statuses = [each.status_code for each in await asyncio.gather(*guesses)]
    assert sorted(statuses) == [401] * LIMIT + [429] * (20 - LIMIT)


async def test_right_passwords_at_once_wait_for_one_another(api: Api, operator: Operator) -> None:
    client, people = fresh_client(), [await operator.appoint() for _ in range(5 * LIMIT)]
    answers = await asyncio.gather(
        *(login(api, client, person.email) for person in people),
        *(knock(api, client, by_password(person)) for person in people),
    )
    assert [each.status_code for each in answers] == [200] * 10 * LIMIT
    owner = people[0]
    logins = (login(api, fresh_client(), owner.email) for _ in range(5 * LIMIT))
    assert {each.status_code for each in await asyncio.gather(*logins)} == {200}


async def test_right_ones_among_wrong_ones(api: Api, operator: Operator) -> None:
    client, person = fresh_client(), await operator.appoint()
    passwords = [PASSWORD, "a guess"] * 10
    answers = await asyncio.gather(*(login(api, client, person.email, it) for it in passwords))
    statuses = [each.status_code for each in answers]
    assert statuses[1::2].count(401) == LIMIT
    assert set(statuses[0::2]) <= {200, 429}
    refused(await login(api, client, person.email), 429, "rate_limited")


async def test_no_more_wait_than_may(api: Api, operator: Operator) -> None:
    client, person = fresh_client(), await operator.appoint()
    guesses = (login(api, client, person.email, f"guess {n}") for n in range(WAITING_MAX + 50))
    statuses = [each.status_code for each in await asyncio.gather(*guesses)]
    assert sorted(set(statuses)) == [401, 429]
    assert statuses.count(401) == LIMIT
