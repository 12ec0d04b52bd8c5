"""record_reply: the first reply recorded under an Idempotency-Key is the reply."""

import pytest

from tests.lua.stage import ONCE_MS, Stage
from tests.lua.test_reserve_id import Request


@pytest.fixture
def request_(stage: Stage) -> Request:
    return Request(stage)


async def test_a_reply_is_recorded(request_: Request) -> None:
    await request_.reserve("a", token="t")
    assert await request_.record("said ☀", token="u") == ["RECORDED"]
    assert await request_.kept() == ["fingerprint", "a", "by", "u", "reply", "said ☀"]


async def test_its_time_begins_anew(request_: Request) -> None:
    await request_.reserve("a", ttl_ms=ONCE_MS // 2)
    await request_.record("said")
    assert ONCE_MS // 2 < await request_.stage.command("PTTL", request_.key) <= ONCE_MS


async def test_sent_again_it_is_still_the_first(request_: Request) -> None:
    await request_.reserve("a")
    await request_.record("said", token="t")
    assert await request_.stage.unchanged(request_.record("said", token="t")) == ["RECORDED"]


async def test_another_call_is_given_the_first(request_: Request) -> None:
    await request_.reserve("a", token="t")
    await request_.record("said", token="u")
    for token in ("t", "v"):
        other = request_.record("other", token=token)
        assert await request_.stage.unchanged(other) == ["REPLIED", "said"]


async def test_another_request_has_the_key_by_now(request_: Request) -> None:
    await request_.reserve("b")
    assert await request_.stage.unchanged(request_.record("said", "a")) == ["KEY_REUSED"]
    await request_.record("other", "b")
    assert await request_.stage.unchanged(request_.record("said", "a")) == ["KEY_REUSED"]


async def test_a_key_that_has_lapsed_is_bound_again(request_: Request) -> None:
    assert await request_.record("said") == ["RECORDED"]
    assert await request_.reserve("a") == ["REPLIED", "said"]
    assert await request_.reserve("b") == ["KEY_REUSED"]
    assert 0 < await request_.stage.command("PTTL", request_.key) <= ONCE_MS
