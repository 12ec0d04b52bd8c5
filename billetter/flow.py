"""What goes through a connection in both directions, and whether it still does."""

import asyncio
import fcntl
import math
import socket
import struct
import sys
import termios
from contextlib import suppress

from uvicorn.protocols.http.flow_control import FlowControl

UNKNOWN = math.inf
"""How much was not read when nobody had looked."""
_RESET = struct.pack("ii", 1, 0)


class Flow(FlowControl):
    """uvicorn's, which also knows how long a client has read nothing.

    held: reading stays paused, whoever asks for more: requests are queued.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self.held = False
        self._transport: asyncio.Transport = transport
        self._unread: float = UNKNOWN
        self._read_at = 0.0

    def hold(self) -> None:
        self.held = True
        self.pause_reading()

    def let_go(self) -> None:
        self.held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        if self.read_paused and not self.held:
            super().resume_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread = UNKNOWN  # Enough was read, whatever is written from now on.

    def unread_for(self, now: float) -> float:
        """Seconds that answers have waited without any of their bytes being taken.

        Exact to the time between two calls. Small answers that are written meanwhile can hide that
        some were read, but only until there are enough for `resume_writing`.
        """
        unread = self._transport.get_write_buffer_size()
        if unread:
            unread += _unsent(self._transport)
        if not unread or unread < self._unread:
            self._read_at = now
        self._unread = unread
        return now - self._read_at


def _unsent(transport: asyncio.Transport) -> int:
    """Bytes that the system has taken and the client has not, where the system tells.

    It takes no more before about a third of its buffer is free, which may be a megabyte.
    """
    with suppress(OSError, ValueError, AttributeError):
        descriptor = transport.get_extra_info("socket").fileno()
        told: bytes = fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(told, sys.byteorder)
    return 0


def drop(transport: asyncio.Transport) -> None:
    """End a connection with all that waits in it, here and in the system's own buffers."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):  # It may be no TCP connection, or gone.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
