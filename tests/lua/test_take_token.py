"""take_token: a bucket lets in as many as it holds, and then one for each token that comes back."""

import asyncio
import re

import pytest

from billetter.domain.policy import COUNT_MAX, WINDOW_S_MAX
from billetter.engine import keys
from tests.lua.stage import LAPSE_S_MAX, Reply, Stage

TOKENS = 3
INTERVAL_US = 600_000_000
"""Ten minutes: no token comes back while a test runs, unless the test says so."""
SHORT_US = 40_000


class Bucket:
    """A bucket that no other test uses."""

    def __init__(self, stage: Stage, name: str = "") -> None:
        self.stage = stage
        self.key = keys.limit(f"{stage.event}{name}")
        stage.watched.append(self.key)

    async def take(self, tokens: int = TOKENS, interval_us: int = INTERVAL_US) -> Reply:
        return await self.stage.run("take_token", [self.key], tokens, interval_us)

    async def now_us(self) -> int:
        seconds, part = await self.stage.command("TIME")
        return int(seconds) * 1_000_000 + int(part)

    async def full_in(self, us: int) -> None:
        """Let it be full so many µs from now."""
        await self.stage.command("SET", self.key, await self.now_us() + us)

    async def full_at_us(self) -> int:
        text = await self.stage.command("GET", self.key)
        assert re.fullmatch(r"[0-9]{16}", text)
        return int(text)


@pytest.fixture
def bucket(stage: Stage) -> Bucket:
    return Bucket(stage)


async def test_a_full_bucket_is_emptied_token_by_token(bucket: Bucket) -> None:
    for left in reversed(range(TOKENS)):
        outcome, remaining, reset_us = await bucket.take()
        assert (outcome, remaining) == ("TAKEN", str(left))
        most_us = (TOKENS - left) * INTERVAL_US
        assert most_us - INTERVAL_US < int(reset_us) <= most_us


async def test_an_empty_one_lets_nobody_in_and_stays_as_it_is(bucket: Bucket) -> None:
    for _ in range(TOKENS):
        await bucket.take()
    for _ in range(2):
        outcome, retry_us, reset_us = await bucket.stage.unchanged(bucket.take())
        assert outcome == "LIMITED"
        assert 0 < int(retry_us) <= INTERVAL_US
        assert (TOKENS - 1) * INTERVAL_US < int(reset_us) <= TOKENS * INTERVAL_US


async def test_a_token_comes_back_after_each_interval(bucket: Bucket) -> None:
    await bucket.full_in(int(2.5 * INTERVAL_US))
    assert (await bucket.take())[0] == "LIMITED"
    await bucket.full_in(int(1.5 * INTERVAL_US))
    assert (await bucket.take())[:2] == ["TAKEN", "0"]
    await bucket.full_in(int(0.5 * INTERVAL_US))
    assert (await bucket.take())[:2] == ["TAKEN", "1"]


async def test_it_tells_how_long_to_wait(bucket: Bucket) -> None:
    await bucket.full_in(int(2.25 * INTERVAL_US))
    _, retry_us, reset_us = await bucket.take()
    # Only the time that the test itself takes is missing from a quarter of the interval.
    assert 0 < int(retry_us) <= INTERVAL_US // 4
    assert int(reset_us) - int(retry_us) == (TOKENS - 1) * INTERVAL_US


async def test_who_waits_as_long_as_told_is_let_in(bucket: Bucket) -> None:
    async with asyncio.timeout(LAPSE_S_MAX):
        while (reply := await bucket.take(2, SHORT_US))[0] == "TAKEN":
            pass
        until_us = await bucket.now_us() + int(reply[1])
        while await bucket.now_us() < until_us:
            pass
    assert (await bucket.take(2, SHORT_US))[0] == "TAKEN"


async def test_it_is_forgotten_when_it_is_full_again(bucket: Bucket) -> None:
    assert await bucket.take(1, SHORT_US) == ["TAKEN", "0", str(SHORT_US)]
    async with asyncio.timeout(LAPSE_S_MAX):
        while await bucket.stage.command("EXISTS", bucket.key):
            pass
    assert (await bucket.take(1))[:2] == ["TAKEN", "0"]


async def test_it_is_kept_until_it_is_full(bucket: Bucket) -> None:
    await bucket.take()
    await bucket.take()
    start = await bucket.stage.now_ms()
    left_ms = await bucket.stage.command("PTTL", bucket.key)
    stop = await bucket.stage.now_ms()
    ends_ms = await bucket.full_at_us() / 1000
    assert start + left_ms - 1 <= ends_ms <= stop + left_ms + 1


@pytest.mark.parametrize("us", [-INTERVAL_US, -1_000_000])
async def test_a_bucket_never_holds_more_than_all_its_tokens(bucket: Bucket, us: int) -> None:
    await bucket.full_in(us)
    assert (await bucket.take())[:2] == ["TAKEN", str(TOKENS - 1)]


async def test_a_clock_that_was_set_back_locks_nobody_out(bucket: Bucket) -> None:
    await bucket.full_in((TOKENS + 1) * INTERVAL_US)
    assert (await bucket.take())[:2] == ["TAKEN", str(TOKENS - 1)]
    assert (await bucket.take())[:2] == ["TAKEN", str(TOKENS - 2)]


async def test_the_largest_bucket_is_counted_exactly(bucket: Bucket) -> None:
    interval_us = WINDOW_S_MAX * 1_000_000 // COUNT_MAX
    reset_us = str(interval_us)
    assert await bucket.take(COUNT_MAX, interval_us) == ["TAKEN", str(COUNT_MAX - 1), reset_us]
    await bucket.full_in((COUNT_MAX - 1) * interval_us)
    assert (await bucket.take(COUNT_MAX, interval_us))[:2] == ["TAKEN", "0"]
    assert (await bucket.take(COUNT_MAX, interval_us))[0] == "LIMITED"


async def test_buckets_are_apart(bucket: Bucket) -> None:
    other = Bucket(bucket.stage, "-other")
    assert (await bucket.take(1))[0] == "TAKEN"
    assert (await bucket.take(1))[0] == "LIMITED"
    assert (await other.take(1))[0] == "TAKEN"


async def test_of_many_at_once_as_many_as_there_are_tokens(bucket: Bucket) -> None:
    replies = await asyncio.gather(*(bucket.take(120) for _ in range(500)))
    taken = sorted(int(reply[1]) for reply in replies if reply[0] == "TAKEN")
    assert taken == list(range(120))
    assert sum(reply[0] == "LIMITED" for reply in replies) == 380
