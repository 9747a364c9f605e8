"""One timeframe of the cascade: its open bar, and how it closes, fills and is repaired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from mdnb.bars.closing import ClosingTime
from mdnb.rows import BarRow
from mdnb.timeframes import Grid

__all__ = ["BarLog", "Node", "OnClosed", "fold_rows"]

_NEVER = -(2**63)
_NO_START = 2**63 - 1

OnClosed = Callable[["Node", BarRow, int, int, int], None]
"""Called with ``(node, row, flags, end_ns, closed_ns)`` for each bar that closes; flags as in `BarLog`."""

_FILLED, _AMENDED, _PARTIAL = 1, 2, 4


class BarLog(Protocol):
    """Where a node writes its closed bars; `mdnb.store.bars.BarStore` is one."""

    evicted: int
    """How many older bars are not held any more."""

    def __len__(self) -> int: ...
    def stage(self, row: BarRow, flags: int = 0, closed_ns: int = 0) -> None:
        """Append one bar, closed at an instant; 0 where that was not noted."""
        ...

    def extend_block(self, block: Any, first_flags: int = 0) -> None:
        """Append closed bars from a `BarBlock`; the flags are those of its first bar."""
        ...

    def find(self, ts_ns: int) -> int:
        """Return the position of the first bar that starts at or after an instant."""
        ...

    def row(self, at: int) -> tuple[BarRow, int]:
        """Return the bar at a position, and its flags."""
        ...

    def put(self, row: BarRow, flags: int) -> int:
        """Insert a bar at its place, or replace the one of that start; return its position."""
        ...

    def change(self, at: int, row: BarRow, flags: int) -> None:
        """Overwrite the bar at a position."""
        ...

    def replace_from(self, at: int, rows: Sequence[BarRow], flags: int, closed_ns: int) -> None:
        """Hold other bars instead of those at a position and behind it, closed at an instant."""
        ...

    def mark(self, at: int, flags: int) -> None:
        """Add flags to the bars at a position and behind it."""
        ...


class Node:
    """The open bar of one timeframe and its place in the tree.

    A node holds what was folded into it: for the root these are trades, for all others the closed bars of
    the next finer timeframe. What a coarse bar looks like right now is therefore merged on read.

    Attributes
    ----------
    known_from
        From when on no data is missing before the live data, as whoever loaded the history has found.
    """

    __slots__ = (
        "children",
        "close",
        "closed_to",
        "closing",
        "count",
        "edge",
        "fill",
        "grid",
        "high",
        "hidden",
        "known_from",
        "last_close",
        "log",
        "low",
        "name",
        "on_closed",
        "open",
        "parent",
        "partial",
        "start",
        "turnover",
        "volume",
    )

    def __init__(
        self, grid: Grid, log: BarLog, *, hidden: bool = False, closing: ClosingTime | None = None
    ) -> None:
        self.name = grid.timeframe.name
        self.grid = grid
        self.log = log
        self.hidden = hidden
        self.closing = closing or ClosingTime()
        self.parent: Node | None = None
        self.children: list[Node] = []
        self.on_closed: OnClosed | None = None
        self.fill = False
        self.partial = False
        self.known_from = self.closed_to = _NEVER
        self.last_close = float("nan")
        self.clear()

    @property
    def is_open(self) -> bool:
        """Whether anything was folded into the bar that is being made."""
        return self.start != _NO_START

    def clear(self) -> None:
        """Forget the open bar."""
        self.start = _NO_START
        self.edge = _NEVER
        self.open = self.high = self.low = self.close = float("nan")
        self.volume = self.turnover = 0.0
        self.count = 0

    def take(self, row: BarRow, span: tuple[int, int]) -> None:
        """Make ``row`` the open bar, covering ``span``."""
        self.start, self.edge = span
        _, self.open, self.high, self.low, self.close, self.volume, self.count, self.turnover = row

    def as_row(self) -> BarRow | None:
        """Return what was folded in so far."""
        if self.start == _NO_START:
            return None
        return (
            self.start,
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
            self.count,
            self.turnover,
        )

    def begin(self, span: tuple[int, int], price: float, at_ns: int) -> None:
        """Open a new bar at ``span``; intervals without a trade before it are filled first.

        A bar that begins before all is known (`known_from`) is partial. Where nobody has said since when it
        is, the first bar ever is, unless the data begins with it; ``at_ns`` is when that does.
        """
        if self.known_from != _NEVER:
            self.partial = self.partial or span[0] < self.known_from
        elif self.closed_to == _NEVER:
            self.partial = at_ns > span[0]
        if self.fill and _NEVER < self.closed_to < span[0]:
            self.fill_to(span[0])
        self.start, self.edge = span
        self.open = self.high = self.low = self.close = price
        self.volume = self.turnover = 0.0
        self.count = 0

    def fold(self, row: BarRow) -> None:
        """Merge a finer bar that closed."""
        start, open_, high, low, close, volume, count, turnover = row
        if self.start == _NO_START:
            span = self.grid.span(start)
            assert span is not None
            self.begin(span, open_, start)
        if high > self.high:
            self.high = high
        if low < self.low:
            self.low = low
        self.close = close
        self.volume += volume
        self.count += count
        self.turnover += turnover

    def finish(self, ts_ns: int) -> None:
        """Close the open bar, fold it into the children, and close those whose edge is reached too."""
        row = (self.start, self.open, self.high, self.low, self.close, self.volume, self.count, self.turnover)
        end = self.closed_to = self.edge
        self.last_close = self.close
        self.start = _NO_START
        self.edge = _NEVER
        partial, self.partial = self.partial, False
        flags = _PARTIAL if partial else 0
        closed = self.closing.of(end)
        self.log.stage(row, flags, closed)
        if self.on_closed is not None and not self.hidden:
            self.on_closed(self, row, flags, end, closed)
        for child in self.children:
            child.fold(row)
            child.partial = child.partial or partial
            if child.edge <= ts_ns:
                child.finish(ts_ns)

    def fill_to(self, ts_ns: int) -> None:
        """Append flat bars for every interval inside the sessions that ended by ``ts_ns`` without a trade."""
        span = self.grid.after(self.closed_to)
        flat = self.last_close
        while span is not None and span[1] <= ts_ns:
            row: BarRow = (span[0], flat, flat, flat, flat, 0.0, 0, 0.0)
            closed = self.closing.of(span[1])
            self.log.stage(row, _FILLED, closed)
            self.closed_to = span[1]
            if self.on_closed is not None and not self.hidden:
                self.on_closed(self, row, _FILLED, span[1], closed)
            span = self.grid.after(span[1])

    def amend(self, row: BarRow) -> BarRow:
        """Merge a late piece into the closed bar of its interval, or put one there; return the bar."""
        at = self.log.find(row[0])
        if at < len(self.log) and (held := self.log.row(at))[0][0] == row[0]:
            merged = row if held[1] & _FILLED else fold_rows([held[0], row], row[0])
            self.log.change(at, merged, (held[1] & ~_FILLED) | _AMENDED)
        else:
            merged = row
            at = self._insert(row)
        self._flatten_after(at, merged[4])
        return merged

    def replace(self, row: BarRow) -> None:
        """Rebuild a closed bar from the finer bars."""
        at = self.log.find(row[0])
        if at < len(self.log) and (held := self.log.row(at))[0][0] == row[0]:
            self.log.change(at, row, (held[1] & ~_FILLED) | _AMENDED)
        else:
            at = self._insert(row)
        self._flatten_after(at, row[4])

    def _insert(self, row: BarRow) -> int:
        """Put a late bar into an interval that had none; the intervals before it are filled first."""
        if self.fill and _NEVER < self.closed_to < row[0]:
            self.fill_to(row[0])
        span = self.grid.span(row[0])
        if span is not None:
            self.closed_to = max(self.closed_to, span[1])
        return self.log.put(row, _AMENDED)

    def _flatten_after(self, at: int, close: float) -> None:
        # Flat bars repeat the close before them: when that changes they follow.
        at += 1
        while at < len(self.log):
            row, flags = self.log.row(at)
            if not flags & _FILLED:
                break
            self.log.change(at, (row[0], close, close, close, close, 0.0, 0, 0.0), flags)
            at += 1
        if at == len(self.log):
            self.last_close = close


def fold_rows(rows: list[BarRow], start_ns: int) -> BarRow:
    """Return one bar made of several, in their order.

    Examples
    --------
    >>> fold_rows([(0, 1.0, 3.0, 1.0, 2.0, 5.0, 2, 10.0), (60, 2.0, 2.5, 0.5, 0.5, 1.0, 1, 0.5)], 0)
    (0, 1.0, 3.0, 0.5, 0.5, 6.0, 3, 10.5)
    """
    # A plain loop: the built-in sum compensates rounding since Python 3.12, which live bars do not.
    _, open_, high, low, close, volume, count, turnover = rows[0]
    for _, _, h, low_, close, v, n, t in rows[1:]:  # noqa: B007  # close is the last one's, on purpose
        high = h if h > high else high
        low = low_ if low_ < low else low
        volume += v
        count += n
        turnover += t
    return (start_ns, open_, high, low, close, volume, count, turnover)
