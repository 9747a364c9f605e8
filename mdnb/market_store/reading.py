"""Reading a store while somebody may write it: first the tails, then the files, of both what is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from mdnb.errors import DataImportError
from mdnb.market_store.footers import FileState, state_of
from mdnb.market_store.layout import HIDDEN, Partition, Series, partitions
from mdnb.market_store.overlay import overlaid
from mdnb.market_store.parts import list_parts, part_name, read_parts
from mdnb.market_store.schemas import bar_schema, change_schema, row_schema, times_of
from mdnb.market_store.tails import kind_of, list_tails, read_tail

__all__ = ["TailsOfNow", "newest_bars", "read_bars", "read_rows", "settled"]

_T = TypeVar("_T")
_TRIES: Final = 20
_NS_PER_US: Final = 1000
_GROWTH: Final = 4


class TailsOfNow:
    """What the tails of a store hold, read once and again only where they have grown.

    Parameters
    ----------
    base
        The store's folder.
    """

    def __init__(self, base: Path) -> None:
        self._hidden = base / HIDDEN
        self._read: dict[Path, tuple[FileState, list[tuple[Series, Any]]]] = {}

    def of(self, series: Series) -> list[tuple[int, Any]]:
        """Return the batches of a series, each with the number of its tail, oldest first.

        Raises
        ------
        FileNotFoundError
            A tail went into Parquet meanwhile: all is to be read anew.
        """
        kind = kind_of(series)
        found = []
        for number, _, path in self._tails(kind):
            found += [(number, table) for own, table in self._batches(path, kind) if own == series]
        return found

    def all_series(self) -> dict[Series, list[tuple[int, Any]]]:
        """Return the batches of all, by series; errors as of `of`."""
        found: dict[Series, list[tuple[int, Any]]] = {}
        for number, kind, path in list_tails(self._hidden):
            for series, table in self._batches(path, kind):
                found.setdefault(series, []).append((number, table))
        return found

    def _tails(self, kind: str) -> list[tuple[int, str, Path]]:
        return [one for one in list_tails(self._hidden) if one[1] == kind]

    def _batches(self, path: Path, kind: str) -> list[tuple[Series, Any]]:
        # Numbers begin anew once all is in Parquet: a tail of this name and size may be another one.
        state = state_of(path)
        held = self._read.get(path)
        if held is None or held[0] != state:
            held = self._read[path] = state, read_tail(path, kind).batches
            for old in [one for one in self._read if not one.exists()]:
                del self._read[old]
        return held[1]


def settled(read: Callable[[], _T]) -> _T:
    """Return what is read, once no file goes away meanwhile: into Parquet, or for the limit on the disk.

    Raises
    ------
    DataImportError
        Files go away all the time.
    """
    for _ in range(_TRIES):
        try:
            return read()
        except FileNotFoundError as error:
            gone = error
    raise DataImportError(f"{gone.filename or 'a file'} went away while it was read. Read again.") from gone


def read_bars(
    base: Path,
    series: Series,
    start_ns: int | None = None,
    end_ns: int | None = None,
    *,
    tails: TailsOfNow,
    names: Sequence[str] = (),
) -> Any:
    """Return the bars that start in a span, both ends included, as a table of `bar_schema`, oldest first.

    Parameters
    ----------
    names
        Which columns; the time is always there.

    Raises
    ------
    DataImportError
        A file does not read.
    """
    start, end = _bounds_us(start_ns, end_ns)

    def read() -> Any:
        changes = [table for _, table in tails.of(series)]
        parts = []
        for partition in partitions(base, series):
            if not _is_outside(partition.first_ns, partition.end_ns, start_ns, end_ns):
                parts += list_parts(partition.path)
        newest = _within(_joined(changes, change_schema()), start, end)
        wanted = list(names) if not newest.num_rows else ()
        held = _sorted(read_parts(parts, bar_schema(), start, end, wanted))
        made = overlaid(held, newest)
        return made.select(list(names)) if names else made

    return settled(read)


def newest_bars(
    base: Path, series: Series, count: int, *, tails: TailsOfNow, end_ns: int | None = None
) -> Any:
    """Return the newest bars as a table of `bar_schema`, oldest first; only the newest files are read.

    Parameters
    ----------
    end_ns
        Those that begin later are left out.
    """
    found = [one for one in partitions(base, series) if end_ns is None or one.first_ns <= end_ns]
    take = 1
    while True:
        start_ns = None if take >= len(found) else found[-take].first_ns
        made = read_bars(base, series, start_ns, end_ns, tails=tails)
        if start_ns is None or made.num_rows >= count:
            return made.slice(max(0, made.num_rows - count))
        take *= _GROWTH


def read_rows(
    base: Path, series: Series, start_ns: int | None = None, end_ns: int | None = None, *, tails: TailsOfNow
) -> Any:
    """Return the trades or quotes of a span, both ends included, oldest first; errors as of `read_bars`."""
    schema = row_schema(series.timeframe)

    def read() -> Any:
        newest = tails.of(series)
        tables = []
        for partition in partitions(base, series):
            if _is_outside(partition.first_ns, partition.end_ns, start_ns, end_ns):
                continue
            parts = list_parts(partition.path)
            tables.append(read_parts(parts, schema, start_ns, end_ns))
            # A tail that is in Parquet already for this day was left by a kill, or is about to go.
            # Segments go there in their order, and days are joined into the file of the last one.
            last = parts[-1].name if parts else ""
            newest = [
                (number, _outside(rows, partition) if part_name(number) <= last else rows)
                for number, rows in newest
            ]
        tables += [_within(table, start_ns, end_ns) for _, table in newest]
        return _sorted(_joined(tables, schema))

    return settled(read)


def _bounds_us(start_ns: int | None, end_ns: int | None) -> tuple[int | None, int | None]:
    """Return the first and the last microsecond in a span of nanoseconds."""
    start = None if start_ns is None else -(-start_ns // _NS_PER_US)
    return start, None if end_ns is None else end_ns // _NS_PER_US


def _is_outside(first_ns: int, stop_ns: int, start_ns: int | None, end_ns: int | None) -> bool:
    return (start_ns is not None and stop_ns <= start_ns) or (end_ns is not None and first_ns > end_ns)


def _sorted(table: Any) -> Any:
    """Return rows oldest first; those of one time stay in their order."""
    time = times_of(table)
    return table.take(np.argsort(time, kind="stable")) if (time[1:] < time[:-1]).any() else table


def _joined(tables: Sequence[Any], schema: Any) -> Any:
    import pyarrow as pa

    return pa.concat_tables([schema.empty_table(), *tables])


def _within(table: Any, start: int | None, end: int | None) -> Any:
    import pyarrow as pa

    if start is None is end:
        return table
    time = times_of(table)
    chosen = np.ones(len(time), dtype=bool)
    if start is not None:
        chosen &= time >= start
    if end is not None:
        chosen &= time <= end
    return table.filter(pa.array(chosen))


def _outside(table: Any, partition: Partition) -> Any:
    import pyarrow as pa

    time = times_of(table)
    return table.filter(pa.array((time < partition.first_ns) | (time >= partition.end_ns)))
