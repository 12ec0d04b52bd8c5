"""What events are looked for by."""

from dataclasses import dataclass
from enum import StrEnum

from billetter.domain.event import Details, Sales
from billetter.domain.layout import Layout
from billetter.domain.text import searched

SEARCHED_MAX = 2_000
"""Events that a search looks at. Where there are more, it is refused."""


class Unsearched(StrEnum):
    """Why a search was not made: others search, or there are too many events."""

    BUSY = "busy"
    TOO_BROAD = "too_broad"


class Sort(StrEnum):
    DATE = "date"
    PRICE = "price"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class Search:
    """What events must have in common; "" and None: nothing.

    words: in the title or in the description. from_ms, until_ms: it starts at or after the first
    and before the second, ms since 1970. location: a part of it; category: all of it. Texts are
    compared as `searched` has them.
    price_min, price_max: minor units; one of the zones is at such a price. available: seats can, or
    cannot, be had. sort: by start, lowest price or title; None: as they were made.
    """

    words: str = ""
    from_ms: int | None = None
    until_ms: int | None = None
    location: str = ""
    category: str = ""
    price_min: int | None = None
    price_max: int | None = None
    available: bool | None = None
    sort: Sort | None = None
    descending: bool = False

    @property
    def by_prices(self) -> bool:
        """Whether it takes the prices of events."""
        return (self.price_min, self.price_max) != (None, None) or self.sort is Sort.PRICE

    def describes(self, details: Details) -> bool:
        """What costs least is looked at first."""
        return (
            self._starts(details.starts_at_ms)
            and searched(self.category) in ("", searched(details.category or ""))
            and searched(self.location) in searched(details.location or "")
            and self._says(details)
        )

    def _says(self, details: Details) -> bool:
        words = searched(self.words)
        return words in searched(details.title) or words in searched(details.description or "")

    def prices(self, layout: Layout) -> bool:
        low = 0 if self.price_min is None else self.price_min
        return any(
            low <= zone.price and (self.price_max is None or zone.price <= self.price_max)
            for zone in layout.zones
        )

    def sells(self, sales: Sales, now_ms: float) -> bool:
        can_be_had = sales.event.sells_at(now_ms) and sales.all.free > 0
        return self.available is None or self.available == can_be_had

    def _starts(self, starts_at_ms: int | None) -> bool:
        if self.from_ms is None and self.until_ms is None:
            return True
        if starts_at_ms is None:
            return False
        after = self.from_ms is None or starts_at_ms >= self.from_ms
        return after and (self.until_ms is None or starts_at_ms < self.until_ms)
