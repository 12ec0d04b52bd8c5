"""What users asked and were told, written down so that no kill can take it back.

A call is written before it is made, its answer as soon as it is there: each with one write, which
outlives the process. All times are of the clock that all processes of a machine share, in s.
"""

import math
import os
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import orjson

from billetter.domain.ids import EventId, UserId
from billetter.domain.ticket import Item

NEVER = math.inf


class Verb(StrEnum):
    """What was asked. OPEN: tickets; BOOK, RESERVE, STANDING: the user's one place.

    NOTE: what a gateway tells of money that buys nothing.
    END: whatever gives tickets back, some or all, or leaves the line.
    """

    OPEN = "open"
    BOOK = "book"
    RESERVE = "reserve"
    STANDING = "standing"
    LOOK = "look"
    PAY = "pay"
    CONFIRM = "confirm"
    END = "end"
    NOTE = "note"
    GROW = "grow"


class Said(StrEnum):
    """What an answer says of a booking. NOTHING: nothing, and nothing was done."""

    HAS = "has tickets"
    WAITS = "waits"
    OVER = "is over"
    NOTHING = "nothing"


class Told(NamedTuple):
    """An answer. tickets: how many the booking has, where it has any; seats: which, where told;
    until: when its hold ends, NEVER if they are bought."""

    said: Said
    outcome: str
    booking: int = 0
    tickets: int = 0
    seats: tuple[int, ...] = ()
    until: float = NEVER


@dataclass(frozen=True, slots=True)
class Call:
    """A call. booking: what it was about, or what it was told of; 0: of none.

    name: under which it acts once, however often it is repeated; '': it has none. items: zone and
    quantity of the tickets it is for. end: when the answer was there, NEVER: it was lost with its
    process, and may act at any time.
    """

    verb: Verb
    user: UserId
    start: float
    booking: int = 0
    name: str = ""
    items: tuple[Item, ...] = ()
    end: float = NEVER
    told: Told | None = None

    @property
    def said(self) -> Said | None:
        return self.told.said if self.told else None

    def __str__(self) -> str:
        said = f"{self.told.outcome}, {self.said}" if self.told else "no answer"
        return f"{self.verb} {self.booking} by {self.user} at {self.start:.6f}: {said}"


class Scribe:
    """Writes the calls of one process down."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.calls = 0

    def asks(self, event: EventId, call: Call) -> int:
        """A call is about to be made; its number."""
        self.calls += 1
        items = [list(item) for item in call.items]
        about = (call.verb, event, call.user, call.start, call.booking, call.name, items)
        self._write(["?", self.calls, *about])
        return self.calls

    def answers(self, number: int, told: Told) -> None:
        until = None if told.until == NEVER else told.until
        self._write(["!", number, time.monotonic(), *told[:-1], until])

    def close(self) -> None:
        os.close(self._file)

    def _write(self, line: list[object]) -> None:
        os.write(self._file, orjson.dumps(line) + b"\n")


def calls_of(logs: Path) -> dict[EventId, list[Call]]:
    """The calls of each event in all logs of a directory, by their start."""
    found: dict[EventId, list[Call]] = {}
    for log in sorted(logs.iterdir()):
        for event, call in _read(log):
            found.setdefault(event, []).append(call)
    for calls in found.values():
        calls.sort(key=lambda call: call.start)
    return found


def counted(log: Path) -> int:
    """How many calls were made by who wrote this log; none where it was never begun."""
    return log.read_bytes().count(b'["?"') if log.exists() else 0


def _read(log: Path) -> list[tuple[EventId, Call]]:
    asked: dict[int, tuple[EventId, Call]] = {}
    for line in log.read_bytes().splitlines():
        kind, number, *rest = orjson.loads(line)
        if kind == "?":
            verb, event, user, start, booking, name, items = rest
            wanted = tuple(Item(*item) for item in items)
            call = Call(Verb(verb), UserId(user), start, booking, name, wanted)
            asked[number] = EventId(event), call
        else:
            event, call = asked[number]
            at, *answer = rest
            told = _told(*answer)
            answered = replace(call, booking=told.booking or call.booking, end=at, told=told)
            asked[number] = event, answered
    return list(asked.values())


def _told(
    said: str, outcome: str, booking: int, tickets: int, seats: list[int], until: float | None
) -> Told:
    ends = NEVER if until is None else until
    return Told(Said(said), outcome, booking, tickets, tuple(seats), ends)
