"""The engine: typed calls over the scripts. The only code that knows keys and scripts."""

from dataclasses import dataclass

from billetter.domain.outcome import EngineError
from billetter.engine import keys
from billetter.engine.accounts import Accounts
from billetter.engine.audit import Audit
from billetter.engine.bookings import Bookings
from billetter.engine.events import Events
from billetter.engine.idempotency import Keys
from billetter.engine.identity import Identity
from billetter.engine.limits import Limits
from billetter.engine.lines import Lines
from billetter.engine.maps import SeatMaps
from billetter.engine.opening import Opener
from billetter.engine.organizers import Organizers
from billetter.engine.payments import Payments
from billetter.engine.readiness import ReadinessCheck
from billetter.engine.repeat import Repeater
from billetter.engine.reset import Reset
from billetter.engine.scripts import Store
from billetter.engine.search import Finder
from billetter.engine.seats import Seats
from billetter.engine.sweeper import Sweeper
from billetter.engine.tickets import Tickets
from billetter.engine.upgrade import Upgrade
from billetter.wire.topology import Wire

FORMAT = 1
"""Version of what is kept in Redis."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept. Times in ms; journal_max: entries of each partition."""

    ended_ms: int = 604_800_000
    journal_ms: int = 2_592_000_000
    journal_max: int = 1_000_000


class Engine:
    """Everything Billetter does, over one wire."""

    def __init__(self, wire: Wire, retention: Retention | None = None) -> None:
        kept = retention or Retention()
        self.store = Store(wire)
        self.identity = Identity(self.store)
        self.readiness = ReadinessCheck(wire, self.store, self.identity)
        self.events = Events(self.store)
        repeater = Repeater(self.store, self.events, kept.ended_ms)
        self.lines = Lines(self.store, self.events)
        self.finder = Finder(self.store, self.events)
        self.maps = SeatMaps(self.store, self.events)
        self.seats = Seats(self.store, self.events, repeater, self.lines)
        opener = Opener(self.store, self.events, repeater)
        made_by = (self.store, self.events, repeater, opener, self.lines, kept.ended_ms)
        self.bookings = Bookings(*made_by)
        self.tickets = Tickets(*made_by)
        self.payments = Payments(self.store, self.bookings, kept.ended_ms)
        self.organizers = Organizers(self.store, self.events, repeater, self.lines)
        self.accounts = Accounts(self.store)
        self.keys = Keys(self.store)
        self.limits = Limits(self.store)
        self.reset = Reset(self.store, self.events, self.keys)
        self.audit = Audit(self.store, self.events, kept.ended_ms)
        self.upgrade = Upgrade(self.store, kept.ended_ms)
        self.sweeper = Sweeper(
            self.store,
            self.bookings,
            self.organizers,
            self.lines,
            kept.journal_ms,
            kept.journal_max,
        )

    async def prepare(self, data_id: str | None = None) -> None:
        """Load the scripts, and claim the format and the data, which must have the id `data_id`.

        EngineError when this Redis has another format, or not that data.
        """
        self.store.prepared = True  # From the first try on: what is not there yet is not begun.
        await self.store.load()
        expected = {"format": FORMAT, "partitions": keys.PARTITIONS}
        for field, value in expected.items():
            await self._check(field, value)
        await self.identity.claim(data_id)  # Before anything is written.
        for field, value in expected.items():
            await self.store.command("HSETNX", keys.META, field, value)
            await self._check(field, value)

    async def _check(self, field: str, value: int) -> None:
        found = await self.store.command("HGET", keys.META, field, reads=True)
        if found is not None and int(found) != value:
            raise EngineError(
                f"this Redis was set up with {field} {int(found)}, this Billetter needs {value}"
            )
