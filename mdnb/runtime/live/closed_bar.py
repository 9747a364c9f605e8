"""`ClosedBar`: a bar that closed, on its way to those who want to know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mdnb.rows import BarRow

__all__ = ["ClosedBar", "by_end"]


class ClosedBar(NamedTuple):
    """A bar that closed.

    Attributes
    ----------
    timeframe
        Its canonical name.
    row, flags
        As in its store.
    end_ns, closed_ns
        The end of its interval, and when it was closed: UTC epoch nanoseconds, 0 where that was not noted.
    """

    timeframe: str
    row: BarRow
    flags: int
    end_ns: int
    closed_ns: int


def by_end(closed: Iterable[ClosedBar]) -> list[tuple[int, list[ClosedBar]]]:
    """Return bars by the instant at which they ended, in order; those of one instant finest first.

    Examples
    --------
    >>> row = (0, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0)
    >>> ends = [("1min", 60), ("1min", 120), ("2min", 120)]
    >>> bars = [ClosedBar(name, row, 0, end, end) for name, end in ends]
    >>> [(end, [bar.timeframe for bar in held]) for end, held in by_end(bars)]
    [(60, ['1min']), (120, ['1min', '2min'])]
    """
    groups: dict[int, list[ClosedBar]] = {}
    for bar in closed:
        groups.setdefault(bar.end_ns, []).append(bar)
    return sorted(groups.items())
