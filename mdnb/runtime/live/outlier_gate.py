"""Outliers among live trades: kept as ticks, and added to the bars once the next trades confirm them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mdnb.rows import TradeRow
from mdnb.runtime.live.placing import Order
from mdnb.runtime.live.rebuild import put_into_bars
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.stores.ticks import CANCELLED, IN_BARS, OUTLIER, REFUSED, STATUS, counts_in_full, trade_rows
from mdnb.validate.outliers import TrailingFilter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["OutlierGate", "keep_ticks"]

_SEEDS = 10
_BARS = 12


class OutlierGate:
    """Holds outliers back from one symbol's bars until they are confirmed.

    Parameters
    ----------
    engine
        Where they go; its newest trades give the first price level.
    """

    def __init__(self, engine: SymbolState) -> None:
        self._engine = engine
        self.filter = TrailingFilter(_least_step(engine))
        held = engine.ticks.tail(_SEEDS * self.filter.window)
        # Prices of another contract are no level of this one.
        held = held[held["ts_ns"] >= engine.contracts.since_ns]
        self.filter.seed(held["price"][counts_in_full(held["flag"])].tolist())

    def split(self, rows: Sequence[TradeRow]) -> tuple[Sequence[TradeRow], list[TradeRow], list[TradeRow]]:
        """Return the rows for the bars, those held back, and earlier ones that are now confirmed."""
        split = self.filter.split(rows)
        return split.kept, split.held, split.released

    def begin_anew(self) -> None:
        """Forget the price level, as where another contract begins."""
        self.filter = TrailingFilter(_least_step(self._engine))

    def forget(self, row: TradeRow) -> None:
        """Let nothing confirm a trade that was held back: it was taken back, or is another one now."""
        self.filter.forget(row)

    def judge(self, rows: Sequence[TradeRow], order: Order) -> list[TradeRow]:
        """Return the outliers among trades that were missed, as they would have been had they come in time.

        Each is judged by the ticks before it, and confirmed by those after it or, if there are too few yet,
        by those that come. Where ticks are not in memory the bars around tell the price level.
        """
        ticks, window = self._engine.ticks, self.filter.window
        held = ticks.tail(len(ticks) if self._engine.config.enable_tick_data else 0)
        placed = sorted(zip(order.places(held, rows), rows, strict=True), key=lambda one: one[0])
        out: list[TradeRow] = []
        begin = 0
        for at in range(1, len(placed) + 1):
            # What lies far apart has other neighbours.
            if at == len(placed) or placed[at][0] - placed[at - 1][0] > _SEEDS * window:
                out += self._outliers(held, placed[begin:at])
                begin = at
        return out

    def _outliers(self, held: NDArray[np.void], placed: Sequence[tuple[int, TradeRow]]) -> list[TradeRow]:
        made = TrailingFilter(_least_step(self._engine))
        first, last = placed[0][0], placed[-1][0] + made.window
        before = held[max(0, first - _SEEDS * made.window) : first]
        seeds = before["price"][counts_in_full(before["flag"])].tolist()
        made.seed(seeds if len(seeds) >= made.window else self._level(placed[0][1][0]) + seeds)
        around = list(zip(range(first, last), _arrived(held[first:last]), strict=False))
        # One that was missed comes before the one that is held where it belongs.
        whole = sorted(
            [((at, 0), row) for at, row in placed] + [((at, 1), row) for at, row in around if row],
            key=lambda one: one[0],
        )
        missed = {id(row) for _, row in placed}
        out = [row for row in made.split([row for _, row in whole]).held if id(row) in missed]
        if last > len(held) > 0:
            pending = set(map(id, made.pending))
            self.filter.watch([row for row in out if id(row) in pending])
        return out

    def _level(self, ts_ns: int) -> list[float]:
        """Return prices of the bars around an instant."""
        log = self._engine.log(self._engine.cascade.root.name)
        at = log.find(ts_ns)
        bars = [log.row(i)[0] for i in range(max(0, at - _BARS), min(len(log), at + _BARS))]
        return [price for bar in bars for price in bar[1:5]]

    def let_in(self, released: Sequence[TradeRow]) -> None:
        """Add confirmed ticks to the bars of their time, as if they had never been held back."""
        engine = self._engine
        whole = engine.config.enable_tick_data
        if whole:
            whole = engine.ticks.clear_flags(released, OUTLIER) == len(released)
        put_into_bars(engine, released, stored=whole)


def _least_step(engine: SymbolState) -> float | None:
    """Return the tick size; None where it is unknown and a share of the price may stand in.

    A share of a price near zero is nothing: there it is a unit of the last decimal seen.
    """
    instrument = engine.instrument
    if instrument.tick_size is not None or instrument.positive_prices:
        return instrument.tick_size
    return float(10.0**-instrument.decimals)


def _arrived(held: NDArray[np.void]) -> list[TradeRow | None]:
    """Return ticks as trades; None for those that were refused, which say nothing."""
    flags = (held["flag"] & STATUS).tolist()
    without = (REFUSED, CANCELLED)
    return [None if flag in without else row for row, flag in zip(trade_rows(held), flags, strict=True)]


def keep_ticks(
    engine: SymbolState,
    arrived: Sequence[TradeRow],
    good: Sequence[TradeRow],
    held: Sequence[TradeRow],
    flag: int = IN_BARS,
) -> None:
    """Store ticks in order of arrival, those held back flagged.

    Parameters
    ----------
    arrived
        A batch; what is in neither of the others is left out.
    flag
        That of the good ones, where none is held back.
    """
    if not engine.config.enable_tick_data:
        return
    if not held:
        engine.keep_ticks(good, flag)
        return
    flags = dict.fromkeys(map(id, good), IN_BARS) | dict.fromkeys(map(id, held), OUTLIER)
    known = [row for row in arrived if id(row) in flags]
    for each, run in itertools.groupby(known, key=lambda row: flags[id(row)]):
        engine.keep_ticks(list(run), each)
