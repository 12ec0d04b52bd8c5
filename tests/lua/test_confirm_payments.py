"""confirm_booking: which payment it was, how much, and what becomes of one too many."""

import pytest

from tests.lua.stage import ANN, BOB, PRICE, Stage, entry


async def lists(stage: Stage, number: int = 1) -> tuple[str | None, str | None, str | None]:
    booking = await stage.booking(number)
    return booking.get("payments"), booking.get("refunds"), booking.get("refund")


async def test_what_was_paid_is_kept_with_the_booking(stage: Stage) -> None:
    await stage.paying(1, 5, 6)
    assert await stage.confirm(1, "p%3A1", 2 * PRICE) == ["CONFIRMED"]
    assert await lists(stage) == ("p%3A1:3000", None, None)
    told = [each for each in await stage.journal() if each["what"] == "paid"]
    assert [each["note"] for each in told] == ["3000 p%3A1"]
    assert await stage.owed() == {}


async def test_the_same_payment_again_changes_nothing(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.confirm(1, "p")
    for amount in ("", PRICE):
        assert await stage.unchanged(stage.confirm(1, "p", amount)) == ["CONFIRMED"]
    assert await stage.unchanged(stage.confirm(1)) == ["CONFIRMED"]


@pytest.mark.parametrize(("amount", "currency"), [(7, ""), (15, ""), ("", "USD"), (PRICE, "USD")])
async def test_a_known_payment_of_another_sum_is_noted(
    stage: Stage, amount: int | str, currency: str
) -> None:
    await stage.paying(1, 5)
    await stage.confirm(1, "p%25", PRICE)
    await stage.keep("p%25", "7::CONFIRMED", "status", 1)
    before = await stage.booking(1)
    for again in ("CONFIRMED", "=CONFIRMED"):
        assert await stage.confirm(1, "p%25", amount, currency, once="a") == [again]
    assert await stage.booking(1) == before
    assert await stage.unmatched() == {}
    told = [each["note"] for each in await stage.journal() if each["what"] == "payment_note"]
    assert told == [f"p%25 {amount}:{currency}:CONFIRMED"]


async def test_a_payment_without_an_id_is_named_by_the_first_that_has_one(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    assert await stage.confirm(1, "p%25", PRICE) == ["CONFIRMED"]
    assert await lists(stage) == ("p%25:1500", None, None)
    assert await stage.last() == entry("payment_named", 1, ANN, note="p%25")
    assert await stage.unchanged(stage.confirm(1, "p%25")) == ["CONFIRMED"]
    assert await stage.confirm(1, "q") == ["REFUND_DUE"]


async def test_one_of_another_amount_is_not_the_one_without_an_id(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    assert await stage.confirm(1, "p", PRICE + 1) == ["REFUND_DUE"]
    assert (await lists(stage))[0] == ":1500,p:1501"


async def test_a_refund_is_named_with_its_payment(stage: Stage) -> None:
    await stage.refundable(1, 5)
    assert await stage.confirm(1, "p") == ["REFUND_DUE"]
    assert await lists(stage) == ("p:1500", "p:1500:expired:due:", "due")


async def test_a_second_payment_is_due_back(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.confirm(1, "p")
    await stage.age(1)
    reply, ran = await stage.timed(stage.confirm(1, "q", 900))
    assert reply == ["REFUND_DUE"]
    assert await lists(stage) == ("p:1500,q:900", "q:900:paid_twice:due:", "due")
    booking = await stage.booking(1)
    assert (booking["status"], booking["seats"]) == ("confirmed", "5:1500")
    assert int(booking["updated"]) in ran
    since = await stage.owed()
    assert since["1"] in ran
    assert await stage.last() == entry("refund_due", 1, ANN, note="900 paid_twice q")
    assert (await stage.fields())["revenue"] == "1500"
    assert await stage.unchanged(stage.confirm(1, "q")) == ["REFUND_DUE"]
    assert await stage.unchanged(stage.confirm(1, "p")) == ["CONFIRMED"]


async def test_a_second_payment_of_what_has_ended_is_due_too(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.fail(1)
    await stage.confirm(1, "p")
    await stage.settle_refund(1)
    assert await stage.forgotten_at(1) is not None
    assert await stage.confirm(1, "q") == ["REFUND_DUE"]
    assert (await lists(stage))[1:] == ("p:1500:cancelled:done:,q:1500:paid_twice:due:", "due")
    assert await stage.forgotten_at(1) is None


async def test_the_list_of_payments_is_bounded(stage: Stage) -> None:
    await stage.paying(1, 5)
    for number in range(20):
        assert (await stage.confirm(1, f"p{number}"))[0] in ("CONFIRMED", "REFUND_DUE")
    assert await stage.confirm(1, "one-more") == ["UNMATCHED", "too_many"]
    assert set(await stage.unmatched()) == {"1:one-more"}


async def test_a_second_payment_of_nothing_is_not_owed(stage: Stage) -> None:
    await stage.paying(1, 5, price=0)
    await stage.confirm(1, "p")
    assert await stage.confirm(1, "q") == ["CONFIRMED"]
    assert await lists(stage) == ("p:0,q:0", None, None)
    assert await stage.owed() == {}
    await stage.refund(1)
    assert await stage.confirm(1, "r") == ["CANCELLED"]
    assert await stage.unchanged(stage.confirm(1, "p")) == ["CANCELLED"]


async def test_what_cost_nothing_and_has_ended_is_not_owed(stage: Stage) -> None:
    await stage.paying(1, 5, price=0)
    await stage.cancel(1)
    assert await stage.unchanged(stage.confirm(1, "p")) == ["CANCELLED"]


@pytest.mark.parametrize(
    ("amount", "currency", "reason"),
    [(1_499, "", "amount"), (0, "", "amount"), (PRICE, "USD", "currency"), ("", "X", "currency")],
)
async def test_another_amount_or_currency_confirms_nothing(
    stage: Stage, amount: int | str, currency: str, reason: str
) -> None:
    await stage.paying(1, 5)
    before = await stage.booking(1)
    reply, ran = await stage.timed(stage.confirm(1, "p", amount, currency, once="a"))
    assert reply == ["UNMATCHED", reason]
    assert await stage.booking(1) == before
    kept = (await stage.unmatched())["1:p"]
    assert kept.rpartition(":")[0] == f"{amount}:{currency}:CONFIRMED:{reason}"
    assert int(kept.rpartition(":")[2]) in ran
    note = f"p {amount}:{currency}:CONFIRMED {reason}"
    assert await stage.last() == entry("payment_unmatched", 1, ANN, note=note)
    assert await stage.unchanged(stage.confirm(1, "p", amount, currency)) == reply
    again = stage.confirm(1, "p", amount, currency, once="a")
    assert await stage.unchanged(again) == ["=UNMATCHED", reason]
    assert await stage.confirm(1, "q", PRICE) == ["CONFIRMED"]
    assert set(await stage.unmatched()) == {"1:p"}


async def test_a_second_payment_in_another_currency_is_kept(stage: Stage) -> None:
    await stage.paying(1, 5)
    await stage.confirm(1, "p")
    assert await stage.confirm(1, "q", PRICE, "USD") == ["UNMATCHED", "currency"]
    assert await lists(stage) == ("p:1500", None, None)


async def test_one_that_came_before_payment_began_is_kept_until_it_settles(stage: Stage) -> None:
    await stage.open(1, 5)
    for _ in range(2):
        assert await stage.confirm(1, "p", once="a") == ["NOT_INITIATED"]
    assert set(await stage.unmatched()) == {"1:p"}
    assert [each["what"] for each in await stage.journal()].count("payment_unmatched") == 1
    await stage.begin_payment(1)
    assert await stage.confirm(1, "p", once="a") == ["CONFIRMED"]
    assert await stage.unmatched() == {}


async def test_an_early_one_that_turns_out_to_be_wrong_says_why(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.confirm(1, "p", 7)
    await stage.begin_payment(1)
    assert await stage.confirm(1, "p", 7) == ["UNMATCHED", "amount"]
    assert ":amount:" in (await stage.unmatched())["1:p"]


async def test_once_named_an_early_one_is_not_unmatched(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.confirm(1, "p")
    await stage.begin_payment(1)
    await stage.confirm(1)
    await stage.confirm(1, "p")
    assert await stage.unmatched() == {}


async def test_one_without_an_id_is_the_one_that_came_early(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.open(11, 6)
    for number, payment, amount in (
        (11, "a", PRICE),
        (1, "b", 7),
        (1, "p%25", PRICE),
        (1, "q", ""),
    ):
        assert (await stage.confirm(number, payment, amount))[0] == "NOT_INITIATED"
    await stage.begin_payment(1)
    assert await stage.confirm(1) == ["CONFIRMED"]
    assert await lists(stage) == ("p%25:1500", None, None)
    assert set(await stage.unmatched()) == {"11:a", "1:b", "1:q"}
    told = [each["note"] for each in await stage.journal() if each["what"] == "paid"]
    assert told == ["1500 p%25"]
    assert await stage.unchanged(stage.confirm(1, "p%25", PRICE)) == ["CONFIRMED"]


async def test_an_early_one_that_does_not_say_how_much_may_be_it(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.confirm(1, "p")
    await stage.begin_payment(1)
    await stage.confirm(1)
    assert await lists(stage) == ("p:1500", None, None)


@pytest.mark.parametrize(("amount", "currency"), [(7, ""), (PRICE, "USD")])
async def test_one_that_was_unfit_is_not_it(stage: Stage, amount: int, currency: str) -> None:
    await stage.paying(1, 5)
    await stage.confirm(1, "p", amount, currency)
    await stage.keep("r", "1500::CONFIRMED", "status", 1)
    await stage.confirm(1)
    assert await lists(stage) == (":1500", None, None)
    assert set(await stage.unmatched()) == {"1:p", "1:r"}


async def test_an_early_one_in_another_currency_is_not_it(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.confirm(1, "p", PRICE, "USD")
    await stage.begin_payment(1)
    await stage.confirm(1)
    assert await lists(stage) == (":1500", None, None)


async def test_what_is_owed_is_owed_for_the_early_one(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.confirm(1, "p", PRICE)
    await stage.begin_payment(1)
    await stage.fail(1)
    assert await stage.confirm(1) == ["REFUND_DUE"]
    assert await lists(stage) == ("p:1500", "p:1500:cancelled:due:", "due")
    assert (await stage.last())["note"] == "1500 cancelled p"


async def test_an_early_one_without_an_id_is_matched_by_any(stage: Stage) -> None:
    await stage.open(1, 5)
    await stage.confirm(1)
    await stage.begin_payment(1)
    assert await stage.confirm(1, "p", PRICE) == ["CONFIRMED"]
    assert await stage.unmatched() == {}
    assert await lists(stage) == ("p:1500", None, None)


async def test_with_its_name_the_early_one_without_goes(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    await stage.keep("", "::", "not_initiated", 1)
    await stage.confirm(1, "p")
    assert await stage.unmatched() == {}


@pytest.mark.parametrize("early", [True, False])
async def test_what_had_to_go_for_a_new_one_is_told(stage: Stage, early: bool) -> None:
    many = (each for number in range(1_000) for each in (f"9:{number}", "::x:status:5"))
    await stage.command(
        "HSET", stage.own.unmatched, *many, "9:old", "::x:status:1", "9:7", "::x:status:2"
    )
    await stage.command("HDEL", stage.own.unmatched, "9:8")
    await (stage.open(1, 5) if early else stage.paying(1, 5))
    answer = ["NOT_INITIATED"] if early else ["UNMATCHED", "amount"]
    assert await stage.confirm(1, "p", 7) == [*answer, "9:old"]
    assert await stage.unchanged(stage.confirm(1, "p", 7)) == answer
    assert "1:p" in await stage.unmatched()


async def test_where_money_came_in_the_event_cannot_be_deleted(stage: Stage) -> None:
    await stage.open(1)
    await stage.confirm(1, "p")
    await stage.cancel(1)
    assert await stage.delete() == ["HAS_BOOKINGS"]


async def test_who_names_no_payment_keeps_no_event(stage: Stage) -> None:
    await stage.open(1)
    assert await stage.confirm(1) == ["NOT_INITIATED"]
    await stage.cancel(1)
    assert "1:" in await stage.unmatched()
    assert await stage.delete() == ["REMOVED"]
    assert await stage.unmatched() == {}


async def test_nobody_pays_for_a_place_that_was_given(stage: Stage) -> None:
    await stage.book(1)
    assert await stage.unchanged(stage.confirm(1)) == ["CONFIRMED"]
    assert await stage.confirm(1, "p") == ["NOT_INITIATED"]
    assert set(await stage.unmatched()) == {"1:p"}
    assert await lists(stage) == (None, None, None)


@pytest.mark.parametrize("how", ["given up", "event cancelled", "event gone from sale"])
async def test_nobody_pays_for_a_place_that_was_taken_back(stage: Stage, how: str) -> None:
    await stage.book(1)
    if how == "given up":
        assert (await stage.give_up(1))[0] == "CANCELLED"
    else:
        await stage.cancel_event()
    if how == "event cancelled":
        assert await stage.refund(1, user="") == ["CANCELLED"]
    for payment, amount in (("", ""), ("p", 1_500)):
        known = how == "event gone from sale" and not payment
        expected = ["CONFIRMED"] if known else ["NOT_INITIATED"]
        assert await stage.confirm(1, payment, amount) == expected
    assert await lists(stage) == (None, None, None)
    assert await stage.owed() == {}
    assert "1:p" in await stage.unmatched()


async def test_a_booking_of_an_older_version_that_is_paid_again(stage: Stage) -> None:
    await stage.confirmed(1, 5)
    await stage.command("HDEL", stage.booking_key(1), "payments")
    assert await stage.unchanged(stage.confirm(1)) == ["CONFIRMED"]
    assert await stage.confirm(1, "q", 900) == ["REFUND_DUE"]
    assert await lists(stage) == (":1500,q:900", "q:900:paid_twice:due:", "due")


async def test_a_late_payment_is_kept_where_the_seats_are_bobs(stage: Stage) -> None:
    await stage.swept(1, 5)
    await stage.open(2, 5, user=BOB)
    assert await stage.confirm(1, "p") == ["REFUND_DUE"]
    assert await lists(stage) == ("p:1500", "p:1500:expired:due:", "due")
    assert set(await stage.owed()) == {"1"}


async def test_of_a_cancelled_event_the_reason_says_so(stage: Stage) -> None:
    await stage.swept(1, 5)
    await stage.cancel_event()
    assert await stage.confirm(1, "p") == ["REFUND_DUE"]
    assert (await lists(stage))[1] == "p:1500:event_cancelled:due:"
