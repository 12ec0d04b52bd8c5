"""expire_hold: ends what has lapsed, whoever asks and whenever."""

from tests.lua.stage import ANN, BOB, KEEP_MS, Stage, entry


async def test_no_booking(stage: Stage) -> None:
    assert await stage.unchanged(stage.expire(1)) == ["NO_BOOKING"]
    assert await stage.unchanged(stage.expire(1)) == ["NO_BOOKING"]


async def test_no_booking_takes_the_stale_deadline_along(stage: Stage) -> None:
    before = await stage.snapshot()
    await stage.command("ZADD", stage.own.deadlines, 1, f"{stage.event}:1")
    assert await stage.expire(1) == ["NO_BOOKING"]
    assert await stage.snapshot() == before


async def test_held_while_the_hold_lives(stage: Stage) -> None:
    await stage.open(1)
    await stage.open(2, 5)
    await stage.paying(3, 6)
    for number in (1, 2, 3):
        assert await stage.unchanged(stage.expire(number)) == ["HELD"]
        assert await stage.unchanged(stage.expire(number)) == ["HELD"]


async def test_kept_when_it_has_ended_otherwise(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    await stage.open(2, 6)
    await stage.cancel(2)
    await stage.refundable(3, 7)
    for number, status in [(1, "confirmed"), (2, "cancelled"), (3, "expired")]:
        assert await stage.unchanged(stage.expire(number)) == ["KEPT", status]


async def test_kept_takes_the_stale_deadline_along(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    before = await stage.snapshot()
    await stage.command("ZADD", stage.own.deadlines, 1, f"{stage.event}:1")
    assert await stage.expire(1) == ["KEPT", "confirmed"]
    assert await stage.snapshot() == before


async def test_nothing_is_left_of_a_booking_that_never_held_a_seat(stage: Stage) -> None:
    await stage.lapsed(1, user=BOB)
    assert await stage.expire(1) == ["VANISHED", BOB]
    assert await stage.booking(1) == {}
    assert await stage.deadline(1) is None
    assert await stage.forgotten_at(1) is None
    assert await stage.last() == entry("expired", 1, BOB)
    assert await stage.unchanged(stage.expire(1)) == ["NO_BOOKING"]


async def test_frees_the_seats_of_a_lapsed_hold(stage: Stage) -> None:
    await stage.open(99, 9, user=BOB)
    await stage.lapsed(1, 8, 10)
    await stage.age(1)
    reply, ran = await stage.timed(stage.expire(1))
    assert reply == ["EXPIRED"]
    booking = await stage.booking(1)
    kept = {name: booking[name] for name in ("status", "seats", "released")}
    assert kept == {"status": "expired", "seats": "", "released": "8:1500,10:1500"}
    assert int(booking["updated"]) in ran
    assert await stage.forgotten_at(1) == int(booking["updated"]) + KEEP_MS
    assert await stage.deadline(1) is None
    assert await stage.holders() == {9: 99}
    assert await stage.taken() == {9}
    assert await stage.last() == entry("expired", 1, ANN, "8,10")


async def test_again_it_stays_expired(stage: Stage) -> None:
    await stage.lapsed(1, 5)
    assert await stage.expire(1) == ["EXPIRED"]
    assert await stage.unchanged(stage.expire(1)) == ["KEPT", "expired"]


async def test_frees_the_seats_of_a_lapsed_payment(stage: Stage) -> None:
    await stage.unpaid(1, 5)
    assert await stage.expire(1) == ["EXPIRED"]
    booking = await stage.booking(1)
    assert (booking["status"], booking["amount"]) == ("expired", "1500")
    assert (await stage.taken(), await stage.holders()) == (set(), {})
    assert await stage.unchanged(stage.expire(1)) == ["KEPT", "expired"]


async def test_a_booking_that_gave_its_seats_back_is_kept_a_while(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.release(1, 5)
    await stage.command("DEL", stage.hold_key(1))
    assert await stage.expire(1) == ["EXPIRED"]
    booking = await stage.booking(1)
    assert (booking["status"], booking["released"]) == ("expired", "")
    assert await stage.unchanged(stage.expire(1)) == ["KEPT", "expired"]


async def test_the_seats_can_be_claimed_at_once_and_stay_with_the_new_holder(stage: Stage) -> None:
    await stage.lapsed(1, 5)
    await stage.expire(1)
    assert (await stage.open(2, 5, user=BOB))[0] == "OPENED"
    assert await stage.unchanged(stage.expire(1)) == ["KEPT", "expired"]
    assert await stage.holders() == {5: 2}


async def test_it_works_where_the_event_is_gone(stage: Stage) -> None:
    await stage.lapsed(1, 5)
    await stage.remove()
    assert await stage.expire(1) == ["EXPIRED"]
    assert await stage.holders() == {}
    assert await stage.taken() == set()
    assert await stage.deadline(1) is None
