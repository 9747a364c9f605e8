"""Trades told twice, against a plain set of the ids seen."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, strategies as st

from mdnb.rows import TradeRow
from mdnb.validate.duplicates import Duplicates, Hole


def trades(ids: Sequence[int]) -> list[TradeRow]:
    return [(number * 10, 100.0, 1.0, 1, 0, number) for number in ids]


def missing(check: Duplicates) -> set[int]:
    return {number for hole in check.holes for number in hole.ids}


def ids_of(rows: Sequence[TradeRow]) -> list[int]:
    return [row[5] for row in rows]


@given(st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=12), max_size=12))
def test_of_numbered_trades_each_is_taken_once_however_they_come(batches: list[list[int]]) -> None:
    check = Duplicates("sequential")
    seen: set[int] = set()
    for batch in batches:
        fresh, again = check.split(trades(batch))
        expected_fresh, expected_again = [], []
        for number in batch:
            (expected_again if number in seen else expected_fresh).append(number)
            seen.add(number)
        assert (ids_of(fresh), ids_of(again)) == (expected_fresh, expected_again)
        assert check.highest == max(seen)
        assert missing(check) == set(range(batches[0][0], max(seen))) - seen
        for hole in check.holes:
            assert (hole.low_ns, hole.high_ns) == (hole.low_id * 10, hole.high_id * 10)
            assert {hole.low_id, hole.high_id} <= seen


def test_numbers_that_run_on_are_taken_as_they_are() -> None:
    check = Duplicates("sequential")
    for begin in (0, 5, 10):
        rows = trades(range(begin, begin + 5))
        fresh, again = check.split(rows)
        assert fresh is rows
        assert again == []
    assert ids_of(check.split(trades([12, 15]))[1]) == [12]


def test_numbers_that_only_seem_to_run_on_are_each_looked_at() -> None:
    check = Duplicates("sequential")
    check.split(trades([1, 2]))
    # From the next one to the third after it, as three that run on have it.
    assert ids_of(check.split(trades([3, 3, 5]))[0]) == [3, 5]
    assert missing(check) == {4}
    assert ids_of(check.split(trades([6, 8, 7, 9]))[0]) == [6, 8, 7, 9]
    assert (missing(check), check.highest) == ({4}, 9)


def test_a_hole_is_told_at_once_and_what_fills_it_leaves_the_rest() -> None:
    check = Duplicates("sequential")
    told: list[Hole] = []
    check.on_jump = told.append
    # More than any memory of single ids would hold: a night without a connection.
    check.split(trades([5, 6, 9, 1_000_009]))
    assert told == check.holes == [Hole(6, 60, 9, 90), Hole(9, 90, 1_000_009, 10_000_090)]
    assert ids_of(check.split(trades([8, 12, 11, 12]))[0]) == [8, 12, 11]
    assert check.holes == [Hole(6, 60, 8, 80), Hole(9, 90, 11, 110), Hole(12, 120, 1_000_009, 10_000_090)]
    assert check.holes_between(9, 12) == [Hole(9, 90, 11, 110)]
    assert check.hole_of(7) == Hole(6, 60, 8, 80)
    assert check.hole_of(9) is check.hole_of(2_000_000) is None
    check.forget(9, 1_000_009)
    assert check.holes == [Hole(6, 60, 8, 80)]
    assert ids_of(check.split(trades([7, 10]))[1]) == [10]


def test_of_very_many_holes_the_newest_are_remembered() -> None:
    check = Duplicates("sequential")
    check.split(trades(range(0, 300_000, 2)))
    assert len(check.holes) == 100_000
    assert check.highest == check.holes[-1].high_id == 299_998
    assert check.highest_ns == 2_999_980
    assert (check.first, Duplicates("sequential").first) == (0, -1)


def test_trades_without_a_number_are_never_told_twice() -> None:
    rows = trades([-1, -1, 7, -1, 7])
    assert ids_of(Duplicates("unique").split(rows)[0]) == [-1, -1, 7, -1]
    assert Duplicates("none").split(rows) == (rows, [])
    assert Duplicates("sequential").split([]) == ([], [])


def test_only_the_newest_numbers_are_remembered() -> None:
    check = Duplicates("unique", window=3)
    assert ids_of(check.split(trades([50, 20, 90]))[0]) == [50, 20, 90]
    assert ids_of(check.split(trades([50, 70]))[1]) == [50]
    # 70 drove out the oldest.
    assert ids_of(check.split(trades([20, 50]))[0]) == [50]


def test_ids_before_the_first_one_that_came_by_themselves_are_not_missing() -> None:
    seen = Duplicates("sequential")
    rows = {number: (number * 10, 100.0, 1.0, 1, 0, number) for number in range(3, 9)}
    seen.split([rows[7], rows[8]])
    seen.split([rows[5]])
    seen.reopen(3, 30)
    assert [list(hole.ids) for hole in seen.holes] == [[3, 4], [6]]
    assert seen.split([rows[5]]) == ([], [rows[5]])
    assert seen.split([rows[4], rows[6], rows[3]])[1] == []
    assert seen.holes == []
