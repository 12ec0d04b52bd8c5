"""Accounts, their API tokens, and rate limits.

Nothing of these is recorded under an Idempotency-Key, as no secret ever is: each script finds out
from what is there that it has run before, so that a lost reply changes nothing twice. What differs
is the answer, and where, the step says. Who asks for another password once more hashes it once
more: it is the same password then, and the journal has one entry more.
"""

import asyncio

from bench.torture.steps.bed import BUCKET, Bed, Step, Told
from billetter.domain.account import Account, Role
from billetter.domain.outcome import Answer, Outcome
from billetter.engine import Engine
from billetter.engine.once import Once

REFILL_S = 5 / BUCKET.count
"""More tokens have come back by then than any fault lets go to waste."""


async def _register(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """Who asks again hears that the e-mail has an account: theirs, which they may log in to."""
    name, email = bed.name("bob"), bed.email("bob")
    made = await engine.accounts.register(name, email, Role.ATTENDEE, "$hash")
    return Answer(Outcome.REGISTERED) if isinstance(made, Account) else made


async def _change_role(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.accounts.change_role(bed.anns.id, Role.ORGANIZER)


async def _change_password(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.accounts.change_password(bed.anns.id, "$new")


async def _rehash(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """Nobody waits for the answer: the login that it is part of has succeeded already."""
    return await engine.accounts.rehash(bed.anns, "$stronger")


async def _erase(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """No id is given twice, so NO_ACCOUNT of one that was there means that it is erased."""
    return await engine.accounts.erase(bed.anns.id)


async def _add_token(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.accounts.add_token(bed.anns.id, bed.token("third"))


async def _revoke_tokens(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """All are void in the end; how many there were is known to the first run alone."""
    return await engine.accounts.revoke_tokens(bed.anns.id)


async def _take_token(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """A token may be taken in vain: it comes back, and what was asked for is let in meanwhile."""
    allowance = await engine.limits.take(BUCKET, bed.ann)
    await asyncio.sleep(REFILL_S)
    return Answer(Outcome.TAKEN if allowance.retry_after_s is None else Outcome.LIMITED)


async def _return_token(engine: Engine, bed: Bed, once: Once | None) -> Told:
    """A bucket that is full stays full, however often."""
    await engine.limits.give_back(BUCKET, bed.name("nobody"))
    return Answer(Outcome.REVOKED)


async def _remember(engine: Engine, bed: Bed, once: Once | None) -> Told:
    return await engine.accounts.remember(bed.anns.id, "192.0.2.7")


STEPS = [
    Step("register an account", "", _register, repeated=Outcome.EMAIL_TAKEN),
    Step("change a role", "service tokens", _change_role),
    Step("change a password", "attendee", _change_password),
    Step("rehash a password", "attendee", _rehash, again=Outcome.KEPT),
    Step("erase an account", "service tokens", _erase, frees=True, again=Outcome.NO_ACCOUNT),
    Step("add a token", "service tokens", _add_token),
    Step("revoke tokens", "service tokens", _revoke_tokens, frees=True),
    Step("take a token of a rate limit", "", _take_token),
    Step("give a token of a rate limit back", "", _return_token, frees=True),
    Step("know an account by an address", "attendee", _remember),
]
