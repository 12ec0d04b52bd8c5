"""reserve_id: an Idempotency-Key belongs to the first request that used it."""

import asyncio

import pytest

from billetter.domain.ids import UserId
from billetter.engine import keys
from tests.lua.stage import LAPSE_S_MAX, ONCE_MS, Reply, Stage


class Request:
    """A key that no other test uses, on a stage that watches it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.key = keys.user_once(UserId(f"x:{stage.event}"), "key with {braces} ☀")
        stage.watched.append(self.key)

    async def reserve(
        self, print_: str, candidate: str = "", ttl_ms: int = ONCE_MS, token: str = "t"
    ) -> Reply:
        return await self.stage.run("reserve_id", [self.key], ttl_ms, print_, candidate, token)

    async def record(self, reply: str, print_: str = "a", token: str = "t") -> Reply:
        return await self.stage.run("record_reply", [self.key], ONCE_MS, print_, token, reply)

    async def free(self, token: str = "t") -> Reply:
        return await self.stage.run("free_key", [self.key], token)

    async def kept(self) -> list[str]:
        found: list[str] = await self.stage.command("HGETALL", self.key)
        return found


@pytest.fixture
def request_(stage: Stage) -> Request:
    return Request(stage)


async def test_binds_the_key_to_the_request(request_: Request) -> None:
    assert await request_.reserve("a") == ["RESERVED", ""]
    assert await request_.kept() == ["fingerprint", "a", "by", "t"]
    assert 0 < await request_.stage.command("PTTL", request_.key) <= ONCE_MS


async def test_again_it_is_bound_already(request_: Request) -> None:
    await request_.reserve("a")
    for token in ("t", "u"):
        again = request_.reserve("a", token=token)
        assert await request_.stage.unchanged(again) == ["RESERVED", ""]


async def test_another_request_cannot_use_it(request_: Request) -> None:
    await request_.reserve("a", "7")
    assert await request_.stage.unchanged(request_.reserve("b")) == ["KEY_REUSED"]
    assert await request_.stage.unchanged(request_.reserve("b", "8")) == ["KEY_REUSED"]


async def test_the_first_candidate_stays(request_: Request) -> None:
    assert await request_.reserve("a", "9007199254740991") == ["RESERVED", "9007199254740991"]
    again = request_.reserve("a", "9007199254740991")
    assert await request_.stage.unchanged(again) == ["RESERVED", "9007199254740991"]
    other = request_.reserve("a", "8")
    assert await request_.stage.unchanged(other) == ["RESERVED", "9007199254740991"]
    none = request_.reserve("a")
    assert await request_.stage.unchanged(none) == ["RESERVED", "9007199254740991"]


async def test_a_candidate_may_come_later_and_does_not_prolong_the_key(request_: Request) -> None:
    await request_.reserve("a")
    assert await request_.reserve("a", "7", ttl_ms=10 * ONCE_MS) == ["RESERVED", "7"]
    assert await request_.kept() == ["fingerprint", "a", "by", "t", "id", "7"]
    assert 0 < await request_.stage.command("PTTL", request_.key) <= ONCE_MS


async def test_a_key_whose_time_is_over_at_once_leaves_nothing(request_: Request) -> None:
    # Redis deletes what it is told to keep until now: what a script writes after that would stay.
    assert await request_.reserve("a", "7", ttl_ms=0) == ["RESERVED", "7"]
    assert await request_.kept() == []


async def test_after_its_time_the_key_is_anybodys(request_: Request) -> None:
    await request_.reserve("a", "7", ttl_ms=1)
    async with asyncio.timeout(LAPSE_S_MAX):
        while await request_.stage.command("EXISTS", request_.key):
            pass
    assert await request_.reserve("b") == ["RESERVED", ""]


async def test_a_recorded_reply_is_given_unless_an_id_is_asked_for(request_: Request) -> None:
    await request_.reserve("a", "7")
    await request_.record("said")
    assert await request_.stage.unchanged(request_.reserve("a")) == ["REPLIED", "said"]
    assert await request_.stage.unchanged(request_.reserve("a", "8")) == ["RESERVED", "7"]
    assert await request_.stage.unchanged(request_.reserve("b")) == ["KEY_REUSED"]


async def test_a_key_of_an_earlier_version_works(request_: Request) -> None:
    await request_.stage.command("HSET", request_.key, "fingerprint", "a", "id", "7")
    assert await request_.reserve("a") == ["RESERVED", "7"]
    assert await request_.record("said") == ["RECORDED"]
    assert await request_.reserve("a") == ["REPLIED", "said"]
