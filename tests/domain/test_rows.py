"""Rows of seats kept as runs: the same as a list of lengths, whatever it costs to say them."""

import tracemalloc
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billetter.domain.ids import SEATS_MAX
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.rows import PAIRS_MAX, RUN_BYTES, Rows

lengths = st.lists(st.integers(0, 3), max_size=40)


@given(lengths)
def test_rows_are_their_lengths(wanted: list[int]) -> None:
    rows = Rows.of(wanted)
    assert [*rows] == wanted
    assert len(rows) == len(wanted)
    assert rows.seats == sum(wanted)
    assert [rows[at] for at in range(len(wanted))] == wanted
    assert [*rows[1:-1]] == wanted[1:-1]
    assert all(one[1] != other[1] for one, other in zip(rows.runs, [*rows.runs][1:], strict=False))


@given(lengths)
def test_every_seat_has_its_row_and_number(wanted: list[int]) -> None:
    by_hand = [(row, seat + 1) for row, size in enumerate(wanted) for seat in range(size)]
    rows = Rows.of(wanted)
    assert [rows.place(offset) for offset in range(rows.seats)] == by_hand


@given(lengths)
def test_every_row_has_its_seats(wanted: list[int]) -> None:
    firsts = accumulate(wanted, initial=0)
    rows = Rows.of(wanted)
    assert [rows.span(row) for row in range(len(rows))] == list(zip(firsts, wanted, strict=False))


@given(lengths, lengths)
def test_rows_are_equal_when_their_lengths_are(one: list[int], other: list[int]) -> None:
    assert (Rows.of(one) == Rows.of(other)) == (one == other)
    assert hash(Rows.of(one)) == hash(Rows.of(tuple(one)))
    assert Rows.of(one) != one


@pytest.mark.parametrize("runs", [0, 1, PAIRS_MAX, PAIRS_MAX + 1, 5_000])
def test_json_gives_the_same_rows(runs: int) -> None:
    rows = Rows.of([length for run in range(runs) for length in [1 + run % 7] * (1 + run % 3)])
    told = rows.to_json()
    assert isinstance(told, str) == (runs > PAIRS_MAX)
    again = Rows.from_json(told)
    assert again == rows
    assert [*again] == [*rows]


def test_rows_are_shown_in_short() -> None:
    assert repr(Rows.of([2, 2, 3])) == "Rows(2 x 2, 1 x 3)"
    assert repr(Rows.of([1, 2] * 9)).endswith("1 x 1, …)")


def test_a_million_equal_rows_take_what_one_takes() -> None:
    tracemalloc.start()
    layout = Layout.plan([ZonePlan("Hall", 100, Rows.equal(SEATS_MAX, 1))])
    again = Layout.from_json(layout.to_json())
    seat = again.seat(SEATS_MAX - 1)
    assert again.spans(SEATS_MAX) == [(SEATS_MAX - 1, 1)]
    assert tracemalloc.get_traced_memory()[1] < 10_000
    tracemalloc.stop()
    assert seat
    assert (seat.row, seat.number) == (SEATS_MAX, 1)


def test_rows_that_all_differ_take_a_few_bytes_each() -> None:
    rows = Rows.of([1, 2] * 200_000)
    text = Layout.plan([ZonePlan("Hall", 100, rows)]).to_json()
    del rows
    tracemalloc.start()
    layout = Layout.from_json(text)
    assert layout.seat(599_999)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1.2 * RUN_BYTES * 400_000
    assert len(text) < 400_000


def test_layouts_that_were_written_row_by_row_are_read() -> None:
    written = (
        '[["Hall",100,1,1,[[2,3],[1,4],[1,3]],[[0,13]]],null,["Floor",5,0,5,[[1,9]],[[16,9]]]]'
    )
    layout = Layout.from_json(written, 40)
    assert [[*zone.rows] for zone in layout.zones] == [[3, 3, 4, 3], [9]]
    assert (layout.bits, layout.numbers, layout.total) == (40, 3, 22)
    assert layout.to_json() == written
