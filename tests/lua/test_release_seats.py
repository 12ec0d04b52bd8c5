"""release_seats: all that are named, or none."""

from tests.lua.stage import ANN, BOB, Stage, entry


async def test_a_free_seat_is_not_held(stage: Stage) -> None:
    await stage.open(1, 5)
    for number in (0, 1, 9):
        assert await stage.unchanged(stage.release(number, 6)) == ["NOT_HELD", "6"]


async def test_all_or_none(stage: Stage) -> None:
    await stage.open(1, 5, 6)
    assert await stage.unchanged(stage.release(1, 5, 7)) == ["NOT_HELD", "7"]
    await stage.open(2, 7)
    assert await stage.unchanged(stage.release(1, 5, 7)) == ["CHANGED", "2"]


async def test_not_held_and_changed_in_the_order_of_the_seats(stage: Stage) -> None:
    await stage.open(1, 5)
    assert await stage.unchanged(stage.release(9, 6, 5)) == ["NOT_HELD", "6"]
    assert await stage.unchanged(stage.release(9, 5, 6)) == ["CHANGED", "1"]


async def test_changed_outranks_not_yours(stage: Stage) -> None:
    await stage.open(1, 5)
    for number in (0, 2):
        assert await stage.unchanged(stage.release(number, 5, user=BOB)) == ["CHANGED", "1"]


async def test_a_lapsed_hold_is_no_hold_even_for_others(stage: Stage) -> None:
    await stage.lapsed(1, 4, 5)
    for user in (ANN, BOB):
        assert await stage.unchanged(stage.release(1, 5, user=user)) == ["NOT_HELD", "5"]
    await stage.unpaid(2, 6)
    assert await stage.unchanged(stage.release(2, 6)) == ["NOT_HELD", "6"]


async def test_not_yours_outranks_closed(stage: Stage) -> None:
    await stage.open(1, 4)
    await stage.paying(2, 5)
    await stage.confirmed(3, 6)
    for number, seat in [(1, 4), (2, 5), (3, 6)]:
        assert await stage.unchanged(stage.release(number, seat, user=BOB)) == ["NOT_YOURS"]


async def test_closed_in_payment_or_confirmed(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.confirmed(2, 6)
    assert await stage.unchanged(stage.release(1, 5)) == ["CLOSED", "payment_initiated"]
    assert await stage.unchanged(stage.release(2, 6)) == ["CLOSED", "confirmed"]


async def test_releases_some(stage: Stage) -> None:
    _, _, expires, *_ = await stage.open(1, 5, 6, 7, 15)
    await stage.age(1)
    reply, ran = await stage.timed(stage.release(1, 6, 15))
    assert reply == ["RELEASED", "2"]
    assert await stage.taken() == {5, 7}
    assert await stage.holders() == {5: 1, 7: 1}
    booking = await stage.booking(1)
    assert (booking["status"], booking["seats"]) == ("seats_selected", "5:1500,7:1500")
    assert int(booking["updated"]) in ran
    await stage.assert_armed(1, int(expires))
    assert await stage.last() == entry("released", 1, ANN, "6,15")


async def test_the_last_one_takes_it_back_to_booked(stage: Stage) -> None:
    _, _, expires, *_ = await stage.open(1, 5)
    assert await stage.release(1, 5) == ["RELEASED", "0"]
    booking = await stage.booking(1)
    assert (booking["status"], booking["seats"], booking["armed"]) == ("booked", "", "1")
    assert (await stage.taken(), await stage.holders()) == (set(), {})
    await stage.assert_armed(1, int(expires))


async def test_only_whole_indexes_match(stage: Stage) -> None:
    await stage.open(1, 5, 15, 55)
    await stage.release(1, 5)
    assert (await stage.booking(1))["seats"] == "15:1500,55:1500"


async def test_a_seat_named_twice_is_released_once(stage: Stage) -> None:
    await stage.open(1, 5, 6)
    assert await stage.release(1, 5, 5) == ["RELEASED", "1"]
    assert await stage.holders() == {6: 1}


async def test_others_can_claim_it_at_once(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.release(1, 5)
    assert (await stage.open(2, 5, user=BOB))[0] == "OPENED"
    assert await stage.unchanged(stage.release(1, 5)) == ["CHANGED", "2"]


async def test_again_the_reply_is_given_again(stage: Stage) -> None:
    await stage.open(1, 5)
    assert await stage.release(1, 5, once="a") == ["RELEASED", "0"]
    assert await stage.unchanged(stage.release(1, 5, once="a")) == ["=RELEASED", "0"]
    assert (await stage.open(2, 5, user=BOB))[0] == "OPENED"
    assert await stage.unchanged(stage.release(1, 5, once="a")) == ["=RELEASED", "0"]
    assert await stage.unchanged(stage.release(2, 5, user=BOB, once="a")) == ["=RELEASED", "0"]


async def test_without_a_once_key_the_second_run_would_deny_it(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.release(1, 5)
    assert await stage.unchanged(stage.release(1, 5)) == ["NOT_HELD", "5"]


async def test_changed_is_not_kept(stage: Stage) -> None:
    await stage.open(1, 5)
    assert await stage.unchanged(stage.release(0, 5, once="a")) == ["CHANGED", "1"]
    assert await stage.release(1, 5, once="a") == ["RELEASED", "0"]


async def test_a_refusal_is_kept(stage: Stage) -> None:
    assert await stage.release(0, 5, once="a") == ["NOT_HELD", "5"]
    await stage.open(1, 5)
    assert await stage.unchanged(stage.release(1, 5, once="a")) == ["=NOT_HELD", "5"]
