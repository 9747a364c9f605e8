"""Bars as JSON: what web pages and scripts read, plain by default."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import pandas as pd

from mdnb.errors import OptionError, suggest
from mdnb.io.json_read import read_json
from mdnb.io.paths import is_lines
from mdnb.io.rows import check_finite, chunks, column_texts, joined, text_or_file, writing
from mdnb.io.schema import INDEX_NAME, export_columns, plain_attributes, version
from mdnb.io.times import EPOCHS, TimeText, time_text

__all__ = ["read_json", "write_json"]

_ORIENTS: Final = ("records", "columns", "split")


def write_json(
    frame: pd.DataFrame,
    filename: str | os.PathLike[str] | None = None,
    *,
    orient: str = "records",
    pretty_format: bool = False,
    include_volume: bool = True,
    date_format: str = "iso",
    columns: Sequence[str] | None = None,
    envelope: bool = False,
) -> str | Path:
    """Write bars as JSON.

    Numbers are the shortest text that reads back as the same float64; ``nan`` is ``null``.

    Parameters
    ----------
    frame
        A bar frame; see :func:`mdnb.io.schema.normalise`.
    filename
        Where to write, whole or not at all; ``.gz`` at the end packs it, and ``.jsonl`` or ``.ndjson`` writes
        one bar a line. None returns the text.
    orient
        ``"records"``: a list with one object a bar. ``"columns"``: an object with one list a column,
        ``timestamp`` among them. ``"split"``: ``columns``, ``index`` (the times) and ``data`` (a list a
        bar), as pandas calls it.
    pretty_format
        One value a line, indented by two blanks.
    include_volume
        Whether ``volume`` is written.
    date_format
        As in :func:`mdnb.io.csv.write_csv`; numbers since 1970 are written as numbers.
    columns
        Which columns, in which order; by default all of a bar frame. Also further ones of the frame.
        ``closed_at`` is written as the times are, ``null`` where it is unknown.
    envelope
        Wrap the bars: ``{"symbol": ..., "timeframe": ..., "timezone": ..., "bars": ...}``, so that the
        name of the zone comes back too. Without it the file is what its consumers expect: the bars alone.

    Returns
    -------
    str or pathlib.Path
        The text, or the path that was written.

    Raises
    ------
    OptionError
        An option or the frame is not what is described here.
    DataExportError
        The file cannot be written, or a number is infinite; an old file is intact.

    Examples
    --------
    >>> import pandas as pd
    >>> times = pd.date_range("2026-03-02 09:30", periods=1, freq="1min", tz="America/Chicago")
    >>> bars = pd.DataFrame({"open": 1.5, "high": 2, "low": 1, "close": 2, "volume": 7}, index=times)
    >>> write_json(bars, columns=["close"])
    '[{"timestamp":"2026-03-02T09:30:00-06:00","close":2}]'
    """
    if orient not in _ORIENTS:
        raise OptionError(f"orient={orient!r} is not known. {suggest(str(orient), _ORIENTS)}")
    lines = filename is not None and is_lines(filename)
    if lines and (orient != "records" or pretty_format or envelope):
        raise OptionError(
            f"{filename!r} holds one bar a line: orient='records', without pretty_format and envelope. "
            "Give the file the ending .json for others."
        )
    index, chosen = export_columns(frame, columns, include_volume=include_volume)
    around = "" if date_format in EPOCHS else '"'
    times = _between(time_text(index, date_format), around)
    check_finite(chosen)
    texts = column_texts(chosen, index, date_format, missing="null", quote=json.dumps, around=around)
    with text_or_file(filename) as (file, result):
        writer = _Writer(file, index, times, texts, pretty=pretty_format, text=writing(filename))
        depth = 0
        if envelope:
            depth = 1
            several = {name: frame.attrs.get(name) for name in ("symbols", "timeframes")}
            writer.envelope(plain_attributes(frame.attrs), several)
        form = writer.lines if lines else getattr(writer, orient)
        form(depth)
        if envelope:
            writer.put(f"{writer.line(0)}}}")
    return result[0]


_Pieces = Callable[[int, int], list[Any]]
"""Gives what a stretch of rows is joined of: string arrays, and texts that stand in every row."""


def _between(times: TimeText, around: str) -> _Pieces:
    """Return the pieces that a time makes in a row: numbers bare, texts in quotes."""
    if not around:
        return lambda start, stop: [times(start, stop)]
    return lambda start, stop: [around, times(start, stop), around]


@dataclass(frozen=True)
class _Writer:
    """Writes bars in one of the forms; blanks and line feeds as of ``json.dumps(indent=2)``, or none."""

    file: BinaryIO
    index: pd.DatetimeIndex
    times: _Pieces
    chosen: Mapping[str, TimeText]
    pretty: bool
    text: str

    def put(self, text: str) -> None:
        self.file.write(text.encode())

    def line(self, depth: int) -> str:
        return "\n" + "  " * depth if self.pretty else ""

    def key(self, name: str) -> str:
        return json.dumps(name) + (": " if self.pretty else ":")

    def envelope(self, attributes: Mapping[str, object], several: Mapping[str, object]) -> None:
        about = {
            "symbol": attributes.get("symbol"),
            "timeframe": attributes.get("timeframe"),
            **{name: names for name, names in several.items() if names},
            "timezone": str(self.index.tz),
            "source": attributes.get("source"),
            "forming": attributes.get("forming", False),
            "mdnb": version(),
        }
        items = [f"{self.line(1)}{self.key(name)}{json.dumps(value)}," for name, value in about.items()]
        self.put("{" + "".join(items) + self.line(1) + self.key("bars"))

    def records(self, depth: int) -> None:
        self._list(self._object(self.line(depth + 2), self.line(depth + 1)), depth)

    def _object(self, inner: str, outer: str) -> _Pieces:
        def pieces(start: int, stop: int) -> list[Any]:
            row: list[Any] = [f"{{{inner}{self.key(INDEX_NAME)}", *self.times(start, stop)]
            for name, text in self.chosen.items():
                row += [f",{inner}{self.key(name)}", text(start, stop)]
            return [*row, f"{outer}}}"]

        return pieces

    def lines(self, _depth: int) -> None:
        pieces = self._object("", "")
        for start, stop in chunks(self.index, self.text):
            self.file.write(memoryview(joined([*pieces(start, stop), "\n"], stop - start)))

    def columns(self, depth: int) -> None:
        self.put(f"{{{self.line(depth + 1)}{self.key(INDEX_NAME)}")
        self._list(self.times, depth + 1)
        for name in self.chosen:
            self.put(f",{self.line(depth + 1)}{self.key(name)}")
            self._list(self._column(name), depth + 1)
        self.put(f"{self.line(depth)}}}")

    def split(self, depth: int) -> None:
        inner, outer = self.line(depth + 3), self.line(depth + 1)

        def pieces(start: int, stop: int) -> list[Any]:
            row: list[Any] = []
            for text in self.chosen.values():
                row += [f",{inner}" if row else f"[{inner}", text(start, stop)]
            return [*row, f"{self.line(depth + 2)}]"]

        names = f",{self.line(depth + 2)}".join(json.dumps(name) for name in self.chosen)
        self.put(
            f"{{{outer}{self.key('columns')}[{self.line(depth + 2)}{names}{outer}],{outer}{self.key('index')}"
        )
        self._list(self.times, depth + 1)
        self.put(f",{outer}{self.key('data')}")
        self._list(pieces, depth + 1)
        self.put(f"{self.line(depth)}}}")

    def _column(self, name: str) -> _Pieces:
        return lambda start, stop: [self.chosen[name](start, stop)]

    def _list(self, pieces: _Pieces, depth: int) -> None:
        """Write ``[...]`` with one item a bar, as Arrow joined them; the last comma is taken back."""
        between = f",{self.line(depth + 1)}"
        self.put(f"[{self.line(depth + 1) if len(self.index) else ''}")
        for start, stop in chunks(self.index, self.text):
            text = joined([*pieces(start, stop), between], stop - start)
            last = len(text) - len(between) if stop == len(self.index) else len(text)
            self.file.write(memoryview(text)[:last])
        self.put(f"{self.line(depth) if len(self.index) else ''}]")
