"""mdnb's side of the engine measurements."""

from __future__ import annotations

import gc
import time
from typing import Any

from mdnb.bars.cascade import Cascade
from mdnb.sessions import Sessions
from mdnb.stores.bars import BarStore
from tests.benchmarks.ticks import START_NS, chunks, difference, load

__all__ = ["MEASURES"]

_NS = 1_000_000_000


def _cascade(timeframes: dict[str, int], limit: int = 2_000_000) -> Cascade:
    return Cascade(list(timeframes), Sessions.always(), lambda _name: BarStore(limit))


def _wrong(cascade: Cascade, ticks: Any, timeframes: dict[str, int], skip: int = 0) -> str:
    for name, seconds in timeframes.items():
        log = cascade.node(name).log
        bars = [log.row(at)[0][:6] for at in range(skip, len(log))]
        forming = cascade.forming(name)
        if forming is not None:
            bars.append(forming[:6])
        if found := difference(name, bars, ticks, seconds):
            return found
    return ""


def _push_each(cascade: Cascade, chunk: list[tuple[int, float, float]]) -> float:
    push = cascade.push
    begun = time.process_time()
    for ts_ns, price, size in chunk:
        push(ts_ns, price, size)
    return time.process_time() - begun


def online(path: str, count: int, timeframes: dict[str, int]) -> dict[str, Any]:
    """Push one tick a call."""
    cascade = _cascade(timeframes)
    seconds = 0.0
    for chunk in chunks(path, count):
        seconds += _push_each(cascade, chunk)
    return {"seconds": seconds, "count": count, "wrong": _wrong(cascade, load(path, count), timeframes)}


def batches(path: str, count: int, timeframes: dict[str, int], batch: int) -> dict[str, Any]:
    """Push the same ticks as live rows, so many a call."""
    cascade = _cascade(timeframes)
    seconds = 0.0
    for chunk in chunks(path, count):
        given = [(ts_ns, price, size, 1, 0, -1) for ts_ns, price, size in chunk]
        parts = [given[a : a + batch] for a in range(0, len(given), batch)]
        begun = time.process_time()
        for part in parts:
            cascade.push_rows(part)
        seconds += time.process_time() - begun
    return {"seconds": seconds, "count": count, "wrong": _wrong(cascade, load(path, count), timeframes)}


def bulk(path: str, count: int, timeframes: dict[str, int]) -> dict[str, Any]:
    """Push whole columns."""
    ticks = load(path, count)
    ts_ns, price, size = (ticks[name].copy() for name in ("ts_ns", "price", "size"))
    cascade = _cascade(timeframes)
    wall, begun = time.perf_counter(), time.process_time()
    cascade.push_arrays(ts_ns, price, size)
    seconds, wall = time.process_time() - begun, time.perf_counter() - wall
    return {"seconds": seconds, "wall": wall, "count": count, "wrong": _wrong(cascade, ticks, timeframes)}


_held: dict[int, tuple[Cascade, int]] = {}


def held(path: str, count: int, bars: int) -> dict[str, Any]:
    """Push one tick a call into stores that hold so many 30-second bars, and the coarser bars of these.

    The stores live on from round to round, so the million is built once; ticks go on in time.
    """
    timeframes = {"30sec": 30, "1min": 60, "5min": 300, "15min": 900, "1hour": 3600}
    ticks = load(path, count)
    span = -(-int(ticks["ts_ns"][-1] - START_NS) // (3600 * _NS)) * 3600 * _NS
    if bars not in _held:
        cascade = _cascade(timeframes)
        first = START_NS - bars * 30 * _NS
        flat = (17_000.0, 17_000.0, 17_000.0, 17_000.0, 1.0, 1, 17_000.0)
        cascade.push_bars([(first + i * 30 * _NS, *flat) for i in range(bars)])
        cascade.close_until(START_NS)
        _held[bars] = (cascade, 0)
    cascade, rounds = _held[bars]
    shift = rounds * span
    _held[bars] = (cascade, rounds + 1)
    before = len(cascade.node("30sec").log)
    gc.collect()
    seconds = 0.0
    for chunk in chunks(path, count):
        seconds += _push_each(cascade, [(ts_ns + shift, price, size) for ts_ns, price, size in chunk])
    cascade.close_until(START_NS + shift + span)
    made = len(cascade.node("30sec").log) - before
    wanted = len(set((ticks["ts_ns"] // (30 * _NS)).tolist()))
    return {
        "seconds": seconds,
        "count": count,
        "wrong": "" if made == wanted else f"{made} bars instead of {wanted}",
    }


MEASURES = {"online": online, "batches": batches, "bulk": bulk, "held": held}
