"""upgrade_booking: what older versions wrote down of refunds."""

import pytest

from tests.lua.stage import ANN, KEEP_MS, PRICE, Stage, entry


async def old_debt(stage: Stage, number: int, **fields: str | int) -> None:
    """A booking that an older version has cancelled, with its refund due."""
    about = {"user": ANN, "status": "cancelled", "seats": "", "released": "5:1500"}
    about |= {"created": "10", "updated": "20", "amount": str(PRICE), "refund": "due"}
    flat = (each for field in (about | fields).items() for each in field)
    await stage.command("HSET", stage.booking_key(number), *flat)


async def test_no_booking(stage: Stage) -> None:
    assert await stage.unchanged(stage.upgrade(1)) == ["KEPT"]


async def test_what_is_not_due_stays(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    await old_debt(stage, 2, armed=1, refund="done")
    await stage.book(3)
    for number in (1, 2, 3):
        assert await stage.unchanged(stage.upgrade(number)) == ["KEPT"]


async def test_what_is_due_is_listed(stage: Stage) -> None:
    await old_debt(stage, 1, armed=1)
    booking = await stage.booking(1)
    assert await stage.upgrade(1) == ["LISTED"]
    assert await stage.owed() == {"1": 20}
    assert await stage.booking(1) == booking
    await stage.age(1)
    assert await stage.unchanged(stage.upgrade(1)) == ["LISTED"]
    assert await stage.settle_refund(1) == ["SETTLED", "1500", "done"]


@pytest.mark.parametrize("fields", [{}, {"armed": 1, "amount": 0}])
async def test_what_nobody_paid_for_is_not_due(stage: Stage, fields: dict[str, int]) -> None:
    await old_debt(stage, 1, **fields)
    await stage.command("ZADD", stage.own.refunds, 5, 1)
    amount = (await stage.booking(1))["amount"]
    reply, ran = await stage.timed(stage.upgrade(1))
    assert reply == ["DROPPED"]
    assert "refund" not in await stage.booking(1)
    assert await stage.owed() == {}
    forgotten_at = await stage.forgotten_at(1)
    assert forgotten_at is not None
    assert forgotten_at - KEEP_MS in ran
    assert await stage.last() == entry("refund_dropped", 1, ANN, note=amount)
    assert await stage.unchanged(stage.upgrade(1)) == ["KEPT"]


async def test_without_an_amount_there_was_nothing_to_pay(stage: Stage) -> None:
    await old_debt(stage, 1, armed=1)
    await stage.command("HDEL", stage.booking_key(1), "amount")
    assert await stage.upgrade(1) == ["DROPPED"]
    assert (await stage.last())["note"] == "0"


async def test_what_has_a_list_is_as_it_says(stage: Stage) -> None:
    await old_debt(stage, 1, payments=":1500", refunds=":1500:cancelled:due:")
    assert await stage.upgrade(1) == ["LISTED"]
    assert await stage.owed() == {"1": 20}
