"""Questions of long columns of times, against numpy's own answers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from mdnb.ordered_times import distinct, is_among, is_in_order

_TIMES = st.lists(st.integers(-5, 20), max_size=30)
_MOSTLY_ORDERED = _TIMES | _TIMES.map(sorted)


@given(_MOSTLY_ORDERED, _MOSTLY_ORDERED)
def test_what_is_among_others_is_what_numpy_finds(times: list[int], others: list[int]) -> None:
    mine, theirs = np.array(times, dtype=np.int64), np.array(others, dtype=np.int64)
    assert is_among(mine, theirs).tolist() == np.isin(mine, theirs).tolist()
    assert is_among(mine, mine).all()


@given(_MOSTLY_ORDERED)
def test_the_different_times_are_what_numpy_finds(times: list[int]) -> None:
    mine = np.array(times, dtype=np.int64)
    assert distinct(mine).tolist() == np.unique(mine).tolist()
    assert is_in_order(mine) == (times == sorted(times))
