"""One timeframe of the cascade: its open bar, and how it closes, fills and is repaired."""

from __future__ import annotations

import bisect
import copy
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
_OPEN = (
    *("start", "edge", "open", "high", "low", "close", "volume", "count", "turnover"),
    *("partial", "lacking", "known_from", "closed_to", "last_close"),
)


class BarLog(Protocol):
    """Where a node writes its closed bars; `mdnb.stores.bars.BarStore` is one."""

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

    def put_all(self, rows: Sequence[BarRow], flags: int) -> list[BarRow]:
        """Insert bars at their places, or replace those of their starts; return the flat ones that follow."""
        ...

    def change(self, at: int, row: BarRow, flags: int) -> None:
        """Overwrite the bar at a position."""
        ...

    def remove(self, at: int) -> None:
        """Take the bar at a position out; what it was stays known as of before."""
        ...

    def replace_from(self, at: int, rows: Sequence[BarRow], flags: int, closed_ns: int) -> None:
        """Hold other bars instead of those at a position and behind it, closed at an instant."""
        ...

    def mark(self, at: int, flags: int, stop: int | None = None) -> None:
        """Add flags to the bars at positions ``[at, stop)``; by default to all from a position on."""
        ...

    def mark_repairing(self, at: int, stop: int, since_ns: int = 0) -> list[BarRow]:
        """Mark bars as partial for the time being, those that closed since an instant; return them."""
        ...

    def end_repairing(self, kept: Sequence[tuple[int, int]] = ()) -> list[BarRow]:
        """Take such marks off again, but for those at some positions; return the bars."""
        ...

    def partial(self, start: int, stop: int) -> tuple[int, ...]:
        """Return which of the bars at positions ``[start, stop)`` are partial, counted from ``start``."""
        ...


class Node:
    """The open bar of one timeframe and its place in the tree.

    A node holds what was folded into it: for the root these are trades, for all others the closed bars of
    the next finer timeframe. What a coarse bar looks like right now is therefore merged on read.

    Attributes
    ----------
    known_from
        From when on no data is missing before the live data, as whoever loaded the history has found.
    lacking
        Where bars start that lost trades before they began: they are partial once they do.
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
        "lacking",
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
        self.lacking: set[int] = set()
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

    def fork(self, log: BarLog) -> Node:
        """Return another node with the same open bar, and another log."""
        made = copy.copy(self)
        made.log, made.lacking = log, set(self.lacking)
        return made

    def adopt(self, fork: Node) -> None:
        """Hold the open bar of a fork, and what it knows of those before."""
        for name in _OPEN:
            setattr(self, name, getattr(fork, name))

    def begin(self, span: tuple[int, int], price: float, at_ns: int) -> None:
        """Open a new bar at ``span``; intervals without a trade before it are filled first.

        A bar that begins before all is known (`known_from`) is partial. Where nobody has said since when it
        is, the first bar ever is, unless the data begins with it; ``at_ns`` is when that does.
        """
        if self.known_from != _NEVER:
            self.partial = self.partial or span[0] < self.known_from
        elif self.closed_to == _NEVER:
            self.partial = at_ns > span[0]
        if span[0] in self.lacking:
            self.lacking.remove(span[0])
            self.partial = True
        if self.fill and _NEVER < self.closed_to < span[0]:
            self.fill_to(span[0])
        self.start, self.edge = span
        self.open = self.high = self.low = self.close = price
        self.volume = self.turnover = 0.0
        self.count = 0

    def renew(self, row: BarRow, span: tuple[int, int], at_ns: int) -> None:
        """Make ``row`` the open bar; where none is, it begins at ``span`` with data of an instant."""
        if self.start == _NO_START:
            self.begin(span, row[1], at_ns)
        self.take(row, span)

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
        closed = self.closing.now_ns
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
        flat, closed = self.last_close, self.closing.now_ns
        while span is not None and span[1] <= ts_ns:
            row: BarRow = (span[0], flat, flat, flat, flat, 0.0, 0, 0.0)
            flags = _FILLED | _PARTIAL if span[0] in self.lacking else _FILLED
            self.log.stage(row, flags, closed)
            self.closed_to = span[1]
            if self.on_closed is not None and not self.hidden:
                self.on_closed(self, row, flags, span[1], closed)
            span = self.grid.after(span[1])

    def put_all(self, rows: Sequence[BarRow]) -> list[BarRow]:
        """Write closed bars at their places, instead of those of the same starts.

        Parameters
        ----------
        rows
            Oldest first; late ones of intervals that had none among them.

        Returns
        -------
        list of BarRow
            The flat bars behind them that follow their closes, as they are now.
        """
        if not rows:
            return []
        if len(rows) == 1:
            row = rows[0]
            at = self.log.find(row[0])
            is_last = at + 1 >= len(self.log)
            is_held = at < len(self.log) and (held := self.log.row(at))[0][0] == row[0]
            if is_held and (is_last or not self.log.row(at + 1)[1] & _FILLED):
                self.log.change(at, row, (held[1] & ~_FILLED) | _AMENDED)
                if is_last:
                    self.last_close = row[4]
                return []
        apart = len(rows)
        if self.fill:
            # Where nothing closed yet the intervals between them are to be filled, too.
            self.closed_to = rows[0][0] if self.closed_to == _NEVER else self.closed_to
            apart = bisect.bisect_left(rows, self.closed_to, key=_start_of)
        first = self.log.row(0)[0][0] if self.fill and len(self.log) else _NEVER
        flats = self.log.put_all(rows[:apart], _AMENDED)
        flats += self.fill_before(first, rows[:apart])
        if len(self.log):
            self.last_close = self.log.row(len(self.log) - 1)[0][4]
        for row in rows[apart:]:
            # Nothing was noted of the intervals before it yet.
            self.fill_to(row[0])
            self.log.stage(row, _AMENDED, self.closing.now_ns)
            self.last_close = row[4]
            self._close_to(row[0])
        self._close_to(rows[-1][0])
        if self.fill and self.start != _NO_START:
            # It began when nothing had closed before it.
            self.fill_to(self.start)
        for row in rows:
            if row[0] in self.lacking:
                self.lacking.remove(row[0])
                at = self.log.find(row[0])
                self.log.mark(at, _PARTIAL, at + 1)
        return flats

    def fill_before(self, first_ns: int, rows: Sequence[BarRow]) -> list[BarRow]:
        """Put flat bars between those put before the first one that there was, and it; return them."""
        by_start = {row[0]: row for row in rows if row[0] < first_ns}
        if not by_start:
            return []
        flats: list[BarRow] = []
        close, span = rows[0][4], self.grid.span(rows[0][0])
        while span is not None and span[0] < first_ns:
            if span[0] in by_start:
                close = by_start[span[0]][4]
            else:
                flats.append((span[0], close, close, close, close, 0.0, 0, 0.0))
            span = self.grid.after(span[1])
        self.log.put_all(flats, _FILLED)
        return flats

    def _close_to(self, start_ns: int) -> None:
        span = self.grid.span(start_ns)
        if span is not None:
            self.closed_to = max(self.closed_to, span[1])

    def follow(self, close: float) -> list[BarRow]:
        """Let the flat bars that the log begins with follow a close that is not held; return them."""
        changed: list[BarRow] = []
        for at in range(len(self.log)):
            held, flags = self.log.row(at)
            if not flags & _FILLED:
                return changed
            if held[4] != close:
                row: BarRow = (held[0], close, close, close, close, 0.0, 0, 0.0)
                self.log.change(at, row, flags)
                changed.append(row)
        self.last_close = close
        return changed


def _start_of(row: BarRow) -> int:
    return row[0]


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
