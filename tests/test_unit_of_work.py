"""A unit of work: after a change nothing ends as "nothing was changed"."""

import asyncio
from collections.abc import Callable

import pytest

from billetter.domain.outcome import ASIDE, REFUSALS, Outcome, OutcomeUnknown, Unavailable
from billetter.engine.unit_of_work import UnitOfWork, note_change, note_refusal, one_change

CHANGES = frozenset(
    {
        Outcome.CREATED,
        Outcome.OPENED,
        Outcome.CLAIMED,
        Outcome.RELEASED,
        Outcome.AWAITING_PAYMENT,
        Outcome.CONFIRMED,
        Outcome.REFUND_DUE,
        Outcome.CANCELLED,
        Outcome.NOTED,
        Outcome.DISCARDED,
        Outcome.REMOVED,
        Outcome.AMENDED,
        Outcome.CANCELLING,
        Outcome.RESTORED,
        Outcome.REGISTERED,
        Outcome.UPDATED,
        Outcome.ERASED,
        Outcome.ADDED,
        Outcome.REVOKED,
        Outcome.WAITING,
        Outcome.SETTLED,
        Outcome.UNMATCHED,
    }
)
"""All that counts as a change. Of a new outcome somebody has to say which kind it is of."""


def fail_after(*notes: Callable[[], None]) -> None:
    with UnitOfWork():
        for note in notes:
            note()
        raise Unavailable("gone")


def test_before_a_change_it_was_not_made() -> None:
    with pytest.raises(Unavailable):
        fail_after()
    with pytest.raises(Unavailable):
        fail_after(note_refusal)


@pytest.mark.parametrize("notes", [[note_change], [note_change, note_refusal]])
def test_after_a_change_nobody_knows(notes: list[Callable[[], None]]) -> None:
    with pytest.raises(OutcomeUnknown, match="gone"):
        fail_after(*notes)


def test_other_failures_stay_what_they_are() -> None:
    def change_and_fail() -> None:
        with UnitOfWork():
            note_change()
            raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        change_and_fail()


def test_what_was_noted() -> None:
    with UnitOfWork() as unit:
        assert (unit.changed, unit.decided) == (False, False)
        note_refusal()
        assert (unit.changed, unit.decided) == (False, True)
        note_change()
        note_refusal()
        assert (unit.changed, unit.decided) == (True, True)


def test_units_end() -> None:
    with UnitOfWork() as first:
        pass
    note_change()
    with UnitOfWork() as second:
        assert not second.changed
    assert not first.changed


async def test_tasks_of_a_unit_belong_to_it() -> None:
    async def change() -> None:
        note_change()

    with UnitOfWork() as unit:
        await asyncio.gather(change(), change())
    assert unit.changed


async def test_units_of_different_tasks_are_apart() -> None:
    async def work(changes: bool) -> bool:
        with UnitOfWork() as unit:
            await asyncio.sleep(0)
            if changes:
                note_change()
            await asyncio.sleep(0)
            return unit.changed

    assert await asyncio.gather(*map(work, (True, False, True))) == [True, False, True]


@one_change
async def attempt(changes: bool) -> None:
    """As a method of the engine does."""
    if changes:
        note_change()
    raise Unavailable("gone")


async def test_a_method_is_a_unit_of_its_own() -> None:
    with pytest.raises(OutcomeUnknown):
        await attempt(True)
    with pytest.raises(Unavailable):
        await attempt(False)


async def test_a_method_joins_the_unit_of_its_caller() -> None:
    async def change_and_go_on() -> None:
        with UnitOfWork():
            note_change()
            await attempt(False)

    with pytest.raises(OutcomeUnknown):
        await change_and_go_on()


def test_it_is_known_of_every_outcome_what_it_means() -> None:
    kinds = [CHANGES, REFUSALS, ASIDE]
    assert frozenset().union(*kinds) == frozenset(Outcome)
    assert sum(map(len, kinds)) == len(Outcome), "each is of one kind"
