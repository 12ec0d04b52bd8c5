"""Bits of seats as plain integers: the first seat is the most significant bit, as in Redis."""

from bisect import bisect_right
from itertools import accumulate, compress, islice

WORD_BITS = 512

_FLAG_OF_DIGIT = bytes.maketrans(b"01", b"\0\1")


def extract(bitmap: bytes, first_bit: int, count: int) -> int:
    """`count` bits of `bitmap` from `first_bit` on; bits beyond its end are 0."""
    stop = first_bit + count
    chunk = bitmap[first_bit // 8 : (stop + 7) // 8]
    missing = (stop + 7) // 8 - first_bit // 8 - len(chunk)
    value = int.from_bytes(chunk, "big") << (8 * missing)
    return (value >> (-stop % 8)) & ((1 << count) - 1)


class Ranks:
    """The set bits among `width` bits, by their number in order.

    Counts the bits of each word once, so that a window anywhere in a 100 000-bit map then costs
    some microseconds, whether it is nearly full or nearly empty.
    """

    def __init__(self, bits: int, width: int) -> None:
        padded = bits << (-width % WORD_BITS)
        packed = padded.to_bytes((width + WORD_BITS - 1) // WORD_BITS * (WORD_BITS // 8), "big")
        self._words = [
            int.from_bytes(packed[start : start + WORD_BITS // 8], "big")
            for start in range(0, len(packed), WORD_BITS // 8)
        ]
        self._ends = list(accumulate(word.bit_count() for word in self._words))
        self.total = self._ends[-1] if self._ends else 0

    def positions(self, skip: int, take: int) -> list[int]:
        """Positions, in order, of set bits number `skip` … `skip + take - 1`."""
        found: list[int] = []
        word = bisect_right(self._ends, skip)
        while len(found) < take and word < len(self._words):
            before = self._ends[word - 1] if word else 0
            first, last = skip - before, skip - before + take - len(found)
            numbers = range(word * WORD_BITS, (word + 1) * WORD_BITS)
            found += islice(compress(numbers, _flags(self._words[word])), first, last)
            skip = self._ends[word]
            word = bisect_right(self._ends, skip)
        return found


def _flags(word: int) -> bytes:
    """A byte for each bit of a word, 0 or 1."""
    return f"{word:0{WORD_BITS}b}".encode().translate(_FLAG_OF_DIGIT)
