"""The engine: typed calls over the scripts. The only code that knows keys and scripts."""

from dataclasses import dataclass

from billetter.domain.outcome import EngineError, Unavailable
from billetter.engine import keys
from billetter.engine.accounts import Accounts
from billetter.engine.audit import Audit
from billetter.engine.bookings import Bookings
from billetter.engine.events import Events
from billetter.engine.idempotency import Keys
from billetter.engine.limits import Limits
from billetter.engine.lines import Lines
from billetter.engine.maps import SeatMaps
from billetter.engine.opening import Opener
from billetter.engine.organizers import Organizers
from billetter.engine.payments import Payments
from billetter.engine.repeat import Repeater
from billetter.engine.reset import Reset
from billetter.engine.scripts import Store
from billetter.engine.seats import Seats
from billetter.engine.sweeper import Sweeper
from billetter.engine.tickets import Tickets
from billetter.wire import topology
from billetter.wire.errors import WireError
from billetter.wire.topology import Wire

FORMAT = 1
"""Version of what is kept in Redis."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept. Times in ms; journal_max: entries of each partition."""

    ended_ms: int = 604_800_000
    journal_ms: int = 2_592_000_000
    journal_max: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Readiness:
    """The Redis behind the engine. durability: "fsync", "everysec" or "memory"."""

    version: str
    durability: str


class Engine:
    """Everything Billetter does, over one wire."""

    def __init__(self, wire: Wire, retention: Retention | None = None) -> None:
        kept = retention or Retention()
        self._wire = wire
        self.store = Store(wire)
        self.events = Events(self.store)
        repeater = Repeater(self.store, self.events, kept.ended_ms)
        self.lines = Lines(self.store, self.events)
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
        self.sweeper = Sweeper(
            self.store,
            self.bookings,
            self.organizers,
            self.lines,
            kept.journal_ms,
            kept.journal_max,
        )

    async def prepare(self) -> None:
        """Load the scripts and claim the format; EngineError when this Redis has another one."""
        await self.store.load()
        expected = {"format": FORMAT, "partitions": keys.PARTITIONS}
        for field, value in expected.items():
            await self.store.command("HSETNX", keys.META, field, value)
            found = int(await self.store.command("HGET", keys.META, field, reads=True))
            if found != value:
                raise EngineError(
                    f"this Redis was set up with {field} {found}, this Billetter needs {value}"
                )

    async def ready(self) -> Readiness:
        """What the Redis is, if it answers; Unavailable otherwise."""
        try:
            server = await topology.facts(self._wire)
        except WireError as error:
            raise Unavailable(str(error)) from error
        return Readiness(".".join(map(str, server.version)), server.durability)
