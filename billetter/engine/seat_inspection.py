"""Looks at single seats, each at one moment, and says what is wrong with them."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from billetter.domain.ids import BookingNumber, EventId
from billetter.engine import keys
from billetter.engine.journal import Replay, place
from billetter.engine.scripts import Store
from billetter.engine.unreadable import noting

HOLDER_LOOKS_MAX = 5
BATCH = 200

Suspicion = tuple[int, BookingNumber | None]
"""The index of a seat, and a booking that may hold it."""


@dataclass(frozen=True, slots=True)
class SeenSeat:
    """A seat and all that says whose it is.

    status, lists: of the booking looked at, `number`. entry: the journal's last at that moment.
    """

    index: int
    number: BookingNumber
    taken: bool
    sold: bool
    holder: BookingNumber | None
    status: str
    lists: bool
    entry: str


class SeatInspector:
    """Looks at suspected seats of one partition; its replay follows the journal meanwhile."""

    def __init__(self, store: Store, replay: Replay) -> None:
        self._store = store
        self._replay = replay

    async def faults(self, event: EventId, suspicions: Iterable[Suspicion]) -> set[tuple[int, str]]:
        """Indexes of seats, each with something that is wrong with it."""
        found = set[tuple[int, str]]()
        left = [(index, number or BookingNumber(0)) for index, number in suspicions]
        for _ in range(HOLDER_LOOKS_MAX):
            passed_on = []
            for start in range(0, len(left), BATCH):
                for seen in await self._see(event, left[start : start + BATCH], found):
                    await self._replay.advance(seen.entry)
                    if seen.holder not in (None, seen.number) and not seen.lists:
                        passed_on.append((seen.index, seen.holder))
                    else:
                        faults = [*_seat_faults(seen), *self._replay_faults(event, seen)]
                        found |= {(seen.index, fault) for fault in faults}
            left = sorted(set(passed_on))
        return found  # A seat still left changes hands faster than one can look: it is in use.

    async def _see(
        self,
        event: EventId,
        batch: Sequence[tuple[int, BookingNumber]],
        found: set[tuple[int, str]],
    ) -> list[SeenSeat]:
        """Look at seats, each at one moment; in the order of these moments."""
        seen: list[SeenSeat] = []

        async def look(index: int, number: BookingNumber) -> None:
            with noting(lambda why: found.add((index, why))):
                seen.append(await self._see_one(event, index, number))

        await asyncio.gather(*(look(*each) for each in batch))
        seen.sort(key=lambda it: place(it.entry))
        if seen:
            await self._replay.read(seen[-1].entry)
        return seen

    async def _see_one(self, event: EventId, index: int, number: BookingNumber) -> SeenSeat:
        own = keys.of_event(event)
        answer = await self._store.run(
            "inspect_seat",
            [own.taken, own.sold, own.holders, own.booking(number), own.journal],
            index,
        )
        taken, sold, holder, status, seats, entry = answer.fields
        return SeenSeat(
            index,
            number,
            taken == "1",
            sold == "1",
            BookingNumber(int(holder)) if holder else None,
            status,
            str(index) in (seat.partition(":")[0] for seat in seats.split(",")),
            entry or "0-0",
        )

    def _replay_faults(self, event: EventId, seen: SeenSeat) -> Iterator[str]:
        told = self._replay.of(event)
        if not told.whole:
            return
        holder = told.holders.get(seen.index)
        if holder != seen.holder:
            yield f"is held by {_named(seen.holder)}, its journal says by {_named(holder)}"
        if (seen.index in told.sold) != seen.sold:
            yield f"is {'' if seen.sold else 'not '}sold, its journal says otherwise"


def _named(holder: BookingNumber | None) -> str:
    return f"booking {holder}" if holder is not None else "nobody"


def _seat_faults(seen: SeenSeat) -> Iterator[str]:
    number = seen.number
    if seen.holder not in (None, number):
        yield f"is held by booking {seen.holder}, but {number} lists it too"
        return
    if seen.taken and seen.holder is None:
        yield "is taken, and nobody holds it"
    if seen.holder is not None and not seen.taken:
        yield f"is held by booking {seen.holder}, and not taken"
    if seen.sold and not seen.taken:
        yield "is sold, and not taken"
    if seen.holder == number and not seen.lists:
        yield f"is held by booking {number}, which does not list it"
    if seen.holder is None and seen.lists:
        yield f"is listed by booking {number}, which does not hold it"
    confirmed = seen.holder == number and seen.status == "confirmed"
    if confirmed and not seen.sold:
        yield f"is not sold, and booking {number} is confirmed"
    if seen.sold and not confirmed:
        yield "is sold, and its booking is not confirmed"
