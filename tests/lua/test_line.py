"""The line of an event, in the scripts that claim seats, free them or end bookings."""

from collections.abc import Awaitable, Callable

import pytest

from tests.lua.stage import ANN, BOB, Stage

Do = Callable[[Stage], Awaitable[object]]


async def waited_for(stage: Stage) -> None:
    """Ann holds seat 20 by booking 10, two places are sold, 3 waits."""
    await stage.open(10, 20)
    await stage.sold_out(3)


async def test_what_is_free_is_theirs_who_wait(stage: Stage) -> None:
    await waited_for(stage)
    taken = ["SEAT_TAKEN", "21", "0"]
    assert await stage.unchanged(stage.open(11, 21, user=BOB)) == taken
    assert await stage.unchanged(stage.claim(10, 21)) == taken
    assert await stage.unchanged(stage.claim(10, 20, 21)) == taken
    assert (await stage.unchanged(stage.claim(10, 20)))[0] == "CLAIMED"
    tickets = stage.open(11, user=BOB, tickets="3:100:1:24-31")
    assert await stage.unchanged(tickets) == ["SOLD_OUT", "3"]
    assert (await stage.open(11, user=BOB))[0] == "OPENED"
    await stage.cancel(3, "x:3")
    assert (await stage.claim(10, 21))[0] == "CLAIMED"


async def test_a_late_payment_does_not_go_before_them(stage: Stage) -> None:
    await stage.swept(10, 20)
    await stage.sold_out(3)
    assert await stage.confirm(10) == ["REFUND_DUE"]


async def lapse(stage: Stage) -> None:
    await stage.command("DEL", stage.hold_key(10))
    assert await stage.expire(10) == ["EXPIRED"]


async def buy(stage: Stage) -> None:
    await stage.begin_payment(10)
    await stage.confirm(10)
    assert not await stage.is_promoting()


async def buy_and_return(stage: Stage) -> None:
    await buy(stage)
    assert (await stage.refund(10))[0] == "REFUND_DUE"


async def buy_and_discard(stage: Stage) -> None:
    await buy(stage)
    await stage.discard(10)


FREEING: dict[str, Do] = {
    "release": lambda stage: stage.release(10, 20, once="a"),
    "cancel": lambda stage: stage.cancel(10),
    "fail": lambda stage: stage.fail(10),
    "expire": lapse,
    "refund": buy_and_return,
    "discard": lambda stage: stage.discard(10),
    "discard sold": buy_and_discard,
    "amend": lambda stage: stage.amend(title="B"),
}


@pytest.mark.parametrize("way", FREEING)
async def test_what_becomes_free_is_to_be_handed_on(stage: Stage, way: str) -> None:
    await waited_for(stage)
    assert not await stage.is_promoting()
    await FREEING[way](stage)
    assert await stage.is_promoting()


@pytest.mark.parametrize("way", FREEING)
async def test_where_nobody_waits_there_is_nothing_to_hand_on(stage: Stage, way: str) -> None:
    await stage.open(10, 20)
    await FREEING[way](stage)
    assert not await stage.is_promoting()


async def test_who_waits_may_cancel_like_any_booking(stage: Stage) -> None:
    await stage.sold_out(3, 4)
    assert await stage.unchanged(stage.cancel(3)) == ["NOT_YOURS"]
    assert await stage.cancel(3, "x:3") == ["CANCELLED"]
    assert await stage.line() == [4]
    assert (await stage.patrons())["x:3"] == "3:past"
    assert (await stage.booking(3))["status"] == "cancelled"
    assert await stage.forgotten_at(3) is not None
    assert await stage.unchanged(stage.cancel(3, "x:3")) == ["CANCELLED"]


async def test_who_waits_can_do_nothing_else(stage: Stage) -> None:
    await stage.sold_out(3)
    assert await stage.unchanged(stage.claim(3, 20, user="x:3")) == ["CLOSED", "waiting"]
    assert await stage.unchanged(stage.begin_payment(3, "x:3")) == ["CLOSED", "waiting"]
    assert await stage.unchanged(stage.refund(3, "x:3")) == ["CLOSED", "waiting"]
    assert await stage.confirm(3) == ["NOT_INITIATED"]
    assert await stage.unchanged(stage.expire(3)) == ["KEPT", "waiting"]
    assert (await stage.look(3))[:4] == ["BOOKING", "x:3", "waiting", ""]


async def test_a_place_that_is_refunded_is_past(stage: Stage) -> None:
    await stage.book(1)
    await stage.refund(1)
    assert await stage.patrons() == {ANN: "1:past"}


async def test_other_bookings_leave_the_place_alone(stage: Stage) -> None:
    await stage.book(1)
    await stage.confirmed(2, 20)
    await stage.open(3, 21)
    await stage.refund(2)
    await stage.cancel(3)
    await stage.discard(3)
    assert await stage.patrons() == {ANN: "1:active"}


async def test_what_is_discarded_or_forgotten_is_nobodys_place(stage: Stage) -> None:
    await stage.sold_out(3, 4)
    for number, user in ((1, ANN), (3, "x:3")):
        assert await stage.discard(number) == ["DISCARDED", user]
    assert await stage.line() == [4]
    await stage.give_up(4, "x:4")
    await stage.command("ZADD", stage.own.ended, 1, f"{stage.event}:4")
    assert await stage.forget(4) == ["FORGOTTEN", "x:4"]
    assert await stage.patrons() == {"x:second": "2:active"}
    assert await stage.line() == []


async def test_a_forgotten_booking_is_not_the_place_that_came_after(stage: Stage) -> None:
    await stage.book(1, places="1:0:1:0-0")
    await stage.give_up(1)
    await stage.book(2)
    await stage.command("ZADD", stage.own.ended, 1, f"{stage.event}:1")
    assert await stage.forget(1) == ["FORGOTTEN", ANN]
    assert await stage.patrons() == {ANN: "2:active"}


async def test_a_cancelled_event_is_held_until_its_line_is_empty(stage: Stage) -> None:
    await stage.sold_out(3)
    await stage.cancel_event()
    for number in (1, 2):
        await stage.refund(number, "")
    assert await stage.settle() == ["HELD"]
    await stage.cancel(3, "")
    assert await stage.settle() == ["CANCELLED"]


async def test_an_event_with_a_line_is_not_deleted(stage: Stage) -> None:
    await stage.sold_out(3)
    for number, user in ((1, ANN), (2, "x:second")):
        await stage.give_up(number, user)
    await stage.command("HDEL", stage.own.event, "payments")
    assert await stage.delete() == ["HAS_BOOKINGS"]
    await stage.cancel(3, "x:3")
    assert await stage.delete(once="b") == ["REMOVED"]


async def test_nothing_is_left_of_a_removed_event(stage: Stage) -> None:
    await stage.sold_out(3)
    await stage.give_up(1)
    assert await stage.remove() == ["REMOVED"]
    assert (await stage.patrons(), await stage.line()) == ({}, [])
    assert not await stage.is_promoting()
    assert await stage.discard(3) == ["DISCARDED", "x:3"]
    assert await stage.fields() == {}


async def test_how_many_wait_is_counted_with_the_seats(stage: Stage) -> None:
    await stage.sold_out(3, 4)
    assert await stage.count_seats() == ["COUNTS", "2400", "2", "2", "0"]
