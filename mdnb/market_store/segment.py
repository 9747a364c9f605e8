"""What came since the last time something went into Parquet: in memory, and in tails on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mdnb.market_store.layout import Series
from mdnb.market_store.tails import KINDS, Tail, kind_of, tail_name

__all__ = ["OpenSegment"]


class OpenSegment:
    """Rows on their way into Parquet.

    Parameters
    ----------
    number
        Which one: files of trades and quotes are named by it, so that none is written twice.
    folder
        Where its tails are.

    Attributes
    ----------
    tables
        What is still to go into Parquet, by series.
    rows
        How many came from this process.
    """

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.tables: dict[Series, list[Any]] = {}
        self.rows = 0
        self._folder = folder
        self._tails: dict[str, Tail] = {}
        self._unwritten: list[tuple[Series, Any]] = []
        self._left: list[Path] = []

    @property
    def unwritten(self) -> int:
        """How many rows are in memory alone."""
        return sum(table.num_rows for _, table in self._unwritten)

    @property
    def unsealed(self) -> int:
        """How many rows are still to go into Parquet."""
        return sum(table.num_rows for tables in self.tables.values() for table in tables)

    def add(self, series: Series, table: Any) -> None:
        """Take rows; `flush` puts them into a tail."""
        self.tables.setdefault(series, []).append(table)
        self._unwritten.append((series, table))
        self.rows += table.num_rows

    def hold(self, series: Series, table: Any, path: Path) -> None:
        """Take rows that are in a tail of an earlier process."""
        self.tables.setdefault(series, []).append(table)
        self.adopt(path)

    def adopt(self, path: Path) -> None:
        """Delete a tail of an earlier process when all is in Parquet."""
        if path not in self._left:
            self._left.append(path)

    def flush(self) -> None:
        """Append to the tails what is in memory alone.

        Raises
        ------
        OSError
            The disk does not take it; what it took is taken.
        """
        while self._unwritten:
            series, table = self._unwritten[0]
            kind = kind_of(series)
            if kind not in self._tails:
                self._tails[kind] = Tail(self._folder / tail_name(self.number, kind), kind)
            self._tails[kind].append(series, table)
            self._unwritten.pop(0)

    def drop_oldest(self, rows: int) -> int:
        """Forget of what is in memory alone the oldest, at least so many rows; return how many."""
        gone = 0
        while self._unwritten and gone < rows:
            series, table = self._unwritten.pop(0)
            gone += table.num_rows
            held = [one for one in self.tables[series] if one is not table]
            if held:
                self.tables[series] = held
            else:
                del self.tables[series]
        self.rows -= gone
        return gone

    def sync(self) -> None:
        """Force the tails to disk."""
        for tail in self._tails.values():
            tail.sync()

    @property
    def is_there(self) -> bool:
        """Whether its tails are where they were made."""
        return all(tail.is_there for tail in self._tails.values())

    def write_anew(self) -> None:
        """Let what is not in Parquet count as not written, where its tail has gone."""
        there = {kind for kind in KINDS if self._has_tail(kind)}
        for kind in self._tails.keys() - there:
            self._tails.pop(kind).close()
        waiting = {id(table) for _, table in self._unwritten}
        self._unwritten = [
            (series, table)
            for series, tables in self.tables.items()
            for table in tables
            if kind_of(series) not in there or id(table) in waiting
        ]

    def _has_tail(self, kind: str) -> bool:
        tail = self._tails.get(kind)
        if tail is not None:
            return tail.is_there
        path = self._folder / tail_name(self.number, kind)
        return path in self._left and path.exists()

    def delete(self) -> None:
        """Delete the tails: all is in Parquet."""
        self._close()
        for path in [*(tail.path for tail in self._tails.values()), *self._left]:
            path.unlink(missing_ok=True)
        self._tails.clear()
        self._left.clear()

    def _close(self) -> None:
        for tail in self._tails.values():
            tail.close()

    close = _close
