"""Bars of a timeframe that a store lacks, made of the finer ones that it has."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mdnb.io.schema import CONTRACT, INDEX_NAME
from mdnb.market_store.layout import Series, partitions
from mdnb.market_store.reading import TailsOfNow, read_bars
from mdnb.market_store.schemas import bar_columns_of, bars_table, times_of
from mdnb.ordered_times import distinct, is_among
from mdnb.runtime.past.merge_bars import fold_to
from mdnb.stores.columns import FILLED, PARTIAL, columns_from_rows
from mdnb.timeframes import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bars_of_finer", "lacking_bars"]

_NS_PER_US: Final = 1000
_NEVER: Final = 2**62


def lacking_bars(
    base: Path,
    series: Series,
    finer: Series,
    grids: tuple[Grid, Grid],
    *,
    tails: TailsOfNow,
    since_ns: int | None = None,
    until_ns: int | None = None,
    again_ns: Collection[int] = (),
    has_vwap: bool = True,
) -> Any:
    """Return the bars that a store lacks of a timeframe and that the finer ones in it tell, as changes.

    One that is not over by these is left out, and so is one that is held, whatever it is.

    Parameters
    ----------
    base
        The store's folder.
    series, finer
        Which bars, and what they are made of.
    grids
        Where those of both begin and end.
    since_ns
        Bars that begin earlier are not looked for; None looks for all.
    until_ns
        The market's time: nothing is made of finer bars that begin later. None is no bound.
    again_ns
        Starts of bars to be made though they are held.

    Raises
    ------
    DataImportError
        A file does not read.
    """
    grid = grids[0]
    held_ns = times_of(read_bars(base, series, since_ns, tails=tails, names=[INDEX_NAME])) * _NS_PER_US
    first_ns = _first_ns(base, finer, tails)
    low_ns = min([_first_hole_ns(first_ns, grid, held_ns, since_ns), *again_ns])
    times = times_of(read_bars(base, finer, low_ns, until_ns, tails=tails, names=[INDEX_NAME])) * _NS_PER_US
    starts, inside = grid.starts(times)
    wanted = distinct(starts[inside])
    again = np.array(sorted(again_ns), dtype=np.int64)
    wanted = wanted[~is_among(wanted, held_ns) | is_among(wanted, again)]
    if since_ns is not None:
        wanted = wanted[wanted >= since_ns]
    if not len(wanted):
        return bars_table(columns_from_rows([]))
    span = int(wanted[0]), int(grid.ends(wanted[-1:])[0])
    stop_ns = span[1] - 1 if until_ns is None else min(span[1] - 1, until_ns)
    table = read_bars(base, finer, span[0], stop_ns, tails=tails)
    edges = first_ns, int(times[-1])
    return bars_of_finer(table, grids, wanted, edges, has_vwap=has_vwap)


def _first_hole_ns(first_ns: int, grid: Grid, held_ns: NDArray[np.int64], since_ns: int | None) -> int:
    """Return from where on bars may lack; ``first_ns`` is the start of the oldest finer one."""
    if not len(held_ns):
        return first_ns if since_ns is None else max(first_ns, since_ns)
    if since_ns is None and first_ns < held_ns[0]:
        return first_ns
    ends = grid.ends(held_ns)
    for at in np.flatnonzero(held_ns[1:] > ends[:-1]).tolist():
        if grid.sessions.open_ns(int(ends[at]), int(held_ns[at + 1])):
            return int(ends[at])
    return int(ends[-1])


def _first_ns(base: Path, series: Series, tails: TailsOfNow) -> int:
    """Return the start of the oldest bar; of none a time behind all."""
    found = partitions(base, series)
    until = found[0].end_ns - 1 if found else None
    times = times_of(read_bars(base, series, None, until, tails=tails, names=[INDEX_NAME]))
    return int(times[0]) * _NS_PER_US if len(times) else _NEVER


def bars_of_finer(
    table: Any,
    grids: tuple[Grid, Grid],
    wanted_ns: NDArray[np.int64],
    edges_ns: tuple[int, int],
    *,
    has_vwap: bool = True,
) -> Any:
    """Return some bars made of the finer ones in a table, as changes.

    Parameters
    ----------
    table
        The finer ones, of all of the bars wanted.
    grids
        Where the bars, and the finer ones, begin and end.
    wanted_ns
        Starts of these, oldest first.
    edges_ns
        Starts of the oldest and the newest finer bar that there is: a bar that began before is partial, and
        one that may go on behind is left out.

    Examples
    --------
    >>> from mdnb.sessions import Sessions
    >>> from mdnb.timeframes import Timeframe
    >>> minute = 60_000_000_000
    >>> rows = [(n * minute, 1.0, 2.0, 1.0, 1.5, 1.0, 1, 1.5) for n in range(9)]
    >>> grids = [Grid(Timeframe.parse(name), Sessions.always()) for name in ("5min", "1min")]
    >>> starts, edges = np.array([0, 5 * minute]), (0, 8 * minute)
    >>> bars_of_finer(bars_table(columns_from_rows(rows)), grids, starts, edges)["volume"].to_pylist()
    [5.0]
    """
    grid, finer_grid = grids
    columns = bar_columns_of(table)
    traded = columns.flags & FILLED == 0
    columns = columns.where(traded)
    made = fold_to(columns, grid)
    if not len(made):
        return bars_table(made)
    starts, finer = made.time_us * _NS_PER_US, columns.time_us * _NS_PER_US
    ends = grid.ends(starts)
    last_in = np.searchsorted(finer, ends) - 1
    # All of it is there: something came behind it, or its last moment is in a finer bar.
    is_over = (ends <= edges_ns[1]) | (finer_grid.ends(finer[last_in]) >= ends)
    began = np.where(starts < edges_ns[0], PARTIAL, 0).astype(np.uint8)
    made = dataclasses.replace(made, flags=made.flags | began)
    chosen = is_over & is_among(starts, wanted_ns)
    names = table.column(CONTRACT).fill_null("").to_numpy(zero_copy_only=False)[traded]
    return bars_table(made.where(chosen), has_vwap=has_vwap, contracts=names[last_in[chosen]])
