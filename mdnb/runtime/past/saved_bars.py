"""What a saved market knows before it plays, put into a market; and its bars at the end of what was played.

The bars that were over when its ticks begin are put in with when each was closed, so that a past moment reads
as it did. All bars that follow are made of the ticks again. Where the ticks do not tell all, as of trades of
an outage that came as bars, the saved bar is put in the place of the one that was made, once all is played.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mdnb.bars.closing import NOT_NOTED, ClosingTime
from mdnb.bars.lost_trades import mark_activity, mark_node
from mdnb.ordered_times import is_in_order
from mdnb.recordings import RecordingFeed
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.merge_bars import fold_to, merge_bars
from mdnb.sessions import DAY_NS
from mdnb.stores.bars import BarStore
from mdnb.stores.columns import FILLED, PARTIAL, BarColumns, find_bars, join_columns, nth_of_start, same_rows
from mdnb.stores.ticks import counts_in_full, trade_rows
from mdnb.timeframes import Grid, Timeframe
from mdnb.types import Gap
from mdnb.validate.findings import QualityFinding
from mdnb.validate.held_rows import possible_quotes, possible_ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mdnb.recordings.saved_rows import SavedRows

__all__ = ["put_saved_before", "put_saved_behind"]

_NS_PER_US = 1000
_ALL_DAYS = 3660
# Sums depend on how many trades were added at a time.
_ROUNDING = 1e-12


def put_saved_before(feed: RecordingFeed, pipelines: Mapping[str, Pipeline], days: float) -> None:
    """Put in what is known when the first row is played.

    Parameters
    ----------
    days
        How far back bars are wanted; 3,660 and more: all.
    """
    for symbol, pipeline in pipelines.items():
        rows = feed.saved_rows(symbol)
        if rows is None:
            continue
        pipeline.noted = rows.closings()
        pipeline.gaps.saved = [
            Gap(symbol, gap.start_ns, gap.end_ns, repaired=False, reason=gap.reason)
            for gap in rows.symbol.gaps
            if gap.end_ns >= feed.begins_ns
        ]
        if not feed.begins_ns or days <= 0:
            continue
        engine, begin_ns = pipeline.engine, feed.begins_ns
        first_ns = 0 if days >= _ALL_DAYS else begin_ns - int(days * DAY_NS)
        with engine.lock:
            # Coarsest first: what is saved of a bar counts for more than what its finer ones add up to.
            for name in reversed(engine.timeframes()):
                if name in engine.activity:
                    _put_activity(engine, name, rows, begin_ns)
                else:
                    _put_bars(engine, name, rows, first_ns, begin_ns)
            _put_ticks(pipeline, rows, begin_ns)
            engine.reader.note_known(engine.all_names(), begin_ns)
            engine.cascade.closing.begin(begin_ns)
        for found in rows.symbol.findings:
            if found.time_ns < begin_ns:
                values: dict[str, float] = dict(found.values)
                finding = QualityFinding(
                    found.type, found.description, found.time_ns, values, max(1, found.count)
                )
                pipeline.quality.note(finding, alert=False)


def _put_bars(engine: SymbolState, name: str, rows: SavedRows, first_ns: int, begin_ns: int) -> None:
    grid, saved = engine.grid(name), rows.possible_bars.get(name)
    assert grid is not None
    if saved is None:
        _put_together(engine, name, rows, first_ns, begin_ns)
        return
    saved = saved.closed()
    columns = saved.columns()
    known = grid.ends(columns.time_us * _NS_PER_US) <= begin_ns
    known &= columns.time_us * _NS_PER_US >= first_ns
    if not known.any():
        return
    merge_bars(engine, name, columns.where(known), changes=saved.changes, until_ns=begin_ns)
    if saved.contracts is not None:
        engine.contracts.learn_of(saved.time_us[known] * _NS_PER_US, saved.contracts[known])


def _put_together(engine: SymbolState, name: str, rows: SavedRows, first_ns: int, begin_ns: int) -> None:
    """Put in bars of a timeframe that was not saved, made of finer ones that were; coarser ones follow it."""
    timeframe, grid = Timeframe.parse(name), engine.grid(name)
    finer = [one for one in rows.possible_bars if Timeframe.parse(one).sort_key < timeframe.sort_key]
    if grid is None or not finer or name != engine.finest():
        return
    columns = rows.possible_bars[finer[0]].closed().columns()
    fine = Grid(Timeframe.parse(finer[0]), engine.sessions)
    known = fine.ends(columns.time_us * _NS_PER_US) <= begin_ns
    known &= (columns.time_us * _NS_PER_US >= first_ns) & ((columns.flags & FILLED) == 0)
    made = fold_to(columns.where(known), grid, grace_ns=engine.grace_ns)
    merge_bars(engine, name, made.where(grid.ends(made.time_us * _NS_PER_US) <= begin_ns), until_ns=begin_ns)


def _put_activity(engine: SymbolState, name: str, rows: SavedRows, begin_ns: int) -> None:
    """Put in bars of trades; the one that was being made has the trades of it that came before."""
    saved = rows.possible_bars.get(name)
    if saved is None:
        return
    bars = engine.activity[name]
    trades = rows.played_ticks()
    trades = trades[counts_in_full(trades["flag"])]
    at = int(np.searchsorted(np.maximum.accumulate(trades["ts_ns"]), begin_ns)) if len(trades) else 0
    columns = saved.columns()
    count, first = _open_at(columns, trades, at)
    if first is None:
        # Nobody knows where in the trades the bars begin: the next one is none that was.
        closed = saved.closed().columns()
        count = int(np.searchsorted(np.maximum.accumulate(closed.closed_us) * _NS_PER_US, begin_ns, "right"))
    if count:
        merge_bars(engine, name, columns.part(0, count), changes=saved.changes, until_ns=begin_ns)
        if not is_in_order(columns.time_us[:count]):
            # One that began with a late trade comes behind the one that it starts before.
            engine.log(name).rewrite(columns.part(0, count))
    if first is None:
        bars.mark_next()
        return
    listener, bars.on_closed = bars.on_closed, None
    closing, bars.closing = bars.closing, ClosingTime()
    bars.push_rows(trade_rows(trades[first:at]))
    bars.on_closed, bars.closing = listener, closing


def _open_at(columns: BarColumns, trades: NDArray[np.void], at: int) -> tuple[int, int | None]:
    """Return how many bars are over when a trade comes, and which trade the one after them begins with.

    That is counted from the end, where both are whole; None where it does not come out even, as where trades
    are parted among bars.
    """
    behind = np.cumsum(trades["count"][::-1].astype(np.int64))[::-1]
    sizes = np.cumsum(trades["size"][::-1])[::-1]
    bars_behind = np.cumsum(columns.tick_count[::-1])[::-1]
    volumes = np.cumsum(columns.volume[::-1])[::-1]
    for bar in range(len(columns) - 1, -1, -1):
        place = int(np.searchsorted(-behind, -bars_behind[bar]))
        if place >= len(trades) or behind[place] != bars_behind[bar]:
            return 0, None
        if place <= at:
            is_same = trades["price"][place] == columns.open[bar] and np.isclose(
                sizes[place], volumes[bar], rtol=1e-9
            )
            return (bar, place) if is_same else (0, None)
    return 0, None


def _put_ticks(pipeline: Pipeline, rows: SavedRows, begin_ns: int) -> None:
    """Keep the trades and quotes of before, those that can be; no bar is made of them."""
    engine = pipeline.engine
    before, quotes = (held[held["ts_ns"] < begin_ns] for held in (rows.ticks, rows.quotes))
    if engine.config.data_validation:
        positive = engine.instrument.positive_prices
        good = (
            possible_ticks(before, positive_prices=positive),
            possible_quotes(quotes, positive_prices=positive),
        )
        refused = {
            "trades": len(before) - len(good[0]),
            "quotes": len(quotes) - len(good[1]),
            "bars": rows.refused_bars,
        }
        if any(refused.values()):
            counts = ", ".join(f"{count:,} {what}" for what, count in refused.items() if count)
            sentence = f"of what was saved {counts} are left out: prices or sizes are none that can be"
            finding = QualityFinding("saved_rows_refused", sentence, begin_ns, {}, sum(refused.values()))
            pipeline.quality.note(finding)
        before, quotes = good
    # Runs of one flag each.
    edges = np.flatnonzero(before["flag"][1:] != before["flag"][:-1]) + 1
    for part in np.split(before, edges) if len(before) else ():
        engine.ticks.extend(trade_rows(part), flag=int(part["flag"][0]))
    if len(quotes):
        names = quotes.dtype.names or ()
        engine.quotes.extend(list(zip(*(quotes[name].tolist() for name in names), strict=True)))


def put_saved_behind(feed: RecordingFeed, pipelines: Mapping[str, Pipeline]) -> None:
    """Put saved bars in the places of those that were made otherwise, where all was played.

    What was saved as partial is so again: the trades do not tell what they lack.
    """
    for symbol, pipeline in pipelines.items():
        rows = feed.saved_rows(symbol)
        if rows is None:
            continue
        engine = pipeline.engine
        if feed.is_whole and feed.source != "bars":
            _put_others(pipeline, rows, feed.begins_ns)
        with engine.lock:
            _mark_partial(engine, rows)
            if feed.is_whole:
                _close_as_saved(engine, rows)
        engine.notify()


def _put_others(pipeline: Pipeline, rows: SavedRows, begin_ns: int) -> None:
    engine = pipeline.engine
    changed: dict[str, int] = {}
    with engine.lock:
        # A coarse bar that is as saved stays so when its finer ones are put in: these come first.
        for name in engine.timeframes():
            put = _replace_activity if name in engine.activity else _replace
            if count := put(engine, name, rows, begin_ns):
                changed[name] = count
    if changed:
        said = ", ".join(f"{count:,} {name}" for name, count in changed.items())
        text = f"bars are as they were saved, since the saved trades make others of them: {said}"
        now_ns = engine.cascade.closing.now_ns
        pipeline.quality.note(QualityFinding("as_saved", text, now_ns, {}), alert=False)
        engine.notify()


def _replace(engine: SymbolState, name: str, rows: SavedRows, begin_ns: int) -> int:
    saved = rows.possible_bars.get(name)
    if saved is None:
        return 0
    given = saved.closed().columns()
    given = given.where(given.time_us * _NS_PER_US >= _span_of(engine, name, begin_ns))
    log = engine.log(name)
    held = log.columns(0, len(log))
    unlike = _others(given, held, 0.0)
    if not unlike.any():
        return 0
    others = int(np.count_nonzero(_others(given, held, _ROUNDING)))
    engine.change_ns()
    merge_bars(engine, name, _as_closed(given.where(unlike), held), overwrite=True)
    return others


def _replace_activity(engine: SymbolState, name: str, rows: SavedRows, _begin_ns: int) -> int:
    """Put saved bars of trades in the places of those made otherwise, from the first of these on."""
    saved = rows.possible_bars.get(name)
    if saved is None:
        return 0
    given, log = saved.closed().columns(), engine.log(name)
    held = log.columns(0, len(log))
    given = given.part(max(0, len(given) - log.limit), len(given))
    both = min(len(given), len(held))
    others = _others_in_turn(given.part(0, both), held.part(0, both), 0.0)
    first = int(np.argmax(others)) if others.any() else both
    if first == len(given) == len(held):
        return 0
    known_us, before = engine.change_ns() // _NS_PER_US, log.total
    former = held.part(first, len(held))
    log.rewrite(join_columns([held.part(0, first), given.part(first, len(given))]))
    # The bars before them keep their numbers.
    log.amendments.shift(before - log.total)
    log.amendments.note_replaced(known_us, former.first, former)
    engine.reader.forget()
    engine.updates += 1
    real = _others_in_turn(given.part(0, both), held.part(0, both), _ROUNDING)
    return int(np.count_nonzero(real)) + len(given) - both


def _others_in_turn(given: BarColumns, held: BarColumns, tolerance: float) -> NDArray[np.bool_]:
    """Return which bars are other ones than those of the same number."""
    same = same_rows(held, given, "time_us")
    for name in ("volume", "vwap"):
        ours, saved = getattr(held, name), getattr(given, name)
        same &= np.isclose(ours, saved, rtol=tolerance, atol=0.0, equal_nan=True)
    return ~same


def _mark_partial(engine: SymbolState, rows: SavedRows) -> None:
    """Mark the bars that were saved as partial; of timeframes that were not saved those that overlap them."""
    whole = {name: _whole_ones(engine.log(name), rows, name) for name in engine.all_names()}
    others = [name for name in whole if name not in rows.possible_bars]
    spans = _partial_spans(rows, engine) if others else []
    if not spans and not any(whole.values()):
        return
    engine.change_ns()
    for name, places in whole.items():
        for place in places:
            engine.log(name).mark(place, PARTIAL, place + 1)
    for name in others:
        for low_ns, high_ns in spans:
            if name in engine.activity:
                mark_activity(engine.activity[name], low_ns, high_ns)
            else:
                mark_node(engine.cascade.node(name), low_ns, high_ns)
    engine.updates += 1


def _close_as_saved(engine: SymbolState, rows: SavedRows) -> None:
    """Let the bars have been closed when they were before: of some the rows that are played do not tell."""
    for name in engine.all_names():
        if name not in rows.bars:
            continue
        given, log = rows.bars[name].closed().columns(), engine.log(name)
        held = log.columns(0, len(log))
        has, at = find_bars(held.time_us, given.time_us, nth_of_start(given.time_us))
        others = has & (given.closed_us != NOT_NOTED)
        others[has] &= held.closed_us[at[has]] != given.closed_us[has]
        if others.any():
            log.note_closed(at[others], given.closed_us[others])
            engine.reader.forget()
            engine.updates += 1


def _whole_ones(log: BarStore, rows: SavedRows, name: str) -> list[int]:
    """Return the positions of closed bars that count as whole, and were saved as partial."""
    if name not in rows.possible_bars:
        return []
    given, held = rows.possible_bars[name].closed().columns(), log.columns(0, len(log))
    lacks = (given.flags & PARTIAL) > 0
    has, at = find_bars(held.time_us, given.time_us[lacks], nth_of_start(given.time_us)[lacks])
    places = at[has]
    found: list[int] = places[(held.flags[places] & PARTIAL) == 0].tolist()
    return found


def _partial_spans(rows: SavedRows, engine: SymbolState) -> list[tuple[int, int]]:
    """Return the first and last nanosecond of each bar of the finest saved timeframe that is partial."""
    finest = rows.finest()
    if not finest:
        return []
    given, grid = rows.possible_bars[finest].columns(), Grid(Timeframe.parse(finest), engine.sessions)
    starts_ns = given.time_us[(given.flags & PARTIAL) > 0] * _NS_PER_US
    return list(zip(starts_ns.tolist(), (grid.ends(starts_ns) - 1).tolist(), strict=True))


def _span_of(engine: SymbolState, name: str, begin_ns: int) -> int:
    """Return where the bar begins that was being made when the first row was played."""
    grid = engine.grid(name)
    span = None if grid is None else grid.span(begin_ns)
    return begin_ns if span is None else span[0]


def _others(given: BarColumns, held: BarColumns, tolerance: float) -> NDArray[np.bool_]:
    """Return which bars are not held as they are given; sums may differ by what they are allowed."""
    at = np.searchsorted(held.time_us, given.time_us)
    found = np.ones(len(given), dtype=bool)
    both = np.flatnonzero(at < len(held))
    both = both[held.time_us[at[both]] == given.time_us[both]]
    mine, theirs = held.where(at[both]), given.where(both)
    same = same_rows(mine, theirs)
    for name in ("volume", "vwap"):
        ours, saved = getattr(mine, name), getattr(theirs, name)
        same &= np.isclose(ours, saved, rtol=tolerance, atol=0.0, equal_nan=True)
    found[both[same]] = False
    return found


def _as_closed(given: BarColumns, held: BarColumns) -> BarColumns:
    """Return bars that count as closed when the ones held in their places were."""
    at = np.searchsorted(held.time_us, given.time_us)
    closed = given.closed_us.copy()
    inside = np.flatnonzero(at < len(held))
    inside = inside[held.time_us[at[inside]] == given.time_us[inside]]
    closed[inside] = held.closed_us[at[inside]]
    return dataclasses.replace(given, closed_us=closed)
