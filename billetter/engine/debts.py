"""What bookings owe, compared with what their journal tells: for the audit."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from billetter.domain.ids import BookingNumber, EventId, booking_id
from billetter.domain.payment import parse_refunds
from billetter.engine.inspection import SeenBooking, see_booking
from billetter.engine.journal import Replay, place
from billetter.engine.scripts import Store


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
