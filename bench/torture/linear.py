"""Could this have been the history of one seat? A checker of linearizability.

A seat is a register with one owner. Every operation acts at one moment between its call and its
answer; one whose answer was lost acts at any moment after its call, or never. The checker walks
through the calls and answers in the order of their times and keeps every state the seat may be in,
with the operations under way that have acted in it (Wing and Gong 1993, in the form of Lowe 2017).
When no state is left at an answer, no order of the operations explains what was answered.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

NOBODY = 0
NEVER = math.inf


class Seen(Enum):
    """What an operation did to the seat, or found it to be."""

    CLAIMED = "claimed"
    TAKEN = "refused: another holds it"
    RELEASED = "released"
    NOT_HELD = "refused: it is not held"
    ENDED = "its booking was cancelled"
    CONFIRMED = "its booking was confirmed"
    FREE = "read as free"
    RESERVED = "read as reserved"
    SOLD = "read as sold"


READS = frozenset({Seen.TAKEN, Seen.NOT_HELD, Seen.FREE, Seen.RESERVED, Seen.SOLD})


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """One operation on one seat, by `booking` (0: by a reader). Times in any unit, of one clock.

    sure: it was answered. If not, it may have acted until `end`, NEVER for always, or not at all.
    """

    seen: Seen
    booking: int
    start: float
    end: float
    sure: bool = True

    def __str__(self) -> str:
        told = "" if self.sure else " (unknown)"
        return f"{self.seen.value} by {self.booking}, {self.start:.6f} to {self.end:.6f}{told}"


class State(NamedTuple):
    owner: int = NOBODY
    sold: bool = False

    def after(self, op: Op) -> "State | None":
        """The state after `op` has acted in this one; None: its answer would be another."""
        mine = self.owner == op.booking
        match op.seen:
            case Seen.CLAIMED:
                possible = self.owner == NOBODY or (mine and not self.sold)
                return State(op.booking) if possible else None
            case Seen.RELEASED:
                return State() if mine and not self.sold else None
            case Seen.ENDED:
                if mine:
                    return None if self.sold else State()
                return self
            case Seen.CONFIRMED:
                return State(op.booking, True) if mine else self
            case Seen.TAKEN:
                return None if mine or self.owner == NOBODY else self
            case Seen.NOT_HELD | Seen.FREE:
                return self if self.owner == NOBODY else None
            case Seen.RESERVED:
                return self if self.owner != NOBODY and not self.sold else None
            case Seen.SOLD:
                return self if self.sold else None


class _Could(NamedTuple):
    """The seat's state, and which of the operations under way have acted."""

    state: State
    acted: frozenset[Op]


def violation(history: Iterable[Op]) -> Op | None:
    """The first answer that nothing explains; None: the history is linearizable."""
    could = {_Could(State(), frozenset())}
    pending: set[Op] = set()
    for op, begins in _moments(list(history)):
        if begins:
            pending.add(op)
            continue
        reached = _reached(could, pending)
        if op.sure:
            reached = {each for each in reached if op in each.acted}
            if not reached:
                return op
        pending.remove(op)
        could = {_Could(each.state, each.acted - {op}) for each in reached}
    return None


def _moments(history: Sequence[Op]) -> Iterator[tuple[Op, bool]]:
    """Calls (True) and answers, in the order of time; at one moment, calls come first."""
    moments = [(op.start, 0, number) for number, op in enumerate(history)]
    moments += [(op.end, 1, number) for number, op in enumerate(history) if op.end != NEVER]
    return ((history[number], kind == 0) for _, kind, number in sorted(moments))


def _reached(could: Iterable[_Could], pending: set[Op]) -> set[_Could]:
    """Everything that may be by now, each with as many of the pending operations as one likes.

    What changes nothing is let act where it can: that rules out nothing later.
    """
    found: set[_Could] = set()
    left = list(could)
    while left:
        state, acted = left.pop()
        idle = (op for op in pending - acted if op.seen in READS and state.after(op) is not None)
        here = _Could(state, acted.union(idle))
        if here in found:
            continue
        found.add(here)
        for op in pending - here.acted:
            after = state.after(op)
            if after is not None and op.seen not in READS:
                left.append(_Could(after, here.acted | {op}))
    return found
