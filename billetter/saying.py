"""What a command has to say, and the error of saying it to nobody."""

import sys
from typing import TextIO


class Unsaid(Exception):
    """It could not be written. The cause is the OSError that tells why."""


def say(text: str, to: TextIO | None = None) -> None:
    """Write a line, on standard output if no other place is named. Raises Unsaid."""
    try:
        print(text, file=to or sys.stdout, flush=True)
    except OSError as error:
        raise Unsaid from error


def finish() -> None:
    """Write what is left of standard output, by whomever. Raises Unsaid."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        raise Unsaid from error
