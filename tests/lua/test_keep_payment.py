"""keep_payment: a payment that nobody knows what to do with is kept where people see it."""

from tests.lua.stage import Stage, entry


async def test_it_is_kept_once(stage: Stage) -> None:
    reply, ran = await stage.timed(stage.keep("p", "1500::CONFIRMED", "no_booking", 9))
    assert reply == ["UNMATCHED", "no_booking"]
    kept = (await stage.unmatched())["9:p"]
    assert kept.startswith("1500::CONFIRMED:no_booking:")
    assert int(kept.rpartition(":")[2]) in ran
    note = "p 1500::CONFIRMED no_booking"
    assert await stage.last() == entry("payment_unmatched", 9, "", note=note)
    again = stage.keep("p", "1500::CONFIRMED", "no_booking", 9)
    assert await stage.unchanged(again) == reply


async def test_what_is_said_of_it_later_replaces_that(stage: Stage) -> None:
    await stage.keep("p", "::ok", "status", 9)
    await stage.keep("p", "1500::CONFIRMED", "no_booking", 9)
    assert list(await stage.unmatched()) == ["9:p"]
    assert (await stage.unmatched())["9:p"].startswith("1500::CONFIRMED:no_booking:")


async def test_the_event_has_seen_money(stage: Stage) -> None:
    await stage.keep("p")
    assert (await stage.fields())["payments"] == "1"


async def test_no_event_is_made(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    await nowhere.keep("p")
    assert await nowhere.fields() == {}
    assert set(await nowhere.unmatched()) == {"0:p"}


async def test_what_is_no_money_is_only_written_down(stage: Stage) -> None:
    for _ in range(2):
        reply = await stage.keep("p", "::AUTHORIZED", kept=0, once="a")
        assert reply[-2:] in (["UNMATCHED", "no_order"], ["=UNMATCHED", "no_order"])
    assert await stage.last() == entry("payment_unmatched", 0, "", note="p ::AUTHORIZED no_order")
    assert [each["what"] for each in await stage.journal()].count("payment_unmatched") == 1
    assert await stage.unmatched() == {}
    assert "payments" not in await stage.fields()


async def test_it_is_bounded_and_what_is_too_much_is_written_down(stage: Stage) -> None:
    many = (each for number in range(1_000) for each in (f"0:{number}", "::x:no_order:1"))
    await stage.command("HSET", stage.own.unmatched, *many)
    assert await stage.keep("p") == ["UNMATCHED", "no_order"]
    assert "0:p" not in await stage.unmatched()
    assert (await stage.last())["what"] == "payment_unmatched"
    await stage.keep("7", "::y")
    assert (await stage.unmatched())["0:7"].startswith("::y:no_order:")
