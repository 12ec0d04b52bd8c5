"""create_event: makes an event on sale, once."""

from collections.abc import Awaitable, Callable

import pytest

from billetter.wire.topology import Wire
from tests.lua.stage import ANN, Reply, Stage, entry


async def test_makes_an_event_on_sale(wire: Wire) -> None:
    stage = Stage(wire)
    reply, ran = await stage.timed(stage.create(title="Celesta ☀\0", price=0))
    outcome, version, created, standing = reply
    assert (outcome, standing) == ("CREATED", "1")
    assert int(version) // 1_000 in ran
    fields = await stage.fields()
    assert int(fields["created"]) == int(created) == int(version) // 1_000
    assert fields == fields | {
        "version": version,
        "state": "on_sale",
        "bookings": "0",
        "revenue": "0",
        "confirmed": "0",
        "title": "Celesta ☀\0",
        "price": "0",
        "bits": "80",
    }


async def test_costs_two_keys_until_seats_are_taken(wire: Wire) -> None:
    stage = Stage(wire)
    before = set(await stage.snapshot())
    await stage.create()
    assert set(await stage.snapshot()) - before <= {stage.own.event, stage.own.journal}


async def test_is_written_down(stage: Stage) -> None:
    assert await stage.journal() == [{"event": str(stage.event)} | await stage.last()]
    assert await stage.last() == entry("created", "", ANN, note=stage.version)


async def test_an_event_that_exists_stays_as_it_is(stage: Stage) -> None:
    said = ["=CREATED", stage.version, (await stage.fields())["created"], "1"]
    assert await stage.unchanged(stage.create()) == said
    assert await stage.unchanged(stage.create(title="another", bits=8)) == said


@pytest.mark.parametrize("gone", [Stage.delete, Stage.remove])
async def test_an_event_that_is_gone_stays_gone(
    stage: Stage, gone: Callable[[Stage], Awaitable[Reply]]
) -> None:
    created = (await stage.fields())["created"]
    await stage.draw(100, 7)
    await stage.amend(title="B")
    version = stage.version
    assert await gone(stage) == ["REMOVED"]
    assert await stage.kept() == f"7:{version}:{created}"
    assert await stage.unchanged(stage.create()) == ["=CREATED", version, created, "0"]
    assert await stage.fields() == {}
    assert await stage.draw(100) == ["NO_EVENT"]
    assert await stage.unchanged(stage.open(1, 5)) == ["NO_EVENT"]
    later = stage.elsewhere()
    assert (await later.create())[0] == "CREATED"


async def test_versions_grow(stage: Stage) -> None:
    later = stage.elsewhere()
    await later.create()
    assert int(later.version) > int(stage.version)
