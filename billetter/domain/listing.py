"""Parts of long lists, newest first, and where to go on from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Window(NamedTuple):
    """Which part of a list.

    skip: how many there are before it. before, after: cursors, as `Listed` gives them, in place of
    that: the part that is older than one of them, or newer; "": none.
    """

    skip: int
    take: int
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A part of a list that has `total` items.

    newer, older: the cursors of its first and its last item, where there are more beyond them. They
    stay good while the list changes, also when what they were made of is gone.
    """

    items: Sequence[T]
    total: int
    newer: str = ""
    older: str = ""
