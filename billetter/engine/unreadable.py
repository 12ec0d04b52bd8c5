"""What an audit cannot read is a finding, and no reason to stop."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from billetter.domain.outcome import EngineError, OutcomeUnknown, Unavailable

ODD: Final = (ValueError, TypeError, LookupError, AttributeError)
"""What reading raises on what no script wrote."""
WHY_MAX: Final = 200


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
