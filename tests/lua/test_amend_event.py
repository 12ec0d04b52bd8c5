"""amend_event: the plan of an event changes, computed from one version of it."""

import pytest

from tests.lua.stage import ANN, BOB, NOBODY, Stage, entry


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    assert (await nowhere.amend(title="B", once="a"))[0] == "NO_EVENT"


async def test_not_yours_outranks_the_state_and_the_version(stage: Stage) -> None:
    assert await stage.amend(BOB, version="1", title="B") == ["NOT_YOURS"]
    await stage.cancel_event()
    assert await stage.amend(BOB, title="B") == ["NOT_YOURS"]
    assert "title" not in await stage.fields()


async def test_an_administrator_may_and_so_nobody_else_where_there_is_no_organizer(
    stage: Stage,
) -> None:
    assert (await stage.amend(NOBODY, title="B"))[0] == "AMENDED"
    await stage.command("HDEL", stage.own.event, "organizer")
    assert await stage.amend(ANN, title="C") == ["NOT_YOURS"]
    assert (await stage.amend(NOBODY, title="C"))[0] == "AMENDED"


async def test_a_cancelled_event_stays_as_it_is(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.cancel_event()
    assert await stage.amend(version="1", state="on_sale") == ["NOT_ON_SALE", "cancelling"]
    await stage.cancel(1)
    await stage.settle()
    assert await stage.amend(version="1", state="on_sale") == ["NOT_ON_SALE", "cancelled"]


async def test_stale_layout_is_provisional_and_outranks_seat_taken(stage: Stage) -> None:
    await stage.open(1, 5)
    for _ in range(2):
        stale = stage.amend(version="1", going="5-5", once="a", title="B")
        assert await stage.unchanged(stale) == ["STALE_LAYOUT", stage.version]
    assert (await stage.amend(once="a", title="B"))[0] == "AMENDED"


@pytest.mark.parametrize(
    ("going", "taken"),
    [
        ("5-5", 5),
        ("0-7", 5),
        ("3-40", 5),
        ("6-23", 18),
        ("8-18", 18),
        ("17-18", 18),
        ("6-6,30-79", 79),
        ("73-79", 79),
        ("0-4,6-17,19-78", None),
        ("6-7", None),
        ("16-17", None),
        ("19-19", None),
        ("80-999998", None),
    ],
)
async def test_seats_go_while_nobody_has_them(stage: Stage, going: str, taken: int | None) -> None:
    await stage.open(1, 5, 18)
    await stage.confirmed(2, 79)
    if taken is not None:
        refused = await stage.amend(going=going, title="B")
        assert refused == ["SEAT_TAKEN", str(taken), "0"]
        assert "gone" not in await stage.fields()
        return
    assert (await stage.amend(going=going, title="B"))[0] == "AMENDED"
    assert (await stage.fields())["gone"] == going
    assert (await stage.last())["seats"] == going


async def test_seats_go_where_nothing_was_ever_taken(stage: Stage) -> None:
    assert (await stage.amend(going="0-15", bits=80, layout="x"))[0] == "AMENDED"
    assert (await stage.amend(going="16-17", layout="y"))[0] == "AMENDED"
    assert (await stage.fields())["gone"] == "0-15,16-17"


async def test_fields_change_and_go(stage: Stage) -> None:
    await stage.plan(location="here")
    first = stage.version
    reply, ran = await stage.timed(stage.amend(dropped="location", title="B ☀", state="closed"))
    assert reply == ["AMENDED", stage.version]
    assert int(stage.version) // 1_000 in ran
    assert int(stage.version) > int(first)
    fields = await stage.fields()
    assert "location" not in fields
    assert fields == fields | {"title": "B ☀", "state": "closed", "version": stage.version}
    assert not any(name.startswith("seed:") for name in fields)
    assert "gone" not in fields
    assert await stage.last() == entry("amended", "", ANN, note="title,state,location")


async def test_fields_may_only_go(stage: Stage) -> None:
    await stage.plan(location="here")
    assert (await stage.amend(dropped="location"))[0] == "AMENDED"
    assert "location" not in await stage.fields()
    assert (await stage.last())["note"] == "location"


async def test_a_version_never_falls_back(stage: Stage) -> None:
    ahead = str(int(stage.version) + 10**12)
    await stage.plan(version=ahead)
    stage.version = ahead
    assert await stage.amend(title="B") == ["AMENDED", str(int(ahead) + 1)]


async def test_with_nothing_to_change_nothing_changes(stage: Stage) -> None:
    version = stage.version
    assert await stage.amend() == ["AMENDED", version]
    assert (await stage.last())["what"] == "created"


async def test_again_it_gives_the_recorded_reply(stage: Stage) -> None:
    first = stage.version
    reply = await stage.amend(once="a", title="B")
    again = stage.amend(version=first, once="a", title="B")
    assert await stage.unchanged(again) == ["=AMENDED", reply[1]]


async def test_new_caps_leave_a_chore(stage: Stage) -> None:
    await stage.draw(9)
    await stage.draw(9)
    await stage.amend(caps="held_max=2,open_max=1000", counts=1)
    assert (await stage.fields())["uncounted"] == "2"
    assert await stage.is_chore()
    other = stage.elsewhere()
    await other.create()
    await other.amend(title="B")
    assert "uncounted" not in await other.fields()
    assert not await other.is_chore()


async def test_of_a_seeded_event_the_first_plan_is_kept(stage: Stage) -> None:
    await stage.plan(seeded="1", title="A", location="here")
    await stage.amend(title="B", category="music", dropped="location")
    await stage.amend(title="C", category="dance")
    fields = await stage.fields()
    kept = {name: value for name, value in fields.items() if name.startswith("seed:")}
    assert kept == {"seed:title": "=A", "seed:category": "", "seed:location": "=here"}
