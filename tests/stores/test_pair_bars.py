"""Which bars are which, where several begin at one instant."""

from __future__ import annotations

from hypothesis import example, given, strategies as st

from mdnb.rows import BarRow
from mdnb.stores.columns import columns_from_rows
from mdnb.stores.pair_bars import places_of


def row(start: int, price: float) -> BarRow:
    return (start * 1000, price, price, price, price, 1.0, 1, price)


BARS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([1.0, 2.0, 3.0])).map(lambda one: row(*one)), max_size=12
).map(lambda rows: sorted(rows, key=lambda one: one[0]))


@given(BARS, BARS)
def test_places_increase_pair_only_one_start_and_pair_all_of_the_same(
    held: list[BarRow], given_: list[BarRow]
) -> None:
    mine, theirs = (places.tolist() for places in places_of(*map(columns_from_rows, (held, given_))))
    for places in (mine, theirs):
        assert places == sorted(set(places))
    both = [(held[mine.index(at)], given_[theirs.index(at)]) for at in set(mine) & set(theirs)]
    assert all(one[0] == other[0] for one, other in both)
    assert set(mine) | set(theirs) == set(range(len({*mine, *theirs})))
    by_place = sorted([*zip(mine, held, strict=True), *zip(theirs, given_, strict=True)])
    starts = [one[0] for _, one in by_place]
    assert starts == sorted(starts)


@given(BARS, st.lists(st.booleans(), min_size=12, max_size=12))
@example([row(0, 1.0), row(0, 2.0)], [False, True, *[False] * 10])
def test_a_part_of_the_bars_is_found_among_them(held: list[BarRow], chosen: list[bool]) -> None:
    keep = chosen[: len(held)]
    part = [one for one, kept in zip(held, keep, strict=True) if kept]
    mine, theirs = places_of(columns_from_rows(held), columns_from_rows(part))
    # None is new, and none is replaced by another.
    assert set(theirs.tolist()) <= set(mine.tolist()) or len(held) != len(set(held))
    if len(held) == len(set(held)):
        prices = dict(zip(mine.tolist(), held, strict=True))
        assert [prices[at] for at in theirs.tolist()] == part
