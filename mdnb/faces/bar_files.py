"""One-call export and import of one symbol's bars; the format follows from the file's ending."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdnb.errors import DataExportError, NoDataError, OptionError, SymbolError, suggest
from mdnb.io.progress import ProgressOption, carried, reporting
from mdnb.manager.import_notes import with_left_out
from mdnb.manager.parts import ManagerParts
from mdnb.runtime.process.bridge import await_call
from mdnb.runtime.process.user_warning import warn_user
from mdnb.statistics import ImportResult
from mdnb.stores.ticks import is_in_bars
from mdnb.timeframes import Timeframe

if TYPE_CHECKING:
    import pandas as pd

    from mdnb.stores.amendments import Changes

__all__ = ["BarFiles"]

_ALL = "all"

_PRICES = ("open", "high", "low", "close")
_DEFAULTS = {
    "date_column": "timestamp",
    "price_columns": _PRICES,
    "volume_column": "volume",
    "tz": None,
    "date_format": None,
}


class BarFiles:
    """Files of one symbol's bars.

    Parameters
    ----------
    parts
        Of the symbol.
    others
        Those of the symbols beside it, whose bars a file does not hold.
    """

    def __init__(self, parts: ManagerParts, others: Sequence[BarFiles] = ()) -> None:
        self._parts = parts
        self._others = others

    async def export(
        self,
        filename: str | Path,
        timeframe: str | None = None,
        *,
        include_forming: bool = False,
        with_times: bool | None = None,
        what: str = "bars",
        envelope: bool = False,
        symbols: str | Sequence[str] | None = None,
        progress: ProgressOption = None,
    ) -> Path:
        """Write the symbol's bars into a file: all timeframes, or one.

        Of several timeframes each row tells of which it is, in a column ``timeframe``, in every format: CSV
        and JSON, too. `load` and `mdnb.read` give each of them back. A workbook has a sheet a timeframe.

        A market of several symbols writes its first one, and warns of the others: ``live["MES"].export(...)``
        writes those, ``symbols="all"`` puts all into one file, with a column ``symbol``, and a folder gets a
        file of each.

        Parameters
        ----------
        filename
            Its ending says the format: ``.parquet``, ``.feather`` or ``.arrow``, ``.xlsx`` (a sheet a
            timeframe; needs ``mdnb[xlsx]``), ``.csv``, ``.tsv``, ``.json`` or ``.jsonl``, the last four also
            packed, with ``.gz`` or ``.zst`` behind. A folder, or a name that ends in ``/``, gets a Parquet
            file of each symbol, named by it.
        timeframe
            Only this one, without the column.
        include_forming
            With the bar that is being made, which is no whole one.
        with_times
            With the column ``closed_at``, when each bar was closed, which ``load`` brings back, and in
            Parquet and Arrow with what bars were before later trades changed them, for which the others have
            no place. None: in Parquet and Arrow, not in the others.
        what
            ``"bars"``; ``"ticks"`` or ``"quotes"``: those in memory, with times to the nanosecond, for
            `mdnb.read_ticks` and `load_ticks`. Trades that are kept out of the bars (late, far off the
            market, taken back) are not among them.
        envelope
            Wrap the bars of a ``.json`` file into an object that tells symbol, timeframe, zone, source and
            version; Parquet and Arrow files tell it always.
        symbols
            Those to write into one file, told apart by a column ``symbol``: ``"all"`` of the market, or
            some. A workbook holds one only. None: the first one.
        progress
            As in `mdnb.read`; what such a function raises ends the writing.

        Returns
        -------
        pathlib.Path
            The file, or the folder; ``pandas.read_parquet`` reads one of Parquet plainly, with a column
            ``timeframe``.

        Raises
        ------
        TimeframeError
            When the timeframe is not kept.
        OptionError
            When the file's ending is not known, or an option is not allowed.
        SymbolError
            When one of ``symbols`` is not of the market.
        NoDataError
            When no tick or quote is held.
        DataExportError
            When it cannot be written; a file that stood there is intact.

        Examples
        --------
        >>> import tempfile
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min"], initial_days=0.1) as market:
        ...     with tempfile.TemporaryDirectory() as folder:
        ...         market.export(f"{folder}/btc.csv").name
        'btc.csv'
        """
        with reporting(progress):
            return await self._export(
                filename,
                timeframe,
                include_forming=include_forming,
                with_times=with_times,
                what=what,
                envelope=envelope,
                symbols=symbols,
            )

    async def _export(
        self,
        filename: str | Path,
        timeframe: str | None,
        *,
        include_forming: bool,
        with_times: bool | None,
        what: str = "bars",
        envelope: bool = False,
        symbols: str | Sequence[str] | None = None,
    ) -> Path:
        from mdnb.io.formats import format_of, write_bars
        from mdnb.io.paths import is_lines
        from mdnb.io.stacked import key_of

        if _is_folder(filename):
            how = {"include_forming": include_forming, "with_times": with_times}
            how["envelope"] = envelope
            return await self._export_each(Path(filename), timeframe, how, what, self._chosen(symbols))
        if what != "bars":
            if symbols is not None:
                raise OptionError(f"symbols= is of bars; a file of {what} holds one symbol. Give a folder.")
            if timeframe is not None or include_forming or with_times is not None:
                raise OptionError(f"timeframe=, include_forming= and with_times= are of bars, not of {what}")
            return await self._export_ticks(filename, what)
        options = {"envelope": True} if envelope else {}
        if envelope and (format_of(filename) != "json" or is_lines(filename)):
            raise OptionError("envelope= is of .json files; Parquet and Arrow tell the same without")
        if with_times is None:
            with_times = format_of(filename) in ("parquet", "arrow")
        elif not isinstance(with_times, bool):
            raise OptionError(f"with_times must be True, False or None; got {with_times!r}")
        market = self._parts.market
        frames: Any = {}
        told: dict[str, Changes] = {}
        if symbols is None:
            self._warn_of_others(filename, what)
            frames, told = self._frames(timeframe, include_forming=include_forming, with_times=with_times)
        for files in () if symbols is None else self._chosen(symbols):
            named, changes = files._frames(timeframe, include_forming=include_forming, with_times=with_times)
            frames[files.symbol] = named
            told |= {key_of(files.symbol, name): one for name, one in changes.items()}
        write = functools.partial(write_bars, frames, filename, changes=told or None, **options)
        if market.closed:
            return write()
        return await await_call(market.workers.run(carried(write)))

    def _frames(
        self, timeframe: str | None, *, include_forming: bool, with_times: bool
    ) -> tuple[dict[str, pd.DataFrame], dict[str, Changes]]:
        """Return the bars by timeframe, and what they were before they changed."""
        engine = self._parts.market.engine
        with engine.lock:
            # In one go: another thread may remove a timeframe.
            if timeframe is None:
                engine.finest()  # raises where none is kept
            names = engine.timeframes() if timeframe is None else [engine.canonical(timeframe)]
            frames = {
                name: engine.reader.frame_for_file(
                    name, closed_only=not include_forming, with_times=with_times
                )
                for name in names
            }
            told = {name: engine.reader.changes_for_file(name, frame) for name, frame in frames.items()}
        return frames, {name: one for name, one in told.items() if one is not None}

    def _chosen(self, symbols: str | Sequence[str] | None) -> list[BarFiles]:
        """Return the files of the symbols that are meant; of none all."""
        held = {files.symbol: files for files in (self, *self._others)}
        if symbols is None or (symbols == _ALL and _ALL not in held):
            return list(held.values())
        names = [symbols] if isinstance(symbols, str) else list(symbols)
        unknown = [name for name in names if name not in held]
        if unknown or not names:
            raise SymbolError(f"symbols={symbols!r}: {suggest(str((unknown or [''])[0]), held)}")
        return [held[name] for name in dict.fromkeys(names)]

    @property
    def symbol(self) -> str:
        """Whose files these are."""
        return self._parts.market.symbol

    async def _export_each(
        self,
        folder: Path,
        timeframe: str | None,
        how: dict[str, Any],
        what: str,
        chosen: Sequence[BarFiles],
    ) -> Path:
        """Write a Parquet file of each symbol into a folder, which is made where it is not there."""
        from mdnb.io.paths import local_path, safe_name

        folder = local_path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataExportError(f"the folder {folder} cannot be made: {reason}") from error
        ending = ".parquet" if what == "bars" else f"_{what}.parquet"
        for each in chosen:
            files = BarFiles(each._parts)
            await files._export(folder / (safe_name(files.symbol) + ending), timeframe, what=what, **how)
        return folder

    def _warn_of_others(self, filename: str | Path, what: str) -> None:
        if self._others:
            names = [other.symbol for other in self._others]
            all_in_one = ", symbols='all'" if what == "bars" else ""
            warn_user(
                f"{Path(filename).name} gets the {what} of {self.symbol} alone, not those of "
                f"{', '.join(names)}; for those: live[{names[0]!r}].export(...){all_in_one}, or give a folder"
            )

    async def _export_ticks(self, filename: str | Path, what: str) -> Path:
        if what not in ("ticks", "quotes"):
            raise OptionError(f"what={what!r}: one of bars, ticks, quotes is needed")
        from mdnb.io.tick_files import quotes_table, trades_table, write_ticks

        market = self._parts.market
        engine = market.engine
        with engine.lock:
            held = engine.ticks if what == "ticks" else engine.quotes
            rows = held.tail(len(held))
        if what == "ticks":
            rows = rows[is_in_bars(rows["flag"])]
        if not len(rows):
            raise NoDataError(f"no {what} of {market.symbol} are held; nothing was written")
        self._warn_of_others(filename, what)
        make = trades_table if what == "ticks" else quotes_table
        table = make(rows, engine.tz, {"symbol": market.symbol, "source": engine.source})
        write = functools.partial(write_ticks, table, filename)
        return write() if market.closed else await await_call(market.workers.run(carried(write)))

    async def load(
        self,
        filename: str | Path,
        timeframe: str | None = None,
        *,
        date_column: str = "timestamp",
        price_columns: Sequence[str] = _PRICES,
        volume_column: str | None = "volume",
        tz: str | None = None,
        date_format: str | None = None,
        overwrite: bool = False,
        lenient: bool = False,
        symbol: str | None = None,
        columns: Mapping[str, str | int] | None = None,
        header: bool | None = None,
        separator: str | None = None,
        decimal: str | None = None,
        price_scale: float | None = None,
        positive_prices: bool | None = None,
        on_conflict: str | None = None,
        progress: ProgressOption = None,
    ) -> list[ImportResult]:
        """Import the bars of a file: one that was exported or saved, or any that `mdnb.read` reads.

        What it is is recognised; the results say what it was taken for. Finer bars than those kept are put
        together, coarser ones refused. Dates of daily bars go to the market's trading days. Times without a
        zone are those of the market's exchange, where it is known, which is said; else ``tz`` is asked for.

        Parameters
        ----------
        filename
            A file on this machine.
        timeframe
            The timeframe that gets the bars. None takes every timeframe that a file names and that is kept,
            the only one kept, or that which a file of others has.
        date_column, price_columns, volume_column
            As in ``data.import_from_csv``, for files in the form of an export, of CSV and JSON only.
        tz, date_format
            As in ``data.import_from_csv`` and `mdnb.read`.
        overwrite
            Bars of the file replace those held; else only intervals without a bar, or with a partial one, are
            filled.
        lenient
            Take the bars that fit even where most are refused.
        symbol, columns, header, separator, decimal, price_scale
            As in `mdnb.read`. Of several symbols the market's own is taken if ``symbol`` is None.
        positive_prices
            Whether prices of zero and below are refused; None: as the market has it.
        on_conflict
            What becomes of bars of one time that differ, both of the file or one of them held: ``"error"``
            refuses the file; ``"keep"`` takes the first of the file, and leaves the one held; ``"replace"``
            takes the last of the file, which replaces the one held. None refuses a file of others that
            contradicts itself, and does with bars held as ``overwrite`` says.
        progress
            As in `mdnb.read`. What such a function raises while the file is read and checked ends the
            loading, and nothing is changed.

        Returns
        -------
        list of ImportResult
            What became of the bars, a timeframe each.

        Raises
        ------
        TimeframeError, OptionError
            When the timeframe is not kept, or not given and not clear; when an option is not the format's.
        DataImportError
            When the file is not understood, most of its bars are refused, or all are later than the
            market; nothing was changed.

        Warns
        -----
        UserWarning
            When bars were refused, with the reasons, the file names another symbol, rows of one time
            contradict each other, or bars begin after the one that is being made or, where none is, are not
            over at the market's time (of a recording that has not begun, its first): they are left out.

        Examples
        --------
        >>> import tempfile
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min"], initial_days=0.1) as market:
        ...     with tempfile.TemporaryDirectory() as folder:
        ...         path = market.export(f"{folder}/btc.parquet")
        ...         [result.timeframe for result in market.load(path)]
        ['1min']
        """
        given: dict[str, Any] = {
            "date_column": date_column,
            "price_columns": price_columns,
            "volume_column": volume_column,
            "tz": tz,
            "date_format": date_format,
        }
        said: dict[str, Any] = {
            "symbol": symbol,
            "columns": columns,
            "header": header,
            "separator": separator,
            "decimal": decimal,
            "price_scale": price_scale,
            "positive_prices": positive_prices,
        }
        options = {name: value for name, value in given.items() if not _is_default(name, value)}
        of_others = {name: value for name, value in said.items() if value is not None}
        how: dict[str, Any] = {"overwrite": overwrite, "lenient": lenient, "on_conflict": on_conflict}
        named = [name for name in options if name.endswith(("column", "columns"))]
        if of_others and named:
            raise OptionError(
                f"{named[0]}= and {next(iter(of_others))}= do not go together: name columns by columns=."
            )
        with reporting(progress):
            return await self._load(filename, timeframe, options, of_others, how)

    async def _load(
        self,
        filename: str | Path,
        timeframe: str | None,
        options: dict[str, Any],
        of_others: dict[str, Any],
        how: dict[str, Any],
    ) -> list[ImportResult]:
        named = [name for name in options if name.endswith(("column", "columns"))]
        symbol, positive_prices = of_others.get("symbol"), of_others.get("positive_prices")
        files = self._parts.files
        if await files.is_saved_market(filename):
            unfit = [name for name in (*options, *of_others) if name not in ("symbol", "positive_prices")]
            if unfit:
                raise OptionError(f"a saved market takes no {unfit[0]}=: the file itself says so")
            return await files.import_saved(
                filename, timeframe, symbol=symbol, positive_prices=positive_prices, **how
            )
        zone = {name: options[name] for name in ("tz", "date_format") if name in options}
        engine = self._parts.market.open()
        if timeframe is None:
            engine.finest()  # raises where none is kept
        # A file of others goes the other way, whatever it calls its times.
        is_ours = not of_others.keys() - {"symbol"} and (named or await files.is_like_an_export(filename))
        if not is_ours:
            return await files.import_recognised(filename, timeframe, **how, **zone, **of_others)
        return await self._load_export(filename, timeframe, options, {**how, "symbol": symbol})

    async def load_ticks(
        self,
        filename: str | Path,
        *,
        tz: str | None = None,
        date_format: str | None = None,
        overwrite: bool = False,
        lenient: bool = False,
        symbol: str | None = None,
        columns: Mapping[str, str | int] | None = None,
        header: bool | None = None,
        separator: str | None = None,
        decimal: str | None = None,
        price_scale: float | None = None,
        positive_prices: bool | None = None,
        on_conflict: str | None = None,
        progress: ProgressOption = None,
    ) -> list[ImportResult]:
        """Import the bars that the trades of a file make; the file may be any that `mdnb.read_ticks` reads.

        Bars of the finest timeframe on a clock that is kept are made, and the coarser ones of them. The first
        and the last are partial: what was traded before and after is not in the file. Bars of trades, volume
        and money that are kept (``100tick``) are made trade by trade from the first one of the file on; a
        last one that is not full is left out.

        Parameters
        ----------
        filename
            A file on this machine.
        tz, date_format, overwrite, lenient
            As in `load`.
        symbol, columns, header, separator, decimal, price_scale
            As in `mdnb.read_ticks`. Of several symbols the market's own is taken if ``symbol`` is None.
        positive_prices
            Whether prices of zero and below are refused; None: as the market has it.
        on_conflict
            As in `load`, of bars held.
        progress
            As in `load`.

        Returns
        -------
        list of ImportResult
            What became of the bars.

        Raises
        ------
        OptionError, DataImportError
            As `load`.

        Warns
        -----
        UserWarning
            As `load`.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import mdnb
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "ticks.csv"
        >>> _ = path.write_text("timestamp,price,size" + chr(10) + "2020-03-04T15:00:00.5Z,9120.25,2")
        >>> with mdnb.live("BTC-USD", ["1min"], initial_days=0.1) as market:
        ...     market.load_ticks(path)[0].added
        1
        """
        said: dict[str, Any] = {
            "tz": tz,
            "date_format": date_format,
            "symbol": symbol,
            "columns": columns,
            "header": header,
            "separator": separator,
            "decimal": decimal,
            "price_scale": price_scale,
            "positive_prices": positive_prices,
        }
        given = {name: value for name, value in said.items() if value is not None}
        how: dict[str, Any] = {"overwrite": overwrite, "lenient": lenient, "on_conflict": on_conflict}
        with reporting(progress):
            return await self._parts.files.import_ticks(filename, **how, **given)

    async def _load_export(
        self, filename: str | Path, timeframe: str | None, options: dict[str, Any], how: dict[str, Any]
    ) -> list[ImportResult]:
        """Import a file in the form of an export, its format by its ending."""
        from mdnb.io.formats import format_of

        files, kept = self._parts.files, self._parts.market.open().timeframes()
        kind = format_of(filename)
        names = [timeframe] if timeframe is not None else kept if len(kept) == 1 else []
        _check_options(kind, options)
        may_hold_several = await files.names_timeframes(filename)
        symbol = how["symbol"]
        told = await files.timeframes_in(filename, symbol) if may_hold_several else ()
        wanted = {Timeframe.parse(name).name for name in names or kept}
        is_of_others = len(told) == 1 or (bool(told) and timeframe is None)
        if is_of_others and not wanted & set(told) and not options.keys() - {"tz", "date_format"}:
            # Coarser bars are made of finer ones, which whoever recognises files of others does.
            return await files.import_recognised(filename, timeframe, **how, **options)
        if not names and may_hold_several and not options.keys() - {"tz", "date_format"}:
            results = await files.import_kept(filename, **options, **how)
            if results:
                return with_left_out(results, told, kept)
        if not names:
            raise OptionError(
                f"say which timeframe the bars of {Path(filename).name!r} are of; kept: {', '.join(kept)}"
            )
        if kind in ("parquet", "arrow"):
            results = await files.import_kept(filename, names[0], **options, **how)
        elif kind == "json":
            results = [await files.import_from_json(filename, names[0], **how, **options)]
        else:
            results = [await files.import_from_csv(filename, names[0], **how, **options)]
        return with_left_out(results, told if timeframe is None else (), names)


def _is_folder(filename: str | Path) -> bool:
    return str(filename).endswith(("/", os.sep)) or Path(filename).is_dir()


def _is_default(name: str, value: Any) -> bool:
    # Four names in a list are the same four names.
    return bool((tuple(value) if isinstance(value, list) else value) == _DEFAULTS[name])


def _check_options(kind: str, given: dict[str, Any]) -> None:
    unfit: dict[str, Sequence[str]] = {"csv": (), "json": ("date_format",)}
    for name in unfit.get(kind, [one for one in given if one != "tz"]):
        if name in given:
            raise OptionError(
                f"a {kind} file takes no {name}=; got {given[name]!r}. Leave it out: the file itself says so."
            )
