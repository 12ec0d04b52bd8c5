"""RESP2 as it comes over a socket."""

from collections.abc import Iterator

Command = list[bytes]


def end_of(data: bytes | bytearray, start: int = 0) -> int | None:
    """Where the RESP2 value that begins at `start` ends; None when it is not all there."""
    line = data.find(b"\r\n", start)
    if line < 0:
        return None
    kind, end = data[start : start + 1], line + 2
    if kind in b"+-:":
        return end
    if kind not in b"$*":
        raise ValueError(f"not RESP2: {bytes(data[start : start + 20])!r}")
    length = int(data[start + 1 : line])
    if kind == b"$":
        end += length + 2 if length >= 0 else 0
        return end if end <= len(data) else None
    for _ in range(length):
        inner = end_of(data, end)
        if inner is None:
            return None
        end = inner
    return end


def taken(buffer: bytearray) -> Iterator[bytes]:
    """Each complete value of the buffer, which keeps the rest."""
    start = 0
    try:
        while start < len(buffer) and (end := end_of(buffer, start)) is not None:
            yield bytes(buffer[start:end])
            start = end
    finally:
        del buffer[:start]


def words(raw: bytes) -> Command:
    """The words of one packed command."""
    found, position = [], raw.index(b"\r\n") + 2
    while position < len(raw):
        line = raw.index(b"\r\n", position)
        length = int(raw[position + 1 : line])
        found.append(raw[line + 2 : line + 2 + length])
        position = line + 2 + length + 2
    return found
