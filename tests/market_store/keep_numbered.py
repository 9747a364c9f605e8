"""Write numbered bars and trades into a store until killed, telling of each; run by other tests.

The bar of minute n has n in all its columns. Where asked to, every seventh time an older one is written
anew, with another volume. Trades are numbered as the bars, four a bar.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from mdnb.market_store.layout import Series
from mdnb.market_store.schemas import bars_table, rows_table
from mdnb.market_store.store import MarketStore
from mdnb.stores.columns import BarColumns
from mdnb.stores.ticks import TICK_DTYPE

FIRST_US = 1_772_460_000_000_000  # 2026-03-02 14:00 UTC
STEP_US = 60_000_000
BARS, TICKS = Series("BTC/USD", "1min"), Series("BTC/USD", "ticks")
TRADES = 4
AMENDED = 0.5
"""Is added to the volume of a bar each time that it is written anew."""


def numbered(numbers: np.ndarray, more: float = 0.0) -> BarColumns:
    """Bars whose prices tell which ones they are."""
    prices = dict.fromkeys(("open", "high", "low", "close", "vwap"), numbers / 4)
    return BarColumns(
        time_us=FIRST_US + numbers * STEP_US,
        **prices,
        volume=numbers + more,
        tick_count=numbers,
        flags=np.zeros(len(numbers), dtype="u1"),
    )


def trades(numbers: np.ndarray) -> np.ndarray:
    """Trades of the bars of these numbers."""
    ids = (numbers[:, None] * TRADES + np.arange(TRADES)).ravel()
    made = np.zeros(len(ids), dtype=TICK_DTYPE)
    made["ts_ns"] = (FIRST_US + ids * (STEP_US // TRADES)) * 1000
    made["price"], made["size"], made["trade_id"] = ids / 8, 1.0, ids
    return made


def main(folder: Path, segment_rows: int, rows: int, amends: bool) -> None:
    store = MarketStore(folder, segment_rows=segment_rows, seal_seconds=3600.0)
    held = len(store.frame("BTC/USD", "1min")) if "BTC/USD" in store.symbols() else 0
    kept = len(store.ticks("BTC/USD")) // TRADES if held else 0
    writer = store.writer()
    if kept < held:  # killed between the two
        writer.append(TICKS, rows_table(trades(np.arange(kept, held)), "ticks"))
    print("ready", held, flush=True)  # noqa: T201 - what the parent reads
    for at in range(held, 10_000_000, rows):
        numbers = np.arange(at, at + rows, dtype="i8")
        writer.append(BARS, bars_table(numbered(numbers)))
        if amends and at // rows % 7 == 6:
            writer.append(BARS, bars_table(numbered(numbers[:1] // 2, AMENDED)))
        writer.append(TICKS, rows_table(trades(numbers), "ticks"))
        print(at + rows, flush=True)  # noqa: T201 - what the parent reads
        if writer.is_due:
            writer.seal(seconds=0.01)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "amends")
