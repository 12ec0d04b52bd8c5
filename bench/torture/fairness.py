"""Who was told to have which ticket, and to wait, when: could that all be, and was it fair?

Judged by answers alone. A booking surely has its tickets from the answer that says so until its
hold ends or the first call is made that may end it; it surely waits from one answer that says so
until the call of another. What may have been otherwise is never held against anybody.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

from bench.torture.told import NEVER, Call, Said, Verb
from billetter.domain.ids import UserId

PLACES = {Verb.BOOK, Verb.RESERVE, Verb.STANDING}
MAKING = {Verb.BOOK, Verb.RESERVE, Verb.OPEN}


class Rule(StrEnum):
    """What must never be."""

    TOO_MANY = "more tickets at once than there are"
    TWO_OWNERS = "ticket numbers with two owners"
    TWO_PLACES = "users with two places"
    WAITS_AND_HAS = "in the line with a ticket"
    OVERTAKEN = "overtaken in the line"
    TAKEN_AWAY = "had or waited for, and taken away"
    IDLE = "free while somebody waits"


class Fault(NamedTuple):
    rule: Rule
    what: str

    def __str__(self) -> str:
        return self.what


class Span(NamedTuple):
    """Between two times; `start` < `end`."""

    start: float
    end: float


@dataclass
class Life:
    """All calls about one booking, by their start."""

    number: int
    user: UserId
    calls: list[Call] = field(default_factory=list)

    @cached_property
    def place(self) -> bool:
        """Whether it is its user's one place."""
        return any(call.verb in PLACES for call in self.calls)

    @cached_property
    def asked(self) -> float:
        """When it was asked for; 0 where that call is not known."""
        made = (c for c in self.calls if c.verb in MAKING and c.said in (Said.HAS, Said.WAITS))
        return next((call.start for call in made), 0.0)

    @cached_property
    def had(self) -> float:
        """When it was first told to have tickets."""
        return min((call.end for call in self.said(Said.HAS)), default=NEVER)

    @cached_property
    def waits(self) -> Span | None:
        told = self.said(Said.WAITS)
        if not told:
            return None
        span = Span(min(call.end for call in told), max(call.start for call in told))
        return span if span.start < span.end else None

    def said(self, *said: Said) -> list[Call]:
        return [call for call in self.calls if call.said in said]

    def sure(self, call: Call) -> Span | None:
        """From its answer on, as long as what it says surely holds."""
        assert call.told
        ends = (each.start for each in self._ends if each.end > call.start)
        span = Span(call.end, min(call.told.until, *ends, NEVER))
        return span if span.start < span.end else None

    @cached_property
    def _ends(self) -> list[Call]:
        return [c for c in self.calls if c.verb is Verb.END and c.said is not Said.NOTHING]


def lives_of(calls: Iterable[Call]) -> list[Life]:
    lives: dict[int, Life] = {}
    for call in sorted(calls, key=lambda call: call.start):
        if call.booking:
            life = lives.setdefault(call.booking, Life(call.booking, call.user))
            life.calls.append(call)
    return list(lives.values())


def faults(calls: Sequence[Call], tickets: int) -> list[Fault]:
    """What cannot be, or is unfair, in the calls of one event that had so many tickets at first."""
    lives = lives_of(calls)
    return [
        *_too_many(lives, tickets, _grows(calls)),
        *_two_owners(lives),
        *_two_places(lives),
        *_waits_and_has(lives),
        *_overtaken(lives),
        *_taken_away(lives),
    ]


def idle(last: Sequence[Call], tickets: int) -> list[Fault]:
    """What nobody has although somebody waits: by the last answers, when all has come to rest."""
    waiting = [call.booking for call in last if call.said is Said.WAITS]
    had = {call.booking: call.told.tickets for call in last if call.told and call.said is Said.HAS}
    have = sum(had.values())
    if not waiting or have >= tickets:
        return []
    return [Fault(Rule.IDLE, f"{tickets - have} of {tickets} are free, and {waiting[:3]} wait")]


def grown(calls: Iterable[Call]) -> int:
    """How many tickets an event surely got while it was on sale."""
    return sum(call.verb is Verb.GROW and call.said is Said.OVER for call in calls)


def _grows(calls: Iterable[Call]) -> list[float]:
    """When there may be one ticket more, at the earliest."""
    return [c.start for c in calls if c.verb is Verb.GROW and c.said is not Said.NOTHING]


def _too_many(lives: Sequence[Life], tickets: int, grows: Sequence[float]) -> Iterator[Fault]:
    """At any time, against what there may be at most by then. At one moment, ends come first."""
    moments = [(at, 0, -1) for at in grows]
    for life in lives:
        for span, count in _having(life):
            moments += [(span.start, 1, count), (span.end, 0, -count)]
    moments.sort()
    beyond, worst = -tickets, (0, 0.0)
    for at, _, change in moments:
        beyond += change
        worst = max(worst, (beyond, at))
    if worst[0]:
        yield Fault(Rule.TOO_MANY, f"{worst[0]} more than there are at {worst[1]:.6f}")


def _having(life: Life) -> Iterator[tuple[Span, int]]:
    """When a booking surely has how many tickets, each moment once."""
    known = 0.0
    for call in life.said(Said.HAS):
        span = life.sure(call)
        if span and call.told and span.end > known:
            yield Span(max(known, span.start), span.end), call.told.tickets
            known = span.end


def _two_owners(lives: Sequence[Life]) -> Iterator[Fault]:
    owners: dict[int, list[tuple[Span, int]]] = {}
    for life in lives:
        for call in life.said(Said.HAS):
            span = life.sure(call)
            for seat in call.told.seats if call.told and span else ():
                assert span
                owners.setdefault(seat, []).append((span, life.number))
    for seat, spans in owners.items():
        for one, other in _overlapping(spans):
            yield Fault(Rule.TWO_OWNERS, f"seat {seat} is of {one} and of {other}")


def _two_places(lives: Sequence[Life]) -> Iterator[Fault]:
    places: dict[UserId, list[tuple[Span, int]]] = {}
    for life in lives:
        if life.place:
            told = map(life.sure, life.said(Said.HAS, Said.WAITS))
            places.setdefault(life.user, []).extend((span, life.number) for span in told if span)
    for user, spans in places.items():
        for one, other in _overlapping(spans):
            yield Fault(Rule.TWO_PLACES, f"{user} has the places {one} and {other}")


def _overlapping(spans: Iterable[tuple[Span, int]]) -> set[tuple[int, int]]:
    """Bookings of which one begins while another lasts."""
    found = set()
    lasting: tuple[Span, int] | None = None
    for span, number in sorted(spans):
        if lasting and span.start < lasting[0].end and number != lasting[1]:
            found.add((lasting[1], number))
        if not lasting or span.end > lasting[0].end:
            lasting = span, number
    return found


def _waits_and_has(lives: Sequence[Life]) -> Iterator[Fault]:
    for life in lives:
        for call in life.said(Said.WAITS):
            if call.told and call.told.tickets:
                yield Fault(Rule.WAITS_AND_HAS, f"{call}, with {call.told.tickets} tickets")
            if call.start > life.had:
                yield Fault(Rule.WAITS_AND_HAS, f"{call}, and it had its ticket by {life.had:.6f}")


def _overtaken(lives: Sequence[Life]) -> Iterator[Fault]:
    """Who asked when another surely waited, and had tickets while that one waited still."""
    waits = sorted((life.waits, life.number) for life in lives if life.waits)
    starts = [span.start for span, _ in waits]
    patient = list(accumulate(waits, _longer))
    for life in lives:
        before = bisect_left(starts, life.asked)
        if before:
            span, first = patient[before - 1]
            if life.had <= span.end:
                yield Fault(Rule.OVERTAKEN, f"{life.number} had tickets before {first}, who waited")


def _longer(one: tuple[Span, int], other: tuple[Span, int]) -> tuple[Span, int]:
    return max(one, other, key=lambda waiting: waiting[0].end)


def _taken_away(lives: Sequence[Life]) -> Iterator[Fault]:
    for life in lives:
        for before, after in pairwise(life.said(Said.HAS, Said.WAITS, Said.OVER)):
            span = life.sure(before) if before.said is not Said.OVER else None
            if after.said is Said.OVER and span and after.end <= span.end:
                yield Fault(Rule.TAKEN_AWAY, f"{before}; then {after}")
