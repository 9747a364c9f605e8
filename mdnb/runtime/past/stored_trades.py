"""The trades that a store held of bars that were not over when a market ended: they are in them again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import numpy as np

from mdnb.bars.cascade import Cascade
from mdnb.bars.node import fold_rows
from mdnb.ordered_times import is_among
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.past.merge_bars import merge_bars
from mdnb.runtime.past.missed_trades import load_trades
from mdnb.stores.bars import BarStore
from mdnb.stores.ticks import is_in_bars, trade_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["put_open_bar"]

_NS_PER_US: Final = 1000


def put_open_bar(pipeline: Pipeline, ticks: NDArray[np.void], now_ns: int) -> None:
    """Put trades that a store held behind its last bar where they belong; hold the symbol's lock.

    Those of intervals of which there is a bar are in it. Those of an interval that is over are a bar, of the
    one that is being made they are the beginning.

    Parameters
    ----------
    ticks
        Rows of `TICK_DTYPE`, in order of time.
    now_ns
        The market's time.
    """
    engine = pipeline.engine
    root, log = engine.cascade.root, engine.log(engine.cascade.root.name)
    rows = _not_told(pipeline, ticks[is_in_bars(ticks["flag"])])
    starts, inside = root.grid.starts(rows["ts_ns"].astype(np.int64))
    held_ns = log.columns(0, len(log)).time_us * _NS_PER_US
    free = inside & ~is_among(starts, held_ns)
    rows, starts = rows[free], starts[free]
    span = root.grid.span(root.start if root.is_open else now_ns)
    open_ns = now_ns if span is None else span[0]
    over = rows[starts < open_ns]
    if len(over):
        made = BarStore(len(over), engine.tz, with_vwap=True)
        scratch = Cascade([root.grid.timeframe], engine.sessions, lambda _: made)
        scratch.has_marks = True
        scratch.push_rows(trade_rows(over))
        scratch.close_until(open_ns)
        bars = made.columns(0, len(made))
        # What they lack is marked by whoever knows between which trades nothing was held.
        bars = dataclasses.replace(bars, flags=np.zeros_like(bars.flags))
        merge_bars(engine, root.name, bars, until_ns=open_ns)
    newer = rows[starts >= open_ns]
    if not len(newer) or span is None:
        return
    if not root.is_open:
        load_trades(pipeline, trade_rows(newer), open_ns)
        root.partial = False
    else:
        _put_before(pipeline, newer, span)
        told = engine.ticks.tail(len(engine.ticks))["ts_ns"]
        if len(told) and int(told.min()) <= int(ticks["ts_ns"][-1]):
            root.partial = False
            _make_whole(pipeline)


def _not_told(pipeline: Pipeline, ticks: NDArray[np.void]) -> NDArray[np.void]:
    """Return the trades that the history has not told."""
    held = pipeline.engine.ticks
    told = held.tail(len(held))
    if not len(told):
        return ticks
    first_ns = int(told["ts_ns"].min())
    names = ["ts_ns", "price", "size", "trade_id"]
    known = set(told[names][told["ts_ns"] == first_ns].tolist())
    before = ticks["ts_ns"] < first_ns
    before |= [row["ts_ns"] == first_ns and row[names].item() not in known for row in ticks]
    return ticks[before]


def _put_before(pipeline: Pipeline, ticks: NDArray[np.void], span: tuple[int, int]) -> None:
    """Put trades before those of the history into the bar that is being made."""
    engine = pipeline.engine
    root, rows = engine.cascade.root, trade_rows(ticks)
    pipeline.duplicates.split(rows)
    made = BarStore(1, engine.tz, with_vwap=True)
    scratch = Cascade([root.grid.timeframe], engine.sessions, lambda _: made)
    scratch.has_marks = True
    scratch.push_rows(rows)
    piece, own = scratch.root.as_row(), root.as_row()
    if piece is not None and own is not None:
        root.take(fold_rows([piece, own], span[0]), span)


def _make_whole(pipeline: Pipeline) -> None:
    """Let the coarser bars that are being made be whole that lack nothing any more."""
    cascade = pipeline.engine.cascade
    for node in cascade.nodes():
        if node.parent is None or not node.is_open:
            continue
        finer = pipeline.engine.log(node.parent.name)
        first_ns, at = finer.first_start_ns(), finer.find(node.start)
        if first_ns is not None and first_ns <= node.start and not finer.partial(at, len(finer)):
            node.partial = False
