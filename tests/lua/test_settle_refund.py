"""settle_refund: the money has gone back."""

from tests.lua.stage import ANN, BOB, KEEP_MS, Stage, entry


async def paid_thrice(stage: Stage) -> None:
    await stage.paying(1, 5)
    for payment in ("p", "q", "r"):
        await stage.confirm(1, payment)


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    assert await nowhere.unchanged(nowhere.settle_refund(1)) == ["NO_EVENT"]


async def test_no_booking(stage: Stage) -> None:
    assert await stage.unchanged(stage.settle_refund(1)) == ["NO_BOOKING"]


async def test_it_is_for_the_organizer(stage: Stage) -> None:
    await stage.refundable(1, 5)
    assert await stage.unchanged(stage.settle_refund(1, user=BOB)) == ["NOT_YOURS"]
    await stage.plan(organizer=BOB)
    assert await stage.settle_refund(1, user=BOB) == ["SETTLED", "1500", "done"]


async def test_nothing_is_due(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    await stage.open(2, 6)
    for number in (1, 2):
        assert await stage.unchanged(stage.settle_refund(number)) == ["NO_REFUND"]
        assert await stage.unchanged(stage.settle_refund(number, "p")) == ["NO_REFUND"]


async def test_what_is_settled_is_forgotten_in_its_time(stage: Stage) -> None:
    await stage.refundable(1, 5)
    await stage.age(1)
    reply, ran = await stage.timed(stage.settle_refund(1, reference="bank%2042"))
    assert reply == ["SETTLED", "1500", "done"]
    booking = await stage.booking(1)
    assert (booking["refund"], booking["refunds"]) == ("done", ":1500:expired:done:bank%2042")
    assert int(booking["updated"]) in ran
    assert await stage.owed() == {}
    forgotten_at = await stage.forgotten_at(1)
    assert forgotten_at is not None
    assert forgotten_at - KEEP_MS in ran
    assert await stage.last() == entry("refund_settled", 1, ANN, note="1500  bank%2042")
    assert await stage.unchanged(stage.settle_refund(1, reference="other")) == [
        "SETTLED",
        "0",
        "done",
    ]
    await stage.command("ZADD", stage.own.ended, 1, f"{stage.event}:1")
    assert await stage.forget(1) == ["FORGOTTEN", ANN]


async def test_one_payment_of_several(stage: Stage) -> None:
    await paid_thrice(stage)
    assert await stage.settle_refund(1, "q", "x") == ["SETTLED", "1500", "due"]
    booking = await stage.booking(1)
    refunds = "q:1500:paid_twice:done:x,r:1500:paid_twice:due:"
    assert (booking["refund"], booking["refunds"]) == ("due", refunds)
    assert set(await stage.owed()) == {"1"}
    assert await stage.unchanged(stage.settle_refund(1, "p")) == ["NO_REFUND"]
    assert await stage.settle_refund(1, "*", "y") == ["SETTLED", "1500", "done"]
    assert (await stage.booking(1))["refunds"].endswith("r:1500:paid_twice:done:y")
    assert await stage.owed() == {}


async def test_all_of_several(stage: Stage) -> None:
    await paid_thrice(stage)
    assert await stage.settle_refund(1) == ["SETTLED", "3000", "done"]
    told = [each["note"] for each in await stage.journal() if each["what"] == "refund_settled"]
    assert told == ["1500 q ", "1500 r "]


async def test_what_is_still_sold_is_not_forgotten(stage: Stage) -> None:
    await paid_thrice(stage)
    await stage.settle_refund(1)
    assert await stage.forgotten_at(1) is None


async def test_a_part_of_what_has_ended_is_no_reason_to_forget_it(stage: Stage) -> None:
    await paid_thrice(stage)
    await stage.refund(1)
    assert (await stage.booking(1))["refunds"].count(":due:") == 3
    await stage.settle_refund(1, "p")
    assert await stage.forgotten_at(1) is None


async def test_who_names_an_unknown_payment_means_the_one_without_an_id(stage: Stage) -> None:
    await stage.refundable(1, 5)
    assert await stage.settle_refund(1, "p") == ["SETTLED", "1500", "done"]


async def test_a_payment_that_nothing_could_be_sold_for_has_gone_back(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.confirm(1, "p%25", 7, "USD")
    await stage.keep("q")
    booking = await stage.booking(1)
    assert await stage.settle_refund(1, "p%25", "wire%207") == ["SETTLED", "7", ""]
    assert await stage.booking(1) == booking
    assert set(await stage.unmatched()) == {"0:q"}
    assert await stage.last() == entry("unmatched_settled", 1, ANN, note="7 p%25 wire%207")
    assert await stage.unchanged(stage.settle_refund(1, "p%25")) == ["NO_REFUND"]


async def test_one_of_an_unknown_amount(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.confirm(1, "p")
    assert await stage.settle_refund(1, "p") == ["SETTLED", "0", ""]
    assert await stage.unmatched() == {}


async def test_the_unmatched_one_is_meant_and_not_what_is_due(stage: Stage) -> None:
    await stage.refundable(1, 5)
    await stage.confirm(1, "p", 7, "USD")
    await stage.keep("p", "7:USD:CONFIRMED", "currency", 1)
    refunds = (await stage.booking(1))["refunds"]
    assert await stage.settle_refund(1, "p") == ["SETTLED", "7", "due"]
    assert (await stage.booking(1))["refunds"] == refunds
    assert set(await stage.owed()) == {"1"}


async def test_all_that_is_due_are_none_of_the_unmatched(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.confirm(1, "p", 7)
    assert await stage.unchanged(stage.settle_refund(1)) == ["NO_REFUND"]


async def test_one_that_named_no_booking(stage: Stage) -> None:
    await stage.keep("p", "700::CONFIRMED", "no_booking", 9)
    assert await stage.unchanged(stage.settle_refund(9, "q")) == ["NO_BOOKING"]
    assert await stage.unchanged(stage.settle_refund(9, "p", user=BOB)) == ["NOT_YOURS"]
    assert await stage.settle_refund(9, "p", user=ANN) == ["SETTLED", "700", ""]
    assert await stage.last() == entry("unmatched_settled", 9, "", note="700 p ")


async def test_one_of_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    field = ("0:p", "700::CONFIRMED:no_order:1")
    await stage.command("HSET", nowhere.own.unmatched, *field)
    assert await nowhere.unchanged(nowhere.settle_refund(0, "q")) == ["NO_EVENT"]
    assert await nowhere.unchanged(nowhere.settle_refund(0, "p", user=ANN)) == ["NOT_YOURS"]
    assert await nowhere.settle_refund(0, "p") == ["SETTLED", "700", ""]
    assert await nowhere.unmatched() == {}


async def test_of_an_older_version(stage: Stage) -> None:
    await stage.refundable(1, 5)
    await stage.command("HDEL", stage.booking_key(1), "payments", "refunds")
    await stage.command("DEL", stage.own.refunds)
    assert await stage.settle_refund(1, reference="x") == ["SETTLED", "1500", "done"]
    booking = await stage.booking(1)
    assert (booking["payments"], booking["refunds"]) == (":1500", ":1500::done:x")
