"""Accounts: made, logged in to, changed and erased; what is theirs, and nobody else's."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import orjson
import pytest

from billetter.access import doorkeeper
from billetter.domain.account import Account, Role
from billetter.domain.ids import split_booking_id
from billetter.domain.outcome import Outcome
from billetter.engine import keys
from tests.access.conftest import QUICK, Counting
from tests.api.client import SELECTED, Api, basic, granted, outcome, refused, seat_of
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

SECRETIVE = "hush-hush-hush"
CROWD = 50
LIMITS = "login=3/1h/account"


@pytest.fixture(scope="module")
async def api(any_url: str) -> AsyncIterator[Api]:
    """A server that wants credentials, and lets everybody try as often as they like."""
    with quick_passwords():
        settings = {"auth": "required", "secret": SECRET, "rate_limits": ""}
        async with serving(any_url, **settings) as api:
            yield api


@pytest.fixture(scope="module")
async def guarded(any_url: str) -> AsyncIterator[Api]:
    """A server where a password can be tried three times."""
    with quick_passwords():
        settings = {"auth": "required", "secret": SECRET, "rate_limits": LIMITS}
        async with serving(any_url, **settings) as api:
            yield api


@pytest.fixture
def _no_proof_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every header is proven anew, as it is in time."""
    monkeypatch.setattr(doorkeeper, "FRESH_S", 0.0)


async def comes_in(api: Api, header: str | None) -> bool:
    answer = await api.as_(header).get("/api/bookings")
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


# From nothing to a booking, with the passwords' real cost.


async def test_register_log_in_and_book(any_url: str) -> None:
    email = fresh_email()
    async with serving(any_url, auth="required", secret=SECRET, rate_limits="") as api:
        answer = await api.register(email.upper(), PASSWORD, email, role="organizer")
        made = granted(answer, 201)
        assert outcome(answer) == "REGISTERED"
        assert made.keys() == {"id", "username", "email", "role"}
        said = (made["username"], made["email"], made["role"])
        assert said == (email, email.upper(), "organizer")

        logged_in = granted(await api.login(email, PASSWORD))
        assert logged_in.keys() == {"access_token", "token_type", "expires_in"}
        assert (logged_in["token_type"], logged_in["expires_in"]) == ("bearer", 3_600)

        ann = api.as_(f"Bearer {logged_in['access_token']}")
        booking = await ann.book(await ann.make_event())
        assert await ann.status(booking) == "booked"
        assert await api.as_(basic(email, PASSWORD)).status(booking) == "booked"
        event, number = split_booking_id(booking)
        user = await api.redis("HGET", keys.of_event(event).booking(number), "user")
        assert user.decode() == f"a:{made['id']}"


@pytest.mark.usefixtures("_no_proof_lasts")
async def test_a_service_comes_in_by_its_token_until_it_is_taken_back(
    api: Api, operator: Operator
) -> None:
    service = await operator.appoint(Role.SERVICE)
    header = await operator.api_token(service)
    assert await comes_in(api, header)
    await operator.engine.accounts.revoke_tokens(service.id)
    assert not await comes_in(api, header)


# Registering.


@pytest.mark.parametrize("role", ["service", "admin", "guest", "root", "", None, 1])
async def test_nobody_makes_himself_more_than_an_organizer(api: Api, role: object) -> None:
    email = fresh_email()
    body = refused(await api.register(email, PASSWORD, role=role), 400, "validation_error")
    assert [each["field"] for each in body["details"]] == ["role"]
    refused(await api.login(email, PASSWORD), 401, "unauthorized")


async def test_who_says_no_role_is_an_attendee(api: Api) -> None:
    assert granted(await api.register(fresh_email(), PASSWORD), 201)["role"] == "attendee"


async def test_an_email_and_a_username_are_one_accounts_in_whatever_case(api: Api) -> None:
    email, name = fresh_email(), fresh_email()
    granted(await api.register(email, PASSWORD, name), 201)
    taken = await api.register(email.title(), PASSWORD, fresh_email())
    refused(taken, 409, "email_taken")
    assert outcome(taken) == "EMAIL_TAKEN"
    refused(await api.register(fresh_email(), PASSWORD, name.upper()), 409, "username_taken")


@pytest.mark.parametrize("same", ["email", "username"])
async def test_of_many_who_want_one_name_at_once_one_gets_it(api: Api, same: str) -> None:
    email, name = fresh_email(), fresh_email()
    made = await asyncio.gather(
        *(
            api.register(email, f"{PASSWORD} {n}", f"{name} {n}")
            if same == "email"
            else api.register(f"{n}.{email}", PASSWORD, name)
            for n in range(CROWD)
        )
    )
    assert Counter(each.status_code for each in made) == {201: 1, 409: CROWD - 1}
    assert {each.json()["error"] for each in made if each.status_code == 409} == {f"{same}_taken"}
    (winner,) = (n for n, each in enumerate(made) if each.status_code == 201)
    if same == "email":
        logins = [await api.login(email, f"{PASSWORD} {n}") for n in range(CROWD)]
        assert [n for n, each in enumerate(logins) if each.status_code == 200] == [winner]


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": SECRETIVE[:7]},
        {"password": SECRETIVE * 20},
        {"password": [SECRETIVE]},
        {"password": {SECRETIVE: SECRETIVE}},
        {"password": SECRETIVE, "email": "nobody"},
        {"password": SECRETIVE, "username": ""},
        {"password": SECRETIVE, "role": "admin"},
        {"password": SECRETIVE, "email": None},
    ],
)
@pytest.mark.parametrize("path", ["/api/auth/register", "/api/auth/login"])
async def test_no_error_repeats_a_password(api: Api, path: str, wrong: dict[str, object]) -> None:
    answer = await api.post(path, {"username": "Ann", "email": fresh_email(), **wrong})
    assert answer.status_code in (400, 401)
    assert SECRETIVE[:7] not in answer.text
    assert all(SECRETIVE[:7] not in value for value in answer.headers.values())


async def test_what_is_no_json_is_not_repeated_either(api: Api) -> None:
    content = f'{{"email": "a@b", "password": "{SECRETIVE}"'.encode()
    answer = await api.send("POST", "/api/auth/login", content)
    refused(answer, 400, "validation_error")
    assert SECRETIVE not in answer.text


async def test_an_idempotency_key_keeps_no_secret(api: Api, operator: Operator) -> None:
    person = await operator.appoint()
    for password, status in ((PASSWORD, 200), ("a guess", 401), (PASSWORD, 200)):
        body = {"email": person.email, "password": password}
        answer = await api.post("/api/auth/login", body, key="once")
        assert answer.status_code == status
        assert "idempotency-replayed" not in answer.headers


# Logging in.


def told(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All that an answer tells, but for the time."""
    headers = [(name, it) for name, it in answer.headers.multi_items() if name != "date"]
    return answer.status_code, answer.content, headers


async def test_a_wrong_login_does_not_tell_whether_there_is_an_account(
    guarded: Api, operator: Operator
) -> None:
    emails = (await operator.appoint()).email, fresh_email()
    for answers in (
        [await guarded.login(email, "a guess") for email in emails],
        [await guarded.as_(basic(email, "a guess")).get("/health") for email in emails],
    ):
        refused(answers[0], 401, "unauthorized")
        assert told(answers[0]) == told(answers[1])


async def test_wrong_passwords_by_basic_count_as_wrong_logins(
    guarded: Api, operator: Operator
) -> None:
    person = await operator.appoint()
    for n in range(3):
        assert not await comes_in(guarded, basic(person.email, f"guess {n}"))
    right = by_password(person)
    for answer in (
        await guarded.login(person.email, PASSWORD),
        await guarded.login(person.email.upper(), PASSWORD),
        await guarded.as_(right).get("/api/bookings"),
        await guarded.as_(right).get("/health"),
        await guarded.as_(right).post("/api/bookings", {"event_id": 1}),
    ):
        refused(answer, 429, "rate_limited")
        assert 1 <= int(answer.headers["retry-after"]) <= 1_200
        assert answer.headers["ratelimit-limit"] == "3"
        assert answer.headers["ratelimit-remaining"] == "0"
        assert 1_200 < int(answer.headers["ratelimit-reset"]) <= 3_600
    assert await comes_in(guarded, bearer(person))


async def test_a_password_that_was_right_just_before_is_not_tried_again(
    any_url: str, operator: Operator
) -> None:
    person, hasher = await operator.appoint(), Counting()
    header = by_password(person)
    with quick_passwords(hasher):
        async with serving(any_url, rate_limits=LIMITS) as api:
            assert all(await asyncio.gather(*(comes_in(api, header) for _ in range(CROWD))))
            for _ in range(CROWD):
                assert await comes_in(api, header)
            assert hasher.verified == 1


# What the operator changes.


@pytest.mark.usefixtures("_no_proof_lasts")
async def test_another_password_is_in_force(api: Api, operator: Operator) -> None:
    person = await operator.appoint()
    old = [by_password(person), bearer(person)]
    assert [await comes_in(api, header) for header in old] == [True, True]
    changed = await operator.engine.accounts.change_password(person.id, QUICK.hash("another one"))
    assert changed.outcome is Outcome.UPDATED
    assert [await comes_in(api, header) for header in old] == [False, False]
    assert await comes_in(api, basic(person.email, "another one"))


@pytest.mark.usefixtures("_no_proof_lasts")
async def test_another_role_is_in_force(api: Api, operator: Operator) -> None:
    person = await operator.appoint(Role.ORGANIZER)
    header, token = by_password(person), bearer(person)
    assert await api.as_(header).make_event()
    await operator.engine.accounts.change_role(person.id, Role.ATTENDEE)
    refused(await api.as_(header).create(), 403, "forbidden")
    assert not await comes_in(api, token)


@pytest.mark.usefixtures("_no_proof_lasts")
async def test_who_was_erased_is_nobody(api: Api, operator: Operator) -> None:
    person = await operator.appoint(Role.SERVICE)
    headers = [by_password(person), bearer(person), await operator.api_token(person)]
    assert [await comes_in(api, header) for header in headers] == [True] * 3
    await operator.engine.accounts.erase(person.id)
    assert [await comes_in(api, header) for header in headers] == [False] * 3
    granted(await api.register(person.email, PASSWORD), 201)
    assert [await comes_in(api, header) for header in headers] == [True, False, False]


# What is theirs.


@pytest.fixture
async def two(operator: Operator) -> tuple[Account, Account]:
    return await operator.appoint(), await operator.appoint()


async def test_a_booking_is_its_owners(
    api: Api, operator: Operator, two: tuple[Account, Account]
) -> None:
    ann, bob = (api.as_(bearer(person)) for person in two)
    host = api.as_(bearer(await operator.appoint(Role.ORGANIZER)))
    event = await host.make_event()
    seat, free = seat_of(event, 0), seat_of(event, 1)
    booking = await ann.book(event, seat)
    for intruder in (bob, host):
        for answer in (
            await intruder.select(booking, free),
            await intruder.release(seat),
            await intruder.pay(booking),
            await intruder.cancel(booking),
        ):
            refused(answer, 403, "forbidden")
            assert outcome(answer) == "NOT_YOURS"
        assert await intruder.shown(booking) is None
    assert (await ann.shown(booking))["seats"] == [{"id": seat}]
    assert granted(await ann.select(booking, free)) == SELECTED
    assert await api.broken_rules(event) == []


async def test_idempotency_keys_of_two_accounts_do_not_meet(
    api: Api, operator: Operator, two: tuple[Account, Account]
) -> None:
    ann, bob = (api.as_(bearer(person)) for person in two)
    admin = api.as_(bearer(await operator.appoint(Role.ADMIN)))
    event, other = await admin.make_event(), await admin.make_event()
    opened = [await each.open(event, key="same") for each in (ann, bob, ann, bob)]
    ids = [orjson.loads(each.content)["id"] for each in opened]
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]
    assert ["idempotency-replayed" in each.headers for each in opened] == [False] * 2 + [True] * 2

    granted(await ann.open(event, key="another"), 201)
    granted(await bob.open(other, key="another"), 201)
    refused(await ann.open(other, key="another"), 422, "idempotency_key_reused")
    assert [len(granted(await each.get("/api/bookings"))) for each in (ann, bob)] == [2, 2]


async def test_a_key_is_the_accounts_by_whatever_header(
    api: Api, operator: Operator, two: tuple[Account, Account]
) -> None:
    event = await api.as_(bearer(await operator.appoint(Role.ADMIN))).make_event()
    first = await api.as_(bearer(two[0])).open(event, key="mine")
    second = await api.as_(by_password(two[0])).open(event, key="mine")
    assert second.headers["idempotency-replayed"] == "true"
    assert second.content == first.content
