"""Reads bars as frames and columns, from memory and, further back, from disk (hot path)."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mdnb.rows import BarRow
from mdnb.store.bars import BarStore
from mdnb.store.columns import PARTIAL, BarColumns, frame_of, join_columns

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    import pandas as pd

    from mdnb.store.overflow import Overflow

__all__ = ["BarReader", "HeldBars", "Window"]

_MOST_CACHED = 64

Window = tuple[int | None, int | None, int | None, bool]
"""``(count, start_ns, end_ns, closed_only)``: what is asked for."""


class HeldBars(Protocol):
    """The bars of one symbol, in memory and on disk."""

    symbol: str
    tz: str
    source: str
    lock: threading.RLock

    @property
    def overflow(self) -> Mapping[str, Overflow]:
        """The bars that left memory, by timeframe."""
        ...

    def canonical(self, timeframe: object) -> str:
        """Return a kept timeframe's name."""
        ...

    def log(self, name: str) -> BarStore:
        """Return the store of a timeframe by its canonical name."""
        ...

    def forming_of(self, name: str) -> BarRow | None:
        """Return the open bar by a canonical name."""
        ...

    def version(self, timeframe: object) -> tuple[int, int, int]:
        """Return generation, bars closed, updates."""
        ...


class BarReader:
    """Makes frames and columns of one engine's bars, and measures how long that takes.

    Attributes
    ----------
    accesses, seconds, hits
        Frames made or handed out, the time it took in all, and how many came from the cache.
    """

    def __init__(self, engine: HeldBars) -> None:
        self.accesses = 0
        self.seconds = 0.0
        self.hits = 0
        self.caching = False
        self._engine = engine
        self._known: dict[Hashable, tuple[str, BarStore]] = {}
        self._cache: dict[tuple[Hashable, Window], tuple[tuple[int, int, int], pd.DataFrame]] = {}

    def forget(self) -> None:
        """Forget which timeframe has which store, and every frame kept."""
        self._known.clear()
        self._cache.clear()

    def frame(self, timeframe: Hashable, window: Window, *, with_disk: bool = False) -> pd.DataFrame:
        """Return bars as a frame that the caller owns; see `SymbolState.frame`."""
        began = time.perf_counter()
        made = self._cached(timeframe, window) if self.caching else None
        if made is None:
            made = self._frame(timeframe, window, with_disk=with_disk)
        self.accesses += 1
        self.seconds += time.perf_counter() - began
        return made

    def _cached(self, timeframe: Hashable, window: Window) -> pd.DataFrame | None:
        engine = self._engine
        key = (timeframe, window)
        version = engine.version(timeframe)
        held = self._cache.get(key)
        if held is not None and held[0] == version:
            self.hits += 1
            # The copy shares its memory until somebody writes to either (pandas copies on write).
            return held[1].copy(deep=False)
        made = self._frame(timeframe, window)
        if len(self._cache) >= _MOST_CACHED:
            self._cache.clear()
        self._cache[key] = (version, made)
        return made.copy(deep=False)

    def _frame(self, timeframe: Hashable, window: Window, *, with_disk: bool = False) -> pd.DataFrame:
        engine = self._engine
        count, start_ns, end_ns, closed_only = window
        with engine.lock:
            known = self._known.get(timeframe)
            if known is None:
                name = engine.canonical(timeframe)
                known = self._known[timeframe] = (name, engine.log(name))
            name, log = known
            open_ = None if closed_only else engine.forming_of(name)
            start, stop, forming = _positions(log, open_, count, start_ns, end_ns)
            older = engine.overflow.get(name) if engine.overflow else None
            if older is None or not (
                with_disk or _reaches_back(log, stop - start + (forming is not None), window)
            ):
                made = log.frame(start, stop, forming)
                return _labelled(made, engine, name, forming is not None, log.partial(start, stop))
            start, stop, forming = _positions(log, open_, None, start_ns, end_ns, limited=False)
            held = log.columns(start, stop, forming)
            first = log.first_start_ns()
        columns = join_columns([older.before(first, start_ns, end_ns), held])
        if count is not None:
            columns = columns.part(max(0, len(columns) - count), len(columns))
        made = frame_of(columns, engine.tz, log.with_vwap)
        flagged = tuple(np.flatnonzero(columns.flags & PARTIAL).tolist())
        return _labelled(made, engine, name, columns.forming, flagged)

    def columns(self, timeframe: object, count: int | None = None) -> BarColumns:
        """Return the newest ``count`` bars in memory as numpy copies, the forming one last."""
        engine = self._engine
        with engine.lock:
            name = engine.canonical(timeframe)
            log, forming = engine.log(name), engine.forming_of(name)
            start, stop, forming = _positions(log, forming, count, None, None)
            return log.columns(start, stop, forming)

    def between(self, name: str, start_ns: int) -> BarColumns:
        """Return the bars in memory that start at or after an instant, the forming one last."""
        engine = self._engine
        with engine.lock:
            log = engine.log(name)
            return log.columns(log.find(start_ns), len(log), engine.forming_of(name))

    def everything(self, name: str) -> BarColumns:
        """Return every closed bar of a timeframe, on disk and in memory, oldest first."""
        engine = self._engine
        with engine.lock:
            log = engine.log(name)
            held = log.columns(0, len(log))
            first = log.first_start_ns()
            older = engine.overflow.get(name)
        return held if older is None else join_columns([older.before(first), held])


def _labelled(
    made: pd.DataFrame, engine: HeldBars, name: str, forming: bool, partial: tuple[int, ...]
) -> pd.DataFrame:
    attrs: dict[Any, Any] = made.attrs
    attrs["symbol"] = engine.symbol
    attrs["timeframe"] = name
    attrs["forming"] = forming
    attrs["source"] = engine.source
    attrs["partial"] = partial
    return made


def _reaches_back(log: BarStore, found: int, window: Window) -> bool:
    """Return whether more is asked for than memory holds."""
    count, start_ns, end_ns, _ = window
    if start_ns is not None:
        first = log.first_start_ns()
        return (first is None or start_ns < first) and (count is None or found < count)
    return found < count if count is not None else end_ns is not None


def _positions(
    log: BarStore,
    forming: BarRow | None,
    count: int | None,
    start_ns: int | None,
    end_ns: int | None,
    *,
    limited: bool = True,
) -> tuple[int, int, BarRow | None]:
    """Return the positions of the closed bars asked for, and the forming one if it belongs to them."""
    stop = len(log)
    if start_ns is None and end_ns is None:
        # The limit counts the forming bar too.
        if limited and (count is None or count > log.limit):
            count = log.limit
        if count is None:
            return 0, stop, forming
        return max(0, stop - max(0, count - (forming is not None))), stop, forming if count else None
    start = 0
    if start_ns is not None:
        start = log.find(start_ns)
        forming = None if forming is not None and forming[0] < start_ns else forming
    if end_ns is not None:
        stop = log.find(end_ns + 1)
        forming = None if forming is not None and forming[0] > end_ns else forming
    if count is not None:
        start = max(start, stop - max(0, count - (forming is not None)))
        forming = forming if count else None
    return min(start, stop), stop, forming
