"""The checker of seat histories: it accepts what can have been, and nothing else."""

import random

import pytest

from bench.torture.linear import NEVER, Op, Seen, violation

ANN, BOB, CAT = 1, 2, 3
READER = 0


def op(seen: Seen, who: int, start: float, end: float) -> Op:
    return Op(seen, who, start, end)


def unknown(seen: Seen, who: int, start: float, end: float = NEVER) -> Op:
    return Op(seen, who, start, end, sure=False)


GOOD = {
    "nothing happened": [],
    "one after the other": [
        op(Seen.CLAIMED, ANN, 1, 2),
        op(Seen.TAKEN, BOB, 3, 4),
        op(Seen.RELEASED, ANN, 5, 6),
        op(Seen.CLAIMED, BOB, 7, 8),
        op(Seen.CONFIRMED, BOB, 9, 10),
        op(Seen.SOLD, READER, 11, 12),
    ],
    "refused by a claim that was answered later": [
        op(Seen.TAKEN, BOB, 2, 3),
        op(Seen.CLAIMED, ANN, 1, 4),
    ],
    "claimed while another's release was under way": [
        op(Seen.CLAIMED, ANN, 1, 2),
        op(Seen.RELEASED, ANN, 3, 8),
        op(Seen.CLAIMED, BOB, 4, 5),
    ],
    "readers see both sides of a change under way": [
        op(Seen.CLAIMED, ANN, 1, 9),
        op(Seen.FREE, READER, 2, 3),
        op(Seen.RESERVED, READER, 4, 5),
    ],
    "claiming again what one holds": [
        op(Seen.CLAIMED, ANN, 1, 2),
        op(Seen.CLAIMED, ANN, 3, 4),
    ],
    "an unknown claim acted": [
        unknown(Seen.CLAIMED, ANN, 1),
        op(Seen.TAKEN, BOB, 2, 3),
    ],
    "an unknown claim acted much later": [
        unknown(Seen.CLAIMED, ANN, 1),
        op(Seen.FREE, READER, 2, 3),
        op(Seen.CLAIMED, BOB, 4, 5),
        op(Seen.RELEASED, BOB, 6, 7),
        op(Seen.TAKEN, CAT, 8, 9),
    ],
    "an unknown claim never acted": [
        unknown(Seen.CLAIMED, ANN, 1, 4),
        op(Seen.CLAIMED, BOB, 5, 6),
    ],
    "an unknown cancellation freed the seat": [
        op(Seen.CLAIMED, ANN, 1, 2),
        unknown(Seen.ENDED, ANN, 3),
        op(Seen.CLAIMED, BOB, 4, 5),
    ],
    "a cancellation of one who holds nothing": [
        op(Seen.CLAIMED, ANN, 1, 2),
        op(Seen.ENDED, BOB, 3, 4),
        op(Seen.RESERVED, READER, 5, 6),
    ],
    "two at once, one wins": [
        op(Seen.CLAIMED, ANN, 1, 5),
        op(Seen.TAKEN, BOB, 1, 5),
    ],
}

BAD = {
    "two own it": [
        op(Seen.CLAIMED, ANN, 1, 2),
        op(Seen.CLAIMED, BOB, 3, 4),
    ],
    "two at once own it": [
        op(Seen.CLAIMED, ANN, 1, 5),
        op(Seen.CLAIMED, BOB, 1, 5),
    ],
    "refused though nobody has it": [op(Seen.TAKEN, ANN, 1, 2)],
    "refused by nobody but oneself": [
        op(Seen.CLAIMED, ANN, 1, 2),
        op(Seen.TAKEN, ANN, 3, 4),
    ],
    "refused before the claim was called": [
        op(Seen.TAKEN, BOB, 1, 2),
        op(Seen.CLAIMED, ANN, 3, 4),
    ],
    "a claim is lost": [
        op(Seen.CLAIMED, ANN, 1, 2),
        op(Seen.FREE, READER, 3, 4),
    ],
    "a release is lost": [
        op(Seen.CLAIMED, ANN, 1, 2),
        op(Seen.RELEASED, ANN, 3, 4),
        op(Seen.TAKEN, BOB, 5, 6),
    ],
    "sold and freed": [
        op(Seen.CLAIMED, ANN, 1, 2),
        op(Seen.CONFIRMED, ANN, 3, 4),
        op(Seen.FREE, READER, 5, 6),
    ],
    "sold, then sold again": [
        op(Seen.CLAIMED, ANN, 1, 2),
        op(Seen.CONFIRMED, ANN, 3, 4),
        op(Seen.CLAIMED, BOB, 5, 6),
    ],
    "a sale is cancelled": [
        op(Seen.CLAIMED, ANN, 1, 2),
        op(Seen.CONFIRMED, ANN, 3, 4),
        op(Seen.ENDED, ANN, 5, 6),
    ],
    "read as free, then as reserved, then as free": [
        op(Seen.CLAIMED, ANN, 1, 9),
        op(Seen.RESERVED, READER, 2, 3),
        op(Seen.FREE, READER, 4, 5),
    ],
    "an unknown claim acts twice": [
        unknown(Seen.CLAIMED, ANN, 1),
        op(Seen.RELEASED, ANN, 2, 3),
        op(Seen.TAKEN, BOB, 4, 5),
    ],
    "an unknown claim acts after its end": [
        unknown(Seen.CLAIMED, ANN, 1, 2),
        op(Seen.FREE, READER, 3, 4),
        op(Seen.TAKEN, BOB, 5, 6),
    ],
    "an unknown claim acts before its call": [
        op(Seen.TAKEN, BOB, 1, 2),
        unknown(Seen.CLAIMED, ANN, 3),
    ],
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_history_is_accepted(name: str) -> None:
    assert violation(GOOD[name]) is None


@pytest.mark.parametrize("name", BAD)
def test_a_bad_history_is_found(name: str) -> None:
    assert violation(BAD[name]) is not None


def test_the_first_answer_that_nothing_explains_is_named() -> None:
    history = BAD["sold, then sold again"]
    assert violation(history) is history[-1]


@pytest.mark.parametrize("seed", range(50))
def test_every_history_of_a_real_register_is_accepted_and_its_forgery_found(seed: int) -> None:
    """Operations act at random moments in order; their calls and answers lie around these."""
    chance = random.Random(seed)
    history = []
    owner = READER
    for moment in range(200):
        who = chance.choice((ANN, BOB, CAT))
        if owner == READER:
            seen, owner = chance.choice(((Seen.FREE, READER), (Seen.CLAIMED, who)))
        elif owner == who:
            seen, owner = chance.choice(((Seen.RESERVED, who), (Seen.RELEASED, READER)))
        else:
            seen = chance.choice((Seen.RESERVED, Seen.TAKEN))
        start, end = moment - chance.uniform(0, 4), moment + chance.uniform(0, 4)
        history.append(Op(seen, who, start, end, sure=chance.random() < 0.9))
    assert violation(history) is None
    after = [op(Seen.CLAIMED, 99, 300, 301), op(Seen.FREE, READER, 302, 303)]
    assert violation([*history, *after]) is not None
