"""The schema of a bar frame, and converting any frame to it.

A bar frame has a timezone-aware ``DatetimeIndex`` named ``timestamp`` (``datetime64[us, tz]``, the opening
time of each bar), the columns ``open high low close volume tick_count``, and ``vwap`` (``nan`` where
unknown) where the source gives it. All are float64, as in the frames of a running market, so that one that
is exported and read again equals itself; text files hold ``tick_count`` as whole numbers. Then come
the columns `MARKS` (bool) that are true of any bar, ``contract`` (text) where the symbol is a continuous one
that stands for one contract after the other, and last ``closed_at`` (``datetime64[us, tz]``, ``NaT``
where unknown), when each bar was closed, where that is told.
``frame.attrs`` holds ``symbol``, ``timeframe``, ``forming`` and ``source`` as far as they are known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from importlib import metadata
from typing import Final

import numpy as np
import pandas as pd

from mdnb.errors import OptionError, suggest

__all__ = [
    "ATTRIBUTES",
    "CLOSED_AT",
    "COLUMNS",
    "CONTRACT",
    "INDEX_NAME",
    "MARKS",
    "NOT_A_TIME",
    "PRICES",
    "check_times",
    "empty_frame",
    "export_columns",
    "normalise",
    "plain_attributes",
    "version",
    "zone_dtype",
]

INDEX_NAME: Final = "timestamp"
PRICES: Final = ("open", "high", "low", "close")
COLUMNS: Final = (*PRICES, "volume", "tick_count")
CLOSED_AT: Final = "closed_at"
CONTRACT: Final = "contract"
MARKS: Final = ("partial", "filled", "amended", "forming")
"""Columns of bool, there only where it is true of a bar: the feed did not cover its whole interval; nobody
traded in it; it changed after it had closed; it was being made when the file was written."""

ATTRIBUTES: Final = ("symbol", "timeframe", "forming", "source")

_NAME: Final = re.compile(r"[\w.:/+\-#!@$^=&% ]{1,64}")  # symbols such as BTC/USD, ^GSPC, ES=F, @ES#C
_WORD: Final = re.compile(r"[\w.: +\-]{1,64}")
_EARLIEST_US: Final = -9_214_560_000_000_000  # 1678-01-01, the engine counts int64 nanoseconds
_LATEST_US: Final = 9_214_646_400_000_000  # 2262-01-01
NOT_A_TIME: Final = int(np.iinfo(np.int64).min)
"""What stands for a missing time among int64 microseconds, as in pandas."""


def version() -> str:
    """Return the version of mdnb, as files tell which one wrote them."""
    try:
        return metadata.version("mdnb")
    except metadata.PackageNotFoundError:
        return "unknown"


def zone_dtype(tz: str | tzinfo) -> pd.DatetimeTZDtype:
    """Return the dtype of a bar frame's index in the zone ``tz``.

    Parameters
    ----------
    tz
        An IANA name such as ``"America/Chicago"``, an offset such as ``"+05:30"``, or a ``tzinfo``.

    Raises
    ------
    OptionError
        The zone is unknown.

    Examples
    --------
    >>> zone_dtype("America/Chicago")
    datetime64[us, America/Chicago]
    """
    if isinstance(tz, (str, tzinfo)):
        try:
            return pd.DatetimeTZDtype("us", tz)
        except (KeyError, ValueError, TypeError, OSError):
            pass
    raise OptionError(
        f"The time zone {tz!r} is not known. Give an IANA name such as 'UTC' or 'America/Chicago', "
        "or an offset such as '+05:30'."
    )


def empty_frame(tz: str | tzinfo = "UTC") -> pd.DataFrame:
    """Return a bar frame without bars: the right columns, dtypes and index.

    Examples
    --------
    >>> empty_frame("America/Chicago").index.dtype
    datetime64[us, America/Chicago]
    """
    index = pd.DatetimeIndex(np.empty(0, np.int64), dtype=zone_dtype(tz), name=INDEX_NAME)
    columns = {name: np.empty(0, np.float64) for name in COLUMNS}
    return pd.DataFrame(columns, index=index)


def normalise(frame: pd.DataFrame, *, tz: str | tzinfo | None = None) -> pd.DataFrame:
    """Return ``frame`` as a bar frame; what is there already is kept, bit for bit.

    Parameters
    ----------
    frame
        Has the columns ``open high low close volume`` of any numeric dtype, and timezone-aware times in
        its index or in a column ``timestamp``. A missing ``tick_count`` becomes 0, which means unknown.
        Other columns than those of a bar frame are left out, and so are a ``closed_at`` of another type than
        times, marks that are not bool and a ``contract`` that is no text.
    tz
        The zone to convert to; by default the frame's own.

    Returns
    -------
    pandas.DataFrame
        A new frame, rows in the order given.

    Raises
    ------
    OptionError
        A column or the times are missing, not numeric, naive, finer than a microsecond or out of range.

    Examples
    --------
    >>> import pandas as pd
    >>> times = pd.date_range("2026-03-02 09:30", periods=2, freq="1min", tz="America/Chicago")
    >>> bars = pd.DataFrame({"open": 1, "high": 2, "low": 1, "close": 2, "volume": 5}, index=times)
    >>> frame = normalise(bars)
    >>> frame.index.name, frame["open"].dtype, frame["tick_count"].dtype
    ('timestamp', dtype('float64'), dtype('float64'))
    """
    if not isinstance(frame, pd.DataFrame):
        raise OptionError(f"A pandas DataFrame of bars is needed, not {type(frame).__name__}.")
    index = _time_index(frame)
    if tz is not None:
        index = index.tz_convert(zone_dtype(tz).tz)
    missing = [name for name in COLUMNS if name != "tick_count" and name not in frame.columns]
    if missing:
        raise OptionError(
            f"The frame has no column {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}. "
            f"A frame of bars needs {', '.join(COLUMNS[:-1])}."
        )
    columns = {name: _numbers(frame, name) for name in (*COLUMNS, "vwap") if name in frame.columns}
    columns.setdefault("tick_count", np.zeros(len(frame)))
    order = [name for name in (*COLUMNS, "vwap") if name in columns]
    bars = pd.DataFrame({name: columns[name] for name in order}, index=index)
    for name in MARKS:
        # By such a name another program may mean anything.
        if name in frame.columns and isinstance(frame[name], pd.Series) and frame[name].dtype == np.bool_:
            bars[name] = frame[name].to_numpy()
    named = frame[CONTRACT] if CONTRACT in frame.columns else None
    if isinstance(named, pd.Series) and pd.api.types.is_string_dtype(named.dtype) and named.notna().all():
        bars[CONTRACT] = named.astype("str").to_numpy()
    closed = _closings(frame)
    if closed is not None:
        bars[CLOSED_AT] = closed.tz_convert(index.tz)
    bars.attrs = {name: frame.attrs[name] for name in ATTRIBUTES if name in frame.attrs}
    return bars


def plain_attributes(given: object) -> dict[str, object]:
    """Return what of ``given`` may go into a file or come out of one: short plain words and a flag.

    Anything else, such as the address of a feed with a key in it, is left out.

    Examples
    --------
    >>> plain_attributes({"symbol": "MNQ", "source": "venue://?key=abc", "forming": True, "owner": "me"})
    {'symbol': 'MNQ', 'forming': True}
    """
    if not isinstance(given, Mapping):
        return {}
    plain: dict[str, object] = {}
    for name in ATTRIBUTES:
        value = given.get(name)
        if name == "forming":
            fits = isinstance(value, bool)
        else:
            allowed = _WORD if name == "source" else _NAME
            fits = isinstance(value, str) and allowed.fullmatch(value) is not None
        if fits:
            plain[name] = value
    return plain


def check_times(time_us: np.ndarray) -> str:
    """Return what is wrong with the UTC microseconds ``time_us``, or an empty string."""
    if len(time_us) and (time_us == NOT_A_TIME).any():
        return "a time is missing (NaT)"
    if len(time_us) and (int(time_us.min()) < _EARLIEST_US or int(time_us.max()) >= _LATEST_US):
        return "a time lies outside the years 1678 to 2261"
    return ""


def export_columns(
    frame: pd.DataFrame, columns: Sequence[str] | None, *, include_volume: bool
) -> tuple[pd.DatetimeIndex, dict[str, np.ndarray]]:
    """Return the times to write, and the columns by name, in the order to write them.

    Of ``closed_at`` the UTC instants are returned, as ``datetime64[us]``.

    Parameters
    ----------
    frame
        Any frame that :func:`normalise` accepts.
    columns
        Which ones; by default those of a bar frame. May name further columns of ``frame`` that hold
        numbers or text.
    include_volume
        Whether ``volume`` is among the default ones.

    Raises
    ------
    OptionError
        A column does not exist, is named twice, or holds neither numbers nor text.
    """
    bars = normalise(frame).astype({"tick_count": np.int64})
    if columns is None:
        names = [name for name in bars.columns if include_volume or name != "volume"]
    else:
        names = [columns] if isinstance(columns, str) else list(columns)
    chosen: dict[str, np.ndarray] = {}
    for name in names:
        if name not in frame.columns and name not in bars.columns:
            raise OptionError(
                f"The frame has no column {name!r}. {suggest(str(name), map(str, frame.columns))}"
            )
        if name in chosen or name == INDEX_NAME:
            raise OptionError(f"The column {name!r} is named twice; {INDEX_NAME} is always written.")
        chosen[name] = _values(bars, name) if name in bars.columns else _extra(frame, name)
    if columns is not None and not include_volume and "volume" in chosen:
        raise OptionError("columns= names 'volume' and include_volume=False leaves it out; give one of them.")
    if not chosen:
        raise OptionError(f"columns= is empty. {suggest('', map(str, bars.columns))}")
    return pd.DatetimeIndex(bars.index), chosen


def _time_index(frame: pd.DataFrame) -> pd.DatetimeIndex:
    given = frame.index
    if not isinstance(given, pd.DatetimeIndex) and INDEX_NAME in frame.columns:
        given = pd.Index(frame[INDEX_NAME])
    if not isinstance(given, pd.DatetimeIndex):
        raise OptionError(
            f"The frame's times are missing: its index is {given.dtype} and it has no column "
            f"{INDEX_NAME!r}. Set a timezone-aware DatetimeIndex."
        )
    if given.tz is None:
        raise OptionError(
            "The frame's times carry no zone. Give them the one they are in: frame.tz_localize('UTC')."
        )
    if given.unit == "ns" and (given.asi8 % 1000).any():
        raise OptionError(
            "The frame's times are finer than a microsecond, which a bar frame cannot hold exactly. "
            "Round them with frame.index.floor('us')."
        )
    index = given.as_unit("us").rename(INDEX_NAME)
    problem = check_times(index.asi8)
    if problem:
        raise OptionError(f"The frame cannot hold bars: {problem}.")
    return index


def _closings(frame: pd.DataFrame) -> pd.DatetimeIndex | None:
    """Return when the bars were closed; None where the frame does not tell."""
    column = frame[CLOSED_AT] if CLOSED_AT in frame.columns else None
    if not isinstance(column, pd.Series) or not pd.api.types.is_datetime64_any_dtype(column.dtype):
        return None  # a column of somebody else's that has this name
    given = pd.DatetimeIndex(column)
    if given.tz is None and given.isna().all():
        given = given.tz_localize("UTC")
    if given.tz is None:
        raise OptionError(
            f"The times in {CLOSED_AT!r} carry no zone. Give them the one they are in: "
            f"frame[{CLOSED_AT!r}].dt.tz_localize('UTC')."
        )
    known = given[given.notna()]
    if known.unit == "ns" and (known.asi8 % 1000).any():
        raise OptionError(
            f"The times in {CLOSED_AT!r} are finer than a microsecond. "
            f"Round them with frame[{CLOSED_AT!r}].dt.floor('us')."
        )
    problem = check_times(known.as_unit("us").asi8)
    if problem:
        raise OptionError(f"The frame cannot hold bars: {problem} in {CLOSED_AT!r}.")
    return given.as_unit("us")


def _values(bars: pd.DataFrame, name: str) -> np.ndarray:
    if name == CLOSED_AT:
        return pd.DatetimeIndex(bars[name]).asi8.view("datetime64[us]")
    return bars[name].to_numpy(object if name == CONTRACT else None)


def _numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    column = frame[name]
    if not isinstance(column, pd.Series):
        raise OptionError(f"The frame has two columns {name!r}; keep one.")
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        raise OptionError(f"The column {name!r} is {column.dtype}; numbers are needed.")
    values = column.to_numpy(np.float64, na_value=np.nan)
    if name == "tick_count" and not (np.isfinite(values).all() and (values == np.floor(values)).all()):
        raise OptionError("The column 'tick_count' must hold whole numbers.")
    return values


def _extra(frame: pd.DataFrame, name: str) -> np.ndarray:
    column = frame[name]
    if isinstance(column, pd.Series):
        if pd.api.types.is_integer_dtype(column.dtype) and not column.hasnans:
            return column.to_numpy(np.int64)
        if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
            return column.to_numpy(np.float64, na_value=np.nan)
        if pd.api.types.is_string_dtype(column.dtype):
            return column.to_numpy(object, na_value="")
    raise OptionError(f"The column {name!r} holds neither numbers nor text, or there are two of that name.")
