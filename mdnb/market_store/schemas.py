"""The columns of a store's files, and the way between these and what the engine holds.

Every file of bars has the same columns, so that whoever reads many of them at once finds one table.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mdnb.io.schema import CLOSED_AT, COLUMNS, CONTRACT, INDEX_NAME
from mdnb.stores.columns import AMENDED, FILLED, PARTIAL, BarColumns
from mdnb.stores.ticks import QUOTE_DTYPE, TICK_DTYPE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "FLAGS",
    "GONE",
    "NTH",
    "ORIGIN",
    "WRITTEN",
    "bar_columns_of",
    "bar_schema",
    "bars_table",
    "change_schema",
    "numbers",
    "row_schema",
    "rows_of_table",
    "rows_table",
    "times_of",
]

FLAGS: Final = {"partial": PARTIAL, "filled": FILLED, "amended": AMENDED}
ORIGIN: Final = "origin"
"""Of a bar that is not of the feed of a market: where it comes from."""

WRITTEN: Final = "write"
"""The origin of bars that were given to `MarketStore.write`."""

NTH: Final = "nth"
"""Of a change: which of the bars of its start it is, counted from 0."""

GONE: Final = "gone"
"""Of a change: whether the bar is none any more."""


@functools.cache
def bar_schema() -> Any:
    """Return the Arrow schema of a file of bars."""
    import pyarrow as pa

    time = pa.timestamp("us", "UTC")
    return pa.schema(
        [
            pa.field(INDEX_NAME, time, nullable=False),
            *(pa.field(name, pa.float64(), nullable=False) for name in COLUMNS[:-1]),
            pa.field("tick_count", pa.int64(), nullable=False),
            pa.field("vwap", pa.float64()),
            *(pa.field(name, pa.bool_(), nullable=False) for name in FLAGS),
            pa.field(CLOSED_AT, time),
            pa.field(CONTRACT, pa.string()),
            pa.field(ORIGIN, pa.string()),
        ]
    )


@functools.cache
def change_schema() -> Any:
    """Return the Arrow schema of bars on their way into files."""
    import pyarrow as pa

    return bar_schema().append(pa.field(NTH, pa.int32())).append(pa.field(GONE, pa.bool_()))


@functools.cache
def row_schema(kind: str) -> Any:
    """Return the Arrow schema of a file of trades (``ticks``) or ``quotes``."""
    import pyarrow as pa

    dtype = TICK_DTYPE if kind == "ticks" else QUOTE_DTYPE
    fields = [pa.field(INDEX_NAME, pa.timestamp("ns", "UTC"), nullable=False)]
    names = (dtype.names or ())[1:]
    others = [pa.field(name, pa.from_numpy_dtype(dtype[name]), nullable=False) for name in names]
    return pa.schema([*fields, *others])


def bars_table(
    columns: BarColumns,
    *,
    nth: NDArray[np.int64] | None = None,
    has_vwap: bool = True,
    contracts: Sequence[str] | NDArray[np.object_] | None = None,
    gone: bool = False,
    is_noted: NDArray[np.bool_] | None = None,
    origin: str = "",
) -> Any:
    """Return bars as a table of `change_schema`.

    Parameters
    ----------
    nth
        Which of the bars of its start each is; None where all starts differ.
    has_vwap
        Whether their source tells it: what it does not tell is null, and not ``nan``.
    contracts
        Of which contract each is, ``""`` where nobody knows.
    gone
        Whether they are to be taken out.
    is_noted
        Of which bars it was noted when they closed; by default where that is not 0.
    origin
        Where they come from; empty where from the feed of a market.
    """
    import pyarrow as pa

    count, time = len(columns), pa.timestamp("us", "UTC")
    closed = columns.closed_us
    names = np.full(count, "", dtype=object) if contracts is None else np.asarray(contracts, dtype=object)
    arrays = [
        pa.array(columns.time_us, pa.int64()).cast(time),
        *(pa.array(getattr(columns, name), pa.float64()) for name in COLUMNS[:-1]),
        pa.array(columns.tick_count, pa.int64()),
        pa.array(columns.vwap, pa.float64()) if has_vwap else pa.nulls(count, pa.float64()),
        *(pa.array(columns.flags & flag > 0) for flag in FLAGS.values()),
        pa.array(closed, pa.int64(), mask=closed == 0 if is_noted is None else ~is_noted).cast(time),
        pa.array(names, pa.string(), mask=names == ""),
        pa.repeat(pa.scalar(origin or None, pa.string()), count),
        pa.array(np.zeros(count, np.int32) if nth is None else nth.astype(np.int32)),
        pa.array(np.full(count, gone)),
    ]
    return pa.table(arrays, schema=change_schema())


def bar_columns_of(table: Any) -> BarColumns:
    """Return a table of bars as a store in memory holds them."""
    flags = np.zeros(table.num_rows, dtype=np.uint8)
    for name, flag in FLAGS.items():
        flags |= numbers(table, name).astype(np.uint8) * np.uint8(flag)
    return BarColumns(
        time_us=times_of(table),
        open=numbers(table, "open"),
        high=numbers(table, "high"),
        low=numbers(table, "low"),
        close=numbers(table, "close"),
        volume=numbers(table, "volume"),
        vwap=numbers(table, "vwap"),
        tick_count=numbers(table, "tick_count"),
        flags=flags,
        closed_us=times_of(table, CLOSED_AT),
    )


def rows_table(rows: NDArray[np.void], kind: str) -> Any:
    """Return trades or quotes as a table."""
    import pyarrow as pa

    schema = row_schema(kind)
    names = rows.dtype.names or ()
    arrays = [pa.array(np.ascontiguousarray(rows[name])) for name in names]
    return pa.table([arrays[0].cast(schema.field(0).type), *arrays[1:]], schema=schema)


def rows_of_table(table: Any, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Return a table of trades or quotes as structured rows.

    Examples
    --------
    >>> rows = np.array([(5, 9.0, 1.0, 1, -1, 7, 0)], dtype=TICK_DTYPE)
    >>> bool((rows_of_table(rows_table(rows, "ticks"), TICK_DTYPE) == rows).all())
    True
    """
    made = np.empty(table.num_rows, dtype=dtype)
    names = dtype.names or ()
    made[names[0]] = times_of(table)
    for name in names[1:]:
        made[name] = numbers(table, name)
    return made


def times_of(table: Any, name: str = INDEX_NAME) -> NDArray[np.int64]:
    """Return a column of instants in its own unit since 1970; 0 where there is none."""
    import pyarrow as pa

    made: NDArray[np.int64] = table.column(name).cast(pa.int64()).fill_null(0).to_numpy()
    return made


def numbers(table: Any, name: str) -> NDArray[Any]:
    """Return a column as an array; ``nan`` stands for a number that is not there."""
    column = table.column(name)
    made: NDArray[Any] = (column.fill_null(float("nan")) if column.null_count else column).to_numpy()
    return made
