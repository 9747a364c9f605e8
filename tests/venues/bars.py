"""The bars of trades, made the plain way."""

from __future__ import annotations

import collections
from collections.abc import Sequence

from mdnb.rows import BarRow, TradeRow

__all__ = ["bars_of"]

_SECOND = 1_000_000_000


def bars_of(trades: Sequence[TradeRow], seconds: int) -> list[BarRow]:
    """Return the bars of trades in their order, made the plain way."""
    out: list[BarRow] = []
    step = seconds * _SECOND
    groups: dict[int, list[TradeRow]] = collections.defaultdict(list)
    for row in trades:
        groups[row[0] // step * step].append(row)
    for start, rows in sorted(groups.items()):
        prices = [row[1] for row in rows]
        volume, turnover = sum(row[2] for row in rows), sum(row[1] * row[2] for row in rows)
        ends = prices[0], max(prices), min(prices), prices[-1]
        out.append((start, *ends, volume, sum(row[3] for row in rows), turnover))
    return out
