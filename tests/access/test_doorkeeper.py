"""The door: who comes in with which header, and for how long that is remembered."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable

import jwt
import pytest

from billetter.access import doorkeeper
from billetter.access.principal import (
    CredentialsMissing,
    Principal,
    TooManyAttempts,
    WrongCredentials,
)
from billetter.access.tokens import api_digest, new_api_token
from billetter.domain.account import Account, Role
from billetter.domain.ids import GUEST
from billetter.domain.outcome import Outcome, Unavailable
from billetter.wire.errors import NotRun
from billetter.wire.lane import Argument
from billetter.wire.link import Reply
from billetter.wire.topology import Wire
from tests.access.conftest import LIFETIME_S, PASSWORD, SECRET, House

FRESH_S = doorkeeper.FRESH_S
Headers = Callable[[House, Account], Awaitable[bytes]]


def basic(email: str, password: str = PASSWORD) -> bytes:
    return b"Basic " + base64.b64encode(f"{email}:{password}".encode())


async def by_basic(house: House, account: Account) -> bytes:
    return basic(account.email)


async def by_access_token(house: House, account: Account) -> bytes:
    return b"Bearer " + house.tokens.issue(account).encode()


async def by_api_token(house: House, account: Account) -> bytes:
    token = new_api_token().encode()
    added = await house.accounts.add_token(account.id, api_digest(token))
    assert added.outcome is Outcome.ADDED
    return b"Bearer " + token


WAYS = pytest.mark.parametrize("way", [by_basic, by_access_token, by_api_token])


async def refused(house: House, header: bytes) -> bool:
    try:
        await house.door.identify(header)
    except WrongCredentials:
        return True
    return False


async def test_who_brings_nothing_is_the_guest_or_must_bring_something(house: House) -> None:
    assert await house.door.identify(None) == Principal(GUEST, Role.GUEST, None)
    with pytest.raises(CredentialsMissing):
        await house.another_door(guests=False).identify(None)


@WAYS
@pytest.mark.parametrize("guests", [True, False])
async def test_who_has_an_account(house: House, way: Headers, guests: bool) -> None:
    bob = await house.person(Role.SERVICE)
    door = house.another_door(guests=guests)
    header = await way(house, bob)
    for _ in range(2):
        assert await door.identify(header) == Principal(bob.user, Role.SERVICE, bob.id)


async def test_the_scheme_is_written_in_any_case(house: House) -> None:
    ann = await house.person()
    for header in (basic(ann.email), await by_access_token(house, ann)):
        scheme, _, rest = header.partition(b" ")
        for written in (scheme.lower(), scheme.upper()):
            assert (await house.door.identify(written + b" " + rest)).account == ann.id


async def test_several_spaces_may_follow_the_scheme(house: House) -> None:
    ann = await house.person()
    for header in (basic(ann.email), await by_access_token(house, ann)):
        assert (await house.door.identify(header.replace(b" ", b"   ", 1))).account == ann.id


async def test_a_password_may_come_in_latin_1(house: House) -> None:
    ann = await house.person(password="h\u00e4star p\u00e5 rad")
    for encoding in ("utf-8", "latin-1"):
        pair = f"{ann.email}:h\u00e4star p\u00e5 rad".encode(encoding)
        assert (await house.door.identify(b"Basic " + base64.b64encode(pair))).account == ann.id


@pytest.mark.parametrize("guests", [True, False])
@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Basic",
        b"Basic ",
        b"Basic !!!!",
        b"Basic " + base64.b64encode(b"no colon"),
        b"Basic " + base64.b64encode(b"\xff\xfe:\xff"),
        b"Basic " + base64.b64encode(b"nobody@example.org:" + PASSWORD.encode()),
        b"Basic " + base64.b64encode(b":"),
        b"Bearer",
        b"Bearer ",
        b"Bearer x.y.z",
        b"Bearer blt_",
        b"Bearer blt_" + b"x" * 43,
        b"Bearer " + b"x" * 100_000,
        b"Digest username=ann",
        b"\xff",
    ],
    ids=lambda header: repr(header[:24]),
)
async def test_a_wrong_header_is_wrong_at_any_door(
    house: House, header: bytes, guests: bool
) -> None:
    door = house.another_door(guests=guests)
    for _ in range(2):
        with pytest.raises(WrongCredentials):
            await door.identify(header)


async def test_what_is_no_email_and_password_is_no_attempt(house: House) -> None:
    ann = await house.person()
    good = basic(ann.email)
    for header in (
        b"Basic " + base64.b64encode(ann.email.encode()),
        good.replace(b"Basic ", b"Basic !"),
        good + b"\n",
        good + b" " * 5_000,
    ):
        assert await refused(house, header)
    assert house.guard.attempts == []
    assert not await refused(house, good)


async def test_a_header_of_any_length_is_not_read(house: House) -> None:
    ann = await house.person()
    claims = jwt.decode(house.tokens.issue(ann), options={"verify_signature": False})
    for length, wrong in ((100, False), (doorkeeper.HEADER_MAX, True)):
        token = jwt.encode(claims | {"more": "x" * length}, SECRET, "HS256")
        assert await refused(house, b"Bearer " + token.encode()) is wrong


async def test_a_wrong_password_and_one_with_a_colon(house: House) -> None:
    ann = await house.person(password="a:b:c:d:e:f")
    assert (await house.door.identify(basic(ann.email, "a:b:c:d:e:f"))).account == ann.id
    assert await refused(house, basic(ann.email, "a:b:c:d:e"))
    assert await refused(house, basic(ann.email, ""))


# What is remembered, and for how long.


@WAYS
async def test_within_its_time_nothing_is_asked(house: House, way: Headers) -> None:
    bob = await house.person(Role.SERVICE)
    header = await way(house, bob)
    await house.door.identify(header)
    calls = counted(house)
    house.clock.pass_(FRESH_S - 1)
    await house.door.identify(header)
    assert calls == []
    house.clock.pass_(1)
    await house.door.identify(header)
    assert calls != []


@WAYS
@pytest.mark.parametrize("change", ["role", "erase"])
async def test_a_change_is_in_force_when_its_time_is_over(
    house: House, way: Headers, change: str
) -> None:
    bob = await house.person(Role.SERVICE)
    header = await way(house, bob)
    await house.door.identify(header)
    house.clock.pass_(FRESH_S - 1)
    await (
        house.accounts.erase(bob.id)
        if change == "erase"
        else house.accounts.change_role(bob.id, Role.ATTENDEE)
    )
    assert not await refused(house, header)
    house.clock.pass_(1)
    if way is by_basic and change == "role":
        assert (await house.door.identify(header)).role is Role.ATTENDEE
    else:
        assert await refused(house, header)
        assert await refused(house, header)


@pytest.mark.parametrize("way", [by_basic, by_access_token])
async def test_another_password_voids_what_was_proven(house: House, way: Headers) -> None:
    ann = await house.person()
    header = await way(house, ann)
    await house.door.identify(header)
    await house.registry.change_password(ann.id, "battery staple")
    house.clock.pass_(FRESH_S)
    assert await refused(house, header)
    again = await house.accounts.get(ann.id)
    assert again is not None
    assert not await refused(house, basic(ann.email, "battery staple"))
    assert not await refused(house, await by_access_token(house, again))


async def test_a_token_made_before_a_change_is_void_at_once_where_nobody_knows_it(
    house: House,
) -> None:
    ann = await house.person()
    header = await by_access_token(house, ann)
    await house.accounts.change_role(ann.id, Role.ADMIN)
    assert await refused(house, header)


async def test_a_token_of_an_erased_account_is_not_another_ones(house: House) -> None:
    ann = await house.person()
    header = await by_access_token(house, ann)
    await house.accounts.erase(ann.id)
    await house.person()
    assert await refused(house, header)


async def test_api_tokens_that_were_taken_back(house: House) -> None:
    bob = await house.person(Role.SERVICE)
    header = await by_api_token(house, bob)
    await house.door.identify(header)
    await house.accounts.revoke_tokens(bob.id)
    house.clock.pass_(FRESH_S)
    assert await refused(house, header)


async def test_an_access_token_ends_though_it_was_just_proven(house: House) -> None:
    ann = await house.person()
    header = await by_access_token(house, ann)
    house.clock.pass_(LIFETIME_S - 10)
    await house.door.identify(header)
    house.clock.pass_(9)
    assert not await refused(house, header)
    house.clock.pass_(1)
    assert await refused(house, header)


async def test_a_role_that_a_token_claims_counts_for_nothing(house: House) -> None:
    ann = await house.person()
    claims = {
        "aud": "billetter",
        "exp": int(time.time()) + 60,
        "gen": ann.generation,
        "iat": 0,
        "role": "admin",
        "sub": str(ann.id),
    }
    token = jwt.encode(claims, SECRET, "HS256").encode()
    assert (await house.door.identify(b"Bearer " + token)).role is Role.ATTENDEE


async def test_a_password_is_hashed_once_for_as_long_as_nothing_changes(house: House) -> None:
    ann = await house.person()
    for _ in range(5):
        assert (await house.door.identify(basic(ann.email))).account == ann.id
        house.clock.pass_(FRESH_S)
    assert house.hasher.verified == 1
    await house.accounts.change_role(ann.id, Role.ORGANIZER)
    assert (await house.door.identify(basic(ann.email))).role is Role.ORGANIZER
    assert house.hasher.verified == 2


async def test_what_was_proven_outlives_an_outage(house: House) -> None:
    ann = await house.person()
    await house.door.identify(basic(ann.email))
    house.clock.pass_(FRESH_S)
    wire = house.engine.store._wire
    house.engine.store._wire = Away()
    with pytest.raises(Unavailable):
        await house.door.identify(basic(ann.email))
    house.engine.store._wire = wire
    assert (await house.door.identify(basic(ann.email))).account == ann.id
    assert house.hasher.verified == 1


async def test_a_wrong_password_is_never_remembered(house: House) -> None:
    ann = await house.person()
    for tries in range(1, 4):
        assert await refused(house, basic(ann.email, "wrong horse"))
        assert house.hasher.verified == len(house.guard.attempts) == tries


async def test_no_more_is_kept_than_there_is_room_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorkeeper, "PROVEN_MAX", 2)
    headers = [basic((await house.person()).email) for _ in range(3)]
    for header in headers:
        await house.door.identify(header)
    assert house.hasher.verified == 3
    await house.door.identify(headers[2])
    await house.door.identify(headers[1])
    assert house.hasher.verified == 3
    await house.door.identify(headers[0])
    assert house.hasher.verified == 4


# Many at once.


async def test_a_thousand_with_one_new_header_hash_once(house: House) -> None:
    ann = await house.person()
    header = basic(ann.email)
    found = await asyncio.gather(*(house.door.identify(header) for _ in range(1_000)))
    assert {each.account for each in found} == {ann.id}
    assert house.hasher.verified == 1


async def test_a_thousand_with_one_wrong_header_hash_once(house: House) -> None:
    ann = await house.person()
    wrong = basic(ann.email, "wrong horse")
    assert all(await asyncio.gather(*(refused(house, wrong) for _ in range(1_000))))
    assert house.hasher.verified == 1


async def test_the_first_may_leave_without_spoiling_it_for_the_others(house: House) -> None:
    ann = await house.person()
    first, second = (asyncio.create_task(house.door.identify(basic(ann.email))) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).account == ann.id
    assert first.cancelled()
    assert house.hasher.verified == 1


async def test_the_guard_hears_of_basic_where_it_comes_from(house: House) -> None:
    ann = await house.person()
    with pytest.raises(WrongCredentials):
        await house.door.identify(basic(ann.email, "wrong horse"), "192.0.2.7")
    assert house.guard.attempts == [(ann.email.lower(), "192.0.2.7")]
    house.guard.closed = True
    with pytest.raises(TooManyAttempts):
        await house.door.identify(basic(ann.email), "192.0.2.7")


class Away:
    """A wire to nowhere."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def call(self, *args: Argument) -> Awaitable[Reply]:
        raise NotRun("away")


def counted(house: House) -> list[tuple[Argument, ...]]:
    """Every call to Redis from now on."""
    calls: list[tuple[Argument, ...]] = []
    wire: Wire = house.engine.store._wire

    class Seen:
        async def start(self) -> None: ...

        async def close(self) -> None: ...

        def call(self, *args: Argument) -> Awaitable[Reply]:
            calls.append(args)
            return wire.call(*args)

    house.engine.store._wire = Seen()
    return calls


# What is forgotten.


@WAYS
async def test_what_proved_an_account_can_be_forgotten_at_once(house: House, way: Headers) -> None:
    bob, ann = await house.person(Role.SERVICE), await house.person()
    header, other = await way(house, bob), await by_access_token(house, ann)
    await house.door.identify(header)
    await house.door.identify(other)
    await house.registry.change_password(bob.id, "battery staple")
    house.door.forget(bob.id)
    assert await refused(house, header)
    calls = counted(house)
    await house.door.identify(other)
    assert calls == []


async def test_what_is_being_proven_when_it_is_forgotten_is_not_remembered(house: House) -> None:
    ann = await house.person()
    header = await by_access_token(house, ann)
    proving = asyncio.create_task(house.door.identify(header))
    for _ in range(2):  # Until Redis is being asked.
        await asyncio.sleep(0)
    house.door.forget(ann.id)
    assert (await proving).account == ann.id
    await house.accounts.change_password(ann.id, "$new")
    assert await refused(house, header)
