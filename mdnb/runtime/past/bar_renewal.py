"""A bar that may be wrong since a trade of it was changed is made anew of the venue's history.

Where there is no history, or it does not answer in time, the bar is marked as partial.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from mdnb.bars.marked import bar_of_trades
from mdnb.bars.refold import held_bar
from mdnb.bars.remake import remake_bar
from mdnb.feeds.base import Feed
from mdnb.feeds.history_rows import TRADE_FIELDS, checked_rows
from mdnb.feeds.timeouts import Backoff
from mdnb.rows import TradeChange, TradeRow
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.rebuild import HeldTicks
from mdnb.runtime.live.trade_changes import as_changed
from mdnb.validate.findings import QualityFinding

__all__ = ["BarRenewal"]

_log = logging.getLogger("mdnb")


class BarRenewal:
    """Asks the history for the trades of single bars.

    Parameters
    ----------
    feed
        Is asked.
    pipelines
        By symbol.

    Attributes
    ----------
    backoff
        How long it waits before it asks again.
    attempts
        How often it asks for a bar.
    """

    def __init__(self, feed: Feed, pipelines: Mapping[str, Pipeline]) -> None:
        self.backoff = Backoff(1.0, 2.0, 30.0)
        self.attempts = 4
        self._feed = feed
        self._pipelines = pipelines
        self._tasks: dict[tuple[str, int], asyncio.Task[None]] = {}
        # What has changed since it was asked.
        self._again: set[tuple[str, int]] = set()
        self._looking: dict[tuple[str, int, float, float], asyncio.Task[None]] = {}

    def renew(self, symbol: str, ts_ns: int) -> None:
        """Make the bar anew in which an instant lies, unless that is being done; on the loop."""
        span = self._pipelines[symbol].engine.cascade.root.grid.span(ts_ns)
        if span is None:
            return
        task = self._tasks.get((symbol, span[0]))
        if task is None or task.done():
            self._tasks = {key: held for key, held in self._tasks.items() if not held.done()}
            self._tasks[symbol, span[0]] = asyncio.create_task(self._renew(symbol, span), name="mdnb-bar")
        else:
            self._again.add((symbol, span[0]))

    def place(self, symbol: str, change: TradeChange) -> None:
        """Make the bar of a changed trade anew, if the history tells when that was made; on the loop."""
        key = symbol, change.trade_id, change.price, change.size
        if key not in self._looking:
            self._looking[key] = asyncio.create_task(self._place(symbol, change), name="mdnb-change")
            self._looking[key].add_done_callback(lambda _: self._looking.pop(key, None))

    def close(self) -> None:
        """Ask for nothing any more."""
        for task in [*self._tasks.values(), *self._looking.values()]:
            task.cancel()

    async def _place(self, symbol: str, change: TradeChange) -> None:
        pipeline = self._pipelines[symbol]
        back_ns = round(self._feed.changes_back * 1e9)
        for attempt in range(self.attempts):
            # The history is behind the stream.
            await asyncio.sleep(self.backoff.delay(attempt, dice=1.0))
            if _has_come(pipeline, change):
                return
            try:
                span = change.ts_ns - back_ns, change.ts_ns + 1
                told = await self._feed.history_changes(symbol, *span) or []
            except Exception as error:  # noqa: BLE001  # an adapter may raise anything, and is asked again
                _log.info("a changed trade of %s could not be looked for yet: %r", symbol, error)
                continue
            found = [one.trade_ns for one in told if one[1:4] == change[1:4]]
            if found:
                self.renew(symbol, found[-1])
                return
        sentence = (
            "the venue has changed a trade that is not in memory, nor made in the last "
            f"{self._feed.changes_back:g} s by its history: which bar it is in is not known, and none is"
            " marked"
        )
        values = {"trade_id": change.trade_id, "price": change.price, "size": change.size}
        pipeline.quality.note(QualityFinding("trade_change_unmatched", sentence, change.ts_ns, values))

    async def _renew(self, symbol: str, span: tuple[int, int]) -> None:
        pipeline = self._pipelines[symbol]
        for attempt in range(self.attempts):
            self._again.discard((symbol, span[0]))
            try:
                rows = await self._feed.history_trades(symbol, *span)
                rows = checked_rows("history_trades", rows, TRADE_FIELDS)
            except Exception as error:  # noqa: BLE001  # an adapter may raise anything, and is asked again
                _log.info("the bar of a changed trade of %s could not be fetched yet: %r", symbol, error)
            else:
                if rows is None:
                    break
                if (symbol, span[0]) not in self._again and _put(pipeline, span, rows):
                    return
            await asyncio.sleep(self.backoff.delay(attempt, dice=1.0))
        pipeline.lose([(span[0], span[0])])


def _has_come(pipeline: Pipeline, change: TradeChange) -> bool:
    """Return whether the trade came after what was said of it."""
    engine = pipeline.engine
    with engine.lock:
        held = engine.ticks.tail(len(engine.ticks))
        return change.trade_id >= 0 and bool((held["trade_id"] == change.trade_id).any())


def _put(pipeline: Pipeline, span: tuple[int, int], rows: Sequence[TradeRow]) -> bool:
    """Put the bar that trades of the history make in the place of the one held; return whether that was done.

    A history that has far fewer trades than came is behind. An open bar may have newer ones than it.
    """
    engine = pipeline.engine
    with engine.lock:
        cascade = engine.cascade
        before = held_bar(cascade.root, span[0])
        rows = [row for row in as_changed(pipeline, rows) if span[0] <= row[0] < span[1]]
        if engine.config.data_validation and rows:
            # What was refused when it came is not in the bar that is made anew either.
            rows, _ = pipeline.rules.split(rows)
        made = bar_of_trades(span[0], rows)
        if span[1] > cascade.settled_ns or made is None or (before is not None and made[6] * 2 < before[6]):
            return False
        pipeline.set_time()
        engine.see_marks(rows)
        unmade = remake_bar(cascade, span[0], made, HeldTicks(engine))
        engine.updates += 1
        closed, amended = pipeline.collect()
    pipeline.publish(closed, amended)
    if unmade:
        names = ", ".join(unmade)
        sentence = f"the bars of a trade that was changed are not in memory any more, and stay: {names}"
        pipeline.quality.note(QualityFinding("bars_not_rebuilt", sentence, span[0], {}))
    engine.notify()
    return True
