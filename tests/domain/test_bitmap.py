"""Bits of seats, against a model that looks at one bit after the other."""

from hypothesis import given
from hypothesis import strategies as st

from billetter.domain.bitmap import Ranks, extract

bitmaps = st.binary(max_size=20)
places = st.integers(0, 200)
patterns = st.text("01", min_size=1, max_size=200)


def bit(bitmap: bytes, position: int) -> str:
    """One bit as Redis' GETBIT gives it: the first is the highest of the first byte."""
    byte, offset = divmod(position, 8)
    return str(bitmap[byte] >> (7 - offset) & 1) if byte < len(bitmap) else "0"


@given(bitmaps, places, st.integers(1, 200))
def test_extract_takes_the_bits_of_a_stretch(bitmap: bytes, first: int, count: int) -> None:
    expected = "".join(bit(bitmap, first + offset) for offset in range(count))
    assert f"{extract(bitmap, first, count):0{count}b}" == expected


@given(bitmaps, places)
def test_extract_of_nothing_is_nothing(bitmap: bytes, first: int) -> None:
    assert extract(bitmap, first, 0) == 0


def test_extract_reads_zeros_beyond_the_end() -> None:
    assert extract(b"", 3, 9) == 0
    assert extract(b"\xff", 4, 8) == 0b1111_0000
    assert extract(b"\xff\xff", 40, 8) == 0


@given(patterns, places, st.integers(-1, 200))
def test_positions_are_a_window_of_the_set_bits(pattern: str, skip: int, take: int) -> None:
    every = [position for position, digit in enumerate(pattern) if digit == "1"]
    ranks = Ranks(int(pattern, 2), len(pattern))
    assert ranks.total == len(every)
    assert ranks.positions(skip, take) == every[skip : skip + max(0, take)]


def test_positions_in_a_large_map() -> None:
    few = Ranks(sum(1 << (99_999 - position) for position in (0, 1, 50_000, 99_999)), 100_000)
    assert few.positions(0, 20) == [0, 1, 50_000, 99_999]
    assert few.positions(2, 1) == [50_000]
    full = Ranks((1 << 100_000) - 1, 100_000)
    assert full.positions(99_990, 20) == list(range(99_990, 100_000))
    assert full.positions(511, 3) == [511, 512, 513]
    assert Ranks(0, 100_000).positions(0, 20) == []


@given(bitmaps.filter(bool), st.integers(1, 30))
def test_together_they_list_the_bits_of_a_bitmap(bitmap: bytes, first: int) -> None:
    width = 8 * len(bitmap)
    found = Ranks(extract(bitmap, first, width), width).positions(0, width)
    expected = [spot for spot in range(width) if bit(bitmap, first + spot) == "1"]
    assert found == expected
