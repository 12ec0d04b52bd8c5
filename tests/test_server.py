"""The processes: a parent and its workers on real sockets, started, killed and ended."""

import dataclasses
import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import httpx
import pytest
from redis import Redis
from redis.exceptions import RedisError

from billetter import server
from billetter.listener import Listener, StartError, listen
from billetter.settings import Settings
from billetter.testing import Binary, RedisServer
from billetter.wire.topology import inspect
from tests.processes import (
    WAIT_S_MAX,
    Process,
    alive,
    eventually,
    free_port,
)

WORKER, REDIS = "billetter.worker", "redis-server"


class Parent(Process):
    """The parent process, its data in `files`, on a free port."""

    def __init__(self, files: Path, factory: str = "create", **settings: object) -> None:
        chosen = {"port": 0, "data": str(files / "data"), **settings}
        super().__init__("-m", "tests.tiny_app", json.dumps(chosen), factory)

    def started(self) -> "Parent":
        """Itself, once it serves."""
        eventually(lambda: self.out.endswith("\n") or self.code is not None)
        assert self.code is None, self.err
        return self

    @property
    def port(self) -> int:
        return int(json.loads(self.out)["port"])

    @property
    def workers(self) -> list[int]:
        return self.children(WORKER)

    def redis(self) -> Redis:
        return Redis.from_url(json.loads(self.out)["redis"], decode_responses=True)

    def get(self, path: str) -> httpx.Response:
        """The answer over a connection of its own."""
        return httpx.get(f"http://127.0.0.1:{self.port}/{path}", timeout=WAIT_S_MAX)

    def answering(self) -> int:
        """Process id of the worker that answers."""
        return int(self.get("pid").text)


@contextmanager
def serving(files: Path, **settings: object) -> Iterator[Parent]:
    """A parent that serves, and ends without a word and without leaving anybody behind."""
    with Parent(files, **settings) as parent:  # type: ignore[arg-type]
        yield parent.started()
        family = [*parent.workers, *parent.children(REDIS)]
        assert family
        assert parent.stop() == 0
        assert [pid for pid in family if alive(pid)] == []
        assert "Traceback" not in parent.err


def refusal(files: Path, factory: str = "create", **settings: object) -> str:
    """What a parent says that cannot start: one line, and exit code 2."""
    with Parent(files, factory, **settings) as parent:
        assert parent.wait() == 2
        assert parent.out == ""
        return parent.err


def in_background(executor: ThreadPoolExecutor, parent: Parent, files: Path, path: str) -> Any:
    """A request that is under way in a worker: a future of its answer."""
    answer = executor.submit(parent.get, path)
    eventually((files / "waiting").exists)
    return answer


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


# Ends.


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_quietly(files: Path, sign: signal.Signals) -> None:
    with Parent(files, workers=2).started() as parent:
        family = [*parent.workers, *parent.children(REDIS)]
        assert len(family) == 3
        parent.send(sign)
        assert parent.wait() == 0
        assert parent.err == ""
        assert [pid for pid in family if alive(pid)] == []
        with pytest.raises(httpx.ConnectError):
            parent.get("pid")
    assert (files / "shut").exists()


def test_ctrl_c_reaches_the_whole_group_and_ends_everything_quietly(files: Path) -> None:
    with Parent(files, workers=2).started() as parent:
        for _ in range(2):  # People press it more than once.
            os.killpg(parent.pid, signal.SIGINT)
        assert parent.wait() == 0
        assert parent.err == ""


def test_a_signal_ends_a_start_too(files: Path) -> None:
    with Parent(files, workers=2) as parent:
        eventually(lambda: parent.children(REDIS))
        parent.send(signal.SIGTERM)
        assert parent.wait() == 0
        assert "Traceback" not in parent.err
        assert parent.children("") == []


def test_what_is_in_flight_is_finished(files: Path, executor: ThreadPoolExecutor) -> None:
    with Parent(files).started() as parent:
        answer = in_background(executor, parent, files, "wait")
        parent.send(signal.SIGTERM)
        eventually(lambda: refused(parent.port))
        (files / "go").touch()
        assert answer.result(WAIT_S_MAX).text == "done"
        assert parent.wait() == 0


def refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_what_does_not_end_in_time_is_killed(files: Path, executor: ThreadPoolExecutor) -> None:
    with Parent(files, shutdown_s=1).started() as parent:
        answer = in_background(executor, parent, files, "hang")
        family = [*parent.workers, *parent.children(REDIS)]
        assert parent.stop() == 0
        assert isinstance(answer.exception(WAIT_S_MAX), httpx.RemoteProtocolError)
        assert [pid for pid in family if alive(pid)] == []


def test_a_killed_parent_leaves_a_free_port_and_a_redis_to_adopt(files: Path) -> None:
    with Parent(files, workers=2).started() as parent:
        port, workers, [redis] = parent.port, parent.workers, parent.children(REDIS)
        with parent.redis() as client:
            client.set("seat", "sold")
        parent.send(signal.SIGKILL)
        parent.wait()
        eventually(lambda: not any(map(alive, workers)))
    assert (files / "shut").exists()
    with Parent(files, port=port).started() as parent:
        with parent.redis() as client:
            assert client.info()["process_id"] == redis
            assert client.get("seat") == "sold"
        assert parent.stop() == 0
        assert not alive(redis)


# Workers.


def test_each_of_two_workers_serves(files: Path) -> None:
    with serving(files, workers=2) as parent:
        workers = parent.workers
        assert len(workers) == 2
        for stopped, other in (workers, workers[::-1]):
            os.kill(stopped, signal.SIGSTOP)
            assert parent.answering() == other
            os.kill(stopped, signal.SIGCONT)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_worker_that_ends_is_replaced(files: Path, sign: signal.Signals) -> None:
    with serving(files) as parent:
        ended = parent.answering()
        os.kill(ended, sign)
        eventually(lambda: not alive(ended))
        assert parent.answering() != ended
        assert "A worker has ended" in parent.err


def test_a_worker_that_does_not_start_again_is_tried_until_it_does(files: Path) -> None:
    with serving(files) as parent:
        (files / "sick").touch()
        os.kill(parent.answering(), signal.SIGKILL)
        told = "did not start: [Errno 5] the hall is sick"
        eventually(lambda: parent.err.count(told) > 2)
        (files / "sick").unlink()
        assert parent.answering() in parent.workers


def test_a_killed_redis_is_back_with_its_data_and_the_worker_stays(files: Path) -> None:
    with serving(files) as parent:
        served_by, [redis] = parent.answering(), parent.children(REDIS)
        with parent.redis() as client:
            client.set("seat", "sold")
        os.kill(redis, signal.SIGKILL)
        eventually(lambda: parent.children(REDIS) not in ([], [redis]))
        assert eventually(lambda: kept(parent)) == "sold"
        assert parent.answering() == served_by


def kept(parent: Parent) -> object:
    """What Redis has in its key `seat`, None while it is away."""
    with parent.redis() as client, suppress(RedisError):
        return client.get("seat")
    return None


def test_a_worker_may_open_all_the_files_that_the_system_allows(files: Path) -> None:
    with serving(files) as parent:
        soft, hard = parent.get("descriptors").json()
        assert soft == hard


# Starts that cannot be.


def test_the_reason_of_a_worker_is_told_in_one_line(files: Path) -> None:
    (files / "sick").touch()
    assert refusal(files, workers=2) == "[Errno 5] the hall is sick\n"
    assert refusal(files, "create_failing") == "the hall is closed\n"


def test_a_bug_is_shown_in_full(files: Path) -> None:
    told = refusal(files, "create_buggy")
    assert "Traceback" in told
    assert told.endswith("\nTypeError: a bug\n")
    assert refusal(files, "create_saying").endswith("\nRuntimeError: no tickets today\n")


def test_a_worker_that_says_nothing_is_told_by_its_status(files: Path) -> None:
    assert refusal(files, "create_dying") == "a worker ended while starting, with status 7.\n"


def test_a_directory_in_use_is_refused(files: Path) -> None:
    with serving(files) as parent:
        told = f"the data directory {files}/data is already in use by pid {parent.pid}.\n"
        assert refusal(files) == told
        assert parent.answering()


def test_a_directory_that_cannot_be_is_refused(files: Path) -> None:
    (files / "file").touch()
    told = f"the data directory {files}/file/data cannot be used: Not a directory.\n"
    assert refusal(files, data=str(files / "file" / "data")) == told


def test_a_redis_that_is_not_there_is_refused(files: Path) -> None:
    told = refusal(files, redis_url=f"redis://:secret@127.0.0.1:{free_port()}")
    assert "cannot be reached or used: " in told
    assert told.count("\n") == 1
    assert "secret" not in told


def test_a_url_that_is_none_is_refused(files: Path) -> None:
    told = refusal(files, redis_url="http://:secret@127.0.0.1")
    assert told.startswith("--redis-url (BILLETTER_REDIS_URL): The Redis URL must look like")
    assert told.count("\n") == 1
    assert "secret" not in told


def test_a_redis_that_evicts_is_refused(files: Path, binary: Binary) -> None:
    with RedisServer(binary, files, options=["maxmemory-policy allkeys-lru"]) as evicting:
        told = refusal(files, redis_url=evicting.url)
    assert "throws keys away when its memory is full (maxmemory-policy allkeys-lru)" in told
    assert told.count("\n") == 1


async def test_a_redis_that_is_too_old_is_refused(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = dataclasses.replace(await inspect(redis_url), version=(6, 0, 16))

    async def old(url: str) -> object:
        return facts

    monkeypatch.setattr(server, "inspect", old)
    with pytest.raises(StartError, match=r"has version 6\.0\.16; Billetter needs Redis 6\.2"):
        await server._inspect(redis_url)


def test_workers_cannot_share_what_is_in_one_of_them(files: Path) -> None:
    told = refusal(files, redis_url="fake://", workers=2)
    assert told.startswith("workers would not share one Redis: run one worker, or install Redis")
    with Parent(files, redis_url="fake://").started() as parent:
        assert parent.answering() in parent.workers
        assert parent.children(REDIS) == []


# Addresses.


def listening(**settings: object) -> Listener:
    return listen(Settings(**{"port": 0, **settings}))  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_loopback_addresses_are_served(host: str) -> None:
    if host == "::1" and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with closing(listening(host=host)) as listener:
        assert not refused_at(listener.socket)


def refused_at(listener: socket.socket) -> bool:
    with socket.socket(listener.family) as probe:
        return probe.connect_ex(listener.getsockname()) != 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_public_addresses_are_refused_unless_meant(host: str) -> None:
    with pytest.raises(StartError, match="BILLETTER_ALLOW_PUBLIC=1"):
        listening(host=host)


def test_a_public_address_may_be_meant() -> None:
    listening(host="0.0.0.0", allow_public=True).close()
    listening(host="0.0.0.0", auth="required", secret=token_urlsafe(32)).close()
    with pytest.raises(StartError, match=r"cannot listen on 192\.0\.2\.1 port"):
        listening(host="192.0.2.1", allow_public=True)


@pytest.mark.parametrize("host", ["", "no such host", "a" * 70, "nowhere.invalid"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(StartError, match=r"--host \(BILLETTER_HOST\) '.*' is no address"):
        listening(host=host)


def test_answers_arrive_whole_in_order_and_without_a_server_header(files: Path) -> None:
    with serving(files) as parent, socket.create_connection(("127.0.0.1", parent.port)) as client:
        bodies = [b"x" * length for length in (1, 0, 70_000, 5, 300_000)]
        for body in bodies:
            head = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
            client.sendall(head % len(body) + body)
        client.sendall(b"GET /pid HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        with client.makefile("rb") as answers:
            for body in bodies:
                headers = read_head(answers)
                assert "server" not in headers
                assert answers.read(int(headers["content-length"])) == body
            read_head(answers)
            assert int(answers.read()) in parent.workers


def read_head(answers: Any) -> dict[str, str]:
    assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
    lines = iter(lambda: answers.readline().decode().strip(), "")
    return dict(line.split(": ", 1) for line in lines)


def test_a_client_that_does_not_read_holds_its_answer_up(files: Path) -> None:
    with (
        serving(files) as parent,
        httpx.stream("GET", f"http://127.0.0.1:{parent.port}/much") as answer,
    ):
        assert parent.answering()  # The worker has had its turn, and more than one.
        assert len(eventually((files / "sent").read_bytes)) < 16
        body = b"".join(answer.iter_bytes())
    assert body == b"".join(bytes([number % 251]) * 1024 for number in range(16 * 1024))


def test_workers_say_nothing_of_requests(files: Path) -> None:
    with Parent(files).started() as parent:
        announced = parent.out
        parent.get("pid")
        parent.send(signal.SIGTERM)
        parent.wait()
        assert parent.out == announced
