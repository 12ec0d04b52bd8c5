"""Guessing passwords is limited; coming in with a right one is not."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable

from billetter.access.principal import Over, TooManyAttempts
from billetter.api.limits import Caller
from billetter.domain.network import client_of
from billetter.domain.policy import Allowance, By, Group, Policy, policies_of
from billetter.engine.limits import Limits

TRIES = 50
"""So many times as many passwords may be tried as may be wrong: trying one is what costs most."""
WAITING_MAX = 64
"""Attempts that wait, per worker, for what becomes of others."""
WAIT_S_MAX = 5.0
"""Seconds that one waits: where guesses keep coming there may be no end of them."""

Buckets = list[tuple[Policy, str]]


class LoginGuard:
    """The limits of logins, for Basic as well. Only wrong passwords count in the end.

    Each attempt takes its tokens before it is made, so that of many at once no more are, and gets
    them back if the password was right. Whoever finds none left waits for the attempts under way
    that may give some back. How many are made at all has limits TRIES times as wide.
    A limit by account counts who comes from an address that the account is known by on its own:
    nobody who guesses elsewhere locks its owner out.
    """

    def __init__(self, policies: Iterable[Policy], limits: Limits) -> None:
        self._policies = policies_of(Group.LOGIN, policies)
        self._limits = limits
        self._under_way = Counter[str]()
        self._given_back = 0
        self._waiting: deque[tuple[set[str], asyncio.Future[None]]] = deque()

    async def attempt(self, email: str, address: str, *, known: bool) -> Over:
        """See Guard."""
        caller = Caller(address, account=email)
        wrong = [(policy, _suspect(caller, policy.by, known)) for policy in self._policies]
        tries = [(policy.times(TRIES), f"tries {subject}") for policy, subject in wrong]
        subjects = {f"{policy} {subject}" for policy, subject in wrong}
        given_back = self._given_back
        while (refusal := await self._take([*wrong, *tries], subjects)) is not None:
            # What was given back while Redis refused is there by now.
            if given_back == self._given_back and not await self._another_is_over(subjects):
                raise TooManyAttempts(refusal)
            given_back = self._given_back

        async def over(counts: bool) -> None:
            try:
                if not counts:
                    for policy, subject in wrong:
                        await self._limits.give_back(policy, subject)
            finally:
                self._end(subjects, gives_back=not counts)

        return over

    async def _take(self, buckets: Buckets, subjects: set[str]) -> Allowance | None:
        """Begin an attempt: None, or the limit that refuses it."""
        if buckets:
            self._under_way.update(subjects)
            try:
                allowance = await self._limits.take_each(buckets)
            except BaseException:
                self._end(subjects, gives_back=False)
                raise
            if allowance.retry_after_s is not None:
                self._end(subjects, gives_back=False)
                return allowance
        return None

    async def _another_is_over(self, subjects: set[str]) -> bool:
        """Wait for an attempt that has what this one lacks. False: there is none, or no room."""
        if len(self._waiting) >= WAITING_MAX or not self._busy(subjects):
            return False
        waiter = subjects, asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                await waiter[1]
        except TimeoutError:
            return False
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
        return True

    def _busy(self, subjects: set[str]) -> bool:
        return any(self._under_way[subject] for subject in subjects)

    def _end(self, subjects: set[str], *, gives_back: bool) -> None:
        """An attempt is over: one who waits for it may try again, and all who wait for nothing."""
        self._under_way.subtract(subjects)
        self._given_back += gives_back
        for subject in subjects:
            if not self._under_way[subject]:
                del self._under_way[subject]
        for waiter in list(self._waiting):
            theirs, future = waiter
            heir = gives_back and not theirs.isdisjoint(subjects)
            if heir or not self._busy(theirs):
                gives_back = gives_back and not heir
                self._waiting.remove(waiter)
                if not future.done():
                    future.set_result(None)


def _suspect(caller: Caller, by: By, known: bool) -> str:
    """Whose bucket an attempt takes from."""
    subject = caller.subject(by)
    return (
        f"{subject} {client_of(caller.address or None)}" if known and by is By.ACCOUNT else subject
    )
