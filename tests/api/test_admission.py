"""Admission: what is too much is refused, what was let in is served."""

import asyncio
from typing import Any

import pytest

from billetter.api import middleware
from billetter.api.middleware import Admission


class Hall:
    """An ASGI app whose requests take until it is told to let them go."""

    def __init__(self) -> None:
        self.inside = 0
        self.open = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        await self.open.wait()
        self.inside -= 1
        if scope.get("fails"):
            raise RuntimeError
        await send({"type": "http.response.start", "status": 200, "headers": []})


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "SHED_S", 0)


async def status(app: Admission, **scope: Any) -> int:
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    await app({"type": "http", **scope}, None, send)  # type: ignore[arg-type]
    return int(said[0]["status"])


async def test_so_many_are_let_in_and_the_rest_is_refused() -> None:
    hall = Hall()
    app = Admission(hall, requests_max=2)
    first = [asyncio.create_task(status(app)) for _ in range(2)]
    await asyncio.sleep(0)
    assert hall.inside == 2
    assert [await status(app) for _ in range(3)] == [503] * 3
    hall.open.set()
    assert await asyncio.gather(*first) == [200, 200]
    assert await status(app) == 200


async def test_a_request_that_fails_leaves_its_place() -> None:
    hall = Hall()
    hall.open.set()
    app = Admission(hall, requests_max=1)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            await status(app, fails=True)
    assert await status(app) == 200


async def test_what_is_no_request_is_not_counted() -> None:
    hall = Hall()
    app = Admission(hall, requests_max=1)
    lifespan = asyncio.create_task(status(app, type="lifespan"))
    request = asyncio.create_task(status(app))
    await asyncio.sleep(0)
    assert hall.inside == 2
    hall.open.set()
    assert [await lifespan, await request] == [200, 200]
