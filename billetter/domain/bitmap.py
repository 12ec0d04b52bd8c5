"""Bits of seats as plain integers: the first seat is the most significant bit, as in Redis."""


def extract(bitmap: bytes, first_bit: int, count: int) -> int:
    """`count` bits of `bitmap` from `first_bit` on; bits beyond its end are 0."""
    stop = first_bit + count
    chunk = bitmap[first_bit // 8 : (stop + 7) // 8]
    missing = (stop + 7) // 8 - first_bit // 8 - len(chunk)
    value = int.from_bytes(chunk, "big") << (8 * missing)
    return (value >> (-stop % 8)) & ((1 << count) - 1)


def positions(bits: int, width: int, skip: int, take: int) -> list[int]:
    """Positions, in order, of set bits number `skip` … `skip + take - 1` among `width` bits.

    Halves the integer and looks only into halves that matter, so a window anywhere in a
    100 000-bit map costs some microseconds.
    """
    if take <= 0 or skip >= bits.bit_count():
        return []
    if width == 1:
        return [0]
    low_width = width // 2
    high, low = bits >> low_width, bits & ((1 << low_width) - 1)
    found = positions(high, width - low_width, skip, take)
    above = high.bit_count()
    rest = positions(low, low_width, max(0, skip - above), take - len(found))
    return found + [width - low_width + position for position in rest]
