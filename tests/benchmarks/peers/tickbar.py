"""tickbar 0.2.0 (Rust): one ``TickAggregator`` a timeframe.

Its ``Tick`` cuts a price to a whole number, so prices go in as whole cents, made before the clock starts.
The first tick steps through every interval since 1970; it is left out too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import tickbar

from tests.benchmarks.ticks import chunks, difference, load

__all__ = ["MEASURES"]

_SCALE = 100.0


def _aggregators(timeframes: dict[str, int]) -> dict[str, Any]:
    return {name: tickbar.TickAggregator(interval_secs=seconds) for name, seconds in timeframes.items()}


def _wrong(made: dict[str, Any], path: str, count: int, timeframes: dict[str, int]) -> str:
    ticks = load(path, count)
    for name, aggregator in made.items():
        bars = [
            (int(start), o / _SCALE, h / _SCALE, low / _SCALE, c / _SCALE, v)
            for start, o, h, low, c, v, *_ in aggregator.finalize().to_records()
        ]
        if wrong := difference(name, bars, ticks, timeframes[name]):
            return wrong
    return ""


def _push_each(pushes: list[Callable[[Any], None]], ticks: list[Any]) -> None:
    if len(pushes) == 5:
        a, b, c, d, e = pushes
        for tick in ticks:
            a(tick)
            b(tick)
            c(tick)
            d(tick)
            e(tick)
        return
    for tick in ticks:
        for push in pushes:
            push(tick)


def _make_and_push(pushes: list[Callable[[Any], None]], scaled: list[tuple[int, float, float]]) -> None:
    make = tickbar.Tick
    for row in scaled:
        tick = make(*row)
        for push in pushes:
            push(tick)


def online(path: str, count: int, timeframes: dict[str, int], ready: bool) -> dict[str, Any]:
    """Push tick by tick; ``ready`` leaves the making of the ``Tick`` objects out."""
    made = _aggregators(timeframes)
    pushes = [aggregator.push_tick for aggregator in made.values()]
    seconds, done = 0.0, 0
    for chunk in chunks(path, count):
        scaled = [(ts_ns, price * _SCALE, size) for ts_ns, price, size in chunk]
        if not done:
            first = tickbar.Tick(*scaled.pop(0))
            for push in pushes:
                push(first)
        ticks = [tickbar.Tick(*row) for row in scaled] if ready else []
        begun = time.process_time()
        if ready:
            _push_each(pushes, ticks)
        else:
            _make_and_push(pushes, scaled)
        seconds += time.process_time() - begun
        done += len(scaled)
    return {"seconds": seconds, "count": done, "wrong": _wrong(made, path, count, timeframes)}


def bulk(path: str, count: int, timeframes: dict[str, int]) -> dict[str, Any]:
    """Push whole int64 arrays by the buffer protocol."""
    ticks = load(path, count)
    ts_ns = ticks["ts_ns"].copy()
    price = (ticks["price"] * _SCALE).astype("i8")
    size = ticks["size"].astype("i8")
    made = _aggregators(timeframes)
    for aggregator in made.values():
        aggregator.push_from_buffer(ts_ns[:1], price[:1], size[:1])
    wall, begun = time.perf_counter(), time.process_time()
    for aggregator in made.values():
        aggregator.push_from_buffer(ts_ns[1:], price[1:], size[1:])
    seconds, wall = time.process_time() - begun, time.perf_counter() - wall
    return {
        "seconds": seconds,
        "wall": wall,
        "count": count - 1,
        "wrong": _wrong(made, path, count, timeframes),
    }


MEASURES = {"online": online, "bulk": bulk}
