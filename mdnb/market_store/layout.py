"""Where in a store's folder what is: Parquet files in hive partitions, and a hidden folder for the newest.

::

    markets/
      .mdnb/                                 lock and tails; names with a dot are passed over by readers
      symbol=BTC%2FUSD/
        timeframe=1min/date=2026-03-02/part-000000000001.parquet
        timeframe=1hour/year=2026/part-000000000001.parquet
        timeframe=ticks/date=2026-03-02/part-000000000007.parquet

Dates and years are those of UTC in which a bar begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mdnb.errors import DataExportError, DataImportError, SymbolError, TimeframeError
from mdnb.io.paths import safe_name, symbol_of
from mdnb.timeframes import Timeframe

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "HIDDEN",
    "QUOTES",
    "TICKS",
    "Partition",
    "Series",
    "all_series",
    "check_folder",
    "days_of",
    "folder_of",
    "partitions",
    "refuse_links",
]

HIDDEN: Final = ".mdnb"
TICKS: Final = "ticks"
QUOTES: Final = "quotes"

_HOUR: Final = 3600.0
_DAY_NS: Final = 86_400_000_000_000
_SYMBOL: Final = "symbol="
_TIMEFRAME: Final = "timeframe="
_DATE: Final = re.compile(r"date=(\d{4}-\d{2}-\d{2})")
_YEAR: Final = re.compile(r"year=(\d{4})")


class Series(NamedTuple):
    """What is kept of one symbol: the bars of a timeframe, its trades or its quotes.

    Attributes
    ----------
    symbol
        Whose.
    timeframe
        A canonical name, `TICKS` or `QUOTES`.

    Examples
    --------
    >>> Series("BTC/USD", "1hour").by_year, Series("BTC/USD", "5min").by_year, Series("X", "ticks").is_bars
    (True, False, False)
    """

    symbol: str
    timeframe: str

    @property
    def is_bars(self) -> bool:
        """Whether these are bars."""
        return self.timeframe not in (TICKS, QUOTES)

    @property
    def by_year(self) -> bool:
        """Whether a file holds a year of them; else it is a day."""
        return self.is_bars and Timeframe.parse(self.timeframe).seconds >= _HOUR

    @property
    def sort_key(self) -> tuple[str, tuple[int, float, str]]:
        """Orders by symbol, then bars from fine to coarse, then trades and quotes."""
        order = Timeframe.parse(self.timeframe).sort_key if self.is_bars else (2, 0.0, self.timeframe)
        return self.symbol, order


class Partition(NamedTuple):
    """A folder of files, and which time it stands for.

    Attributes
    ----------
    path
        Where.
    first_ns, end_ns
        What is in it begins in ``[first_ns, end_ns)``, UTC epoch nanoseconds.
    """

    path: Path
    first_ns: int
    end_ns: int


def folder_of(base: Path, series: Series) -> Path:
    """Return the folder of a series.

    Raises
    ------
    SymbolError
        The symbol cannot name a folder.

    Examples
    --------
    >>> folder_of(Path("markets"), Series("../BTC", "1min")).as_posix()
    'markets/symbol=%2E.%2FBTC/timeframe=1min'
    """
    symbol = series.symbol
    if not isinstance(symbol, str) or any("\ud800" <= sign <= "\udfff" for sign in symbol):
        # No Parquet file can hold it.
        raise SymbolError(f"{symbol!r} is no symbol. A symbol is a text such as 'MNQ' or 'BTC/USD'.")
    return base / f"{_SYMBOL}{safe_name(series.symbol)}" / f"{_TIMEFRAME}{safe_name(series.timeframe)}"


def days_of(series: Series, time_ns: NDArray[np.int64]) -> tuple[list[str], NDArray[np.intp]]:
    """Return the names of the partitions of some instants, and which of these each is of.

    Examples
    --------
    >>> names, at = days_of(Series("X", "1min"), np.array([0, 86_400_000_000_000]))
    >>> names, at.tolist()
    (['date=1970-01-01', 'date=1970-01-02'], [0, 1])
    """
    days = np.floor_divide(time_ns, _DAY_NS).astype("datetime64[D]")
    kind, unit = ("year=", "datetime64[Y]") if series.by_year else ("date=", "datetime64[D]")
    found, at = np.unique(days.astype(unit), return_inverse=True)
    return [f"{kind}{one}" for one in found.astype(str).tolist()], at


def partitions(base: Path, series: Series) -> list[Partition]:
    """Return the partitions of a series that are there, oldest first; links are passed over."""
    found = []
    for path in _folders(folder_of(base, series)):
        span = _span(path.name)
        if span is not None:
            found.append(Partition(path, *span))
    return sorted(found, key=lambda one: one.first_ns)


def all_series(base: Path) -> list[Series]:
    """Return what is kept in a folder, in order; folders that are not named as here are passed over.

    Raises
    ------
    DataImportError
        The folder cannot be listed.
    """
    found = []
    for of_symbol in _folders(base):
        symbol = symbol_of(of_symbol.name.removeprefix(_SYMBOL))
        if not of_symbol.name.startswith(_SYMBOL) or not _is_named(of_symbol.name, _SYMBOL):
            continue
        for of_timeframe in _folders(of_symbol):
            name = symbol_of(of_timeframe.name.removeprefix(_TIMEFRAME))
            if of_timeframe.name.startswith(_TIMEFRAME) and _is_known(name):
                found.append(Series(symbol, name))
    return sorted(found, key=lambda series: series.sort_key)


def check_folder(base: Path, folder: Path) -> None:
    """Make a folder in a store and those above it; refuse links.

    Raises
    ------
    DataExportError
        It is, or lies behind, a link, or would lie elsewhere.
    OSError
        It cannot be made.
    """
    refuse_links(base, folder)
    if not folder.resolve().is_relative_to(base.resolve()):
        raise DataExportError(f"{folder} does not lie in {base}; nothing was written.")
    folder.mkdir(parents=True, exist_ok=True)


def refuse_links(base: Path, folder: Path) -> None:
    """Refuse a folder in a store that is, or lies behind, a link.

    Raises
    ------
    DataExportError
        It does; nothing was changed.
    """
    for one in (folder, *folder.parents[: len(folder.parts) - len(base.parts)]):
        if one.is_symlink():
            raise DataExportError(
                f"{one} is a link; a store is not written through one. Give the folder itself."
            )


def _folders(path: Path) -> Iterator[Path]:
    try:
        listed = sorted(path.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataImportError(f"{path} cannot be listed: {reason}. Give the folder of a store.") from error
    for one in listed:
        if not one.name.startswith(".") and not one.is_symlink() and one.is_dir():
            yield one


def _is_named(name: str, prefix: str) -> bool:
    """Return whether a folder has the name that is given to its symbol here."""
    symbol = symbol_of(name.removeprefix(prefix))
    try:
        return bool(symbol) and f"{prefix}{safe_name(symbol)}" == name
    except (ValueError, KeyError):
        return False


def _is_known(name: str) -> bool:
    if name in (TICKS, QUOTES):
        return True
    try:
        return Timeframe.parse(name).name == name
    except TimeframeError:
        return False


def _span(name: str) -> tuple[int, int] | None:
    """Return which time a partition's name stands for."""
    is_date, is_year = _DATE.fullmatch(name), _YEAR.fullmatch(name)
    told = is_date or is_year
    if told is None:
        return None
    try:
        first = np.datetime64(told.group(1), "D" if is_date else "Y")
    except ValueError:
        return None
    days = [int(one.astype("datetime64[D]").astype(np.int64)) for one in (first, first + 1)]
    return days[0] * _DAY_NS, days[1] * _DAY_NS
