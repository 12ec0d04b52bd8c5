"""Processes that die in the middle of their work, by SIGKILL."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from itertools import count
from multiprocessing.process import BaseProcess
from typing import NoReturn, TypeVar

from billetter.domain.ids import EventId
from billetter.engine import Engine

_FORKS = multiprocessing.get_context("forkserver")
"""New processes start in milliseconds, from one that has imported all and done nothing."""
_FORKS.set_forkserver_preload(["bench.torture.buyers", "bench.torture.crashes"])

T = TypeVar("T")


def started(work: Callable[[T], None], part: T) -> BaseProcess:
    """A process that does its part. It ends with this one at the latest."""
    process = _FORKS.Process(target=work, args=(part,), daemon=True)
    process.start()
    return process


async def ended(process: BaseProcess, within_s: float | None = None) -> bool:
    """Wait for its end, and kill it after so long. Whether it was killed, by whomever.

    RuntimeError where it failed.
    """
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    # All in this thread: of two that read an exit code, one finds it gone.
    loop.add_reader(process.sentinel, over.set)
    try:
        async with asyncio.timeout(within_s):
            await over.wait()
    except TimeoutError:
        process.kill()
        await over.wait()
    finally:
        loop.remove_reader(process.sentinel)
    process.join()
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a process of the torture ended with {process.exitcode}")
    return process.exitcode != 0


def mortal(engine: Engine, servings: int) -> None:
    """Let this process die where it would hand on what its n-th change has just freed."""
    serve, numbers = engine.lines.serve, count(1)

    async def serve_or_die(event: EventId) -> None:
        if next(numbers) == servings:
            die()
        await serve(event)

    engine.lines.serve = serve_or_die  # type: ignore[method-assign]


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody survives that")
