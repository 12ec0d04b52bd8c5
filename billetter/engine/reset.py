"""Back to the seeded state: what was made since then goes, seeded events are as they were made."""

import asyncio
from collections.abc import Sequence

from billetter.domain.ids import EventId, UserId, booking_id
from billetter.domain.outcome import Outcome, Unavailable
from billetter.engine import key_patterns, keys
from billetter.engine.events import Events
from billetter.engine.idempotency import Idempotency, Keys
from billetter.engine.once import Once
from billetter.engine.scripts import Store
from billetter.engine.unit_of_work import note_change, one_change


class Reset:
    """Removes Billetter's own keys only, each change a script: a sale that goes on stays right.

    Event ids and booking numbers go on counting, and the ids of events that go are kept, so that an
    old payment callback never meets a new booking. Journals stay: they say what happened, the
    reset included.
    """

    def __init__(self, store: Store, events: Events, requests: Keys) -> None:
        self._store = store
        self._events = events
        self._requests = requests

    @one_change
    async def run(self, user: UserId, idempotency: Idempotency | None = None) -> None:
        """Reset. The key of the very request that asks for it is spared."""
        # Earlier versions marked the key, and recorded no reply.
        if idempotency and await self._requests.finished(idempotency):
            return note_change()
        spared = keys.user_once(user, idempotency.key).encode() if idempotency else b""
        counted = await self._store.command("EXISTS", keys.EVENTS_NEXT, reads=True)
        if self._store.claimed and not counted:
            raise Unavailable("this Redis was emptied: there is nothing to go back to")
        ids = await self._store.command("ZRANGE", keys.EVENTS_INDEX, 0, -1, reads=True)
        made = [EventId(int(each)) for each in ids]
        kept = [event for event in made if await self._seeded(event)]
        await self._clear(made, kept, spared, user)
        note_change()

    async def _clear(
        self, made: Sequence[EventId], kept: Sequence[EventId], spared: bytes, user: UserId
    ) -> None:
        gone = [event for event in made if event not in set(kept)]
        for event in gone:
            await self._remove(event, user)
        for event in kept:
            await self._restore(event, user)
        async for batch in self._store.scan(keys.OURS):
            await asyncio.gather(*(self._discard(key) for key in batch if key != spared))
        for event in gone:
            # A hold that lapsed meanwhile may have left a bitmap behind.
            await self._remove(event, user)

    async def _seeded(self, event: EventId) -> bool:
        own = keys.of_event(event)
        return bool(await self._store.command("HEXISTS", own.event, "seeded", reads=True))

    async def _restore(self, event: EventId, user: UserId) -> None:
        own = keys.of_event(event)
        declared = own.to_restore()
        await self._store.change("restore_event", own, declared, Once.anew(), user, event)
        self._events.forget(event)

    async def _remove(self, event: EventId, user: UserId) -> None:
        own = keys.of_event(event)
        await self._store.run("remove_event", own.to_remove(), event, user)
        await self._store.command("ZREM", keys.EVENTS_INDEX, event)
        self._events.forget(event)

    async def _discard(self, key: bytes) -> None:
        if booking := key_patterns.booking_of(key):
            event, number = booking
            declared = keys.of_event(event).to_discard(number)
            answer = await self._store.run("discard_booking", declared, event, number)
            if answer.outcome is Outcome.DISCARDED:
                user = UserId(answer.fields[0])
                index = keys.user_bookings(user)
                await self._store.command("ZREM", index, booking_id(event, number))
        elif key_patterns.is_of_requests(key) and await self._store.command("UNLINK", key):
            note_change()
