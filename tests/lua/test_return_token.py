"""return_token: a bucket gets a token back, and never more than it holds."""

from itertools import count
from random import randrange

from billetter.engine import keys
from tests.lua.stage import Reply, Stage

INTERVAL_US = 600_000_000
_numbers = count(randrange(2**40))


class Bucket:
    """Three tokens, of which one comes back in ten minutes."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.key = keys.limit(f"back-{next(_numbers)}")
        stage.watched = [self.key]

    async def take(self) -> Reply:
        return await self.stage.run("take_token", [self.key], 3, INTERVAL_US)

    async def back(self) -> Reply:
        return await self.stage.run("return_token", [self.key], INTERVAL_US)


async def test_a_full_bucket_stays_full(stage: Stage) -> None:
    bucket = Bucket(stage)
    assert await stage.unchanged(bucket.back()) == ["REVOKED", "0"]
    assert (await bucket.take())[:2] == ["TAKEN", "2"]
    assert await bucket.back() == ["REVOKED", "0"]
    assert await stage.command("EXISTS", bucket.key) == 0


async def test_what_is_given_back_can_be_taken_again(stage: Stage) -> None:
    bucket = Bucket(stage)
    for left in ("2", "1", "0"):
        assert (await bucket.take())[:2] == ["TAKEN", left]
    assert (await bucket.take())[0] == "LIMITED"
    outcome, reset_us = await bucket.back()
    assert outcome == "REVOKED"
    assert INTERVAL_US < int(reset_us) <= 2 * INTERVAL_US
    left_ms = await stage.command("PTTL", bucket.key)
    assert abs(left_ms - int(reset_us) / 1000) < 10_000
    assert (await bucket.take())[:2] == ["TAKEN", "0"]
    assert (await bucket.take())[0] == "LIMITED"
