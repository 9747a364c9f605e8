"""From tails into Parquet: what is new goes into new files, a bar that changed into the file that has it.

A file that is there stays as it is wherever possible: some programs look how large it is, and open it later.
"""

from __future__ import annotations

import errno
import secrets
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mdnb.errors import DataImportError
from mdnb.io.progress import step
from mdnb.market_store.exchange import exchange
from mdnb.market_store.footers import Footers
from mdnb.market_store.layout import Series, check_folder, days_of, folder_of, partitions
from mdnb.market_store.overlay import identities, match, rows_differ
from mdnb.market_store.parts import (
    TEMPORARY_SUFFIX,
    DamagedPartError,
    joined_name,
    list_parts,
    part_name,
    part_number,
    read_parts,
    sync_folder,
    write_part,
)
from mdnb.market_store.schemas import bar_schema, row_schema, times_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Sealer"]

_NS_PER_US: Final = 1000
_MANY: Final = 8
_AT_ONCE: Final = 8


class Sealer:
    """Puts rows into the Parquet files of a store.

    Parameters
    ----------
    base
        The store's folder.
    scratch
        Where files are written before they take their places, and where those go that do not read.
    on_damage
        Is told of a file that did not read and had to make way.
    on_written
        Is told of each file and its size; 0 where there is none any more.
    """

    def __init__(
        self,
        base: Path,
        scratch: Path,
        on_damage: Callable[[str], None],
        on_written: Callable[[Path, int], None],
    ) -> None:
        self._base = base
        self._scratch = scratch
        self._on_damage = on_damage
        self._on_written = on_written
        self._footers = Footers()
        self._replaced: Path | None = None

    def seal(self, series: Series, tables: Sequence[Any], number: int) -> None:
        """Put rows of a series into its files; done again, the files hold the same.

        Parameters
        ----------
        number
            Of the segment that they are of: by it a file of trades or quotes is known.

        Raises
        ------
        OSError
            The disk does not take it; each file is the old one or the new one.
        """
        import pyarrow as pa

        table = pa.concat_tables(tables)
        unit = _NS_PER_US if series.is_bars else 1
        names, at = days_of(series, times_of(table) * unit)
        table, at = _by_day(table, at)
        ends = np.searchsorted(at, np.arange(len(names)), side="right").tolist()

        def put(place: int) -> None:
            start = ends[place - 1] if place else 0
            folder = folder_of(self._base, series) / names[place]
            rows = table.slice(start, ends[place] - start)
            if series.is_bars:
                self._seal_bars(folder, rows)
            elif not self._is_in(folder, number):  # else before the process was killed
                self._write(folder / part_name(number), rows.cast(row_schema(series.timeframe)))

        if len(names) < _MANY:
            for place in range(len(names)):
                put(place)
            return
        # Most of the time is waiting for the disk, which forces several files as quickly as one.
        with ThreadPoolExecutor(_AT_ONCE, "mdnb-seal") as pool:
            try:
                for at_day, done in enumerate([pool.submit(put, place) for place in range(len(names))], 1):
                    done.result()
                    step(at_day, len(names), f"writing {series.symbol} {series.timeframe}")
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    @staticmethod
    def _is_in(folder: Path, number: int) -> bool:
        """Return whether a segment of trades or quotes is in a partition: they go there in their order."""
        return any(part_number(path) >= number for path in list_parts(folder))

    def change(self, series: Series, before: Any, now: Any) -> None:
        """Let trades that are in Parquet be others: they stay in the files that they are in.

        Parameters
        ----------
        before, now
            Tables of `row_schema`, row by row the same trade; one that is not there is passed over, and one
            that is of another day now stays where it is.

        Raises
        ------
        OSError
            The disk does not take it.
        """
        import pyarrow as pa

        schema = row_schema(series.timeframe)
        names, at = days_of(series, times_of(before))
        for place, name in enumerate(names):
            wanted = {row: n for n, row in enumerate(identities(before)) if at[n] == place}
            for path in reversed(list_parts(folder_of(self._base, series) / name)):
                if not wanted:
                    break
                table = read_parts([path], schema)
                order = np.arange(table.num_rows)
                for row, identity in enumerate(identities(table)):
                    if identity in wanted:
                        order[row] = table.num_rows + wanted.pop(identity)
                if (order >= table.num_rows).any():
                    self._write(path, pa.concat_tables([table, now.cast(schema)]).take(order))

    def _seal_bars(self, folder: Path, changes: Any) -> None:
        import pyarrow as pa

        schema = bar_schema()
        paths, tables = self._touched(folder, times_of(changes))
        held = pa.concat_tables([schema.empty_table(), *tables])
        found = match(held, changes)
        names = schema.names
        rows = np.flatnonzero(found.is_held)
        if not len(rows):
            self._write_new(folder, found.changes.filter(pa.array(~found.gone)))
            return
        differs = found.gone[rows] | rows_differ(held, found.at, found.changes, rows)
        first = 0
        for path, table in zip(paths, tables, strict=True):
            inside = differs & (found.at >= first) & (found.at < first + table.num_rows)
            if inside.any():
                order = np.arange(table.num_rows)
                order[found.at[inside] - first] = table.num_rows + np.arange(np.count_nonzero(inside))
                stays = np.ones(table.num_rows, dtype=bool)
                stays[found.at[inside & found.gone[rows]] - first] = False
                new = found.changes.take(rows[inside]).select(names)
                self._write(path, pa.concat_tables([table, new]).take(order[stays]))
            first += table.num_rows
        self._write_new(folder, found.changes.filter(pa.array(~found.is_held & ~found.gone)))

    def _write_new(self, folder: Path, bars: Any) -> None:
        schema = bar_schema()
        if bars.num_rows:
            self._write(folder / part_name(_next_number(folder)), bars.select(schema.names).cast(schema))

    def _touched(self, folder: Path, times: Any) -> tuple[list[Path], list[Any]]:
        """Return the files that hold bars of a span of time, and what is in them."""
        paths, tables = [], []
        first, last = int(times.min()), int(times.max())
        for path in list_parts(folder):
            try:
                footer = self._footers.of(path)
                if footer.rows and footer.first <= last and first <= footer.last:
                    tables.append(read_parts([path], bar_schema()))
                    paths.append(path)
            except DamagedPartError as error:
                self._set_aside(path, error)
            except DataImportError as error:
                # It may be sound: it is tried again.
                raise OSError(errno.EIO, str(error)) from error
        return paths, tables

    def set_aside_damaged(self, series: Series) -> None:
        """Let the files of a series that do not read make way.

        Raises
        ------
        OSError
            One cannot be moved.
        """
        schema = bar_schema() if series.is_bars else row_schema(series.timeframe)
        for partition in partitions(self._base, series):
            for path in list_parts(partition.path):
                try:
                    read_parts([path], schema)
                except DamagedPartError as error:
                    self._set_aside(path, error)
                except DataImportError:
                    continue

    def _set_aside(self, path: Path, error: DataImportError) -> None:
        aside = self._scratch / ",".join((*path.parts[-4:-1], path.name))
        path.replace(aside)
        sync_folder(path.parent)
        self._on_written(path, 0)
        reason = str(error.__cause__ or error).splitlines()[0][:150].rstrip(".")
        self._on_damage(f"{path} is no file of a store: {reason}. It is {aside} now.")

    def _write(self, path: Path, table: Any) -> None:
        if not table.num_rows:
            path.unlink(missing_ok=True)
            self._on_written(path, 0)
            return
        check_folder(self._base, path.parent)
        self._on_written(path, write_part(path, table, self._scratch))

    def join(self, series: Series, folder: Path) -> bool:
        """Put the files of a partition into one, where the system can exchange two folders at once.

        A program that has listed the files and opens one later does not find it, and has to read again;
        nobody finds anything twice, or not at all.

        Returns
        -------
        bool
            Whether the system can.

        Raises
        ------
        OSError
            The disk does not take it; all is as it was.
        """
        paths = list_parts(folder)
        schema = bar_schema() if series.is_bars else row_schema(series.timeframe)
        if any(other not in paths for other in folder.iterdir()):  # somebody else's
            return True
        try:
            table = read_parts(paths, schema)
        except DataImportError:
            return True
        table = table.take(np.argsort(times_of(table), kind="stable"))
        self.clear()
        aside = self._scratch / f"{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
        aside.mkdir()
        try:
            path = aside / joined_name(paths[-1])
            size = write_part(path, table, self._scratch)
            for other in folder.iterdir():
                if other not in paths:
                    return True
            if not exchange(aside, folder):
                return False
            # Who is listing it is to find all of it, and then no such files, instead of some: the names stay.
            self._replaced = aside
            for name in aside.iterdir():
                empty = self._scratch / f"{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
                empty.touch(exist_ok=False)
                empty.replace(name)
        finally:
            if self._replaced is None:
                shutil.rmtree(aside, ignore_errors=True)
        sync_folder(folder.parent)
        for path in paths:
            self._on_written(path, 0)
        self._on_written(folder / joined_name(paths[-1]), size)
        return True

    def clear(self) -> None:
        """Delete the folder that was exchanged last."""
        replaced, self._replaced = self._replaced, None
        if replaced is not None:
            shutil.rmtree(replaced, ignore_errors=True)


def _by_day(table: Any, at: NDArray[np.intp]) -> tuple[Any, NDArray[np.intp]]:
    """Return rows so that those of a day stand together, in their order, and the day of each."""
    if (at[1:] >= at[:-1]).all():
        return table, at
    order = np.argsort(at, kind="stable")
    return table.take(order), at[order]


def _next_number(folder: Path) -> int:
    """Return a number above those of a partition's files."""
    return max(map(part_number, list_parts(folder)), default=0) + 1
