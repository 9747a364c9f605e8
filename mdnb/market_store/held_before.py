"""Trades and quotes that a store held before a market was kept there: none is kept twice."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

from mdnb.market_store.layout import Series, partitions
from mdnb.market_store.overlay import identities
from mdnb.market_store.reading import TailsOfNow, read_rows
from mdnb.market_store.schemas import times_of

__all__ = ["HeldBefore"]


class HeldBefore:
    """What a store held of a symbol's trades or quotes when this was made.

    A feed tells what was before once more: in its history, after it has connected, or because a clock was set
    back. Only what is needed to know these is read.

    Parameters
    ----------
    base
        The store's folder; nothing of the new ones may be in it yet.
    series
        The trades or the quotes.
    tails
        What is not in Parquet.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from mdnb.market_store.schemas import rows_table
    >>> from mdnb.market_store.writer import StoreWriter
    >>> from mdnb.stores.ticks import TICK_DTYPE
    >>> rows = np.zeros(3, TICK_DTYPE)
    >>> rows["ts_ns"], rows["price"] = [1, 1, 2], [5.0, 5.0, 6.0]
    >>> base, series = Path(tempfile.mkdtemp()), Series("X", "ticks")
    >>> writer = StoreWriter(base)
    >>> writer.append(series, rows_table(rows[:1], "ticks"))
    >>> HeldBefore(base, series, TailsOfNow(base)).without(rows_table(rows, "ticks"))["price"].to_pylist()
    [5.0, 6.0]
    >>> writer.close()
    """

    def __init__(self, base: Path, series: Series, tails: TailsOfNow) -> None:
        self._base, self._series, self._tails = base, series, tails
        self._counts: collections.Counter[tuple[float, ...]] = collections.Counter()
        self._last_ns = self._newest_ns()
        # What was held from here on is in the counts; whatever came since is not before it.
        self._from_ns = self._last_ns + 1

    def _newest_ns(self) -> int:
        parts = partitions(self._base, self._series)
        start_ns = parts[-1].first_ns if parts else None
        times = times_of(read_rows(self._base, self._series, start_ns, tails=self._tails))
        return int(times[-1]) if len(times) else -1

    def without(self, given: Any) -> Any:
        """Return the rows that were not held, each as often as it comes more often than it was held.

        What became of a trade (``flag``) does not tell one from another.

        Raises
        ------
        DataImportError
            A file does not read.
        """
        import pyarrow as pa

        times = times_of(given)
        if not len(times) or (first_ns := int(times.min())) > self._last_ns:
            return given
        if first_ns < self._from_ns:
            held = read_rows(self._base, self._series, first_ns, self._from_ns - 1, tails=self._tails)
            self._counts.update(identities(held))
            self._from_ns = first_ns
        new = []
        for row in identities(given):
            new.append(self._counts[row] <= 0)
            self._counts[row] -= 1
        return given.filter(pa.array(new, pa.bool_()))
