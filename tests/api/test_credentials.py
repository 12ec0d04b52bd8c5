"""Credentials over HTTP: how they may be written; a wrong one is never an error of ours."""

import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from tests.access.test_tokens import forged
from tests.api.client import Api, granted, refused
from tests.api.people import SECRET, Operator, bearer, by_password, quick_passwords
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
