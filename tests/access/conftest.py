"""What the tests of access work with: people on a fake Redis, quick hashes, clocks set by hand."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

import pytest
from argon2 import PasswordHasher

from billetter.access.doorkeeper import AccountsDoor
from billetter.access.passwords import Passwords, argon2id
from billetter.access.principal import Over, TooManyAttempts
from billetter.access.registry import Registry
from billetter.access.tokens import AccessTokens
from billetter.domain.account import Account, Role
from billetter.domain.policy import Allowance
from billetter.engine import Engine
from billetter.wire.topology import open_wire

SECRET = bytes(range(32, 64))
PASSWORD = "correct horse"
LIFETIME_S = 3_600
QUICK = argon2id(memory_kib=8, passes=1)
CLOSED = Allowance(limit=10, remaining=0, reset_s=60, retry_after_s=7)

_numbers = count()


class Clock:
    """Two clocks in one, that go on together and only when told to."""

    def __init__(self) -> None:
        self._passed = 0.0
        self._began = time.time()

    def pass_(self, seconds: float) -> None:
        self._passed += seconds

    def monotonic(self) -> float:
        return self._passed

    def time(self) -> float:
        return self._began + self._passed


class Counting(PasswordHasher):
    """A hasher that knows how often it had to work."""

    def __init__(self) -> None:
        super().__init__(QUICK.time_cost, QUICK.memory_cost, QUICK.parallelism)
        self.verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.verified += 1
        return super().verify(hash, password)


@dataclass
class Guard:
    """A guard that tells what it was asked, and lets nobody pass if told so."""

    attempts: list[tuple[str, str]] = field(default_factory=list)
    known: list[bool] = field(default_factory=list)
    forgiven: int = 0
    closed: bool = False

    async def attempt(self, email: str, address: str, *, known: bool) -> Over:
        self.attempts.append((email, address))
        self.known.append(known)
        if self.closed:
            raise TooManyAttempts(CLOSED)
        return self._over

    async def _over(self, counts: bool) -> None:
        self.forgiven += not counts


class House:
    """Everything behind a door, in one place."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.accounts = engine.accounts
        self.clock = Clock()
        self.hasher = Counting()
        self.guard = Guard()
        self.tokens = AccessTokens(SECRET, LIFETIME_S, self.clock.time)
        self.registry = Registry(self.accounts, Passwords(self.hasher), self.guard)
        self.door = self.another_door(guests=True)

    def another_door(self, *, guests: bool) -> AccountsDoor:
        return AccountsDoor(
            self.accounts, self.registry, self.tokens, guests=guests, clock=self.clock.monotonic
        )

    async def person(self, role: Role = Role.ATTENDEE, password: str = PASSWORD) -> Account:
        """Somebody new."""
        name = f"Person {next(_numbers)}"
        email = f"{name.replace(' ', '.')}@example.org"
        made = await self.registry.appoint(name, email, password, role)
        assert isinstance(made, Account)
        return made


@pytest.fixture
async def house() -> AsyncIterator[House]:
    wire = open_wire("fake://")
    await wire.start()
    yield House(Engine(wire))
    await wire.close()
