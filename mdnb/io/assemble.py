"""Turns the columns of a file into bars: finds which column is which, and refuses invalid data.

Every reader ends here, so that a CSV, a JSON and a Parquet file of the same bars give the same frame and
the same complaints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mdnb.errors import OptionError, TimeframeError
from mdnb.io.file_bars import FileBars
from mdnb.io.instants import Closings, Instants
from mdnb.io.marks import BarMarks
from mdnb.io.notes import Note, note, refuse, row_list
from mdnb.io.schema import CLOSED_AT, COLUMNS, CONTRACT, INDEX_NAME, MARKS, PRICES
from mdnb.timeframes import Timeframe

__all__ = ["OPTIONAL", "ColumnNames", "numbers_from_text", "to_bars"]

_NUMBER: Final = r"^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,6})?\s*$"
OPTIONAL: Final = ("tick_count", "vwap", CLOSED_AT, CONTRACT, *MARKS)
_NAMES_SHOWN: Final = 30


@dataclass(frozen=True)
class ColumnNames:
    """What the columns of a file are called.

    Attributes
    ----------
    time
        The opening time of a bar.
    prices
        Open, high, low, close, in this order.
    volume
        None where the file has none; the volume is then 0.
    """

    time: str = INDEX_NAME
    prices: tuple[str, ...] = PRICES
    volume: str | None = "volume"

    @classmethod
    def of(cls, date_column: str, price_columns: Sequence[str], volume_column: str | None) -> ColumnNames:
        """Return the names a caller gave, checked.

        Raises
        ------
        OptionError
            Not four price columns, or one name for two things.
        """
        listed = isinstance(price_columns, Iterable) and not isinstance(price_columns, str)
        prices = tuple(price_columns) if listed else ()
        if len(prices) != len(PRICES) or not all(isinstance(name, str) for name in prices):
            raise OptionError(
                f"price_columns={price_columns!r}: four names are needed, those of open, high, low and close."
            )
        given = [date_column, *prices, *([] if volume_column is None else [volume_column])]
        if len(set(given)) != len(given):
            raise OptionError(f"date_column, price_columns and volume_column name one column twice: {given}.")
        return cls(date_column, prices, volume_column)

    def wanted(self) -> dict[str, str]:
        """Return the file's name of each needed column, by our own name."""
        names = {INDEX_NAME: self.time, **dict(zip(PRICES, self.prices, strict=True))}
        return names if self.volume is None else {**names, "volume": self.volume}

    def locate(self, found: Sequence[str], where: str, further: Sequence[str] = ()) -> dict[str, int]:
        """Return the place in ``found`` of each column, by our own name.

        A name is matched exactly or, where that fails and only one fits, without regard to case and blanks
        around it. ``tick_count``, ``vwap``, ``closed_at``, ``contract`` and marks are taken where they are,
        and so are those named in ``further``: all but the first two unless the caller means another column by
        them.

        Raises
        ------
        DataImportError
            A needed column is missing.
        """
        folded = [name.strip().casefold() for name in found]
        places: dict[str, int] = {}
        for ours, theirs in {**self.wanted(), **{name: name for name in (*OPTIONAL, *further)}}.items():
            if theirs in found:
                places[ours] = list(found).index(theirs)
            elif folded.count(theirs.strip().casefold()) == 1:
                places[ours] = folded.index(theirs.strip().casefold())
            elif ours not in OPTIONAL and ours not in further:
                raise self._missing(ours, theirs, found, where)
        meant = {places[name] for name in self.wanted()}
        return {
            ours: place
            for ours, place in places.items()
            if ours not in (CLOSED_AT, CONTRACT, *MARKS, *further) or place not in meant
        }

    def _missing(self, ours: str, theirs: str, found: Sequence[str], where: str) -> Exception:
        option = {INDEX_NAME: "date_column=", "volume": "volume_column= (None if there is no volume)"}
        shown = ", ".join(repr(name[:40]) for name in found[:_NAMES_SHOWN])
        more = f" and {len(found) - _NAMES_SHOWN} more" if len(found) > _NAMES_SHOWN else ""
        return refuse(
            where,
            f"there is no column {theirs!r}; found {shown or 'no columns'}{more}",
            f"Say what it is called with {option.get(ours, 'price_columns=[open, high, low, close]')}.",
        )


def numbers_from_text(values: Any, column: str, where: str) -> Any:
    """Return an array of text as float64, exactly; empty cells become null.

    Raises
    ------
    DataImportError
        A cell is not a number; the message names its row.

    Examples
    --------
    >>> numbers_from_text(pa.array([" 1.5", "2e3", ""]), "close", "x.csv").to_pylist()
    [1.5, 2000.0, None]
    """
    texts = pc.utf8_trim_whitespace(values)
    texts = pc.if_else(
        pc.is_in(texts, pa.array(["", "NaN", "nan", "null"])), pa.scalar(None, texts.type), texts
    )
    fits = pc.fill_null(pc.match_substring_regex(texts, _NUMBER), fill_value=True)
    bad = np.flatnonzero(~fits.to_numpy(zero_copy_only=False))
    if len(bad):
        raise refuse(
            where,
            f"{texts[int(bad[0])].as_py()[:40]!r} in {column!r} ({row_list(bad)}) is not a number",
            "Numbers are plain, such as 20000.25, without currency signs or thousands separators.",
        )
    return texts.cast(pa.float64())


def to_bars(
    instants: Instants,
    values: Mapping[str, np.ndarray],
    *,
    closings: Closings | None = None,
    marks: BarMarks | None = None,
    contracts: np.ndarray | None = None,
    tz: str | tzinfo | None,
    where: str,
    positive_prices: bool = True,
    attributes: Mapping[str, object] | None = None,
    timeframe: str | None = None,
    first_counts: bool = False,
    keeps_order: bool = False,
) -> FileBars:
    """Return the bars of columns that were read: checked, oldest first.

    One row a time, but for tick, volume and dollar bars: of these trades may make several at one instant.

    Parameters
    ----------
    instants
        One time a row.
    values
        float64 columns by our own names; ``volume``, ``tick_count`` and ``vwap`` may be missing.
    closings
        When each bar was closed; None where the file does not tell.
    marks
        Which bars are no whole ones; None where the file does not tell.
    contracts
        Of which contract each is; None where the file does not tell.
    tz
        The zone of a frame made of them; None: UTC.
    positive_prices
        Whether a price of zero or less refuses the file. Spreads, and oil in April 2020, have such.
    attributes
        What the file says of them.
    timeframe
        What they are of, where the caller says so; else the file may.
    first_counts
        Of different bars at one time the first valid one counts; else the last.
    keeps_order
        Whether tick, volume and dollar bars stay as they are in the file, which is the order in which they
        were made: one that began with a late trade starts before the one ahead of it.

    Raises
    ------
    DataImportError
        A value is missing, not finite or negative; the message names the rows.
    """
    count = len(instants.time_us)
    columns = {name: values[name] for name in (*COLUMNS, "vwap") if name in values}
    columns.setdefault("volume", np.zeros(count))
    _check(columns, where, positive_prices=positive_prices)
    columns.setdefault("tick_count", np.zeros(count))
    columns = {name: columns[name] for name in (*COLUMNS, "vwap") if name in columns}
    told = Closings(None, []) if closings is None else closings
    if told.time_us is not None:
        columns[CLOSED_AT] = told.time_us
    marked = BarMarks({}, []) if marks is None else marks
    columns |= marked.values
    names = np.empty(0, object)
    if contracts is not None:
        names, columns[CONTRACT] = np.unique(contracts.astype(str), return_inverse=True)
    about = dict(attributes or {})
    every_row = _is_activity(about.get("timeframe") if timeframe is None else timeframe)
    time_us, notes = instants.time_us, list[Note]()
    if not (every_row and keeps_order):
        time_us, columns, notes = _in_order(
            instants.time_us, columns, every_row=every_row, first_counts=first_counts
        )
    marked_rows = {name: columns.pop(name) for name in marked.values}
    codes = columns.pop(CONTRACT, None)
    if "forming" in marked_rows:
        about["forming"] = bool(marked_rows["forming"][-1:].any())
    return FileBars(
        time_us=time_us,
        closed_us=columns.pop(CLOSED_AT, None),
        values=columns,
        tz="UTC" if tz is None else tz,
        attributes=about,
        notes=[*instants.notes, *told.notes, *marked.notes, *notes],
        marks=marked_rows,
        contracts=None if codes is None else names[codes].astype(object),
    )


def _check(columns: Mapping[str, np.ndarray], where: str, *, positive_prices: bool) -> None:
    for name, column in columns.items():
        if name == "vwap":  # nan says that it is unknown
            bad, problem = np.isinf(column), "is infinite"
        elif (finite := np.isfinite(column)).all():
            bad, problem = _out_of_range(name, column, positive_prices=positive_prices)
        else:
            bad, problem = ~finite, "is missing or not finite"
        if bad.any():
            remedy = "Take these rows out of the file, or put them right."
            if name in PRICES and problem != "is missing or not finite":
                remedy = (
                    "If such prices are real, as for spreads, pass positive_prices=False to the function that"
                    " reads, or to mdnb.live for a market that loads it."
                )
            raise refuse(where, f"{name!r} {problem} in {row_list(np.flatnonzero(bad))}", remedy)


def _out_of_range(name: str, column: np.ndarray, *, positive_prices: bool) -> tuple[np.ndarray, str]:
    if name in PRICES:
        return (column <= 0 if positive_prices else np.zeros(1, bool)), "is zero or negative"
    if name == "tick_count":
        whole = (column >= 0) & (column < 2.0**53)
        if whole.all():
            whole = column.astype(np.int64) == column
        return ~whole, "is not a whole number from 0 up"
    return column < 0, "is negative"


def _is_activity(timeframe: object) -> bool:
    try:
        return Timeframe.parse(timeframe).is_activity
    except TimeframeError:
        return False


def _in_order(
    time_us: np.ndarray,
    columns: dict[str, np.ndarray],
    *,
    every_row: bool = False,
    first_counts: bool = False,
) -> tuple[np.ndarray, dict[str, np.ndarray], list[Note]]:
    """Sort by time and keep one valid row of each time, or all; say so where anything was to be done."""
    which = "first" if first_counts else "last"
    if (time_us[1:] > time_us[:-1]).all():
        return time_us, columns, []
    steps = np.diff(time_us)
    notes: list[Note] = []
    rows = np.arange(len(time_us))
    if (steps < 0).any():
        newest_first = bool((steps <= 0).all())
        text = "rows were newest first" if newest_first else "rows were not in the order of time"
        notes.append(note("newest_first" if newest_first else "unsorted", f"{text}; sorted", count=len(rows)))
        rows = rows[::-1] if newest_first and every_row else np.argsort(time_us, kind="stable")
        time_us = time_us[rows]
    repeats = np.zeros(0, bool) if every_row or not len(time_us) else time_us[1:] == time_us[:-1]
    if repeats.any():
        same = np.logical_and.reduce(
            [_equal(column[rows[1:]], column[rows[:-1]]) for column in columns.values()]
        )
        for kind, mask, text in (
            ("duplicate", repeats & same, "rows that repeat the one before were left out"),
            (
                "conflicting_duplicate",
                repeats & ~same,
                f"one time, different bars: the {which} valid row in the file counts",
            ),
        ):
            if mask.any():
                said = note(kind, text, np.sort(rows[1:][mask]))
                if kind == "conflicting_duplicate":
                    said["time_us"] = int(time_us[1:][mask][0])
                notes.append(said)
        possible = _possible({name: column[rows] for name, column in columns.items()})
        if first_counts:
            chosen = (len(rows) - 1 - _last_valid(~repeats[::-1], possible[::-1]))[::-1]
        else:
            chosen = _last_valid(~repeats, possible)
        rows, time_us = rows[chosen], time_us[chosen]
    if notes:
        columns = {name: column[rows] for name, column in columns.items()}
    return time_us, columns, notes


def _last_valid(first_of_time: np.ndarray, possible: np.ndarray) -> np.ndarray:
    """Return the place of the last valid row of each time, of the last where none is valid.

    Parameters
    ----------
    first_of_time
        bool, shape (n - 1,): whether the row after each one is of another time.
    possible
        bool, shape (n,).

    Examples
    --------
    >>> _last_valid(np.array([False, True, False]), np.array([True, False, False, False])).tolist()
    [0, 3]
    """
    begins = np.flatnonzero(np.concatenate(([True], first_of_time)))
    ends = np.append(begins[1:], len(possible)) - 1
    valid = np.maximum.reduceat(np.where(possible, np.arange(len(possible)), -1), begins)
    return np.where(valid >= 0, valid, ends)


def _possible(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return which bars have their prices between high and low."""
    top = np.maximum(columns["open"], columns["close"])
    bottom = np.minimum(columns["open"], columns["close"])
    possible: np.ndarray = (columns["high"] >= top) & (columns["low"] <= bottom)
    return possible


def _equal(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    equal: np.ndarray = (left == right) | (np.isnan(left) & np.isnan(right))
    return equal
