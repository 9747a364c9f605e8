"""Bars as they are after changes: others of the same starts take their places, new ones go between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mdnb.market_store.schemas import GONE, NTH, bar_schema, numbers, times_of
from mdnb.stores.columns import nth_of_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Matched", "identities", "match", "overlaid", "rows_differ"]


class Matched(NamedTuple):
    """Changes, of each bar the last one, and which bars they are of.

    Attributes
    ----------
    changes
        A table of `change_schema`, oldest first.
    is_held
        bool, shape (n,): whether the bar of a change is held.
    at
        The rows of these bars, as many as are held.
    gone
        bool, shape (n,): whether the change takes its bar out.
    """

    changes: Any
    is_held: NDArray[np.bool_]
    at: NDArray[np.int64]
    gone: NDArray[np.bool_]


def match(held: Any, changes: Any) -> Matched:
    """Return which bars changes are of.

    Parameters
    ----------
    held
        A table of `bar_schema`, of one start in the order in which they began.
    changes
        A table of `change_schema`, later ones count.
    """
    new, new_nth = times_of(changes), numbers(changes, NTH).astype(np.int64)
    if not (new[1:] > new[:-1]).all():  # else each is of another bar, in their order
        order = np.lexsort((np.arange(len(new)), new_nth, new))
        new, new_nth = new[order], new_nth[order]
        is_last = np.ones(len(new), dtype=bool)
        is_last[:-1] = (new[1:] != new[:-1]) | (new_nth[1:] != new_nth[:-1])
        new, new_nth = new[is_last], new_nth[is_last]
        changes = changes.take(order[is_last])
    places = np.argsort(times_of(held), kind="stable")
    old = times_of(held)[places]
    old_nth = nth_of_start(old)
    at = np.searchsorted(old, new) + new_nth
    is_held = at < len(old)
    is_held[is_held] = (old[at[is_held]] == new[is_held]) & (old_nth[at[is_held]] == new_nth[is_held])
    return Matched(changes, is_held, places[at[is_held]], numbers(changes, GONE))


def overlaid(held: Any, changes: Any) -> Any:
    """Return bars after changes, oldest first.

    Parameters
    ----------
    held
        A table of `bar_schema`, oldest first.
    changes
        A table of `change_schema`; of two of one bar the later one counts.

    Examples
    --------
    >>> from mdnb.market_store.schemas import bars_table
    >>> from mdnb.stores.columns import columns_from_rows
    >>> def table(*rows):
    ...     return bars_table(columns_from_rows([(at, c, c, c, c, 1.0, 1, c) for at, c in rows]))
    >>> changes = table((60_000_000_000, 2.0), (120_000_000_000, 3.0), (60_000_000_000, 4.0))
    >>> overlaid(table((60_000_000_000, 1.0)).select(bar_schema().names), changes)["close"].to_pylist()
    [4.0, 3.0]
    """
    import pyarrow as pa

    names = bar_schema().names
    if not changes.num_rows:
        return held
    old, new = times_of(held), times_of(changes)
    is_behind = (not len(old) or new[0] > old[-1]) and bool((np.diff(new) > 0).all())
    if is_behind and not numbers(changes, GONE).any():
        return pa.concat_tables([held, changes.select(names)])
    found = match(held, changes)
    stays = np.ones(len(old), dtype=bool)
    stays[found.at] = False
    both = pa.concat_tables([held, found.changes.select(names)])
    rows = np.concatenate([np.flatnonzero(stays), len(old) + np.flatnonzero(~found.gone)])
    # Of one start those that stay and those that changed are to be in their order again.
    time = np.concatenate([old[stays], times_of(found.changes)[~found.gone]])
    nth = np.concatenate([nth_of_start(old)[stays], numbers(found.changes, NTH)[~found.gone]])
    return both.take(rows[np.lexsort((nth, time))])


def identities(table: Any) -> Iterator[tuple[float, ...]]:
    """Return what tells trades or quotes from others: all but what became of them."""
    names = [name for name in table.schema.names if name != "flag"]
    columns = [times_of(table), *(numbers(table, name) for name in names[1:])]
    return zip(*(column.tolist() for column in columns), strict=True)


def rows_differ(
    held: Any, at: NDArray[np.int64], given: Any, rows: NDArray[np.int64] | NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Return which rows of a table differ in anything from those of another one; ``nan`` equals itself."""
    differ = np.zeros(len(rows), dtype=bool)
    for name in bar_schema().names:
        own, others = (_bits(table.column(name).take(where)) for table, where in ((held, at), (given, rows)))
        for one, other in zip(own, others, strict=True):
            differ |= one != other
    return differ


def _bits(column: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return which values are there, and values that are the same where these are, ``nan`` too."""
    import pyarrow as pa

    there = column.is_valid().to_numpy()
    if pa.types.is_floating(column.type):
        return there, column.fill_null(0.0).to_numpy().view(np.int64)
    if pa.types.is_timestamp(column.type):
        return there, column.cast(pa.int64()).fill_null(0).to_numpy()
    if pa.types.is_string(column.type):
        return there, column.fill_null("").to_numpy()
    return there, column.to_numpy()
