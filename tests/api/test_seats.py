"""Seats: selected and released."""

import pytest

from tests.api.client import (
    NOT_RELEASED,
    NOT_SELECTED,
    RELEASED,
    SELECTED,
    Api,
    granted,
    outcome,
    refused,
    seat_of,
)


async def test_selecting_a_seat(any_api: Api) -> None:
    event = await any_api.make_event()
    booking, seat = await any_api.book(event), seat_of(event, 7)

    selected = await any_api.select(booking, seat)

    assert granted(selected) == SELECTED
    assert selected.content == b'"Seat successfully added to booking"'
    assert outcome(selected) == "CLAIMED"
    assert await any_api.state(seat) == "RESERVED"
    assert (await any_api.shown(booking))["seats"] == [{"id": seat}]


async def test_selecting_it_again_is_granted(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.book(event, seat_of(event, 0))

    assert granted(await any_api.select(booking, seat_of(event, 0))) == SELECTED
    assert len((await any_api.shown(booking))["seats"]) == 1
    assert (await any_api.analytics(event))["reserved_seats"] == 1


async def test_a_seat_that_another_booking_holds(any_api: Api) -> None:
    event = await any_api.make_event()
    seat = seat_of(event, 0)
    holder, late = await any_api.book(event, seat), await any_api.book(event)

    lost = await any_api.select(late, seat)

    assert granted(lost, 419) == NOT_SELECTED
    assert lost.content == b'"Failed to add seat to booking"'
    assert outcome(lost) == "SEAT_TAKEN"
    assert lost.headers["billetter-seat"] == str(seat)
    shown = await any_api.shown(holder)
    assert lost.headers["billetter-held-until"] == shown["expires_at"]
    assert (await any_api.shown(late))["seats"] == []
    assert await any_api.status(late) == "booked"


async def test_a_seat_that_is_sold_is_held_without_end(any_api: Api) -> None:
    event = await any_api.make_event()
    seat = seat_of(event, 0)
    await any_api.paid(event, seat)

    lost = await any_api.select(await any_api.book(event), seat)

    assert granted(lost, 419) == NOT_SELECTED
    assert lost.headers["billetter-seat"] == str(seat)
    assert "billetter-held-until" not in lost.headers


async def test_only_an_open_booking_takes_seats(any_api: Api) -> None:
    event = await any_api.make_event()
    seats = iter(range(100))

    def seat() -> int:
        return seat_of(event, next(seats))

    paying = await any_api.paying(event, seat())
    confirmed = await any_api.paid(event, seat())
    cancelled = await any_api.book(event, seat())
    await any_api.cancel(cancelled)
    expired = await any_api.book(event, seat())
    await any_api.lapse(expired)

    for booking in (paying, confirmed, cancelled, expired):
        free = seat()
        closed = await any_api.select(booking, free)
        refused(closed, 400, "invalid_state")
        assert outcome(closed) == "CLOSED"
        assert await any_api.state(free) == "FREE"


async def test_the_booking_of_another_takes_no_seats(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.book(event)
    await any_api.give_to_another(booking)

    forbidden = await any_api.select(booking, seat_of(event, 0))

    refused(forbidden, 403, "forbidden")
    assert outcome(forbidden) == "NOT_YOURS"
    assert await any_api.state(seat_of(event, 0)) == "FREE"
    refused(await any_api.select(booking, seat_of(event, 5_000)), 403, "forbidden")


async def test_a_seat_of_another_event(any_api: Api) -> None:
    event, elsewhere = await any_api.make_event(), await any_api.make_event()
    booking, seat = await any_api.book(event), seat_of(elsewhere, 0)

    wrong = await any_api.select(booking, seat)

    refused(wrong, 400, "wrong_event")
    assert outcome(wrong) == "WRONG_EVENT"
    assert await any_api.state(seat) == "FREE"


async def test_seat_ids_that_decode_to_nothing(any_api: Api) -> None:
    event = await any_api.make_event(
        zones=[
            {"name": "A", "price": "1.00", "rows": [3]},
            {"name": "B", "price": "1.00", "capacity": 2},
        ]
    )
    booking = await any_api.book(event)
    first, *_, last = (seat["id"] for seat in await any_api.seats(event))
    padding = set(range(first, last)) - {seat["id"] for seat in await any_api.seats(event)}
    nowhere = [0, 1, first - 1, last + 1, seat_of(event, 999_998), seat_of(event, 999_999)]

    for seat in (*nowhere, *padding, 2**53 - 1):
        refused(await any_api.select(booking, seat), 404, "seat_not_found")
        refused(await any_api.release(seat), 404, "seat_not_found")
        refused(await any_api.open(event, seat_ids=[seat]), 404, "seat_not_found")
    assert (await any_api.analytics(event))["free_seats"] == 5


@pytest.mark.parametrize("known_event", [True, False])
async def test_selecting_for_an_unknown_booking(any_api: Api, known_event: bool) -> None:
    event = await any_api.make_event()
    booking = event * 100_000_000 + 77 if known_event else 2**53 - 1

    for seat in (seat_of(event, 0), 0, 2**53 - 1):
        unknown = await any_api.select(booking, seat)
        refused(unknown, 404, "booking_not_found")
        assert outcome(unknown) == "NO_BOOKING"
    assert await any_api.state(seat_of(event, 0)) == "FREE"


async def test_several_seats_or_none(any_api: Api) -> None:
    event = await any_api.make_event()
    a, b, c, d = (seat_of(event, index) for index in range(4))
    await any_api.book(event, c)
    booking = await any_api.book(event, a)

    lost = await any_api.patch("/api/seats/select", {"booking_id": booking, "seat_ids": [b, c]})
    assert granted(lost, 419) == NOT_SELECTED
    assert lost.headers["billetter-seat"] == str(c)
    assert await any_api.state(b) == "FREE"

    both = {"booking_id": booking, "seat_ids": [d, a, b, d]}
    assert granted(await any_api.patch("/api/seats/select", both)) == SELECTED
    held = {seat["id"] for seat in (await any_api.shown(booking))["seats"]}
    assert held == {a, b, d}
    assert (await any_api.shown(booking))["total"] == "30.00"


async def test_one_choice_of_seats(api: Api) -> None:
    event = await api.make_event()
    booking, seat = await api.book(event), seat_of(event, 0)

    choices: list[dict[str, object]] = [
        {},
        {"seat_id": None},
        {"seat_ids": []},
        {"seat_id": seat, "seat_ids": []},
        {"seat_id": seat, "seat_ids": [seat]},
    ]
    for choice in choices:
        body = {"booking_id": booking, **choice}
        refused(await api.patch("/api/seats/select", body), 400, "validation_error")
    many = {"booking_id": booking, "seat_ids": [seat_of(event, index) for index in range(101)]}
    refused(await api.patch("/api/seats/select", many), 400, "validation_error")
    assert await api.state(seat) == "FREE"


async def test_more_seats_than_a_booking_may_have(any_api: Api) -> None:
    event = await any_api.make_event(max_seats_per_booking=2)
    a, b, c = (seat_of(event, index) for index in range(3))
    booking = await any_api.book(event, a, b)

    excess = await any_api.select(booking, c)

    refused(excess, 400, "too_many_seats")
    assert outcome(excess) == "TOO_MANY"
    assert granted(await any_api.select(booking, a)) == SELECTED
    refused(await any_api.open(event, seat_ids=[c, *(b + 2, b + 3)]), 400, "too_many_seats")
    assert granted(await any_api.release(a)) == RELEASED
    assert granted(await any_api.select(booking, c)) == SELECTED


async def test_a_hundred_seats_unless_the_event_says_otherwise(api: Api) -> None:
    event = await api.make_event()
    seats = [seat_of(event, index) for index in range(101)]
    booking = granted(await api.open(event, seat_ids=seats[:100]), 201)["id"]

    refused(await api.select(booking, seats[100]), 400, "too_many_seats")


async def test_releasing_a_seat(any_api: Api) -> None:
    event = await any_api.make_event()
    a, b = seat_of(event, 0), seat_of(event, 1)
    booking = await any_api.book(event, a, b)

    released = await any_api.release(a)

    assert granted(released) == RELEASED
    assert released.content == b'"Seat successfully released"'
    assert outcome(released) == "RELEASED"
    assert await any_api.state(a) == "FREE"
    assert (await any_api.shown(booking))["seats"] == [{"id": b}]
    assert await any_api.status(booking) == "seats_selected"
    assert granted(await any_api.release(b)) == RELEASED
    assert await any_api.status(booking) == "booked", "the last seat is gone"
    assert await any_api.book(event, a, b)


async def test_what_cannot_be_released(any_api: Api) -> None:
    event = await any_api.make_event()
    free, paying, sold, cancelled, lapsed = (seat_of(event, index) for index in range(5))
    await any_api.paying(event, paying)
    await any_api.paid(event, sold)
    await any_api.cancel(await any_api.book(event, cancelled))
    await any_api.lapse(await any_api.book(event, lapsed))
    before = await any_api.states(event)

    for seat, reason in {
        free: "NOT_HELD",
        paying: "CLOSED",
        sold: "CLOSED",
        cancelled: "NOT_HELD",
        lapsed: "NOT_HELD",
    }.items():
        denied = await any_api.release(seat)
        assert granted(denied, 419) == NOT_RELEASED
        assert denied.content == b'"Failed to release seat"'
        assert outcome(denied) == reason
    assert await any_api.states(event) == before


async def test_releasing_twice_fails_the_second_time(any_api: Api) -> None:
    event = await any_api.make_event()
    seat = seat_of(event, 0)
    await any_api.book(event, seat)

    assert granted(await any_api.release(seat)) == RELEASED
    assert granted(await any_api.release(seat), 419) == NOT_RELEASED


async def test_the_seat_of_another_is_not_released(any_api: Api) -> None:
    event = await any_api.make_event()
    selected, paying, sold = (seat_of(event, index) for index in range(3))
    await any_api.give_to_another(await any_api.book(event, selected))
    await any_api.give_to_another(await any_api.paying(event, paying))
    await any_api.give_to_another(await any_api.paid(event, sold))

    for seat in (selected, paying, sold):
        forbidden = await any_api.release(seat)
        refused(forbidden, 403, "forbidden")
        assert outcome(forbidden) == "NOT_YOURS"
    assert (await any_api.analytics(event))["free_seats"] == 997


async def test_who_asks_counts_before_what_is_held(api: Api) -> None:
    event = await api.make_event()
    seat = seat_of(event, 0)
    await api.book(event, seat)
    booking = await api.book(event)
    await api.give_to_another(booking)

    refused(await api.select(booking, seat), 403, "forbidden")
