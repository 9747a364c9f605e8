"""Reading bars from JSON: fast where the file is a plain list of bars, strictly everywhere.

JSON as Python reads it lets through what no bar may hold: ``NaN``, ``Infinity``, ``1e999`` as infinity, the
last of two equal keys. Here each of them refuses the file.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final, NamedTuple, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.json as arrow_json

from mdnb.errors import OptionError
from mdnb.io.assemble import OPTIONAL, ColumnNames, numbers_from_text, to_bars
from mdnb.io.contract_names import parse_contracts
from mdnb.io.file_bars import FileBars
from mdnb.io.instants import Closings, parse_closings, parse_times
from mdnb.io.marks import parse_marks
from mdnb.io.notes import refuse
from mdnb.io.progress import reading, source_of
from mdnb.io.read_options import ReadOptions
from mdnb.io.schema import CLOSED_AT, CONTRACT, INDEX_NAME, MARKS, PRICES, plain_attributes
from mdnb.io.source import check_zone, read_text_bytes
from mdnb.io.stacked import STACKED, SYMBOL, TIMEFRAME, Stack, stack_of, timeframe_named, without_empty

__all__ = ["json_bars", "json_bars_of", "json_timeframes", "read_json"]

_HEAD_BYTES: Final = 65_536
_PIECE_BYTES: Final = 4 * 1024**2
_LONGEST_INTEGER: Final = 19
_INT64: Final = 2**63
_BETWEEN: Final = re.compile(rb"\}\s*,\s*\{")
_NOT_FINITE: Final = (b"NaN", b"Infinity")
_FORMS: Final = "a list of bars, an object with a list a column, or columns/index/data"


class _Columns(NamedTuple):
    """Columns by our own names, and what the envelope said."""

    columns: Mapping[str, Any]
    attributes: dict[str, object]
    zone: str | None


def read_json(
    filename: str | os.PathLike[str],
    *,
    date_column: str = INDEX_NAME,
    price_columns: Sequence[str] = PRICES,
    volume_column: str | None = "volume",
    tz: str | tzinfo | None = None,
    date_format: str | None = None,
    positive_prices: bool = True,
    timeframe: str | None = None,
    symbol: str | None = None,
) -> pd.DataFrame:
    """Read bars from a JSON file: every form that :func:`mdnb.io.json.write_json` writes, and one bar a line.

    Parameters
    ----------
    filename, date_column, price_columns, volume_column, date_format, positive_prices, timeframe, symbol
        As in :func:`mdnb.io.csv.read_csv`; the envelope may name the latter.
    tz
        The zone of times without an offset, and of the frame returned. Default: the zone the envelope
        names, else UTC.

    Returns
    -------
    pandas.DataFrame
        A bar frame, oldest first, one row a time; ``attrs["notes"]`` lists what was put right.

    Raises
    ------
    DataImportError
        The file is not JSON, is no table of bars, has a key twice in one object, is nested too deep, or
        holds a value that is missing, not finite or negative.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "bars.json"
    >>> bar = '{"timestamp":"2026-03-02T15:30:00Z","open":1.5,"high":2,"low":1,"close":2,"volume":7}'
    >>> _ = path.write_text(f"[{bar}]")
    >>> float(read_json(path)["close"].iloc[0])
    2.0
    """
    names = ColumnNames.of(date_column, price_columns, volume_column)
    how = ReadOptions(tz=tz, date_format=date_format, positive_prices=positive_prices, symbol=symbol)
    return json_bars(filename, names, timeframe, how).frame()


def json_bars(
    filename: str | os.PathLike[str], names: ColumnNames, timeframe: str | None, how: ReadOptions
) -> FileBars:
    """Return the bars of one timeframe of a JSON file in columns; see :func:`read_json`."""
    found, where = _opened(filename, names)
    stack = _stack(found, where, how.symbol, how.prefers)
    return _bars(found, names, stack, stack.wanted(timeframe, where), where, timeframe, how)


def json_bars_of(
    filename: str | os.PathLike[str], kept: Collection[str], how: ReadOptions
) -> dict[str, FileBars]:
    """Return the bars of every timeframe that a JSON file names and that is kept, in columns, by timeframe.

    Raises
    ------
    DataImportError
        As :func:`read_json`.
    """
    names = ColumnNames()
    found, where = _opened(filename, names)
    stack = _stack(found, where, how.symbol, how.prefers)
    return {name: _bars(found, names, stack, name, where, name, how) for name in stack.rows if name in kept}


def json_timeframes(
    filename: str | os.PathLike[str], *, symbol: str | None = None, prefers: str | None = None
) -> tuple[str, ...]:
    """Return the timeframes that the bars of a JSON file name, each its own, or its envelope.

    Raises
    ------
    DataImportError
        As :func:`read_json`; also where it holds several symbols and none is asked for.
    """
    data, where = read_text_bytes(filename)
    if f'"{TIMEFRAME}"'.encode() not in data:
        return ()
    found = _columns(data.strip(), ColumnNames(), where)
    return tuple(name for name in _stack(found, where, symbol, prefers).rows if name)


def _opened(filename: str | os.PathLike[str], names: ColumnNames) -> tuple[_Columns, str]:
    data, where = read_text_bytes(filename)
    return _columns(data.strip(), names, where), where


def _columns(body: bytes, names: ColumnNames, where: str) -> _Columns:
    return _fast(body, names, where) or _slow(body, names, where)


def _stack(found: _Columns, where: str, symbol: str | None, prefers: str | None) -> Stack:
    columns = found.columns
    made = stack_of(columns.get(SYMBOL), columns.get(TIMEFRAME), where, symbol=symbol, prefers=prefers)
    told = "" if TIMEFRAME in columns else timeframe_named(found.attributes.get("timeframe"))
    # The envelope says it of all rows.
    return made._replace(rows={told: made.rows[""]}) if told else made


def _bars(
    found: _Columns,
    names: ColumnNames,
    stack: Stack,
    wanted: str,
    where: str,
    timeframe: str | None,
    how: ReadOptions,
) -> FileBars:
    rows, zone, date_format = stack.rows[wanted], _zone(how.tz, found.zone, where), how.date_format
    columns = {
        name: held if rows is None else _where(held, rows)
        for name, held in found.columns.items()
        if name not in STACKED
    }
    if rows is not None and wanted:
        where = f"{where}, {wanted}"  # its rows are counted
    labels = names.wanted()
    times = parse_times(
        _time_array(columns[INDEX_NAME], where),
        date_format=date_format,
        tz=zone,
        where=where,
        column=labels[INDEX_NAME],
    )
    values = {
        name: _numbers(column, labels.get(name, name), where)
        for name, column in columns.items()
        if name not in {INDEX_NAME, CLOSED_AT, CONTRACT, *MARKS}
    }
    closings: Closings | None = None
    if CLOSED_AT in columns:
        closings = parse_closings(
            _closing_array(columns[CLOSED_AT]),
            times.time_us,
            date_format=date_format,
            tz=zone,
            where=where,
        )
    contracts = None
    if CONTRACT in columns:
        contracts, said = parse_contracts(columns[CONTRACT])
        times.notes[:0] = said
    about = {"symbol": stack.symbol, "timeframe": wanted if stack.is_named else None}
    made = to_bars(
        times,
        values,
        closings=closings,
        marks=parse_marks(columns),
        contracts=contracts,
        tz=zone,
        where=where,
        positive_prices=how.positive_prices,
        attributes={"source": "json", **found.attributes, **plain_attributes(about)},
        timeframe=timeframe or wanted or None,
        first_counts=how.first_counts,
    )
    return without_empty(made) if stack.is_named else made


def _where(column: Any, rows: Any) -> Any:
    """Return the rows of a column, a list or an Arrow array, where a mask is true."""
    if isinstance(column, list):
        return [value for value, kept in zip(column, rows.to_pylist(), strict=True) if kept]
    return column.filter(rows)


# The fast way: one bar a line for Arrow's reader.


def _fast(body: bytes, names: ColumnNames, where: str) -> _Columns | None:
    """Return the columns of a plain list of flat objects; None where only the slow way can tell."""
    if any(word in body for word in _NOT_FINITE):
        return None
    inner, about = _unwrapped(body)
    first = _first_object(inner)
    if first is None:
        return None
    places = names.locate(list(first), where, STACKED)
    keys = {ours: list(first)[place] for ours, place in places.items()}
    # A later bar may have what the first has not.
    later = [
        name
        for name in (*OPTIONAL, *STACKED)
        if name not in keys
        and name not in keys.values()
        and (name not in (CONTRACT, *MARKS, *STACKED) or f'"{name}"'.encode() in inner)
    ]
    keys.update({name: name for name in later})
    kind = {str: pa.string(), int: pa.int64()}.get(type(first[keys[INDEX_NAME]]))
    if kind is None:
        return None
    times = {INDEX_NAME, CLOSED_AT}  # of one kind, else the slow way looks at each
    kinds = {**dict.fromkeys(times, kind), **dict.fromkeys(MARKS, pa.bool_())}
    kinds |= dict.fromkeys((CONTRACT, *STACKED), pa.string())
    schema = pa.schema([(key, kinds.get(ours, pa.float64())) for ours, key in keys.items()])
    between = _BETWEEN.search(inner)
    # The first gap stands for all; where another looks different, Arrow refuses and the slow way reads it.
    lines = _one_a_line(inner, between.group()) if between else inner
    try:
        table = arrow_json.read_json(
            source_of(lines, reading(where)),
            parse_options=arrow_json.ParseOptions(
                explicit_schema=schema,
                unexpected_field_behavior="ignore",
                newlines_in_values=b"\n" in inner[:_HEAD_BYTES].lstrip(),
            ),
        )
    except pa.ArrowInvalid:
        return None  # a text with "},{" inside, numbers as text, or a fault the slow way will name
    attributes, zone = _about(about)
    columns = {ours: table[key] for ours, key in keys.items()}
    found = {ours: column for ours, column in columns.items() if ours not in later or _any(column)}
    return _Columns(found, attributes, zone)


def _one_a_line(inner: bytes, between: bytes) -> bytes:
    """Put each object into a line of its own, piece by piece: other threads go on meanwhile."""
    pieces: list[bytes] = []
    at = 0
    while at < len(inner):
        end = inner.find(between, at + _PIECE_BYTES)
        end = len(inner) if end < 0 else end + len(between)
        pieces.append(inner[at:end].replace(between, b"}\n{"))
        at = end
    return b"".join(pieces)


def _any(column: Any) -> bool:
    return bool(column.null_count < len(column))


def _unwrapped(body: bytes) -> tuple[bytes, bytes]:
    """Return what stands between the brackets of the list of bars, and the envelope without its bars."""
    about = b"{}"
    if body.startswith(b"{"):
        match = re.search(rb'"bars"\s*:\s*\[', body[:_HEAD_BYTES])
        if match and (end := re.search(rb"\]\s*\}\Z", body[-_HEAD_BYTES:])):
            about = body[: match.end()] + end.group()
            body = b"[" + body[match.end() : len(body) - len(end.group())] + b"]"
    if body.startswith(b"[") and body.endswith(b"]"):
        return body[1:-1].strip(), about
    return body, about


def _first_object(inner: bytes) -> dict[str, Any] | None:
    if not inner.startswith(b"{"):
        return None
    try:
        text = inner[:_HEAD_BYTES].decode(errors="ignore")
        first, _ = json.JSONDecoder(object_pairs_hook=_without_repeats).raw_decode(text)
    except (ValueError, RecursionError):
        return None
    flat = isinstance(first, dict) and not any(isinstance(value, (dict, list)) for value in first.values())
    return first if flat else None


# The slow way: Python's reader, made strict.


def _slow(body: bytes, names: ColumnNames, where: str) -> _Columns:
    loaded = _strict(body, where)
    attributes, zone = _about_of(loaded)
    if isinstance(loaded, dict) and isinstance(loaded.get("bars"), (list, dict)):
        loaded = loaded["bars"]
    if isinstance(loaded, list):
        columns = _from_records(loaded, names, where)
    elif isinstance(loaded, dict) and {"columns", "index", "data"} <= set(loaded):
        columns = _from_split(loaded, names, where)
    elif isinstance(loaded, dict) and loaded:
        columns = _from_columns(loaded, names, where)
    else:
        raise refuse(where, f"it holds {type(loaded).__name__}, not bars", f"Bars are {_FORMS}.")
    return _Columns(columns, attributes, zone)


def _strict(body: bytes, where: str) -> Any:
    options: dict[str, Any] = {
        "object_pairs_hook": _without_repeats,
        "parse_constant": _no_constant,
        "parse_int": _bounded_integer,
        "parse_float": _finite_float,
    }
    try:
        text = body.decode()
        try:
            return json.loads(text, **options)
        except json.JSONDecodeError as error:
            lines = text.splitlines()
            if not error.msg.startswith("Extra data") or len(lines) < 2:
                raise
            return [json.loads(line, **options) for line in lines if line.strip()]
    except RecursionError as error:
        raise refuse(where, "it is nested too deep", f"Bars are {_FORMS}.") from error
    except ValueError as error:  # also text that is not UTF-8
        raise refuse(where, f"it is not sound JSON ({str(error)[:200]})", f"Bars are {_FORMS}.") from error
    except MemoryError as error:
        raise refuse(where, "it does not fit into memory", "Split the file.") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    loaded = dict(pairs)
    if len(loaded) != len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {repeated[:40]!r} stands twice in one object")
    return loaded


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


def _bounded_integer(text: str) -> int:
    if len(text.lstrip("-")) > _LONGEST_INTEGER:
        raise ValueError(f"a whole number of {len(text)} digits")
    return int(text)


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is beyond the largest number")
    return number


def _from_records(rows: list[Any], names: ColumnNames, where: str) -> dict[str, Any]:
    if not rows:
        return {ours: [] for ours in names.wanted()}
    odd = np.flatnonzero([not isinstance(row, dict) for row in rows])
    if len(odd):
        what = type(rows[int(odd[0])]).__name__
        raise refuse(where, f"entry {int(odd[0]) + 1} is a {what}, not an object", f"Bars are {_FORMS}.")
    keys = list(dict.fromkeys(key for row in rows for key in row))
    places = names.locate(keys, where, STACKED)
    return {ours: [row.get(keys[place]) for row in rows] for ours, place in places.items()}


def _from_split(loaded: Mapping[str, Any], names: ColumnNames, where: str) -> dict[str, Any]:
    heads, index, rows = loaded["columns"], loaded["index"], loaded["data"]
    parts = (heads, index, rows)
    if not all(isinstance(part, list) for part in parts) or not all(isinstance(head, str) for head in heads):
        raise refuse(where, "columns, index and data are not lists", f"Bars are {_FORMS}.")
    if len(index) != len(rows) or not all(isinstance(row, list) and len(row) == len(heads) for row in rows):
        raise refuse(where, "index, data and columns are of different lengths", "Export it again.")
    places = names.locate([*heads, names.time] if names.time not in heads else heads, where, STACKED)
    return {
        ours: index if place == len(heads) else [row[place] for row in rows] for ours, place in places.items()
    }


def _from_columns(loaded: Mapping[str, Any], names: ColumnNames, where: str) -> dict[str, Any]:
    if all(isinstance(column, dict) for column in loaded.values()):
        # pandas' own form of "columns": each column an object from the time to the value.
        index = list(next(iter(loaded.values())))
        if any(list(column) != index for column in loaded.values()):
            raise refuse(where, "its columns are not of the same times", "Export it again.")
        loaded = {names.time: index, **{name: list(column.values()) for name, column in loaded.items()}}
    places = names.locate(list(loaded), where, STACKED)
    columns = {ours: list(loaded.values())[place] for ours, place in places.items()}
    for name in (CLOSED_AT, CONTRACT, *MARKS, *STACKED):
        if _length(columns.get(name)) != _length(columns[INDEX_NAME]):
            columns.pop(name, None)  # not a column at all
    if not all(isinstance(column, list) for column in columns.values()):
        raise refuse(where, "its columns are not lists", f"Bars are {_FORMS}.")
    if len({len(column) for column in columns.values()}) != 1:
        raise refuse(where, "its columns are of different lengths", "Export it again.")
    return columns


def _length(column: Any) -> int:
    return len(column) if isinstance(column, list) else -1


# Values and the envelope.


def _time_array(column: Any, where: str) -> Any:
    if not isinstance(column, list):
        return column
    array = _texts_or_integers(column)
    if array is not None:
        return array
    names = ", ".join(sorted({type(value).__name__ for value in column if value is not None}))
    raise refuse(where, f"its times are of the kinds {names}", "Times are all texts or all numbers.")


def _closing_array(column: Any) -> Any:
    """Return the times at which bars were closed; None where they are no times."""
    return _texts_or_integers(column) if isinstance(column, list) else column


def _texts_or_integers(column: list[Any]) -> Any:
    """Return an array of what may be times; None where the values are of other kinds, or too large."""
    kinds = {type(value) for value in column if value is not None}
    if not kinds or kinds == {str}:
        return pa.array(column, pa.string())
    if not kinds <= {int, float}:
        return None
    if all(value is None or float(value).is_integer() for value in column):
        whole = [None if value is None else int(value) for value in column]
        if all(value is None or -_INT64 <= value < _INT64 for value in whole):
            return pa.array(whole, pa.int64())
    elif all(value is None or abs(value) < _INT64 for value in column):
        # Their decimals say exactly what the file does: no more digits than a number has.
        return pa.array([None if value is None else repr(value) for value in column], pa.string())
    return None


def _numbers(column: Any, label: str, where: str) -> np.ndarray:
    if isinstance(column, list):
        if any(isinstance(value, (bool, dict, list)) for value in column):
            raise refuse(where, f"{label!r} holds values that are no numbers", "Numbers are needed.")
        if any(isinstance(value, str) for value in column):
            texts = pa.array([value if value is None else str(value) for value in column], pa.string())
            column = numbers_from_text(texts, label, where)
        else:
            column = pa.array([None if value is None else float(value) for value in column], pa.float64())
        column = pa.chunked_array([column])
    numbers: np.ndarray = column.to_numpy()
    return numbers


def _about(head: bytes) -> tuple[dict[str, object], str | None]:
    try:
        return _about_of(json.loads(head))
    except (ValueError, RecursionError):
        return {}, None


def _about_of(loaded: Any) -> tuple[dict[str, object], str | None]:
    """Return the attributes and the zone that an envelope names; only short plain words are taken."""
    if not isinstance(loaded, dict) or "bars" not in loaded:
        return {}, None
    zone = loaded.get("timezone")
    return plain_attributes(loaded), zone if isinstance(zone, str) else None


def _zone(tz: str | tzinfo | None, named: str | None, where: str) -> str | tzinfo | None:
    """Return the zone the caller wants, else the one the envelope names."""
    if tz is not None or named is None:
        return tz
    try:
        check_zone(named)
    except OptionError as error:
        raise refuse(where, f"it names the zone {named[:40]!r}, which is not known", "Pass tz=.") from error
    return named
