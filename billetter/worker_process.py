"""A worker process, seen from its parent; `worker` is the other side."""

import asyncio
import contextlib
import os
import pickle
import signal
import socket
import sys
from typing import Final, Self

from billetter.listener import StartError
from billetter.worker import DRAIN, READY

SECOND_LOOK_S: Final = 2.0
"""Seconds for which a worker that was silent for too long may still give a sign of life."""


class WorkerProcess:
    """One that was started, and the socket on which both tell each other how it is."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.process = process
        self._control = control

    @classmethod
    async def start(cls, listener: int, *job: object) -> Self:
        """Start the process and send it the job that `work` unpacks. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "billetter.worker"),
                stdin=theirs.fileno(),
                pass_fds=[listener],
                process_group=0,  # Ctrl-C is for the parent alone, which then ends the workers.
            )
        ours.setblocking(False)
        ours.send(pickle.dumps((listener, *job)))
        return cls(process, ours)

    async def ready(self) -> None:
        """Return when it serves. Raises StartError, with its reason, if it ends instead."""
        answer = b""
        with contextlib.suppress(ConnectionError):
            while part := await asyncio.get_running_loop().sock_recv(self._control, 4096):
                answer += part
                if answer.startswith(READY):
                    return
        status = await self.ended()
        raise StartError(answer.decode() or f"a worker ended while starting, with status {status}.")

    async def silent(self, patience_s: float) -> None:
        """Return when it has given no sign of life for so long; it gives one each second."""
        loop, doubted = asyncio.get_running_loop(), False
        with contextlib.suppress(ConnectionError):
            while True:
                try:
                    async with asyncio.timeout(SECOND_LOOK_S if doubted else patience_s):
                        if not await loop.sock_recv(self._control, 4096):
                            break
                    doubted = False
                except TimeoutError:
                    # After a pause of the whole machine it has had no time to give one.
                    if doubted:
                        return
                    doubted = True
        await asyncio.Event().wait()  # It has ended, which is for others to notice.

    def drain(self) -> None:
        """Let it finish what it has begun, and end."""
        with contextlib.suppress(OSError):
            self._control.send(DRAIN)

    def signal(self, sign: signal.Signals) -> None:
        # Not Process.send_signal: it may collect the exit code that asyncio waits for.
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, sign)

    async def ended(self) -> int:
        """Its exit status, or minus the signal, once it has ended."""
        status = await self.process.wait()
        self._control.close()
        return status
