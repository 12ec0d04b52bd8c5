"""One application in many loops, under test clients, mounted, with a lifespan and without."""

import asyncio
import gc
import inspect
import logging
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from billetter.app import create_app
from billetter.application import Application, Service
from billetter.domain.outcome import EngineError
from billetter.engine import Engine
from billetter.settings import Settings
from billetter.testing import RedisServer
from tests.api.client import eventually

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # It would rather have a later httpx.
    from starlette.testclient import TestClient

FAKE = "fake://"
in_its_own_loop = pytest.mark.asyncio(loop_scope="function")
"""Which ends with the test, and so does what a request has started in it."""
EVENT = {"title": "An evening", "rows": 1, "seats_per_row": 4}


def make_app(redis_url: str, **settings: object) -> Application:
    return create_app(Settings.model_validate(settings), redis_url)


@asynccontextmanager
async def asking(app: Any, path: str = "") -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://a{path}") as client:
        yield client


async def make_event(client: httpx.AsyncClient) -> int:
    made = await client.post("/api/events", json=EVENT)
    assert made.status_code == 201, made.text
    event: int = made.json()["id"]
    return event


async def count_events(app: Any) -> int:
    async with asking(app) as client:
        return len((await client.get("/api/events")).json())


class Lifespan:
    """What a server does with the lifespan of an application."""

    def __init__(self, app: Any) -> None:
        self._heard: asyncio.Queue[Any] = asyncio.Queue()
        self._said: asyncio.Queue[Any] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
        self._task = asyncio.ensure_future(app(scope, self._said.get, self._heard.put))

    async def send(self, step: str) -> Any:
        await self._said.put({"type": f"lifespan.{step}"})
        return await asyncio.wait_for(self._heard.get(), 10)

    async def startup(self) -> Any:
        return await self.send("startup")

    async def shutdown(self) -> None:
        assert await self.send("shutdown") == {"type": "lifespan.shutdown.complete"}
        await self._task

    async def end(self) -> None:
        await asyncio.wait([self._task])
        self._task.exception()


async def through_a_lifespan(app: Any) -> None:
    lifespan = Lifespan(app)
    assert await lifespan.startup() == {"type": "lifespan.startup.complete"}
    async with asking(app) as client:
        await make_event(client)
    await lifespan.shutdown()


async def without_a_lifespan(app: Any) -> None:
    async with asking(app) as client:
        await make_event(client)


WAYS: list[Callable[[Any], Awaitable[None]]] = [through_a_lifespan, without_a_lifespan]


@pytest.fixture(autouse=True)
def nothing_left_open() -> Any:
    """Whatever was not closed says so when it is collected, and warnings are errors."""
    yield
    gc.collect()


# How servers see it.


def test_it_is_taken_for_what_it_is() -> None:
    app = make_app(FAKE)
    assert inspect.iscoroutinefunction(app.__call__)
    config = uvicorn.Config(app, log_config=None)
    config.load()
    assert config.interface == "asgi3"


def test_what_cannot_work_is_said_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="The Redis URL must look like"):
        make_app("http://nowhere")


@in_its_own_loop
async def test_a_websocket_is_refused_as_the_specification_says() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    await make_app(FAKE)({"type": "websocket", "path": "/"}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


@in_its_own_loop
async def test_what_is_none_of_its_protocols_is_an_error() -> None:
    with pytest.raises(ValueError, match="'carrier pigeon'"):
        await make_app(FAKE)({"type": "carrier pigeon"}, None, None)  # type: ignore[arg-type]


# In one loop after another.


@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("sweep", [False, True])
def test_it_serves_in_one_loop_after_another(first: Any, second: Any, sweep: bool) -> None:
    app = make_app(FAKE, sweep=sweep)
    asyncio.run(first(app))
    asyncio.run(second(app))
    assert asyncio.run(count_events(app)) == 2


@pytest.mark.parametrize("way", WAYS)
def test_so_it_does_on_a_real_redis(own_server: RedisServer, way: Any) -> None:
    app = make_app(own_server.url)
    for _ in range(2):
        asyncio.run(way(app))
    assert asyncio.run(count_events(app)) == 2


@in_its_own_loop
async def test_two_loops_at_once_see_the_same_seats() -> None:
    app = make_app(FAKE)
    async with asking(app) as client:
        await make_event(client)
        for events in (2, 3):
            await asyncio.to_thread(asyncio.run, without_a_lifespan(app))
            assert len((await client.get("/api/events")).json()) == events


def test_loops_may_take_turns() -> None:
    app = make_app(FAKE)
    with asyncio.Runner() as one, asyncio.Runner() as other:
        for turn in range(3):
            for runner in (one, other):
                runner.run(without_a_lifespan(app))
            assert one.run(count_events(app)) == other.run(count_events(app)) == 2 * turn + 2


def test_a_loop_that_was_left_lying_keeps_nobody_else_waiting() -> None:
    app = make_app(FAKE)
    abandoned = asyncio.new_event_loop()
    abandoned.run_until_complete(without_a_lifespan(app))
    asyncio.run(without_a_lifespan(app))
    with asyncio.Runner(loop_factory=lambda: abandoned):
        pass  # Its tasks end.
    assert asyncio.run(count_events(app)) == 2


@in_its_own_loop
async def test_one_lifespan_inside_another_ends_nothing() -> None:
    app = make_app(FAKE)
    outer, inner = Lifespan(app), Lifespan(app)
    await outer.startup()
    await inner.startup()
    await inner.shutdown()
    async with asking(app) as client:
        await make_event(client)
    await outer.shutdown()
    assert await count_events(app) == 1


@in_its_own_loop
async def test_two_applications_have_two_servers() -> None:
    apps = [make_app(FAKE) for _ in range(2)]
    await without_a_lifespan(apps[0])
    assert [await count_events(app) for app in apps] == [1, 0]


# Starlette's client.


def test_a_test_client_that_is_entered_twice() -> None:
    app = make_app(FAKE)
    for made in (1, 2):
        with TestClient(app) as client:
            assert client.post("/api/events", json=EVENT).status_code == 201
            assert len(client.get("/api/events").json()) == made


def test_a_test_client_that_is_not_entered_has_a_loop_for_each_request() -> None:
    client = TestClient(make_app(FAKE))
    event = client.post("/api/events", json=EVENT).json()["id"]
    booked = client.post("/api/bookings", json={"event_id": event})
    assert booked.status_code == 201
    assert client.get(booked.headers["location"]).json()["id"] == booked.json()["id"]


# Started by requests.


@in_its_own_loop
async def test_requests_at_once_start_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = []
    prepare = Engine.prepare

    async def counted(self: Engine, data_id: str | None = None) -> None:
        prepared.append(self)
        await prepare(self, data_id)

    monkeypatch.setattr(Engine, "prepare", counted)
    app = make_app(FAKE)
    async with asking(app) as client:
        await asyncio.gather(*(make_event(client) for _ in range(20)))
    assert len(prepared) == 1
    assert await count_events(app) == 20


@in_its_own_loop
async def test_a_first_request_that_is_given_up_keeps_nobody_waiting() -> None:
    app = make_app(FAKE)
    async with asking(app) as client:
        first = asyncio.ensure_future(client.get("/api/events"))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(client.get("/api/events"))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).status_code == 200


@in_its_own_loop
async def test_it_says_that_a_request_has_started_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "billetter"):
        await without_a_lifespan(make_app(FAKE))
    assert [text for text in caplog.messages if "lifespan" in text]


@in_its_own_loop
async def test_holds_lapse_where_a_request_has_started_it() -> None:
    async with asking(make_app(FAKE, hold_s=1)) as client:
        event = await make_event(client)
        await client.post(
            "/api/bookings", json={"event_id": event, "seat_ids": [event * 10**6 + 1]}
        )

        async def free() -> int:
            query: dict[str, Any] = {"event_id": event, "status": "FREE"}
            return len((await client.get("/api/seats", params=query)).json())

        async def all_are_free() -> bool:
            return await free() == 4

        assert await free() == 3
        await eventually(all_are_free)


class Redis:
    """Stands for a Redis that cannot be used until it is mended."""

    mended = False

    def build(self) -> Service:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})

        return Service(app, self._background())

    @asynccontextmanager
    async def _background(self) -> AsyncIterator[None]:
        await asyncio.sleep(0)
        if not self.mended:
            raise EngineError("this Redis was set up with format 9")
        yield


@in_its_own_loop
async def test_a_request_that_cannot_start_it_is_told_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    redis = Redis()
    async with asking(Application(redis.build)) as client:
        refused = await asyncio.gather(*(client.get("/") for _ in range(3)))
        assert {answer.status_code for answer in refused} == {503}
        assert "could not be started" in refused[0].json()["message"]
        assert "format 9" in caplog.text
        redis.mended = True
        assert (await client.get("/")).status_code == 204


@in_its_own_loop
async def test_a_lifespan_that_cannot_start_it_fails() -> None:
    redis = Redis()
    app = Application(redis.build)
    lifespan = Lifespan(app)
    failed = await lifespan.startup()
    assert failed["type"] == "lifespan.startup.failed"
    assert "format 9" in failed["message"]
    await lifespan.end()
    redis.mended = True
    lifespan = Lifespan(app)
    assert (await lifespan.startup())["type"] == "lifespan.startup.complete"
    await lifespan.shutdown()


# Inside another application.


@in_its_own_loop
async def test_it_may_be_mounted_in_another() -> None:
    tickets = make_app(FAKE)
    parent = Starlette(routes=[Mount("/box/office", tickets)])
    async with asking(parent) as client:
        made = await client.post("/box/office/api/events", json=EVENT)
        assert made.status_code == 201
        assert made.headers["location"] == f"/box/office/api/events/{made.json()['id']}"
        assert (await client.get(made.headers["location"])).json()["title"] == "An evening"
        assert (await client.get("/box/office/health")).status_code == 200
        assert (await client.get("/box/office/nowhere")).json()["error"] == "not_found"


@pytest.mark.parametrize("path", ["", "/tickets"])
@in_its_own_loop
async def test_a_server_may_be_told_where_it_is(path: str) -> None:
    """Some servers put their root path before the path of each request, and some do not."""
    app: Any = make_app(FAKE)
    transport = httpx.ASGITransport(app, root_path="/tickets")
    async with httpx.AsyncClient(transport=transport, base_url=f"http://a{path}") as client:
        made = await client.post("/api/events", json=EVENT)
        assert made.headers["location"] == f"/tickets/api/events/{made.json()['id']}"
        assert (await client.get(f"/api/events/{made.json()['id']}")).status_code == 200


def test_loops_of_several_threads_are_never_mixed_up() -> None:
    app = make_app(FAKE)

    async def many() -> None:
        async with asking(app) as client:
            for _ in range(50):
                assert (await client.get("/api/events")).status_code == 200

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(asyncio.run, many()) for _ in range(8)]:
            done.result(30)


@in_its_own_loop
async def test_links_lead_to_where_it_is_mounted() -> None:
    parent = Starlette(routes=[Mount("/tickets", make_app(FAKE))])
    async with asking(parent, "/tickets") as client:
        event = await make_event(client)
        for _ in range(2):
            booking = (await client.post("/api/bookings", json={"event_id": event})).json()
            assert booking["event_id"] == event
        listed = await client.get(f"/api/events/{event}/bookings", params={"pageSize": 1})
        assert f"</tickets/api/events/{event}/bookings?" in listed.headers["link"]


@in_its_own_loop
async def test_a_parent_may_run_it_with_its_own_lifespan(caplog: pytest.LogCaptureFixture) -> None:
    tickets = make_app(FAKE)

    @asynccontextmanager
    async def lifespan(parent: Starlette) -> AsyncIterator[None]:
        async with tickets.running():
            yield

    parent = Starlette(routes=[Mount("/tickets", tickets)], lifespan=lifespan)
    with caplog.at_level(logging.INFO, "billetter"):
        running = Lifespan(parent)
        assert (await running.startup())["type"] == "lifespan.startup.complete"
        async with asking(parent, "/tickets") as client:
            await make_event(client)
        await running.shutdown()
    assert not caplog.messages


@in_its_own_loop
async def test_what_a_parent_knows_of_its_user_stays_the_parents() -> None:
    parent = Starlette(routes=[Mount("/tickets", make_app(FAKE, access_log=True))])
    seen: list[Any] = []

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"user": "the parent's"}
        await parent(scope, receive, send)
        seen.append(scope["state"]["user"])

    async with asking(outer, "/tickets") as client:
        await make_event(client)
    assert seen == ["the parent's"]
