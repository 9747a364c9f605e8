"""Joining history and live data without a lost or a doubled bar.

The feed is subscribed first and its data held back. Then the closed bars up to the interval that is open
now are loaded, and the trades of that interval; live trades that came twice are known by their ids, or by
what they are where there are none.

Of a venue whose fine bars do not reach as far back as was asked for, the coarser timeframes are asked too.
Where the bar of a coarse timeframe that is being made began before the fine bars do, it is made of the
venue's bars of a timeframe between the two, which nobody sees. The finest timeframe, where the venue has
none of it, is made of the venue's finer bars. What lacks its beginning all the same is marked, and told.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

from mdnb.bars.node import Node
from mdnb.errors import FeedError, MdnbError
from mdnb.feeds.base import Feed
from mdnb.rows import BarRow
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.time_unit import wrong_unit
from mdnb.runtime.past.finest_bars import TRADE_MINUTES, FinestBars
from mdnb.runtime.past.merge_bars import merge_bars
from mdnb.runtime.past.patient_questions import PatientQuestions
from mdnb.runtime.past.venue_bars import VenueBars
from mdnb.sessions import DAY_NS
from mdnb.stores.columns import columns_from_rows
from mdnb.timeframes import Timeframe
from mdnb.types import timestamp
from mdnb.validate.findings import QualityFinding

__all__ = ["load_history"]

_log = logging.getLogger("mdnb")
_NS = 1_000_000_000
_SHORT_SHARE = 0.05
_SLIGHT_NS = 60 * _NS
"""What is missing of a bar that is being made, and is marked on it, but not worth a word."""


async def load_history(
    feed: Feed,
    pipelines: Mapping[str, Pipeline],
    initial_days: float,
    progress: Callable[[int, int, str], None] | None = None,
    limit: float | None = None,
    *,
    since_ns: Mapping[str, int] | None = None,
) -> None:
    """Load ``initial_days`` of bars for every symbol, and the trades of the open interval.

    Parameters
    ----------
    limit
        For how many seconds a history may fail or not answer; None for ever.
    since_ns
        By symbol an instant from which on at least it is loaded: bars of before are held already.

    Raises
    ------
    FeedError
        When the history of the finest timeframe could not be had.
    """
    since_ns = since_ns or {}
    if initial_days <= 0 and not since_ns:
        return
    total = len(pipelines)
    said: list[str] = []
    done = 0

    def tell(text: str) -> None:
        if progress is not None:
            progress(done, total, text)

    for symbol, pipeline in pipelines.items():
        if initial_days <= 0 and symbol not in since_ns:
            continue
        told = f"history of {symbol}"
        tell(told)
        again = functools.partial(_tell_again, pipeline, set(), tell, told)
        look = functools.partial(_tell_unit, pipeline)
        questions = PatientQuestions(feed, symbol, limit, again, look)
        with _pages_told(feed, tell, told):
            try:
                loader = _Loader(feed, symbol, pipeline, initial_days, questions, since_ns.get(symbol))
                said += await loader.load()
            except FeedError as error:
                if initial_days > 0:
                    raise
                # Nobody has asked for any but to join what is held already: what is missing is a gap then.
                said.append(f"{told}: {error}")
        engine = pipeline.engine
        with engine.lock:
            now_ns = feed.clock.now_ns()
            engine.reader.note_known(engine.all_names(), now_ns)
            engine.cascade.closing.begin(now_ns)
        done += 1
    for sentence in said:
        _log.warning("%s", sentence)
    tell("; ".join(["live", *said]))


@contextlib.contextmanager
def _pages_told(feed: Feed, tell: Callable[[str], None], told: str) -> Iterator[None]:
    """Tell of each page that a history gives, as long as the block runs."""
    before, numbers = feed.on_page, itertools.count(1)

    def on_page() -> None:
        before()
        tell(f"{told}, page {next(numbers)}")

    feed.on_page = on_page
    try:
        yield
    finally:
        feed.on_page = before


def _tell_unit(pipeline: Pipeline, rows: object) -> None:
    """Tell once of a history whose times are in another unit than is meant."""
    if "time_unit" not in pipeline.quality.detected and (sentence := wrong_unit(rows)) is not None:
        _log.warning("the history of %s: %s", pipeline.engine.symbol, sentence)
        pipeline.quality.note(QualityFinding("time_unit", sentence, pipeline.clock.now_ns(), {}))


def _tell_again(
    pipeline: Pipeline, known: set[str], tell: Callable[[str], None], told: str, why: str
) -> None:
    """Tell of a history that fails and is asked again; each failure is kept once."""
    tell(f"{told}, asked again: {why}")
    if why not in known:
        known.add(why)
        _note_failure(pipeline, f"the history is asked again: {why}")


def _note_failure(pipeline: Pipeline, sentence: str) -> None:
    found = QualityFinding("history_failed", sentence, pipeline.clock.now_ns(), {})
    pipeline.quality.note(found, apart=True)


class _Loader:
    """Loads the history of one symbol.

    Attributes
    ----------
    covers
        By timeframe, from where on there are closed bars, as far as the venue goes.
    known
        By timeframe, from where on nothing is missing until now, so that coarser bars can be made of it.
    """

    def __init__(
        self,
        feed: Feed,
        symbol: str,
        pipeline: Pipeline,
        days: float,
        questions: PatientQuestions,
        since_ns: int | None,
    ) -> None:
        self._symbol = symbol
        self._pipeline = pipeline
        self._engine = pipeline.engine
        self._questions = questions
        self._now_ns = feed.clock.now_ns()
        start_ns = self._now_ns - int(days * DAY_NS)
        self._start_ns = start_ns if since_ns is None else min(start_ns, since_ns)
        self._days = days if self._start_ns == start_ns else (self._now_ns - self._start_ns) / DAY_NS
        self._venue = VenueBars(feed, self._engine.sessions, self._now_ns)
        self.covers: dict[str, int] = {}
        self.known: dict[str, int] = {}
        self._hole_ns = self._now_ns
        self._is_of_trades = False
        self._merged_until = 0

    async def load(self) -> list[str]:
        """Load bars and trades; return what is to be said of what is missing."""
        root = self._engine.cascade.root
        finest = FinestBars(self._pipeline, self._venue, self._questions, self._start_ns)
        await finest.load()
        if not finest.is_there:
            return []
        self.covers[root.name], self.known[root.name] = finest.covers, finest.known_from
        self._hole_ns, self._is_of_trades = finest.hole_ns, finest.is_of_trades
        for node in self._engine.cascade.nodes()[1:]:
            await self._load_coarser(node)
        if finest.is_without_trades and self._merged_until:
            # What the venue repeats of its trades is in the coarser bars already.
            self._pipeline.told_by_bars_until = self._merged_until
        with self._engine.lock:
            for node in self._engine.cascade.nodes():
                node.known_from = self._known_below(node)
                node.partial = node.is_open and node.known_from > node.start
        return self._missing()

    def _known_below(self, node: Node) -> int:
        """Return from where on all is known of which a timeframe's open bar is made."""
        return self.known[node.name if node.parent is None else node.parent.name]

    def _open_start(self, node: Node) -> int:
        return self._venue.open_start(node.grid.timeframe)

    def _offered_from(self, timeframe: Timeframe) -> int:
        """Return from where on the venue says that it has a timeframe's bars, of those asked for."""
        return max(self._start_ns, self._venue.open_start(timeframe) - self._venue.depth_ns(timeframe))

    def _is_short(self, node: Node, from_ns: int, since_ns: int | None = None) -> bool:
        """Return whether bars from there on are fewer than asked for, by more than a market is quiet.

        Parameters
        ----------
        since_ns
            From where on they are expected, where that is not from where on they are asked for.
        """
        sessions = self._engine.sessions
        since_ns = self._start_ns if since_ns is None else since_ns
        lacking = sessions.open_ns(since_ns, from_ns) if from_ns > since_ns else 0
        whole = sessions.open_ns(since_ns, self._now_ns)
        return lacking > max(node.grid.timeframe.seconds * _NS, _SHORT_SHARE * whole)

    # -- coarser timeframes -------------------------------------------------------------------------------

    async def _load_coarser(self, node: Node) -> None:
        parent, root = node.parent, self._engine.cascade.root.name
        assert parent is not None
        if self.known[root] <= self._open_start(node) and not self._is_short(node, self.covers[root]):
            self.covers[node.name], self.known[node.name] = self.covers[parent.name], self.known[parent.name]
            return
        own = self._venue.depth_ns(node.grid.timeframe) > 0
        parent = await self._put_between(parent, node, for_closed=not own)
        rows: Sequence[BarRow] = ()
        if own:
            rows = await self._ask(node.grid.timeframe, node, wanted=True)
            covers = min([self.covers[parent.name], *(row[0] for row in rows[:1])])
            if self._is_short(node, covers, since_ns=self._offered_from(node.grid.timeframe)):
                # Of one that fails, or has less than the venue says, finer bars may reach further.
                parent = await self._put_between(parent, node, for_closed=True)
        self._merge(node, parent, rows)

    async def _put_between(self, parent: Node, node: Node, *, for_closed: bool) -> Node:
        """Feed a timeframe through those of the venue that reach further back; return the one that feeds it.

        Parameters
        ----------
        for_closed
            Whether its closed bars have to be made of them too.
        """
        tried = {*self._engine.all_names()}
        while for_closed or self.known[parent.name] > self._open_start(node):
            fine, coarse = parent.grid.timeframe, node.grid.timeframe
            found = self._venue.between(fine, coarse, tried)
            # Of the coarsest whose own open bar is known whole.
            whole = [one for one in found if self._venue.open_start(one) >= self.known[parent.name]]
            one = next(iter(whole or (found[-1:] if for_closed else ())), None)
            if one is None:
                break
            tried.add(one.name)
            # What may reach further is asked for once: nobody waits for bars that he has not asked for.
            if rows := await self._ask(one, node, wanted=False, patiently=not for_closed):
                with self._engine.lock:
                    made = self._engine.cascade.feed_through(one, node.name)
                self._merge(made, parent, rows)
                parent, for_closed = made, False
        return parent

    def _merge(self, node: Node, parent: Node, rows: Sequence[BarRow]) -> None:
        """Put the venue's bars of a timeframe where finer ones do not reach."""
        finer, known = self.covers[parent.name], self.known[parent.name]
        with self._engine.lock:
            received = len(rows)
            rows = self._pipeline.possible(node.name, rows)
            self._pipeline.ledger.received += received - len(rows)
            merge_bars(self._engine, node.name, columns_from_rows(rows))
        if rows and (span := node.grid.span(rows[-1][0])) is not None:
            self._merged_until = max(self._merged_until, span[1])
        self.covers[node.name] = min(finer, rows[0][0]) if rows else finer
        joins = known <= self._open_start(node)
        self.known[node.name] = min(known, self.covers[node.name]) if joins else known

    async def _ask(
        self, timeframe: Timeframe, node: Node, *, wanted: bool, patiently: bool = True
    ) -> Sequence[BarRow]:
        """Return the venue's closed bars of a timeframe, from the beginning of a bar of a node on."""
        if self._questions.is_over:
            return []
        end, start = self._venue.open_start(timeframe), self._offered_from(timeframe)
        span = node.grid.span(start)
        try:
            begin = span[0] if span is not None else start
            rows = await self._questions.bars(timeframe.name, begin, end, patiently=patiently)
        except MdnbError as error:
            level = logging.WARNING if wanted or self._questions.gave_up else logging.INFO
            _log.log(level, "the venue gave no %s bars of %s: %s", timeframe.name, self._symbol, error)
            if level == logging.WARNING:
                _note_failure(self._pipeline, f"the venue gave no {timeframe.name} bars: {error}")
            return []
        return rows or []

    # -- what is missing ----------------------------------------------------------------------------------

    def _missing(self) -> list[str]:
        """Keep which timeframes lack how many days; return the sentence that says so."""
        sessions = self._engine.sessions
        whole = max(sessions.open_ns(self._start_ns, self._now_ns), 1)
        short: list[str] = []
        late: list[str] = []
        made: list[str] = []
        for node in self._engine.cascade.nodes():
            from_ns, begins, known = self.covers[node.name], self._open_start(node), self._known_below(node)
            lacking = sessions.open_ns(self._start_ns, from_ns) if self._is_short(node, from_ns) else 0
            hole = self._hole(max(begins, from_ns), known)
            lacking += hole if hole >= _SLIGHT_NS else 0
            if node.hidden or not lacking:
                continue
            days = lacking / whole * self._days
            self._pipeline.history_missing[node.name] = days
            if self._is_of_trades and not self._venue.depth_ns(node.grid.timeframe):
                made.append(node.name)
            else:
                short.append(f"{node.name} {self._days - days:.3g}")
            if self._hole(begins, known) >= _SLIGHT_NS:
                late.append(node.name)
        said = [f"of {self._days:g} days the venue has {', '.join(short)}"] * bool(short)
        said += [f"the open bars of {', '.join(late)} lack their beginning"] * bool(late)
        if made:
            # It may have more trades, which nobody waits for.
            whose = f"{', '.join(made)} bars, which the venue does not have,"
            said.append(f"{whose} are made of its newest trades, of {TRADE_MINUTES} minutes at most")
        told = [f"history of {self._symbol}: {'; '.join(said)}"] * bool(said)
        return [*told, *self._beyond_limit()]

    def _hole(self, from_ns: int, known_ns: int) -> int:
        """Return how much is missing between two instants, from the second of which on all is known.

        The bars of the finest timeframe that lie before a hole in it are there.
        """
        sessions = self._engine.sessions
        covers = self.covers[self._engine.cascade.root.name]
        stretches = (from_ns, min(covers, known_ns)), (max(from_ns, covers, self._hole_ns), known_ns)
        return sum(sessions.open_ns(start, end) for start, end in stretches if start < end)

    def _beyond_limit(self) -> list[str]:
        """Return the sentence that says which timeframes have more history than memory holds."""
        engine = self._engine
        with engine.lock:
            cut = [
                f"{name} from {timestamp(first_ns, engine.tz)} on"
                for name in engine.timeframes()
                if (log := engine.log(name)).evicted
                and name not in engine.overflow
                and (first_ns := log.first_start_ns()) is not None
            ]
        if not cut:
            return []
        limit = engine.config.max_bars_per_timeframe
        said = f"history of {self._symbol}: memory holds {limit:,} bars of a timeframe, {', '.join(cut)}"
        return [
            f"{said}; max_bars_per_timeframe= holds more, enable_disk_overflow=True keeps the others on disk"
        ]
