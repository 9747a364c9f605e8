"""The cheap checks that every live trade passes before it reaches a bar (hot path)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mdnb.rows import TradeRow

__all__ = ["MOST_TRADES", "TickRules"]

_FACTOR = 10.0
_AGREE = 10
_RECENT = 31
_REFRESH = 32
# Where prices may be zero or negative: how many recent ranges, and how many ticks, off the level is too far.
_ABSURD_RANGES, _ABSURD_TICKS = 100.0, 1000.0
_DEVIATION_RANGES = _DEVIATION_TICKS = 10.0
_INF = float("inf")
_NO_LIMIT = 2**63 - 1

MOST_TRADES = 2**24
"""For how many one may stand: no taker's order meets more, and bars and ticks have room for as many."""


class TickRules:
    """Splits trades into good ones and rejected ones with a reason.

    Reasons: ``not_finite``, ``price_not_positive``, ``size_negative``, ``price_absurd`` (ten times off the
    level of the last good prices; ``price_deviation`` after `set_deviation`), ``time_in_future``,
    ``time_not_positive``, ``count_absurd`` (one that stands for more than `MOST_TRADES`).

    A price ten times off is no market move: contracts halt long before. When ten absurd prices in a row
    agree with each other the level itself was wrong (a split, a bad first tick), and they become the level.

    Where prices may be zero or negative, ten times a level says nothing of a level near zero. There a price
    is absurd that is further off the level than the largest of nine times the level's size, a hundred times
    the range of the last good prices and a thousand ticks; after `set_deviation`, than the largest of that
    share of the level's size, ten times the range and ten ticks. The outermost eighths of the last prices are
    no part of their range. Until ten prices are known none is absurd, and none while all are zero and the
    tick size is unknown.

    Parameters
    ----------
    factor
        How far off the level a price may be.
    positive_prices
        False where prices may be zero and negative.
    tick_size
        Smallest price step, None where unknown.

    Attributes
    ----------
    low, high
        Between which a price is near the level.

    Examples
    --------
    >>> rules = TickRules()
    >>> rows = [(i, price, 1.0, 1, 0, -1) for i, price in enumerate((21000.0, 2e6, 21000.25), start=1)]
    >>> good, bad = rules.split(rows)
    >>> len(good), [reason for reason, _ in bad]
    (2, ['price_absurd'])
    """

    __slots__ = (
        "__weakref__",
        "_absurd",
        "_batches",
        "_recent",
        "_tick_size",
        "factor",
        "high",
        "low",
        "positive_prices",
        "reason",
    )

    def __init__(
        self, factor: float = _FACTOR, *, positive_prices: bool = True, tick_size: float | None = None
    ) -> None:
        self.factor = factor
        self.positive_prices = positive_prices
        self.reason = "price_absurd"
        self._tick_size = tick_size or 0.0
        self.low, self.high = (0.0 if positive_prices else -_INF), _INF
        # A list that is cut now and then: a deque is several times as large, and no smaller for its limit.
        self._recent: list[float] = []
        self._absurd: list[float] = []
        self._batches = 0

    def set_deviation(self, share: float | None) -> None:
        """Refuse prices further off the level than a share of it (``price_deviation``); None as at first."""
        self.factor = _FACTOR if share is None else 1.0 + share
        self.reason = "price_absurd" if share is None else "price_deviation"
        self._level()

    def forget(self) -> None:
        """Forget the level, as where another contract begins: the next prices are a new one."""
        self._recent.clear()
        self._absurd = []
        self.low, self.high = (0.0 if self.positive_prices else -_INF), _INF

    def seed(self, prices: Sequence[float]) -> None:
        """Seed with prices known to be good, such as those of the history."""
        low = 0.0 if self.positive_prices else -_INF
        self._recent.extend(price for price in prices if low < price < _INF)
        self._level()

    def _level(self) -> None:
        if not self._recent:
            return
        del self._recent[:-_RECENT]
        ordered = sorted(self._recent)
        middle = ordered[len(ordered) // 2]
        if self.positive_prices:
            self.low, self.high = middle / self.factor, middle * self.factor
        else:
            # But for the outermost, one of which may be a misprint that passed.
            few = len(ordered) // 8
            reach = self._reach(middle, ordered[-1 - few] - ordered[few])
            self.low, self.high = middle - reach, middle + reach

    def _reach(self, level: float, wide: float) -> float:
        """Return how far off a level a price may be that need not be positive."""
        if len(self._recent) < _AGREE:
            return _INF
        is_absurd = self.reason == "price_absurd"
        ranges = _ABSURD_RANGES if is_absurd else _DEVIATION_RANGES
        ticks = _ABSURD_TICKS if is_absurd else _DEVIATION_TICKS
        return max((self.factor - 1) * abs(level), ranges * wide, ticks * self._tick_size) or _INF

    def split(
        self, rows: Sequence[TradeRow], latest_ns: int = _NO_LIMIT
    ) -> tuple[Sequence[TradeRow], list[tuple[str, TradeRow]]]:
        """Return the good rows, and ``(reason, row)`` for each rejected one.

        Parameters
        ----------
        latest_ns
            A trade stamped later than this is from the future.
        """
        low, high = self.low, self.high
        if high != _INF:
            for ts_ns, price, size, count, _, _ in rows:
                is_fit = 0.0 <= size < _INF and 0 < ts_ns <= latest_ns and count <= MOST_TRADES
                if not (is_fit and low < price < high):
                    break
            else:
                # All good, which is nearly always so: the batch goes on as it came.
                self.see(rows[-1][1])
                return rows, []
        good: list[TradeRow] = []
        rejected: list[tuple[str, TradeRow]] = []
        for row in rows:
            reason = self._reason(row, latest_ns)
            if reason is None:
                good.append(row)
                self.see(row[1])
                if self.high == _INF:
                    self._level()
            else:
                rejected.append((reason, row))
        return good, rejected

    def see(self, price: float) -> None:
        """Take a good price: the level follows it."""
        if self._absurd:
            self._absurd.clear()
        self._recent.append(price)
        self._batches += 1
        if self._batches >= _REFRESH:
            self._batches = 0
            self._level()

    def _reason(self, row: TradeRow, latest_ns: int) -> str | None:
        ts_ns, price, size, count, _, _ = row
        reasons = (
            ("not_finite", not all(map(math.isfinite, (ts_ns, price, size)))),
            ("price_not_positive", self.positive_prices and price <= 0),
            ("size_negative", size < 0),
            ("time_not_positive", ts_ns <= 0),
            ("time_in_future", ts_ns > latest_ns),
            ("count_absurd", count > MOST_TRADES),
        )
        for reason, holds in reasons:
            if holds:
                return reason
        return None if self.low < price < self.high else self._judge(price)

    def _judge(self, price: float) -> str | None:
        if self.positive_prices:
            agree = [other for other in self._absurd if 1 / self.factor < other / price < self.factor]
        else:
            # A calm market may have become a wild one since the level was looked at.
            self._level()
            if self.low < price < self.high:
                return None
            near = (self.high - self.low) / 2
            agree = [other for other in self._absurd if abs(other - price) < near]
        self._absurd = [*agree, price]
        if len(self._absurd) < _AGREE:
            return self.reason
        self._recent[:] = self._absurd
        self._absurd = []
        self._level()
        return None
