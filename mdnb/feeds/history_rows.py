"""Whether what a feed's history gives are the rows that the engine takes."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import TypeVar

from mdnb.errors import FeedRefusedError

_Rows = TypeVar("_Rows")

__all__ = ["BAR_FIELDS", "TRADE_FIELDS", "checked_rows"]

BAR_FIELDS = ("start_ns", "open", "high", "low", "close", "volume", "tick_count", "turnover")
"""Of a row of `mdnb.Feed.history_bars`."""

TRADE_FIELDS = ("time_ns", "price", "size", "count", "side", "trade_id")
"""Of a row of `mdnb.Feed.history_trades`."""


def checked_rows(method: str, rows: _Rows, fields: Sequence[str]) -> _Rows:
    """Return rows of a history as they are, where they are a list of rows with these fields, or None.

    Raises
    ------
    FeedRefusedError
        Where they are something else: asked again the feed would say the same.

    Examples
    --------
    >>> checked_rows("history_bars", [(0, 1.0, 1.0, 1.0, 1.0, 0.0, 0, 0.0)], BAR_FIELDS)
    [(0, 1.0, 1.0, 1.0, 1.0, 0.0, 0, 0.0)]
    >>> checked_rows("history_bars", [[0, 1.0, 1.0, 1.0, 1.0, 0.0]], BAR_FIELDS)
    Traceback (most recent call last):
        ...
    mdnb.errors.FeedRefusedError: history_bars() gave [0, 1.0, 1.0, 1.0, 1.0, 0.0], which is no row: it ...
    """
    if rows is None:
        return rows
    if not isinstance(rows, list | tuple):
        wrong = f"a {type(rows).__name__}"
    else:
        odd = [row for row in rows if not isinstance(row, tuple | list) or len(row) != len(fields)]
        # They are all made alike, and may be many.
        odd += [] if odd else [row for row in (*rows[:1], *rows[-1:]) if not _are_numbers(row)]
        if not odd:
            return rows
        wrong = reprlib.repr(odd[0])
    raise FeedRefusedError(
        f"{method}() gave {wrong}, which is no row: it returns a list of tuples "
        f"({', '.join(fields)}), times in UTC epoch nanoseconds"
    )


def _are_numbers(row: Sequence[object]) -> bool:
    return all(hasattr(value, "__float__") for value in row)
