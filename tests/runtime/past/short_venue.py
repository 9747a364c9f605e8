"""A venue that gives so many bars of each of its intervals and no more, all made of one market of minutes."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mdnb.clock import EventClock
from mdnb.errors import FeedRefusedError
from mdnb.rows import BarRow, TradeRow
from mdnb.sessions import Sessions
from mdnb.timeframes import Timeframe
from tests.manager.hand import MINUTE, SECOND, HandFeed

__all__ = ["RULES", "ShortVenue", "bars_of", "market", "starts_of"]

RULES = {"1min": "1min", "5min": "5min", "15min": "15min", "1hour": "1h", "4hour": "4h", "1day": "1D"}
"""The venue's intervals, and what pandas calls them."""

_OTHERS = {"30sec": "30s", "3min": "3min", "30min": "30min", "6hour": "6h"}
"""Those that it has not."""


_COLUMNS = ("open", "high", "low", "close", "volume", "tick_count", "money")


@functools.cache
def market(now_ns: int, days: float = 8.0) -> pd.DataFrame:
    """Return the trades of so many days before now, one each 20 s, with their ids."""
    count = int(days * 24 * 180)
    first = now_ns - now_ns % (20 * SECOND) - (count - 1) * 20 * SECOND
    at = range(count)
    return pd.DataFrame(
        {
            "ts_ns": [first + i * 20 * SECOND for i in at],
            "price": [100.0 + 0.25 * ((i * 7919) % 1009) for i in at],
            "size": [1.0 + i % 5 for i in at],
        }
    )


def bars_of(trades: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return bars by pandas."""
    trades = trades.set_index(pd.to_datetime(trades["ts_ns"], utc=True))
    rule = RULES.get(name) or _OTHERS[name]
    made = trades["price"].resample(rule).ohlc()
    made["volume"] = trades["size"].resample(rule).sum()
    made["tick_count"] = trades["size"].resample(rule).count()
    made["money"] = (trades["price"] * trades["size"]).resample(rule).sum()
    return made[made["tick_count"] > 0]


def starts_of(bars: pd.DataFrame) -> NDArray[np.int64]:
    """Return the times of a frame's index as nanoseconds."""
    return pd.DatetimeIndex(bars.index).as_unit("ns").asi8


class ShortVenue(HandFeed):
    """Has at most ``limit`` closed bars of each interval, and the trades of the last quarter of an hour.

    Parameters
    ----------
    declares
        Whether it says so by `history_depth`.
    has
        Its intervals.
    """

    def __init__(
        self,
        now_ns: int,
        limit: int = 720,
        *,
        declares: bool = True,
        has: Sequence[str] = tuple(RULES),
        sessions: Sessions | None = None,
    ) -> None:
        super().__init__(clock=EventClock(now_ns), sessions=sessions)
        self.now_ns, self.limit, self.declares, self.has = now_ns, limit, declares, tuple(has)
        self.market = market(now_ns)
        self.asked_bars: list[str] = []

    def history_depth(self, timeframe: str) -> float | None:
        if timeframe not in self.has:
            return None
        return Timeframe.parse(timeframe).seconds * self.limit if self.declares else float("inf")

    async def history_bars(
        self, symbol: str, timeframe: str, start_ns: int, end_ns: int
    ) -> list[BarRow] | None:
        self.asked_bars.append(timeframe)
        if timeframe not in self.has:
            raise FeedRefusedError(f"there are no {timeframe} bars here")
        made = bars_of(self.market, timeframe)
        starts = starts_of(made)
        over = starts + round(Timeframe.parse(timeframe).seconds * SECOND) <= self.now_ns
        made, starts = made[over][-self.limit :], starts[over][-self.limit :]
        rows = zip(
            starts.tolist(),
            *(
                made[name].tolist()
                for name in ("open", "high", "low", "close", "volume", "tick_count", "money")
            ),
            strict=True,
        )
        return [row for row in rows if start_ns <= row[0] < end_ns]

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        held = self.market[self.market["ts_ns"] >= max(start_ns, self.now_ns - 15 * MINUTE)]
        rows = zip(
            held["ts_ns"].tolist(), held["price"].tolist(), held["size"].tolist(), held.index, strict=True
        )
        return [(ts_ns, price, size, 1, 1, number) for ts_ns, price, size, number in rows if ts_ns < end_ns]
