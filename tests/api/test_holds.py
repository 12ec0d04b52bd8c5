"""Holds: when they are armed, when they end, and what is free then."""

from datetime import datetime

from tests.api.client import (
    NOT_SELECTED,
    SELECTED,
    Api,
    eventually,
    granted,
    refused,
    seat_of,
)
from tests.api.serving import serving


def ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


async def ends(api: Api, booking: int) -> int:
    """When the hold of the booking ends, in ms."""
    return ms((await api.shown(booking))["expires_at"])


async def test_a_hold_is_armed_when_the_booking_opens(any_api: Api) -> None:
    event = await any_api.make_event(hold_seconds=123)

    opened = granted(await any_api.open(event), 201)

    shown = await any_api.shown(opened["id"])
    assert shown["expires_at"] == opened["expires_at"]
    assert ms(shown["expires_at"]) - ms(shown["created_at"]) == 123_000


async def test_a_hold_lasts_fifteen_minutes_by_default(api: Api) -> None:
    booking = await api.book(await api.make_event())

    shown = await api.shown(booking)
    assert ms(shown["expires_at"]) - ms(shown["created_at"]) == 900_000


async def test_an_operator_sets_the_default(redis_url: str) -> None:
    async with serving(redis_url, hold_s=77, payment_s=5_000) as api:
        event = await api.make_event()
        booking = await api.book(event, seat_of(event, 0))
        selected = await ends(api, booking)
        assert 77_000 <= selected - ms((await api.shown(booking))["created_at"]) < 4_000_000
        await api.pay(booking)
        assert await ends(api, booking) > selected + 4_000_000


async def test_the_first_seat_ever_arms_it_once_more(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.book(event)
    opened = await ends(any_api, booking)
    await any_api.a_moment_later()

    await any_api.select(booking, seat_of(event, 0))

    assert await ends(any_api, booking) > opened


async def test_nothing_else_extends_it(any_api: Api) -> None:
    event = await any_api.make_event()
    a, b, taken = (seat_of(event, index) for index in range(3))
    await any_api.book(event, taken)
    booking = await any_api.book(event, a)
    armed = await ends(any_api, booking)
    await any_api.a_moment_later()

    assert granted(await any_api.select(booking, a)) == SELECTED
    assert granted(await any_api.select(booking, b)) == SELECTED
    assert granted(await any_api.select(booking, taken), 419) == NOT_SELECTED
    refused(await any_api.select(booking, 0), 404, "seat_not_found")
    await any_api.release(a)
    await any_api.release(b)
    assert await any_api.status(booking) == "booked"
    assert await ends(any_api, booking) == armed
    assert granted(await any_api.select(booking, a)) == SELECTED
    assert await ends(any_api, booking) == armed


async def test_a_failed_first_select_does_not_arm_it(any_api: Api) -> None:
    event = await any_api.make_event()
    await any_api.book(event, seat_of(event, 0))
    booking = await any_api.book(event)
    opened = await ends(any_api, booking)
    await any_api.a_moment_later()

    assert granted(await any_api.select(booking, seat_of(event, 0)), 419) == NOT_SELECTED
    assert await ends(any_api, booking) == opened
    await any_api.select(booking, seat_of(event, 1))
    assert await ends(any_api, booking) > opened, "it still was the first seat ever"


async def test_seats_claimed_at_opening_are_the_first(api: Api) -> None:
    event = await api.make_event()
    booking = granted(await api.open(event, seat_ids=[seat_of(event, 0)]), 201)["id"]
    opened = await ends(api, booking)
    await api.a_moment_later()

    await api.select(booking, seat_of(event, 1))

    assert await ends(api, booking) == opened


async def test_payment_arms_it_once_more(any_api: Api) -> None:
    event = await any_api.make_event(hold_seconds=100, payment_seconds=1_000)
    booking = await any_api.book(event, seat_of(event, 0))
    selected = await ends(any_api, booking)

    await any_api.pay(booking)
    paying = await ends(any_api, booking)
    assert paying >= selected + 800_000
    await any_api.a_moment_later()
    await any_api.pay(booking)
    assert await ends(any_api, booking) == paying


async def test_a_confirmed_booking_has_no_end(api: Api) -> None:
    event = await api.make_event()

    assert (await api.shown(await api.paid(event, seat_of(event, 0))))["expires_at"] is None


async def test_after_a_second_another_may_have_the_seat(any_api: Api) -> None:
    event, unhurried = await any_api.make_event(hold_seconds=1), await any_api.make_event()
    seat, other = seat_of(event, 0), await any_api.book(unhurried)
    first = granted(await any_api.open(event, seat_ids=[seat]), 201)["id"]
    deadline = await ends(any_api, first)

    async def had() -> bool:
        answer = await any_api.open(event, seat_ids=[seat])
        if answer.status_code == 419:
            assert ms(answer.headers["billetter-held-until"]) == deadline
            return False
        assert granted(answer, 201)
        assert await any_api.now_ms() >= deadline, "not before it has ended"
        return True

    await eventually(had)
    shown = await any_api.shown(first)
    assert (shown["status"], shown["seats"]) == ("expired", [])
    refused(await any_api.select(first, seat_of(event, 1)), 400, "invalid_state")
    assert await any_api.status(other) == "booked", "other bookings are not touched"


async def test_a_lapsed_booking_is_shown_as_expired_at_once(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.book(event, seat_of(event, 0))
    await any_api.lapse(booking)

    shown = await any_api.shown(booking)
    assert (shown["status"], shown["seats"]) == ("expired", [])


async def test_several_lapsed_bookings_make_room_at_once(any_api: Api) -> None:
    event = await any_api.make_event()
    seats = [seat_of(event, index) for index in range(4)]
    for seat in seats[:3]:
        await any_api.lapse(await any_api.book(event, seat))

    opened = await any_api.open(event, seat_ids=seats)

    assert granted(opened, 201)["status"] == "seats_selected"
    assert (await any_api.analytics(event))["reserved_seats"] == 4


async def test_a_lapsed_payment_frees_its_seats(any_api: Api) -> None:
    event = await any_api.make_event()
    seat = seat_of(event, 0)
    await any_api.lapse(await any_api.paying(event, seat))

    assert await any_api.book(event, seat)


async def test_the_sweeper_lists_seats_as_free(redis_url: str) -> None:
    async with serving(redis_url, sweep=True) as api:
        event = await api.make_event(hold_seconds=1)
        seat = seat_of(event, 0)
        held = granted(await api.open(event, seat_ids=[seat]), 201)["id"]

        async def listed_free() -> bool:
            return await api.state(seat) == "FREE"

        await eventually(listed_free)
        assert await api.status(held) == "expired"
        assert len(await api.journal(event, "expired")) == 1
        assert (await api.analytics(event))["reserved_seats"] == 0


async def test_the_sweeper_removes_what_never_held_a_seat(redis_url: str) -> None:
    async with serving(redis_url, sweep=True) as api:
        event = await api.make_event()
        empty, emptied = await api.book(event), await api.book(event, seat_of(event, 0))
        await api.release(seat_of(event, 0))
        await api.lapse(empty)
        await api.lapse(emptied)

        async def vanished() -> bool:
            return await api.shown(empty) is None

        await eventually(vanished)
        refused(await api.select(empty, seat_of(event, 0)), 404, "booking_not_found")
        assert await api.status(emptied) == "expired"


async def test_the_sweeper_leaves_living_holds_alone(redis_url: str) -> None:
    async with serving(redis_url, sweep=True) as api:
        event = await api.make_event()
        kept, lapsed = await api.book(event, seat_of(event, 0)), await api.book(event)
        paid = await api.paid(event, seat_of(event, 1))
        await api.lapse(lapsed)

        async def swept() -> bool:
            return await api.shown(lapsed) is None

        await eventually(swept)
        assert await api.status(kept) == "seats_selected"
        assert await api.status(paid) == "confirmed"


async def test_an_empty_booking_ends_likewise(any_api: Api) -> None:
    event = await any_api.make_event(hold_seconds=1)
    booking = await any_api.book(event)

    async def expired() -> bool:
        return await any_api.status(booking) == "expired"

    await eventually(expired)
    refused(await any_api.select(booking, seat_of(event, 0)), 400, "invalid_state")
    refused(await any_api.pay(booking), 400, "invalid_state")
    assert await any_api.state(seat_of(event, 0)) == "FREE"
