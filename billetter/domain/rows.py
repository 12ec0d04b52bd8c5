"""Rows of seats as runs of equal neighbours: a million equal rows take what one takes.

The runs are kept as plain integers side by side, and where a seat lies is worked out by a bisection
of their sums: what a layout costs follows from how irregular it is, not from how large.
"""

import sys
from array import array
from base64 import b64decode, b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, chain, compress, islice, repeat
from operator import mul, ne, sub
from typing import overload
from zlib import compress as deflate
from zlib import decompress as inflate

PAIRS_MAX = 256
"""Runs that are written as pairs, for people to read; more of them are packed."""

_UNSIGNED = "I"  # Four bytes hold the seats of an event everywhere.
RUN_BYTES = 4 * array(_UNSIGNED).itemsize
"""The memory that a run takes, the sums included."""

Pairs = list[list[int]]
"""How many rows, and how many seats each of them has."""


class Rows(Sequence[int]):
    """The seats of each row, one row after the other."""

    def __init__(self, counts: Iterable[int], lengths: Iterable[int]) -> None:
        """counts: rows of each run; lengths: the seats of each row in it."""
        self._counts = array(_UNSIGNED, counts)
        self._lengths = array(_UNSIGNED, lengths)

    @classmethod
    def of(cls, lengths: Sequence[int]) -> "Rows":
        """The rows of these lengths."""
        if isinstance(lengths, Rows):
            return lengths
        ends = [*compress(range(1, len(lengths)), map(ne, lengths, islice(lengths, 1, None)))]
        starts = [0, *ends] if lengths else []
        counts = map(sub, chain(ends, [len(lengths)]), starts)
        return cls(counts, map(lengths.__getitem__, starts))

    @classmethod
    def equal(cls, count: int, length: int) -> "Rows":
        return cls([count], [length])

    @property
    def runs(self) -> Iterator[tuple[int, int]]:
        """Rows of one length: how many, and their seats; no two neighbours have the same."""
        return zip(self._counts, self._lengths, strict=True)

    @property
    def run_count(self) -> int:
        return len(self._counts)

    @cached_property
    def seats(self) -> int:
        """All of them."""
        return sum(map(mul, self._counts, self._lengths))

    def place(self, offset: int) -> tuple[int, int]:
        """The row, from 0, and the number in it, from 1, of seat number `offset`, from 0."""
        run = bisect_right(self._seat_ends, offset)
        before = self._seat_ends[run - 1] if run else 0
        row, seat = divmod(offset - before, self._lengths[run])
        return self._first_row(run) + row, seat + 1

    def span(self, row: int) -> tuple[int, int]:
        """Which seat, from 0, is the first of a row, and how many the row has."""
        run = bisect_right(self._row_ends, row)
        before = self._seat_ends[run - 1] if run else 0
        length = self._lengths[run]
        return before + (row - self._first_row(run)) * length, length

    def to_json(self) -> Pairs | str:
        """What `from_json` reads: pairs, or packed in a text where there are many runs."""
        if self.run_count <= PAIRS_MAX:
            return [list(run) for run in self.runs]
        return b64encode(deflate(_bytes(self._counts + self._lengths), 1)).decode()

    @classmethod
    def from_json(cls, value: Pairs | str) -> "Rows":
        if isinstance(value, str):
            both = _unsigned(inflate(b64decode(value)))
            half = len(both) // 2
            return cls(both[:half], both[half:])
        return cls(*zip(*value, strict=True)) if value else cls((), ())

    @cached_property
    def _row_ends(self) -> "array[int]":
        """Rows up to and including each run."""
        return array(_UNSIGNED, accumulate(self._counts))

    @cached_property
    def _seat_ends(self) -> "array[int]":
        """Seats up to and including each run."""
        return array(_UNSIGNED, accumulate(map(mul, self._counts, self._lengths)))

    def _first_row(self, run: int) -> int:
        return self._row_ends[run - 1] if run else 0

    def __len__(self) -> int:
        return self._row_ends[-1] if self._counts else 0

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(map(repeat, self._lengths, self._counts))

    @overload
    def __getitem__(self, row: int) -> int: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[int]: ...
    def __getitem__(self, row: int | slice) -> int | Sequence[int]:
        if isinstance(row, slice):
            return [self[each] for each in range(len(self))[row]]
        return self.span(range(len(self))[row])[1]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rows):
            return NotImplemented
        return self._counts == other._counts and self._lengths == other._lengths

    def __hash__(self) -> int:
        return hash((self.run_count, *islice(self.runs, 1)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{count} x {length}" for count, length in islice(self.runs, 5))
        return f"Rows({shown}{', …' if self.run_count > 5 else ''})"


def _bytes(numbers: "array[int]") -> bytes:
    """Little-endian, whatever the machine."""
    return _swapped(numbers).tobytes()


def _unsigned(packed: bytes) -> "array[int]":
    numbers = array(_UNSIGNED)
    numbers.frombytes(packed)
    return _swapped(numbers)


def _swapped(numbers: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
