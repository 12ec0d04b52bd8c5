"""Not ready, and why: whoever watches is told in a word, and the log in a sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from billetter.domain.outcome import NotReady
from billetter.engine import Engine, readiness
from billetter.testing import RedisServer
from billetter.wire.topology import open_wire
from tests.api.client import Api, eventually, granted
from tests.api.serving import serving

Spoil = Callable[[Redis, Path], object]


def fail_to_save(redis: Redis, directory: Path) -> None:
    """As on a full disk: the snapshot cannot take its place."""
    (directory / "dump.rdb").mkdir()
    redis.config_set("save", "1 1")
    redis.set("anything", 1)
    redis.bgsave()


SPOILT: dict[str, tuple[Spoil, Spoil]] = {
    "memory": (
        lambda redis, _: redis.config_set("maxmemory", "1"),
        lambda redis, _: redis.config_set("maxmemory", "0"),
    ),
    "read_only": (
        lambda redis, _: redis.replicaof("127.0.0.1", 1),
        lambda redis, _: redis.replicaof("NO", "ONE"),
    ),
    "replicas": (
        lambda redis, _: redis.config_set("min-replicas-to-write", "1"),
        lambda redis, _: redis.config_set("min-replicas-to-write", "0"),
    ),
    "evicts": (
        lambda redis, _: redis.config_set("maxmemory-policy", "allkeys-lru"),
        lambda redis, _: redis.config_set("maxmemory-policy", "noeviction"),
    ),
    "disk": (fail_to_save, lambda redis, _: redis.config_set("save", "")),
}


@pytest.mark.parametrize("reason", SPOILT)
async def test_refused_writes_are_not_ready(own_server: RedisServer, reason: str) -> None:
    spoil, mend = SPOILT[reason]
    async with serving(own_server.url) as api:
        assert granted(await api.get("/ready"))["status"] == "ready"
        with Redis.from_url(own_server.url) as redis:
            spoil(redis, own_server.directory)

            async def told() -> bool:
                return (await api.get("/ready")).status_code == 503

            await eventually(told)
            answer = await api.get("/ready")
            assert answer.headers["retry-after"] == "1"
            assert granted(answer, 503) == {"status": "not_ready", "reason": reason}
            assert granted(await api.get("/health")) == {"status": "ok"}
            mend(redis, own_server.directory)
            await eventually(lambda: is_ready(api))


async def is_ready(api: Api) -> bool:
    return (await api.get("/ready")).status_code == 200


async def test_the_log_tells_each_change_once(
    own_server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(readiness, "WATCH_S", 0.01)
    async with serving(own_server.url):
        with Redis.from_url(own_server.url) as redis:
            for _ in range(2):
                redis.config_set("maxmemory", "1")
                await eventually(lambda: logged(caplog, "is not ready"))
                redis.config_set("maxmemory", "0")
                await eventually(lambda: logged(caplog, "is ready again"))
                told = [record.message for record in caplog.records]
                assert len(told) == 2, told
                assert "changes are answered by 503; memory: OOM" in told[0]
                caplog.clear()


async def logged(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return words in caplog.text


async def test_a_look_leaves_nothing_behind(own_server: RedisServer) -> None:
    wire = open_wire(own_server.url)
    await wire.start()
    engine = Engine(wire)
    await engine.readiness.look()
    with Redis.from_url(own_server.url) as redis:

        async def gone() -> bool:
            return bool(redis.dbsize() == 0)

        await eventually(gone)
    await wire.close()
    with pytest.raises(NotReady, match="closed") as caught:
        await engine.readiness.look()
    assert caught.value.reason == "redis"
