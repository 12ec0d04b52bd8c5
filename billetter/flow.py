"""What goes through a connection in both directions, and whether it still does."""

import asyncio
import socket
import struct
from contextlib import suppress

from uvicorn.protocols.http.flow_control import FlowControl

_RESET = struct.pack("ii", 1, 0)


class Flow(FlowControl):
    """uvicorn's, which also knows how long a client has read nothing.

    held: reading stays paused, whoever asks for more: requests are queued.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self.held = False
        self._transport: asyncio.Transport = transport
        self._unread = 0
        self._read_at = 0.0

    def resume_reading(self) -> None:
        if self.read_paused and not self.held:
            super().resume_reading()

    def unread_for(self, now: float) -> float:
        """Seconds that answers have waited without any of their bytes being taken.

        Exact to the time between two calls. What is written meanwhile can hide that a little was
        read, but only until the buffer is full; whoever reads at all empties it before.
        """
        unread = self._transport.get_write_buffer_size()
        if not unread or unread < self._unread:
            self._read_at = now
        self._unread = unread
        return now - self._read_at if unread else 0.0


def drop(transport: asyncio.Transport) -> None:
    """End a connection with all that waits in it, here and in the system's own buffers."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):  # It may be no TCP connection, or gone.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
