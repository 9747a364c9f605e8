"""Puts right the bars that are held of a timeframe: other units, splits that were not applied."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from mdnb.manager.import_bars import over_until
from mdnb.runtime.past.merge_bars import merge_bars
from mdnb.statistics import BarRepair
from mdnb.validate.scale_repair import RepairedBars, repair_scale

if TYPE_CHECKING:
    from mdnb.runtime.symbol_market import SymbolMarket
    from mdnb.stores.columns import BarColumns

__all__ = ["repair_bars"]

_FIELDS = ("open", "high", "low", "close", "volume", "vwap")
_NS_PER_US = 1000


def repair_bars(market: SymbolMarket, name: str, columns: BarColumns) -> tuple[BarRepair, ...]:
    """Replace the bars of a timeframe whose prices are off, and return each value that was changed.

    Parameters
    ----------
    name
        Canonical name of a timeframe that is kept.
    columns
        All closed bars of it, on disk and in memory.
    """
    found = repair_scale(columns)
    if not found.changed.any():
        return ()
    # What an average was of is not known any more: it is off by as much as the close is.
    closes = np.divide(found.close, columns.close, out=np.ones(len(columns)), where=columns.close != 0)
    mended = dataclasses.replace(
        columns,
        open=found.open,
        high=found.high,
        low=found.low,
        close=found.close,
        volume=found.volume,
        vwap=columns.vwap * closes,
    )
    before, after = columns.where(found.changed), mended.where(found.changed)
    engine = market.engine
    with engine.lock:
        # What was read before it stays as it was.
        now_ns = engine.change_ns()
        merge_bars(engine, name, after, overwrite=True, changes=None, of_file=False, **over_until(market))
        engine.reader.note_known(engine.all_names(), now_ns)
    return tuple(_told(before, after, found, engine.tz))


def _told(before: BarColumns, after: BarColumns, found: RepairedBars, tz: str) -> list[BarRepair]:
    told: list[BarRepair] = []
    units, splits = found.units[found.changed], found.splits[found.changed]
    for at, time_us in enumerate(before.time_us.tolist()):
        whys = [("unit_change", units[at] != 1), ("split_not_applied", splits[at] != 1)]
        why = "+".join(name for name, is_so in whys if is_so)
        for field in _FIELDS:
            was, now = float(getattr(before, field)[at]), float(getattr(after, field)[at])
            if was != now and not (np.isnan(was) and np.isnan(now)):
                told.append(
                    BarRepair(
                        type=why, time_ns=time_us * _NS_PER_US, field=field, before=was, after=now, tz=tz
                    )
                )
    return told
