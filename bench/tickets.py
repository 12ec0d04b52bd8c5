"""Rows 15 and 16: a place for each user, against the ceiling and where there are many already."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from bench.figures import Bar, Measured, Sample, compared, cpu
from bench.halls import TICKETS_ZONE, Fresh, all_of, new_standing
from bench.http import ECHOED, Side, answered, once_each
from bench.run import NotMeasured, Row, Run
from bench.servers import EchoServer, Stand, need_wrk, stand
from bench.spent import Spent, adding_scripts
from bench.wrk import CONNECTIONS
from billetter.domain.event import Counts
from billetter.domain.ids import SEATS_MAX, EventId, named_user, ticket_type_id
from billetter.domain.ticket import Reserved
from billetter.engine import Engine

Ask = Callable[[EventId, str], str]
"""The request of one ticket by a user."""

PLACE_BAR = Bar(0.30)
MANY_BAR = Bar(1.15, at_most=True)
LATE = 2 * CONNECTIONS
"""Requests that were under way as a run ended, of this one and of the one before, at most."""
PAIRS_MAX = 5
"""Pairs of runs, of a second each, for which a large event has tickets left."""
FEWER = "measure this row without --full, with fewer bookings to begin with"
FILL_PART = 5_000
"""Places that are given between two words about it."""


def reserve(event: EventId, user: str) -> str:
    return f'POST /api/bookings/reserve {{"event_id": {event}, "user_id": "{user}"}}'


def book(event: EventId, user: str) -> str:
    return f'POST /api/book {{"eventId": {event}, "userId": "{user}"}}'


def open_with_ticket(event: EventId, _: str) -> str:
    """Who opens a booking is not in its body: without credentials all are one guest's."""
    wanted = f'"ticket_type_id": {ticket_type_id(event, TICKETS_ZONE)}, "quantity": 1'
    return f'POST /api/bookings {{"event_id": {event}, {wanted}}}'


PLACES: Mapping[str, tuple[Ask, int, Bar]] = {
    "reserve": (reserve, 201, PLACE_BAR),
    "book": (book, 200, PLACE_BAR),
    "open with a ticket": (open_with_ticket, 201, Bar(None)),
}
"""By side: what is asked, the status of every answer, and the bar."""


class FreshTickets(Fresh):
    """Tickets for users who have none: of `event`, or of a new event in each run."""

    def __init__(self, engine: Engine, ask: Ask, event: EventId | None = None) -> None:
        super().__init__()
        self._engine = engine
        self._ask = ask
        self._only = event
        self._event: EventId
        self._taken = 0
        self._users = 0

    async def requests(self, seconds: float) -> list[str]:
        """Raises NotMeasured where no ticket is left."""
        self._event = self._only or await new_standing(self._engine, SEATS_MAX)
        counts = await self._counts()
        self._taken = counts.taken
        wanted = min(self.wanted(seconds), counts.free)
        if not wanted:
            raise NotMeasured(f"all {SEATS_MAX:,} tickets were taken before the last run: {FEWER}")
        first = self._users
        self._users += wanted
        users = range(first, self._users)
        return [self._ask(self._event, f"{self._event}-{user}") for user in users]

    async def checked(self, sample: Sample) -> Sample:
        """Whether each answer since the last `requests` has taken a ticket."""
        taken = (await self._counts()).taken - self._taken
        answers = sample.answers or 0
        if sample.fault or answers <= taken <= answers + LATE:
            return sample
        return replace(sample, fault=f"{taken} tickets were taken in {answers} answers")

    async def _counts(self) -> Counts:
        sales = await self._engine.events.sales(self._event)
        if sales is None:
            raise RuntimeError(f"event {self._event} is gone")
        return sales.all


def taking(run: Run, at: Stand, expected: int, fresh: FreshTickets) -> Side:
    """A run in which every request takes a ticket."""
    ask = once_each(run, at.api, expected, fresh)

    async def measure() -> Sample:
        return await fresh.checked(await ask())

    return measure


async def one_place(run: Run) -> Measured:
    """Each kind of request against the echo, in turn."""
    need_wrk()
    async with stand(run) as at, EchoServer(run) as echo:
        sides = {
            side: taking(run, at, status, FreshTickets(at.engine, ask))
            for side, (ask, status, _) in PLACES.items()
        }
        sides["echo"] = answered(run, echo, 200, ECHOED)
        samples = await run.in_turn("row 15", sides)
    figures = [
        compared(15, f"{side} ÷ echo", samples, bar, side, "echo")
        for side, (*_, bar) in PLACES.items()
    ]
    return Measured(figures, samples)


async def many_bookings(run: Run) -> Measured:
    """Places of a new event and of one with many bookings, in one Redis, in turn."""
    need_wrk()
    pairs = min(PAIRS_MAX, run.scale.pairs)
    run = replace(run, scale=replace(run.scale, pairs=pairs, run_s=1))
    none, many = "no bookings", f"{run.scale.bookings:,} bookings"
    async with stand(run) as at:
        # Else the log, which the filling lets grow, would be rewritten during some of the runs.
        await at.engine.store.command("CONFIG", "SET", "auto-aof-rewrite-percentage", 0)
        large = await new_standing(at.engine, SEATS_MAX)
        await _fill(run, at.engine, large)
        spent: dict[str, list[Sample]] = {}
        sides = {}
        for side, event in ((none, None), (many, large)):
            places = taking(run, at, 201, FreshTickets(at.engine, reserve, event))
            spent[_scripts(side)] = []
            sides[side] = _weighing(at.engine, places, spent[_scripts(side)])
        samples = {**await run.in_turn("row 16", sides), **spent}
    scripts = (_scripts(many), _scripts(none))
    grown = f"of a place, {many} ÷ {none}"
    figures = [
        compared(16, f"time {grown}", samples, MANY_BAR, none, many),
        compared(16, f"CPU {grown}", samples, Bar(None), many, none, of=cpu),
        compared(16, f"a script's call {grown}", samples, Bar(None), *scripts, of=cpu),
    ]
    return Measured(figures, samples)


def _scripts(side: str) -> str:
    return f"scripts, {side}"


def _weighing(engine: Engine, measure: Side, spent: list[Sample]) -> Side:
    """The same; what a script's call took Redis meanwhile is added to `spent`."""

    async def weighed() -> Sample:
        scripts = Spent()
        async with adding_scripts(engine, scripts):
            sample = await measure()
        spent.append(scripts.sample(scripts.calls, sample.fault))
        return sample

    return weighed


async def _fill(run: Run, engine: Engine, event: EventId) -> None:
    """Give places of the event to as many users as there shall be bookings."""

    async def take(user: int) -> None:
        told = await engine.tickets.reserve(event, named_user(f"early-{user}"))
        if not isinstance(told, Reserved):
            raise RuntimeError(f"user {user} has no place: {told}")

    bookings = run.scale.bookings
    for start in range(0, bookings, FILL_PART):
        run.progress.say(f"row 16: {start:,} of {bookings:,} bookings")
        users = range(start, min(start + FILL_PART, bookings))
        await all_of([partial(take, user) for user in users])


ROWS = [
    Row(15, "one place a user over HTTP", one_place),
    Row(16, "a place where there are many bookings", many_bookings),
]
