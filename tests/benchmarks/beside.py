"""Our own measurements beside those of another checkout of ours: the commit before a change.

Both sides are measured in turn within each round, so that their ratio holds on a machine whose speed drifts.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from tests.benchmarks.bench import Bench, MeasureError, Samples, Sizes, Task, Worker

__all__ = ["BesideBench"]

_OURS = "ours"


class BesideBench(Bench):
    """Runs our own tasks in two trees, and leaves the peers out.

    Parameters
    ----------
    sizes, folder
        As for `Bench`.
    other
        A checkout with the same measurements, such as ``git worktree add ../before COMMIT`` makes.

    Attributes
    ----------
    ratios
        By task: seconds here over seconds there, one a round.
    """

    def __init__(self, sizes: Sizes, folder: Path, other: Path) -> None:
        super().__init__(sizes, folder, with_peers=False)
        self.ratios: dict[str, list[float]] = {}
        self._other = other
        self._there: dict[str, Worker] = {}

    def _sample(self, task: Task, sample: Samples, *, counts: bool) -> None:
        super()._sample(task, sample, counts=counts)
        if sample.error or not task.who.startswith(_OURS):
            return
        if task.who not in self._there:
            log = self.folder / "logs" / f"{task.who}-beside.log"
            module = f"tests.benchmarks.{task.who}"
            self._there[task.who] = Worker(sys.executable, module, log, self._other)
        try:
            answer = self._there[task.who].ask(task.measure, **task.given)
        except MeasureError as failed:
            sample.error = f"there: {failed}"
            return
        if counts:
            there = answer["seconds"] / answer["count"] * 1e6
            self.ratios.setdefault(task.label, []).append(sample.micros[-1] / there)

    def lines(self) -> list[str]:
        """Return the ratios measured so far as lines of text, and forget them."""
        lines = [
            f"  {label:<52}{statistics.median(ratios):>8.3f}   {min(ratios):.3f}..{max(ratios):.3f}"
            for label, ratios in self.ratios.items()
        ]
        self.ratios = {}
        return ["CPU here over there, medians of the rounds' ratios:", *lines] if lines else []

    def close(self) -> None:
        """End all processes."""
        super().close()
        for worker in self._there.values():
            worker.close()
        self._there.clear()
