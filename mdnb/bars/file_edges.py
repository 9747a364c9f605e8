"""Which coarser bars lack data since what they are made of, the bars of a file, ends or begins amid them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mdnb.timeframes import Grid

__all__ = ["Edges", "find_edges", "has_any", "overlap"]

_BEFORE = -(2**61)
_AFTER = 2**61


class Edges(NamedTuple):
    """Of each finer bar what lies around it; all of shape (n,).

    Attributes
    ----------
    begins
        int64: start of the coarser bar, UTC epoch nanoseconds.
    is_last
        bool: the last one of its coarser bar, and the market was open after it in that.
    at_hole
        bool: the coarser bar begins before it, or goes on behind it, in a hole longer than the coarser bar.
    """

    begins: NDArray[np.int64]
    is_last: NDArray[np.bool_]
    at_hole: NDArray[np.bool_]


def find_edges(
    finer: tuple[NDArray[np.int64], NDArray[np.int64]],
    grid: Grid,
    before_ns: int | None,
    after_ns: int | None,
) -> Edges:
    """Return where stretches of finer bars end and begin amid coarser ones.

    Parameters
    ----------
    finer
        Their starts and ends, oldest first, all inside the sessions.
    before_ns, after_ns
        The end of the finer bar before them and the start of the one behind; None where there is none.

    Examples
    --------
    >>> from mdnb.sessions import Sessions
    >>> from mdnb.timeframes import Timeframe
    >>> grid, starts = Grid(Timeframe.parse("5min"), Sessions.always()), np.array([0, 60, 120]) * 10**9
    >>> find_edges((starts, starts + 60 * 10**9), grid, None, 240 * 10**9).at_hole.tolist()
    [False, False, False]
    >>> find_edges((starts, starts + 60 * 10**9), grid, None, None).at_hole.tolist()
    [False, False, True]
    """
    starts, ends = finer
    begins, _ = grid.starts(starts)
    stops = grid.ends(begins)
    step = stops - begins
    following = np.append(starts[1:], _AFTER if after_ns is None else after_ns)
    former = np.concatenate(([_BEFORE if before_ns is None else before_ns], ends[:-1]))

    def is_open(since: int, until: int, least: int) -> bool:
        return bool(until >= _AFTER or since <= _BEFORE or grid.sessions.open_ns(since, until) > least)

    is_last, at_hole = np.zeros(len(starts), dtype=bool), np.zeros(len(starts), dtype=bool)
    for at in np.flatnonzero((ends < stops) & (following >= stops)).tolist():
        is_last[at] = is_open(int(ends[at]), int(stops[at]), 0)
        is_long = following[at] - ends[at] > step[at]
        at_hole[at] = is_last[at] and is_long and is_open(int(ends[at]), int(following[at]), int(step[at]))
    for at in np.flatnonzero((starts > begins) & (former <= begins) & (starts - former > step)).tolist():
        at_hole[at] |= is_open(int(begins[at]), int(starts[at]), 0) and is_open(
            int(former[at]), int(starts[at]), int(step[at])
        )
    return Edges(begins, is_last, at_hole)


def has_any(
    times_ns: NDArray[np.int64], finer: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> NDArray[np.bool_]:
    """Return in which bars one of several times is, oldest first; ``finer`` are their starts and ends."""
    starts, ends = finer
    made: NDArray[np.bool_] = np.searchsorted(times_ns, starts) < np.searchsorted(times_ns, ends)
    return made


def overlap(
    spans: Sequence[tuple[int, int]], finer: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> NDArray[np.bool_]:
    """Return which bars are in one of several spans, both ends included, or begin or end amid it."""
    starts, ends = finer
    found = np.zeros(len(starts), dtype=bool)
    for first, last in spans:
        found |= (starts <= last) & (ends > first)
    return found
