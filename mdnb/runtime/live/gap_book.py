"""What one symbol's feed did not deliver: each stretch as it stands now."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Protocol

from mdnb.types import Gap

__all__ = ["GapBook", "GapsInTime"]

_KEPT = 1000


class GapsInTime(Protocol):
    """Knows when gaps are settled that only time tells of, as in a recording."""

    def lose_line(self) -> None:
        """Note that the connection was lost."""
        ...

    def due_ns(self) -> int | None:
        """Return when there is something to settle, in market time; None while there is not."""
        ...

    def settle(self, at_ns: int) -> list[Gap]:
        """Return the gaps that are lost at an instant."""
        ...


class GapBook:
    """The newest gaps, each once, by their ids.

    Attributes
    ----------
    untold
        Those of a recording that are lost, and of which nobody was told yet.
    saved
        Those that a saved market had, and that are to be told when it is played up to them.

    Examples
    --------
    >>> book = GapBook()
    >>> book.put(Gap("X", 5, 9, False, "reconnect", gap_id="X-1", state="repairing"))
    >>> book.lacking()
    [(5, 9)]
    >>> book.put(Gap("X", 5, 9, True, "reconnect", trades=3, gap_id="X-1", state="repaired"))
    >>> [gap.state for gap in book], book.lacking()
    (['repaired'], [])
    """

    def __init__(self) -> None:
        self.untold: list[Gap] = []
        self.saved: list[Gap] = []
        self._gaps: dict[str, Gap] = {}
        self._lost_before: list[tuple[int, int]] = []

    def put(self, gap: Gap) -> None:
        """Keep a gap in the place of what was known of it before."""
        self._gaps[gap.gap_id] = gap
        if len(self._gaps) > _KEPT:
            oldest = self._gaps.pop(next(iter(self._gaps)))
            if oldest.state != "repaired":
                self._lost_before.append((oldest.start_ns, oldest.end_ns))

    def get(self, gap_id: str) -> Gap | None:
        """Return a gap by its id; None where it is not among the newest."""
        return self._gaps.get(gap_id)

    def __len__(self) -> int:
        return len(self._gaps)

    def __iter__(self) -> Iterator[Gap]:
        # A copy: the background loop may add one meanwhile.
        return iter(list(self._gaps.values()))

    def set_back(self, after_ns: int, by_ns: int) -> None:
        """Let bounds behind an instant lie so much earlier: the clock that told them was ahead by that.

        Examples
        --------
        >>> book = GapBook()
        >>> book.put(Gap("X", 5, 95, False, "reconnect", gap_id="X-1", state="lost"))
        >>> book.set_back(7, 90)
        >>> book.lacking()
        [(5, 5)]
        """
        for name, gap in self._gaps.items():
            start, end = (ns - by_ns if ns > after_ns else ns for ns in (gap.start_ns, gap.end_ns))
            self._gaps[name] = dataclasses.replace(gap, start_ns=start, end_ns=max(start, end))

    def lacking(self) -> list[tuple[int, int]]:
        """Return the stretches of market time that are lacking still, oldest first; they may overlap."""
        lacking = ((gap.start_ns, gap.end_ns) for gap in self if gap.state != "repaired")
        return sorted([*self._lost_before, *lacking])
