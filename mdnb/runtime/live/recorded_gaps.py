"""What a recording lacks: trades that came to nobody are lost once the recording's own time says so.

A live market asks the venue's history for what it missed, and waits for it by the wall clock. A recording has
no history, and its time is that of what was received: so what is told of a gap, and when, is the same at any
speed.
"""

from __future__ import annotations

from typing import NamedTuple

from mdnb.bars.closing import whole_us
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.unsettled_bars import Unsettled
from mdnb.types import Gap
from mdnb.validate.duplicates import Hole

__all__ = ["COMES_LATE_NS", "RecordedGaps"]

COMES_LATE_NS = 1_000_000_000
"""For how long a trade that was jumped over may still come by itself."""


class _Found(NamedTuple):
    """A stretch in which something was missed, and when nothing of it is waited for any more."""

    hole: Hole
    reason: str
    found_ns: int
    due_ns: int


class _Loss(NamedTuple):
    """A loss of the connection: the newest trade then, how much had come, and when it was."""

    low_id: int
    low_ns: int
    received: int
    at_ns: int


class RecordedGaps:
    """Finds one symbol's gaps in a recording, and says when they are settled: all that is left is lost.

    Parameters
    ----------
    pipeline
        The symbol's; it asks when there is something to settle.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._seen = pipeline.duplicates
        self._found: list[_Found] = []
        self._told = 0
        # Nothing has come since.
        self._loss: _Loss | None = None
        pipeline.recorded_gaps = self
        pipeline.engine.unsettled = self._unsettled
        self._seen.on_jump = self._on_jump
        for hole in list(self._seen.holes):
            self._on_jump(hole)
        for gap in pipeline.gaps.saved:
            # Its trades, and what the venue called them, are gone: times alone tell where it is.
            hole = Hole(-1, gap.start_ns, -1, gap.end_ns)
            came_ns = gap.end_ns if pipeline.noted is None else pipeline.noted.arrival_ns(gap.end_ns)
            due_ns = whole_us(came_ns + COMES_LATE_NS)
            self._found.append(_Found(hole, gap.reason, gap.start_ns, due_ns))

    @property
    def _by_id(self) -> bool:
        """Whether the trades' ids tell what is missing."""
        return self._seen.ids == "sequential" and self._pipeline.engine.source == "trades"

    def lose_line(self) -> None:
        """Note that the connection was lost; of the venue's own bars the next one tells what was missed."""
        pipeline = self._pipeline
        if pipeline.engine.source == "bars" or self._loss is not None or pipeline.ledger.received == 0:
            return
        at_ns, by_id = self._now_ns(), self._by_id and not self._seen.nameless
        low_ns = self._seen.highest_ns if by_id else pipeline.engine.cascade.newest_ns
        if low_ns <= 0:
            # All that came was refused, or is in no bar.
            low_ns = pipeline.newest_ns(at_ns)
        self._loss = _Loss(self._seen.highest, low_ns, pipeline.ledger.received, at_ns)

    def due_ns(self) -> int | None:
        """Return when there is something to settle; None while there is not."""
        if self._loss is not None and self._pipeline.ledger.received != self._loss.received:
            self._end(self._loss)
            self._loss = None
        return min((one.due_ns for one in self._found), default=None)

    def settle(self, at_ns: int) -> list[Gap]:
        """Return the gaps that are lost at an instant, oldest first."""
        due = [one for one in self._found if one.due_ns <= at_ns]
        self._found = [one for one in self._found if one.due_ns > at_ns]
        return [gap for one in due if (gap := self._gap(one)) is not None]

    def _now_ns(self) -> int:
        return max(self._pipeline.arrival_ns, self._pipeline.engine.cascade.closing.now_ns)

    def _on_jump(self, hole: Hole) -> None:
        if not self._by_id:
            self._seen.forget(hole.low_id, hole.high_id)
        elif self._loss is None:
            now_ns = self._now_ns()
            self._found.append(_Found(hole, "missing_ids", now_ns, whole_us(now_ns + COMES_LATE_NS)))

    def _end(self, loss: _Loss) -> None:
        """Note a loss of the connection once something has come again."""
        seen, engine, now_ns = self._seen, self._pipeline.engine, self._now_ns()
        if self._by_id and not seen.nameless:
            hole = Hole(loss.low_id, loss.low_ns, seen.highest, seen.highest_ns)
            due_ns = whole_us(now_ns + COMES_LATE_NS)
        else:
            # Nobody can tell whether anything was missed.
            hole = Hole(-1, loss.low_ns, -1, max(loss.low_ns, engine.cascade.newest_ns))
            due_ns = now_ns
        self._found.append(_Found(hole, "reconnect", loss.at_ns, due_ns))

    def _unsettled(self) -> list[Unsettled]:
        """Return where bars may lack something that an outage left out."""
        spans = [
            (*_in_order(one.hole.low_ns, one.hole.high_ns), one.found_ns)
            for one in self._found
            if one.reason == "reconnect"
        ]
        if self._loss is not None:
            spans.append((*_in_order(self._loss.low_ns, self._now_ns()), self._loss.at_ns))
        return [Unsettled(*span) for span in spans]

    def _gap(self, one: _Found) -> Gap | None:
        """Return what is lost of a stretch; None where nothing is."""
        engine = self._pipeline.engine
        low_ns, high_ns = _in_order(one.hole.low_ns, one.hole.high_ns)
        if one.hole.high_id >= 0:
            holes = self._seen.holes_between(one.hole.low_id, one.hole.high_id)
            if not holes:
                return None
            low_ns, high_ns = _in_order(holes[0].low_ns, holes[-1].high_ns)
            self._seen.forget(one.hole.low_id, one.hole.high_id)
        elif engine.sessions.open_ns(low_ns, high_ns) <= 0:
            return None
        self._told += 1
        return Gap(
            engine.symbol,
            low_ns,
            high_ns,
            repaired=False,
            reason=one.reason,
            tz=engine.tz,
            gap_id=f"{engine.symbol}-{self._told}",
            state="lost",
        )


def _in_order(one_ns: int, other_ns: int) -> tuple[int, int]:
    return min(one_ns, other_ns), max(one_ns, other_ns)
