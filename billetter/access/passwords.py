"""Passwords: what they may be, and their hashes, made and compared beside the event loop."""

import os
import sys
import unicodedata
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from secrets import token_bytes
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from billetter.access.turns import Turns
from billetter.domain.account import compared

PASSWORD_MIN: Final = 8
PASSWORD_MAX: Final = 128
"""Characters. NIST SP 800-63B asks for 8 at least, and for room for 64 or more."""
COMMONEST: Final = 10_000
"""Passwords that nobody may have: the first of what was found in leaks, by zxcvbn's count."""
THREADS: Final = min(2, max(1, (os.cpu_count() or 1) - 1))
"""Argon2 lets go of the GIL, so each may fill a core, and 19 MiB. One core is left to the event
loop and to Redis: on two cores, the p99 of a select is 11 ms while two threads hash, and 3 to 6 ms
while one does, which still makes 60 hashes a second."""
NICENESS: Final = 10
"""Whoever logs in can wait rather than everybody else: the p99 of a select is a third shorter.
With 19 it is longer again: a thread that has the GIL but no core keeps the loop waiting."""
WAITING_MAX: Final = 64
"""Passwords under way at once, per worker, to be compared and to be hashed: about a second's work
for a core, each."""


def checked_password(password: str, *names: str) -> str:
    """The password itself. ValueError, with a sentence, if it cannot be one.

    names: the username and the e-mail of its account. Like the commonest passwords, they are what
    a guesser tries first (NIST SP 800-63B, 3.1.1.2).
    """
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise ValueError(f"A password has {PASSWORD_MIN}-{PASSWORD_MAX} characters.")
    plain = compared(password)
    if plain in common_passwords():
        raise ValueError("This password is among the first that are guessed; choose another one.")
    if plain in {compared(part) for name in names for part in (name, name.partition("@")[0])}:
        raise ValueError("A password must not be the username or the e-mail.")
    return password


@cache
def common_passwords() -> frozenset[str]:
    """Those of the COMMONEST that are long enough, as `compared` gives them."""
    # Not for everybody who starts: it takes some megabytes.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    ranked = list(FREQUENCY_LISTS["passwords"])[:COMMONEST]
    return frozenset(compared(each) for each in ranked if len(each) >= PASSWORD_MIN)


def argon2id(memory_kib: int = 19_456, passes: int = 2) -> PasswordHasher:
    """Argon2id with the parameters of OWASP's Password Storage Cheat Sheet: 19 MiB, t=2, p=1."""
    return PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID)


class Passwords:
    """Compares and hashes passwords in threads of its own; no more wait than can be served soon.

    Those to be compared and those to be hashed wait in two queues that are served in turn, so that
    a crowd that registers does not keep anybody from logging in. Methods raise TooBusy when the
    queue is full.
    """

    def __init__(
        self, hasher: PasswordHasher | None = None, *, waiting_max: int = WAITING_MAX
    ) -> None:
        self._hasher = hasher or argon2id()
        self._nobodys = _matchless(self._hasher)
        turns = Turns(ThreadPoolExecutor(THREADS, "passwords", _give_way))
        self._logins, self._others = turns.queue(waiting_max), turns.queue(waiting_max)

    async def hash(self, password: str) -> str:
        return await self._others.run(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, hash_: str | None, password: str) -> bool:
        """Whether the hash is this password's. None, for nobody's, takes as long as any other."""
        wanted = hash_ or self._nobodys
        return await self._logins.run(lambda: self._matches(wanted, _bytes(password)))

    def outdated(self, hash_: str) -> bool:
        """Whether the hash was made with other parameters than they are made with now."""
        return self._hasher.check_needs_rehash(hash_)

    def _matches(self, hash_: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(hash_, password)
        except (VerificationError, InvalidHashError):
            return False


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
