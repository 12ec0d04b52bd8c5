"""billetter users: the operator makes, changes, lists and erases accounts."""

import asyncio
import getpass
import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from billetter.access.passwords import PASSWORD_MAX, Passwords, checked_password
from billetter.access.registry import Registry
from billetter.access.tokens import api_digest, new_api_token
from billetter.domain.account import Account, Role, checked_email, checked_username
from billetter.domain.outcome import Answer, EngineError, Outcome
from billetter.engine import Engine
from billetter.saying import say
from billetter.visiting import VisitError, stoppable, visited
from billetter.wire.files import EmbeddedError

DONE: Final = 0
WRONG: Final = 2
"""Exit codes."""
ROLES: Final = [role.value for role in Role if role is not Role.GUEST]

EXAMPLES: Final = """\
examples:
  billetter users add ann@example.org --username ann --role admin
  billetter users role bob@example.org service
  billetter users token bob@example.org     the token is all it prints
  billetter users list --json"""

_HELP: Final = {
    "add": "make an account; its password is asked for",
    "role": "give an account another role",
    "password": "give an account another password, which is asked for",
    "token": "make an API token for an account with the role service, and print it",
    "list": "list every account",
    "erase": "remove an account, and all that says who it was; its bookings stay",
}


class UserError(Exception):
    """It cannot be done. The message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for; "" and False where it does not."""

    what: str
    email: str = ""
    username: str = ""
    role: str = ""
    password_stdin: bool = False
    revoke: bool = False
    json: bool = False


Job = Callable[[Engine], Awaitable[str]]
"""Does what was asked for and says what to print."""


def declare(users: ArgumentParser, place: ArgumentParser) -> None:
    """Add what follows `users` on the command line. place: the options that say which Redis."""
    commands = users.add_subparsers(dest="what", metavar="command", required=True)
    made = {
        name: commands.add_parser(name, help=help_, description=f"{help_}.", parents=[place])
        for name, help_ in _HELP.items()
    }
    for name in made.keys() - {"list"}:
        made[name].add_argument("email", metavar="EMAIL")
    made["add"].add_argument("--username", metavar="NAME", required=True)
    made["add"].add_argument("--role", choices=ROLES, default=Role.ATTENDEE.value)
    made["role"].add_argument("role", metavar="ROLE", choices=ROLES, help=", ".join(ROLES))
    for name in ("add", "password"):
        from_stdin = "read the password from standard input, which ends with it or its line"
        made[name].add_argument("--password-stdin", action="store_true", help=from_stdin)
    revoke = "take all its tokens back instead"
    made["token"].add_argument("--revoke", action="store_true", help=revoke)
    made["list"].add_argument("--json", action="store_true", help="answer in JSON")


def run(url: str | None, data: Path, asked: Asked) -> int:
    """Do what was asked for on the Redis at `url`, or the embedded one of `data`.

    Prints what came of it, and returns the exit code.
    """
    try:
        job = _prepared(asked)
        say(asyncio.run(stoppable(_do(url, data, job, writes=asked.what != "list"))))
    except (UserError, VisitError, EmbeddedError, EngineError) as error:
        print(f"billetter: {error}", file=sys.stderr)
        return WRONG
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("billetter: stopped; look at the list for whether it was done.", file=sys.stderr)
        return WRONG
    return DONE


async def _do(url: str | None, data: Path, job: Job, *, writes: bool) -> str:
    async with visited(url, data, writes=writes) as engine:
        return await job(engine)


def _prepared(asked: Asked) -> Job:
    """What to do. UserError, before any Redis is looked for, where a name or a password is none."""
    try:
        told = replace(asked, email=_argument(asked.email), username=_argument(asked.username))
        return _JOBS[asked.what](told)
    except ValueError as error:
        raise UserError(str(error)) from None


def _add(asked: Asked) -> Job:
    email, username = checked_email(asked.email), checked_username(asked.username)
    password = _password(asked.password_stdin, username, email)
    role = Role(asked.role)

    async def job(engine: Engine) -> str:
        made = await _registry(engine).appoint(username, email, password, role)
        match made:
            case Account():
                return f"Account {made.id} is {email}, {role}."
            case Answer(outcome=Outcome.EMAIL_TAKEN):
                raise UserError(f"{email} has an account already.")
            case _:
                raise UserError(f"the username {username} is taken.")

    return job


def _role(asked: Asked) -> Job:
    async def job(engine: Engine) -> str:
        account = await _account(engine, asked.email)
        _refuse_unknown(asked, await engine.accounts.change_role(account.id, Role(asked.role)))
        return f"{account.email} is {asked.role} now."

    return job


def _change_password(asked: Asked) -> Job:
    password = _password(asked.password_stdin)

    async def job(engine: Engine) -> str:
        account = await _account(engine, asked.email)
        try:
            checked_password(password, account.username, account.email)
        except ValueError as error:
            raise UserError(str(error)) from None
        _refuse_unknown(asked, await _registry(engine).change_password(account.id, password))
        return f"{account.email} has another password now."

    return job


def _token(asked: Asked) -> Job:
    async def make(engine: Engine) -> str:
        account, token = await _account(engine, asked.email), new_api_token()
        answer = await engine.accounts.add_token(account.id, api_digest(token.encode()))
        match answer.outcome:
            case Outcome.WRONG_ROLE:
                told = f"is {answer.fields[0]}: only a service is given tokens"
                raise UserError(f"{account.email} {told}.")
            case Outcome.TOO_MANY:
                told = f"has {answer.fields[0]} tokens already: take them back by --revoke"
                raise UserError(f"{account.email} {told}.")
        _refuse_unknown(asked, answer)
        say("Keep it well: it is not shown again.", sys.stderr)
        return token

    async def revoke(engine: Engine) -> str:
        account = await _account(engine, asked.email)
        answer = await engine.accounts.revoke_tokens(account.id)
        return f"Tokens of {account.email} taken back: {answer.fields[0]}."

    return revoke if asked.revoke else make


def _list(asked: Asked) -> Job:
    async def job(engine: Engine) -> str:
        accounts = await engine.accounts.all()
        return _as_json(accounts) if asked.json else _as_text(accounts)

    return job


def _erase(asked: Asked) -> Job:
    async def job(engine: Engine) -> str:
        account = await _account(engine, asked.email)
        # No id is given twice, so one that is gone by now is erased: by this call, whose reply
        # was lost, or by another.
        await engine.accounts.erase(account.id)
        return f"Account {account.id} is erased; its bookings stay under {account.user}."

    return job


_JOBS: Final[dict[str, Callable[[Asked], Job]]] = {
    "add": _add,
    "role": _role,
    "password": _change_password,
    "token": _token,
    "list": _list,
    "erase": _erase,
}


def _registry(engine: Engine) -> Registry:
    return Registry(engine.accounts, Passwords())


async def _account(engine: Engine, email: str) -> Account:
    account = await engine.accounts.by_email(email.strip())
    if account is None:
        raise UserError(f"nobody has an account as {email}.")
    return account


def _refuse_unknown(asked: Asked, answer: Answer) -> None:
    """UserError if the account was erased just now."""
    if answer.outcome is Outcome.NO_ACCOUNT:
        raise UserError(f"nobody has an account as {asked.email}.")


def _password(from_stdin: bool, *names: str) -> str:
    """The password, by whichever way it comes. UserError, ValueError: it does not, or is none."""
    if from_stdin:
        return checked_password(_checked_text(_line()), *names)
    if not sys.stdin.isatty():
        raise UserError("there is no terminal to ask for the password: use --password-stdin.")
    password = checked_password(_checked_text(getpass.getpass("Password: ")), *names)
    if getpass.getpass("Again: ") != password:
        raise UserError("the two passwords differ.")
    return password


def _line() -> str:
    """The first line of standard input: in its own encoding or, where that cannot be, in UTF-8."""
    # One character more than a password may have, and the end of its line.
    binary = getattr(sys.stdin, "buffer", None)
    if binary is None:
        return sys.stdin.readline(PASSWORD_MAX + 3).rstrip("\r\n")
    line: bytes = binary.readline(4 * PASSWORD_MAX + 3).rstrip(b"\r\n")
    with suppress(UnicodeDecodeError):
        return line.decode(sys.stdin.encoding)
    return line.decode(errors="surrogateescape")


def _argument(text: str) -> str:
    """A name as it was typed, which may be UTF-8 where the terminal's encoding is another."""
    with suppress(UnicodeError):
        text = os.fsencode(text).decode()
    return _checked_text(text)


def _checked_text(text: str) -> str:
    """The text, if it is one. UserError: the terminal's encoding does not tell what it says."""
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = f"in {sys.stdin.encoding if sys.stdin else 'its encoding'}, nor in UTF-8"
        raise UserError(f"a name or password is no text {shown}.") from None
    return text


def _as_json(accounts: Sequence[Account]) -> str:
    return json.dumps([_told(account) for account in accounts])


def _as_text(accounts: Sequence[Account]) -> str:
    rows = [("id", "role", "e-mail", "username", "created")]
    rows += [
        (str(told["id"]), told["role"], told["email"], told["username"], told["created_at"])
        for told in map(_told, accounts)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _told(account: Account) -> dict[str, Any]:
    created = datetime.fromtimestamp(account.created_ms / 1000, UTC)
    return {
        "id": account.id,
        "username": account.username,
        "email": account.email,
        "role": account.role.value,
        "created_at": created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
