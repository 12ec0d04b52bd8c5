"""Money: minor units inside, decimal strings outside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billetter.domain.money import PRICE_MAX, to_decimal, to_minor

SEATS_PER_BOOKING_MAX = 100


@pytest.mark.parametrize(
    ("decimal", "minor"),
    [
        ("0", 0),
        ("0.00", 0),
        ("0.01", 1),
        ("0.5", 50),
        ("150", 15_000),
        ("150.5", 15_050),
        ("150.50", 15_050),
        ("007.07", 707),
        ("999999999.99", PRICE_MAX),
    ],
)
def test_decimals_are_read(decimal: str, minor: int) -> None:
    assert to_minor(decimal) == minor


@pytest.mark.parametrize(
    ("minor", "decimal"), [(0, "0.00"), (1, "0.01"), (99, "0.99"), (15_000, "150.00")]
)
def test_decimals_are_written_with_two_digits(minor: int, decimal: str) -> None:
    assert to_decimal(minor) == decimal


@given(st.integers(0, PRICE_MAX * SEATS_PER_BOOKING_MAX))
def test_what_is_written_reads_the_same(minor: int) -> None:
    assert to_minor(to_decimal(minor)) == minor


def test_a_full_booking_stays_exact_in_a_lua_number() -> None:
    assert PRICE_MAX * 1_000 < 2**53
