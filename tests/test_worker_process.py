"""Whether a worker still lives, as its parent hears it."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any, cast

import pytest

from billetter import worker_process
from billetter.worker_process import WorkerProcess

NO_PROCESS = cast(Any, None)


@pytest.fixture
def worker() -> Iterator[tuple[WorkerProcess, socket.socket]]:
    """A worker, and its own end of what it is heard by."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield WorkerProcess(NO_PROCESS, ours), theirs


async def test_one_that_gives_no_sign_is_silent(
    worker: tuple[WorkerProcess, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "SECOND_LOOK_S", 0.05)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await worker[0].silent(0.1)
    assert loop.time() - began > 0.14  # Timers may be early by a tick.


async def test_one_that_gives_a_sign_at_the_second_look_is_not(
    worker: tuple[WorkerProcess, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a pause of the whole machine, which was longer than anybody's patience."""
    monkeypatch.setattr(worker_process, "SECOND_LOOK_S", 60)
    watching = asyncio.create_task(worker[0].silent(0.01))
    for _ in range(3):
        await asyncio.sleep(0.05)
        assert not watching.done()
        worker[1].send(b".")
    watching.cancel()


async def test_doubt_is_over_with_the_next_sign(
    worker: tuple[WorkerProcess, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "SECOND_LOOK_S", 0.5)
    watching = asyncio.create_task(worker[0].silent(0.01))
    await asyncio.sleep(0.1)  # It is doubted.
    monkeypatch.setattr(worker_process, "SECOND_LOOK_S", 0)
    worker[1].send(b".")
    async with asyncio.timeout(5):
        await watching  # Its patience and a second look began anew, and are short.


async def test_one_that_has_ended_is_not_silent(
    worker: tuple[WorkerProcess, socket.socket],
) -> None:
    worker[1].close()
    watching = asyncio.create_task(worker[0].silent(0.01))
    await asyncio.sleep(0.05)
    assert not watching.done()
    watching.cancel()
