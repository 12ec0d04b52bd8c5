"""Accounts: made and logged in to."""

from typing import Any

from billetter.api.answers import Answers
from billetter.api.call import Call
from billetter.api.endpoint import ACCOUNTS, EVERYBODY, Rules, post, put
from billetter.api.inputs import Stop, wrong
from billetter.api.replies import UNAUTHORIZED, Reply, error, reply
from billetter.api.schemas import ChangePassword, Login, Register
from billetter.domain.account import Account
from billetter.domain.ids import AccountId
from billetter.domain.outcome import Answer, Outcome
from billetter.domain.policy import Group

NOT_REGISTERED = Answers(
    {
        Outcome.EMAIL_TAKEN: error(409, "email_taken", "There is an account with this e-mail."),
        Outcome.USERNAME_TAKEN: error(409, "username_taken", "This username is another's."),
    }
)
CHANGED = Answers(
    {
        Outcome.UPDATED: reply(200, "Password successfully changed"),
        # Not 401: the credentials of the request are right, and browsers would ask for others.
        Outcome.WRONG_PASSWORD: error(403, "wrong_password", "The old password is wrong."),
        Outcome.NO_ACCOUNT: UNAUTHORIZED,
    }
)
SECRETS = Rules(keyed=False, strict=True)
"""No secret is ever recorded, so there is no Idempotency-Key."""
OPEN = SECRETS | Rules(roles=EVERYBODY)


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


@put("/api/auth/password", body=ChangePassword, roles=ACCOUNTS, **SECRETS)
async def change_password(call: Call, body: ChangePassword) -> Reply:
    """Whatever has proven the account before is void, the credentials of this request as well."""
    account = call.principal.account or AccountId(0)
    try:
        return CHANGED[await _changed(call, account, body)]
    finally:
        call.services.doorkeeper.forget(account)  # It may be changed though the reply was lost.


async def _changed(call: Call, account: AccountId, body: ChangePassword) -> Answer:
    registry = call.services.registry
    try:
        return await registry.change_own_password(account, body.old, body.new, call.address)
    except ValueError as error:
        raise Stop(wrong("new", str(error))) from None


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


ENDPOINTS = [register, login, change_password]
