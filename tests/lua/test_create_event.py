"""create_event: makes an event on sale, once."""

from billetter.wire.topology import Wire
from tests.lua.stage import ANN, Stage, entry


async def test_makes_an_event_on_sale(wire: Wire) -> None:
    stage = Stage(wire)
    (outcome, version), ran = await stage.timed(stage.create(title="Celesta ☀\0", price=0))
    assert outcome == "CREATED"
    assert int(version) // 1_000 in ran
    fields = await stage.fields()
    assert int(fields["created"]) == int(version) // 1_000
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
    version = stage.version
    assert await stage.unchanged(stage.create()) == ["=CREATED", version]
    assert await stage.unchanged(stage.create(title="another", bits=8)) == ["=CREATED", version]


async def test_versions_grow(stage: Stage) -> None:
    later = stage.elsewhere()
    await later.create()
    assert int(later.version) > int(stage.version)
