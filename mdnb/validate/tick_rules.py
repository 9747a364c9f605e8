"""The cheap checks that every live trade passes before it reaches a bar (hot path)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from mdnb.rows import TradeRow

__all__ = ["TickRules"]

_FACTOR = 10.0
_AGREE = 10
_RECENT = 31
_REFRESH = 32
_INF = float("inf")
_NO_LIMIT = 2**63 - 1


class TickRules:
    """Splits trades into good ones and rejected ones with a reason.

    Reasons: ``not_finite``, ``price_not_positive``, ``size_negative``, ``price_absurd`` (ten times off the
    level of the last good prices; ``price_deviation`` after `set_deviation`), ``time_in_future``,
    ``time_not_positive``.

    A price ten times off is no market move: contracts halt long before. When ten absurd prices in a row
    agree with each other the level itself was wrong (a split, a bad first tick), and they become the level.

    Parameters
    ----------
    factor
        How far off the level a price may be.

    Examples
    --------
    >>> rules = TickRules()
    >>> rows = [(i, price, 1.0, 1, 0, -1) for i, price in enumerate((21000.0, 2e6, 21000.25), start=1)]
    >>> good, bad = rules.split(rows)
    >>> len(good), [reason for reason, _ in bad]
    (2, ['price_absurd'])
    """

    def __init__(self, factor: float = _FACTOR) -> None:
        self.factor = factor
        self.reason = "price_absurd"
        self._low, self._high = 0.0, _INF
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._absurd: list[float] = []
        self._batches = 0

    def set_deviation(self, share: float | None) -> None:
        """Refuse prices further off the level than a share of it (``price_deviation``); None as at first."""
        self.factor = _FACTOR if share is None else 1.0 + share
        self.reason = "price_absurd" if share is None else "price_deviation"
        self._level()

    def seed(self, prices: Sequence[float]) -> None:
        """Seed with prices known to be good, such as those of the history."""
        self._recent.extend(price for price in prices if 0 < price < _INF)
        self._level()

    def _level(self) -> None:
        if self._recent:
            middle = sorted(self._recent)[len(self._recent) // 2]
            self._low, self._high = middle / self.factor, middle * self.factor

    def split(
        self, rows: Sequence[TradeRow], latest_ns: int = _NO_LIMIT
    ) -> tuple[Sequence[TradeRow], list[tuple[str, TradeRow]]]:
        """Return the good rows, and ``(reason, row)`` for each rejected one.

        Parameters
        ----------
        latest_ns
            A trade stamped later than this is from the future.
        """
        low, high = self._low, self._high
        if high != _INF:
            for ts_ns, price, size, _, _, _ in rows:
                if not (low < price < high and 0.0 <= size < _INF and 0 < ts_ns <= latest_ns):
                    break
            else:
                # All good, which is nearly always so: the batch goes on as it came.
                self._absurd.clear()
                self._remember(rows[-1][1])
                return rows, []
        good: list[TradeRow] = []
        rejected: list[tuple[str, TradeRow]] = []
        for row in rows:
            reason = self._reason(row, latest_ns)
            if reason is None:
                good.append(row)
                self._absurd.clear()
                self._remember(row[1])
                if self._high == _INF:
                    self._level()
            else:
                rejected.append((reason, row))
        return good, rejected

    def _remember(self, price: float) -> None:
        self._recent.append(price)
        self._batches += 1
        if self._batches >= _REFRESH:
            self._batches = 0
            self._level()

    def _reason(self, row: TradeRow, latest_ns: int) -> str | None:
        ts_ns, price, size, _, _, _ = row
        reasons = (
            ("not_finite", not (math.isfinite(price) and math.isfinite(size))),
            ("price_not_positive", price <= 0),
            ("size_negative", size < 0),
            ("time_not_positive", ts_ns <= 0),
            ("time_in_future", ts_ns > latest_ns),
        )
        for reason, holds in reasons:
            if holds:
                return reason
        return None if self._low < price < self._high else self._judge(price)

    def _judge(self, price: float) -> str | None:
        agree = [other for other in self._absurd if 1 / self.factor < other / price < self.factor]
        self._absurd = [*agree, price]
        if len(self._absurd) < _AGREE:
            return self.reason
        self._recent.clear()
        self._recent.extend(self._absurd)
        self._absurd = []
        self._level()
        return None
