"""Tables of text: where they begin and end, what separates their cells, and whether they have a header."""

from __future__ import annotations

import collections
import csv
import dataclasses
import io
import re
from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as arrow_csv

from mdnb.errors import OptionError
from mdnb.io.notes import Note, note, refuse
from mdnb.io.progress import reading, source_of
from mdnb.io.recognise.roles import is_header, roles_by_name
from mdnb.io.recognise.table import Table

__all__ = ["NAME_THEM", "text_table"]

NAME_THEM: Final = (
    "Name them: columns={'time': ..., 'open': ..., 'high': ..., 'low': ..., 'close': ..., 'volume': ...}."
)
# In this order: a comma may be a decimal one where something else separates.
_SEPARATORS: Final = "\t;|,"
_NAMES: Final = {"\t": "tabs", ";": "';'", "|": "'|'", ",": "commas"}
_HEAD_BYTES: Final = 262_144
_LINES_LOOKED_AT: Final = 60
_HEADER_WITHIN: Final = 40
_FOOTER_LINES: Final = 20
_LONGEST_LINE: Final = 65_536
_DATA: Final = re.compile(r"^[\s\"'$€£]*[-+]?[\d.,:/\-T ]*\d")
_PLAIN: Final = re.compile(r"^-?(?:0|[1-9]\d{0,14})?(?:\.\d*)?(?:[eE][+-]?\d{1,3})?$")
_GROUPED: Final = re.compile(r"^-?\d{1,3}(?:\.\d{3})+$")
_CLOCK: Final = re.compile(r"^\d{1,2}:\d{2}|^\d{4}$|^\d{6}$")
_MOST_COLUMNS: Final = 1_000
_BLANK_LINES: Final = re.compile(rb"\n[\r\n]{2,}")
_COMMENT: Final = ("#", "//", "%", "<!--")
_MISSING: Final = ["", "NaN", "nan", "null", "NULL", "None", "N/A", "NA", "-"]
_SAID_SYMBOL: Final = re.compile(
    r"^\W*(?:symbol|ticker|instrument)\W*[:=]\s*([\w./^=\-]{1,32})\s*$", re.IGNORECASE
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """Where the table begins in its lines, and what its columns are called."""

    separator: str
    names: tuple[str, ...] | None
    data_line: int
    width: int
    said: tuple[str, ...]
    about: dict[str, str]
    notes: tuple[Note, ...]
    commas_are_free: bool

    @property
    def columns(self) -> int:
        """How many columns there are, with those that have a name alone."""
        return max(self.width, len(self.names or ()))


def text_table(data: bytes, where: str, *, separator: str | None = None, header: bool | None = None) -> Table:
    """Return the columns of a text file.

    Parameters
    ----------
    data
        UTF-8, or another encoding in which letters of ASCII are one byte.
    separator
        What stands between cells, where the caller says it.
    header
        Whether a line names the columns; None: what the file looks like.

    Raises
    ------
    DataImportError
        It is no table, or lines in its midst have another number of cells.
    """
    if separator is not None and (len(separator) != 1 or not separator.isascii() or separator in '"\r\n'):
        raise OptionError(f"separator={separator!r}: one character is needed, such as ';' or '\\t'.")
    if b"\0" in data:
        raise refuse(where, "it holds NUL characters and is not text", "A text file is needed here.")
    try:
        data[:_HEAD_BYTES].decode()
        encoding = "utf-8"
    except UnicodeDecodeError as error:
        # A letter may be cut by the end of what is looked at.
        encoding = "utf-8" if error.start > _HEAD_BYTES - 4 else "latin-1"
    if b"\r" in data[:_HEAD_BYTES] and b"\n" not in data[:_HEAD_BYTES]:
        data = data.replace(b"\r", b"\n")
    if data[:1] in {b"\r", b"\n"}:
        data = data.lstrip(b"\r\n")
    if b"\n\n\n" in data or b"\n\r\n\r\n" in data:
        # Arrow takes minutes for millions of them.
        data = _BLANK_LINES.sub(b"\n", data)
    lines, starts = _first_lines(data, encoding)
    if not lines:
        raise refuse(where, "it is empty", "A file of bars is needed.")
    if max(map(len, lines)) >= _LONGEST_LINE:
        raise refuse(where, f"a line has more than {_LONGEST_LINE:,} characters", "This is no table of bars.")
    shape = _shape(lines, where, separator, header)
    if shape.columns > _MOST_COLUMNS:
        problem = f"it has {shape.columns:,} columns; at most {_MOST_COLUMNS:,} are looked at"
        raise refuse(where, problem, "Write a file with the columns of bars alone.")
    rows = [_cells(line, shape.separator) for line in lines[shape.data_line :]]
    body = data[starts[shape.data_line] :] if shape.data_line < len(starts) else b""
    if not body.strip():
        raise refuse(where, "it holds names of columns and no rows", "A file of bars is needed.")
    return _read(body, shape, encoding, where, _types(shape, rows))


def _first_lines(data: bytes, encoding: str) -> tuple[list[str], list[int]]:
    """Return the first lines, and where each begins; the last one of what was looked at may be cut."""
    head = data[:_HEAD_BYTES]
    parts = head.splitlines(keepends=True)[:_LINES_LOOKED_AT]
    if len(parts) > 1 and len(data) > len(head) and sum(map(len, parts)) == len(head):
        parts.pop()
    starts, at = [], 0
    for part in parts:
        starts.append(at)
        at += len(part)
    lines = [part.rstrip(b"\r\n").decode(encoding, "replace") for part in parts]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines, starts


def _cells(line: str, separator: str) -> list[str]:
    try:
        return [
            cell.strip()
            for cell in next(csv.reader(io.StringIO(line), delimiter=separator, skipinitialspace=True))
        ]
    except (csv.Error, StopIteration):
        return [line]


def _shape(lines: Sequence[str], where: str, separator: str | None, header: bool | None) -> _Shape:
    sign = _separator(lines, where) if separator is None else separator
    rows = [_cells(line, sign) for line in lines]
    width = _width(rows)
    said, about = [f"separated by {_NAMES.get(sign, repr(sign))}"], dict[str, str]()
    names, first, symbol = (None, 0, "") if header is False else _header(rows, width, header, where)
    if symbol:
        said.append("header of three lines")
        about["symbol"] = symbol
    if names is None:
        first = next((at for at, row in enumerate(rows) if len(row) == width and _is_data(row)), -1)
        if first < 0 or header:
            shown = ", ".join(rows[0])[:200]
            raise refuse(where, f"its columns are not understood ({shown})", NAME_THEM)
        said.append("without a header")
    before = lines[: first - (0 if names is None else 3 if symbol else 1)]
    notes = _of_banner([line for line in before if line.strip()], about)
    return _Shape(
        separator=sign,
        names=names,
        data_line=first,
        width=width,
        said=tuple(said),
        about=about,
        notes=notes,
        commas_are_free=sign != "," or '"' in "".join(lines[first : first + 5]),
    )


def _of_banner(banner: Sequence[str], about: dict[str, str]) -> tuple[Note, ...]:
    for line in banner:
        if told := _SAID_SYMBOL.match(line):
            about["symbol"] = told[1]
    if not banner:
        return ()
    text = f"lines before the table were left out: {banner[0][:60]!r}"
    return (note("lines_before", text, count=len(banner)),)


def _separator(lines: Sequence[str], where: str) -> str:
    body = [line for line in lines[len(lines) // 3 :] if line.strip()]
    for sign in _SEPARATORS:
        widths = collections.Counter(len(_cells(line, sign)) for line in body)
        most, often = widths.most_common(1)[0]
        if most >= 3 and often * 3 >= len(body) * 2:
            return sign
    # A short file under a long banner: its last line but the footer decides.
    for sign in _SEPARATORS:
        if any(is_header(_cells(line, sign)) for line in lines):
            return sign
    shown = lines[-1][:80]
    raise refuse(
        where,
        f"its cells are separated by nothing that is known ({shown!r})",
        "Give separator=, such as ';'.",
    )


def _width(rows: Sequence[Sequence[str]]) -> int:
    data = [len(row) for row in rows if len(row) > 2 and _is_data(row)]
    return collections.Counter(data or [len(rows[-1])]).most_common(1)[0][0]


def _is_data(row: Sequence[str]) -> bool:
    filled = [cell for cell in row if cell]
    return bool(filled) and 2 * sum(_DATA.match(cell) is not None for cell in filled) >= len(filled)


def _header(
    rows: Sequence[list[str]], width: int, wanted: bool | None, where: str
) -> tuple[tuple[str, ...] | None, int, str]:
    """Return the names of the columns, the line after them, and the symbol that the names tell."""
    for at, row in enumerate(rows[:_HEADER_WITHIN]):
        if len(row) < 2 or _is_data(row):
            continue
        if _is_of_three(rows, at):
            symbols = {cell for cell in rows[at + 1][1:] if cell}
            if len(symbols) != 1:
                raise refuse(
                    where,
                    f"it holds several symbols side by side ({', '.join(sorted(symbols)) or 'none'})",
                    "Save them one below the other, or one a file.",
                )
            return _fitted((rows[at + 2][0], *row[1:]), width), at + 3, symbols.pop()
        names = [row[0].lstrip("#/% "), *row[1:]]
        if is_header(names):
            return _fitted(tuple(names), width, rows[at + 1 :]), at + 1, ""
    if wanted:
        first = next((at for at, row in enumerate(rows) if len(row) >= max(2, width - 1)), 0)
        return _fitted(tuple(rows[first]), width), first + 1, ""
    # Names that are not known are names all the same.
    full = next((at for at, row in enumerate(rows) if len(row) >= width - 1 and len(row) > 2), None)
    if full is not None and not _is_data(rows[full]) and not rows[full][0].startswith(_COMMENT):
        return _fitted(tuple(rows[full]), width, rows[full + 1 :]), full + 1, ""
    return None, 0, ""


def _is_of_three(rows: Sequence[list[str]], at: int) -> bool:
    """As yfinance and pandas write columns of two levels: names, symbols, and the name of the index."""
    if at + 3 > len(rows):
        return False
    first, second, third = rows[at : at + 3]
    return first[0] in ("Price", "Attributes") and second[0] in ("Ticker", "Symbols") and not any(third[1:])


def _fitted(names: tuple[str, ...], width: int, rows: Sequence[Sequence[str]] = ()) -> tuple[str, ...]:
    """Return as many names as there are cells: some programs end lines with a separator, or lack a name."""
    if len(names) > width:
        return names[:width] if not any(names[width:]) else names
    full = [row for row in rows if len(row) == width]
    if len(names) == width - 1 and full and any(row[-1] for row in full):
        # Date and time stand under one name, or the index has none.
        return (names[0], "Time", *names[1:]) if _CLOCK.match(full[0][1]) else ("", *names)
    return (*names, *[""] * (width - len(names)))


def _types(shape: _Shape, rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return what to read each column as: numbers where all that is seen of it is written plainly."""
    width = shape.columns
    kinds = {f"c{place}": pa.string() for place in range(width)}
    data = [row for row in rows if len(row) == shape.width]
    if any("," in cell and _DATA.match(cell) for row in data for cell in row):
        # Where a comma stands in a number, a dot may be between thousands.
        return kinds
    names = shape.names or ("",) * width
    times = {at for role, at in roles_by_name(names, ["epoch", "time", "clock"]).items()} or {0, 1}
    for place in range(width):
        cells = [row[place] for row in data if place < len(row) and row[place] not in _MISSING]
        decimals = [cell for cell in cells if "." in cell]
        plain = cells and place not in times and all(_PLAIN.match(cell) for cell in cells)
        if plain and (decimals or shape.names) and not (decimals and all(map(_GROUPED.match, decimals))):
            kinds[f"c{place}"] = pa.float64()
    return kinds


def _read(data: bytes, shape: _Shape, encoding: str, where: str, kinds: dict[str, Any]) -> Table:
    bad: list[tuple[int, str]] = []

    def on_bad_row(row: Any) -> str:
        bad.append((row.number or 0, row.text or ""))
        return "skip"

    try:
        table = arrow_csv.read_csv(
            source_of(data, reading(where)),
            arrow_csv.ReadOptions(
                column_names=list(kinds), encoding=encoding, use_threads=len(data) > _HEAD_BYTES
            ),
            arrow_csv.ParseOptions(
                delimiter=shape.separator, newlines_in_values=False, invalid_row_handler=on_bad_row
            ),
            arrow_csv.ConvertOptions(column_types=kinds, strings_can_be_null=True, null_values=_MISSING),
        )
    except pa.ArrowInvalid as error:
        if any(kind != pa.string() for kind in kinds.values()):
            # Further down a number is written otherwise.
            return _read(data, shape, encoding, where, dict.fromkeys(kinds, pa.string()))
        if encoding == "utf-8" and "UTF8" in str(error):
            return _read(data, shape, "latin-1", where, kinds)
        raise refuse(where, f"it is no table ({error})", "Save it as plain UTF-8 CSV.") from error
    notes = list(shape.notes)
    if bad:
        notes.append(_left_out(data, bad, shape, where))
    return Table(
        names=shape.names or ("",) * shape.columns,
        columns=tuple(table.columns),
        has_header=shape.names is not None,
        said=shape.said,
        notes=tuple(notes),
        about=shape.about,
        commas_are_free=shape.commas_are_free,
    )


def _left_out(data: bytes, bad: list[tuple[int, str]], shape: _Shape, where: str) -> Note:
    """Return what to say of lines that are no rows: comments, or the file's end; refuse others."""
    others = [text for _, text in bad if not text.lstrip().startswith(_COMMENT)]
    tail = {line.strip() for line in data[-8192:].decode("utf-8", "replace").splitlines()[-_FOOTER_LINES:]}
    odd = [text for text in others if text.strip() not in tail]
    if odd or len(others) > _FOOTER_LINES:
        first = (odd or others)[0][:60]
        problem = f"its rows have {shape.width} cells, but {len(others)} lines have others, such as {first!r}"
        raise refuse(where, problem, "Put these lines right.")
    # A row of a table that was cut off begins as the others do.
    cut = [text for text in others if _is_data(_cells(text, shape.separator))]
    if cut:
        problem = f"a row near its end has not all cells ({cut[0][:60]!r}): the file may be cut off"
        raise refuse(where, problem, "Fetch it again, or take this line out.")
    shown = bad[0][1][:60]
    return note("lines_left_out", f"lines that are no rows were left out: {shown!r}", count=len(bad))
