"""Append numbered segments until killed, telling of each; run by ``test_segments_damage.py``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from mdnb.stores.columns import BarColumns
from mdnb.stores.segments import SegmentStore

ROWS = 200


def numbered(segment: int) -> BarColumns:
    """Bars whose prices tell which ones they are."""
    number = np.arange(segment * ROWS, (segment + 1) * ROWS, dtype="i8")
    prices = dict.fromkeys(("open", "high", "low", "close", "volume", "vwap"), number / 4)
    flags = np.zeros(ROWS, dtype="u1")
    return BarColumns(
        number * 1_000_000, **prices, tick_count=number, flags=flags, first=0, forming=False, generation=0
    )


def main(folder: Path) -> None:
    store = SegmentStore(folder)
    print("ready", flush=True)  # noqa: T201 - what the parent reads
    for segment in range(len(store) // ROWS, 100_000):
        store.append(numbered(segment))
        print(segment, flush=True)  # noqa: T201 - what the parent reads
        if segment % 3 == 2:
            store.compress()
        if segment % 5 == 4:
            store.replace(numbered(segment // 2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
