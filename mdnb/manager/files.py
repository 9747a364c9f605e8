"""Export and import of bars."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from mdnb.arguments import whole_number
from mdnb.errors import DataImportError, OptionError
from mdnb.io.progress import carried, reporting, step
from mdnb.manager.import_bars import CheckedBars, check_import, import_bars, refuse_what_is_later
from mdnb.manager.import_conflicts import refuse_conflicts, replaces
from mdnb.manager.import_notes import with_left_out
from mdnb.manager.recognised_files import bars_of_ticks, recognised_for
from mdnb.runtime.process.bridge import await_call
from mdnb.runtime.process.user_warning import warn_user
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.statistics import ImportResult

if TYPE_CHECKING:
    import pandas as pd

    from mdnb.io.file_bars import FileBars
    from mdnb.io.read_options import ReadOptions
    from mdnb.io.recognise.given import Given
    from mdnb.io.source import AssumedZone

__all__ = ["Files"]

T = TypeVar("T")

_PRICES = ("open", "high", "low", "close")


class _How(NamedTuple):
    """How the bars of a file meet those held."""

    overwrite: bool
    lenient: bool
    on_conflict: str | None


class Files:
    """Export and import of one symbol's bars; slow work is done on worker threads."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market

    # -- out ------------------------------------------------------------------------------------------

    async def export_to_csv(
        self,
        timeframe: str,
        filename: str | os.PathLike[str] | None = None,
        *,
        include_volume: bool = True,
        date_format: str = "iso",
        include_forming: bool = False,
        count: int | None = None,
        with_times: bool = False,
    ) -> str | Path:
        """Return the bars of a timeframe as CSV text, or write them into a file.

        Where there are bars that are no whole ones, columns of true and false mark them: ``partial``,
        ``filled`` (nobody traded), ``forming``.

        Parameters
        ----------
        timeframe
            A timeframe that is kept.
        filename
            Written whole or not at all; None returns the text.
        include_volume
            With the column ``volume``.
        date_format
            ``iso`` (exact, with offset), ``epoch_s``, ``epoch_ms``, ``epoch_us``, ``epoch_ns`` or a
            ``strftime`` format for the wall clock of the suite's zone.
        include_forming
            With the bar that is being made, marked in a column ``forming``.
        count
            The newest so many; None for all, in memory and on disk.
        with_times
            With the column ``closed_at`` last, as `get_data` gives it, in ``date_format``; empty where it is
            unknown. Bars that are imported with it are known to ``get_data(as_of=)`` from then on, those that
            a column ``amended`` marks as they became: only Parquet holds how they were.

        Raises
        ------
        TimeframeError, OptionError
            When the timeframe is not kept or an option is not allowed.
        DataExportError
            When the file cannot be written; one that stood there is intact.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.5) as market:
        ...     text = market.data.export_to_csv("1min", count=2)
        >>> text.splitlines()[0]
        'timestamp,open,high,low,close,volume,tick_count,vwap'
        """
        frame = self._frame(timeframe, count, include_forming=include_forming, with_times=with_times)

        def write() -> str | Path:
            from mdnb.io.csv import write_csv

            return write_csv(frame, filename, include_volume=include_volume, date_format=date_format)

        return await self._work(write)

    async def export_to_json(
        self,
        timeframe: str,
        filename: str | os.PathLike[str] | None = None,
        *,
        pretty_format: bool = False,
        include_volume: bool = True,
        orient: str = "records",
        date_format: str = "iso",
        include_forming: bool = False,
        count: int | None = None,
        with_times: bool = False,
    ) -> str | Path:
        """Return the bars of a timeframe as JSON text, or write them into a file.

        Parameters
        ----------
        timeframe, filename, include_volume, date_format, include_forming, count, with_times
            As in `export_to_csv`; ``null`` where a ``closed_at`` is unknown.
        pretty_format
            One value a line.
        orient
            ``records``, ``columns`` or ``split``.

        Raises
        ------
        TimeframeError, OptionError, DataExportError
            As `export_to_csv`.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     text = market.data.export_to_json("5min", count=1)
        >>> text[:14]
        '[{"timestamp":'
        """
        frame = self._frame(timeframe, count, include_forming=include_forming, with_times=with_times)

        def write() -> str | Path:
            from mdnb.io.json import write_json

            return write_json(
                frame,
                filename,
                orient=orient,
                pretty_format=pretty_format,
                include_volume=include_volume,
                date_format=date_format,
            )

        return await self._work(write)

    async def export_to_parquet(
        self,
        timeframe: str,
        filename: str | os.PathLike[str],
        *,
        compression: str = "snappy",
        include_forming: bool = False,
        count: int | None = None,
        with_times: bool = True,
    ) -> Path:
        """Write the bars of a timeframe into a Parquet file; ``pandas.read_parquet`` gives them back exactly.

        Parameters
        ----------
        timeframe, filename, include_forming, count
            As in `export_to_csv`.
        compression
            ``snappy``, ``zstd`` (half the size), ``gzip``, ``brotli``, ``lz4`` or ``none``.
        with_times
            As in `export_to_csv`, but unless told otherwise the column is there: ``NaT`` where unknown. What
            bars were before later trades changed them is in the file's metadata, and comes back with them.

        Raises
        ------
        TimeframeError, OptionError, DataExportError
            As `export_to_csv`.

        Examples
        --------
        >>> import tempfile
        >>> import pandas as pd
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     with tempfile.TemporaryDirectory() as folder:
        ...         path = market.data.export_to_parquet("1min", f"{folder}/btc.parquet")
        ...         len(pd.read_parquet(path)) >= 140
        True
        """
        frame = self._frame(timeframe, count, include_forming=include_forming, with_times=with_times)
        engine = self._market.engine
        # A bar that changes in between was before it what it is in the frame.
        changes = engine.reader.changes_for_file(engine.canonical(timeframe), frame)

        def write() -> Path:
            from mdnb.io.parquet import write_parquet

            return write_parquet(frame, filename, compression=compression, changes=changes)

        return await self._work(write)

    def _frame(
        self, timeframe: str, count: int | None, *, include_forming: bool, with_times: bool
    ) -> pd.DataFrame:
        if not isinstance(with_times, bool):
            raise OptionError(f"with_times must be True or False; got {with_times!r}")
        count = None if count is None else whole_number("count", count, 0)
        reader = self._market.open().reader
        return reader.frame_for_file(timeframe, count, closed_only=not include_forming, with_times=with_times)

    async def _work(self, work: Callable[[], T]) -> T:
        with reporting():
            return await await_call(self._market.workers.run(carried(work)))

    # -- in -------------------------------------------------------------------------------------------

    async def import_from_csv(
        self,
        filename: str | os.PathLike[str],
        timeframe: str,
        *,
        date_column: str = "timestamp",
        price_columns: Sequence[str] = _PRICES,
        volume_column: str | None = "volume",
        tz: str | None = None,
        date_format: str | None = None,
        overwrite: bool = False,
        lenient: bool = False,
        on_conflict: str | None = None,
        symbol: str | None = None,
    ) -> ImportResult:
        """Import the bars of a CSV file; coarser timeframes are rebuilt from them.

        A column ``closed_at``, as `export_to_csv` writes it, tells when each was closed; bars without it
        count as closed at their end and the grace. The columns that mark bars are read, too: a partial bar
        stays partial, and so do the coarser ones made of it; one that was being made is left out.

        Parameters
        ----------
        filename
            A file on this machine.
        timeframe
            The timeframe the bars are of; it must be kept.
        date_column, price_columns, volume_column
            Names of the columns; ``volume_column=None`` where there is none.
        tz
            Zone of times without an offset; default the suite's.
        date_format
            By default ISO 8601 or whole numbers since 1970; else a ``strptime`` format.
        overwrite
            Bars of the file replace those held; else only intervals without a bar, or with a partial one, are
            filled.
        lenient
            Take the bars that fit even where most are refused.
        on_conflict
            ``"error"`` refuses the file where a bar of it differs from the one held at its time, or from
            another one of the file; ``"keep"`` is ``overwrite=False``, and of different rows of one time the
            first counts; ``"replace"`` is ``overwrite=True``, and the last counts, as without.
        symbol
            Which one, where a column ``symbol`` tells of several; None: the market's own, if it is there.

        Returns
        -------
        ImportResult
            What became of every bar of the file.

        Raises
        ------
        TimeframeError
            When the timeframe is not kept.
        DataImportError
            When the file is not understood, its bars are of another timeframe, or most of them are refused;
            nothing was changed.

        Warns
        -----
        UserWarning
            When bars were refused, with the reasons, the file names another symbol, rows of one time
            contradict each other, memory has no place for all bars, or bars begin after the one that is being
            made or, where none is, are not over at the market's time: they are left out.

        Examples
        --------
        >>> import tempfile
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     with tempfile.TemporaryDirectory() as folder:
        ...         path = market.data.export_to_csv("1min", f"{folder}/btc.csv")
        ...         result = market.data.import_from_csv(path, "1min")
        ...     result.kept == result.rows
        True
        """

        def read() -> FileBars:
            from mdnb.io.assemble import ColumnNames
            from mdnb.io.csv import csv_bars

            names = ColumnNames.of(date_column, price_columns, volume_column)
            return csv_bars(filename, names, timeframe, self._options(tz, symbol, on_conflict, date_format))

        how = _How(overwrite, lenient, on_conflict)
        return await self._import(read, filename, timeframe, how)

    async def import_from_json(
        self,
        filename: str | os.PathLike[str],
        timeframe: str,
        *,
        date_column: str = "timestamp",
        price_columns: Sequence[str] = _PRICES,
        volume_column: str | None = "volume",
        tz: str | None = None,
        overwrite: bool = False,
        lenient: bool = False,
        on_conflict: str | None = None,
        symbol: str | None = None,
    ) -> ImportResult:
        """Import the bars of a JSON file; see `import_from_csv`.

        Raises
        ------
        TimeframeError, DataImportError
            As `import_from_csv`.

        Examples
        --------
        >>> import tempfile
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     with tempfile.TemporaryDirectory() as folder:
        ...         path = market.data.export_to_json("1min", f"{folder}/btc.json")
        ...         result = market.data.import_from_json(path, "1min")
        ...     result.kept == result.rows
        True
        """

        def read() -> FileBars:
            from mdnb.io.assemble import ColumnNames
            from mdnb.io.json_read import json_bars

            names = ColumnNames.of(date_column, price_columns, volume_column)
            return json_bars(filename, names, timeframe, self._options(tz, symbol, on_conflict))

        how = _How(overwrite, lenient, on_conflict)
        return await self._import(read, filename, timeframe, how)

    async def import_from_parquet(
        self,
        filename: str | os.PathLike[str],
        timeframe: str,
        *,
        tz: str | None = None,
        overwrite: bool = False,
        lenient: bool = False,
        on_conflict: str | None = None,
        symbol: str | None = None,
    ) -> ImportResult:
        """Import the bars of a Parquet file; see `import_from_csv`.

        A file that holds several timeframes gives the one asked for. ``tz`` is the zone of times that have
        none, as in a text file.

        Raises
        ------
        TimeframeError, DataImportError
            As `import_from_csv`.

        Examples
        --------
        >>> import tempfile
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     with tempfile.TemporaryDirectory() as folder:
        ...         path = market.data.export_to_parquet("1min", f"{folder}/btc.parquet")
        ...         result = market.data.import_from_parquet(path, "1min")
        ...     result.kept == result.rows
        True
        """

        def read() -> FileBars:
            from mdnb.io.parquet_read import parquet_bars

            name = self._market.engine.canonical(timeframe)
            return parquet_bars(filename, name, self._options(tz, symbol, on_conflict))

        how = _How(overwrite, lenient, on_conflict)
        return await self._import(read, filename, timeframe, how)

    def _options(
        self,
        tz: str | None,
        symbol: str | None,
        on_conflict: str | None,
        date_format: str | None = None,
    ) -> ReadOptions:
        """Return how a file is read for this market, of which something is said."""
        from mdnb.io.read_options import ReadOptions

        return ReadOptions(
            tz=tz or self._assumed_zone(),
            date_format=date_format,
            positive_prices=self._positive_prices,
            symbol=symbol,
            prefers=self._market.symbol,
            first_counts=on_conflict == "keep",
        )

    async def import_kept(
        self,
        filename: str | os.PathLike[str],
        timeframe: str | None = None,
        *,
        tz: str | None = None,
        overwrite: bool = False,
        lenient: bool = False,
        on_conflict: str | None = None,
        symbol: str | None = None,
        date_format: str | None = None,
    ) -> list[ImportResult]:
        """Import a timeframe of a file that may hold several, or every one of it that is kept here.

        Raises
        ------
        DataImportError
            As `import_from_csv`; nothing was changed where the file itself is not sound.
        """
        engine = self._market.open()
        kept = engine.timeframes()
        only = None if timeframe is None else engine.canonical(timeframe)

        def read() -> dict[str, FileBars]:
            from mdnb.io.formats import bars_of_timeframes

            how = self._options(tz, symbol, on_conflict, date_format)
            return bars_of_timeframes(filename, kept if only is None else only, how)

        held = await self._work(read)
        return await self._put(held, Path(filename).name, _How(overwrite, lenient, on_conflict))

    async def import_saved(
        self,
        filename: str | os.PathLike[str],
        timeframe: str | None = None,
        *,
        symbol: str | None = None,
        overwrite: bool = False,
        lenient: bool = False,
        on_conflict: str | None = None,
        positive_prices: bool | None = None,
    ) -> list[ImportResult]:
        """Import a timeframe of a saved market, or every one of it that is kept here.

        Raises
        ------
        DataImportError
            As `import_from_csv`; also where it holds no timeframe that is kept.
        """
        engine = self._market.open()
        kept = engine.timeframes() if timeframe is None else [engine.canonical(timeframe)]
        positive = self._positive_prices if positive_prices is None else positive_prices
        where = Path(filename).name

        def read() -> tuple[dict[str, FileBars], tuple[str, ...]]:
            from mdnb.io.recognise.given import Given
            from mdnb.io.recognise.saved import saved_bars_of

            given = Given(symbol=symbol, positive_prices=positive)
            found = saved_bars_of(filename, given, self._market.symbol)
            return {name: found[name] for name in kept if name in found}, tuple(found)

        held, names = await self._work(read)
        if not held:
            raise DataImportError(
                f"{where}: it holds {', '.join(names) or 'no bars'}, and kept is {', '.join(kept)}. Add one:"
                f" add_timeframe({(names or ('1min',))[0]!r}). Nothing was imported."
            )
        how = _How(overwrite, lenient, on_conflict)
        results = await self._put(held, where, how, positive_prices=positive_prices)
        return with_left_out(results, names, kept)

    async def is_saved_market(self, filename: str | os.PathLike[str]) -> bool:
        """Return whether a file is a saved market."""

        def look() -> bool:
            from mdnb.io.saved_market import is_saved_market

            return is_saved_market(filename)

        return await self._work(look)

    async def is_like_an_export(self, filename: str | os.PathLike[str]) -> bool:
        """Return whether a file has the form of an export, which the readers of one format read in full."""

        def look() -> bool:
            from mdnb.io.recognise.exported import is_like_an_export

            return is_like_an_export(filename)

        return await self._work(look)

    async def import_recognised(
        self,
        filename: str | os.PathLike[str],
        timeframe: str | None = None,
        *,
        overwrite: bool = False,
        lenient: bool = False,
        on_conflict: str | None = None,
        **said: Any,
    ) -> list[ImportResult]:
        """Import the bars of a file that anybody wrote, of one timeframe; ``said`` as in `mdnb.read`.

        Raises
        ------
        TimeframeError, OptionError, DataImportError
            As `import_from_csv`; also where something has to be said that the file does not tell.
        """
        how = _How(overwrite, lenient, on_conflict)
        if on_conflict is not None:
            said["on_conflict"] = on_conflict
        if timeframe is not None:
            return await self._import_foreign(filename, recognised_for, [timeframe], how, said)
        symbol = said.get("symbol")
        held = await self.timeframes_in(filename, symbol) if await self.names_timeframes(filename) else ()
        kept = self._market.open().timeframes()
        named: list[str | None] = [name for name in held if name in kept]
        if len(held) > 1 and not named:
            said["prefers"] = held[0]
        results = await self._import_foreign(filename, recognised_for, named or [None], how, said)
        return with_left_out(results, held, named or held[:1])

    async def names_timeframes(self, filename: str | os.PathLike[str]) -> bool:
        """Return whether a file may hold several timeframes and name them."""

        def look() -> bool:
            from mdnb.io.recognise.exported import names_timeframes

            return names_timeframes(filename)

        return await self._work(look)

    async def timeframes_in(
        self, filename: str | os.PathLike[str], symbol: str | None = None
    ) -> tuple[str, ...]:
        """Return the timeframes that a file names, finest first."""

        def look() -> tuple[str, ...]:
            from mdnb.io.formats import timeframes_in
            from mdnb.io.recognise.arrow_table import sheets_of_timeframes

            is_book = Path(filename).suffix.lower() == ".xlsx"
            if is_book:
                return sheets_of_timeframes(filename)
            return timeframes_in(filename, symbol=symbol, prefers=self._market.symbol)

        return await self._work(look)

    async def import_ticks(
        self,
        filename: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        lenient: bool = False,
        on_conflict: str | None = None,
        **said: Any,
    ) -> list[ImportResult]:
        """Import the bars that the trades of a file make; ``said`` as in `mdnb.read_ticks`.

        Raises
        ------
        OptionError, DataImportError
            As `import_recognised`.
        """
        how = _How(overwrite, lenient, on_conflict)
        return await self._import_foreign(filename, bars_of_ticks, [None], how, said)

    async def _import_foreign(
        self,
        filename: str | os.PathLike[str],
        make: Callable[[SymbolMarket, str | os.PathLike[str], Given], dict[str, FileBars]],
        timeframes: Sequence[str | None],
        how: _How,
        said: dict[str, Any],
    ) -> list[ImportResult]:
        positive_prices = said.pop("positive_prices", None)
        self._market.open()

        def read() -> dict[str, FileBars]:
            from mdnb.io.recognise.given import Given

            wanted = self._positive_prices if positive_prices is None else positive_prices
            given = [Given(timeframe=name, positive_prices=wanted, **said) for name in timeframes]
            found = [make(self._market, filename, each) for each in given]
            return {name: bars for held in found for name, bars in held.items()}

        held = await self._work(read)
        return await self._put(held, Path(filename).name, how, positive_prices=positive_prices)

    def _assumed_zone(self) -> AssumedZone:
        from mdnb.io.source import AssumedZone

        return AssumedZone(self._market.engine.tz)

    @property
    def _positive_prices(self) -> bool:
        return self._market.engine.instrument.positive_prices

    async def _import(
        self,
        read: Callable[[], FileBars],
        filename: str | os.PathLike[str],
        timeframe: str,
        how: _How,
    ) -> ImportResult:
        name = self._market.open().canonical(timeframe)
        held = {name: await self._work(read)}
        (result,) = await self._put(held, Path(filename).name, how)
        return result

    async def _put(
        self,
        held: dict[str, FileBars],
        where: str,
        how: _How,
        *,
        positive_prices: bool | None = None,
    ) -> list[ImportResult]:
        overwrite, lenient = replaces(how.overwrite, how.on_conflict), how.lenient
        if not isinstance(lenient, bool):
            raise OptionError(f"lenient must be True or False; got {lenient!r}")
        results: list[ImportResult] = []
        warned: list[str] = []
        # All are looked at before the first one changes anything.
        checked: list[CheckedBars] = []
        for name, bars in reversed(held.items()):
            text, done = f"checking {name} bars of {where}", (len(checked), len(held))
            look = functools.partial(
                check_import,
                self._market,
                bars,
                name,
                where,
                lenient=lenient,
                positive_prices=positive_prices,
            )
            checked.append(await self._work(_after(look, *done, text)))
        if not lenient:
            await self._work(functools.partial(refuse_what_is_later, self._market, checked, where))
        if how.on_conflict == "error":
            await self._work(functools.partial(refuse_conflicts, self._market, checked, where))
        # Coarsest first: what a file tells of a bar counts for more than what its finer ones add up to.
        for one in checked:
            put = functools.partial(import_bars, self._market, one, overwrite=overwrite)
            # From the first one on nothing stops it: all of it is taken, or nothing.
            work = _after(put, 0, len(held), f"merging {where}") if one is checked[0] else put
            result, said = await self._work(work)
            results.insert(0, result)
            warned[:0] = [said] if said else []
        if warned:
            # Who does not look at the results learns of it all the same.
            warn_user(f"{where}, {'; '.join(warned)}")
        return results


def _after(work: Callable[[], T], done: int, total: int, text: str) -> Callable[[], T]:
    """Return work before which who listens is told how far all of it is."""

    def told() -> T:
        step(done, total, text)
        return work()

    return told
