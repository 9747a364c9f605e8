"""What closed bars were before they changed, so that a past moment can be read as it was."""

from __future__ import annotations

import collections
import dataclasses
from typing import NamedTuple

import numpy as np

from mdnb.errors import NoDataError
from mdnb.rows import BarRow
from mdnb.store.columns import BarColumns

__all__ = ["Amendment", "Amendments"]

_KEPT = 10_000
_NS_PER_US = 1000


class Amendment(NamedTuple):
    """A closed bar as it was until an instant (UTC epoch microseconds)."""

    known_us: int
    row: BarRow
    flags: int


class Amendments:
    """The newest changes of one timeframe's closed bars.

    Parameters
    ----------
    limit
        How many are kept; what was before the oldest one cannot be read any more.

    Examples
    --------
    >>> from mdnb.store.columns import columns_from_rows
    >>> was, now = ((60_000_000_000, 1.0, high, 1.0, 1.5, 10.0, 3, 12.5) for high in (2.0, 3.0))
    >>> log = Amendments()
    >>> log.note(200_000_000, was, 0)
    >>> [log.undo(columns_from_rows([now]), us).high.tolist() for us in (199_999_999, 200_000_000)]
    [[2.0], [3.0]]
    """

    def __init__(self, limit: int = _KEPT) -> None:
        self._kept: collections.deque[Amendment] = collections.deque(maxlen=limit)
        self._lost_us = -(2**63)

    def __len__(self) -> int:
        return len(self._kept)

    def note(self, known_us: int, row: BarRow, flags: int) -> None:
        """Note what a bar was before it changed; 0 is no time, and nothing is noted."""
        if not known_us:
            return
        if len(self._kept) == self._kept.maxlen:
            self._lost_us = self._kept[0].known_us
        self._kept.append(Amendment(known_us, row, flags))

    def undo(self, columns: BarColumns, as_of_us: int) -> BarColumns:
        """Return bars as they were at an instant: what was known later is taken back.

        Raises
        ------
        NoDataError
            When more changed since than is kept.
        """
        if as_of_us < self._lost_us:
            raise NoDataError(
                f"more than {self._kept.maxlen:,} closed bars were amended since then; how they were is kept"
                f" from {np.datetime64(self._lost_us, 'us')} UTC on"
            )
        if not self._kept or self._kept[-1].known_us <= as_of_us or not len(columns):
            return columns
        changed = {name: getattr(columns, name).copy() for name in _CHANGING}
        for known_us, row, flags in reversed(self._kept):
            if known_us <= as_of_us:
                break
            at = int(np.searchsorted(columns.time_us, row[0] // _NS_PER_US))
            if at < len(columns) and columns.time_us[at] == row[0] // _NS_PER_US:
                _, *values, turnover = row
                vwap = turnover / row[5] if row[5] else np.nan
                for name, value in zip(_CHANGING, (*values, vwap, flags), strict=True):
                    changed[name][at] = value
        return dataclasses.replace(columns, **changed)


_CHANGING = ("open", "high", "low", "close", "volume", "tick_count", "vwap", "flags")
