"""Trades told twice, against a plain set of the ids seen."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, strategies as st

from mdnb.rows import TradeRow
from mdnb.validate.duplicates import Duplicates


def trades(ids: Sequence[int]) -> list[TradeRow]:
    return [(number, 100.0, 1.0, 1, 0, number) for number in ids]


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
        assert check.missing == set(range(batches[0][0], max(seen))) - seen


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
    assert check.missing == {4}
    assert ids_of(check.split(trades([6, 8, 7, 9]))[0]) == [6, 8, 7, 9]
    assert (check.missing, check.highest) == ({4}, 9)


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
