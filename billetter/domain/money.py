"""Money is an integer count of minor units inside, a decimal string with two digits outside."""

from functools import lru_cache

PRICE_MAX = 99_999_999_999
"""Largest price of one seat, in minor units: a full booking's sum stays exact in a Lua number."""


def to_minor(decimal: str) -> int:
    """Minor units of `"150"`, `"150.5"` or `"150.00"`; the caller has checked the form."""
    whole, _, cents = decimal.partition(".")
    return int(whole) * 100 + int(cents.ljust(2, "0"))


@lru_cache(4_096)  # Whole events are sold at a few prices.
def to_decimal(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"
