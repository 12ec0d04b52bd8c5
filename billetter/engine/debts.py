"""What bookings owe, compared with what their journal tells: for the audit."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from billetter.domain.ids import BookingNumber, EventId, booking_id
from billetter.domain.payment import parse_refunds, parse_unmatched
from billetter.engine import keys
from billetter.engine.inspection import Fault, SeenBooking, see_booking
from billetter.engine.journal import Replay, place
from billetter.engine.scripts import Store
from billetter.engine.unreadable import noting


def owed_by(seen: SeenBooking) -> int:
    """Minor units that are due back of a booking. ValueError, TypeError: that cannot be read."""
    return sum(each.amount for each in parse_refunds(seen.refunds) if each.state == "due")


async def debt_faults(
    store: Store, event: EventId, owed: Mapping[BookingNumber, int], replay: Replay
) -> list[str]:
    """What is wrong with the debts of an event, of which these were seen.

    They were read one after another, so where the journal tells otherwise each is looked at again,
    at one moment, in the order of these moments.
    """
    told = replay.of(event)
    if not told.whole:
        return []
    suspects = sorted({number for number, _ in told.debts.items() ^ owed.items()})
    looks = await asyncio.gather(*(see_booking(store, event, number) for number in suspects))
    seen = [each for each in looks if each is not None]
    faults = []
    for booking in sorted(seen, key=lambda it: place(it.entry)):
        await replay.advance(booking.entry)
        with suppress(TypeError, ValueError):  # What cannot be read is a fault of the booking.
            due, journalled = owed_by(booking), told.debts.get(booking.number, 0)
            if due == journalled or not told.whole:
                continue
            name = f"booking {booking_id(event, booking.number)}"
            faults.append(f"{name} owes {due}, its journal says {journalled}")
    return faults


async def owed_list_faults(store: Store, event: EventId) -> list[Fault]:
    """Entries of the list of refunds that no booking has. One that has is looked at with it."""
    index, found = keys.of_event(event).refunds, list[Fault]()
    for member in await store.command("ZRANGE", index, 0, -1, reads=True):
        with noting(lambda why: found.append(Fault(f"an entry of its list of refunds {why}"))):
            number = BookingNumber(int(member))
            gone = await see_booking(store, event, number) is None
            # It may have been discarded just now, with its entry.
            if gone and await store.command("ZSCORE", index, number, reads=True) is not None:
                told = f"a refund of booking {booking_id(event, number)} is listed, and it is gone"
                found.append(Fault(told, ("ZREM", index, number)))
    return found


async def unmatched_faults(store: Store, event: EventId) -> list[Fault]:
    """Payments that are kept as unmatched, and that nobody can read."""
    found: list[Fault] = []
    async for batch in store.scan_hash(keys.of_event(event).unmatched):
        for field, value in batch:
            with noting(lambda why: found.append(Fault(f"an unmatched payment {why}"))):
                parse_unmatched(event, field.decode(), value.decode())
    return found
