"""What closed bars were before they changed, so that a past moment can be read as it was."""

from __future__ import annotations

import collections
import dataclasses
from typing import NamedTuple

import numpy as np

from mdnb.errors import NoDataError
from mdnb.rows import BarRow
from mdnb.store.columns import BarColumns, join_columns

__all__ = ["Amendment", "Amendments", "Replaced"]

_KEPT = 10_000
_NS_PER_US = 1000


class Amendment(NamedTuple):
    """A closed bar as it was until an instant (UTC epoch microseconds)."""

    known_us: int
    row: BarRow
    flags: int


class Replaced(NamedTuple):
    """The closed bars that stood, until an instant, where others stand now: from some start on."""

    known_us: int
    former: BarColumns


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
        self._kept: collections.deque[Amendment | Replaced] = collections.deque(maxlen=limit)
        self._lost_us = -(2**63)

    def __len__(self) -> int:
        return len(self._kept)

    def note(self, known_us: int, row: BarRow, flags: int) -> None:
        """Note what a bar was before it changed; 0 is no time, and nothing is noted."""
        if known_us:
            self._keep(Amendment(known_us, row, flags))

    def note_replaced(self, known_us: int, former: BarColumns) -> None:
        """Note which bars stood where others do from now on; 0 is no time, and nothing is noted."""
        if known_us and len(former):
            self._keep(Replaced(known_us, former))

    def _keep(self, change: Amendment | Replaced) -> None:
        if len(self._kept) == self._kept.maxlen:
            self._lost_us = self._kept[0].known_us
        self._kept.append(change)

    def were_replaced(self, as_of_us: int) -> bool:
        """Return whether other bars than those of now may have stood at an instant."""
        return any(isinstance(one, Replaced) and one.known_us > as_of_us for one in self._kept)

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
        if not self._kept or self._kept[-1].known_us <= as_of_us:
            return columns
        changed = {name: getattr(columns, name).copy() for name in _CHANGING}
        for change in reversed(self._kept):
            if change.known_us <= as_of_us:
                break
            if isinstance(change, Replaced):
                columns = _put_back(dataclasses.replace(columns, **changed), change.former, as_of_us)
                changed = {name: getattr(columns, name).copy() for name in _CHANGING}
                continue
            _, row, flags = change
            at = int(np.searchsorted(columns.time_us, row[0] // _NS_PER_US))
            if at < len(columns) and columns.time_us[at] == row[0] // _NS_PER_US:
                _, *values, turnover = row
                vwap = turnover / row[5] if row[5] else np.nan
                for name, value in zip(_CHANGING, (*values, vwap, flags), strict=True):
                    changed[name][at] = value
        return dataclasses.replace(columns, **changed)


_CHANGING = ("open", "high", "low", "close", "volume", "tick_count", "vwap", "flags")


def _put_back(columns: BarColumns, former: BarColumns, as_of_us: int) -> BarColumns:
    """Return bars with those that were replaced later in the place of what stands there now."""
    before = columns.where(columns.time_us < former.time_us[0])
    # Where it was not noted, one of them was over when the next one began.
    over = np.append(former.time_us[1:], 2**63 - 1)
    known = former.where(np.where(former.closed_us > 0, former.closed_us, over) <= as_of_us)
    return join_columns([before, known])
