"""What cannot be read is a finding of an audit, and no reason to stop."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from logging import Logger
from typing import Final

from billetter.domain.outcome import EngineError, OutcomeUnknown, Unavailable

ODD: Final = (ValueError, TypeError, LookupError, AttributeError)
"""What reading raises on what no script wrote."""
WHY_MAX: Final = 200
AGAIN_S: Final = 60.0
"""After that long, a log tells of the same thing again."""


@contextmanager
def noting(found: Callable[[str], object]) -> Iterator[None]:
    """Tell `found` why something cannot be read, instead of failing.

    A Redis that does not answer is no finding: that is raised on.
    """
    try:
        yield
    except (Unavailable, OutcomeUnknown):
        raise
    except (EngineError, *ODD) as error:
        told = isinstance(error, EngineError | ValueError)
        why = str(error) if told else f"{type(error).__name__} {error}"
        found(f"cannot be read: {why[:WHY_MAX]}")


def digits(text: str) -> bool:
    """Whether a text is a number as scripts write it."""
    return text.isascii() and text.isdigit()


class Faults:
    """Tells a log what cannot be read: of what is tried again and again, only now and then."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self._told: set[str] = set()
        self._since = time.monotonic()

    def noting(self, what: str) -> AbstractContextManager[None]:
        """Tell why `what` cannot be read, instead of failing."""
        return noting(lambda why: self._tell(f"{what} {why}"))

    def _tell(self, fault: str) -> None:
        now = time.monotonic()
        if now - self._since > AGAIN_S:
            self._told, self._since = set(), now
        if fault not in self._told:
            self._told.add(fault)
            self._logger.error(fault)
