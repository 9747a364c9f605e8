"""`Mark`: a mark of a trade or signal on a chart."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

from mdnb.types import timestamp

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SIDES", "Mark", "MarkHolder"]

SIDES = ("buy", "sell", "note")


class MarkHolder(Protocol):
    """What holds the marks of a chart."""

    tz: str

    def remove(self, mark: Mark) -> None:
        """Remove one mark."""
        ...


@dataclasses.dataclass(eq=False, slots=True)
class Mark:
    """A mark on a chart; made by ``chart.mark(...)``.

    Attributes
    ----------
    symbol
        Whose chart it stands on.
    time_ns
        When, UTC epoch nanoseconds.
    text
        What stands beside it.
    side
        ``buy``, ``sell`` or ``note``.
    price
        Where on the bar a line shows a price; None where none was given.
    """

    symbol: str
    time_ns: int
    text: str
    side: str
    price: float | None
    _marks: MarkHolder = dataclasses.field(repr=False)

    @property
    def time(self) -> pd.Timestamp:
        """When, in the chart's zone."""
        return timestamp(self.time_ns, self._marks.tz)

    def remove(self) -> None:
        """Remove the mark from the chart; calling it again does nothing."""
        self._marks.remove(self)
