"""Which bars that come anew are which of those held, also where several begin at one instant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import numpy as np

from mdnb.stores.columns import BarColumns, nth_of_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["places_of"]


def places_of(held: BarColumns, given: BarColumns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of two blocks of bars among each other: increasing, the same where a bar is in both.

    Of one instant trades may make several bars. Those of one instant that are the same are paired in their
    order; what lies between two such pairs is paired one by one, and what is left over stands by itself.

    Examples
    --------
    >>> from mdnb.stores.columns import columns_from_rows
    >>> a, b, c = [(0, price, price, price, price, 1.0, 1, price) for price in (1.0, 2.0, 3.0)]
    >>> [places.tolist() for places in places_of(columns_from_rows([b, c]), columns_from_rows([a, b]))]
    [[1, 2], [0, 1]]
    """
    starts = np.union1d(held.time_us, given.time_us)
    groups = [np.searchsorted(starts, bars.time_us) for bars in (held, given)]
    counts = [np.bincount(group, minlength=len(starts)) for group in groups]
    within = [nth_of_start(bars.time_us) for bars in (held, given)]
    length = np.maximum(*counts)
    for at in np.flatnonzero((length > 1) & (counts[0] > 0) & (counts[1] > 0)).tolist():
        inside = [slice(*np.searchsorted(group, (at, at + 1)).tolist()) for group in groups]
        rows = [_told(bars, part) for bars, part in zip((held, given), inside, strict=True)]
        if rows[0] != rows[1]:
            *aligned, length[at] = _aligned(*rows)
            for offsets, part, own in zip(within, inside, aligned, strict=True):
                offsets[part] = own
    first = np.cumsum(length) - length
    mine, theirs = (first[group] + offsets for group, offsets in zip(groups, within, strict=True))
    return mine, theirs


def _told(bars: BarColumns, part: slice) -> list[tuple[float, ...]]:
    columns = (bars.open, bars.high, bars.low, bars.close, bars.tick_count)
    return list(zip(*(column[part].tolist() for column in columns), strict=True))


def _aligned(
    held: list[tuple[float, ...]], given: list[tuple[float, ...]]
) -> tuple[list[int], list[int], int]:
    """Return the places of bars of one instant, and how many there are."""
    mine: list[int] = []
    theirs: list[int] = []
    count = 0
    for _, a, b, c, d in difflib.SequenceMatcher(None, held, given, autojunk=False).get_opcodes():
        mine += range(count, count + b - a)
        theirs += range(count, count + d - c)
        count += max(b - a, d - c)
    return mine, theirs, count
