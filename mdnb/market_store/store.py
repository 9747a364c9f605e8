"""`MarketStore`: the bars, trades and quotes in a folder, read and written without a feed."""

from __future__ import annotations

import dataclasses
import html
import logging
import os
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from mdnb.arguments import When, to_end_ns, to_ns, whole_number
from mdnb.errors import (
    ClosedError,
    DataExportError,
    MdnbError,
    OptionError,
    SymbolError,
    TimeframeError,
    suggest,
)
from mdnb.io.paths import local_path
from mdnb.io.progress import ProgressOption, reporting
from mdnb.io.schema import zone_dtype
from mdnb.market_store.contents import HeldSeries, held_series
from mdnb.market_store.footers import Footers
from mdnb.market_store.frames import bar_frame, chosen_columns, row_frame
from mdnb.market_store.given_bars import given_table, merge
from mdnb.market_store.layout import QUOTES, TICKS, Series, all_series, folder_of
from mdnb.market_store.reading import TailsOfNow, read_bars, read_rows, settled
from mdnb.market_store.schemas import times_of
from mdnb.market_store.writer import StoreWriter, who_writes
from mdnb.records import Record
from mdnb.timeframes import Timeframe

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MarketStore", "StoreWrite"]

_log = logging.getLogger("mdnb")
_NS_PER_US: Final = 1000
_SHOWN: Final = 12


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StoreWrite(Record):
    """What became of bars that were given to a store.

    Attributes
    ----------
    symbol, timeframe
        What they are of.
    rows
        How many were given, without one that is being made.
    added, replaced, kept
        How many are new, took the place of others, or were not needed.
    later
        How many begin later than it is now by this computer's clock: no market takes these for its past.
    """

    symbol: str
    timeframe: str
    rows: int
    added: int
    replaced: int
    kept: int
    later: int


class MarketStore:
    """Markets in a folder: `mdnb.store` opens it, ``mdnb.live(..., store=...)`` keeps a market there.

    The folder is a tree of Parquet files in hive partitions, which pandas, pyarrow, polars, DuckDB and others
    read as it is, also while it is written. Whoever opens it may read; one at a time may write.

    Parameters
    ----------
    path
        The folder; it is made when something is written.
    tz
        Zone of frames, and of instants given as text without one.
    max_bytes
        Largest size of the Parquet files: the oldest days and years go first, the newest of each timeframe
        never. None is no limit.
    ticks, quotes
        Whether a market that is kept here keeps its trades and its quotes, too.
    segment_rows, seal_seconds
        What comes live goes into Parquet, where other programs see it, once there are so many rows, or so
        many seconds after the first one came. Until then it is in a file beside the tree.

    Raises
    ------
    OptionError
        A value is not allowed.

    Examples
    --------
    >>> import mdnb, tempfile
    >>> from mdnb.market_store.store import MarketStore
    >>> with MarketStore(tempfile.mkdtemp()) as store:
    ...     with mdnb.live("MNQ", "5min", initial_days=0.1, store=store) as live:
    ...         bars = live.data.get_data("5min", closed_only=True)
    ...     len(store.frame("MNQ", "5min")) >= len(bars) > 0, store.symbols(), store.timeframes("MNQ")
    (True, ['MNQ'], ['5min'])
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        tz: str = "UTC",
        max_bytes: int | None = None,
        ticks: bool = True,
        quotes: bool = True,
        segment_rows: int = 50_000,
        seal_seconds: float = 300.0,
    ) -> None:
        zone_dtype(tz)
        for name, value in (("ticks", ticks), ("quotes", quotes)):
            if not isinstance(value, bool):
                raise OptionError(f"{name} must be True or False; got {value!r}")
        is_number = isinstance(seal_seconds, (int, float)) and not isinstance(seal_seconds, bool)
        if not is_number or not 0 <= seal_seconds < float("inf"):
            raise OptionError(f"seal_seconds must be a number of 0 or more; got {seal_seconds!r}")
        self.path = local_path(path)
        if self.path.exists() and not self.path.is_dir():
            raise OptionError(f"{self.path} is a file; a store is a folder. A file is read with mdnb.read().")
        self.tz = tz
        self.max_bytes = None if max_bytes is None else whole_number("max_bytes", max_bytes, 1)
        self.keeps_ticks, self.keeps_quotes = ticks, quotes
        self._segment_rows = whole_number("segment_rows", segment_rows, 1)
        self._seal_seconds = float(seal_seconds)
        self._tails = TailsOfNow(self.path)
        self._footers = Footers()
        self._closed = False

    # -- what there is ------------------------------------------------------------------------------------

    def symbols(self) -> list[str]:
        """Return the symbols of which anything is held."""
        return sorted({series.symbol for series in self._series()})

    def timeframes(self, symbol: str) -> list[str]:
        """Return the timeframes of which bars of a symbol are held, fine to coarse.

        Raises
        ------
        SymbolError
            Nothing is held of it.
        """
        return [series.timeframe for series in self._of(symbol) if series.is_bars]

    def contents(self) -> list[HeldSeries]:
        """Return what is held: of each symbol and timeframe how many, since and until when.

        Raises
        ------
        DataImportError
            A file does not read.
        """
        self._check_open()
        return held_series(self.path, self._tails, self._footers, self.tz)

    @property
    def read_only(self) -> bool:
        """Whether somebody else writes it just now, so that `write` is refused."""
        return bool(who_writes(self.path))

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def _series(self) -> list[Series]:
        self._check_open()
        # The tails first: what goes from there into files meanwhile is found in these.
        newest = settled(self._tails.all_series)
        return sorted({*newest, *all_series(self.path)}, key=lambda series: series.sort_key)

    def _of(self, symbol: str) -> list[Series]:
        found = self._series()
        of_symbol = [series for series in found if series.symbol == symbol]
        if not of_symbol:
            names = sorted({series.symbol for series in found})
            held = suggest(str(symbol), names) if names else f"{self.path} holds nothing yet."
            raise SymbolError(f"the store holds nothing of {symbol!r}. {held}")
        return of_symbol

    # -- reading ------------------------------------------------------------------------------------------

    def frame(
        self,
        symbol: str,
        timeframe: str,
        start: When = None,
        end: When = None,
        columns: Sequence[str] | str | None = None,
    ) -> pd.DataFrame:
        """Return bars, oldest first; of the files only what is needed is read.

        Parameters
        ----------
        symbol, timeframe
            What; any spelling of a timeframe.
        start, end
            Only bars that begin in ``[start, end]``. A string without a zone is of the store's; as the end a
            day, month or year is all of it, as in pandas' slices.
        columns
            Names of those to read; by default those of a bar frame, and others where they say something:
            ``vwap``, ``partial``, ``filled``, ``amended``, ``closed_at``, ``contract``, ``origin``.

        Raises
        ------
        SymbolError, TimeframeError
            Nothing is held of it.
        OptionError
            ``start`` is after ``end``, or one of them is no instant; a column is unknown.
        DataImportError
            A file does not read.
        """
        names = chosen_columns(columns)
        series = Series(symbol, Timeframe.parse(timeframe).name)
        if series not in (held := self._of(symbol)):
            names_held = [one.timeframe for one in held if one.is_bars]
            raise TimeframeError(
                f"the store holds no {series.timeframe} bars of {symbol}."
                f" Held: {', '.join(names_held) or 'none'}."
            )
        start_ns, end_ns = self._span(start, end)
        table = read_bars(self.path, series, start_ns, end_ns, tails=self._tails, names=names)
        return bar_frame(table, self.tz, names[1:])

    def ticks(self, symbol: str, start: When = None, end: When = None) -> pd.DataFrame:
        """Return trades stamped in ``[start, end]``, oldest first; with the columns of a market's ticks.

        Raises
        ------
        SymbolError
            Nothing is held of it.
        DataImportError
            A file does not read.
        """
        return self._rows(symbol, TICKS, start, end)

    def quotes(self, symbol: str, start: When = None, end: When = None) -> pd.DataFrame:
        """Return quotes stamped in ``[start, end]``, oldest first; errors as of `ticks`."""
        return self._rows(symbol, QUOTES, start, end)

    def _span(self, start: When, end: When) -> tuple[int | None, int | None]:
        start_ns, end_ns = to_ns(start, self.tz), to_end_ns(end, self.tz)
        if start_ns is not None and end_ns is not None and start_ns > end_ns:
            raise OptionError(
                f"start={start!r} is after end={end!r}: nothing lies between them. Give the earlier one as"
                " start."
            )
        return start_ns, end_ns

    def _rows(self, symbol: str, kind: str, start: When, end: When) -> pd.DataFrame:
        self._of(symbol)
        start_ns, end_ns = self._span(start, end)
        table = read_rows(self.path, Series(symbol, kind), start_ns, end_ns, tails=self._tails)
        return row_frame(table, self.tz)

    # -- writing ------------------------------------------------------------------------------------------

    def writer(self) -> StoreWriter:
        """Return what writes it as rows come, and keeps others from it until it is closed.

        Raises
        ------
        DataExportError
            Somebody else writes it, or the folder cannot be made or written to.
        """
        self._check_open()
        return StoreWriter(
            self.path,
            max_bytes=self.max_bytes,
            segment_rows=self._segment_rows,
            seal_seconds=self._seal_seconds,
        )

    def write(
        self,
        symbol: str,
        timeframe: str,
        frame: pd.DataFrame,
        on_conflict: Literal["error", "keep", "replace"] = "error",
        *,
        positive_prices: bool = True,
        progress: ProgressOption = None,
    ) -> StoreWrite:
        """Write the bars of a frame: all of them, or none.

        Their column ``origin`` says ``write``, and a market that is kept here tells that it has such bars
        among those of its feed.

        Parameters
        ----------
        symbol, timeframe
            Whose, and of which timeframe.
        frame
            As a market gives it, or with the columns open, high, low, close and volume and times with a zone.
            A bar that is being made is left out.
        on_conflict
            What becomes of bars that are held with other values: ``"error"`` refuses all, ``"keep"`` leaves
            those held, ``"replace"`` takes the given ones. A whole bar always replaces a partial one.
        positive_prices
            False where prices may be zero and negative.
        progress
            As in `mdnb.read`; told are the days, or years, that are written. What such a function raises
            counts as what the disk does: the bars are held, and go into Parquet later.

        Raises
        ------
        OptionError, DataImportError
            The frame has no bars, or bars that cannot be or that contradict others; nothing was written.
        DataExportError
            Somebody else writes the store, or the disk does not take it; nothing was written.
        """
        with reporting(progress):
            return self._write(symbol, timeframe, frame, on_conflict, positive_prices=positive_prices)

    def _write(
        self,
        symbol: str,
        timeframe: str,
        frame: pd.DataFrame,
        on_conflict: Literal["error", "keep", "replace"],
        *,
        positive_prices: bool,
    ) -> StoreWrite:
        self._check_open()
        parsed = Timeframe.parse(timeframe)
        series = Series(symbol, parsed.name)
        folder_of(self.path, series)
        given = given_table(frame, parsed, positive_prices=positive_prices)
        writer = self.writer()
        try:
            times = times_of(given) * _NS_PER_US
            # What is held of the step before may overlap the first one.
            span = (int(times[0]) - parsed.step_ns, int(times[-1])) if len(times) else (0, -1)
            held = read_bars(self.path, series, *span, tails=self._tails)
            merged = merge(held, given, on_conflict, parsed.step_ns)
            if merged.changes.num_rows:
                writer.append(series, merged.changes)
                writer.sync()
        except BaseException:
            writer.discard()
            raise
        try:
            writer.close()
        except DataExportError as error:
            _log.warning("%s The bars are held, and go into Parquet when the store is written next.", error)
        for note in writer.notes:
            _log.warning("%s", note)
        later = int(np.count_nonzero(times_of(given) > time.time_ns() // _NS_PER_US))
        if later:
            _log.warning(
                "%s of the %s %s bars of %s begin later than it is now: no market takes these for its past",
                f"{later:,}",
                f"{given.num_rows:,}",
                parsed.name,
                symbol,
            )
        return StoreWrite(
            symbol=symbol,
            timeframe=parsed.name,
            rows=given.num_rows,
            added=merged.added,
            replaced=merged.replaced,
            kept=merged.kept,
            later=later,
        )

    # -- the end, and how it shows ------------------------------------------------------------------------

    def close(self) -> None:
        """Read and write no more; calling it again does nothing."""
        self._closed = True
        self._tails, self._footers = TailsOfNow(self.path), Footers()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(f"the store in {self.path} was closed. Open it again with mdnb.store().")

    def __enter__(self) -> MarketStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _table(self) -> tuple[str, list[tuple[str, ...]]]:
        """Return a title, and what is held as text: symbol, timeframe, rows, from, to, size."""
        if self._closed:
            return f"store {self.path}: closed", []
        try:
            held = self.contents()
        except MdnbError as error:
            return f"store {self.path}: {error}", []
        size = sum(one.bytes for one in held)
        who = who_writes(self.path)
        title = f"store {self.path}: {sum(one.rows for one in held):,} rows, {_size(size)}"
        title += f", written by {who}" if who else ""
        lines = [
            (
                one.symbol,
                one.timeframe,
                f"{one.rows:,}",
                *(str(when.floor("s")) for when in (one.first, one.last)),
                _size(one.bytes),
            )
            for one in held[:_SHOWN]
        ]
        if len(held) > _SHOWN:
            lines.append((f"and {len(held) - _SHOWN:,} more", "", "", "", "", ""))
        return title if held else f"store {self.path}: empty{f', written by {who}' if who else ''}", lines

    def __repr__(self) -> str:
        title, lines = self._table()
        if not lines:
            return f"<{title}>"
        widths = np.max([[len(cell) for cell in line] for line in lines], axis=0)
        rows = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
        return "\n  ".join([f"<{title}", *rows]) + ">"

    def _repr_html_(self) -> str:
        title, lines = self._table()
        head = "".join(f"<th>{one}</th>" for one in ("symbol", "timeframe", "rows", "from", "to", "size"))
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>" for line in lines
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if lines else ""
        return f"<div><b>{html.escape(title)}</b>{table}</div>"


def _size(size: Any) -> str:
    return f"{size / 1e6:.2f} MB" if size >= 10_000 else f"{size:,} bytes"
