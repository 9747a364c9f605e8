"""A merge that is made beside what is held: who reads meanwhile waits for its last step alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Final

from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.merge_bars import Merged, merge_bars
from mdnb.stores.amendments import Changes
from mdnb.stores.columns import BarColumns

__all__ = ["MergeDraft"]

_MANY: Final = 20_000
"""Of fewer bars, given and held, all is done in a few milliseconds."""

_NS_PER_US: Final = 1000


class MergeDraft:
    """The bars of a file merged with a copy of what a symbol holds, to be taken over in one step.

    It is made after `SymbolState.change_ns`, by which all that it changes is dated until it is put.
    Whoever has it keeps the feed's frames waiting meanwhile (`FrameBatcher.giving_way`). Where something
    changes all the same, as where another thread imports, too, all is merged once more instead.

    Parameters
    ----------
    engine
        Of the symbol; its lock is not held.
    name
        Canonical name of a timeframe that is kept.
    columns, changes, overwrite
        As of `merge_bars`, of the bars of a file.
    until
        ``until_ns`` of that, where it is known.
    """

    def __init__(
        self,
        engine: SymbolState,
        name: str,
        columns: BarColumns,
        changes: Changes | None,
        until: Mapping[str, int],
        *,
        overwrite: bool,
    ) -> None:
        self._engine, self._name, self._columns = engine, name, columns
        self._overwrite, self._changes = overwrite, changes
        self._fork: SymbolState | None = None
        self._was_us = 0
        self._version: Hashable = None
        self._merged = Merged()
        with engine.lock:
            # What leaves memory is written at once to where the older bars are.
            if engine.overflow or len(columns) + len(engine.log(name)) < _MANY:
                return
            self._was_us = engine.cascade.closing.now_ns // _NS_PER_US
            self._version = _version(engine)
            fork = engine.fork()
        self._merged = self._merge(fork, until)
        self._fork = fork

    def _merge(self, engine: SymbolState, until: Mapping[str, int]) -> Merged:
        return merge_bars(
            engine,
            self._name,
            self._columns,
            overwrite=self._overwrite,
            changes=self._changes,
            of_file=True,
            **until,
        )

    def put(self, until: Mapping[str, int]) -> Merged:
        """Let the symbol hold the bars; hold the lock, after `SymbolState.change_ns`."""
        engine, fork = self._engine, self._fork
        now_us = engine.cascade.closing.now_ns // _NS_PER_US
        # A time that was not known, or was set back since, dates nothing.
        is_dated = now_us >= self._was_us and bool(now_us) == bool(self._was_us)
        if fork is None or not is_dated or _version(engine) != self._version:
            return self._merge(engine, until)
        for name in fork.all_names():
            fork.log(name).amendments.redate(self._was_us, now_us)
        engine.adopt(fork)
        engine.notify()
        return self._merged


def _version(engine: SymbolState) -> Hashable:
    """Return what is another one when a merge would have another result; hold the lock."""
    spans = () if engine.unsettled is None else tuple(engine.unsettled())
    nodes = tuple(
        (node.name, node.as_row(), node.edge, node.partial, node.closed_to, node.known_from)
        for node in engine.cascade.nodes()
    )
    names = engine.all_names()
    logs = tuple(
        (name, id(log := engine.log(name)), log.generation, log.total, log.limit, len(log.amendments))
        for name in names
    )
    forming = tuple(engine.activity[name].forming() for name in engine.activity)
    return spans, nodes, logs, forming, len(engine.overflow)
