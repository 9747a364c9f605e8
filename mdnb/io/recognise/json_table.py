"""Bars and trades in JSON: lists of rows or of objects, JSON lines, pandas' forms, in any wrapping."""

from __future__ import annotations

import json
import operator
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa

from mdnb.errors import OptionError
from mdnb.io.notes import refuse
from mdnb.io.recognise.roles import ROLES, is_header, plain_name
from mdnb.io.recognise.table import Table
from mdnb.io.source import check_zone
from mdnb.io.stacked import TIMEFRAME, timeframe_named

__all__ = ["json_table"]

_DEEPEST: Final = 6
_SYMBOL_KEYS: Final = ("symbol", "s", "pair", "ticker", "instrument", "product_id", "contractId", "Symbol")
_ZONE_NAMES: Final = frozenset({"timezone", "exchangetimezonename", "tz"})
_GRANULARITIES: Final = frozenset({"1d", "5d", "1wk", "1mo", "3mo"})
_MOST_PARTS: Final = 16
_REMEDY: Final = "A list of bars, of rows, an object with a list a column, or one bar a line is needed."


def json_table(data: bytes, where: str) -> Table:
    """Return the columns of a JSON file.

    Raises
    ------
    DataImportError
        It is not JSON, is nested too deep, or holds no table.

    Examples
    --------
    >>> table = json_table(b'{"symbol": "XBT", "bars": [[1, 2.0], [3, 4.0]]}', "x.json")
    >>> len(table), table.about
    (2, {'symbol': 'XBT'})
    """
    try:
        body = _loaded(data)
        kind = "JSON"
    except RecursionError as error:
        raise refuse(where, "it is nested too deep", _REMEDY) from error
    except _TwiceError as error:
        raise refuse(where, str(error), "Leave one of them out.") from error
    except ValueError as error:
        body, kind = _lines(data, where, error), "JSON lines"
    about: dict[str, str] = {}
    rows = _find(body, about, 0)
    if rows is None:
        raise refuse(where, "it holds no table", _REMEDY)
    return _table(rows, kind, about, where)


class _TwiceError(Exception):
    """One name for two values of an object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(f"an object has {next(name for name in names if names.count(name) > 1)!r} twice")
    return made


def _loaded(text: bytes) -> Any:
    return json.loads(text, object_pairs_hook=_object)


def _lines(data: bytes, where: str, error: ValueError) -> list[Any]:
    lines = [line for line in data.splitlines() if line.strip()]
    try:
        if len(lines) > 1:
            return [_loaded(line) for line in lines]
    except (ValueError, RecursionError, _TwiceError) as wrong:
        raise refuse(where, f"it is no JSON, and not a value a line ({wrong})", "Fetch it again.") from wrong
    raise refuse(where, f"it is no JSON ({error})", "Fetch it again.") from error


def _find(body: Any, about: dict[str, str], depth: int) -> Any:
    """Return the rows in an answer: its likeliest list of lists or objects, or an object of columns."""
    if isinstance(body, list):
        return _find_in_list(body, about, depth)
    if not isinstance(body, dict) or depth > _DEEPEST:
        return None
    columns = _as_columns(body)
    if columns is None:
        _note_about(body, about)
        columns = _as_columns_beside(body, about)
    if columns is not None:
        return columns
    if is_header(list(body)) and not any(isinstance(value, (list, dict)) for value in body.values()):
        return [body]
    found = [(key, _find(value, about, depth + 1)) for key, value in body.items()]
    held = [(key, rows) for key, rows in found if rows is not None]
    if not held:
        return None
    key, rows = max(held, key=lambda one: (_has_names(one[1]), _length(one[1])))
    if depth == 1 and isinstance(body[key], list) and "last" in body:
        # Kraken: {"result": {PAIR: rows, "last": when the last row that is whole begins}}
        about.setdefault("symbol", key)
        about["last"] = str(body["last"])
    return rows


def _find_in_list(body: list[Any], about: dict[str, str], depth: int) -> Any:
    if not body or not isinstance(body[0], (list, dict)):
        return None
    # The only answer of a list of answers, as Yahoo's charts have it.
    inner = _find(body[0], about, depth + 1) if len(body) == 1 and isinstance(body[0], dict) else None
    return body if inner is None else inner


def _note_about(body: dict[str, Any], about: dict[str, str]) -> None:
    """Note what an object says of all rows: symbol, timeframe and zone, in itself or in its meta."""
    for key in _SYMBOL_KEYS:
        if isinstance(body.get(key), str):
            about.setdefault("symbol", body[key])
    if timeframe := timeframe_named(body.get(TIMEFRAME)):
        about.setdefault("timeframe", timeframe)
    for key, value in body.items():
        if not isinstance(value, dict) or not plain_name(key).startswith("meta"):
            continue
        for name, told in value.items():
            if not isinstance(told, str):
                continue
            if plain_name(name) in ("symbol", "ticker"):
                about.setdefault("symbol", told)
            elif plain_name(name) in _ZONE_NAMES and _is_zone(told):
                about.setdefault("zone", told)
            elif plain_name(name) == "datagranularity":
                about.setdefault("granularity", told)


def _is_zone(name: str) -> bool:
    try:
        check_zone(name)
    except OptionError:
        return False
    return True


def _as_columns_beside(body: dict[str, Any], about: dict[str, str]) -> Any:
    """Return columns where the times stand beside an object that has the prices, as Yahoo's charts do."""
    for key, times in body.items():
        if plain_name(key) not in ROLES["time"] or not isinstance(times, list) or not times:
            continue
        if isinstance(times[0], (list, dict)):
            continue
        prices = _prices_within([value for name, value in body.items() if name != key], len(times), 0)
        if prices is not None:
            return {"time": _as_days(times, about), **prices}
    return None


def _prices_within(body: Any, count: int, depth: int) -> dict[str, list[Any]] | None:
    """Return the first object of columns of bars in an answer, all of one length."""
    if depth > _DEEPEST:
        return None
    if isinstance(body, dict):
        held = {
            str(name): value
            for name, value in body.items()
            if isinstance(value, list) and len(value) == count
        }
        if is_header(["time", *held]):
            return held
    parts = list(body.values()) if isinstance(body, dict) else body if isinstance(body, list) else []
    for part in parts[:_MOST_PARTS]:
        if isinstance(part, (dict, list)) and (found := _prices_within(part, count, depth + 1)) is not None:
            return found
    return None


def _as_days(times: list[Any], about: dict[str, str]) -> list[Any]:
    """Return the days of instants at which bars open, where the answer says that they are of days or more."""
    whole = all(type(one) is int for one in times)
    if about.get("granularity") not in _GRANULARITIES or "zone" not in about or not whole:
        return times
    zone = ZoneInfo(about["zone"])
    try:
        return [datetime.fromtimestamp(one, zone).date().isoformat() for one in times]
    except (OverflowError, ValueError, OSError):
        return times


def _as_columns(body: dict[str, Any]) -> Any:
    """Return an object of columns as one list a column, of rows by time as rows; None: it is neither."""
    if {"columns", "data"} <= body.keys() and isinstance(body["columns"], list):
        return body
    lists = {key: value for key, value in body.items() if isinstance(value, list) and value}
    flat = not any(isinstance(value[0], (list, dict)) for value in lists.values())
    if flat and len(lists) >= 5 and len({len(value) for value in lists.values()}) == 1:
        return body
    objects = [value for value in body.values() if isinstance(value, dict)]
    nested = any(isinstance(cell, (list, dict)) for one in objects[:1] for cell in one.values())
    if not objects or len(objects) != len(body) or nested:
        return None
    if is_header(["time", *objects[0]]):
        # Alpha Vantage, and pandas' orient="index": an object a row, by its time.
        return [{"index": key, **value} for key, value in body.items()]
    if len(objects) >= 4 and len({len(value) for value in objects}) == 1:
        # pandas' orient="columns": an object a column.
        columns = {key: list(value.values()) for key, value in body.items()}
        return columns if is_header(list(body)) else {"index": list(objects[0]), **columns}
    return None


def _has_names(rows: Any) -> bool:
    first = rows[0] if isinstance(rows, list) else rows
    return isinstance(first, dict) and is_header(["time", *map(str, first)])


def _length(rows: Any) -> int:
    if isinstance(rows, dict):
        return max((len(value) for value in rows.values() if isinstance(value, list)), default=0)
    return len(rows)


def _table(rows: Any, kind: str, about: dict[str, str], where: str) -> Table:
    if isinstance(rows, dict) and "columns" in rows and isinstance(rows.get("data"), list):
        names = [str(name) for name in rows["columns"]]
        held = [list(row) if isinstance(row, (list, dict)) else [row] for row in rows["data"]]
        index = rows.get("index")
        if isinstance(index, list) and len(index) == len(held):
            names, held = ["index", *names], [[at, *row] for at, row in zip(index, held, strict=True)]
        return _made(names, held, kind, "split", about, where)
    if isinstance(rows, dict):
        columns = {str(name): value for name, value in rows.items() if isinstance(value, list)}
        if len({len(value) for value in columns.values()}) != 1:
            raise refuse(where, "its columns have different lengths", "Put these right.")
        return _of_columns(list(columns), list(columns.values()), kind, "a list a column", about)
    if isinstance(rows[0], dict):
        if (alike := _of_alike(rows)) is not None:
            return _of_columns(list(map(str, rows[0])), alike, kind, "an object a row", about)
        names = list(dict.fromkeys(key for row in rows for key in _flat(row, where)))
        held = [[_flat(row, where).get(name) for name in names] for row in rows]
        return _made(names, held, kind, "an object a row", about, where)
    return _made([], rows, kind, "a list a row", about, where)


def _of_alike(rows: list[Any]) -> list[list[Any]] | None:
    """Return the columns of objects that all have the same names; None where they do not."""
    names = list(rows[0])
    if set(map(type, rows)) != {dict} or set(map(len, rows)) != {len(names)}:
        return None
    try:
        return [list(map(operator.itemgetter(name), rows)) for name in names]
    except KeyError:
        return None


def _flat(row: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise refuse(where, "some of its rows are objects, others are not", _REMEDY)
    return row


def _made(
    names: Sequence[str], rows: Sequence[Any], kind: str, form: str, about: dict[str, str], where: str
) -> Table:
    widths = {len(row) if isinstance(row, (list, tuple)) else -1 for row in rows}
    if len(widths) != 1 or -1 in widths:
        raise refuse(where, "its rows have different numbers of cells", "Put these rows right.")
    columns = [list(column) for column in zip(*rows, strict=True)]
    return _of_columns(names, columns, kind, form, about)


def _of_columns(
    names: Sequence[str],
    columns: Sequence[list[Any]],
    kind: str,
    form: str,
    about: dict[str, str],
) -> Table:
    made = [_array(column) for column in columns]
    return Table(
        names=tuple(names) if names else ("",) * len(made),
        columns=tuple(made),
        has_header=bool(names),
        said=(kind, form),
        about=about,
    )


def _array(values: list[Any]) -> Any:
    """Return numbers as numbers and all else as text; what is nested is no column of a table."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {int, float} and kinds:
        try:
            return pa.array(values, pa.int64() if kinds == {int} else pa.float64())
        except (pa.ArrowInvalid, OverflowError):
            pass
    return pa.array(list(_texts(values)), pa.string())


def _texts(values: list[Any]) -> Iterator[str | None]:
    for value in values:
        if value is None or isinstance(value, (list, dict)):
            yield None
        elif isinstance(value, bool):
            yield "true" if value else "false"
        else:
            yield str(value)
