"""Bars that may lack trades of an outage are partial until it is settled: nobody knew more of them then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from mdnb.bars.activity import ActivityBars
from mdnb.bars.cascade import Cascade
from mdnb.bars.lost_trades import places_in_activity, places_in_node
from mdnb.bars.node import BarLog
from mdnb.rows import BarRow
from mdnb.stores.bars import BarStore
from mdnb.stores.overflow import Overflow
from mdnb.timeframes import Grid

__all__ = ["MarkedBars", "Unsettled", "end_marks", "lose_marks", "mark_unsettled"]


class Unsettled(NamedTuple):
    """A stretch of market time of which trades may still come.

    Attributes
    ----------
    low_ns, high_ns
        When the trades next to it were made.
    since_ns
        Bars that closed before this instant count as whole.
    """

    low_ns: int
    high_ns: int
    since_ns: int = 0


class MarkedBars(Protocol):
    """The bars of one symbol, in memory and on disk."""

    cascade: Cascade
    activity: dict[str, ActivityBars]
    unsettled: Callable[[], Sequence[Unsettled]] | None

    @property
    def overflow(self) -> Mapping[str, Overflow]:
        """The bars that left memory, by timeframe."""
        ...

    def all_names(self) -> list[str]:
        """Return the names of all timeframes, hidden ones included."""
        ...

    def log(self, name: str) -> BarStore:
        """Return the store of a timeframe by its canonical name."""
        ...

    def grid(self, name: str) -> Grid | None:
        """Return where the bars of a timeframe start and end; None for activity bars."""
        ...


def mark_unsettled(engine: MarkedBars) -> list[tuple[str, BarRow]]:
    """Mark the closed bars that overlap what is not settled; hold the lock.

    Returns
    -------
    list of (str, BarRow)
        Those that counted as whole, by their timeframe; of hidden timeframes none.
    """
    spans = () if engine.unsettled is None else engine.unsettled()
    told: list[tuple[str, BarRow]] = []
    for span in spans:
        for name, log, (begin, stop) in _places(engine, span):
            rows = log.mark_repairing(begin, stop, span.since_ns)
            told += [] if _is_hidden(engine, name) else [(name, row) for row in rows]
    return told


def end_marks(engine: MarkedBars) -> list[tuple[str, BarRow]]:
    """Take the marks off the bars of which all is settled; hold the lock.

    Returns
    -------
    list of (str, BarRow)
        Those in memory that are whole now, by their timeframe; of hidden timeframes none.
    """
    spans = () if engine.unsettled is None else engine.unsettled()
    kept: dict[str, list[tuple[int, int]]] = {}
    for span in spans:
        for name, _, places in _places(engine, span):
            kept.setdefault(name, []).append(places)
    told: list[tuple[str, BarRow]] = []
    for name in engine.all_names():
        rows = engine.log(name).end_repairing(kept.get(name, ()))
        told += [] if _is_hidden(engine, name) else [(name, row) for row in rows]
        if name in engine.overflow:
            engine.overflow[name].end_repairing([_starts(engine, name, span) for span in spans])
    return told


def lose_marks(engine: MarkedBars, spans: Sequence[tuple[int, int]]) -> None:
    """Let bars that have left memory stay partial, where what they lack is lost; hold the lock."""
    for name, overflow in engine.overflow.items():
        for low_ns, high_ns in spans:
            overflow.lose(*_starts(engine, name, Unsettled(low_ns, high_ns)))


def _places(engine: MarkedBars, span: Unsettled) -> Iterator[tuple[str, BarLog, tuple[int, int]]]:
    for node in engine.cascade.nodes():
        yield node.name, node.log, places_in_node(node, span.low_ns, span.high_ns)
    for bars in engine.activity.values():
        yield bars.name, bars.log, places_in_activity(bars, span.low_ns, span.high_ns)


def _is_hidden(engine: MarkedBars, name: str) -> bool:
    return name not in engine.activity and engine.cascade.node(name).hidden


def _starts(engine: MarkedBars, name: str, span: Unsettled) -> tuple[int, int]:
    """Return between which starts, both included, the bars of a timeframe lie that overlap a stretch."""
    grid = engine.grid(name) if name in engine.all_names() else None
    first = None if grid is None else grid.span(span.low_ns)
    return span.low_ns if first is None else first[0], span.high_ns
