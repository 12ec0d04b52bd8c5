"""Redis is lost at every command of every changing route: what is answered is true, and a
repetition settles it."""

import asyncio
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench.torture.asking import Caller
from bench.torture.cuts import DEADLINE_MS, Loss, Stage, untruths
from bench.torture.proxy import Proxy
from bench.torture.routes import ROUTES, Route, unpaid_given_back
from bench.torture.run import audited, newest
from billetter.api import ENDPOINTS
from billetter.engine import Engine, unit_of_work
from billetter.testing import RedisServer
from billetter.wire.topology import open_wire
from tests.api.serving import serving

STAGES = 6
"""Where a request waits for its deadline, others go on."""


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """A Redis of its own, whose data is sound in the end."""
    with (
        tempfile.TemporaryDirectory(prefix="billetter-") as directory,
        RedisServer(newest(), Path(directory)) as server,
    ):
        path = Path(directory) / "proxy.sock"
        async with (
            Proxy(path, server.socket) as proxy,
            serving(proxy.url, redis_deadline_ms=DEADLINE_MS, rate_limits="") as tried,
            serving(server.url, rate_limits="") as calm,
        ):
            wire = open_wire(server.url)
            await wire.start()
            engine = Engine(wire)
            await engine.prepare()
            yield Stage(proxy, Caller(tried.address[1]), Caller(calm.address[1]), engine)
            await wire.close()
        audit = await audited(server.url)
        assert audit.ok, audit.value


@pytest.fixture(scope="session")
async def surveys() -> dict[str, tuple[int, list[str]]]:
    """What came of each route, by its name."""
    left, told = deque(ROUTES), dict[str, tuple[int, list[str]]]()

    async def work() -> None:
        async with staged() as stage:
            while left:
                route = left.popleft()
                told[route.name] = await stage.survey(route)

    await asyncio.gather(*(work() for _ in range(STAGES)))
    return told


def test_every_changing_route_is_here() -> None:
    changing = {(each.method, each.path, each.keyed) for each in ENDPOINTS if not each.safe}
    assert {(route.method, route.path, route.keyed) for route in ROUTES} == changing


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_what_is_answered_is_true(
    surveys: dict[str, tuple[int, list[str]]], route: Route
) -> None:
    losses, wrong = surveys[route.name]
    assert wrong == []
    assert losses >= len(Loss)


async def test_without_units_of_work_it_would_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_of_work.UnitOfWork, "changed", False)
    (route,) = (each for each in ROUTES if each.prepare is unpaid_given_back)
    async with staged() as stage:
        calm = await stage.play(route)
        wrong = [
            each
            for nth in range(1, calm.commands + 1)
            for each in untruths(route, calm, await stage.play(route, Loss.THEN, nth))
        ]
    assert any("'unavailable', and it was done" in each for each in wrong)
