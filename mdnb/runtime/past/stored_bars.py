"""Bars that a store held before the market began: put among those of the history, and what lacks is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mdnb.events.types import EventType
from mdnb.market_store.schemas import bar_columns_of, numbers, times_of
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.merge_bars import merge_bars
from mdnb.runtime.past.stored_trades import put_open_bar
from mdnb.stores.amendments import Amendments
from mdnb.stores.bars import BarStore
from mdnb.stores.columns import PARTIAL, BarColumns, find_bars, nth_of_start
from mdnb.types import Gap, timestamp
from mdnb.validate.findings import QualityFinding

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["StoredBars", "since_ns"]

_NS_PER_US: Final = 1000
_FIELDS: Final = ("open", "high", "low", "close", "volume", "vwap", "tick_count", "flags", "closed_us")


class StoredBars:
    """The newest bars that a store holds of a symbol.

    Parameters
    ----------
    tables
        By timeframe, as read; those of which any are held.
    positive_prices
        Whether bars with prices of zero or below are left out.

    Attributes
    ----------
    refused
        How many were left out.
    """

    def __init__(self, tables: Mapping[str, Any], *, positive_prices: bool = False) -> None:
        self.refused = 0
        self._tables = dict(tables)
        for name, table in tables.items() if positive_prices else ():
            good = numbers(table, "low") > 0
            if not good.all():
                self.refused += int(np.count_nonzero(~good))
                self._tables[name] = table.take(np.flatnonzero(good))
                if not good.any():
                    del self._tables[name]

    def columns(self, name: str) -> BarColumns | None:
        """Return the bars of a timeframe; None where none are held."""
        return bar_columns_of(self._tables[name]) if name in self._tables else None

    def last_ns(self, name: str) -> int | None:
        """Return the start of the newest bar of a timeframe; None where none is held."""
        return int(times_of(self._tables[name])[-1]) * _NS_PER_US if name in self._tables else None

    def contracts(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.object_]] | None:
        """Return when bars begin, in nanoseconds, and of which contracts they are, where that is told."""
        table = self._tables.get(name)
        if table is None or table.column("contract").null_count == table.num_rows:
            return None
        names = table.column("contract").fill_null("").to_numpy()
        return times_of(table) * _NS_PER_US, names

    def put(self, pipeline: Pipeline, now_ns: int, ticks: NDArray[np.void] | None = None) -> None:
        """Put them among the bars of a market that has loaded its history and has not begun.

        Whole bars count instead of those of the history: they tell more. Between the last of them and the
        history nothing may be missing; what is, is a gap.

        Parameters
        ----------
        ticks
            The trades held since the last bar of the finest timeframe, rows of `TICK_DTYPE` in order of time:
            the bar that was being made has them again.
        """
        engine = pipeline.engine
        root = engine.cascade.root
        gap = None
        with engine.lock:
            if not root.hidden:
                gap = self._gap(pipeline, now_ns, ticks)
            for node in engine.cascade.nodes():
                self._put_bars(engine, node.name)
            if ticks is not None and len(ticks) and not root.hidden:
                put_open_bar(pipeline, ticks, now_ns)
            for node in engine.cascade.nodes():
                # What they were before is not known: the store tells how they are.
                engine.log(node.name).amendments = Amendments()
        if gap is not None:
            self._tell(pipeline, *gap)
        with engine.lock:
            # Behind it, for of bars of trades those that are held had closed before.
            for name in engine.activity:
                columns = self.columns(name)
                if columns is not None:
                    engine.begin_behind(name, columns)
                    if gap is not None:
                        engine.activity[name].mark_next()

    def _put_bars(self, engine: SymbolState, name: str) -> None:
        columns = self.columns(name)
        if columns is None:
            return
        told = self.contracts(name)
        if told is not None:
            engine.contracts.learn_of(*told)
        columns = _without_same(columns, _all(engine.log(name)))
        is_partial = columns.flags & PARTIAL > 0
        until = engine.over_ns()
        for part, overwrite in (
            (columns.where(~is_partial), True),
            (columns.where(is_partial), False),
        ):
            if len(part):
                merge_bars(engine, name, part, overwrite=overwrite, until_ns=until)

    def _gap(self, pipeline: Pipeline, now_ns: int, ticks: NDArray[np.void] | None) -> tuple[int, int] | None:
        """Return what lies between the last bar or trade held and the history that does not reach it."""
        engine = pipeline.engine
        root, last_ns = engine.cascade.root, self.last_ns(engine.cascade.root.name)
        span = None if last_ns is None else root.grid.span(last_ns)
        until_ns = None if span is None else span[1]
        if ticks is not None and len(ticks):
            until_ns = max(until_ns or 0, int(ticks["ts_ns"][-1]) + 1)
        if until_ns is None:
            return None
        first_ns = engine.log(root.name).first_start_ns()
        if first_ns is None:
            first_ns = max(root.start, root.known_from) if root.is_open else now_ns
        if first_ns <= until_ns or not engine.sessions.open_ns(until_ns, first_ns):
            return None
        return until_ns, first_ns

    def _tell(self, pipeline: Pipeline, start_ns: int, end_ns: int) -> None:
        engine = pipeline.engine
        # What begins with the history lacks nothing.
        pipeline.lose([(start_ns, end_ns - 1)])
        gap = Gap(
            engine.symbol,
            start_ns,
            end_ns,
            repaired=False,
            reason="store",
            tz=engine.tz,
            gap_id=f"{engine.symbol}-store-{start_ns}",
            state="lost",
        )
        pipeline.gaps.put(gap)
        begin, end = (timestamp(ns, engine.tz) for ns in (start_ns, end_ns))
        sentence = (
            f"the store has what was until {begin}, the history from {end} on: what lies between is lost"
        )
        pipeline.quality.note(QualityFinding("data_gap", sentence, end_ns, {}))
        if pipeline.bus.wants(EventType.DATA_GAP, engine.symbol):
            pipeline.publisher.emit(EventType.DATA_GAP, gap.end_ns, gap.as_event(engine.tz))


def since_ns(held: StoredBars, pipeline: Pipeline, now_ns: int) -> int | None:
    """Return from when on the history is to be asked so that it joins the bars held; None where none are.

    No further back than memory reaches: what is older could not be held.
    """
    engine = pipeline.engine
    root = engine.cascade.root
    last_ns = held.last_ns(root.name)
    if last_ns is None:
        return None
    furthest = now_ns - int(engine.log(root.name).limit * root.grid.timeframe.seconds * 1e9)
    return max(last_ns, furthest)


def _all(log: BarStore) -> BarColumns:
    return log.columns(0, len(log))


def _without_same(columns: BarColumns, held: BarColumns) -> BarColumns:
    """Return the bars that are not held in memory just so."""
    has, at = find_bars(held.time_us, columns.time_us, nth_of_start(columns.time_us))
    same = has.copy()
    mine, others = columns.where(has), held.where(at[has])
    equal = np.ones(len(mine), dtype=bool)
    for name in _FIELDS:
        one, other = getattr(mine, name), getattr(others, name)
        equal &= (one == other) | ((one != one) & (other != other))
    same[has] = equal
    return columns.where(~same)
