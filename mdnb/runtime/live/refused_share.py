"""Of one symbol's trades: whether a large share of the newest ones is refused, and why."""

from __future__ import annotations

import collections

from mdnb.runtime.live.accounting import counted
from mdnb.runtime.live.data_quality import hint_at
from mdnb.runtime.live.pipeline import Pipeline

__all__ = ["RefusedShare"]

_LARGE = 0.25
_ENOUGH = 100
_ENOUGH_AT_END = 10


class RefusedShare:
    """Judges the trades of a symbol a hundred or more at a time, as they have come when it is asked.

    Trades that came before, and those that nobody wanted, are no loss and do not count.
    """

    def __init__(self) -> None:
        self.is_large = False
        self._received = 0
        self._before: collections.Counter[str] = collections.Counter()

    def look(self, pipeline: Pipeline, *, at_end: bool = False) -> str | None:
        """Return a sentence where a large share of those since the last answer was refused; else None.

        `is_large` says so, too, and stays as it was until enough have come.

        Parameters
        ----------
        at_end
            No more will come: some are enough, and fewer where none of them was accepted.
        """
        engine, ledger = pipeline.engine, pipeline.ledger
        with engine.lock:
            reasons = ledger.rejected.copy()
            reasons["late"] = engine.cascade.late_dropped
            reasons["held_back"] = max(0, ledger.held_back)
            received = ledger.received - ledger.duplicate - ledger.unsubscribed
        came = received - self._received
        lost = reasons - self._before
        enough = _ENOUGH_AT_END if at_end and lost.total() < came else 1 if at_end else _ENOUGH
        if came < enough:
            return None
        self._received, self._before = received, reasons
        self.is_large = lost.total() >= _LARGE * came
        if not self.is_large:
            return None
        return f"{lost.total():,} of the last {came:,} were refused: {counted(lost)}{hint_at(lost)}"
