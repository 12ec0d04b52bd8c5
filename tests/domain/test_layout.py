"""Layouts: zones of rows, ragged or not, capacities, and zones that have grown."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billetter.domain.ids import SEATS_MAX
from billetter.domain.layout import Layout, LayoutError, Span, Zone, ZonePlan, window
from billetter.domain.rows import Rows

names = st.text(max_size=8)
prices = st.integers(0, 10**11 - 1)
lengths = st.lists(st.integers(0, 12), min_size=1, max_size=6).filter(any).map(tuple)
numbered_plans = st.builds(ZonePlan, names, prices, lengths)
capacity_plans = st.builds(
    ZonePlan, names, prices, st.integers(1, 40).map(lambda size: (size,)), st.just(False)
)
plans = st.lists(numbered_plans | capacity_plans, min_size=1, max_size=5)
layouts = plans.map(Layout.plan)


@st.composite
def grown_layouts(draw: st.DrawFn) -> Layout:
    """Zones whose extents lie anywhere, with padding between them, as after zones have grown."""
    shapes = draw(plans)
    sizes = [
        (zone, size) for zone, plan in enumerate(shapes) for size in draw(splits_of(sum(plan.rows)))
    ]
    extents: list[list[Span]] = [[] for _ in shapes]
    start = 0
    for zone, size in draw(st.permutations(sizes)):
        extents[zone].append(Span(start, size))
        start += (size + 7) // 8 * 8 + 8 * draw(st.integers(0, 2))
    rows = accumulate((len(plan.rows) for plan in shapes), initial=1)
    return Layout(
        [
            Zone(
                plan.name, plan.price, Rows.of(plan.rows), plan.numbered, row, tuple(spans), number
            )
            for number, (plan, row, spans) in enumerate(zip(shapes, rows, extents, strict=False), 1)
        ]
    )


@st.composite
def splits_of(draw: st.DrawFn, size: int) -> list[int]:
    cuts = draw(st.sets(st.integers(1, size - 1), max_size=3)) if size > 1 else set()
    return [after - before for before, after in pairwise([0, *sorted(cuts), size])]


any_layout = layouts | grown_layouts()


def indexes(spans: Sequence[Span]) -> list[int]:
    return [index for span in spans for index in range(span.start, span.start + span.size)]


def seats_by_hand(layout: Layout) -> Iterator[tuple[int, int, int, Zone]]:
    """Every seat in the order of lists: index, row, number, zone."""
    row = 0
    for zone in layout.zones:
        places = iter(indexes(zone.extents))
        for length in zone.rows:
            row += 1
            yield from ((next(places), row, number, zone) for number in range(1, length + 1))


@given(any_layout)
def test_every_seat_has_its_place(layout: Layout) -> None:
    by_hand = list(seats_by_hand(layout))
    assert len(by_hand) == layout.total
    for index, row, number, zone in by_hand:
        seat = layout.seat(index)
        assert seat is not None
        assert (seat.index, seat.row, seat.number) == (index, row, number)
        assert seat.zone is zone
        assert layout.zone_of(index) is zone


@given(any_layout)
def test_between_the_seats_and_beyond_them_there_is_none(layout: Layout) -> None:
    seats = {index for index, *_ in seats_by_hand(layout)}
    assert layout.bits == max(seats) + 1
    for index in {-1, *range(layout.bits + 20), SEATS_MAX, 2**53} - seats:
        assert layout.seat(index) is None
        assert layout.zone_of(index) is None


@given(any_layout)
def test_spans_list_every_seat_once_in_order(layout: Layout) -> None:
    assert indexes(layout.spans()) == [index for index, *_ in seats_by_hand(layout)]


@given(any_layout)
def test_the_spans_of_the_rows_are_those_of_the_event_cut_up(layout: Layout) -> None:
    rows = sum(len(zone.rows) for zone in layout.zones)
    by_hand = list(seats_by_hand(layout))
    for row in range(1, rows + 1):
        in_row = [index for index, own_row, *_ in by_hand if own_row == row]
        assert indexes(layout.spans(row)) == in_row


@given(any_layout)
def test_a_row_that_is_not_there_has_no_spans(layout: Layout) -> None:
    rows = sum(len(zone.rows) for zone in layout.zones)
    for row in (-1, 0, rows + 1, 2**53):
        assert layout.spans(row) == []


@given(any_layout)
def test_every_extent_has_its_bytes_to_itself(layout: Layout) -> None:
    used = [
        byte
        for span in layout.spans()
        for byte in range(span.start // 8, (span.start + span.size - 1) // 8 + 1)
    ]
    assert len(used) == len(set(used))
    assert all(span.start % 8 == 0 for span in layout.spans())


@given(any_layout)
def test_json_gives_the_same_layout(layout: Layout) -> None:
    text = layout.to_json()
    for again in (Layout.from_json(text), Layout.from_json(text.encode())):
        assert again == layout
        assert hash(again) == hash(layout)
        assert again.zones == layout.zones
        assert (again.total, again.bits) == (layout.total, layout.bits)
        assert again.to_json() == text


def test_json_grows_with_the_zones_not_with_the_rows() -> None:
    layout = Layout.plan([ZonePlan("Upper tier", 20_000_000, (100,) * 9_999)])
    assert len(layout.to_json()) < 80


@given(plans)
def test_zones_are_laid_out_one_after_another(wanted: list[ZonePlan]) -> None:
    layout = Layout.plan(wanted)
    told = [
        ZonePlan(zone.name, zone.price, tuple(zone.rows), zone.numbered) for zone in layout.zones
    ]
    assert told == wanted
    assert layout.total == sum(sum(plan.rows) for plan in wanted)
    assert layout.bits < layout.total + 8 * len(wanted)


def test_a_zone_that_grew_goes_on_in_its_new_extent() -> None:
    stalls = Zone("Stalls", 100, Rows.of((3, 4)), True, 1, (Span(0, 5), Span(16, 2)))
    floor = Zone("Floor", 50, Rows.of((4,)), False, 3, (Span(8, 4),))
    layout = Layout([stalls, floor])
    assert layout.spans(2) == [Span(3, 2), Span(16, 2)]
    assert layout.spans(3) == [Span(8, 4)]
    seat = layout.seat(17)
    assert seat is not None
    assert (seat.row, seat.number, seat.zone) == (2, 4, stalls)
    assert layout.bits == 18


@pytest.mark.parametrize(
    "wanted",
    [
        [],
        [ZonePlan("empty", 1, ())],
        [ZonePlan("empty", 1, (0, 0))],
        [ZonePlan("too large", 1, (SEATS_MAX + 1,))],
        [ZonePlan("large", 1, (SEATS_MAX - 8,)), ZonePlan("too much", 1, (9,))],
    ],
)
def test_what_cannot_be_laid_out_is_refused(wanted: list[ZonePlan]) -> None:
    with pytest.raises(LayoutError):
        Layout.plan(wanted)


def test_the_largest_event_fits() -> None:
    layout = Layout.plan([ZonePlan("all", 1, (SEATS_MAX,), numbered=False)])
    seat = layout.seat(SEATS_MAX - 1)
    assert seat is not None
    assert (seat.row, seat.number) == (1, SEATS_MAX)
    assert layout.seat(SEATS_MAX) is None


@given(any_layout, st.integers(0, 250), st.integers(-1, 250))
def test_a_window_is_a_slice_of_the_seats(layout: Layout, skip: int, take: int) -> None:
    spans = layout.spans()
    left = window(spans, skip, take)
    assert indexes(left) == indexes(spans)[skip : skip + max(0, take)]
    assert all(span.size > 0 for span in left)


# Layouts that change.


def told(layout: Layout) -> list[tuple[int, str, int, int, tuple[Span, ...]]]:
    return [(it.number, it.name, it.size, it.first_row, it.extents) for it in layout.zones]


HALL, FLOOR = ZonePlan("Hall", 100, (3, 4)), ZonePlan("Floor", 50, (10,), False)


def test_what_is_added_comes_behind_all_that_ever_was() -> None:
    layout = Layout.plan([HALL, FLOOR]).without(2).adding([FLOOR, HALL])
    assert told(layout) == [
        (1, "Hall", 7, 1, (Span(0, 7),)),
        (3, "Floor", 10, 3, (Span(24, 10),)),
        (4, "Hall", 7, 4, (Span(40, 7),)),
    ]
    assert (layout.bits, layout.numbers) == (47, 4)
    again = Layout.from_json(layout.without(4).to_json(), bits=47)
    assert told(again) == told(layout)[:2]
    assert (again.bits, again.numbers) == (47, 4)
    assert again.spans(2) == [Span(3, 4)]
    assert again.spans(4) == []


def test_a_capacity_shrinks_from_its_end_and_grows_anew() -> None:
    layout = Layout.plan([FLOOR, HALL])
    smaller = layout.sized(1, 6)
    assert layout.gone(smaller) == [Span(6, 4)]
    larger = smaller.sized(1, 9)
    assert told(larger)[0] == (1, "Floor", 9, 1, (Span(0, 6), Span(24, 3)))
    assert smaller.gone(larger) == []
    assert larger.gone(larger.sized(1, 5)) == [Span(5, 1), Span(24, 3)]
    assert layout.gone(layout.without(2)) == [Span(16, 7)]
    seat = larger.seat(25)
    assert seat is not None
    assert (seat.row, seat.number) == (1, 8)


def test_names_and_prices_change_and_seats_do_not() -> None:
    layout = Layout.plan([HALL, FLOOR])
    changed = layout.renamed(1, "Great hall").priced(2, 70)
    assert [(it.name, it.price) for it in changed.zones] == [("Great hall", 100), ("Floor", 70)]
    assert changed.spans() == layout.spans()
    assert layout.gone(changed) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda layout: layout.sized(1, 8),
        lambda layout: layout.sized(2, 0),
        lambda layout: layout.sized(2, SEATS_MAX),
        lambda layout: layout.sized(3, 8),
        lambda layout: layout.priced(0, 8),
        lambda layout: layout.without(2).without(1),
        lambda layout: layout.without(2).sized(2, 8),
        lambda layout: layout.adding([ZonePlan("empty", 1, ())]),
        lambda layout: layout.adding([ZonePlan("too large", 1, (SEATS_MAX - 23,))]),
    ],
)
def test_what_cannot_be_is_refused(change: Callable[[Layout], Layout]) -> None:
    layout = Layout.plan([HALL, FLOOR])
    with pytest.raises(LayoutError):
        change(layout)
