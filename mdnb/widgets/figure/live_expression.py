"""A line of the user's own: a function of the bars' frame, computed anew as they change."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mdnb.errors import OptionError, suggest
from mdnb.stores.columns import BarColumns, frame_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LiveExpression", "LiveValues"]

_log = logging.getLogger("mdnb")

_LONGEST_NAME = 40
_PANES = ("price", "lower")
_SHARE = 20
"""Of the time between two computations of a bar that is being made, the computing takes a twentieth."""

_LEAST_SECONDS = 0.1


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class LiveExpression:
    """A named function of a frame of bars; drawn as an indicator is.

    Attributes
    ----------
    name
        What its line is called.
    function
        Takes the bars shown as a frame and returns a value for each, or one for all.
    pane
        ``price``, over the bars, or ``lower``, in a pane of its own below.

    Raises
    ------
    OptionError
        When one of them is not what is allowed.
    """

    name: str
    function: Callable[[pd.DataFrame], Any]
    pane: Literal["price", "lower"] = "price"

    lines: ClassVar[tuple[str, ...]] = ("value",)
    warm_up: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise OptionError(
                f"a live line is a function of the bars' frame, such as "
                f'lambda f: f["close"].rolling(50).mean(); got {self.function!r}'
            )
        name = self.name.strip() if isinstance(self.name, str) else ""
        if not 0 < len(name) <= _LONGEST_NAME:
            raise OptionError(
                f"name of a live line is text of 1 to {_LONGEST_NAME} letters; got {self.name!r}"
            )
        if self.pane not in _PANES:
            raise OptionError(f"there is no pane {self.pane!r}. {suggest(str(self.pane), _PANES)}")
        object.__setattr__(self, "name", name)

    @property
    def label(self) -> str:
        """What a legend says."""
        return self.name

    def __str__(self) -> str:
        return self.name

    def of(self, columns: BarColumns, tz: str) -> NDArray[np.float64]:
        """Return the values at each bar.

        Raises
        ------
        OptionError
            When it is not one number for each bar.
        Exception
            Whatever the function raises.
        """
        frame = frame_of(columns, tz, with_vwap=True)
        made = self.function(frame)
        if hasattr(made, "reindex") and not made.index.equals(frame.index):
            made = made.reindex(frame.index)
        try:
            values = np.asarray(made, dtype=np.float64)
        except (TypeError, ValueError):
            values = np.empty((0, 0))
        if values.ndim == 0:
            return np.full(len(columns), float(values))
        if values.shape != (len(columns),):
            raise OptionError(
                f"the live line {self.name!r} must give a number for each of {len(columns)} bars, or one for "
                f"all; got {type(made).__name__} of shape {np.shape(made)}"
            )
        return values


class LiveValues:
    """The values of one expression at a chart's bars.

    One that fails is told once, and has no values until it succeeds.

    Parameters
    ----------
    expression
        Whose.
    tz
        Zone of the frame's index.
    clock
        Seconds; how often it is computed while a bar is being made depends on how long that takes.
    """

    __slots__ = ("_clock", "_failed", "_last", "_next", "_tz", "expression")

    def __init__(
        self, expression: LiveExpression, tz: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.expression = expression
        self._tz = tz
        self._clock = clock
        self._failed: type[BaseException] | None = None
        self._next = -math.inf
        self._last = math.nan

    def all_of(self, columns: BarColumns) -> NDArray[np.float64]:
        """Return the values at all bars."""
        began = self._clock()
        try:
            values = self.expression.of(columns, self._tz) if len(columns) else np.empty(0)
        except Exception as error:  # noqa: BLE001  # a user's function may raise anything
            self._tell(error)
            values = np.full(len(columns), np.nan)
        else:
            self._failed = None
        ended = self._clock()
        self._next = ended + max(_LEAST_SECONDS, _SHARE * (ended - began))
        self._last = float(values[-1]) if len(values) else math.nan
        return values

    def last_of(self, columns: BarColumns) -> float:
        """Return the value at the bar that is being made: seldom enough that the chart goes on moving."""
        if self._clock() >= self._next:
            self.all_of(columns)
        return self._last

    def _tell(self, error: Exception) -> None:
        first = type(error) is not self._failed
        self._failed = type(error)
        _log.log(
            logging.ERROR if first else logging.DEBUG,
            "the live line %r of a chart could not be computed, and is not drawn until it can",
            self.expression.name,
            exc_info=error if first else None,
        )
