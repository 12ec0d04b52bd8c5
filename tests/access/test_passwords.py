"""Passwords: what they may be, how they are kept, and that nobody can make the server hash on."""

import asyncio
import threading
from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters

from billetter.access.passwords import (
    THREADS,
    Passwords,
    argon2id,
    checked_password,
    common_passwords,
)
from billetter.access.principal import TooBusy
from billetter.domain.account import compared
from tests.access.conftest import PASSWORD, QUICK

PATIENCE_S = 30.0


class Stuck(PasswordHasher):
    """A hasher that waits for the end of the test."""

    def __init__(self) -> None:
        super().__init__(QUICK.time_cost, QUICK.memory_cost, QUICK.parallelism)
        self.go_on = threading.Event()
        self.begun = threading.Semaphore(0)
        self.made = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.begun.release()
        assert self.go_on.wait(PATIENCE_S)
        self.made += 1
        return super().hash(password, salt=salt)


def test_argon2id_with_the_parameters_that_are_advised() -> None:
    hash_ = argon2id().hash("x")
    assert hash_.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize("password", ["xy" * 4, "x" * 128, "hästar på rad", "🐎" * 8])
async def test_a_password_matches_its_hash_alone(password: str) -> None:
    passwords = Passwords(QUICK)
    hash_ = await passwords.hash(checked_password(password))
    assert await passwords.verify(hash_, password)
    assert not await passwords.verify(hash_, password + "x")
    assert not await passwords.verify(hash_, password[:-1])
    assert await passwords.hash(password) != hash_


@pytest.mark.parametrize("password", ["", "x" * 7, "x" * 129])
def test_too_short_or_too_long(password: str) -> None:
    with pytest.raises(ValueError, match="8-128 characters"):
        checked_password(password)


async def test_letters_match_however_they_are_composed() -> None:
    passwords = Passwords(QUICK)
    assert await passwords.verify(await passwords.hash("Zo\u00eb's horse"), "Zoe\u0308's horse")


async def test_what_is_no_text_is_no_password_and_no_failure() -> None:
    passwords = Passwords(QUICK)
    assert not await passwords.verify(await passwords.hash(PASSWORD), "\udcff" * 8)


@pytest.mark.parametrize("hash_", [None, "", "nonsense", "$argon2id$v=19$m=8,t=1,p=1$x$y"])
async def test_nobodys_hash_matches_nothing(hash_: str | None) -> None:
    for password in ("", PASSWORD):
        assert not await Passwords(QUICK).verify(hash_, password)


async def test_nobodys_hash_costs_as_much_as_anybodys() -> None:
    seen: list[str | bytes] = []

    class Seeing(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            seen.append(hash)
            return super().verify(hash, password)

    hasher = Seeing(2, 64, 1)
    assert not await Passwords(hasher).verify(None, PASSWORD)
    [hash_] = seen
    assert extract_parameters(str(hash_)) == extract_parameters(hasher.hash(PASSWORD))


async def test_a_hash_of_other_parameters_is_outdated() -> None:
    weak, strong = Passwords(argon2id(8, 1)), Passwords(argon2id(16, 1))
    hash_ = await weak.hash(PASSWORD)
    assert strong.outdated(hash_)
    assert not weak.outdated(hash_)
    assert await strong.verify(hash_, PASSWORD)


async def test_the_loop_goes_on_and_no_more_wait_than_may() -> None:
    stuck = Stuck()
    passwords = Passwords(stuck, waiting_max=3)
    waiting = [asyncio.create_task(passwords.hash(PASSWORD)) for _ in range(3)]
    for _ in range(THREADS):
        assert await asyncio.to_thread(stuck.begun.acquire, timeout=PATIENCE_S)
    with pytest.raises(TooBusy):
        await passwords.hash(PASSWORD)
    stuck.go_on.set()
    async with asyncio.timeout(PATIENCE_S):
        assert len(await asyncio.gather(*waiting)) == 3
        assert await passwords.hash(PASSWORD)


async def test_who_leaves_the_queue_makes_room_and_is_not_served() -> None:
    stuck = Stuck()
    passwords = Passwords(stuck, waiting_max=3)
    waiting = [asyncio.create_task(passwords.hash(PASSWORD)) for _ in range(3)]
    for _ in range(THREADS):
        assert await asyncio.to_thread(stuck.begun.acquire, timeout=PATIENCE_S)
    waiting.pop().cancel()
    await asyncio.sleep(0)
    waiting.append(asyncio.create_task(passwords.hash(PASSWORD)))
    await asyncio.sleep(0)
    stuck.go_on.set()
    async with asyncio.timeout(PATIENCE_S):
        assert len(await asyncio.gather(*waiting)) == 3
    assert stuck.made == 3


async def test_hashing_and_comparing_have_a_queue_each_and_are_served_in_turn() -> None:
    done: list[str] = []

    class Noting(Stuck):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            made = super().hash(password, salt=salt)
            done.append("hash")
            return made

        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            done.append("verify")
            return super().verify(hash, password)

    stuck = Noting()
    passwords = Passwords(stuck, waiting_max=10)
    hashing = [asyncio.create_task(passwords.hash(PASSWORD)) for _ in range(10)]
    for _ in range(THREADS):
        assert await asyncio.to_thread(stuck.begun.acquire, timeout=PATIENCE_S)
    with pytest.raises(TooBusy):
        await passwords.hash(PASSWORD)
    comparing = [asyncio.create_task(passwords.verify(None, PASSWORD)) for _ in range(4)]
    await asyncio.sleep(0)
    stuck.go_on.set()
    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.gather(*comparing) == [False] * 4
        await asyncio.gather(*hashing)
    # Nobody waits behind all that came before: every other turn is theirs.
    assert done.index("verify") <= 2 * THREADS
    last = len(done) - 1 - done[::-1].index("verify")
    assert done[: last + 1].count("hash") <= 4 + 2 * THREADS


@pytest.mark.parametrize(
    "password",
    ["password", "PassWord123", "12345678", "\uff11\uff12\uff13\uff14\uff15678", "qwertyuiop"],
)
def test_the_commonest_are_refused_in_any_case(password: str) -> None:
    with pytest.raises(ValueError, match="first that are guessed"):
        checked_password(password)


@pytest.mark.parametrize("password", ["ANN.Example", "ann.example@example.org", "Ann of Kyiv"])
def test_the_names_of_the_account_are_no_password(password: str) -> None:
    with pytest.raises(ValueError, match="username or the e-mail"):
        checked_password(password, "ann of kyiv", "Ann.Example@example.org")
    assert checked_password(password) == password


def test_the_list_has_only_what_could_be_chosen() -> None:
    common = common_passwords()
    assert 3_000 <= len(common) <= 5_000
    assert all(8 <= len(each) <= 128 and compared(each) == each for each in common)
