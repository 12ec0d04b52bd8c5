"""Passwords: what they may be, and their hashes, made and compared beside the event loop."""

import asyncio
import os
import sys
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from secrets import token_bytes
from typing import Final, ParamSpec, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from billetter.access.principal import TooBusy

PASSWORD_MIN: Final = 8
PASSWORD_MAX: Final = 128
"""Characters. NIST SP 800-63B asks for 8 at least, and for room for 64 or more."""
THREADS: Final = min(2, max(1, (os.cpu_count() or 1) - 1))
"""Argon2 lets go of the GIL, so each may fill a core, and 19 MiB. One core is left to the event
loop and to Redis: on two cores, the p99 of a select is 11 ms while two threads hash, and 3 to 6 ms
while one does, which still makes 60 hashes a second."""
NICENESS: Final = 10
"""Whoever logs in can wait rather than everybody else: the p99 of a select is a third shorter.
With 19 it is longer again: a thread that has the GIL but no core keeps the loop waiting."""
WAITING_MAX: Final = 64
"""Passwords under way at once, per worker: about a second's work for a core."""

Given = ParamSpec("Given")
Made = TypeVar("Made")


def checked_password(password: str) -> str:
    """The password itself. ValueError, with a sentence, if it cannot be one."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise ValueError(f"A password has {PASSWORD_MIN}-{PASSWORD_MAX} characters.")
    return password


def argon2id(memory_kib: int = 19_456, passes: int = 2) -> PasswordHasher:
    """Argon2id with the parameters of OWASP's Password Storage Cheat Sheet: 19 MiB, t=2, p=1."""
    return PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID)


class Passwords:
    """Hashes passwords in threads of its own; no more wait than can be served soon.

    Every method raises TooBusy when they would.
    """

    def __init__(
        self, hasher: PasswordHasher | None = None, *, waiting_max: int = WAITING_MAX
    ) -> None:
        self._hasher = hasher or argon2id()
        self._nobodys = _matchless(self._hasher)
        self._threads = ThreadPoolExecutor(THREADS, "passwords", _give_way)
        self._waiting = 0
        self._waiting_max = waiting_max

    async def hash(self, password: str) -> str:
        return await self._aside(self._hasher.hash, _bytes(password))

    async def verify(self, hash_: str | None, password: str) -> bool:
        """Whether the hash is this password's. None, for nobody's, takes as long as any other."""
        return await self._aside(self._matches, hash_ or self._nobodys, _bytes(password))

    def outdated(self, hash_: str) -> bool:
        """Whether the hash was made with other parameters than they are made with now."""
        return self._hasher.check_needs_rehash(hash_)

    def _matches(self, hash_: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(hash_, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _aside(
        self, work: Callable[Given, Made], *args: Given.args, **kwargs: Given.kwargs
    ) -> Made:
        if self._waiting >= self._waiting_max:
            raise TooBusy(f"{self._waiting} passwords are being hashed or wait for it")
        self._waiting += 1
        try:
            # Who leaves takes his work out of the queue, unless a thread is at it already.
            return await asyncio.wrap_future(self._threads.submit(work, *args, **kwargs))
        finally:
            self._waiting -= 1


def _give_way() -> None:
    """Let every other thread go first. Only Linux has a niceness for each thread."""
    if sys.platform == "linux":
        os.nice(NICENESS)


def _bytes(password: str) -> bytes:
    """The password however its letters were composed; it need not be one that can be written."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _matchless(hasher: PasswordHasher) -> str:
    """A hash that is no password's, and costs as much to compare with as any other."""
    salt, digest = (
        b64encode(token_bytes(size)).decode().rstrip("=")
        for size in (hasher.salt_len, hasher.hash_len)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"
