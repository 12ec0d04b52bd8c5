"""Users' places in events and the lines for them, compared with their bookings: for the audit."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from billetter.domain.booking import Status
from billetter.domain.event import Event, State
from billetter.domain.ids import BookingNumber, EventId, SeatIndex, UserId, booking_id, seat_id
from billetter.domain.outcome import Outcome
from billetter.engine import keys
from billetter.engine.inspection import Fault
from billetter.engine.lines import tickets
from billetter.engine.scripts import Store
from billetter.engine.unreadable import noting

BATCH = 200
SELLING = (State.ON_SALE, "not_yet")
"""What is free is handed on now, or when the sale opens."""

_BECAME = {
    "active": Status.CONFIRMED,
    "waiting": Status.WAITING,
    "past": Status.CANCELLED,
}
Live = tuple[UserId, Status]
"""The user and the status of a booking that waits or is confirmed."""
Place = tuple[UserId, BookingNumber]
"""A user with the booking that is, or should be, their place; '' for whoever's it is."""


async def place_faults(
    store: Store, event: EventId, live: Mapping[BookingNumber, Live]
) -> list[str]:
    """What is wrong with the places of an event, of which these bookings wait or are confirmed.

    They are read one after another, so where they differ one script looks at each again.
    """
    own = keys.of_event(event)
    wrong: list[str] = []
    line = set[int]()
    for it in await store.command("ZRANGE", own.waiting, 0, -1, reads=True):
        with noting(lambda why: wrong.append(f"its line has an entry that {why}")):
            line.add(int(it))
    waiting = {number for number, (_, status) in live.items() if status is Status.WAITING}
    suspects = {(live[number][0], number) for number in waiting - line}
    suspects |= {(UserId(""), BookingNumber(number)) for number in line - waiting}
    placed = set[BookingNumber]()
    async for batch in store.scan_hash(own.patrons):
        for user, place in batch:
            with noting(lambda why: wrong.append(f"a user's place in it {why}")):
                told, right = _placed(user.decode(), place.decode())
                placed.add(told[1])
                if live.get(told[1]) != right:
                    suspects.add(told)
    suspects |= {(live[number][0], number) for number in waiting - placed}
    return wrong + await _second_look(store, event, sorted(suspects))


def _placed(user: str, place: str) -> tuple[Place, Live | None]:
    """Who has a place by which booking, and what that booking must be. ValueError: unreadable."""
    number, _, became = place.partition(":")
    if became not in _BECAME:
        raise ValueError(f"{user} has {place!r}")
    told = (UserId(user), BookingNumber(int(number)))
    return told, None if became == "past" else (told[0], _BECAME[became])


async def line_fault(store: Store, event: Event) -> Fault | None:
    """What is wrong with the line of an event; None, too, where it is another event by now."""
    own = keys.of_event(event.id)
    answer = await store.run(
        "inspect_line",
        [own.event, own.taken, own.waiting, own.promote, own.openings],
        event.id,
        event.version,
        tickets(event.layout),
    )
    if answer.outcome is not Outcome.INSPECTED:
        return None
    state, told, told_unpaid, waiting, unpaid, free, promoting = answer.fields
    if told != waiting:
        return Fault(f"{told} are said to wait, and {waiting} do")
    if told_unpaid != unpaid:
        return Fault(f"{told_unpaid} are said to wait for what costs nothing, and {unpaid} do")
    if waiting != "0" and free and promoting == "0" and state in SELLING:
        seat = seat_id(event.id, SeatIndex(int(free)))
        return Fault(f"{waiting} wait, and seat {seat} is free", ("SADD", own.promote, event.id))
    return None


async def _second_look(store: Store, event: EventId, suspects: Sequence[Place]) -> list[str]:
    found = set[str]()
    for start in range(0, len(suspects), BATCH):
        looks = (_faults(store, event, *each) for each in suspects[start : start + BATCH])
        found.update(fault for faults in await asyncio.gather(*looks) for fault in faults)
    return sorted(found)


async def _faults(store: Store, event: EventId, user: UserId, number: BookingNumber) -> list[str]:
    own = keys.of_event(event)
    declared = [own.booking(number), own.patrons, own.waiting]
    wrong: list[str] = []
    with noting(lambda why: wrong.append(f"the place of {user or f'booking {number}'} {why}")):
        answer = await store.run("inspect_place", declared, user, number)
        wrong += _wrong(event, user, number, *answer.fields)
    return wrong


def _wrong(
    event: EventId, user: UserId, number: BookingNumber, place: str, owner: str, *rest: str
) -> Iterator[str]:
    status, score = rest
    name = f"booking {booking_id(event, number)}"
    of, _, became = place.partition(":")
    if of == str(number) and (status != _BECAME.get(became) or owner != (user or owner)):
        yield f"{user} has the place {place}, and {name} of {owner} is {status or 'gone'}"
    if status == Status.WAITING and place != f"{number}:waiting":
        yield f"{name} waits, and its user has the place {place or 'of nobody'}"
    if (status == Status.WAITING) != bool(score):
        yield f"{name} is {status or 'gone'}, and {'' if score else 'not '}in the line"
