"""The command line: serve, audit, restore, users, and help that teaches."""

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from billetter import __version__, auditing, restoring, users
from billetter.listener import StartError
from billetter.logs import open_logs
from billetter.saying import Unsaid, finish, say
from billetter.server import run
from billetter.settings import Settings, unknown_variables, variable
from billetter.welcome import welcome

UNTOLD: Final = 1
"""The exit code when it was done, and what there was to say could not be said."""
WRONG: Final = 2
"""The exit code when the command cannot be done as it was asked for."""
STOPPED: Final = 130
"""The exit code when Ctrl-C came before there was anything to end."""

ABOUT: Final = """\
Billetter sells numbered seats to crowds, and never sells one twice. Every seat lives in Redis;
without one to connect to, Billetter runs its own and keeps its data in a directory."""

EXAMPLES: Final = """\
examples:
  billetter serve --demo                        sell a concert of 100 000 seats, made for trying
  billetter serve --data /var/lib/billetter     keep the data there; start again to go on
  billetter serve --redis-url redis://10.0.0.5  use a Redis that is running
  billetter serve --workers 4 --port 8080       four processes on one port
  billetter serve --help                        every setting
  billetter audit --data /var/lib/billetter     prove that no seat is sold twice or lost
  billetter restore /backup --data DIR          make a data directory of a backup
  billetter users --help                        make, change, list and erase accounts"""

VALUES: Final = {
    "host": "ADDRESS",
    "port": "PORT",
    "uds": "PATH",
    "workers": "N",
    "redis_url": "URL",
    "data": "DIR",
}
SWITCHES: Final = ("demo", "access_log")

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command (sys.argv by default) and return its exit code, which tells the truth.

    0: done. 1: it found or left something that is not right, or could not say what it did.
    2: not done, with a reason. 130: stopped before it began.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What a terminal cannot show is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            return _run(argv)
        finally:
            finish()
    except KeyboardInterrupt:
        return STOPPED
    except Unsaid as error:
        return _untold(error)
    except UnicodeError as error:
        _complain(f"an argument is no text in this terminal's encoding: {error}")
    except OSError as error:
        _complain(error)
    return WRONG


def _complain(reason: object) -> None:
    with suppress(OSError):
        print(f"billetter: {reason}", file=sys.stderr)


def _untold(error: Unsaid) -> int:
    """Standard output cannot be written; Python must not try it again when it ends."""
    if not isinstance(error.__cause__, BrokenPipeError):
        _complain(error.__cause__)
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return UNTOLD


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    asked = vars(parser.parse_args(argv))
    command = asked.pop("command")
    if not command:
        parser.print_help()
        return 0
    open_logs()
    _warn_of_unknown_variables()
    try:
        if command in _COMMANDS:
            return _COMMANDS[command](asked)
        settings = _settings(asked)
        run(settings, lambda running: _announce(welcome(settings, running)))
    except StartError as error:
        _complain(error)
        return WRONG
    return 0


def _announce(text: str) -> None:
    """A server whose standard output was closed serves all the same."""
    try:
        say(text)
    except Unsaid as error:
        _untold(error)


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "billetter", description=ABOUT, epilog=EXAMPLES, formatter_class=raw
    )
    parser.add_argument("--version", action="version", version=f"billetter {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    serve = commands.add_parser(
        "serve",
        help="answer HTTP requests until SIGTERM or Ctrl-C",
        description="Answer HTTP requests until SIGTERM or Ctrl-C.",
        epilog=f"{EXAMPLES}\n\n{_variables()}",
        formatter_class=raw,
        argument_default=argparse.SUPPRESS,
    )
    for name, metavar in VALUES.items():
        serve.add_argument(_flag(name), metavar=metavar, help=_described(name))
    for name in SWITCHES:
        serve.add_argument(_flag(name), action="store_true", help=_described(name))
    _add_audit(commands)
    restoring.declare(commands)
    _add_users(commands)
    return parser


def _place(what: str) -> argparse.ArgumentParser:
    """The options of a command that say on which Redis it works."""
    place = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    either = place.add_mutually_exclusive_group()
    either.add_argument("--redis-url", metavar="URL", help=f"the Redis to {what}")
    either.add_argument("--data", metavar="DIR", help="the embedded one, running or not")
    return place


def _add_audit(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    audit = commands.add_parser(
        "audit",
        help="prove on a live Redis that every seat has one owner and nothing is lost",
        description="Look at every event and booking, while sales go on, and name what is wrong."
        " Exit code: 0 all is right, 1 something is not, 2 there was nothing to look at.",
        parents=[_place("look at")],
    )
    repair = "set right what has one right answer (lists, deadlines), and name it"
    audit.add_argument("--repair", action="store_true", help=repair)
    audit.add_argument("--json", action="store_true", help="answer in JSON")


def _add_users(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    accounts = commands.add_parser(
        "users",
        help="make, change, list and erase accounts",
        description="Make, change, list and erase accounts. Exit code: 0 done, 2 with a reason.",
        epilog=users.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    users.declare(accounts, _place("work on"))


def _audit(asked: dict[str, Any]) -> int:
    repair, as_json = asked.pop("repair"), asked.pop("json")
    return auditing.run(*_where(asked), repair, as_json)


def _restore(asked: dict[str, Any]) -> int:
    source = Path(asked.pop("source"))
    return restoring.run(source, _settings(asked).data)


def _users(asked: dict[str, Any]) -> int:
    place = {name: asked.pop(name) for name in asked.keys() & {"redis_url", "data"}}
    return users.run(*_where(place), users.Asked(**asked))


_COMMANDS: Final = {"audit": _audit, "restore": _restore, "users": _users}


def _where(place: dict[str, Any]) -> tuple[str | None, Path]:
    """The URL of the Redis to work on, if it has one, and the data of the embedded one."""
    settings = _settings(place)
    return None if "data" in place else settings.redis_url, settings.data


def _described(name: str) -> str:
    field = Settings.model_fields[name]
    default = int(field.default) if isinstance(field.default, bool) else field.default
    return f"{field.description} ({'none' if default is None else default})"


def _variables() -> str:
    """The table of environment variables: what each is, and its default."""
    lines = ["environment variables (an option of the same name comes first):"]
    lines += [f"  {variable(name):<28}{_described(name)}" for name in Settings.model_fields]
    return "\n".join(lines)


def _settings(asked: dict[str, str | bool]) -> Settings:
    """The environment's settings under the options asked for. Raises StartError for a wrong one."""
    try:
        return Settings(**asked)  # type: ignore[arg-type]  # Pydantic turns them into the types.
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        where = _flag(name) if name in asked else variable(name)
        # Not the value: a URL may hold a password.
        why = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        raise StartError(f"{where} is wrong: {why}.") from None


def _warn_of_unknown_variables() -> None:
    """A setting that is misspelled would otherwise be left out in silence."""
    for name, meant in unknown_variables(os.environ).items():
        more = f"; is {meant} meant?" if meant else "; billetter serve --help names all settings."
        log.warning("%s is set, but there is no such setting%s", name, more)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
