"""Ticks into bars of many timeframes at once (hot path, guarded by ``tests/benchmarks``).

A tick touches the finest timeframe only. When that closes a bar, the bar is folded into the timeframes
fed from it, and whatever is due closes at once, finest first. So the cost of a tick hardly depends on how
many timeframes are kept. Pure: no clock, no lock, no thread; the same ticks in the same order give the
same bars however they are cut into batches.
"""

from __future__ import annotations

import collections
import copy
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mdnb.bars.add_timeframe import fill_from_parent, put_below, put_between
from mdnb.bars.bars_from_arrays import bars_of, fold_down, group_starts
from mdnb.bars.closing import ClosingTime
from mdnb.bars.late import amend_bars
from mdnb.bars.marked import Unpriced, bar_with, volume_piece
from mdnb.bars.node import BarLog, Node, OnClosed, fold_rows
from mdnb.bars.refold import ChangedBars, OneBar, Piece, closed_rows, held_bar, is_gone, put_closed
from mdnb.bars.tree import parents
from mdnb.rows import MARKS, BarRow, GonePiece, MarkedTrade, TradeRow
from mdnb.sessions import Sessions
from mdnb.timeframes import Grid, Timeframe

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Cascade"]

_NEVER = -(2**63)
_NO_START = 2**63 - 1
_ARRAY_CHUNK = 65_536
_ANY_LATENESS = 2**62
_LATE_KEPT = 64


def _is_marked(row: TradeRow) -> bool:
    return isinstance(row, MarkedTrade)


class Cascade:
    """A tree of timeframes, fed by ticks or by finer bars.

    Parameters
    ----------
    timeframes
        Clock timeframes to keep.
    sessions
        The venue's hours.
    make_log
        Makes the store of a timeframe's closed bars.
    max_lateness_ns
        A trade older than this, measured against the newest one, no longer amends a closed bar.
    fill
        Add flat bars for intervals inside a session that had no trade.
    on_closed
        Called with ``(node, row, flags, end_ns, closed_ns)`` for each bar that closes, finest first.

    Attributes
    ----------
    root
        The finest node, which ticks are folded into; it may be hidden.
    newest_ns
        The time of the newest trade.
    closing
        The market's time, as whoever feeds the bars sets it, and when bars close by it.
    late_dropped, outside_session
        Trades that are in no bar, and why.
    out_of_order
        Trades that came after one with a later time.
    refused
        The same trades, as rows, until the caller clears the list.
    amended
        ``(node, row)`` of closed bars that changed, until the caller clears the list.
    gone
        ``(node, piece)`` of what is new in closed bars that left memory, until the caller clears the list.
    has_marks
        Whether trades come that do not count in full: set by who gives them.
    unpriced
        Of these the ones that are in no bar.
    came_late
        Of the newest trades whose bar was over: when each was made, and when the newest trade before it was.

    Examples
    --------
    >>> from mdnb.stores.bars import BarStore
    >>> cascade = Cascade(["1min", "5min"], Sessions.always(), lambda name: BarStore(1000))
    >>> for i in range(301):
    ...     cascade.push(i * 1_000_000_000, 100.0 + i % 7, 1.0)
    >>> len(cascade.node("1min").log), len(cascade.node("5min").log)
    (5, 1)
    """

    # Of a thousand symbols each line of memory that a trade touches has to be fetched: the fewer, the better.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_fill",
        "_make_log",
        "_nodes",
        "_on_closed",
        "_settled",
        "amended",
        "amended_count",
        "came_late",
        "closing",
        "gone",
        "has_marks",
        "late_dropped",
        "max_lateness_ns",
        "newest_ns",
        "out_of_order",
        "outside_session",
        "refused",
        "root",
        "sessions",
        "unpriced",
    )

    def __init__(
        self,
        timeframes: Sequence[str | Timeframe],
        sessions: Sessions,
        make_log: Callable[[str], BarLog],
        *,
        max_lateness_ns: int = 5_000_000_000,
        fill: bool = False,
        on_closed: OnClosed | None = None,
    ) -> None:
        self.sessions = sessions
        self.max_lateness_ns = max_lateness_ns
        self.late_dropped = 0
        self.came_late: collections.deque[tuple[int, int]] = collections.deque(maxlen=_LATE_KEPT)
        self.outside_session = 0
        self.amended_count = 0
        self.out_of_order = 0
        self.has_marks = False
        self.unpriced = Unpriced()
        self.closing = ClosingTime()
        self.refused: list[TradeRow] = []
        self.amended: list[tuple[Node, BarRow]] = []
        self.gone: list[tuple[Node, GonePiece]] = []
        self._make_log = make_log
        self._fill = fill
        self._on_closed = on_closed
        self.newest_ns = _NEVER
        self._settled = _NEVER
        wanted = {Timeframe.parse(given) for given in timeframes}
        self._nodes: dict[str, Node] = {}
        for timeframe, parent in parents(sorted(wanted, key=lambda t: t.sort_key), sessions).items():
            self._attach(timeframe, parent, hidden=timeframe not in wanted)

    # -- shape --------------------------------------------------------------------------------------

    def _attach(self, timeframe: Timeframe, parent: Timeframe | None, *, hidden: bool) -> Node:
        log = self._make_log(timeframe.name)
        node = Node(Grid(timeframe, self.sessions), log, hidden=hidden, closing=self.closing)
        node.fill = self._fill and not hidden
        node.on_closed = self._on_closed
        if parent is None:
            self.root = node
        else:
            node.parent = self._nodes[parent.name]
            node.parent.children.append(node)
            spans = [node.grid.span(start) for start in node.parent.lacking]
            node.lacking = {span[0] for span in spans if span is not None}
        self._nodes[timeframe.name] = node
        return node

    @property
    def settled_ns(self) -> int:
        """Every bar that ended by then is closed."""
        return self._settled

    def names(self) -> list[str]:
        """Return the timeframes kept, fine to coarse."""
        kept = [node for node in self._nodes.values() if not node.hidden]
        return [node.name for node in sorted(kept, key=lambda node: node.grid.timeframe.sort_key)]

    def node(self, name: str) -> Node:
        """Return the node of a canonical name."""
        return self._nodes[name]

    def nodes(self) -> list[Node]:
        """Return all nodes, hidden ones too, each after the one that feeds it."""
        return list(self._nodes.values())

    def set_fill(self, fill: bool) -> None:
        """Switch flat bars for empty intervals on or off, for bars from now on."""
        self._fill = fill
        for node in self._nodes.values():
            node.fill = fill and not node.hidden

    def feeder(self, timeframe: Timeframe) -> Node | None:
        """Return what a timeframe would be made of if it was added; None where that is not there yet."""
        wanted = [node.grid.timeframe for node in self._nodes.values()]
        parent = parents([*wanted, timeframe], self.sessions)[timeframe]
        return None if parent is None or timeframe.name in self._nodes else self._nodes.get(parent.name)

    @property
    def fills(self) -> bool:
        """Whether intervals without a trade get flat bars."""
        return self._fill

    def add(
        self,
        timeframe: Timeframe,
        ticks: Callable[[], tuple[Sequence[TradeRow], bool]],
        begin: Callable[[Node], None] | None = None,
    ) -> Node:
        """Add a timeframe, its past bars built from the bars or trades held.

        Parameters
        ----------
        timeframe
            A clock timeframe that is not kept yet.
        ticks
            Gives the trades held, in arrival order, and whether these are all there ever were; asked only
            when the new timeframe is finer than, or does not nest on, the finest one.
        begin
            Puts into the new node what is older than the bars held of the one that feeds it.
        """
        if timeframe.name in self._nodes:
            node = self._nodes[timeframe.name]
            if node.hidden:
                self._show(node)
            return node
        wanted = [node.grid.timeframe for node in self._nodes.values()]
        tree = parents([*wanted, timeframe], self.sessions)
        root = next(iter(tree))
        if root != self.root.grid.timeframe:
            self._new_root(root, *ticks(), hidden=root != timeframe)
        if timeframe.name not in self._nodes:
            node = self._attach(timeframe, tree[timeframe], hidden=False)
            if begin is not None:
                try:
                    begin(node)
                except BaseException:  # whatever it was, half a timeframe must not stay
                    self.remove(node.name)
                    raise
            fill_from_parent(node, self._settled)
            self._fill_past(node)
        return self._nodes[timeframe.name]

    def _show(self, node: Node) -> None:
        """Keep a timeframe that fed others unseen; while it did, intervals without a trade had no bars."""
        node.hidden, node.fill = False, self._fill
        if not self._fill or node.closed_to == _NEVER:
            return
        node.fill_before(
            node.start if node.is_open else node.closed_to, closed_rows(node.log, _NEVER, _NO_START)
        )
        self._fill_past(node)

    def _fill_past(self, node: Node) -> None:
        """Append the flat bars that a timeframe would have by now; emits no events for these."""
        if node.fill and not node.is_open and node.closed_to != _NEVER:
            listener, node.on_closed = node.on_closed, None
            node.fill_to(min(self._settled, self.root.start))
            node.on_closed = listener

    def fork(self, fork_log: Callable[[BarLog], BarLog]) -> Cascade:
        """Return another tree with the same open bars, whose closed ones are in other logs.

        Parameters
        ----------
        fork_log
            Gives the log that stands for one of this tree there.
        """
        made = copy.copy(self)
        made._nodes = {name: node.fork(fork_log(node.log)) for name, node in self._nodes.items()}
        for node in made._nodes.values():
            node.parent = None if node.parent is None else made._nodes[node.parent.name]
            node.children = [made._nodes[child.name] for child in node.children]
        made.root = made._nodes[self.root.name]
        return made

    def adopt(self, fork: Cascade) -> None:
        """Hold the open bars of a fork; nothing was folded in here since."""
        for name, node in fork._nodes.items():
            self._nodes[name].adopt(node)
        self._settled = max(self._settled, fork._settled)
        self.see(fork.newest_ns)

    def feed_through(self, timeframe: Timeframe, name: str) -> Node:
        """Feed a timeframe through a finer one that nobody sees; return that one.

        Parameters
        ----------
        timeframe
            Between the one that is fed and the one that feeds it so far, and not kept yet.
        name
            The one that is fed.
        """
        child = self._nodes[name]
        assert child.parent is not None
        made = self._attach(timeframe, child.parent.grid.timeframe, hidden=True)
        fill_from_parent(made, self._settled)
        put_between(made, child)
        # Each after the one that feeds it.
        ordered = sorted(self._nodes.values(), key=lambda node: node.grid.timeframe.sort_key)
        self._nodes = {node.name: node for node in [self.root, *ordered]}
        return made

    def remove(self, name: str) -> None:
        """Stop keeping a timeframe; one that feeds others goes on unseen."""
        node = self._nodes[name]
        node.hidden = True
        node.fill = False
        while node.hidden and not node.children and node.parent is not None:
            node.parent.children.remove(node)
            del self._nodes[node.name]
            node = node.parent

    def _new_root(
        self, timeframe: Timeframe, ticks: Sequence[TradeRow], complete: bool, *, hidden: bool
    ) -> None:
        scratch = Cascade([timeframe], self.sessions, self._make_log, max_lateness_ns=_ANY_LATENESS)
        scratch.has_marks = self.has_marks
        scratch.push_rows(ticks)
        # What a timer has closed is closed in the new root too: folded once more it would be a second bar.
        scratch.close_until(self._settled)
        made = scratch.root
        made.hidden, made.fill, made.on_closed = hidden, self._fill and not hidden, self._on_closed
        made.closing = self.closing
        put_below(made, self.root, complete=complete, oldest_ns=ticks[0][0] if ticks else None)
        self.root = made
        self._nodes = {made.name: made, **self._nodes}

    # -- ticks --------------------------------------------------------------------------------------

    def push(self, ts_ns: int, price: float, size: float, count: int = 1) -> None:
        """Take one trade."""
        root = self.root
        if self.newest_ns <= ts_ns < root.edge:
            self.newest_ns = ts_ns
            if price > root.high:
                root.high = price
            elif price < root.low:
                root.low = price
            root.close = price
            root.volume += size
            root.count += count
            root.turnover += price * size
        else:
            self._cross((ts_ns, price, size, count, 0, -1))

    def push_rows(self, rows: Sequence[TradeRow]) -> None:
        """Take trades in arrival order; the live way, for batches of any length."""
        if self.has_marks:
            for is_marked, run in itertools.groupby(rows, key=_is_marked):
                if is_marked:
                    for row in run:
                        assert isinstance(row, MarkedTrade)
                        self._take_marked(row)
                else:
                    self._push_plain(list(run))
        else:
            self._push_plain(rows)
        if self.closing.follows_trades:
            self.closing.see(self.newest_ns)

    def _push_plain(self, rows: Sequence[TradeRow]) -> None:
        root = self.root
        newest, edge = self.newest_ns, root.edge
        high, low, close = root.high, root.low, root.close
        volume, count, turnover = root.volume, root.count, root.turnover
        for row in rows:
            ts_ns, price, size, n, _, _ = row
            if newest <= ts_ns < edge:
                newest = ts_ns
                if price > high:
                    high = price
                elif price < low:
                    low = price
                close = price
                volume += size
                count += n
                turnover += price * size
                continue
            root.high, root.low, root.close = high, low, close
            root.volume, root.count, root.turnover = volume, count, turnover
            self.newest_ns = newest
            self._cross(row)
            newest, edge = self.newest_ns, root.edge
            high, low, close = root.high, root.low, root.close
            volume, count, turnover = root.volume, root.count, root.turnover
        root.high, root.low, root.close = high, low, close
        root.volume, root.count, root.turnover = volume, count, turnover
        self.newest_ns = newest

    def push_inside(self, rows: Sequence[TradeRow]) -> None:
        """Take trades that are in order and inside the bar that is open, as whoever calls this has looked."""
        root = self.root
        for _, price, size, count, _, _ in rows:
            if price > root.high:
                root.high = price
            elif price < root.low:
                root.low = price
            root.volume += size
            root.count += count
            root.turnover += price * size
        last = rows[-1]
        self.newest_ns, root.close = last[0], last[1]
        if self.closing.follows_trades:
            self.closing.see(last[0])

    def _cross(self, row: TradeRow) -> None:
        ts_ns, price, size, count, _, _ = row
        if not _NEVER < ts_ns < _NO_START:
            raise ValueError(f"a trade has the time {ts_ns}, which is no time in nanoseconds since 1970")
        self.closing.see(ts_ns)
        self.out_of_order += ts_ns < self.newest_ns
        root = self.root
        if root.start <= ts_ns < root.edge:
            # Out of order but inside the open bar, or the first trade after finer bars were loaded.
            root.high = max(root.high, price)
            root.low = min(root.low, price)
            root.close = price
            root.volume += size
            root.count += count
            root.turnover += price * size
            self.newest_ns = max(self.newest_ns, ts_ns)
            return
        span = root.grid.span(ts_ns)
        if span is None:
            self.outside_session += 1
            self.refused.append(row)
            return
        if span[1] <= self._settled or ts_ns < root.start < _NO_START:
            self._late(row, span)
            return
        self.close_until(ts_ns)
        if self._fill:
            # Of one end all timeframes are there at once, those without a trade too.
            self.fill_until(ts_ns)
        root.begin(span, price, ts_ns)
        root.volume = size
        root.count = count
        root.turnover = price * size
        self.newest_ns = max(self.newest_ns, ts_ns)
        if self.has_marks:
            self._add_unpriced(span[0])

    def _add_unpriced(self, start_ns: int) -> None:
        """Add the volume of trades that have waited for the bar that begins now."""
        root = self.root
        for row in self.unpriced.take(start_ns):
            volume, count, turnover = volume_piece(row)
            root.volume += volume
            root.count += count
            root.turnover += turnover

    def _take_marked(self, row: MarkedTrade) -> None:
        """Take a trade that does not count in full."""
        ts_ns, root = row[0], self.root
        if not _NEVER < ts_ns < _NO_START:
            raise ValueError(f"a trade has the time {ts_ns}, which is no time in nanoseconds since 1970")
        span = root.grid.span(ts_ns)
        if span is None:
            self.outside_session += 1
            self.refused.append(row)
            return
        self.closing.see(ts_ns)
        if row.marks == MARKS:
            self.unpriced.keep(span[0], row)
            return
        self.out_of_order += ts_ns < self.newest_ns
        if span[1] <= self._settled or span[1] <= root.start < _NO_START:
            self._late_marked(row, span)
            return
        if root.start != span[0]:
            self.close_until(ts_ns)
            if self._fill:
                self.fill_until(ts_ns)
        self.newest_ns = max(self.newest_ns, ts_ns)
        made = bar_with(root.as_row(), row, span[0])
        if made is None:
            self.unpriced.keep(span[0], row)
        else:
            root.renew(made, span, ts_ns)
            self._add_unpriced(span[0])

    def _late_marked(self, row: MarkedTrade, span: tuple[int, int]) -> None:
        if self._is_too_late(row, span):
            self.late_dropped += 1
            self.refused.append(row)
            return
        if row[0] < self.newest_ns:
            self.came_late.append((row[0], self.newest_ns))
        self.newest_ns = max(self.newest_ns, row[0])
        before = held_bar(self.root, span[0])
        made = bar_with(before, row, span[0])
        if made is None:
            self.unpriced.keep(span[0], row)
        elif before is None:
            self.note(amend_bars(self.root, self._with_unpriced(made), span[1], self._settled), 1)
        else:
            self.replace(made, before)

    def _with_unpriced(self, piece: BarRow) -> BarRow:
        """Return new trades of a bar, as a bar, with those that have waited for its price."""
        if not self.has_marks or held_bar(self.root, piece[0]) is not None:
            return piece
        made = piece
        for row in self.unpriced.take(piece[0]):
            made = bar_with(made, row, piece[0]) or made
        return made

    def _is_too_late(self, row: TradeRow, span: tuple[int, int]) -> bool:
        # The bar of the newest trade is never too old, whether or not a timer closed it in between.
        old = self.newest_ns - row[0] > self.max_lateness_ns and self.newest_ns >= span[1]
        is_known_late = row[0] < self.newest_ns and self.max_lateness_ns < _ANY_LATENESS
        return old or (is_known_late and is_gone(self.root.log, span[0]))

    def _late(self, row: TradeRow, span: tuple[int, int]) -> None:
        ts_ns, price, size, count, _, _ = row
        newest = self.newest_ns if ts_ns >= self.newest_ns else None
        if self._is_too_late(row, span):
            self.late_dropped += 1
            self.refused.append(row)
            return
        if newest is None:
            self.came_late.append((ts_ns, self.newest_ns))
        self.newest_ns = max(self.newest_ns, ts_ns)
        piece = self._with_unpriced((span[0], price, price, price, price, size, count, price * size))
        self.note(amend_bars(self.root, piece, span[1], self._settled, newest), 1)

    def amend(self, piece: BarRow) -> None:
        """Merge a piece into the closed root bar that starts with it, and into every coarser bar."""
        piece = self._with_unpriced(piece)
        span = self.root.grid.span(piece[0])
        assert span is not None
        self.note(amend_bars(self.root, piece, span[1], self._settled), 1)

    def replace(self, row: BarRow, before: BarRow) -> None:
        """Put a bar of the finest timeframe, as it is now known, in the place of the one held.

        Parameters
        ----------
        row, before
            The bar as it is to be, and as it is: the one that is being made, or a closed one.
        """
        root, start = self.root, row[0]
        span = root.grid.span(start)
        assert span is not None
        if root.start == start:
            root.take(row, span)
            return
        # Where finer bars have left memory, a coarser one changes by what is different.
        volume, count, turnover = row[5] - before[5], row[6] - before[6], row[7] - before[7]
        change: BarRow = (start, *row[1:5], volume, count, turnover)
        piece = Piece.late(change, span[1])
        self.note(put_closed(root, [piece], self._settled, OneBar(row, span)), 1)

    def is_mixed(self, span: tuple[int, int]) -> bool:
        """Return whether trades in or around an interval may have come in another order than their times'."""
        return any(late_ns < span[1] and span[0] <= newest_ns for late_ns, newest_ns in self.came_late)

    def note(self, changes: ChangedBars, count: int) -> None:
        """Note which closed bars are others now, so many of the finest timeframe among them."""
        self.amended_count += count
        self.amended += changes.bars
        self.gone += changes.gone

    def push_arrays(
        self,
        ts_ns: NDArray[np.int64],
        price: NDArray[np.float64],
        size: NDArray[np.float64],
        count: NDArray[np.int64] | None = None,
    ) -> None:
        """Take trades in arrival order from columns; the bulk way, for history, imports and replays.

        Parameters
        ----------
        ts_ns
            int64, shape (n,), UTC epoch nanoseconds.
        price, size
            float64, shape (n,).
        count
            int64, shape (n,): raw trades a row stands for; default 1 each.
        """
        for a in range(0, len(ts_ns), _ARRAY_CHUNK):
            part = slice(a, a + _ARRAY_CHUNK)
            self._push_chunk(ts_ns[part], price[part], size[part], None if count is None else count[part])

    def _push_chunk(
        self, ts_ns: NDArray[np.int64], price: NDArray[Any], size: NDArray[Any], count: NDArray[Any] | None
    ) -> None:
        root = self.root
        groups = group_starts(ts_ns, root.grid, root.start if root.is_open else self._settled)
        if groups is None:
            # Late trades and trades outside the sessions are rare: the one rule for them is the live one.
            none = [0] * len(ts_ns)
            counts = [1] * len(ts_ns) if count is None else count.tolist()
            columns = (ts_ns.tolist(), price.tolist(), size.tolist(), counts, none, none)
            self.push_rows(list(zip(*columns, strict=True)))
            return
        starts, first = groups
        self.close_until(int(starts[0]))
        block = bars_of(starts, first, price, size, count, root)
        newest, settled = max(self.newest_ns, int(ts_ns.max())), int(starts[-1])
        if len(block) > 1 and self._on_closed is None and not self._fill:
            if root.closed_to == _NEVER and not root.is_open:
                root.partial = int(ts_ns[0]) > int(starts[0])
            fold_down(root, block.head(len(block) - 1), settled)
            self.close_until(settled)
            block = block.tail()
        for row in block.rows():
            if root.start != row[0]:
                self.close_until(row[0])
                if self._fill:
                    self.fill_until(row[0])
            span = root.grid.span(row[0])
            assert span is not None
            root.renew(row, span, int(ts_ns[0]))
        self.newest_ns, self._settled = newest, max(self._settled, settled)

    def push_bars(self, rows: Sequence[BarRow]) -> None:
        """Take closed bars of the root's timeframe, or of a finer one that nests in it, oldest first.

        A bar that starts inside an interval already closed amends it.
        """
        root = self.root
        for row in rows:
            start = row[0]
            span = root.grid.span(start)
            if span is None:
                self.outside_session += 1
                continue
            if span[1] <= self._settled or start < root.start < _NO_START:
                self.amend((span[0], *row[1:]))
                continue
            if start >= root.edge:
                self.close_until(start)
            root.fold(row)
            self.newest_ns = max(self.newest_ns, start)
            # A bar is known when it ends.
            self.closing.see(span[1])

    def see(self, ts_ns: int) -> None:
        """Note that there is data of an instant: a trade made before it is late."""
        self.newest_ns = max(self.newest_ns, ts_ns)

    def follow_logs(self) -> None:
        """Let what is live begin behind the bars that were put into the stores from elsewhere.

        A trade of an interval that is held there is a late one, which amends its bar: no bar is made twice.
        """
        for node in self._nodes.values():
            if not len(node.log):
                continue
            last, _ = node.log.row(len(node.log) - 1)
            span = node.grid.span(last[0])
            if span is None:
                continue
            self._settled = max(self._settled, span[1])
            # When its trades were made is not known: one that comes now was not made before all of them.
            self.see(span[0])
            if _NEVER < node.closed_to < span[1]:
                node.closed_to, node.last_close = span[1], last[4]

    def close_until(self, ts_ns: int) -> None:
        """Close every bar that ended by ``ts_ns``, finest first."""
        root = self.root
        self._settled = max(self._settled, ts_ns)
        if root.is_open:
            if root.edge > ts_ns:
                return
            root.finish(ts_ns)
        for node in self._nodes.values():
            if node.start != _NO_START and node.edge <= ts_ns:
                node.finish(ts_ns)

    def fill_until(self, ts_ns: int) -> None:
        """Append the flat bars of intervals that ended by ``ts_ns`` without a trade, where filling is on."""
        for node in self._nodes.values():
            if node.fill and not node.is_open and node.closed_to != _NEVER:
                node.fill_to(min(ts_ns, self.root.start))

    def next_edge(self) -> int | None:
        """Return when the next bar is due to close (or a flat one to be made); None while nothing is open."""
        earliest = _NO_START
        for node in self._nodes.values():
            if node.start != _NO_START:
                edge = node.edge
            elif node.fill and node.closed_to != _NEVER:
                span = node.grid.after(node.closed_to)
                edge = _NO_START if span is None else span[1]
            else:
                continue
            if edge < earliest:
                earliest = edge
        return None if earliest == _NO_START else earliest

    def forming(self, name: str) -> BarRow | None:
        """Return the open bar of a timeframe as it is now, finer open bars merged in; None without one."""
        node = at = self._nodes[name]
        if node.parent is None:
            return node.as_row()
        while not at.is_open and at.parent is not None:
            at = at.parent
        span = node.grid.span(at.start) if at.is_open else None
        if span is None:
            return None
        pieces: list[BarRow] = []
        each: Node | None = node
        while each is not None:
            piece = each.as_row()
            if piece is not None and span[0] <= piece[0] < span[1]:
                pieces.append(piece)
            each = each.parent
        return fold_rows(pieces, span[0]) if pieces else None
