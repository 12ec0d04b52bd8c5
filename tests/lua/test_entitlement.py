"""Who may have what costs something without paying for it: places, and the line for them."""

from tests.lua.stage import ANN, BOB, Stage

MIXED = "1:1500:1:0-0,2:0:1:8-8"
"""A place that costs something, and one that does not."""
PAID = "1:1500:1:0-0,2:900:1:8-8"
FREE = "1:0:1:0-0,2:0:1:8-8"


async def book(
    stage: Stage, number: int, entitled: int = 0, places: str = MIXED, waits: int = 1
) -> list[str | int]:
    user = f"x:{number}"
    return (await stage.book(number, user, waits, places, entitled=entitled))[:3]


async def promoted(stage: Stage, places: str = MIXED) -> list[str]:
    """Hand on what is free, and say whose turn it was each time."""
    number, turns = "0", list[str]()
    while True:
        outcome, *rest = await stage.promote(int(number), places)
        if outcome == "KEPT" or rest == ["0"]:
            return turns
        number = str(rest[0])
        turns.append(number)


async def test_only_what_costs_nothing_for_those_who_may_not_have_more(stage: Stage) -> None:
    assert await book(stage, 1) == ["CONFIRMED", "1", "0"]
    assert await stage.holders() == {8: 1}
    for waits in (0, 1):
        refused = stage.book(2, BOB, waits, MIXED, entitled=0)
        assert await stage.unchanged(refused) == ["PAYMENT_REQUIRED"]
    assert await book(stage, 3, 1) == ["CONFIRMED", "3", "0"]
    assert await stage.holders() == {0: 3, 8: 1}


async def test_the_order_of_refusals(stage: Stage) -> None:
    await stage.book(1, places=PAID)
    assert await stage.book(2, places=PAID, entitled=0) == ["ALREADY_BOOKED", "1"]
    assert await book(stage, 3, places=PAID, waits=0) == ["PAYMENT_REQUIRED"]
    await book(stage, 4, 1, PAID)
    assert await book(stage, 3, places=PAID, waits=0) == ["SOLD_OUT"]


async def test_a_lapsed_hold_on_what_costs_nothing_is_looked_at_first(stage: Stage) -> None:
    await stage.lapsed(1, 8, user=BOB)
    assert await stage.book(2, places=MIXED, entitled=0) == ["LAPSED", "1"]
    await stage.expire(1)
    assert (await stage.book(2, places=MIXED, entitled=0))[0] == "CONFIRMED"


async def test_a_lapsed_hold_on_what_others_may_not_have(stage: Stage) -> None:
    await book(stage, 1)
    await stage.plan(hold_ms=300)
    await stage.open(2, 0, user=BOB)
    await stage.plan(hold_ms=3_600_000)
    assert await book(stage, 3) == ["WAITING", "3", "1"]
    await stage.lapse(2)
    assert (await book(stage, 4, waits=0))[0] == "SOLD_OUT"
    for waits in (0, 1):
        assert await stage.unchanged(book(stage, 5, 1, waits=waits)) == ["LAPSED", "2"]
    await stage.expire(2)
    assert await book(stage, 5, 1) == ["CONFIRMED", "5", "0"]


async def test_while_anybody_waits_for_all_of_it_what_lapses_is_theirs(stage: Stage) -> None:
    await book(stage, 1)
    await stage.plan(hold_ms=300)
    await stage.open(2, 0, user=BOB)
    await stage.plan(hold_ms=3_600_000)
    assert await book(stage, 3, 1) == ["WAITING", "3", "1"]
    await stage.lapse(2)
    assert await book(stage, 4, 1) == ["WAITING", "4", "2"]


async def test_who_waits_is_given_nothing_that_has_come_to_cost(stage: Stage) -> None:
    for number in (1, 2):
        await book(stage, number, places=FREE)
    assert await book(stage, 3, places=FREE) == ["WAITING", "3", "1"]
    await stage.give_up(1, "x:1")
    assert await promoted(stage, PAID) == []
    assert await stage.line() == [3]
    assert not await stage.is_promoting()
    assert await promoted(stage, FREE) == ["3"]
    assert await stage.holders() == {0: 3, 8: 2}


async def test_who_may_not_have_it_blocks_nobody_behind(stage: Stage) -> None:
    for number in (1, 2):
        await book(stage, number, 1)
    for number, entitled in ((3, 0), (4, 1), (5, 0), (6, 1)):
        position = str(number - 2)
        assert await book(stage, number, entitled) == ["WAITING", str(number), position]
    for number, position in ((3, "1"), (4, "2"), (5, "3"), (6, "4")):
        assert (await stage.standing(number))[:3] == ["WAITING", str(number), position]
    await stage.give_up(1, "x:1")
    assert await stage.promote(3, MIXED) == ["CHANGED", "4"]
    assert await stage.promote(4, MIXED) == ["PROMOTED", "0"]
    assert await stage.holders() == {0: 4, 8: 2}
    assert (await stage.standing(6))[:3] == ["WAITING", "6", "3"]


async def test_what_costs_nothing_goes_to_the_first_of_all(stage: Stage) -> None:
    for number in (1, 2):
        await book(stage, number, 1)
    for number, entitled in ((3, 0), (4, 1), (5, 0)):
        await book(stage, number, entitled)
    await stage.give_up(2, "x:2")
    assert await stage.promote(4, MIXED) == ["CHANGED", "3"]
    assert await stage.promote(3, MIXED) == ["PROMOTED", "0"]
    await stage.give_up(3, "x:3")
    assert await stage.promote(5, MIXED) == ["CHANGED", "4"]
    assert await stage.promote(4, MIXED) == ["PROMOTED", "0"]


async def test_several_are_free_at_once(stage: Stage) -> None:
    for number in (1, 2):
        await book(stage, number, 1)
    for number, entitled in ((3, 0), (4, 1)):
        await book(stage, number, entitled)
    for number in (1, 2):
        await stage.give_up(number, f"x:{number}")
    assert await stage.promote(3, MIXED) == ["PROMOTED", "4"]
    assert await stage.promote(4, MIXED) == ["PROMOTED", "0"]
    assert await stage.holders() == {0: 4, 8: 3}
    fields = await stage.fields()
    assert not {"waiting", "waiting_free"} & set(fields)


async def waiting_for_nothing_that_costs(stage: Stage) -> None:
    """Both places are taken, and somebody waits who may have only what costs nothing."""
    await stage.paying(1, 0, user=BOB)
    await book(stage, 2)
    assert await book(stage, 3) == ["WAITING", "3", "1"]
    fields = await stage.fields()
    assert (fields["waiting"], fields["waiting_free"]) == ("1", "1")


async def test_who_waits_for_what_costs_nothing_blocks_no_buyer(stage: Stage) -> None:
    await waiting_for_nothing_that_costs(stage)
    await stage.fail(1)
    await stage.give_up(2, "x:2")
    assert await stage.open(4, 8, price=0) == ["SEAT_TAKEN", "8", "0"]
    assert await stage.open(4, tickets="2:0:1:8-8") == ["SOLD_OUT", "2"]
    assert await stage.open(4, 0) == ["OPENED", "4", *(await stage.open(4, 0))[2:]]
    assert await stage.claim(4, 8, price=0) == ["SEAT_TAKEN", "8", "0"]
    await stage.release(4, 0)
    assert (await stage.claim(4, 0))[0] == "CLAIMED"
    await stage.cancel(4)
    assert (await stage.open(5, tickets="1:1500:1:0-0"))[0] == "OPENED"
    assert await stage.count_seats() == ["COUNTS", "0", "0", "1", "1"]


async def test_a_late_payment_takes_back_what_nobody_waits_for(stage: Stage) -> None:
    await stage.swept(1, 0)
    await stage.open(4, 0, user=BOB)
    await book(stage, 2)
    assert await book(stage, 3) == ["WAITING", "3", "1"]
    await stage.cancel(4, BOB)
    assert await stage.confirm(1) == ["CONFIRMED"]


async def test_a_newcomer_who_may_have_it_takes_what_nobody_waits_for(stage: Stage) -> None:
    await waiting_for_nothing_that_costs(stage)
    await stage.fail(1)
    assert await book(stage, 4) == ["PAYMENT_REQUIRED"]
    await stage.give_up(2, "x:2")
    assert await book(stage, 5, 1) == ["CONFIRMED", "5", "0"]
    assert await stage.holders() == {0: 5}
    assert await book(stage, 6, 1) == ["WAITING", "6", "2"]
    assert await book(stage, 7) == ["WAITING", "7", "3"]


async def test_while_somebody_waits_for_anything_all_is_theirs(stage: Stage) -> None:
    await waiting_for_nothing_that_costs(stage)
    assert await book(stage, 4, 1) == ["WAITING", "4", "2"]
    await stage.fail(1)
    assert await stage.open(5, 0) == ["SEAT_TAKEN", "0", "0"]
    assert await book(stage, 6) == ["WAITING", "6", "3"]


async def test_who_leaves_the_line_is_not_counted_any_more(stage: Stage) -> None:
    await waiting_for_nothing_that_costs(stage)
    await book(stage, 4, 1)
    await stage.give_up(4, "x:4")
    fields = await stage.fields()
    assert (fields["waiting"], fields["waiting_free"]) == ("1", "1")
    await stage.cancel(3, "x:3")
    assert not {"waiting", "waiting_free"} & set(await stage.fields())


async def test_in_a_line_of_an_older_version_everybody_may_have_any_place(stage: Stage) -> None:
    await stage.sold_out(3)
    await stage.command("HDEL", stage.own.event, "waiting_free")
    await stage.give_up(1, ANN)
    assert await stage.open(4, 0) == ["SEAT_TAKEN", "0", "0"]
    assert await stage.promote(3) == ["PROMOTED", "0"]


async def test_the_audit_misses_only_what_may_be_had(stage: Stage) -> None:
    await waiting_for_nothing_that_costs(stage)
    await stage.fail(1)
    own = stage.own
    keys = [own.event, own.taken, own.waiting, own.promote]
    await stage.command("SREM", own.promote, stage.event)
    look = ("inspect_line", keys, stage.event, stage.version, MIXED)
    assert await stage.run(*look) == ["INSPECTED", "on_sale", "1", "1", "1", "1", "", 0]
    await stage.give_up(2, "x:2")
    assert await stage.run(*look) == ["INSPECTED", "on_sale", "1", "1", "1", "1", "8", 1]
