"""Times in another unit than is meant, and those that only look odd."""

from __future__ import annotations

import pandas as pd
import pytest

from mdnb.runtime.live.time_unit import wrong_unit
from tests.manager.hand import START


@pytest.mark.parametrize("given", [START, 1, -5, 10**9, int(pd.Timestamp("1990-01-01").value)])
def test_times_in_nanoseconds_are_nothing_to_be_told_of(given: int) -> None:
    assert wrong_unit([(given, 100.0)]) is None


@pytest.mark.parametrize("rows", [None, [], {"a": 1}, [{"time": 1}], [()], [(1.5,)], [("1",)], iter([(1,)])])
def test_of_what_are_no_rows_nothing_is_said(rows: object) -> None:
    assert wrong_unit(rows) is None
