"""read_seats: parts of the bitmaps as they stand."""

from tests.lua.stage import Reply, Stage


async def _plain(stage: Stage, *edges: int, version: str = "") -> Reply:
    reply = await stage.read_seats(*edges, version=version)
    return [field.decode() for field in reply]


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    assert await nowhere.unchanged(_plain(nowhere, 0, 1)) == ["NO_EVENT"]


async def test_stale_layout(stage: Stage) -> None:
    stale = _plain(stage, 0, 1, version="1")
    assert await stage.unchanged(stale) == ["STALE_LAYOUT", stage.version]


async def test_what_was_never_taken_is_empty(stage: Stage) -> None:
    assert await stage.read_seats(0, 9) == [b"SEATS", b"", b""]
    assert await stage.read_seats(0, 0, 5, 9) == [b"SEATS", b"", b"", b"", b""]
    assert await stage.read_seats() == [b"SEATS"]


async def test_the_first_seat_is_the_highest_bit(stage: Stage) -> None:
    await stage.confirmed(1, 0, 9)
    await stage.open(2, 15, 16)
    assert await stage.read_seats(0, 2) == [b"SEATS", b"\x80\x41\x80", b"\x80\x40"]


async def test_several_parts_at_once(stage: Stage) -> None:
    await stage.confirmed(1, 0, 8)
    await stage.open(2, 15, 17)
    parts = [b"\x81\x40", b"\x80", b"\x80", b"\x80", b"", b""]
    assert await stage.read_seats(1, 9, 0, 0, 3, 9) == [b"SEATS", *parts]
    assert await stage.read_seats(1, 9, 0, 0, 3, 9) == [b"SEATS", *parts]
