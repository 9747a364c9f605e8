"""What came last, before it is in Parquet: Arrow streams to which each batch is appended in one write.

A process may be killed in the midst of one: whoever reads a tail stops at the last whole batch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, NamedTuple

from mdnb.market_store.layout import Series
from mdnb.market_store.schemas import change_schema, row_schema

__all__ = ["KINDS", "Tail", "TailRows", "kind_of", "list_tails", "read_tail", "tail_name"]

KINDS: Final = ("bars", "ticks", "quotes")
_SUFFIX: Final = ".arrows"
_PREFIX: Final = "tail-"


class TailRows(NamedTuple):
    """What a tail holds.

    Attributes
    ----------
    batches
        In order, each with the series that it is of.
    good_bytes, torn_bytes
        How much of the file they are, and how much behind them is no whole batch.
    """

    batches: list[tuple[Series, Any]]
    good_bytes: int
    torn_bytes: int


def kind_of(series: Series) -> str:
    """Return in which kind of tail a series is written."""
    return "bars" if series.is_bars else series.timeframe


def tail_name(number: int, kind: str) -> str:
    """Return the name of a tail's file.

    Examples
    --------
    >>> tail_name(7, "bars")
    'tail-000000000007-bars.arrows'
    """
    return f"{_PREFIX}{number:012d}-{kind}{_SUFFIX}"


def list_tails(folder: Path) -> list[tuple[int, str, Path]]:
    """Return the tails in a folder, by number and kind."""
    found = []
    try:
        listed = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    for path in listed:
        number, _, kind = path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX).partition("-")
        if number.isdecimal() and kind in KINDS and path.name == tail_name(int(number), kind):
            found.append((int(number), kind, path))
    return found


def _schema(kind: str) -> Any:
    import pyarrow as pa

    inner = change_schema() if kind == "bars" else row_schema(kind)
    return pa.schema([pa.field("symbol", pa.string()), pa.field("timeframe", pa.string()), *inner])


class Tail:
    """A tail that is being written.

    Parameters
    ----------
    path
        Where; it must not be there.
    kind
        One of `KINDS`.

    Raises
    ------
    OSError
        It cannot be made.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self._schema = _schema(kind)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(path, flags, 0o666)
        self._size = 0
        self._is_synced = True
        try:
            self._write(self._schema.serialize())
        except OSError:
            self.close()
            path.unlink(missing_ok=True)
            raise

    @property
    def is_there(self) -> bool:
        """Whether the file is still in its place: a folder may be deleted while it is written."""
        try:
            status, own = self.path.stat(), os.fstat(self._descriptor)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == (own.st_dev, own.st_ino)

    def append(self, series: Series, table: Any) -> None:
        """Write rows of a series as one batch; what does not fit on the disk is not there at all.

        Raises
        ------
        OSError
            The disk does not take it; the tail is as it was.
        """
        import pyarrow as pa

        count = table.num_rows
        names = [pa.repeat(text, count) for text in series]
        columns = [column.combine_chunks() for column in table.columns]
        batch = pa.record_batch([*names, *columns], schema=self._schema)
        self._write(batch.serialize())

    def _write(self, message: Any) -> None:
        rest = memoryview(message)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BaseException:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(message)
        self._is_synced = False

    def sync(self) -> None:
        """Force what was written to disk."""
        if not self._is_synced:
            os.fsync(self._descriptor)
            self._is_synced = True

    def close(self) -> None:
        """Let go of the file; calling it again does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def read_tail(path: Path, kind: str) -> TailRows:
    """Return what a tail holds, to the last whole batch, each checked before it is looked into.

    Raises
    ------
    OSError
        The file has gone, or cannot be read.
    """
    import pyarrow as pa

    content = path.read_bytes()
    source = pa.BufferReader(content)
    batches: list[tuple[Series, Any]] = []
    good = 0
    schema = _schema(kind)
    try:
        reader = pa.ipc.open_stream(source)
        if reader.schema != schema:
            return TailRows([], 0, len(content))
        good = source.tell()
        while True:
            batch = reader.read_next_batch()
            batch.validate(full=True)
            if batch.num_rows:
                table = pa.Table.from_batches([batch])
                first = table.slice(0, 1)
                series = Series(first["symbol"][0].as_py(), first["timeframe"][0].as_py())
                batches.append((series, table.drop_columns(["symbol", "timeframe"])))
            good = source.tell()
    except StopIteration:
        pass
    except (pa.ArrowException, OSError, ValueError, EOFError):
        pass  # torn by a kill, or damaged: what is before it counts
    return TailRows(batches, good, len(content) - good)
