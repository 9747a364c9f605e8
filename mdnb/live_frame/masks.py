"""Row selection in a live frame: masks made a moment ago are aligned by time, writing is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mdnb.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

__all__ = ["Locator", "aligned", "choose"]


def _is_mask(key: Any) -> bool:
    import pandas as pd

    return isinstance(key, pd.Series) and str(key.dtype) in ("bool", "boolean", "bool[pyarrow]")


def aligned(frame: pd.DataFrame, key: Any, name: str) -> Any:
    """Return a mask aligned to the frame's index, False at rows it lacks; any other key unchanged.

    Parameters
    ----------
    frame
        The bars of now.
    key
        What was asked for; a mask is a series of True and False.
    name
        The way to the frame, for messages.

    Raises
    ------
    OptionError
        When the mask is of other bars: its rows are no times, or none or of another symbol or timeframe.
    """
    if not _is_mask(key) or key.index is frame.index or key.index.equals(frame.index):
        return key
    made_of = [key.attrs.get(what, frame.attrs.get(what)) for what in ("symbol", "timeframe")]
    if made_of != [frame.attrs.get(what) for what in ("symbol", "timeframe")]:
        raise OptionError(
            f"the mask is of {' '.join(map(str, made_of))} bars, not of these; see {name}.index"
        )
    known = key.reindex(frame.index, fill_value=False)
    if len(key) and len(frame) and frame.index.intersection(key.index).empty:
        raise OptionError(
            f"the mask shares no row with the bars: its index is {key.index[0]!r} to {key.index[-1]!r}. "
            f"Make it from {name}, and where both have to be of one moment from one `bars = {name}.frame`."
        )
    return known


def choose(take: Callable[[Any], Any], frame: pd.DataFrame, key: Any, name: str) -> Any:
    """Return ``take(key)``, masks aligned; an array of the wrong length is refused by `OptionError`."""
    first = key[0] if isinstance(key, tuple) and key else key
    fits = aligned(frame, first, name)
    if fits is not first:
        return take((fits, *key[1:]) if isinstance(key, tuple) else fits)
    length = _array_length(first)
    if length is not None and length != len(frame):
        raise OptionError(
            f"the array of True and False has {length} rows, the bars have {len(frame)} now. An array has no "
            f"times to align by: make it from `bars = {name}.frame` and use it on the same `bars`."
        )
    return take(key)


def _array_length(key: Any) -> int | None:
    """Return the length of a plain array or list of bools, which knows no times; None for all else."""
    import numpy as np

    if isinstance(key, np.ndarray):
        return len(key) if key.dtype == bool and key.ndim == 1 else None
    if isinstance(key, list) and key and all(isinstance(item, bool | np.bool_) for item in key):
        return len(key)
    return None


class Locator:
    """``live["1min"].loc``, ``.iloc``, ``.at`` and ``.iat``: reads what a frame's do, writes nothing.

    Parameters
    ----------
    make
        Returns the bars as a frame.
    kind
        Which of the four.
    name
        The way to the frame, for messages.
    """

    __slots__ = ("_kind", "_make", "_name")

    def __init__(self, make: Callable[[], pd.DataFrame], kind: str, name: str) -> None:
        self._make = make
        self._kind = kind
        self._name = name

    def __getitem__(self, key: Any) -> Any:
        frame = self._make()
        return choose(getattr(frame, self._kind).__getitem__, frame, key, self._name)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(
            f"{self._name} shows live bars, which nobody writes to. Write to a copy of this moment: "
            f"`bars = {self._name}.frame`, then `bars.{self._kind}[...] = ...`."
        )

    def __call__(self, axis: Any = None) -> Any:
        """Return pandas' own accessor of this moment, for an axis."""
        return getattr(self._make(), self._kind)(axis)

    def __repr__(self) -> str:
        return f"<{self._name}.{self._kind}>"
