"""Events looked for: one search at a time, of a bounded number of them, giving way to all else."""

import asyncio
import time
from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

from billetter.domain.event import ListedEvent
from billetter.domain.ids import EventId
from billetter.domain.listing import Listed
from billetter.domain.search import SEARCHED_MAX, Search, Sort, Unsearched
from billetter.domain.text import collated
from billetter.engine import keys
from billetter.engine.events import Events
from billetter.engine.scripts import Store
from billetter.engine.turns import OneAtATime, Turns

READ_AT_ONCE = 50
WAITING_MAX, WAIT_S = 4, 1.0
"""Searches that wait for the one under way, and how long each of them does."""


class _Found(NamedTuple):
    """An event that was found, and what it is sorted by."""

    event: ListedEvent
    place: Any


class Finder:
    def __init__(self, store: Store, events: Events) -> None:
        self._store = store
        self._events = events
        self._turn = OneAtATime(WAITING_MAX, WAIT_S)

    async def find(self, search: Search, skip: int, take: int) -> Listed[ListedEvent] | Unsearched:
        """`take` of the events that `search` finds, in the order it asks for."""
        if not await self._turn.enter():
            return Unsearched.BUSY
        try:
            return await self._find(search, skip, take)
        finally:
            self._turn.leave()

    async def _find(self, search: Search, skip: int, take: int) -> Listed[ListedEvent] | Unsearched:
        index = keys.EVENTS_INDEX
        ids = await self._store.command("ZREVRANGE", index, 0, SEARCHED_MAX, reads=True)
        if len(ids) > SEARCHED_MAX:
            return Unsearched.TOO_BROAD
        found, turns = list[_Found](), Turns()
        for start in range(0, len(ids), READ_AT_ONCE):
            batch = [EventId(int(event)) for event in ids[start : start + READ_AT_ONCE]]
            described = list[ListedEvent]()
            for event in await self._events.described(batch):
                if search.describes(event.details):
                    described.append(event)
                await turns.pause()
            found += await self._kept(search, described)
        found.sort(key=lambda each: each.place, reverse=search.descending)
        return Listed([each.event for each in found[skip : skip + take]], len(found))

    async def _kept(self, search: Search, described: Sequence[ListedEvent]) -> list[_Found]:
        looks = await asyncio.gather(*(self._look(search, event) for event in described))
        return [look for look in looks if look is not None]

    async def _look(self, search: Search, listed: ListedEvent) -> _Found | None:
        """Prices are looked at, and seats counted, only where that is asked for."""
        price = 0
        if search.by_prices:
            event = await self._events.get(listed.id)
            if event is None or not search.prices(event.layout):
                return None
            price = min(zone.price for zone in event.layout.zones)
        if search.available is not None:
            sales = await self._events.sales(listed.id)
            if sales is None or not search.sells(sales, time.time() * 1000):
                return None
        return _Found(listed, _place(listed, price, search))


def _place(event: ListedEvent, price: int, search: Search) -> Any:
    """What events are sorted by. Without a start they come last, whichever way."""
    match search.sort:
        case Sort.TITLE:
            return collated(event.details.title)
        case Sort.PRICE:
            return price
        case Sort.DATE:
            starts_at_ms = event.details.starts_at_ms
            never = -inf if search.descending else inf
            return never if starts_at_ms is None else starts_at_ms
    return event.id
