"""The column ``contract`` of files: of which contract of a continuous symbol each bar is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from mdnb.io.notes import Note, note

__all__ = ["contracts_of_runs", "parse_contracts", "runs_of_contracts"]

_LONGEST: Final = 64
_MOST_RUNS: Final = 1_000


def parse_contracts(column: Any) -> tuple[np.ndarray | None, list[Note]]:
    """Return the contract of each bar, ``""`` where none is told; None where the column holds something else.

    Parameters
    ----------
    column
        A list or an Arrow array. By this name another program may mean anything: names of contracts are
        short and printable.

    Examples
    --------
    >>> parse_contracts(["CON.Z25", None, "CON.H26"])[0].tolist()
    ['CON.Z25', '', 'CON.H26']
    >>> made, notes = parse_contracts([["a", "b"]])
    >>> made, notes[0]["type"]
    (None, 'odd_contract')
    """
    values = column if isinstance(column, list) else column.to_pylist()
    names = [value for value in values if value is not None]
    if all(isinstance(name, str) and len(name) <= _LONGEST and name.isprintable() for name in names):
        return np.array(["" if value is None else value for value in values], dtype=object), []
    text = "the column 'contract' does not hold names of contracts and was not taken for them"
    return None, [note("odd_contract", text)]


def runs_of_contracts(frame: pd.DataFrame) -> list[tuple[int, str]] | None:
    """Return the contracts of a bar frame, each with the first bar of it, UTC epoch microseconds.

    None where it has no such column, or one that changes more often than contracts do.
    """
    if "contract" not in frame:
        return None
    names = frame["contract"].to_numpy(object)
    if not len(names):
        return []
    begins = np.flatnonzero(np.concatenate(([True], names[1:] != names[:-1])))
    if len(begins) > _MOST_RUNS:
        return None
    times = pd.DatetimeIndex(frame.index).asi8
    return [(int(times[at]), str(names[at])) for at in begins]


def contracts_of_runs(runs: object, time_us: np.ndarray) -> np.ndarray | None:
    """Return the contract of each bar, as `runs_of_contracts` had them; None where these are no such thing.

    Examples
    --------
    >>> contracts_of_runs([[10, "Z25"], [30, "H26"]], np.array([10, 20, 30])).tolist()
    ['Z25', 'Z25', 'H26']
    """
    if not isinstance(runs, list) or not runs or not all(map(_is_run, runs)):
        return None
    starts, names = zip(*runs, strict=True)
    at = np.searchsorted(starts, time_us, side="right") - 1
    return np.array(names, dtype=object)[np.maximum(at, 0)]


def _is_run(run: Any) -> bool:
    is_pair = isinstance(run, Sequence) and not isinstance(run, str) and len(run) == 2
    return is_pair and type(run[0]) is int and isinstance(run[1], str) and len(run[1]) <= _LONGEST
