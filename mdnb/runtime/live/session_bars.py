"""What a session has been so far, also where memory does not hold all of its finest bars any more."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mdnb.bars.node import Node
from mdnb.rows import BarRow
from mdnb.runtime.live.bar_reader import HeldBars
from mdnb.stores.bars import BarStore
from mdnb.stores.columns import BarColumns, join_columns

__all__ = ["SessionBars", "session_bars"]

_NS_PER_US = 1000


class SessionBars(NamedTuple):
    """The bars of a session, of whatever timeframes together tell all of it.

    Attributes
    ----------
    start_ns
        When the session began.
    bars
        One behind the other, the forming one last.
    since_ns
        From when on they are: later than the session's begin where those before are held nowhere, or nobody
        traded.
    """

    start_ns: int
    bars: BarColumns
    since_ns: int


def session_bars(engine: HeldBars, nodes: list[Node], start_ns: int) -> SessionBars:
    """Return the bars since a session's begin: from memory and disk, or from coarser ones.

    Parameters
    ----------
    nodes
        The clock timeframes, the finest first, the others in any order.
    start_ns
        When the session began.
    """
    root = nodes[0]
    with engine.lock:
        log = engine.log(root.name)
        held = log.columns(log.find(start_ns), len(log), _forming_since(engine, root.name, start_ns))
        overflow = engine.overflow.get(root.name)
        first_ns, gone = log.first_start_ns(), None if overflow is None else overflow.gone()
        is_whole = _reaches(log, start_ns)
        if not is_whole and overflow is None:
            held = _of_coarser(engine, nodes, start_ns) or held
    if overflow is not None and not is_whole:
        held = join_columns([overflow.before(first_ns, start_ns, None, gone), held])
    since_ns = int(held.time_us[0]) * _NS_PER_US if len(held) else start_ns
    return SessionBars(start_ns, held, max(since_ns, start_ns))


def _reaches(log: BarStore, start_ns: int) -> bool:
    """Return whether all bars since an instant are in memory."""
    # In this order: asked how many it holds, a store drives out those beyond its limit.
    first_ns = log.first_start_ns() if len(log) else None
    return not log.evicted or (first_ns is not None and first_ns <= start_ns)


def _forming_since(engine: HeldBars, name: str, start_ns: int) -> BarRow | None:
    """Return the open bar; None where it began before an instant: it waits for trades of that session."""
    forming = engine.forming_of(name)
    return None if forming is not None and forming[0] < start_ns else forming


def _of_coarser(engine: HeldBars, nodes: list[Node], start_ns: int) -> BarColumns | None:
    """Return the session's bars, the older ones of coarser timeframes; None where these lack some, too."""
    parts: list[BarColumns] = []
    at_ns = start_ns
    for node in sorted(nodes, key=lambda node: node.grid.timeframe.sort_key, reverse=True):
        log, span = engine.log(node.name), node.grid.span(at_ns)
        if span is None or span[0] != at_ns or not _reaches(log, at_ns):
            continue
        forming = _forming_since(engine, node.name, at_ns) if node is nodes[0] else None
        part = log.columns(log.find(at_ns), len(log), forming)
        if len(part):
            parts.append(part)
            at_ns = int(node.grid.ends(np.array([part.time_us[-1] * _NS_PER_US]))[0])
        if node is nodes[0]:
            return join_columns(parts)
    return None
