"""The servers that are measured: each on loopback, on a free port, ended with its context."""

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.run import NotMeasured, Run
from bench.torture.hall import engine_on
from bench.torture.http import ROOT, Server
from bench.wrk import INSTALL
from billetter.engine import Engine
from billetter.testing import RedisServer


@dataclass(frozen=True, slots=True)
class Stand:
    """A Redis, Billetter on it, and an engine of our own to set up what is measured."""

    redis: RedisServer
    engine: Engine
    api: Server


@asynccontextmanager
async def stand(
    run: Run, name: str = "stand", *, appendonly: bool = True, env: Mapping[str, str] | None = None
) -> AsyncIterator[Stand]:
    """Redis as Billetter is meant to be run, `appendfsync always`, and one worker."""
    async with (
        redis_of(run, name, appendonly=appendonly) as (redis, engine),
        Server(redis.url, redis.directory, workers=1, env=env) as api,
    ):
        yield Stand(redis, engine, api)


@asynccontextmanager
async def redis_of(
    run: Run, name: str, *, appendonly: bool = True
) -> AsyncIterator[tuple[RedisServer, Engine]]:
    directory = run.apart(name)
    with RedisServer(run.binary, directory, appendonly=appendonly) as redis:
        async with engine_on(redis.url) as engine:
            yield redis, engine


class EchoServer(Server):
    """`python -m bench.echo`: uvicorn and an app that does nothing."""

    def __init__(self, run: Run) -> None:
        super().__init__("", run.apart("echo"))

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "bench.echo"],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def workers(self) -> list[int]:
        return [self._process.pid]


def need_wrk() -> None:
    """Raises NotMeasured at once, before servers are started for nothing."""
    if shutil.which("wrk") is None:
        raise NotMeasured(INSTALL)
