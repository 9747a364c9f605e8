"""Joining history and live data without a lost or a doubled bar.

The feed is subscribed first and its data held back. Then the closed bars up to the interval that is open
now are loaded, and the trades of that interval; live trades that came twice are known by their ids.

Of a venue whose fine bars do not reach as far back as was asked for, the coarser timeframes are asked too.
Where the bar of a coarse timeframe that is being made began before the fine bars do, it is made of the
venue's bars of a timeframe between the two, which nobody sees.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping

from mdnb.bars.node import Node
from mdnb.bars.tree import nests
from mdnb.errors import MdnbError
from mdnb.feeds.base import Feed
from mdnb.rows import BarRow
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.past.merge_bars import merge_bars
from mdnb.runtime.past.missed_trades import load_bars, load_trades
from mdnb.sessions import DAY_NS
from mdnb.store.columns import columns_from_rows
from mdnb.timeframes import Timeframe

__all__ = ["load_history"]

_log = logging.getLogger("mdnb")
_TICK_WINDOW_NS = 10 * 60 * 1_000_000_000
_NS = 1_000_000_000
_SHORT_SHARE = 0.05

_BETWEEN = tuple(
    Timeframe.parse(name) for name in ("1day", "4hour", "1hour", "30min", "15min", "5min", "1min")
)
"""Timeframes that venues have, coarse to fine."""


async def load_history(
    feed: Feed,
    pipelines: Mapping[str, Pipeline],
    initial_days: float,
    progress: Callable[[int, int, str], None] | None = None,
) -> None:
    """Load ``initial_days`` of bars for every symbol, and the trades of the open interval."""
    if initial_days <= 0:
        return
    total = len(pipelines)
    said: list[str] = []
    for done, (symbol, pipeline) in enumerate(pipelines.items()):
        if progress is not None:
            progress(done, total, f"history of {symbol}")
        said += await _Loader(feed, symbol, pipeline, initial_days).load()
    for sentence in said:
        _log.warning("%s", sentence)
    if progress is not None:
        progress(total, total, "; ".join(["live", *said]))


@dataclasses.dataclass
class _Loader:
    """Loads the history of one symbol.

    Attributes
    ----------
    covers
        By timeframe, from where on there is every bar, as far as the venue goes.
    """

    feed: Feed
    symbol: str
    pipeline: Pipeline
    days: float
    now_ns: int = 0
    start_ns: int = 0
    covers: dict[str, int] = dataclasses.field(default_factory=dict)

    async def load(self) -> list[str]:
        """Load bars and trades; return what is to be said of what is missing."""
        self.now_ns = self.feed.clock.now_ns()
        self.start_ns = self.now_ns - int(self.days * DAY_NS)
        root = self.pipeline.engine.cascade.root
        span = root.grid.span(self.now_ns)
        boundary = span[0] if span is not None else self.now_ns
        rows: list[BarRow] | None = []
        if self._depth_ns(root):
            asked = max(self.start_ns, boundary - self._depth_ns(root))
            rows = await self.feed.history_bars(self.symbol, root.name, asked, boundary)
        if rows:
            load_bars(self.pipeline, rows, boundary)
        self.covers[root.name] = rows[0][0] if rows else boundary
        if rows is not None:
            for node in self.pipeline.engine.cascade.nodes()[1:]:
                await self._load_coarser(node)
        # No bars to be had: the trades are all there is to build from.
        begins = boundary if rows is not None else 0
        since = min(begins or self.now_ns, self.now_ns - _TICK_WINDOW_NS)
        trades = await self.feed.history_trades(self.symbol, since, self.feed.clock.now_ns() + 1)
        if trades:
            load_trades(self.pipeline, trades, begins)
        return self._missing() if rows is not None else []

    def _depth_ns(self, node: Node | Timeframe) -> int:
        """Return how far back the venue has bars of a timeframe, at most as far as was asked for."""
        name = node.name
        seconds = self.feed.history_depth(name) or 0.0
        return int(min(seconds * _NS, float(self.now_ns)))

    def _is_short(self, node: Node, from_ns: int) -> bool:
        """Return whether bars from there on are fewer than asked for, by more than a market is quiet."""
        sessions = self.pipeline.engine.sessions
        lacking = sessions.open_ns(self.start_ns, from_ns)
        whole = sessions.open_ns(self.start_ns, self.now_ns)
        return lacking > max(node.grid.timeframe.seconds * _NS, _SHORT_SHARE * whole)

    def _open_start(self, node: Node) -> int:
        """Return where the interval begins that is being made; now where the venue is closed."""
        span = node.grid.span(self.now_ns)
        return span[0] if span is not None else self.now_ns

    async def _load_coarser(self, node: Node) -> None:
        parent = node.parent
        assert parent is not None
        finer = self.covers[parent.name]
        finest = self.covers[self.pipeline.engine.cascade.root.name]
        if finest <= self._open_start(node) and not self._is_short(node, finest):
            self.covers[node.name] = finer
            return
        begun = finer > self._open_start(node)
        own = self._depth_ns(node) > 0
        if begun or not own:
            between = self._between(parent, node)
            if between is not None:
                with self.pipeline.engine.lock:
                    parent = self.pipeline.engine.cascade.feed_through(between, node.name)
                await self._fetch(parent, finer, node)
                finer = self.covers[parent.name]
        await self._fetch(node, finer, node, own=own)

    def _between(self, parent: Node, node: Node) -> Timeframe | None:
        """Return the coarsest timeframe of the venue that can lie between two, its open bar known whole."""
        sessions = self.pipeline.engine.sessions
        fine, coarse = parent.grid.timeframe, node.grid.timeframe
        found = [
            one
            for one in _BETWEEN
            if one.name not in self.pipeline.engine.all_names()
            and fine.sort_key < one.sort_key < coarse.sort_key
            and nests(fine, one, sessions)
            and nests(one, coarse, sessions)
            and self._depth_ns(one)
        ]
        whole = [one for one in found if self.now_ns - self.covers[parent.name] >= one.seconds * _NS]
        return next(iter(whole or found[-1:]), None)

    async def _fetch(self, node: Node, finer: int, wanted: Node, *, own: bool = True) -> None:
        """Put the venue's bars of a timeframe where finer ones do not reach, from a bar of ``wanted`` on."""
        rows: list[BarRow] = []
        depth = self._depth_ns(node)
        if own and depth:
            start = max(self.start_ns, self._open_start(node) - depth)
            span = wanted.grid.span(start)
            rows = await self._ask(node.name, span[0] if span is not None else start, self._open_start(node))
        engine, pipeline = self.pipeline.engine, self.pipeline
        with engine.lock:
            received = len(rows)
            rows = pipeline.possible(node.name, rows)
            pipeline.ledger.received += received - len(rows)
            merge_bars(engine, node.name, columns_from_rows(rows))
            self.covers[node.name] = min(finer, rows[0][0]) if rows else finer
            for each in (node, *node.children):
                each.partial = each.is_open and self.covers[node.name] > each.start

    async def _ask(self, name: str, start_ns: int, end_ns: int) -> list[BarRow]:
        try:
            return await self.feed.history_bars(self.symbol, name, start_ns, end_ns) or []
        except MdnbError as error:
            _log.warning("the venue gave no %s bars of %s: %s", name, self.symbol, error)
            return []

    def _missing(self) -> list[str]:
        """Keep which timeframes lack how many days; return the sentence that says so."""
        engine = self.pipeline.engine
        whole = engine.sessions.open_ns(self.start_ns, self.now_ns)
        short: list[str] = []
        for node in engine.cascade.nodes():
            from_ns = self.covers[node.name]
            if node.hidden or not self._is_short(node, from_ns):
                continue
            lacking = engine.sessions.open_ns(self.start_ns, from_ns) / max(whole, 1) * self.days
            self.pipeline.history_missing[node.name] = lacking
            short.append(f"{node.name} {self.days - lacking:.3g}")
        if not short:
            return []
        return [f"history of {self.symbol}: of {self.days:g} days the venue has {', '.join(short)}"]
