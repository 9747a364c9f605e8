"""Bars and trades in JSON: lists of rows or of objects, JSON lines, pandas' forms, in any wrapping."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from mdnb.io.notes import refuse
from mdnb.io.recognise.table import Table

__all__ = ["json_table"]

_DEEPEST: Final = 6
_SYMBOL_KEYS: Final = ("symbol", "s", "pair", "ticker", "instrument", "product_id", "contractId", "Symbol")
_REMEDY: Final = "A list of bars, of rows, an object with a list a column, or one bar a line is needed."


def json_table(data: bytes, where: str) -> Table:
    """Return the columns of a JSON file.

    Raises
    ------
    DataImportError
        It is not JSON, is nested too deep, or holds no table.

    Examples
    --------
    >>> table = json_table(b'{"result": {"XXBTZUSD": [[1, 2.0], [3, 4.0]], "last": 5}}', "x.json")
    >>> len(table), table.about
    (2, {'symbol': 'XXBTZUSD'})
    """
    try:
        body = json.loads(data)
        kind = "JSON"
    except RecursionError as error:
        raise refuse(where, "it is nested too deep", _REMEDY) from error
    except ValueError as error:
        body, kind = _lines(data, where, error), "JSON lines"
    about: dict[str, str] = {}
    rows = _find(body, about, "", 0)
    if rows is None:
        raise refuse(where, "it holds no table", _REMEDY)
    return _table(rows, kind, about, where)


def _lines(data: bytes, where: str, error: ValueError) -> list[Any]:
    lines = [line for line in data.splitlines() if line.strip()]
    try:
        if len(lines) > 1:
            return [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        pass
    raise refuse(where, f"it is no JSON ({error})", "Fetch it again.") from error


def _find(body: Any, about: dict[str, str], name: str, depth: int) -> Any:
    """Return the rows in an answer: its longest list of lists or objects, or an object of columns."""
    if depth > _DEEPEST:
        return None
    if isinstance(body, list):
        if body and isinstance(body[0], (list, dict)):
            return body
        return None
    if not isinstance(body, dict):
        return None
    if {"columns", "data"} <= body.keys() and isinstance(body["columns"], list):
        return body
    lists = {key: value for key, value in body.items() if isinstance(value, list) and value}
    if len({len(value) for value in lists.values()}) == 1 and len(lists) >= 5:
        if not any(isinstance(value[0], (list, dict)) for value in lists.values()):
            return body
    objects = [value for value in body.values() if isinstance(value, dict)]
    if len(objects) == len(body) >= 5 and len({len(value) for value in objects}) == 1:
        if not any(isinstance(cell, (list, dict)) for value in objects for cell in value.values()):
            # pandas, orient="columns": an object a column.
            return {key: list(value.values()) for key, value in body.items()} | (
                {} if "timestamp" in body else {"index": list(objects[0])}
            )
    for key in _SYMBOL_KEYS:
        if isinstance(body.get(key), str):
            about.setdefault("symbol", body[key])
    found = [(key, _find(value, about, key, depth + 1)) for key, value in body.items()]
    held = [(key, rows) for key, rows in found if rows is not None]
    if not held:
        return None
    key, rows = max(held, key=lambda one: _length(one[1]))
    if depth == 1 and name == "result" and isinstance(body[key], list):
        about.setdefault("symbol", key)
    return rows


def _length(rows: Any) -> int:
    if isinstance(rows, dict):
        return max((len(value) for value in rows.values() if isinstance(value, list)), default=0)
    return len(rows)


def _table(rows: Any, kind: str, about: dict[str, str], where: str) -> Table:
    if isinstance(rows, dict) and "columns" in rows and isinstance(rows.get("data"), list):
        names = [str(name) for name in rows["columns"]]
        held = [list(row) for row in rows["data"]]
        index = rows.get("index")
        if isinstance(index, list) and len(index) == len(held):
            names, held = ["index", *names], [[at, *row] for at, row in zip(index, held, strict=True)]
        return _made(names, held, kind, "split", about, where)
    if isinstance(rows, dict):
        columns = {str(name): value for name, value in rows.items() if isinstance(value, list)}
        return _of_columns(list(columns), list(columns.values()), kind, "a list a column", about, where)
    if isinstance(rows[0], dict):
        names = list(dict.fromkeys(str(key) for row in rows for key in _flat(row, where)))
        held = [[_flat(row, where).get(name) for name in names] for row in rows]
        return _made(names, held, kind, "an object a row", about, where)
    return _made([], rows, kind, "a list a row", about, where)


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
    return _of_columns(names, columns, kind, form, about, where)


def _of_columns(
    names: Sequence[str],
    columns: Sequence[list[Any]],
    kind: str,
    form: str,
    about: dict[str, str],
    where: str,
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
    kinds = {type(value) for value in values if value is not None}
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
