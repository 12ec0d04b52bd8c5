"""Ids by arithmetic: an id says where its thing lives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billetter.domain.ids import (
    BOOKINGS_MAX,
    EVENT_ID_MAX,
    ID_MAX,
    SEATS_MAX,
    TICKET_TYPES_MAX,
    BookingNumber,
    EventId,
    SeatIndex,
    account_of,
    booking_id,
    named_user,
    seat_id,
    split_booking_id,
    split_seat_id,
    split_ticket_type_id,
    ticket_type_id,
)

events = st.integers(1, EVENT_ID_MAX).map(EventId)
indexes = st.integers(0, SEATS_MAX - 1).map(SeatIndex)
numbers = st.integers(1, BOOKINGS_MAX).map(BookingNumber)


@given(events, indexes)
def test_a_seat_id_holds_its_event_and_index(event: EventId, index: SeatIndex) -> None:
    seat = seat_id(event, index)
    assert split_seat_id(seat) == (event, index)
    assert 0 < seat <= ID_MAX


@given(events, numbers)
def test_a_booking_id_holds_its_event_and_number(event: EventId, number: BookingNumber) -> None:
    booking = booking_id(event, number)
    assert split_booking_id(booking) == (event, number)
    assert 0 < booking <= ID_MAX


@given(events, st.integers(1, TICKET_TYPES_MAX))
def test_a_ticket_type_id_holds_its_event_and_zone(event: EventId, zone: int) -> None:
    ticket_type = ticket_type_id(event, zone)
    assert split_ticket_type_id(ticket_type) == (event, zone)
    assert 0 < ticket_type <= ID_MAX


@given(st.text(), st.text())
def test_users_are_one_if_their_names_are(name: str, other: str) -> None:
    user = named_user(name)
    assert (user == named_user(other)) == (name == other)
    assert account_of(user) is None
    assert user.isascii()
    assert not set(user) & set("{} ")


def test_they_are_spelled_as_the_contract_says() -> None:
    assert seat_id(EventId(7), SeatIndex(344)) == 7_000_345
    assert booking_id(EventId(7), BookingNumber(42)) == 700_000_042
    assert ticket_type_id(EventId(7), 2) == 7_002
    assert named_user("ann@example.org") == "x:ann%40example.org"


def test_the_largest_event_is_the_last_one_that_fits() -> None:
    assert booking_id(EventId(EVENT_ID_MAX), BookingNumber(BOOKINGS_MAX)) <= ID_MAX
    assert booking_id(EventId(EVENT_ID_MAX + 2), BookingNumber(0)) > ID_MAX


@pytest.mark.parametrize("seat", [0, 7_000_000])
def test_a_seat_id_that_decodes_to_nothing_has_no_index(seat: int) -> None:
    event, index = split_seat_id(seat)
    assert (event, index) == (seat // 1_000_000, -1)


@given(st.integers(0, ID_MAX))
def test_every_number_is_at_most_one_seat_and_one_booking(number: int) -> None:
    assert seat_id(*split_seat_id(number)) == number
    assert booking_id(*split_booking_id(number)) == number
    assert -1 <= split_seat_id(number)[1] < SEATS_MAX
    assert 0 <= split_booking_id(number)[1] <= BOOKINGS_MAX
