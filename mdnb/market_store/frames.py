"""Frames of what a store holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mdnb.errors import OptionError, suggest
from mdnb.io.schema import CLOSED_AT, COLUMNS, CONTRACT, INDEX_NAME, zone_dtype
from mdnb.market_store.schemas import FLAGS, ORIGIN, bar_schema, numbers, times_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["bar_frame", "chosen_columns", "row_frame"]


def chosen_columns(columns: Sequence[str] | str | None) -> list[str]:
    """Return the columns to read for those that a caller wants; the time is always among them.

    Raises
    ------
    OptionError
        One is unknown, or none is named.
    """
    if columns is None:
        return []
    wanted = [columns] if isinstance(columns, str) else list(columns)
    known = bar_schema().names[1:]
    for name in wanted:
        if name not in known:
            raise OptionError(f"A store has no column {name!r}. {suggest(str(name), known)}")
    if not wanted:
        raise OptionError(f"columns= is empty. {suggest('', known)}")
    return [INDEX_NAME, *dict.fromkeys(wanted)]


def bar_frame(table: Any, tz: str, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Return bars as a frame; what is not told of any of them, or not true, has no column.

    Parameters
    ----------
    columns
        These and no others, whatever is in them.
    """
    import pandas as pd

    index = pd.DatetimeIndex(times_of(table), dtype=zone_dtype(tz), name=INDEX_NAME)
    made: dict[str, Any] = {}
    for name in table.schema.names[1:]:
        column = table.column(name)
        always = name in columns or name in COLUMNS
        if name in FLAGS:
            values: Any = numbers(table, name)
            always = always or bool(values.any())
        elif name == CLOSED_AT:
            values = _instants(column, index.dtype)
            always = always or column.null_count < len(column)
        elif name in (CONTRACT, ORIGIN):
            values = pd.Series(column.fill_null("").to_numpy(zero_copy_only=False), index=index, dtype="str")
            # That all of them are somebody's own tells nobody anything.
            least = 0 if name == CONTRACT else 1
            always = always or least <= column.null_count < len(column)
        else:
            values = numbers(table, name).astype(np.float64)
            always = always or column.null_count < len(column)
        if always:
            made[name] = values
    return pd.DataFrame(made, index=index)


def _instants(column: Any, dtype: Any) -> pd.DatetimeIndex:
    import pandas as pd
    import pyarrow as pa

    nothing = np.iinfo(np.int64).min
    return pd.DatetimeIndex(column.cast(pa.int64()).fill_null(nothing).to_numpy(), dtype=dtype)


def row_frame(table: Any, tz: str) -> pd.DataFrame:
    """Return trades or quotes as a frame, indexed by ``timestamp`` (datetime64[ns, tz])."""
    import pandas as pd

    index = pd.DatetimeIndex(times_of(table), dtype=pd.DatetimeTZDtype("ns", tz), name=INDEX_NAME)
    return pd.DataFrame({name: numbers(table, name) for name in table.schema.names[1:]}, index=index)
