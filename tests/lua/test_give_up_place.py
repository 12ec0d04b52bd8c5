"""give_up_place: a place is given back, or the line is left."""

from tests.lua.stage import ANN, BOB, KEEP_MS, Stage, entry


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    assert (await nowhere.give_up(0))[0] == "NO_EVENT"
    assert await nowhere.patrons() == {}


async def test_nothing_to_give_up(stage: Stage) -> None:
    await stage.confirmed(1, 20)
    assert await stage.give_up(0) == ["NO_BOOKING"]
    await stage.book(2)
    assert await stage.give_up(2, BOB) == ["NO_BOOKING"]
    await stage.give_up(2)
    assert await stage.give_up(2) == ["NO_BOOKING"]
    assert (await stage.booking(1))["status"] == "confirmed"


async def test_another_booking_is_the_place_by_now(stage: Stage) -> None:
    await stage.book(1)
    for number in (0, 2):
        changed = stage.give_up(number, once="a")
        assert await stage.unchanged(changed) == ["CHANGED", "1"]
    assert await stage.give_up(1, once="a") == ["CANCELLED"]


async def test_what_is_given_up_is_free_and_nothing_is_owed(stage: Stage) -> None:
    await stage.book(1)
    await stage.age(1)
    reply, ran = await stage.timed(stage.give_up(1))
    assert reply == ["CANCELLED"]
    booking = await stage.booking(1)
    assert int(booking.pop("updated")) in ran
    del booking["created"]
    assert booking == {
        "user": ANN,
        "status": "cancelled",
        "seats": "",
        "amount": "1500",
        "released": "0:1500",
    }
    assert (await stage.taken(), await stage.sold(), await stage.holders()) == (set(), set(), {})
    assert await stage.patrons() == {ANN: "1:past"}
    forgotten_at = await stage.forgotten_at(1)
    assert forgotten_at is not None
    assert forgotten_at - KEEP_MS in ran
    assert await stage.last() == entry("cancelled", 1, ANN, "0")
    assert await stage.owed() == {}
    fields = await stage.fields()
    assert (fields["revenue"], fields["confirmed"]) == ("0", "0")
    assert not await stage.is_promoting()


async def test_too_late_unless_it_is_the_line_that_is_left(stage: Stage) -> None:
    await stage.sold_out(3)
    starts_at = await stage.now_ms() + 60_000
    await stage.plan(starts_at=starts_at)
    await stage.plan(cancel_before_ms=61_000)
    too_late = ["TOO_LATE", str(starts_at - 61_000)]
    assert await stage.give_up(1) == too_late
    assert await stage.patrons() == {ANN: "1:active", "x:second": "2:active", "x:3": "3:waiting"}
    assert await stage.give_up(3, "x:3") == ["CANCELLED"]
    await stage.plan(cancel_before_ms=30_000)
    assert await stage.give_up(1) == ["CANCELLED"]


async def test_somebody_waits_for_it(stage: Stage) -> None:
    await stage.sold_out(3)
    assert not await stage.is_promoting()
    await stage.give_up(1)
    assert await stage.is_promoting()
    assert await stage.line() == [3]


async def test_the_line_is_left(stage: Stage) -> None:
    await stage.sold_out(3, 4, 5)
    assert await stage.give_up(4, "x:4") == ["CANCELLED"]
    assert await stage.line() == [3, 5]
    booking = await stage.booking(4)
    assert (booking["status"], booking["seats"]) == ("cancelled", "")
    assert "refund" not in booking
    assert await stage.forgotten_at(4) is not None
    assert (await stage.patrons())["x:4"] == "4:past"
    assert await stage.last() == entry("cancelled", 4, "x:4")
    assert not await stage.is_promoting()
    for number in (3, 5):
        assert await stage.give_up(number, f"x:{number}") == ["CANCELLED"]
    assert await stage.line() == []
    assert "waiting" not in await stage.fields()


async def test_it_counts_no_longer(stage: Stage) -> None:
    await stage.plan(caps="bought_max=3,open_max=9")
    await stage.book(1)
    await stage.give_up(1)
    assert await stage.shares() == {}


async def test_what_was_never_counted_is_left_out_of_the_count(stage: Stage) -> None:
    await stage.book(1)
    await stage.command("HSET", stage.own.shares, ANN, "1=1")
    await stage.give_up(1)
    assert await stage.shares() == {ANN: "1=1"}


async def test_again_it_is_the_same_answer(stage: Stage) -> None:
    await stage.book(1)
    assert await stage.give_up(1, once="a") == ["CANCELLED"]
    await stage.book(2)
    assert await stage.unchanged(stage.give_up(2, once="a")) == ["=CANCELLED"]
