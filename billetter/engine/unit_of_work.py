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


class UnitOfWork:
    """What the scripts of one unit have answered so far.

    changed: one has changed something, now or when the same call was made before. decided: that,
    or one has refused to. What only prepares a change, or tidies up, is neither.
    """

    # On the class, as most requests never set them: it takes half the time to make one.
    changed = False
    decided = False
    _token: Token["UnitOfWork | None"]

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        _current.reset(self._token)
        if self.changed and isinstance(error, Unavailable):
            raise OutcomeUnknown(f"after the change: {error}") from error


# Tasks that a unit starts see the same unit: what they change is a part of it.
_current: ContextVar[UnitOfWork | None] = ContextVar("unit_of_work", default=None)


def note_refusal() -> None:
    """The unit under way, if there is one, was refused by a script."""
    unit = _current.get()
    if unit is not None:
        unit.decided = True


def note_change() -> None:
    """The unit under way, if there is one, has changed something."""
    unit = _current.get()
    if unit is not None:
        unit.changed = unit.decided = True


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
