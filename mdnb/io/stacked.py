"""Bars of several timeframes or symbols in one table: columns ``timeframe`` and ``symbol`` tell them apart.

The rows of each stand one after the other, in every format that is a table: CSV, TSV, JSON, JSON lines,
Parquet and Arrow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeGuard

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mdnb.errors import OptionError, TimeframeError
from mdnb.io.file_bars import FileBars
from mdnb.io.notes import refuse
from mdnb.io.schema import CLOSED_AT, COLUMNS, CONTRACT, MARKS, NOT_A_TIME, normalise
from mdnb.timeframes import Timeframe

__all__ = [
    "STACKED",
    "SYMBOL",
    "TIMEFRAME",
    "Frames",
    "Stack",
    "by_symbol",
    "chosen_symbol",
    "is_of_symbols",
    "key_of",
    "stack_of",
    "stacked",
    "timeframe_named",
    "wanted_of",
    "without_empty",
]

SYMBOL: Final[str] = "symbol"
TIMEFRAME: Final[str] = "timeframe"
STACKED: Final[tuple[str, ...]] = (SYMBOL, TIMEFRAME)

_SHOWN: Final = 30
_LONGEST: Final = 64
_FORMULA: Final = ("'=", "'+", "'-", "'@")

Frames = pd.DataFrame | Mapping[str, pd.DataFrame] | Mapping[str, Mapping[str, pd.DataFrame]]
"""A bar frame; several by timeframe; or these by symbol."""


def is_of_symbols(frames: Frames) -> TypeGuard[Mapping[str, Mapping[str, pd.DataFrame]]]:
    """Return whether frames are given by symbol, and then by timeframe."""
    return isinstance(frames, Mapping) and any(isinstance(one, Mapping) for one in frames.values())


def by_symbol(frames: Frames) -> dict[str, dict[str, pd.DataFrame]]:
    """Return frames by symbol and timeframe; of those without a symbol it is ``""``.

    Raises
    ------
    OptionError
        There are none, or some are by timeframe and others by symbol.
    """
    if isinstance(frames, pd.DataFrame):
        return {"": {"": frames}}
    if not is_of_symbols(frames):
        return {"": dict(frames)}  # type: ignore[arg-type]  # mypy does not narrow what a TypeGuard denies
    made: dict[str, dict[str, pd.DataFrame]] = {}
    for symbol, held in frames.items():
        if not isinstance(held, Mapping) or not held:
            raise OptionError(f"the frames of {symbol!r} are not given by timeframe; give {{'1min': frame}}")
        made[symbol] = dict(held)
    return made


def key_of(symbol: str, timeframe: str) -> str:
    """Return what names bars of a timeframe in a file's metadata, with the symbol where it holds several."""
    return f"{symbol}\n{timeframe}" if symbol else timeframe


def stacked(frames: Frames) -> pd.DataFrame:
    """Return the bars of several timeframes or symbols as one frame, the columns that name these first.

    What only some have is, of the others, unknown (``vwap``, ``closed_at``), false (marks) or empty
    (``contract``).

    Raises
    ------
    OptionError
        There are none, or they are of different zones.

    Examples
    --------
    >>> times = pd.date_range("2026-03-02 09:30", periods=2, freq="1min", tz="America/Chicago")
    >>> bars = pd.DataFrame({"open": 1.5, "high": 2, "low": 1, "close": 2, "volume": 7}, index=times)
    >>> stacked({"1min": bars, "5min": bars[:1]})["timeframe"].tolist()
    ['1min', '1min', '5min']
    """
    held = by_symbol(frames)
    parts: list[pd.DataFrame] = []
    for symbol, named in held.items():
        for timeframe, frame in named.items():
            one = normalise(frame)
            one.insert(0, TIMEFRAME, pd.Series(timeframe, index=one.index, dtype="str"))
            if symbol:
                one.insert(0, SYMBOL, pd.Series(symbol, index=one.index, dtype="str"))
            parts.append(one)
    if not parts:
        raise OptionError("no timeframes are given; give bar frames by timeframe.")
    zones = {str(one.index.dtype) for one in parts}
    if len(zones) > 1:
        raise OptionError(
            f"The frames are of different zones: {', '.join(sorted(zones))}. Convert them to one."
        )
    names = [name for name in STACKED if name in parts[0]]
    names += [
        name for name in (*COLUMNS, "vwap", *MARKS, CONTRACT, CLOSED_AT) if any(name in one for one in parts)
    ]
    for at, one in enumerate(parts):
        lacks = {name: _nothing(name, one) for name in names if name not in one}
        parts[at] = one.assign(**lacks)[names]
    made = pd.concat(parts)
    told = [one.attrs for one in parts]
    common = {name: value for name, value in told[0].items() if all(each.get(name) == value for each in told)}
    made.attrs = {name: value for name, value in common.items() if name in ("symbol", "source")}
    made.attrs["timeframes"] = list(dict.fromkeys(name for named in held.values() for name in named))
    if "" not in held:
        made.attrs["symbols"] = list(held)
    return made


def _nothing(name: str, frame: pd.DataFrame) -> Any:
    if name in MARKS:
        return False
    if name == CONTRACT:
        return pd.Series("", index=frame.index, dtype="str")
    return pd.NaT if name == CLOSED_AT else np.nan


class Stack(NamedTuple):
    """Which rows of a table are of which timeframe.

    Attributes
    ----------
    rows
        By timeframe, ``""`` where none is named, a mask of pyarrow; None: all.
    symbol
        Of which they are; None where the table does not tell.
    is_named
        Whether the table names timeframes.
    """

    rows: dict[str, Any]
    symbol: str | None
    is_named: bool

    def wanted(self, timeframe: str | None, where: str) -> str:
        """Return the timeframe to read of those that are there; as `wanted_of`."""
        return wanted_of(list(self.rows), timeframe, where)


def wanted_of(held: Sequence[str], timeframe: str | None, where: str) -> str:
    """Return the timeframe to read of those that a file holds.

    Raises
    ------
    DataImportError
        There are several and none is asked for, or not the one that is.

    Examples
    --------
    >>> wanted_of(["1min", "5min"], "5m", "x.csv"), wanted_of([""], "5min", "x.csv")
    ('5min', '')
    """
    if timeframe is None and len(held) == 1:
        return held[0]
    if timeframe is None:
        remedy = f"Give timeframe=, such as timeframe={held[0]!r}."
        raise refuse(where, f"it holds bars of several timeframes: {_shown(held)}", remedy)
    if list(held) == [""]:
        return ""  # it names none, so the caller is believed
    same = [name for name in held if name == timeframe or _is_same(name, timeframe)]
    if not same:
        raise refuse(where, f"it does not hold {timeframe!r}, but {_shown(held)}", "Name one it holds.")
    return same[0]


def stack_of(
    symbols: Any, timeframes: Any, where: str, *, symbol: str | None = None, prefers: str | None = None
) -> Stack:
    """Return which rows of a table are of which timeframe, of one symbol.

    Parameters
    ----------
    symbols, timeframes
        The columns, lists or arrays of pyarrow; None where the table has none.
    symbol
        Which one is asked for.
    prefers
        Which of several is taken where none is asked for, and it is there.

    Raises
    ------
    DataImportError
        Of several symbols none is asked for, or the one that is asked for is not there.
    """
    mask, taken = None, None
    if (column := _texts(symbols)) is not None:
        held = [str(one) for one in pc.unique(column.drop_null()).to_pylist()]
        taken = chosen_symbol(held, where, symbol=symbol, prefers=prefers)
        if len(held) > 1 or column.null_count:
            mask = pc.fill_null(pc.equal(column, taken), fill_value=False)
    column = _texts(timeframes)
    if column is None:
        return Stack({"": mask}, taken, is_named=False)
    rows: dict[str, Any] = {}
    inside = column if mask is None else column.filter(mask)
    for name in pc.unique(inside).to_pylist():
        of_it = pc.fill_null(pc.equal(column, name), fill_value=False) if name else pc.invert(_has(column))
        rows[_canonical(name or "")] = of_it if mask is None else pc.and_(mask, of_it)
    if len(rows) == 1:
        rows = dict.fromkeys(rows, mask)
    return Stack(rows or {"": mask}, taken, is_named=bool(rows) and "" not in rows)


def _has(column: Any) -> Any:
    return pc.fill_null(pc.not_equal(column, ""), fill_value=False)


def chosen_symbol(
    held: list[str], where: str, *, symbol: str | None = None, prefers: str | None = None
) -> str | None:
    """Return which of several symbols of a file is meant; None where it names none.

    Raises
    ------
    DataImportError
        It cannot be known, or the one that is asked for is not there.
    """
    if symbol is not None and held:
        if symbol not in held:
            raise refuse(where, f"it has no symbol {symbol!r}", f"It has {_shown(held)}.")
        return symbol
    if len(held) < 2:
        return held[0] if held else None
    alike = [one for one in held if prefers is not None and one.casefold() == prefers.casefold()]
    if len(alike) == 1:
        return alike[0]
    raise refuse(
        where, f"it holds several symbols: {_shown(held)}", f"Give symbol=, such as symbol={held[0]!r}."
    )


def _texts(column: Any) -> Any:
    """Return a column as text, without the sign by which we keep a spreadsheet from a formula."""
    if column is None:
        return None
    if isinstance(column, list):
        column = pa.array([None if one is None else str(one) for one in column], pa.string())
    texts = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(texts, pa.ChunkedArray):
        texts = pa.concat_arrays(texts.chunks) if texts.num_chunks else pa.array([], texts.type)
    texts = pc.utf8_trim_whitespace(texts if pa.types.is_string(texts.type) else texts.cast(pa.string()))
    signed = pc.is_in(pc.utf8_slice_codeunits(texts, 0, 2), pa.array(_FORMULA))
    return pc.if_else(signed, pc.utf8_slice_codeunits(texts, 1), texts)


def _canonical(name: str) -> str:
    try:
        return Timeframe.parse(name).name
    except TimeframeError:
        return name


def timeframe_named(told: object) -> str:
    """Return the name of the timeframe that a file says of all of its bars; empty where it says none.

    Examples
    --------
    >>> timeframe_named("5m"), timeframe_named("fast"), timeframe_named(5)
    ('5min', '', '')
    """
    try:
        return Timeframe.parse(told).name if isinstance(told, str) else ""
    except TimeframeError:
        return ""


def _is_same(name: str, other: str) -> bool:
    return bool(name) and _canonical(name) == _canonical(other)


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(name[:_LONGEST] or "some without a name" for name in names[:_SHOWN]) + more


def without_empty(bars: FileBars) -> FileBars:
    """Return bars without the columns that are there only because others of the table have them."""
    vwap = bars.values.get("vwap")
    values = dict(bars.values)
    if vwap is not None and np.isnan(vwap).all():
        del values["vwap"]
    closed = bars.closed_us
    contracts = bars.contracts
    return dataclasses.replace(
        bars,
        values=values,
        marks={name: held for name, held in bars.marks.items() if held.any()},
        closed_us=None if closed is None or (closed == NOT_A_TIME).all() else closed,
        contracts=None if contracts is None or not any(contracts) else contracts,
    )
