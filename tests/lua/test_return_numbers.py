"""return_numbers: numbers of which no booking was made are drawn again, by whoever comes."""

from billetter.wire.topology import Wire
from tests.lua.stage import ANN, BOB, Stage

LARGEST = 99_999_999


async def unused(stage: Stage) -> list[int]:
    return [int(each) for each in await stage.command("ZRANGE", stage.own.unused, 0, -1)]


async def test_no_event(wire: Wire) -> None:
    nowhere = Stage(wire)
    assert await nowhere.give_back(1, once="a") == ["NO_EVENT"]
    assert await unused(nowhere) == []


async def test_they_are_drawn_once_numbers_run_short(stage: Stage) -> None:
    await stage.draw(20, 12)
    assert await stage.give_back(11, 3) == ["RETURNED"]
    assert await stage.give_back(2) == ["RETURNED"]
    assert await unused(stage) == [2, 3, 11]
    assert await stage.draw(20, 5) == ["DRAWN", "13", "17"]
    assert await stage.draw(20) == ["DRAWN", "18", "18"]
    assert await unused(stage) == [2, 3, 11]
    assert await stage.draw(20, 2) == ["DRAWN", "19", "18", "2", "3"]
    assert await stage.draw(20, 2) == ["DRAWN", "19", "19", "11"]
    assert await unused(stage) == []
    assert (await stage.fields())["bookings"] == "19"
    assert await stage.draw(20) == ["DRAWN", "20", "20"]


async def test_what_a_booking_has_is_not_given_back(stage: Stage) -> None:
    await stage.draw(LARGEST, 3)
    await stage.open(2)
    assert await stage.give_back(1, 2, 3) == ["RETURNED"]
    assert await unused(stage) == [1, 3]


async def test_of_too_many_the_largest_are_kept(stage: Stage) -> None:
    await stage.plan(bookings=20_000)
    kept = (each for number in range(1, 10_000) for each in (number, number))
    await stage.command("ZADD", stage.own.unused, *kept)
    await stage.give_back(20_000)
    assert (await unused(stage))[0] == 1
    await stage.give_back(19_999)
    found = await unused(stage)
    assert (len(found), found[0], found[-1]) == (10_000, 2, 20_000)


async def test_the_last_numbers_come_round(stage: Stage) -> None:
    await stage.plan(bookings=LARGEST - 1)
    assert await stage.draw(LARGEST, 5) == ["DRAWN", str(LARGEST), str(LARGEST)]
    assert await stage.draw(LARGEST) == ["EXHAUSTED"]
    await stage.give_back(LARGEST)
    assert await stage.draw(LARGEST, 5) == ["DRAWN", str(LARGEST + 1), str(LARGEST), str(LARGEST)]
    assert await stage.draw(LARGEST) == ["EXHAUSTED"]


async def test_a_smaller_bound_takes_nothing_back(stage: Stage) -> None:
    await stage.draw(LARGEST, 9)
    await stage.give_back(4)
    assert await stage.draw(5, 3) == ["DRAWN", "10", "9", "4"]
    assert (await stage.fields())["bookings"] == "9"


async def test_what_was_never_drawn_is_not_given_back(stage: Stage) -> None:
    await stage.draw(LARGEST, 2)
    assert await stage.unchanged(stage.run("return_numbers", *never(stage))) == ["RETURNED"]
    assert await stage.give_back(2, 3) == ["RETURNED"]
    assert await unused(stage) == [2]


def never(stage: Stage) -> tuple[list[str], int, int, int]:
    """Keys without one for the reply: the script then runs as it is."""
    return stage.own.to_draw(), 0, 3, 4


async def test_a_repetition_does_not_take_them_from_others(stage: Stage) -> None:
    await stage.draw(LARGEST)
    assert await stage.give_back(1, once="a") == ["RETURNED"]
    assert await stage.draw(1) == ["DRAWN", "2", "1", "1"]
    await stage.open(1, 5)
    assert await stage.unchanged(stage.give_back(1, once="a")) == ["=RETURNED"]
    assert await unused(stage) == []


async def test_many_at_one_stroke(stage: Stage) -> None:
    await stage.draw(500, 500)
    assert await stage.give_back(*range(1, 501)) == ["RETURNED"]
    assert len(await unused(stage)) == 500
    assert len(await stage.draw(500, 500)) == 503


async def test_a_number_that_somebody_has_is_nobody_elses(stage: Stage) -> None:
    opened = await stage.open(1, 5)
    for refused in (stage.open(1, 6, user=BOB), stage.open(1, user=BOB, version="1")):
        assert await stage.unchanged(refused) == ["NUMBER_USED"]
    assert await stage.unchanged(stage.open(1, 6, user=BOB, once="a")) == ["NUMBER_USED"]
    assert await stage.unchanged(stage.book(1, BOB)) == ["NUMBER_USED"]
    assert await stage.unchanged(stage.book(1, BOB, once="b")) == ["NUMBER_USED"]
    assert await stage.open(1, 6, user=ANN) == opened
    await stage.book(2, BOB)
    assert await stage.unchanged(stage.book(2, ANN)) == ["NUMBER_USED"]
    assert (await stage.book(2, BOB))[0] == "CONFIRMED"


async def test_they_go_with_their_event(stage: Stage) -> None:
    await stage.draw(LARGEST, 3)
    await stage.give_back(2)
    await stage.delete()
    assert await unused(stage) == []
    other = stage.elsewhere()
    await other.create()
    await other.draw(LARGEST, 3)
    await other.give_back(2)
    await other.remove()
    assert await unused(other) == []
