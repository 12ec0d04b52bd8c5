"""free_key: an Idempotency-Key that came to nothing is as if it was never used."""

import pytest

from tests.lua.stage import Stage
from tests.lua.test_reserve_id import Request


@pytest.fixture
def request_(stage: Stage) -> Request:
    return Request(stage)


async def test_nothing_is_left_of_it(request_: Request) -> None:
    await request_.reserve("a", "7")
    assert await request_.free() == ["FORGOTTEN"]
    assert await request_.kept() == []
    assert await request_.stage.unchanged(request_.free()) == ["KEPT"]


async def test_it_stays_while_another_call_has_bound_it(request_: Request) -> None:
    await request_.reserve("a", token="t")
    await request_.reserve("a", token="u")
    assert await request_.stage.unchanged(request_.free("u")) == ["KEPT"]


async def test_it_stays_with_a_reply(request_: Request) -> None:
    await request_.reserve("a")
    await request_.record("said")
    assert await request_.stage.unchanged(request_.free()) == ["KEPT"]


async def test_a_key_of_an_earlier_version_stays(request_: Request) -> None:
    await request_.stage.command("HSET", request_.key, "fingerprint", "a")
    assert await request_.stage.unchanged(request_.free()) == ["KEPT"]
