"""inspect_booking: all that one booking is tied to, at one moment."""

from tests.lua.stage import ANN, BOB, Reply, Stage

SEATS = "5:1500,6:1500"
UNPAID = ("", "", "")
"""No refund is due, there are no payments and no refunds."""


async def inspected(stage: Stage, number: int) -> Reply:
    """The reply to a look, which changes nothing."""
    own = stage.own
    indexes = (own.deadlines, own.ended, own.refunds)
    keys = [stage.booking_key(number), stage.hold_key(number), *indexes, own.journal]
    *seen, last = await stage.unchanged(stage.run("inspect_booking", keys, stage.event, number)) + (
        [] if await stage.booking(number) else [""]
    )
    entries = await stage.command("XREVRANGE", own.journal, "+", "-", "COUNT", 1)
    assert last in ("", entries[0][0])
    return seen


async def test_no_booking(stage: Stage) -> None:
    assert await inspected(stage, 1) == ["NO_BOOKING"]


async def test_without_seats(stage: Stage) -> None:
    _, _, expires, created, _ = await stage.open(1, user=BOB)
    seen = ["INSPECTED", BOB, "booked", "", "", created, expires, "", 1, expires, "", *UNPAID]
    assert await inspected(stage, 1) == seen
    assert await inspected(stage, 1) == seen


async def test_with_seats(stage: Stage) -> None:
    _, _, expires, created, _ = await stage.open(1, 5, 6)
    seen = [
        "INSPECTED",
        ANN,
        "seats_selected",
        SEATS,
        "",
        created,
        expires,
        "",
        1,
        expires,
        "",
        *UNPAID,
    ]
    assert await inspected(stage, 1) == seen


async def test_in_payment(stage: Stage) -> None:
    _, _, _, created, _ = await stage.open(1, 5, 6)
    _, amount, expires = await stage.begin_payment(1)
    assert await inspected(stage, 1) == [
        *("INSPECTED", ANN, "payment_initiated", SEATS, amount, created, expires, ""),
        *(1, expires, "", *UNPAID),
    ]


async def test_confirmed(stage: Stage) -> None:
    await stage.confirmed(1, 5, 6)
    created = (await stage.booking(1))["created"]
    seen = ["INSPECTED", ANN, "confirmed", SEATS, "3000", created, "", "", 0, "", ""]
    seen += ["", ":3000", ""]
    assert await inspected(stage, 1) == seen


async def test_cancelled(stage: Stage) -> None:
    _, _, expires, created, _ = await stage.open(1, 5, 6)
    await stage.cancel(1)
    leaves = str(await stage.forgotten_at(1))
    seen = ["INSPECTED", ANN, "cancelled", "", "", created, expires, "", 0, "", leaves, *UNPAID]
    assert await inspected(stage, 1) == seen


async def test_a_lapsed_one_is_seen_as_it_is_stored(stage: Stage) -> None:
    await stage.unpaid(1, 5, 6)
    fields = await stage.booking(1)
    created, expires = fields["created"], fields["expires"]
    assert await inspected(stage, 1) == [
        *("INSPECTED", ANN, "payment_initiated", SEATS, "3000", created, expires, ""),
        *(0, expires, "", *UNPAID),
    ]
    await stage.expire(1)
    leaves = str(await stage.forgotten_at(1))
    seen = ["INSPECTED", ANN, "expired", "", "3000", created, expires, "", 0, "", leaves, *UNPAID]
    assert await inspected(stage, 1) == seen


async def test_a_refund(stage: Stage) -> None:
    await stage.refundable(1, 5)
    seen = await inspected(stage, 1)
    since = str((await stage.owed())["1"])
    assert [seen[2], *seen[7:11]] == ["expired", "due", 0, "", ""]
    assert seen[11:] == [since, ":1500", ":1500:expired:due:"]


async def test_each_tie_by_itself(stage: Stage) -> None:
    """A booking, its hold and its entries are read from different keys."""
    _, _, expires, *_ = await stage.open(1, 5)
    await stage.command("DEL", stage.hold_key(1))
    assert (await inspected(stage, 1))[8:11] == [0, expires, ""]
    await stage.command("ZADD", stage.own.deadlines, 7, f"{stage.event}:1")
    assert (await inspected(stage, 1))[8:11] == [0, "7", ""]
    await stage.command("ZADD", stage.own.ended, 8, f"{stage.event}:1")
    assert (await inspected(stage, 1))[8:11] == [0, "7", "8"]
    await stage.command("ZREM", stage.own.deadlines, f"{stage.event}:1")
    assert (await inspected(stage, 1))[8:11] == [0, "", "8"]
