"""keep_payment: a payment that nobody knows what to do with is kept where people see it."""

from billetter.domain.ids import EventId
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


async def test_no_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    for kept in (0, 1):
        assert await nowhere.unchanged(nowhere.keep("p", kept=kept)) == ["NO_EVENT"]


async def test_of_no_known_event(stage: Stage) -> None:
    nowhere = stage.elsewhere()
    nowhere.event = EventId(0)
    assert await nowhere.keep("p", number=9) == ["UNMATCHED", "no_order"]
    assert await nowhere.fields() == {}
    assert set(await nowhere.unmatched()) == {"9:p"}


async def test_what_is_no_money_is_only_written_down(stage: Stage) -> None:
    for _ in range(2):
        reply = await stage.keep("p", "::AUTHORIZED", kept=0, once="a")
        assert reply[-2:] in (["UNMATCHED", "no_order"], ["=UNMATCHED", "no_order"])
    assert await stage.last() == entry("payment_unmatched", 0, "", note="p ::AUTHORIZED no_order")
    assert [each["what"] for each in await stage.journal()].count("payment_unmatched") == 1
    assert await stage.unmatched() == {}
    assert "payments" not in await stage.fields()


async def full(stage: Stage, odd: str) -> None:
    """As many as there may be, of which 3 is the oldest; and `odd` in the place of 5."""
    kept = {f"{number}:{number}": f"::x:no_order:{1_000 + number}" for number in range(1_000)}
    kept |= {"3:3": "::x:no_order:7"} | ({"5:5": odd} if odd else {})
    await stage.command("HSET", stage.own.unmatched, *(x for each in kept.items() for x in each))


async def test_where_there_are_too_many_the_oldest_goes(stage: Stage) -> None:
    await full(stage, "")
    assert await stage.keep("p", once="a") == ["UNMATCHED", "no_order", "3:3"]
    kept = await stage.unmatched()
    assert (len(kept), "3:3" in kept, "0:p" in kept) == (1_000, False, True)
    told = (await stage.journal())[-2:]
    assert [each["what"] for each in told] == ["unmatched_dropped", "payment_unmatched"]
    assert (told[0]["booking"], told[0]["note"]) == ("3", "3:3 ::x:no_order:7")
    assert await stage.unchanged(stage.keep("p")) == ["UNMATCHED", "no_order"]


async def test_of_too_many_what_cannot_be_read_goes_first(stage: Stage) -> None:
    await full(stage, "junk")
    assert await stage.keep("p") == ["UNMATCHED", "no_order", "5:5"]


async def test_one_that_is_kept_already_needs_no_room(stage: Stage) -> None:
    await full(stage, "")
    assert await stage.keep("7", "::y", number=7) == ["UNMATCHED", "no_order"]
    kept = await stage.unmatched()
    assert (len(kept), kept["7:7"][:14]) == (1_000, "::y:no_order:1")
