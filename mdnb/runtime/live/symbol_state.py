"""The state of one symbol: stores, cascade, newest values. Safe to read from any thread.

The background loop writes under the lock, a batch at a time; everybody else reads copies under it. What
happens to a batch, and in which order, is in `mdnb.runtime.live.pipeline`.
"""

from __future__ import annotations

import collections
import copy
import functools
import itertools
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mdnb.bars.activity import ActivityBars
from mdnb.bars.cascade import Cascade
from mdnb.bars.closing import ClosingTime, whole_us
from mdnb.bars.lost_trades import mark_activity, mark_node
from mdnb.bars.made_of import MadeOf
from mdnb.bars.node import Node
from mdnb.clock import Clock
from mdnb.config import DataManagerConfig
from mdnb.depth import OrderBookView
from mdnb.errors import TimeframeError
from mdnb.forked import refuse_in_children
from mdnb.instruments import Instrument
from mdnb.rows import BarRow, DepthUpdate, GonePiece, MarkedTrade, QuoteRow, TradeRow, marks_of
from mdnb.runtime.live.bar_reader import BarReader
from mdnb.runtime.live.closed_bar import ClosedBar
from mdnb.runtime.live.contracts import Contracts
from mdnb.runtime.live.countdown import seconds_left
from mdnb.runtime.live.older_bars import OlderBars, mark_at_file_edges
from mdnb.runtime.live.price_alerts import PriceAlerts
from mdnb.runtime.live.price_decimals import InstrumentDecimals
from mdnb.runtime.live.records import bar_of, order_book_of, tick_of
from mdnb.runtime.live.session_bars import SessionBars, session_bars
from mdnb.runtime.live.unsettled_bars import Unsettled, mark_unsettled
from mdnb.sessions import Sessions
from mdnb.stores.bars import BarColumns, BarStore
from mdnb.stores.book import OrderBook
from mdnb.stores.overflow import Overflow
from mdnb.stores.ticks import IN_BARS, QUOTE_DTYPE, TICK_DTYPE, RowStore, is_in_bars, trade_rows
from mdnb.timeframes import Grid, Timeframe
from mdnb.types import Bar, Tick

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Listener", "SymbolState"]

_NAN = float("nan")
_PRICES_SEEN = 100
_NS_PER_US = 1000
_NS = 1_000_000_000
_ANY_TIME = 2**62
_LOST_KEPT = 1_000


class Listener:
    """A callback that is called after each batch that changed anything; `close` ends it."""

    __slots__ = ("_engine", "callback")

    def __init__(self, engine: SymbolState, callback: Callable[[], None]) -> None:
        self._engine = engine
        self.callback = callback

    def close(self) -> None:
        """Stop listening."""
        self._engine._unlisten(self)


class SymbolState:
    """All data of one symbol.

    Parameters
    ----------
    instrument
        What is traded.
    sessions
        When.
    timeframes
        Those to keep, clock and activity bars in any mix.
    config
        Limits and rules.
    tz
        Zone of frames and records.
    source
        ``trades``, ``quotes`` or ``bars``: what the bars are built from; frames say so.
    book_levels
        How many levels a side of the order book are kept; None for all.

    Attributes
    ----------
    unsettled
        Gives the stretches of which trades may still come: their bars are partial for the time being.
    """

    # So many attributes would be a dictionary of 1.6 KB, which of a thousand symbols no cache can hold.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_clock",
        "_decimals",
        "_instrument",
        "_listeners",
        "_state",
        "activity",
        "alerts",
        "amended",
        "apart",
        "bars_wait",
        "cascade",
        "closed",
        "config",
        "contracts",
        "depth",
        "file_spans",
        "has_activity",
        "holes",
        "how_to_add",
        "last_quote",
        "last_trade",
        "lock",
        "lost",
        "made_of",
        "on_amended_gone",
        "on_due",
        "on_wanted",
        "open_overflow",
        "overflow",
        "quotes",
        "reader",
        "recorded",
        "sessions",
        "source",
        "symbol",
        "ticks",
        "tz",
        "unsettled",
        "updates",
        "venue",
    )

    def __init__(
        self,
        instrument: Instrument,
        sessions: Sessions,
        timeframes: Sequence[Timeframe | str],
        config: DataManagerConfig | None = None,
        tz: str = "UTC",
        source: str = "trades",
        *,
        book_levels: int | None = None,
    ) -> None:
        refuse_in_children(self)
        self._instrument = instrument
        self._decimals = InstrumentDecimals(instrument)
        self.symbol = instrument.symbol
        self.sessions = sessions
        self.config = config or DataManagerConfig()
        self.tz = tz
        self.source = source
        self.lock = threading.RLock()
        self.recorded = self.bars_wait = False
        # Whose data it is, for badges; empty where it is made or played here.
        self.venue = ""
        self.on_wanted: Callable[[], None] | None = None
        # Called when other bars may be due than before, but for those that data made.
        self.on_due: Callable[[], None] | None = None
        # Is told of what is new in bars that have left memory, and when it is known.
        self.on_amended_gone: Callable[[str, Sequence[GonePiece], int], None] | None = None
        self.updates = 0
        self.closed: list[ClosedBar] = []
        self.amended: list[tuple[str, BarRow]] = []
        self.unsettled: Callable[[], Sequence[Unsettled]] | None = None
        self.last_trade: TradeRow | None = None
        self.last_quote: QuoteRow | None = None
        self.ticks = RowStore(TICK_DTYPE, self.config.max_ticks)
        self.quotes = RowStore(QUOTE_DTYPE, self.config.max_ticks)
        self.overflow: dict[str, Overflow] = {}
        self.open_overflow: Callable[[str], Overflow] | None = None
        # By timeframe the stretches between bars of files and what the market had: nobody promised these.
        # Starts of the first and the last bar of each file that brought some.
        self.file_spans: list[tuple[int, int]] = []
        self.apart: dict[str, list[tuple[int, int]]] = {}
        # The newest stretches of which trades are lost: between which times these were made.
        self.lost: collections.deque[tuple[int, int]] = collections.deque(maxlen=_LOST_KEPT)
        # By timeframe the starts of bars of trades after which some lack; nobody knows how many.
        self.holes: dict[str, list[int]] = {}
        self.reader = BarReader(self)
        self.depth = OrderBook(
            instrument.tick_size, limit=book_levels, positive_prices=instrument.positive_prices
        )
        self.alerts = PriceAlerts(self.symbol, instrument.decimals, tz, self.lock, self.touch)
        self.how_to_add = "Add it with add_timeframe({name!r})."
        self.contracts = Contracts()
        self.made_of = MadeOf(self.symbol, source, sessions)
        self._listeners: tuple[Listener, ...] = ()
        self._state: Callable[[], tuple[str, float]] = lambda: ("closed", 0.0)
        self._clock: Callable[[], Clock] | None = None
        self._make_bars([Timeframe.parse(name) for name in timeframes])

    def _make_bars(self, parsed: Sequence[Timeframe]) -> None:
        self.activity: dict[str, ActivityBars] = {}
        self.has_activity = False
        self.cascade = Cascade(
            [timeframe for timeframe in parsed if not timeframe.is_activity],
            self.sessions,
            self._make_log,
            max_lateness_ns=int(self.config.max_lateness_seconds * 1e9),
            fill=self.config.fill_gaps,
            on_closed=self._on_closed,
        )
        self.cascade.closing.history_ns = self.grace_ns
        if all(timeframe.is_activity for timeframe in parsed):
            self.cascade.root.hidden = True
        for timeframe in parsed:
            if timeframe.is_activity:
                self._add_activity(timeframe)

    # -- trades that do not count in full ------------------------------------------------------------

    @property
    def has_marks(self) -> bool:
        """Whether trades came that do not count for all of their bars."""
        return self.cascade.has_marks

    def see_marks(self, rows: Sequence[TradeRow]) -> None:
        """Note whether marked trades are among those that are about to be taken."""
        if not self.cascade.has_marks and any(isinstance(row, MarkedTrade) for row in rows):
            self.cascade.has_marks = True

    def in_full(self, rows: Sequence[TradeRow]) -> Sequence[TradeRow]:
        """Return the trades that count for all of their bars, of which activity bars are made."""
        return [row for row in rows if not marks_of(row)] if self.cascade.has_marks else rows

    def keep_ticks(self, rows: Sequence[TradeRow], flag: int = IN_BARS) -> None:
        """Store trades in order of arrival, with what they do not count for."""
        if not self.cascade.has_marks:
            self.ticks.extend(rows, flag=flag)
            return
        for marks, run in itertools.groupby(rows, key=marks_of):
            self.ticks.extend(list(run), flag=flag | marks)

    # -- timeframes ---------------------------------------------------------------------------------

    def _make_log(self, name: str) -> BarStore:
        made = BarStore(self.config.max_bars_per_timeframe, self.tz, with_vwap=self.source == "trades")
        made.known_at = self._known_ns
        if self.open_overflow is not None:
            self.overflow[name] = self.open_overflow(name)
            made.on_evict = self.overflow[name].take
        return made

    def _known_ns(self) -> int:
        return self.cascade.closing.now_ns

    @property
    def has_repairing(self) -> bool:
        """Whether closed bars are partial only until what they lack has come, or is lost."""
        with self.lock:
            logs = any(self.log(name).has_repairing for name in self.all_names())
            return logs or any(held.has_repairing for held in self.overflow.values())

    def attach_overflow(self, name: str) -> None:
        """Send a timeframe's bars that leave memory to the store of `open_overflow`; hold the lock."""
        if self.open_overflow is not None:
            self.overflow[name] = self.open_overflow(name)
            self.log(name).on_evict = self.overflow[name].take

    def amend_gone(self) -> None:
        """Put what is new in closed bars that have left memory into those on disk; hold the lock."""
        gone = self.cascade.gone
        if not gone:
            return
        pieces: dict[str, list[GonePiece]] = {}
        for node, piece in gone:
            pieces.setdefault(node.name, []).append(piece)
        gone.clear()
        for name, inside in pieces.items():
            if name in self.overflow:
                self.overflow[name].amend(inside, self._known_ns())
            if self.on_amended_gone is not None:
                self.on_amended_gone(name, inside, self._known_ns())

    def all_names(self) -> list[str]:
        """Return the names of all timeframes, hidden ones that feed others included."""
        return [*(node.name for node in self.cascade.nodes()), *self.activity]

    def fork(self) -> SymbolState:
        """Return another state with the same bars, for who changes bars beside it; hold the lock.

        Only bars are apart, and nobody is told of what is done to these. Nothing is on disk.
        """
        made = copy.copy(self)
        made.lock = threading.RLock()
        made._listeners = ()
        made.reader = BarReader(made)
        made.cascade = self.cascade.fork(lambda log: log.fork() if isinstance(log, BarStore) else log)
        made.activity = {}
        for name, bars in self.activity.items():
            made.activity[name] = copy.copy(bars)
            made.activity[name].log = self.log(name).fork()
        spans = () if self.unsettled is None else tuple(self.unsettled())
        made.unsettled = lambda: spans
        return made

    def adopt(self, fork: SymbolState) -> None:
        """Hold the bars of a fork; nothing has changed here since. Hold the lock."""
        for name in fork.all_names():
            self.log(name).adopt(fork.log(name))
        self.cascade.adopt(fork.cascade)
        self.reader.forget()
        self.updates += 1

    def _on_closed(self, node: Node, row: BarRow, flags: int, end_ns: int, closed_ns: int) -> None:
        self.closed.append(ClosedBar(node.name, row, flags, end_ns, closed_ns))

    def _on_activity_closed(self, name: str, row: BarRow, flags: int, end_ns: int, closed_ns: int) -> None:
        self.closed.append(ClosedBar(name, row, flags, end_ns, closed_ns))

    def _add_activity(self, timeframe: Timeframe) -> ActivityBars:
        made = ActivityBars(
            timeframe, self._make_log(timeframe.name), self._on_activity_closed, self.cascade.closing
        )
        self.activity[timeframe.name] = made
        self.has_activity = True
        return made

    def timeframes(self) -> list[str]:
        """Return the timeframes kept, fine to coarse, activity bars last."""
        with self.lock:
            return [*self.cascade.names(), *self.activity]

    def finest(self) -> str:
        """Return the finest timeframe kept.

        Raises
        ------
        TimeframeError
            When none is.
        """
        names = self.timeframes()
        if not names:
            how = self.how_to_add.format(name="1min")
            raise TimeframeError(f"{self.symbol} keeps no timeframe any more: all were removed. {how}")
        return names[0]

    def canonical(self, timeframe: object) -> str:
        """Return the name of a timeframe that is kept.

        Raises
        ------
        TimeframeError
            When it is not understood, or not kept: the message names the ones kept.
        """
        nodes = self.cascade._nodes
        # Charts name it as it is kept, several times a tick.
        known = isinstance(timeframe, str) and timeframe in nodes
        name = str(timeframe) if known else Timeframe.parse(timeframe).name
        node = nodes.get(name)
        if (node is None or node.hidden) and name not in self.activity:
            kept = ", ".join(self.timeframes()) or "none"
            raise TimeframeError(
                f"{self.symbol} keeps no {name} bars. Kept: {kept}. {self.how_to_add.format(name=name)}"
            )
        return name

    def has_timeframe(self, timeframe: object) -> bool:
        """Return whether bars of a timeframe are kept."""
        try:
            self.canonical(timeframe)
        except TimeframeError:
            return False
        return True

    def add_timeframe(self, timeframe: object, kept: BarColumns | None = None) -> str:
        """Add a timeframe, its past bars built from the bars or trades held; return its canonical name.

        Bars that have left memory are read from disk: call it on a worker thread.

        Parameters
        ----------
        kept
            The newest bars of trades that a store holds of it: what is new goes on behind them.

        Raises
        ------
        TimeframeError
            When it is not understood, or what is held cannot be made into it.
        DataImportError
            When the disk does not give the bars; nothing was added.
        """
        parsed = Timeframe.parse(timeframe)
        older = self._older_bars(parsed)
        with self.lock:
            if self.has_timeframe(parsed):
                return parsed.name
            self.made_of.check([parsed])
            now_ns, before = self.change_ns(), set(self.all_names())
            if parsed.is_activity:
                bars = self._add_activity(parsed)
                listener, bars.on_closed = bars.on_closed, None
                closing, bars.closing = bars.closing, ClosingTime()
                bars.closing.history_ns = self.grace_ns
                rows, complete = self._held_rows()
                held = self.overflow.get(parsed.name)
                last_ns = None if held is None else held.segments.last_ns
                if not complete and last_ns is not None:
                    # Its folder has bars of before it was removed, and nobody kept what lies between.
                    bars.mark_next()
                    self.holes.setdefault(parsed.name, []).append(last_ns)
                if kept is None or not len(kept):
                    bars.push_rows(self.in_full(rows))
                else:
                    self._begin_behind(bars, kept, rows)
                bars.on_closed, bars.closing = listener, closing
            else:
                try:
                    self.cascade.add(parsed, self._held_rows, functools.partial(self._begin_older, older))
                except (
                    BaseException
                ):  # whatever it was, nothing was added, and no folder must stay open for it
                    self._leave_overflow()
                    raise
                self._mark_at_file_edges(self.cascade.node(parsed.name))
                self._note_apart(self.cascade.node(parsed.name))
            added = [name for name in self.all_names() if name not in before]
            self._mark_lost(added)
            mark_unsettled(self)
            self.reader.note_known(added, now_ns)
            self.updates += 1
        if self.on_due is not None:
            self.on_due()
        self.notify()
        return parsed.name

    def _mark_lost(self, names: Sequence[str]) -> None:
        """Mark bars of timeframes just added that lack what is lost, as those kept are; hold the lock."""
        for name in names:
            log = self.log(name)
            # They have been so since they closed.
            known_at, log.known_at = log.known_at, int
            for low_ns, high_ns in self.lost:
                if name in self.activity:
                    mark_activity(self.activity[name], low_ns, high_ns)
                else:
                    mark_node(self.cascade.node(name), low_ns, high_ns)
            log.known_at = known_at

    def begin_behind(self, name: str, kept: BarColumns) -> None:
        """Let bars of trades go on behind those that a store holds, as the market begins; hold the lock."""
        bars = self.activity[name]
        listener, bars.on_closed = bars.on_closed, None
        self._begin_behind(bars, kept, self._held_rows()[0])
        bars.on_closed = listener

    def _begin_behind(self, bars: ActivityBars, kept: BarColumns, rows: Sequence[TradeRow]) -> None:
        """Hold bars of trades, and those of the trades held that are in none of them."""
        log, rows = self.log(bars.name), self.in_full(rows)
        log.rewrite(kept)
        last, _ = log.row(len(log) - 1)
        behind = bars.rows_behind(rows, last)
        if behind is None:
            # Nobody kept the trades that lie between.
            self.holes.setdefault(bars.name, []).append(last[0])
            over_ns = max(last[0], int(kept.closed_us[-1]) * _NS_PER_US)
            bars.begin_behind([row for row in rows if row[0] > over_ns], is_whole=False)
        else:
            bars.begin_behind(behind, is_whole=True)

    def _note_apart(self, node: Node) -> None:
        """Expect of a timeframe that was added nothing where nothing is of what it is made; hold the lock."""
        finer = () if node.parent is None else self.apart.get(node.parent.name, ())
        for a, b in finer:
            # The bars in which the stretch begins and ends have something.
            before, after = node.grid.span(a - 1), node.grid.span(b)
            if before is not None and after is not None and before[1] < after[0]:
                self.apart.setdefault(node.name, []).append((before[1], after[0]))

    def _older_bars(self, timeframe: Timeframe) -> OlderBars | None:
        """Return what a timeframe that is to be added has of bars that have left memory; hold no lock."""
        with self.lock:
            if timeframe.is_activity or self.has_timeframe(timeframe):
                return None
            finer = self.cascade.feeder(timeframe)
            overflow = None if finer is None else self.overflow.get(finer.name)
            if finer is None or overflow is None:
                return None
            made = OlderBars(finer, overflow, Grid(timeframe, self.sessions), fill=self.cascade.fills)
            log = self.log(finer.name)
            # In this order: asked how many it holds, a store drives out those beyond its limit.
            first_ns = log.first_start_ns() if len(log) else None
        made.read(first_ns)
        return made

    def _begin_older(self, older: OlderBars | None, node: Node) -> None:
        """Put what has left memory into a timeframe that is being added; hold the lock."""
        finer = node.parent
        overflow = None if finer is None else self.overflow.get(finer.name)
        if finer is None or overflow is None:
            return
        if older is None or not older.is_of(finer, overflow):
            # Another thread has added or removed something since it was read.
            older = OlderBars(finer, overflow, node.grid, fill=self.cascade.fills)
        older.put_into(node)

    def _mark_at_file_edges(self, node: Node) -> None:
        forming = None if node.parent is None else self.forming_of(node.parent.name)
        mark_at_file_edges(node, self.file_spans, None if forming is None else forming[0], self.over_ns())

    def _leave_overflow(self) -> None:
        """Let go of the folders of timeframes that are there no more; hold the lock."""
        # One that feeds others goes on unseen, and its bars still leave memory.
        for other in self.overflow.keys() - set(self.all_names()):
            self.overflow.pop(other).segments.close()

    def remove_timeframe(self, timeframe: object) -> str:
        """Stop keeping a timeframe; return its canonical name."""
        with self.lock:
            name = self.canonical(timeframe)
            if name in self.activity:
                del self.activity[name]
                self.has_activity = bool(self.activity)
            else:
                self.cascade.remove(name)
            self.reader.forget()
            self._leave_overflow()
            self.updates += 1
        self.notify()
        return name

    def _held_rows(self) -> tuple[list[TradeRow], bool]:
        """Return the trades held that are in bars, and whether no older ones were built into bars."""
        if self.source != "trades":
            return [], False
        held = self.ticks.tail(len(self.ticks))
        rows = trade_rows(held[is_in_bars(held["flag"])])
        root = self.cascade.root.log
        complete = self.ticks.total == len(self.ticks) and len(root) + root.evicted == 0
        return rows, complete

    def timeframe(self, name: str) -> Timeframe:
        """Return a timeframe that is kept, by its canonical name."""
        held = self.activity.get(name)
        return self.cascade.node(name).grid.timeframe if held is None else held.timeframe

    def grid(self, name: str) -> Grid | None:
        """Return where the bars of a timeframe start and end; None for activity bars."""
        return None if name in self.activity else self.cascade.node(name).grid

    def wanted(self) -> None:
        """Tell once that somebody wants the data: a recording that waits for that begins to play."""
        if self.on_wanted is not None:
            told, self.on_wanted = self.on_wanted, None
            told()

    # -- reading bars -------------------------------------------------------------------------------

    def log(self, name: str) -> BarStore:
        """Return the store of a timeframe by its canonical name; hold the lock while using it."""
        held = self.activity[name].log if name in self.activity else self.cascade.node(name).log
        assert isinstance(held, BarStore)
        return held

    def flags_of(self, name: str, start_ns: int) -> int:
        """Return the flags of the closed bar that starts at an instant; 0 where none is held."""
        with self.lock:
            if name not in self.all_names():
                return 0  # another thread removed the timeframe since
            log = self.log(name)
            at = log.find(start_ns)
            if at == len(log):
                return 0
            row, flags = log.row(at)
            return flags if row[0] == start_ns // _NS_PER_US * _NS_PER_US else 0

    def forming(self, timeframe: object) -> BarRow | None:
        """Return the forming bar as a row; None where there is none."""
        with self.lock:
            return self.forming_of(self.canonical(timeframe))

    def forming_of(self, name: str) -> BarRow | None:
        """Return the open bar by a canonical name; hold the lock."""
        return self.activity[name].forming() if name in self.activity else self.cascade.forming(name)

    def version(self, timeframe: object) -> tuple[int, int, int]:
        """Return ``(generation, bars closed, updates)``: unlike the last one seen when anything changed."""
        log = self.log(self.canonical(timeframe))
        return log.generation, log.total, self.updates

    def closed_columns(self, name: str) -> BarColumns:
        """Return the closed bars in memory as numpy copies, by a canonical name."""
        with self.lock:
            log = self.log(name)
            return log.columns(0, len(log))

    def session_bars(self, at_ns: int) -> SessionBars | None:
        """Return what an instant's session has been so far; None where none is open. May read the disk."""
        day = self.sessions.day_span(at_ns)
        return None if day is None else session_bars(self, self.cascade.nodes(), day[0])

    def older(self, timeframe: object, start_ns: int, end_ns: int) -> BarColumns | None:
        """Return the closed bars that start in ``[start_ns, end_ns)``; None where some are gone."""
        return self.reader.older(self.canonical(timeframe), start_ns, end_ns)

    def columns(self, timeframe: object, count: int | None = None) -> BarColumns:
        """Return the newest ``count`` bars in memory as numpy copies, the forming one last."""
        return self.reader.columns(timeframe, count)

    def frame(
        self,
        timeframe: Hashable,
        count: int | None = None,
        start_ns: int | None = None,
        end_ns: int | None = None,
        *,
        closed_only: bool = False,
        with_disk: bool = False,
    ) -> pd.DataFrame:
        """Return bars as a frame that the caller owns.

        Parameters
        ----------
        count
            The newest so many, the forming bar included; None for all in memory.
        start_ns, end_ns
            Only bars that start in ``[start_ns, end_ns]``.
        closed_only
            Leave the forming bar out.
        with_disk
            All that is on disk too; otherwise disk is read only where more is asked for than memory holds.
        """
        return self.reader.frame(timeframe, (count, start_ns, end_ns, closed_only), with_disk=with_disk)

    @property
    def grace_ns(self) -> int:
        """Nanoseconds after its end at which a bar counts as known where its closing was not noted."""
        return whole_us(int(self.config.grace_ms * 1e6))

    def read_ns(self) -> int:
        """Return the market's time by which a read is dated; hold the lock.

        What is closed later is later than it: read again as of this time, the same is found.
        """
        closing = self.cascade.closing
        if not self.recorded and self._clock is not None:
            closing.advance(self._clock().now_ns())
            now = closing.now_ns
            closing.advance(now + _NS_PER_US)
            return now
        return closing.now_ns

    def change_ns(self) -> int:
        """Return the market's time of a change not the feed's, later than each read; hold the lock."""
        now = self.read_ns()
        if self.recorded and now:
            now += _NS_PER_US
            self.cascade.closing.advance(now)
        return now

    def over_ns(self) -> int:
        """Return by when a bar that is over for good has ended; hold the lock.

        The market's time less the grace, in which trades are still on their way; of a recording that has not
        begun the time of its first data. Where nobody knows the time any bar may be over.
        """
        now = self.cascade.closing.now_ns
        if self._clock is None or (self.recorded and now):
            return now - self.grace_ns if now else _ANY_TIME
        clock = self._clock()
        if self.recorded:
            return clock.now_ns()
        # It takes wall time: at 60x it is 60 times as long in the market.
        grace_ns = int(self.grace_ns / max(clock.wall_seconds(_NS), 1e-9))
        return max(now, clock.now_ns()) - grace_ns

    def known(self, timeframe: Hashable, as_of_ns: int, count: int | None = None) -> pd.DataFrame:
        """Return the closed bars that were known at an instant, as they were then, as a frame."""
        return self.reader.known_frame(timeframe, as_of_ns, (count, None, None, True))

    def bar(
        self,
        name: str,
        row: BarRow,
        *,
        closed: bool = True,
        flags: int = 0,
        end_ns: int = 0,
        closed_ns: int = 0,
    ) -> Bar:
        """Return a row as a `Bar`."""
        return bar_of(
            row,
            self.instrument,
            self.tz,
            name,
            closed=closed,
            flags=flags,
            end_ns=end_ns,
            closed_ns=closed_ns,
            contract=self.contracts.of(row[0]) if self.contracts else "",
        )

    def tick(self, row: TradeRow, flag: int = IN_BARS) -> Tick:
        """Return a trade as a `Tick`; its flag as `mdnb.stores.ticks` has it."""
        contract = self.contracts.of(row[0]) if self.contracts else ""
        return tick_of(row, self.instrument, self.tz, flag, contract)

    @property
    def instrument(self) -> Instrument:
        """The instrument; where the feed names no tick size, with the decimals of the prices seen."""
        if self._instrument.tick_size:
            return self._instrument
        return self._decimals.instrument(self.updates, self._prices_seen)

    def _prices_seen(self) -> list[float]:
        with self.lock:
            if self.source == "quotes":
                # Bars of quotes are of middles, which have a decimal more than prices do.
                rows = self.quotes.tail(_PRICES_SEEN)
                return [*rows["bid"].tolist(), *rows["ask"].tolist()]
            log = self.log(self.cascade.root.name)
            bars = log.columns(max(0, len(log) - _PRICES_SEEN), len(log))
            return [*bars.close.tolist(), *self.ticks.tail(_PRICES_SEEN)["price"].tolist()]

    # -- newest values ------------------------------------------------------------------------------

    def quote(self) -> QuoteRow | None:
        """Return the newest quote."""
        return self.last_quote

    def status(self) -> str:
        """Return the connection's state."""
        return self._state()[0]

    def latency_ms(self) -> float:
        """Return the newest data's delay in milliseconds."""
        return self._state()[1]

    def bind_state(
        self, state: Callable[[], tuple[str, float]], clock: Callable[[], Clock] | None = None
    ) -> None:
        """Set the functions that give the connection's status, its latency and the market's time."""
        self._state = state
        self._clock = clock

    def seconds_left(self, timeframe: object) -> float:
        """Return the wall-clock seconds until the bar being made ends; ``nan`` where that is not known."""
        name = self.canonical(timeframe)
        if self._clock is None or (forming := self.forming(name)) is None:
            return _NAN
        span = None if (grid := self.grid(name)) is None else grid.span(forming[0])
        return _NAN if span is None else seconds_left(self._clock(), span)

    def price_ahead(self) -> float:
        """Return the newest price while the bars wait for trades that were missed; else ``nan``."""
        last = self.last_trade
        return last[1] if self.bars_wait and last is not None else _NAN

    def apply_depth(self, update: DepthUpdate) -> None:
        """Apply an order book snapshot or update."""
        with self.lock:
            self.depth.apply(update)

    def reset_depth(self) -> None:
        """Clear the order book, as after a lost connection."""
        with self.lock:
            self.depth.reset()
            self.updates += 1

    def book(self, levels: int = 10) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """Return the best bids and asks as ``(price, size)``, best first."""
        with self.lock:
            return self.depth.levels(levels)

    def order_book(self, levels: int = 10, age: float = 0.0) -> OrderBookView:
        """Return the best levels as a record; ``age`` is in seconds."""
        with self.lock:
            return order_book_of(self.depth, self.instrument, self.tz, levels, age)

    # -- listeners ----------------------------------------------------------------------------------

    def listen(self, callback: Callable[[], None]) -> Listener:
        """Register a callback for each batch that changed anything; it must only set an event."""
        made = Listener(self, callback)
        with self.lock:
            self._listeners = (*self._listeners, made)
        return made

    def _unlisten(self, listener: Listener) -> None:
        with self.lock:
            self._listeners = tuple(held for held in self._listeners if held is not listener)

    def touch(self) -> None:
        """Count a change that did not come from data, and notify all listeners."""
        with self.lock:
            self.updates += 1
        self.notify()

    def notify(self) -> None:
        """Notify all listeners."""
        for listener in self._listeners:
            listener.callback()

    # -- memory -------------------------------------------------------------------------------------

    def nbytes(self) -> int:
        """Return the bytes of all rows held."""
        with self.lock:
            logs = [node.log for node in self.cascade.nodes()] + [bars.log for bars in self.activity.values()]
            bars = sum(log.nbytes for log in logs if isinstance(log, BarStore))
            return bars + self.ticks.nbytes + self.quotes.nbytes

    def recent(self, count: int) -> np.ndarray:
        """Return the newest trades as a structured array of `mdnb.stores.ticks.TICK_DTYPE`."""
        self.wanted()
        with self.lock:
            return self.ticks.tail(count)
