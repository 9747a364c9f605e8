"""Marks the bars that lack trades for good: the feed did not bring them, and no history has them."""

from __future__ import annotations

from collections.abc import Iterable

from mdnb.bars.activity import ActivityBars
from mdnb.bars.node import BarLog, Node
from mdnb.rows import BarRow

__all__ = ["mark_activity", "mark_node", "mark_to_come", "places_in_activity", "places_in_node"]

_PARTIAL = 4


def mark_node(node: Node, low_ns: int, high_ns: int) -> list[tuple[str, BarRow]]:
    """Mark the bars of a timeframe that overlap an interval without data as partial.

    Parameters
    ----------
    low_ns, high_ns
        When the trades next to what is lost were made.

    Returns
    -------
    list of (str, BarRow)
        The closed ones that were whole as far as was known, by the timeframe's name.

    Examples
    --------
    >>> from mdnb.sessions import Sessions
    >>> from mdnb.stores.bars import BarStore
    >>> from mdnb.timeframes import Grid, Timeframe
    >>> node = Node(Grid(Timeframe.parse("1min"), Sessions.always()), BarStore(10))
    >>> for minute in range(4):
    ...     node.log.stage((minute * 60_000_000_000, 9.0, 9.0, 9.0, 9.0, 1.0, 1, 9.0))
    >>> [row[0] // 60_000_000_000 for _, row in mark_node(node, 70_000_000_000, 120_000_000_000)]
    [1, 2]
    """
    # One that was lost may have been made in the same instant as the one after it.
    if node.is_open and node.start <= high_ns and low_ns < node.edge:
        node.partial = True
    return _mark(node.name, node.log, *places_in_node(node, low_ns, high_ns))


def places_in_node(node: Node, low_ns: int, high_ns: int) -> tuple[int, int]:
    """Return the positions ``[begin, end)`` of the closed bars of a timeframe that overlap an interval."""
    span = node.grid.span(low_ns)
    return node.log.find(low_ns if span is None else span[0]), node.log.find(high_ns + 1)


def mark_to_come(node: Node, times: Iterable[int]) -> None:
    """Let the bars of a timeframe that are still to begin be partial, as far as they lack a trade.

    Parameters
    ----------
    times
        When the trades that are lost were made.

    Examples
    --------
    >>> from mdnb.sessions import Sessions
    >>> from mdnb.stores.bars import BarStore
    >>> from mdnb.timeframes import Grid, Timeframe
    >>> node = Node(Grid(Timeframe.parse("1min"), Sessions.always()), BarStore(10))
    >>> mark_to_come(node, [70_000_000_000])
    >>> node.begin((60_000_000_000, 120_000_000_000), 9.0, 60_000_000_000)
    >>> node.partial
    True
    """
    spans = {node.grid.span(ts_ns) for ts_ns in times}
    for start in (span[0] for span in spans if span is not None):
        at = node.log.find(start)
        is_closed = at < len(node.log) and node.log.row(at)[0][0] == start
        if not is_closed and node.start != start:
            node.lacking.add(start)


def mark_activity(bars: ActivityBars, low_ns: int, high_ns: int) -> list[tuple[str, BarRow]]:
    """Mark tick, volume or dollar bars in which trades of an interval are lacking, as `mark_node` does."""
    opened = bars.forming()
    if opened is not None and opened[0] <= high_ns:
        bars.mark_open()
    return _mark(bars.name, bars.log, *places_in_activity(bars, low_ns, high_ns))


def places_in_activity(bars: ActivityBars, low_ns: int, high_ns: int) -> tuple[int, int]:
    """Return the positions ``[begin, end)`` of the closed tick, volume or dollar bars of an interval."""
    # The bar before may have ended inside the interval.
    return max(0, bars.log.find(low_ns) - 1), bars.log.find(high_ns + 1)


def _mark(name: str, log: BarLog, begin: int, end: int) -> list[tuple[str, BarRow]]:
    held = [log.row(at) for at in range(begin, end)]
    if held:
        log.mark(begin, _PARTIAL, end)
    return [(name, row) for row, flags in held if not flags & _PARTIAL]
