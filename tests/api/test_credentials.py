"""Credentials over HTTP: how they may be written; a wrong one is never an error of ours."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import pytest

from billetter import app
from billetter.access import passwords
from billetter.domain.account import Role
from tests.access.test_tokens import forged
from tests.api.client import Api, basic, granted, outcome, refused
from tests.api.people import (
    PASSWORD,
    SECRET,
    Operator,
    bearer,
    by_password,
    fresh_email,
    quick_passwords,
)
from tests.api.serving import serving


@pytest.fixture(scope="module")
async def api(any_url: str) -> AsyncIterator[Api]:
    with quick_passwords():
        settings = {"auth": "required", "secret": SECRET, "rate_limits": ""}
        async with serving(any_url, **settings) as api:
            yield api


@pytest.mark.parametrize(
    "odd", [{"exp": "soon"}, {"exp": str(2**40)}, {"exp": 1e308}, {"sub": ["7"]}, {"gen": {}}]
)
async def test_a_signed_token_with_odd_claims_is_wrong_and_no_failure(
    api: Api, operator: Operator, odd: dict[str, Any]
) -> None:
    good = bearer(await operator.appoint())[7:]
    claims = jwt.decode(good, options={"verify_signature": False})
    token = forged({"alg": "HS256"}, {**claims, **odd}, SECRET.encode()).decode()
    answer = await api.as_(f"Bearer {token}").get("/api/bookings")
    refused(answer, 401, "unauthorized")
    right = forged({"alg": "HS256"}, {**claims, "exp": int(time.time()) + 9}, SECRET.encode())
    granted(await api.as_(f"Bearer {right.decode()}").get("/api/bookings"))


async def test_the_challenge_says_in_which_charset_a_password_is_to_come(api: Api) -> None:
    challenge = (await api.get("/api/bookings")).headers["www-authenticate"]
    assert challenge.endswith('Basic realm="Billetter", charset="UTF-8"')


async def test_spaces_after_the_scheme_do_not_matter(api: Api, operator: Operator) -> None:
    person = await operator.appoint()
    for header in (by_password(person), bearer(person)):
        granted(await api.as_(header.replace(" ", "    ", 1)).get("/api/bookings"))


# Another password of one's own.


async def change(api: Api, header: str, old: object, new: object) -> httpx.Response:
    return await api.as_(header).put("/api/auth/password", {"old": old, "new": new})


async def test_another_password_ends_all_that_was_given_out_before(
    api: Api, operator: Operator
) -> None:
    service = await operator.appoint(Role.SERVICE)
    headers = [by_password(service), bearer(service), await operator.api_token(service)]
    for header in headers:
        granted(await api.as_(header).get("/api/bookings"))
    answer = await change(api, headers[1], PASSWORD, "battery staple")
    assert (granted(answer), outcome(answer)) == ("Password successfully changed", "UPDATED")
    for header in headers:
        refused(await api.as_(header).get("/api/bookings"), 401, "unauthorized")
    refused(await api.login(service.email, PASSWORD), 401, "unauthorized")
    token = granted(await api.login(service.email, "battery staple"))["access_token"]
    granted(await api.as_(f"Bearer {token}").get("/api/bookings"))


async def test_a_wrong_old_password_changes_nothing_and_is_no_challenge(
    api: Api, operator: Operator
) -> None:
    person = await operator.appoint()
    answer = await change(api, bearer(person), "wrong horse", "battery staple")
    refused(answer, 403, "wrong_password")
    assert outcome(answer) == "WRONG_PASSWORD"
    assert "www-authenticate" not in answer.headers
    granted(await api.as_(bearer(person)).get("/api/bookings"))
    granted(await api.login(person.email, PASSWORD))


@pytest.mark.parametrize("new", ["short", "password1", PASSWORD, None, 12345678, "{email}"])
async def test_a_new_password_that_is_none(api: Api, operator: Operator, new: object) -> None:
    person = await operator.appoint()
    wanted = person.email.title() if new == "{email}" else new
    body = refused(await change(api, bearer(person), PASSWORD, wanted), 400, "validation_error")
    assert [each["field"] for each in body["details"]] == ["new"]
    granted(await api.login(person.email, PASSWORD))


async def test_wrong_old_passwords_count_as_wrong_logins(any_url: str, operator: Operator) -> None:
    person = await operator.appoint()
    settings = {"auth": "required", "secret": SECRET, "rate_limits": "login=3/1h/account"}
    with quick_passwords():
        async with serving(any_url, **settings) as api:
            header = bearer(person)
            tried = [await change(api, header, f"guess {n}", "battery staple") for n in range(4)]
            assert [each.status_code for each in tried] == [403, 403, 403, 429]
            refused(await api.login(person.email, PASSWORD), 429, "rate_limited")


async def test_guests_have_no_password(any_api: Api) -> None:
    answer = await any_api.put("/api/auth/password", {"old": PASSWORD, "new": "battery staple"})
    refused(answer, 403, "forbidden")


@pytest.mark.parametrize("password", ["password", "Qwertyuiop", "iloveyou", "{email}", "{name}"])
async def test_what_is_guessed_first_is_refused_at_registration(api: Api, password: str) -> None:
    email = fresh_email()
    name = email.partition("@")[0].upper()
    chosen = password.format(email=email.upper(), name=name)
    body = refused(await api.register(email, chosen, name), 400, "validation_error")
    assert [each["field"] for each in body["details"]] == ["password"]


async def test_where_too_many_passwords_wait_one_is_told_when_to_come_again(
    any_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(passwords.Passwords):
        def __init__(self) -> None:
            super().__init__(waiting_max=0)

    monkeypatch.setattr(app, "Passwords", Full)
    async with serving(any_url, rate_limits="") as api:
        for answer in (
            await api.register(fresh_email(), PASSWORD),
            await api.login(fresh_email(), PASSWORD),
            await api.as_(basic(fresh_email(), PASSWORD)).get("/api/bookings"),
        ):
            refused(answer, 429, "rate_limited")
            assert int(answer.headers["retry-after"]) >= 1
