"""What a notebook cell has registered is removed when that cell runs again: handlers and alerts.

A cell is known as for the markets it makes. What a handler registers belongs to the cell and the run that
registered the handler; outside of cells nothing is kept.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any, Protocol

from mdnb.runtime.process.loop import background_loop
from mdnb.runtime.process.registry import running_cell, running_shell

__all__ = ["CellThings", "Removable", "cell_things"]

_CELLS_KEPT = 1_000


class Removable(Protocol):
    """What belongs to a cell."""

    def off(self) -> None:
        """Remove it; again, it does nothing."""
        ...


class CellThings:
    """What the cells of this process have registered, each in its last run; held weakly."""

    def __init__(self) -> None:
        self._by_cell: dict[object, tuple[object, weakref.WeakSet[Any]]] = {}
        self._owners: weakref.WeakKeyDictionary[Any, tuple[object, object]] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._shells: weakref.WeakSet[Any] = weakref.WeakSet()

    def add(self, made: Removable, by: object = None) -> None:
        """Keep something for the cell that runs now, and remove what its earlier run has made.

        Parameters
        ----------
        made
            What was registered.
        by
            The handler that registered it: then it belongs to that one's cell, in the same run of it.
        """
        owner = self._owners.get(by) if by is not None else running_cell()
        if owner is None:
            return
        self._watch()
        cell, execution = owner
        earlier: list[Removable] = []
        with self._lock:
            last, held = self._by_cell.get(cell, (execution, weakref.WeakSet()))
            if last != execution and by is not None:
                # Its run is over already, and so is what it registers.
                earlier = [made]
            else:
                if last != execution:
                    earlier, held = list(held), weakref.WeakSet()
                held.add(made)
                self._owners[made] = owner
                self._by_cell[cell] = execution, held
                while len(self._by_cell) > _CELLS_KEPT:
                    self._by_cell.pop(next(iter(self._by_cell)))
        for each in earlier:
            each.off()

    def _begin(self) -> None:
        """Remove what the cell that begins now made when it ran before, whether it makes it again or not."""
        cell, execution = running_cell() or (None, None)
        with self._lock:
            last, held = self._by_cell.get(cell, (execution, weakref.WeakSet()))
            earlier = list(held) if last != execution else []
            if earlier:
                self._by_cell[cell] = execution, weakref.WeakSet()
        for each in earlier:
            each.off()

    def _watch(self) -> None:
        """Have IPython tell of the cells that begin."""
        shell = running_shell()
        # A terminal notes what runs only after it has told.
        if shell is None or shell in self._shells or getattr(shell, "kernel", None) is None:
            return
        self._shells.add(shell)

        def begins(*_info: object) -> None:
            self._begin()

        shell.events.register("pre_run_cell", begins)


def cell_things() -> CellThings:
    """Return what the cells of this process have registered."""
    background = background_loop()
    held: CellThings | None = getattr(background, "cell_things", None)
    if held is None:
        held = background.cell_things = CellThings()  # type: ignore[attr-defined]  # kept beside the loop on purpose
    return held
