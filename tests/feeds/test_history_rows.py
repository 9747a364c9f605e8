"""What a feed's history may give, and what is said where it gives something else."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.errors import FeedRefusedError
from mdnb.feeds.history_rows import BAR_FIELDS, TRADE_FIELDS, checked_rows
from tests.manager.hand import HandFeed

ROW = (60_000_000_000, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 12.5)
WRONG: dict[str, Any] = {
    "as ccxt gives them": [[60_000, 1.0, 2.0, 0.5, 1.5, 10.0]],
    "records": [{"time": 1, "open": 1.0}],
    "a frame": pd.DataFrame({"open": [1.0]}),
    "text": [("60", "1.0", "2.0", "0.5", "1.5", "10", "3", "12.5")],
    "one amid others": [ROW, None, ROW],
}


@pytest.mark.parametrize("rows", [None, [], [ROW], (ROW, list(ROW))])
def test_rows_are_taken_as_they_are(rows: Any) -> None:
    assert checked_rows("history_bars", rows, BAR_FIELDS) is rows


@pytest.mark.parametrize("rows", [WRONG["records"], WRONG["a frame"], WRONG["one amid others"]])
def test_what_is_no_row_is_refused_with_what_a_row_is(rows: Any) -> None:
    with pytest.raises(
        FeedRefusedError, match=r"^history_trades\(\) gave .*\(time_ns, price, size, count, side, "
    ):
        checked_rows("history_trades", rows, TRADE_FIELDS)


@pytest.mark.parametrize("rows", WRONG.values(), ids=WRONG)
def test_a_feed_with_another_history_is_refused_at_once(rows: Any) -> None:
    class Odd(HandFeed):
        async def history_bars(self, symbol: str, timeframe: str, start_ns: int, end_ns: int) -> Any:
            return rows

    with pytest.raises(mdnb.FeedError, match=r"history_bars\(\) gave .*\(start_ns, open, high, low, close, "):
        mdnb.live("X", "1min", feed=Odd(), initial_days=1)
