"""The id of the data: given once, the same in every partition, and missed when it is gone."""

import asyncio
import logging

import pytest

from billetter.domain.account import Role
from billetter.domain.event import Details, EventPlan, Terms
from billetter.domain.ids import UserId
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.outcome import EngineError, Unavailable
from billetter.engine import Engine, identity, keys, partition_keys
from billetter.engine.identity import Identity
from billetter.engine.scripts import Store
from billetter.testing import RedisServer
from billetter.wire.lane import Argument
from billetter.wire.topology import Wire

ANN = UserId("x:ann")
PLAN = EventPlan(
    Details("A title"), Terms(60_000, 60_000, 9), Layout.plan([ZonePlan("Hall", 500, (9,))])
)


@pytest.fixture
async def engine(own_wire: Wire) -> Engine:
    engine = Engine(own_wire)
    await engine.prepare()
    return engine


async def all_keys(wire: Wire) -> object:
    found = await wire.call("KEYS", "*")
    assert isinstance(found, list)
    return sorted(map(str, found))


async def test_every_partition_is_given_the_same_id_once(engine: Engine, own_wire: Wire) -> None:
    tags = partition_keys.TAGS
    ids = {await own_wire.call("GET", partition_keys.data(tag)) for tag in tags}
    assert ids == {(engine.identity.known or "").encode()}
    again = Engine(own_wire)
    await again.prepare()
    assert again.identity.known == engine.identity.known


async def test_many_that_begin_at_once_agree(own_wire: Wire) -> None:
    engines = [Engine(own_wire) for _ in range(8)]
    await asyncio.gather(*(engine.prepare() for engine in engines))
    assert len({engine.identity.known for engine in engines}) == 1


async def test_who_looks_while_another_begins_agrees_with_it(
    own_wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The marks are read one after another, and all of them may come in between."""
    other, late = Engine(own_wire), Engine(own_wire)
    ask = Identity._ask

    async def first_ask(self: Identity, *args: Argument) -> object:
        answer = await ask(self, *args)
        if self is late.identity and other.identity.known is None:
            await other.prepare()
        return answer

    monkeypatch.setattr(Identity, "_ask", first_ask)
    await late.prepare()
    assert late.identity.known == other.identity.known
    assert late.store.refusal is None


async def test_one_that_died_half_way_is_gone_on_with(own_wire: Wire) -> None:
    await own_wire.call("HSET", keys.META, "data", "half")
    await own_wire.call("SET", partition_keys.data("{p05}"), "half")
    engine = Engine(own_wire)
    await engine.prepare("half")
    assert engine.identity.known == "half"


async def test_what_an_older_version_left_is_taken_over(own_wire: Wire) -> None:
    """It has no ids, and counters only where something was drawn."""
    old = Engine(own_wire)
    event = (await old.events.create(PLAN, ANN)).id
    await own_wire.call("HSET", keys.EMAILS, "ann@example.org", 7)
    await own_wire.call("DEL", keys.EVENTS_NEXT)
    engine = Engine(own_wire)
    await engine.prepare()
    assert (await engine.events.create(PLAN, ANN)).id == event + 1
    made = await engine.accounts.appoint("bob", "bob@example.org", Role.ATTENDEE, "hash")
    assert getattr(made, "id", None) == 8


async def test_an_expected_id_that_is_not_there_changes_nothing(own_wire: Wire) -> None:
    with pytest.raises(EngineError, match="does not hold the data wanted: it has none"):
        await Engine(own_wire).prepare("wanted")
    assert await all_keys(own_wire) == []


async def test_another_id_than_the_expected_is_refused(engine: Engine, own_wire: Wire) -> None:
    before = await all_keys(own_wire)
    with pytest.raises(EngineError, match=f"it has {engine.identity.known}"):
        await Engine(own_wire).prepare("wanted")
    assert await all_keys(own_wire) == before


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        (partition_keys.data("{p05}"), "1 of 64 partitions do not have it"),
        (keys.META, "its marks are gone in part"),
        (keys.EVENTS_NEXT, "the counters that ids are drawn from are gone"),
        (keys.USERS_NEXT, "the counters that ids are drawn from are gone"),
    ],
)
async def test_data_that_is_gone_in_part_is_refused(
    engine: Engine, own_wire: Wire, gone: str, told: str
) -> None:
    await own_wire.call("DEL", gone)
    with pytest.raises(EngineError, match=told):
        await Engine(own_wire).prepare()
    await engine.identity.check()
    with pytest.raises(Unavailable, match=told):
        await engine.events.create(PLAN, ANN)


async def test_nothing_is_made_between_a_flush_and_its_discovery(
    engine: Engine, own_wire: Wire
) -> None:
    event = (await engine.events.create(PLAN, ANN)).id
    await engine.accounts.appoint("ann", "ann@example.org", Role.ATTENDEE, "hash")
    await own_wire.call("FLUSHALL")
    refused = await engine.bookings.open(event, ANN, [])
    assert getattr(refused, "outcome", None) is not None
    with pytest.raises(Unavailable, match="users}:next is gone from this Redis"):
        await engine.accounts.appoint("bob", "bob@example.org", Role.ATTENDEE, "hash")
    engine.store.refusal = None
    with pytest.raises(Unavailable, match="events}:next is gone from this Redis"):
        await engine.events.create(PLAN, ANN)
    with pytest.raises(Unavailable, match="gone from this Redis"):  # Now it has been seen.
        await engine.bookings.open(event, ANN, [])
    assert await all_keys(own_wire) == []


async def test_a_flush_is_discovered_told_and_all_is_refused_until_it_is_back(
    engine: Engine,
    own_wire: Wire,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(identity, "WATCH_S", 0.01)
    event = (await engine.events.create(PLAN, ANN)).id
    kept = {key: await own_wire.call("DUMP", key) for key in [keys.META, keys.EVENTS_NEXT]}
    watch = asyncio.create_task(engine.identity.watch())
    await own_wire.call("FLUSHALL")
    async with asyncio.timeout(5):
        while engine.store.refusal is None:
            await asyncio.wait([watch], timeout=0.01)
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL]
    assert "was emptied" in caplog.text
    for call in (
        engine.events.sales(event),
        engine.readiness.look(),
        engine.bookings.open(event, ANN, []),
    ):
        with pytest.raises(Unavailable, match=f"does not hold the data {engine.identity.known}"):
            await call
    assert await all_keys(own_wire) == []
    for key, dump in kept.items():
        assert isinstance(dump, bytes)
        await own_wire.call("RESTORE", key, 0, dump)
    await own_wire.call("SET", keys.USERS_NEXT, 0)
    for tag in partition_keys.TAGS:
        await own_wire.call("SET", partition_keys.data(tag), engine.identity.known or "")
    async with asyncio.timeout(5):
        while engine.store.refusal is not None:
            await asyncio.wait([watch], timeout=0.01)
    assert (await engine.events.create(PLAN, ANN)).id == event + 1
    watch.cancel()


async def test_a_redis_that_is_away_is_not_one_that_was_emptied(
    engine: Engine, own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_server.kill()
    with pytest.raises(EngineError):
        await engine.identity.check()
    assert engine.store.refusal is None


async def test_a_reset_keeps_the_id_and_the_counters(engine: Engine) -> None:
    event = (await engine.events.create(PLAN, ANN)).id
    await engine.reset.run(ANN)
    await engine.identity.check()
    assert (await engine.events.create(PLAN, ANN)).id > event


async def test_data_that_comes_back_after_a_start_without_it_is_served(own_wire: Wire) -> None:
    engine = Engine(own_wire)
    with pytest.raises(EngineError):
        await engine.prepare("wanted")
    await engine.identity.check()
    with pytest.raises(Unavailable):
        await engine.events.create(PLAN, ANN)
    await Identity(Store(own_wire)).claim(fresh="wanted")
    await engine.identity.check()
    assert (await engine.events.create(PLAN, ANN)).id == 1
