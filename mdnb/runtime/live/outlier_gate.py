"""Outliers among live trades: kept as ticks, and added to the bars once the next trades confirm them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from mdnb.rows import TradeRow
from mdnb.runtime.live.rebuild import put_into_bars
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.store.ticks import IN_BARS, OUTLIER
from mdnb.validate.outliers import TrailingFilter

__all__ = ["OutlierGate", "keep_ticks"]


class OutlierGate:
    """Holds outliers back from one symbol's bars until they are confirmed.

    Parameters
    ----------
    engine
        Where they go; its newest trades give the first price level.
    """

    def __init__(self, engine: SymbolState) -> None:
        self._engine = engine
        self.filter = TrailingFilter(engine.instrument.tick_size)
        held = engine.ticks.tail(10 * self.filter.window)
        self.filter.seed(held["price"][held["flag"] == IN_BARS].tolist())

    def split(self, rows: Sequence[TradeRow]) -> tuple[Sequence[TradeRow], list[TradeRow], list[TradeRow]]:
        """Return the rows for the bars, those held back, and earlier ones that are now confirmed."""
        split = self.filter.split(rows)
        return split.kept, split.held, split.released

    def let_in(self, released: Sequence[TradeRow]) -> None:
        """Add confirmed ticks to the bars of their time, as if they had never been held back."""
        engine = self._engine
        whole = engine.config.enable_tick_data
        if whole:
            whole = engine.ticks.clear_flags(released, OUTLIER) == len(released)
        put_into_bars(engine, released, stored=whole)


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
        engine.ticks.extend(good, flag=flag)
        return
    flags = dict.fromkeys(map(id, good), IN_BARS) | dict.fromkeys(map(id, held), OUTLIER)
    known = [row for row in arrived if id(row) in flags]
    for each, run in itertools.groupby(known, key=lambda row: flags[id(row)]):
        engine.ticks.extend(list(run), flag=each)
