"""The group ``chart``: who is asked what, in turn; rounds are A B A B."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any

from tests.benchmarks.bench import Bench, MeasureError, Worker
from tests.benchmarks.chart.contenders import CONTENDERS
from tests.benchmarks.chart.results import Found, figures, targets
from tests.benchmarks.report import Group

__all__ = ["ChartSizes", "chart"]

_RIVALS = ("pywry", "lwc5", "bokeh")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChartSizes:
    """How much work a run does.

    Attributes
    ----------
    bars
        How many are shown: stock and ours; the rivals at the second and the last.
    rounds
        How often each steady pace is measured.
    more
        How often at the second and the last size, but for stock figures, which take long; and how often a
        first display is measured there, elsewhere once.
    refreshes, closes
        In one steady measurement, at most.
    seconds
        What a steady measurement may take at most; it has at least three refreshes.
    rate_seconds
        Length of one step on the way to the highest rate.
    heap
        Refreshes before the heap is weighed again: ours, and at most so many of the rivals.
    """

    bars: tuple[int, ...] = (200, 1000, 5000, 20_000)
    rounds: int = 3
    more: int = 5
    refreshes: int = 60
    closes: int = 20
    seconds: float = 12.0
    rate_seconds: float = 1.5
    heap: tuple[int, int] = (10_000, 2000)

    @property
    def middle(self) -> int:
        """The number of bars at which everything is measured."""
        return self.bars[:2][-1]

    @classmethod
    def quick(cls) -> ChartSizes:
        """Return sizes that only show that everything runs; their figures mean little."""
        return cls(
            bars=(100, 200),
            rounds=1,
            more=1,
            refreshes=4,
            closes=3,
            seconds=2.0,
            rate_seconds=0.5,
            heap=(60, 20),
        )


class _Run:
    def __init__(self, bench: Bench, sizes: ChartSizes, names: list[str]) -> None:
        self.sizes = sizes
        self.found: Found = {}
        self.errors: dict[str, str] = {}
        self._bench = bench
        self._names = names
        self._workers: dict[str, Worker] = {}
        self._periods: dict[str, float] = {}
        self._rungs: dict[str, int] = {}

    def ask(self, name: str, size: int, measure: str, **given: Any) -> dict[str, Any]:
        """Return one answer, kept too; empty when it could not be had: the contender is then left alone."""
        if name in self.errors:
            return {}
        key = (name, size, "rolls" if given.get("roll") else measure)
        try:
            if name not in self._workers:
                self._workers[name] = self._start(name)
            answer = self._workers[name].ask(measure, name=name, **given)
        except MeasureError as failed:
            self.errors[name] = str(failed)
            print(f"  {CONTENDERS[name].label}: NOT MEASURED: {failed}", file=sys.stderr)
            return {}
        self.found.setdefault(key, []).append(answer)
        self._keep()
        return answer

    def _keep(self) -> None:
        """Write what was found so far: a run that is broken off has not been for nothing."""
        folder = self._bench.folder / "results"
        folder.mkdir(parents=True, exist_ok=True)
        raw = {"/".join(map(str, key)): answers for key, answers in self.found.items()}
        (folder / "chart-raw.json").write_text(json.dumps(raw, indent=1))

    def _start(self, name: str) -> Worker:
        logs = self._bench.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        return Worker(sys.executable, "tests.benchmarks.chart.worker", logs / f"chart-{name}.log")

    def shows(self, bars: int) -> list[str]:
        """Return who shows that many bars."""
        sizes = self.sizes.bars
        few = [name for name in self._names if name in {"ours", "stock"}]
        usual = [name for name in self._names if name != "unlimited"]
        return usual if bars in {self.sizes.middle, sizes[-1]} else few

    def all_of(self, bars: int) -> None:
        """Measure everything at one number of bars."""
        sizes = self.sizes
        names = self.shows(bars)
        judged = bars in {sizes.middle, sizes.bars[-1]}
        for number in range(sizes.more if judged else 1):
            for name in names:
                self.ask(name, bars, "first", bars=bars)
                if number == 0:
                    self._pace(name, bars)
        for number in range(sizes.more if judged else sizes.rounds):
            for name in names:
                if number < sizes.rounds or name != "stock":
                    self._steady(name, bars)
        if judged:
            for number in range(sizes.rounds):
                for name in names:
                    self._rate(name, bars, number)
        if bars == sizes.middle:
            for name in names:
                self._heap(name, bars)

    def _pace(self, name: str, bars: int) -> None:
        """Find a pace that the page keeps up with; it also warms up."""
        slow = 0.15 if name != "stock" else 0.2 + bars / 4000
        answer = self.ask(name, bars, "warm", count=3, period=slow)
        self._periods[name] = max(0.1, 2.5 * answer.get("latency_ms", 0.0) / 1e3)

    def _steady(self, name: str, bars: int) -> None:
        sizes, period = self.sizes, self._periods[name]
        count = max(3, min(sizes.refreshes, int(sizes.seconds / period / 2)))
        self.ask(name, bars, "steady", count=count, period=period)
        closes = max(3, min(sizes.closes, int(sizes.seconds / period / 4)))
        self.ask(name, bars, "steady", count=closes, period=max(0.3, 1.5 * period), roll=True)

    def _rate(self, name: str, bars: int, number: int) -> None:
        begin = max(0, self._rungs.get(name, 0) - 1) if number else 0
        answer = self.ask(name, bars, "rate", seconds=self.sizes.rate_seconds, begin=begin)
        self._rungs[name] = answer.get("rung", 0)

    def _heap(self, name: str, bars: int) -> None:
        many, some = self.sizes.heap
        per_second = 1 / self._periods[name] if name == "stock" else 100.0
        count = many if name == "ours" else min(some, int(per_second * 30))
        self.ask(name, bars, "heap", count=count, per_second=per_second)

    def drawn(self) -> None:
        """Measure how often our view draws where the page's frames have no limit."""
        bars = self.sizes.bars[-1]
        self.ask("unlimited", bars, "first", bars=bars)
        self.ask("unlimited", bars, "warm", count=3, period=0.1)
        for _ in range(self.sizes.rounds):
            self.ask("unlimited", bars, "drawn", per_second=120, seconds=2 * self.sizes.rate_seconds)

    def end(self, *names: str) -> None:
        """End the processes of contenders, all by default."""
        for name in names or tuple(self._workers):
            worker = self._workers.pop(name, None)
            if worker is not None:
                try:
                    worker.ask("close")
                except MeasureError as failed:
                    print(f"  {CONTENDERS[name].label}: {failed}", file=sys.stderr)
                worker.close()


def chart(bench: Bench, sizes: ChartSizes | None = None, names: Sequence[str] = ()) -> Group:
    """Measure the live chart, and whoever else is named; all by default."""
    usual = ChartSizes.quick() if bench.sizes.small else ChartSizes(rounds=max(1, bench.sizes.repeats - 2))
    sizes = sizes or usual
    rivals = _RIVALS if bench.with_peers else ()
    everybody = ["ours", "stock", *rivals, "unlimited"]
    run = _Run(bench, sizes, [name for name in everybody if not names or name in names])
    if not bench.with_peers:
        run.errors |= dict.fromkeys(_RIVALS, "left out: this run measures no peers")
    try:
        for bars in sizes.bars:
            print(f"  {bars:,} bars ...", file=sys.stderr, flush=True)
            run.all_of(bars)
        run.end()
        if not names or "unlimited" in names:
            run.drawn()
    finally:
        run.end()
    return Group(
        "chart",
        "a live chart in JupyterLab and Chromium, a refresh each; medians, with the spread over the rounds",
        figures(run.found, run.errors, sizes.bars),
        targets(run.found, sizes.bars),
    )
