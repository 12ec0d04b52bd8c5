"""Accounts: made and logged in to."""

from typing import Any

from billetter.api.call import Call
from billetter.api.endpoint import EVERYBODY, Rules, post
from billetter.api.replies import Answers, Reply, error, reply
from billetter.api.schemas import Login, Register
from billetter.domain.account import Account
from billetter.domain.outcome import Outcome
from billetter.domain.policy import Group

NOT_REGISTERED = Answers(
    {
        Outcome.EMAIL_TAKEN: error(409, "email_taken", "There is an account with this e-mail."),
        Outcome.USERNAME_TAKEN: error(409, "username_taken", "This username is another's."),
    }
)
OPEN = Rules(roles=EVERYBODY, keyed=False)
"""No secret is ever recorded, so there is no Idempotency-Key."""


@post("/api/auth/register", body=Register, group=Group.REGISTER, **OPEN)
async def register(call: Call, body: Register) -> Reply:
    made = await call.services.registry.register(
        body.username, body.email, body.password, body.role
    )
    return _registered(made) if isinstance(made, Account) else NOT_REGISTERED[made]


@post("/api/auth/login", body=Login, group=None, **OPEN)
async def login(call: Call, body: Login) -> Reply:
    """Limited by the registry's guard, like the passwords that come by Basic."""
    account = await call.services.registry.login(body.email, body.password, call.address)
    tokens = call.services.tokens
    return reply(200, _granted(tokens.issue(account), tokens.lifetime_s))


def _registered(account: Account) -> Reply:
    body = {
        "id": account.id,
        "username": account.username,
        "email": account.email,
        "role": account.role,
    }
    return reply(201, body, (b"billetter-outcome", Outcome.REGISTERED.value.encode()))


def _granted(token: str, lifetime_s: int) -> dict[str, Any]:
    return {"access_token": token, "token_type": "bearer", "expires_in": lifetime_s}


ENDPOINTS = [register, login]
