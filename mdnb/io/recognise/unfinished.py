"""Whether the last bar of a file was being made when it was written, as vendors mark it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Final

import numpy as np
import pyarrow as pa

from mdnb.io.file_bars import FileBars
from mdnb.io.notes import note, refuse
from mdnb.io.recognise.roles import plain_name
from mdnb.io.recognise.table import Table

__all__ = ["is_mark", "unfinished_rows", "without_unfinished"]

# OANDA's complete, OKX' and Bybit's confirm, and what libraries make of Binance's x.
_FINISHED: Final = frozenset({"complete", "isfinal", "isclosed", "closed", "confirm"})
_UNFINISHED: Final = "forming"
_BINANCE: Final = "x"
_TEXTS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_TEXTS_OF_BINANCE: Final = {"true": True, "false": False}


def is_mark(name: str) -> bool:
    """Return whether a column of this name may mark bars as finished or not.

    Examples
    --------
    >>> is_mark("isClosed"), is_mark("Forming"), is_mark("x"), is_mark("X"), is_mark("closed_at")
    (True, True, True, False, False)
    """
    return name.strip() == _BINANCE or plain_name(name) in {*_FINISHED, _UNFINISHED}


def unfinished_rows(table: Table, used: Collection[int]) -> np.ndarray | None:
    """Return which rows a column marks as of bars in the making; None where none does so.

    Parameters
    ----------
    used
        Places of columns that mean something else.

    Returns
    -------
    numpy.ndarray of bool, shape (n,), or None
        A column of such a name that holds anything but yes and no means something else, too.
    """
    for at, name in enumerate(table.names):
        if at in used or not is_mark(name):
            continue
        column = table.column(at)
        texts = column.cast(pa.string()) if not pa.types.is_string(column.type) else column
        meanings = _TEXTS_OF_BINANCE if name.strip() == _BINANCE else _TEXTS
        found = [meanings.get(str(text).strip().casefold()) for text in texts.to_pylist()]
        if None in found:
            continue
        is_so = np.array(found, dtype=bool)
        rows = is_so if plain_name(name) == _UNFINISHED else ~is_so
        if rows.any():
            return rows
    return None


def without_unfinished(bars: FileBars, where: str) -> FileBars:
    """Return bars without the newest where it is marked ``forming``; of others that are it is said.

    Raises
    ------
    DataImportError
        There is no other bar.
    """
    if "forming" not in bars.marks:
        return bars
    forming = bars.marks["forming"]
    is_last, inside = bool(forming[-1]), int(forming[:-1].sum())
    if is_last and len(bars) == 1:
        problem = "its only bar was being made when the file was written"
        raise refuse(where, problem, "A file of bars is needed.")
    notes = list(bars.notes)
    if is_last:
        text = "the last bar was being made when the file was written, and was left out"
        notes.append(note("forming", text, count=1))
        # Only the newest can have been in the making.
        newest = np.arange(len(bars)) == len(bars) - 1
        bars = dataclasses.replace(bars, marks={**bars.marks, "forming": newest}).closed()
    if inside:
        text = f"bars before the last one that the file calls unfinished were kept: {inside:,}"
        notes.append(note("unfinished", text, count=inside))
    attributes = {name: value for name, value in bars.attributes.items() if name != "forming"}
    return dataclasses.replace(bars, marks=_rest(bars), attributes=attributes, notes=notes)


def _rest(bars: FileBars) -> dict[str, np.ndarray]:
    return {name: held for name, held in bars.marks.items() if name != "forming"}
