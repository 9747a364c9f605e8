"""The same ticks for everybody: a seeded random walk, and numpy's own bars of it to judge every engine by.

Needs numpy only, because the peers' environments import it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FIVE",
    "ONE",
    "START_NS",
    "TICK",
    "TWENTY",
    "chunks",
    "difference",
    "load",
    "make_ticks",
    "reference_bars",
    "spread_out",
    "ticks_file",
]

TICK = np.dtype([("ts_ns", "<i8"), ("price", "<f8"), ("size", "<f8")])
"""One trade: UTC epoch nanoseconds, price on a 0.25 grid, whole lots."""

BAR = np.dtype(
    [
        ("start_ns", "<i8"),
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("volume", "<f8"),
    ]
)

START_NS = 1_704_153_600_000_000_000
"""2024-01-02 00:00 UTC, the first edge of every timeframe here."""

ONE = {"1min": 60}
FIVE = {"30sec": 30, "1min": 60, "5min": 300, "15min": 900, "1hour": 3600}
TWENTY = {
    **{f"{n}sec": n for n in (1, 5, 10, 15, 30)},
    **{f"{n}min": 60 * n for n in (1, 2, 3, 5, 6, 10, 12, 15, 20, 30)},
    **{f"{n}hour": 3600 * n for n in (1, 2, 4, 6, 12)},
}
"""Twenty timeframes, each a multiple of a finer one; at 20 ticks a second one tick in twenty closes a bar."""

_TICKS_PER_SECOND = 20
_NS = 1_000_000_000


def make_ticks(count: int, seed: int = 7) -> NDArray[np.void]:
    """Return a random walk of `TICK`, shape (count,), 20 ticks a second of market time on average.

    Arrivals are a Poisson process in whole microseconds, strictly rising, since one peer keeps no finer time.
    """
    random = np.random.default_rng(seed)
    made = np.empty(count, dtype=TICK)
    gaps_us = 1 + random.exponential(1e6 / _TICKS_PER_SECOND, count).astype(np.int64)
    made["ts_ns"] = START_NS + np.cumsum(gaps_us) * 1000
    made["price"] = 17_000.0 + 0.25 * np.cumsum(random.integers(-1, 2, count))
    made["size"] = random.integers(1, 11, count)
    return made


def load(path: str, count: int, skip: int = 0, stride: int = 1) -> NDArray[np.void]:
    """Return ticks of a file that `make_ticks` made; ``stride`` takes every so many."""
    return np.load(path, mmap_mode="r")[skip : skip + count * stride : stride].copy()  # type: ignore[no-any-return]  # np.load is untyped


def chunks(path: str, count: int, size: int = 2000) -> Iterator[list[tuple[int, float, float]]]:
    """Yield ``(ts_ns, price, size)`` as plain Python values, made just before they are used.

    A live tick was decoded a moment ago and is in the processor's cache; a list of all ticks would measure
    the memory instead of the engine. Every engine that takes one tick a call gets its ticks this way, and
    only the time inside a chunk counts.
    """
    ticks = load(path, count)
    for a in range(0, count, size):
        yield ticks[a : a + size].tolist()


def spread_out(path: str, count: int) -> NDArray[np.void]:
    """Return ``count`` ticks from the whole length of a file, so that a few of them span many bars."""
    total = len(np.load(path, mmap_mode="r"))
    return load(path, count, stride=max(1, total // count))


def reference_bars(ticks: NDArray[np.void], seconds: int) -> NDArray[np.void]:
    """Return the bars of one timeframe, the unfinished one last; left-closed, labelled by their start."""
    step = seconds * _NS
    starts = ticks["ts_ns"] // step * step
    first = np.flatnonzero(np.diff(starts, prepend=starts[0] - 1))
    last = np.append(first[1:], len(ticks)) - 1
    bars = np.empty(len(first), dtype=BAR)
    bars["start_ns"] = starts[first]
    bars["open"] = ticks["price"][first]
    bars["high"] = np.maximum.reduceat(ticks["price"], first)
    bars["low"] = np.minimum.reduceat(ticks["price"], first)
    bars["close"] = ticks["price"][last]
    bars["volume"] = np.add.reduceat(ticks["size"], first)
    return bars


def difference(name: str, got: Sequence[Sequence[float]], ticks: NDArray[np.void], seconds: int) -> str:
    """Return what is wrong with ``(start_ns, open, high, low, close, volume)`` rows; empty if nothing."""
    want = reference_bars(ticks, seconds)
    if len(got) != len(want):
        return f"{name}: {len(got)} bars instead of {len(want)}"
    have = np.array([tuple(row) for row in got], dtype=BAR)
    for field in BAR.names or ():
        wrong = np.flatnonzero(have[field] != want[field])
        if len(wrong):
            at = int(wrong[0])
            return f"{name}: {len(wrong)} of {len(want)} bars differ in {field}: {have[at]}, not {want[at]}"
    return ""


def ticks_file(folder: Path, count: int, seed: int = 7) -> Path:
    """Return a ``.npy`` file of ticks, made if it is not there yet."""
    path = folder / f"ticks-{count}-{seed}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(path, make_ticks(count, seed))
    return path
