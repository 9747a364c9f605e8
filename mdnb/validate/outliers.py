"""Outlier filter of live trades, from past prices only; confirmed trades are released later (hot path)."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from mdnb.errors import OptionError
from mdnb.rows import TradeRow

__all__ = ["OutlierSplit", "TrailingFilter"]

# Stands in for half a tick where the tick size is unknown: half a basis point of the price.
_UNKNOWN_FLOOR = 0.5e-4


class OutlierSplit(NamedTuple):
    """What became of the rows of one batch.

    Attributes
    ----------
    kept
        Rows that go into bars, in arrival order. With no outlier it is the batch itself.
    held
        Rows of this batch that are kept out.
    released
        Rows held by an earlier batch that later ones confirmed, oldest first. They go into bars as late
        trades do: bars that have closed meanwhile are amended.
    """

    kept: Sequence[TradeRow]
    held: list[TradeRow]
    released: list[TradeRow]


class TrailingFilter:
    """Holds back trades far from the last prices, and releases them when the market confirms them.

    A trade is held where ``|price - m| > limit * max(s, tick_size / 2)``: ``m`` is the median of the last
    ``window`` good prices, ``s`` their mean absolute deviation from it. These are the numbers of rule Q4 of
    Barndorff-Nielsen, Hansen, Lunde and Shephard, *Realized kernels in practice: trades and quotes*,
    Econometrics Journal 12 (2009) C1-C32, section 3.1; theirs is centred, which a live feed cannot be. A run
    of equal prices counts once: else fifty fills of one sweep would make the next tick an outlier.

    A held trade is confirmed in one of two ways.

    * ``confirm`` held trades among the last ``window`` that arrived agree, that is lie within
      ``limit * max(s, tick_size / 2)`` of the newest of them. If no trade was kept since the first of these,
      the price has jumped: the window moves to the new level and keeps its scale. Otherwise two levels trade
      at once (a wide spread), and the window takes both in.
    * ``window`` trades later it lies within the band of those that followed: what was far off a calm market
      was the first of a wild one.

    A held trade that is confirmed in neither way stays out of all bars for good: it is forgotten here and
    goes on counting in `held`, so ``held - released`` is how many are out, or not decided yet. The caller
    keeps the row itself, flagged, with its ticks.

    Rows kept or released are the same whatever batches the trades come in; a trade that is held and confirmed
    within one batch is simply kept. Nothing is judged before half a window of price changes is known. Prices
    must have passed `mdnb.validate.tick_rules.TickRules`; one that is not finite is held, never remembered.

    Memory is ``2 * window`` prices and at most ``window`` held rows. A trade costs one insertion into, and
    one removal from, a sorted list of ``window`` prices: 1 to 2 µs. A held one also costs a look at all
    pending ones.

    Parameters
    ----------
    tick_size
        Smallest price step in price units. None where unknown: a basis point of the price stands in.
    window
        How many good prices to look back on, at least 4.
    limit
        How many mean absolute deviations off the median is too far.
    confirm
        How many held trades must agree, at least 2.

    Attributes
    ----------
    held, released
        Trades ever held back, and how many of these were released. A trade that was held and confirmed
        within one batch counts in neither.

    Raises
    ------
    OptionError
        When an option is outside what is allowed.

    Examples
    --------
    >>> made = TrailingFilter(0.25)
    >>> made.seed([100.0, 100.25] * 25)
    >>> batch = [(i, price, 1.0, 1, 0, i) for i, price in enumerate((100.0, 140.0, 100.25), start=1)]
    >>> [row[5] for row in made.split(batch).kept], [row[5] for row in made.split([]).released]
    ([1, 3], [])
    >>> for i, price in enumerate((90.0, 90.25, 90.0), start=4):
    ...     split = made.split([(i, price, 1.0, 1, 0, i)])
    >>> [row[5] for row in split.released], [row[5] for row in split.kept], made.held - made.released
    ([4, 5], [6], 1)
    """

    def __init__(
        self, tick_size: float | None, window: int = 50, limit: float = 10.0, confirm: int = 3
    ) -> None:
        if tick_size is not None and not 0 < tick_size < math.inf:
            raise OptionError(f"tick_size must be positive, or None where unknown; got {tick_size!r}")
        if window < 4 or not 0 < limit < math.inf or not 2 <= confirm <= window:
            raise OptionError(
                "window must be at least 4, limit positive and confirm from 2 to window; "
                f"got window={window!r}, limit={limit!r}, confirm={confirm!r}"
            )
        self.tick_size = tick_size
        self.window = window
        self.limit = limit
        self.confirm = confirm
        self.held = 0
        self.released = 0
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []
        # Held rows that may still be confirmed: when they arrived, and the trades kept by then.
        self._pending: deque[tuple[int, int, TradeRow]] = deque()
        self._arrived = 0
        self._kept = 0

    def seed(self, prices: Sequence[float]) -> None:
        """Seed with prices known to be good, oldest first, such as those of the history."""
        for price in prices:
            if math.isfinite(price):
                self._remember(price)

    @property
    def pending(self) -> list[TradeRow]:
        """Rows held back that later ones may still confirm, oldest first."""
        return [row for _, _, row in self._pending]

    def watch(self, rows: Sequence[TradeRow]) -> None:
        """Take rows that were held back elsewhere, and let those that come confirm them."""
        self._pending += [(self._arrived, self._kept, row) for row in rows]
        self.held += len(rows)

    def forget(self, row: TradeRow) -> None:
        """Forget a row that was held back: none that comes confirms it."""
        at = next((at for at, one in enumerate(self._pending) if one[2] == row), None)
        if at is not None:
            del self._pending[at]

    def split(self, rows: Sequence[TradeRow]) -> OutlierSplit:
        """Return the rows that are kept, those held back, and earlier ones released.

        Parameters
        ----------
        rows
            Trades in arrival order.
        """
        out: dict[int, TradeRow] = {}
        released: list[tuple[int, TradeRow]] = []
        first, window, limit, tick = self._arrived, self.window, self.limit, self.tick_size
        half, upper = window // 2, window - window // 2
        ordered, recent, pending = self._sorted, self._recent, self._pending
        for arrived, row in enumerate(rows, start=first + 1):
            price = row[1]
            if pending and pending[0][0] <= arrived - window:
                self._look_again(out, released)
            if len(ordered) == window:
                middle = (ordered[half] + ordered[upper - 1]) / 2
                floor = tick / 2 if tick is not None else _UNKNOWN_FLOOR * abs(middle)
                off = price - middle if price > middle else middle - price
                # The floor alone admits most trades, and then the deviation need not be known.
                if off <= limit * floor or off <= limit * (
                    (sum(ordered[upper:]) - sum(ordered[:half])) / window
                ):
                    self._kept += 1
                    if price == recent[-1]:
                        continue
                    insort(ordered, price)
                    recent.append(price)
                    del ordered[bisect_left(ordered, recent.popleft())]
                    continue
            elif math.isfinite(price) and (len(ordered) < half or self._fits(price)):
                self._kept += 1
                self._remember(price)
                continue
            out[arrived] = row
            if math.isfinite(price):
                pending.append((arrived, self._kept, row))
                self._confirm(price, out, released)
        self._arrived += len(rows)
        if not out and not released:
            return OutlierSplit(rows, [], [])
        return self._sort_out(rows, first, out, released)

    def _middle(self) -> float:
        ordered = self._sorted
        count = len(ordered)
        return (ordered[count // 2] + ordered[(count - 1) // 2]) / 2

    def _reach(self, middle: float) -> float:
        ordered = self._sorted
        count = len(ordered)
        half, upper = count // 2, count - count // 2
        floor = self.tick_size / 2 if self.tick_size is not None else _UNKNOWN_FLOOR * abs(middle)
        # Around the median, what lies above minus what lies below is the sum of all absolute deviations.
        return self.limit * max(floor, (sum(ordered[upper:]) - sum(ordered[:half])) / count)

    def _fits(self, price: float) -> bool:
        middle = self._middle()
        return abs(price - middle) <= self._reach(middle)

    def _remember(self, price: float) -> None:
        if self._recent and price == self._recent[-1]:
            return
        insort(self._sorted, price)
        self._recent.append(price)
        if len(self._recent) > self.window:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]

    def _look_again(self, out: dict[int, TradeRow], released: list[tuple[int, TradeRow]]) -> None:
        """Judge the oldest pending row by the trades that followed it, once and for all."""
        arrived, _, row = self._pending.popleft()
        if self._fits(row[1]):
            out.pop(arrived, None)
            released.append((arrived, row))

    def _confirm(self, price: float, out: dict[int, TradeRow], released: list[tuple[int, TradeRow]]) -> None:
        """Release the pending rows that agree with the newest, if they are enough."""
        middle = self._middle()
        reach = self._reach(middle)
        agree = [entry for entry in self._pending if abs(entry[2][1] - price) <= reach]
        if len(agree) < self.confirm:
            return
        prices = [entry[2][1] for entry in agree]
        if agree[0][1] == self._kept:
            self._move(sorted(prices)[len(prices) // 2] - middle)
        for one in prices:
            self._remember(one)
        for entry in agree:
            self._pending.remove(entry)
            out.pop(entry[0], None)
            released.append((entry[0], entry[2]))
        self._kept += len(agree)

    def _move(self, shift: float) -> None:
        """Shift the window to a new level: its scale is the only one known so far."""
        moved = [price + shift for price in self._recent]
        self._recent.clear()
        self._recent.extend(moved)
        self._sorted[:] = sorted(moved)

    def _sort_out(
        self,
        rows: Sequence[TradeRow],
        first: int,
        out: dict[int, TradeRow],
        released: list[tuple[int, TradeRow]],
    ) -> OutlierSplit:
        kept = [row for at, row in enumerate(rows, start=first + 1) if at not in out]
        earlier = [row for at, row in sorted(released) if at <= first]
        self.held += len(out)
        self.released += len(earlier)
        return OutlierSplit(kept, list(out.values()), earlier)
