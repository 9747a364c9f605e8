"""The simulated order book: best bid and ask and forty levels a side, consistent with the trades.

A buyer takes the ask and a seller the bid, so each trade says where one side stood; the other is a
spread away. Sizes and deeper levels are drawn from price and time alone: like the trades they are the
same whoever asks, and whenever. Behind the top a price keeps about its size for minutes, some are walls,
and more waits at round ones: what a heat map of a real market shows as bands.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from mdnb.feeds.simulator.counter_rng import NORMAL, key_of, scatter, table_index
from mdnb.rows import DepthUpdate, QuoteRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mdnb.feeds.simulator.symbols import Model
    from mdnb.feeds.simulator.tape import TradeTape
    from mdnb.feeds.simulator.ticks import Ticks

__all__ = ["LEVELS", "Book", "Ladder", "update"]

LEVELS = 40
"""Levels a side of the book."""

_SIZE_NS = 400_000_000
"""The best level keeps its size about so long."""

_DEEP_NS = 1_500_000_000
"""One behind it keeps its size so long,"""

_SPELL_NS = 200_000_000_000
"""and is about as large for so long."""

_WALLS = 96
"""Of 4096 spells of a price that many are of a wall."""

_PRICE_BITS = 26


@dataclasses.dataclass(frozen=True, slots=True)
class Ladder:
    """The book at a moment: price in ticks to size in lots, best first."""

    bids: dict[int, int]
    asks: dict[int, int]


class Book:
    """Quotes and depth of one market."""

    def __init__(self, tape: TradeTape) -> None:
        self._tape = tape
        self._model: Model = tape.model
        self._key = key_of(tape.market.seed, self._model.symbol, "book")
        self._slow_key = key_of(tape.market.seed, self._model.symbol, "book", "spells")
        day = self._model.price * self._model.volatility * self._model.ticks_per_point
        # Where a day's move is a great many ticks, orders gather at round prices: a dollar apart for bitcoin.
        self._gap = 10 ** max(0, math.floor(math.log10(day / 1000)))

    def quotes(self, ticks: Ticks) -> list[QuoteRow]:
        """Return a row for each change of the top that these trades bring; the first always counts as one."""
        if not len(ticks):
            return []
        # Of several trades in one nanosecond the last one tells how the top stood after them.
        ticks = ticks.take(np.append(ticks.ts_ns[1:] != ticks.ts_ns[:-1], True))
        bid, ask = self._sides(ticks)
        bid_lots, ask_lots = self._lots(bid, ticks.ts_ns, 0), self._lots(ask, ticks.ts_ns, 0)
        changed = np.ones(len(ticks), dtype=bool)
        columns = (bid, ask, bid_lots, ask_lots)
        changed[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
        point, unit = self._model.ticks_per_point, self._model.lots_per_unit
        return list(
            zip(
                ticks.ts_ns[changed].tolist(),
                (bid[changed] / point).tolist(),
                (bid_lots[changed] / unit).tolist(),
                (ask[changed] / point).tolist(),
                (ask_lots[changed] / unit).tolist(),
                strict=True,
            )
        )

    def ladder(self, ts_ns: int) -> Ladder:
        """Return the book as it stands after all trades before ``ts_ns``; empty before the first trade."""
        ticks = self._tape.last_minute(ts_ns)
        if not len(ticks):
            return Ladder({}, {})
        last = ticks.take(slice(len(ticks) - 1, len(ticks)))
        bid, ask = (int(side[0]) for side in self._sides(last))
        gap, away = self._gap, np.arange(LEVELS - 1, dtype=np.int64)
        sides = []
        for best, behind in (
            (bid, (bid - 1) // gap * gap - away * gap),
            (ask, -(-(ask + 1) // gap) * gap + away * gap),
        ):
            top = self._lots(np.array([best]), last.ts_ns, 0)
            lots = [*top.tolist(), *self._deep_lots(behind, ts_ns, 1 + away).tolist()]
            sides.append(dict(zip([best, *behind.tolist()], lots, strict=True)))
        return Ladder(*sides)

    def snapshot(self, ladder: Ladder, ts_ns: int) -> DepthUpdate:
        """Return the whole book as an update."""
        return self._as_update(ts_ns, True, ladder.bids, ladder.asks)

    def change(self, before: Ladder, after: Ladder, ts_ns: int) -> DepthUpdate | None:
        """Return the update that leads from one book to another; None where nothing changed."""
        bids, asks = update(before.bids, after.bids), update(before.asks, after.asks)
        return self._as_update(ts_ns, False, bids, asks) if bids or asks else None

    def _as_update(
        self, ts_ns: int, snapshot: bool, bids: dict[int, int], asks: dict[int, int]
    ) -> DepthUpdate:
        point, unit = self._model.ticks_per_point, self._model.lots_per_unit
        return DepthUpdate(
            ts_ns,
            snapshot,
            [(price / point, lots / unit) for price, lots in bids.items()],
            [(price / point, lots / unit) for price, lots in asks.items()],
        )

    def _sides(self, ticks: Ticks) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        bits = scatter(self._key, (ticks.ts_ns // _SIZE_NS << _PRICE_BITS) + ticks.price)
        # One tick wide, now and then two or three.
        wide = table_index(bits, 0)
        spread = 1 + (wide < 300).astype(np.int64) + (wide < 60)
        ask = np.where(ticks.side > 0, ticks.price, ticks.price + spread)
        return ask - spread, ask

    def _lots(
        self, prices: NDArray[np.int64], ts_ns: NDArray[np.int64], depth: NDArray[np.int64] | int
    ) -> NDArray[np.int64]:
        # Each price renews its size at a time of its own, so that not all levels change at once.
        phase = prices * 104_729 % 7
        spell = (ts_ns + phase * (_SIZE_NS // 7)) // _SIZE_NS
        bits = scatter(self._key, (spell << _PRICE_BITS) + prices)
        typical = (1 + self._model.extra_lots) * (2.5 + 0.5 * np.minimum(depth, 6))
        return np.maximum(1, typical * _sizes(0.7)[table_index(bits, 1)]).astype(np.int64)

    def _deep_lots(
        self, prices: NDArray[np.int64], ts_ns: int, depth: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the lots of levels behind the best one."""
        number = prices // self._gap
        quick = (ts_ns + number * 104_729 % 7 * (_DEEP_NS // 7)) // _DEEP_NS
        slow = (ts_ns + number * 104_729 % 31 * (_SPELL_NS // 31)) // _SPELL_NS
        quick_bits = scatter(self._key, (quick << _PRICE_BITS) + prices)
        slow_bits = scatter(self._slow_key, (slow << _PRICE_BITS) + prices)
        typical = (1 + self._model.extra_lots) * (2.5 + 0.35 * np.minimum(depth, 12))
        typical *= 1.0 + 0.8 * (number % 20 == 0) + 1.6 * (number % 100 == 0)
        typical *= 1.0 + 4.0 * (table_index(slow_bits, 0) < _WALLS)
        lots = typical * _sizes(0.75)[table_index(slow_bits, 1)] * _sizes(0.25)[table_index(quick_bits, 1)]
        return np.asarray(np.maximum(1, lots).astype(np.int64))


@functools.cache
def _sizes(spread: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(spread * NORMAL), dtype=np.float64)


def update(before: dict[int, int], after: dict[int, int]) -> dict[int, int]:
    """Return the levels to set, 0 for those to remove.

    Examples
    --------
    >>> update({100: 5, 99: 3}, {101: 1, 100: 5})
    {99: 0, 101: 1}
    """
    gone = {price: 0 for price in before if price not in after}
    return gone | {price: lots for price, lots in after.items() if before.get(price) != lots}
