"""The judge of tickets, places and lines: it holds against nobody what can have been fair."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.torture.fairness import Rule, faults, grown, idle
from bench.torture.told import NEVER, Call, Said, Scribe, Told, Verb, calls_of, counted
from billetter.domain.ids import EventId, UserId
from billetter.domain.ticket import Item

ANN, BOB, CAT = UserId("x:ann"), UserId("x:bob"), UserId("x:cat")
TICKETS = 2


def told(said: Said, booking: int, seats: Sequence[int], until: float) -> Told:
    return Told(said, "ANY", booking, len(seats), tuple(seats), until)


def opens(
    user: UserId, booking: int, start: float, end: float, seats: Sequence[int], until: float = NEVER
) -> Call:
    answer = told(Said.HAS, booking, seats, until)
    return Call(Verb.OPEN, user, start, booking, end=end, told=answer)


def pays(
    user: UserId, booking: int, start: float, end: float, seats: Sequence[int], until: float
) -> Call:
    return replace(opens(user, booking, start, end, seats, until), verb=Verb.PAY)


def books(user: UserId, booking: int, start: float, end: float, said: Said = Said.HAS) -> Call:
    answer = Told(said, "ANY", booking, int(said is Said.HAS))
    return Call(Verb.BOOK, user, start, booking, end=end, told=answer)


def waits(user: UserId, booking: int, start: float, end: float) -> Call:
    return books(user, booking, start, end, Said.WAITS)


def sees(
    user: UserId, booking: int, start: float, end: float, said: Said, seats: Sequence[int] = ()
) -> Call:
    answer = told(said, booking, seats, NEVER)
    return Call(Verb.LOOK, user, start, booking, end=end, told=answer)


def ends(
    user: UserId, booking: int, start: float, end: float = NEVER, said: Said = Said.OVER
) -> Call:
    answer = None if end == NEVER else Told(said, "ANY")
    return Call(Verb.END, user, start, booking, end=end, told=answer)


def grows(start: float, end: float = NEVER, said: Said = Said.OVER) -> Call:
    answer = None if end == NEVER else Told(said, "ANY")
    return Call(Verb.GROW, ANN, start, end=end, told=answer)


GOOD: dict[str, list[Call]] = {
    "nothing happened": [],
    "all is had, one waits, gets it, and leaves": [
        books(ANN, 1, 1, 2),
        opens(BOB, 2, 3, 4, [1]),
        waits(CAT, 3, 5, 6),
        sees(CAT, 3, 7, 8, Said.WAITS),
        ends(ANN, 1, 9, 10),
        sees(CAT, 3, 11, 12, Said.HAS, [0]),
        ends(CAT, 3, 13, 14),
        sees(CAT, 3, 15, 16, Said.OVER),
    ],
    "had by the next while it was given back": [
        opens(ANN, 1, 1, 2, [0, 1]),
        ends(ANN, 1, 3, 9),
        opens(BOB, 2, 4, 5, [0, 1]),
    ],
    "given back by a call that nobody heard of again": [
        opens(ANN, 1, 1, 2, [0, 1]),
        ends(ANN, 1, 3),
        opens(BOB, 2, 4, 5, [0, 1]),
    ],
    "had still, before it was given back by a call that nobody heard of again": [
        opens(ANN, 1, 1, 2, [0, 1]),
        ends(ANN, 1, 3),
        sees(ANN, 1, 4, 5, Said.HAS, [0, 1]),
        opens(BOB, 2, 6, 7, [0, 1]),
    ],
    "had by the next in the moment in which its hold has lapsed": [
        opens(ANN, 1, 1, 2, [0, 1], until=5),
        opens(BOB, 2, 4, 5, [0, 1]),
    ],
    "held, and for longer since it is being paid": [
        opens(ANN, 1, 1, 2, [0, 1], until=5),
        pays(ANN, 1, 3, 4, [0, 1], until=9),
        opens(BOB, 2, 10, 11, [0, 1]),
    ],
    "one more since it grew, or may have grown": [
        opens(ANN, 1, 1, 2, [0, 1]),
        grows(3),
        opens(BOB, 2, 4, 5, [8]),
    ],
    "asked for while the other was still on the way into the line": [
        waits(ANN, 1, 1, 6),
        books(BOB, 2, 5, 7),
        sees(ANN, 1, 8, 9, Said.WAITS),
    ],
    "had after the other had left the line": [
        waits(ANN, 1, 1, 2),
        sees(ANN, 1, 3, 4, Said.WAITS),
        ends(ANN, 1, 5, 8),
        books(BOB, 2, 6, 7),
    ],
    "had at a time when the other may have had it, too": [
        waits(ANN, 1, 1, 2),
        sees(ANN, 1, 3, 7, Said.WAITS),
        books(BOB, 2, 4, 6),
        sees(ANN, 1, 8, 9, Said.HAS),
    ],
    "nobody knows since when the other has asked": [
        waits(ANN, 1, 3, 4),
        sees(BOB, 2, 5, 6, Said.HAS, [0]),
        sees(ANN, 1, 7, 8, Said.WAITS),
    ],
    "another place after the first was given up": [
        books(ANN, 1, 1, 2),
        ends(ANN, 1, 3, 4),
        books(ANN, 2, 5, 6),
    ],
    "a place, and a ticket besides": [books(ANN, 1, 1, 2), opens(ANN, 2, 3, 4, [1])],
    "seats of one's own are told again": [
        opens(ANN, 1, 1, 2, [0, 1]),
        sees(ANN, 1, 3, 4, Said.HAS, [0, 1]),
    ],
    "a part is given back, and had by another": [
        opens(ANN, 1, 1, 2, [0, 1]),
        ends(ANN, 1, 3, 4),
        opens(BOB, 2, 5, 6, [0]),
        sees(ANN, 1, 7, 8, Said.HAS, [1]),
    ],
    "lapsed, and over": [
        opens(ANN, 1, 1, 2, [0], until=5),
        sees(ANN, 1, 5, 6, Said.OVER),
    ],
}

ALL_HAD = [books(ANN, 1, 1, 2), books(BOB, 2, 1, 2)]
BAD: dict[str, tuple[Rule, list[Call]]] = {
    "three of two": (Rule.TOO_MANY, [*ALL_HAD, books(CAT, 3, 1, 2)]),
    "held, and had by another": (
        Rule.TOO_MANY,
        [opens(ANN, 1, 1, 2, [0, 1], until=9), books(BOB, 2, 3, 4)],
    ),
    "held for longer since it is being paid, and had by another": (
        Rule.TOO_MANY,
        [
            opens(ANN, 1, 1, 2, [0, 1], until=5),
            pays(ANN, 1, 3, 4, [0, 1], until=20),
            books(BOB, 2, 6, 7),
        ],
    ),
    "held, whatever else was told of an earlier end": (
        Rule.TOO_MANY,
        [
            opens(ANN, 1, 1, 2, [0, 1], until=20),
            pays(ANN, 1, 3, 4, [0, 1], until=5),
            books(BOB, 2, 6, 7),
        ],
    ),
    "had before it grew": (Rule.TOO_MANY, [*ALL_HAD, books(CAT, 3, 1, 2), grows(3, 4)]),
    "had, though growing was refused": (
        Rule.TOO_MANY,
        [*ALL_HAD, grows(3, 4, Said.NOTHING), books(CAT, 3, 5, 6)],
    ),
    "had, though giving back was refused": (
        Rule.TOO_MANY,
        [*ALL_HAD, ends(ANN, 1, 3, 4, Said.NOTHING), books(CAT, 3, 5, 6)],
    ),
    "a seat sold twice": (
        Rule.TWO_OWNERS,
        [opens(ANN, 1, 1, 2, [0]), opens(BOB, 2, 3, 4, [0])],
    ),
    "a place is the seat of another": (
        Rule.TWO_OWNERS,
        [books(ANN, 1, 1, 2), opens(BOB, 2, 3, 4, [0]), sees(ANN, 1, 5, 6, Said.HAS, [0])],
    ),
    "a seat of two, and between them of a third": (
        Rule.TWO_OWNERS,
        [
            opens(ANN, 1, 1, 2, [0], until=20),
            opens(ANN, 1, 3, 4, [0], until=5),
            opens(BOB, 2, 6, 7, [0]),
        ],
    ),
    "the other part of what was given back": (
        Rule.TWO_OWNERS,
        [
            opens(ANN, 1, 1, 2, [0, 1]),
            ends(ANN, 1, 3, 4),
            sees(ANN, 1, 5, 6, Said.HAS, [1]),
            opens(BOB, 2, 7, 8, [1]),
        ],
    ),
    "two places": (Rule.TWO_PLACES, [books(ANN, 1, 1, 2), books(ANN, 2, 1, 2)]),
    "a place, and one in the line": (
        Rule.TWO_PLACES,
        [books(ANN, 1, 1, 2), waits(ANN, 2, 3, 4)],
    ),
    "waits with a seat": (Rule.WAITS_AND_HAS, [sees(ANN, 1, 1, 2, Said.WAITS, [0])]),
    "waits after it had a ticket": (
        Rule.WAITS_AND_HAS,
        [books(ANN, 1, 1, 2), sees(ANN, 1, 3, 4, Said.WAITS)],
    ),
    "a newcomer with a place": (
        Rule.OVERTAKEN,
        [waits(ANN, 1, 1, 2), books(BOB, 2, 3, 4), sees(ANN, 1, 5, 6, Said.WAITS)],
    ),
    "a newcomer with a ticket": (
        Rule.OVERTAKEN,
        [waits(ANN, 1, 1, 2), opens(BOB, 2, 3, 4, [0], 9), sees(ANN, 1, 5, 6, Said.WAITS)],
    ),
    "the second in the line": (
        Rule.OVERTAKEN,
        [
            waits(ANN, 1, 1, 2),
            waits(BOB, 2, 3, 4),
            sees(BOB, 2, 5, 6, Said.HAS, [0]),
            sees(ANN, 1, 7, 8, Said.WAITS),
            sees(ANN, 1, 9, 10, Said.HAS, [1]),
        ],
    ),
    "a newcomer, after another had left the line": (
        Rule.OVERTAKEN,
        [
            waits(ANN, 1, 1, 2),
            waits(CAT, 3, 3, 4),
            sees(CAT, 3, 5, 6, Said.WAITS),
            ends(CAT, 3, 7, 8),
            books(BOB, 2, 9, 10),
            sees(ANN, 1, 11, 12, Said.WAITS),
            ends(ANN, 1, 13, 14),
        ],
    ),
    "bought, and gone": (
        Rule.TAKEN_AWAY,
        [books(ANN, 1, 1, 2), sees(ANN, 1, 3, 4, Said.OVER), ends(ANN, 1, 5, 6)],
    ),
    "held, and gone before it lapsed": (
        Rule.TAKEN_AWAY,
        [opens(ANN, 1, 1, 2, [0], until=9), sees(ANN, 1, 3, 4, Said.OVER)],
    ),
    "waited, and forgotten": (
        Rule.TAKEN_AWAY,
        [waits(ANN, 1, 1, 2), sees(ANN, 1, 3, 4, Said.OVER)],
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_and_is_fair_is_held_against_nobody(name: str) -> None:
    assert faults(GOOD[name], TICKETS) == []


@pytest.mark.parametrize("name", BAD)
def test_what_must_not_be_is_found_under_its_name(name: str) -> None:
    rule, calls = BAD[name]
    assert {fault.rule for fault in faults(calls, TICKETS)} == {rule}


def test_calls_need_not_come_in_their_order() -> None:
    for rule, calls in BAD.values():
        assert {fault.rule for fault in faults(calls[::-1], TICKETS)} == {rule}


def test_every_rule_can_be_broken() -> None:
    assert {rule for rule, _ in BAD.values()} | {Rule.IDLE} == set(Rule)


def test_nothing_is_free_while_somebody_waits() -> None:
    waiting = sees(ANN, 1, 9, 10, Said.WAITS)
    have = [sees(BOB, 2, 9, 10, Said.HAS, [0]), sees(CAT, 3, 9, 10, Said.HAS, [1])]
    assert idle([waiting, *have], TICKETS) == []
    assert idle(have[:1], TICKETS) == []
    assert [fault.rule for fault in idle([waiting, have[0]], TICKETS)] == [Rule.IDLE]
    assert [fault.rule for fault in idle([waiting, have[0], have[0]], TICKETS)] == [Rule.IDLE]
    assert [fault.rule for fault in idle([waiting, *have], TICKETS + 1)] == [Rule.IDLE]


def test_only_growth_that_was_acknowledged_is_sure() -> None:
    assert grown([grows(1, 2), grows(3), grows(5, 6, Said.NOTHING), ends(ANN, 1, 7, 8)]) == 1


def test_what_was_asked_and_told_is_read_as_it_was(tmp_path: Path) -> None:
    event, items = EventId(7), (Item(1, 2), Item(2, 1))
    has = Told(Said.HAS, "OPENED", 700_000_001, 3, (7_000_001, 7_000_002, 7_000_009), 1.5)
    asked = Call(Verb.OPEN, ANN, 1.0, name="once", items=items)
    scribe = Scribe(tmp_path / "one")
    scribe.answers(scribe.asks(event, asked), has)
    scribe.asks(event, Call(Verb.END, ANN, 3.0, 700_000_001))
    scribe.close()
    other = Scribe(tmp_path / "other")
    place = Call(Verb.BOOK, BOB, 2.0, name="place")
    other.answers(other.asks(event, place), Told(Said.WAITS, "WAITING", 700_000_002))
    other.close()

    calls = calls_of(tmp_path)[event]
    ended = [call.end for call in calls]
    assert ended[2] == NEVER > ended[1] >= ended[0] > 0
    assert [replace(call, end=NEVER) for call in calls] == [
        replace(asked, booking=has.booking, told=has),
        replace(place, booking=700_000_002, told=Told(Said.WAITS, "WAITING", 700_000_002)),
        Call(Verb.END, ANN, 3.0, 700_000_001),
    ]
    assert [counted(tmp_path / name) for name in ("one", "other", "never begun")] == [2, 1, 0]
