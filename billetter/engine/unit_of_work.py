"""A unit of work: one change, with all that is done for it before and after.

Redis may be lost between the script that makes a change and whatever follows it: a read for the
reply, an entry in a list. From the change on "nothing was changed" is untrue, so a unit in which a
script has changed something never ends as Unavailable, but as OutcomeUnknown.

Whoever serves a request opens a unit around it. Methods of the engine that go on after a change
are `one_change`, and so are units of their own where nobody has opened one.
"""

from collections.abc import Callable, Coroutine
from contextvars import ContextVar, Token
from functools import wraps
from typing import Any, ParamSpec, Self, TypeVar

from billetter.domain.outcome import OutcomeUnknown, Unavailable

P = ParamSpec("P")
R = TypeVar("R")


_REFUSED, _CHANGED = 1, 2


class UnitOfWork:
    """What the scripts of one unit have answered so far."""

    # One number and slots: every request has a unit, and hardly any looks into it.
    __slots__ = ("_token", "noted")
    _token: Token["UnitOfWork | None"]

    def __init__(self) -> None:
        self.noted = 0

    @property
    def changed(self) -> bool:
        """A script has changed something, now or when the same call was made before."""
        return self.noted == _CHANGED

    @property
    def decided(self) -> bool:
        """A script has, or has refused to. What prepares a change, or tidies up, does neither."""
        return self.noted != 0

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        _current.reset(self._token)
        if error is not None and self.changed and isinstance(error, Unavailable):
            raise OutcomeUnknown(f"after the change: {error}") from error


# Tasks that a unit starts see the same unit: what they change is a part of it.
_current: ContextVar[UnitOfWork | None] = ContextVar("unit_of_work", default=None)


def note_refusal() -> None:
    """The unit under way, if there is one, was refused by a script."""
    unit = _current.get()
    if unit is not None:
        unit.noted = unit.noted or _REFUSED


def note_change() -> None:
    """The unit under way, if there is one, has changed something."""
    unit = _current.get()
    if unit is not None:
        unit.noted = _CHANGED


def one_change(
    method: Callable[P, Coroutine[Any, Any, R]],
) -> Callable[P, Coroutine[Any, Any, R]]:
    """A method that goes on after a change: what follows the change is part of it."""

    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        work = method(*args, **kwargs)
        return work if _current.get() is not None else _alone(work)

    return call


async def _alone(work: Coroutine[Any, Any, R]) -> R:
    with UnitOfWork():
        return await work
