"""Whether a Redis is there in a data directory: its lock, its socket, and its answer."""

import asyncio
import fcntl
import os
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

SERVER_LOCK: Final = "redis.lock"
"""The file that a server holds locked from its start to its end."""
SOCKET_BYTES_MAX: Final = 100
"""A unix socket's path ends at 104 bytes (BSD, macOS) or 108 (Linux)."""
ANSWER_S_MAX: Final = 1.0


async def answering(path: Path) -> int | None:
    """Process id of the Redis that answers on the socket with its data loaded, if one does.

    By hand, as this must end at once when it is cancelled, which redis-py does not promise.
    """
    with suppress(OSError, EOFError, ValueError):
        async with asyncio.timeout(ANSWER_S_MAX):
            reader, writer = await asyncio.open_unix_connection(path)
            with closing(writer):
                writer.write(b"INFO\r\n")
                length = int((await reader.readline()).removeprefix(b"$"))
                told = (await reader.readexactly(length)).decode(errors="replace")
        info = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
        return None if info["loading"] != "0" else int(info["process_id"])
    return None


def in_use(data: Path) -> bool:
    """Whether a server has the directory, or is about to; it may not answer yet."""
    try:
        descriptor = os.open(data / SERVER_LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        # Held for a moment, as locks can only be tried: who wants it just now tries again.
        return not lock(descriptor)
    finally:
        os.close(descriptor)


def socket_of(data: Path) -> Path:
    """Where the server of `data` listens if one runs. OSError: that is not on record."""
    return socket_path(data.absolute(), fresh=False)


def socket_path(data: Path, *, fresh: bool) -> Path:
    """Where the socket of `data` is: in it or, if that is too long a path, in a temporary place.

    fresh: no server runs yet, so there is a new place to be made; else the one on record.
    """
    near = data / "redis.sock"
    if len(os.fsencode(near)) <= SOCKET_BYTES_MAX:
        return near
    record = data / "redis.sock.directory"
    if fresh:
        temporary = tempfile.gettempdir()
        brief = len(os.fsencode(temporary)) <= SOCKET_BYTES_MAX // 2
        made = tempfile.mkdtemp(prefix="billetter-", dir=temporary if brief else "/tmp")
        record.write_bytes(os.fsencode(f"{made}\n{data}"))
    place, _, of = os.fsdecode(record.read_bytes()).partition("\n")
    if of not in ("", str(data)):
        raise FileNotFoundError(f"{record} is a copy")  # It names the socket of the original.
    return Path(place) / near.name


def lock(descriptor: int) -> bool:
    """Take the lock, unless another process has it. It lasts as long as any copy is open."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
