"""Rounds of measurements in separate processes, A B A B, one at a time."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.benchmarks.environments import PEERS, InstallError, cache_folder, environment

__all__ = ["Bench", "MeasureError", "Samples", "Sizes", "Task", "Worker"]

_PROJECT = Path(__file__).parents[2]
_ANSWER_SECONDS = 600.0


class MeasureError(Exception):
    """A measurement could not be taken; the message says why."""


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much work a run does."""

    repeats: int = 5
    ticks: int = 200_000
    bulk_ticks: int = 10_000_000
    slow_ticks: int = 300
    messages: int = 100_000
    slow_messages: int = 300
    held_bars: int = 1_000_000
    latency_seconds: float = 3.0
    small: bool = False

    @classmethod
    def quick(cls) -> Sizes:
        """Return sizes that only show that everything runs; their figures mean little."""
        return cls(2, 5_000, 50_000, 20, 2_000, 20, 20_000, 0.3, small=True)


class Worker:
    """A process that measures on request; see `tests.benchmarks.worker`."""

    def __init__(self, python: str, module: str, log: Path, tree: Path = _PROJECT) -> None:
        self._log = log.open("w")
        self._process = subprocess.Popen(
            [python, "-m", "tests.benchmarks.worker", module],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": str(tree)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def ask(self, measure: str, **given: Any) -> dict[str, Any]:
        """Return the answer to one request.

        Raises
        ------
        MeasureError
            When the measure raised, the process died or it took too long.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watch = threading.Timer(_ANSWER_SECONDS, self._process.kill)
        watch.start()
        try:
            self._process.stdin.write(json.dumps({"measure": measure, "given": given}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watch.cancel()
        if not line:
            raise MeasureError(f"the process ended; see {self._log.name}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise MeasureError(answer["error"])
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._process.poll() is None:
            self._process.stdin.close()
            try:
                self._process.wait(10.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process.stdout.close()
        self._log.close()


@dataclasses.dataclass(frozen=True)
class Task:
    """One thing to measure: whose (``ours``, ``bare`` or a peer's name), which measure, with what."""

    label: str
    who: str
    measure: str
    given: dict[str, Any]


@dataclasses.dataclass
class Samples:
    """What the rounds of one task gave.

    Attributes
    ----------
    micros
        CPU microseconds an item, one a round.
    wall
        Wall-clock microseconds an item, where the measure took them.
    wrong
        What is wrong with the result that was computed; empty when it equals the reference.
    error
        Why there are no figures; empty when there are.
    answers
        The answers as they came.
    """

    label: str
    micros: list[float] = dataclasses.field(default_factory=list)
    wall: list[float] = dataclasses.field(default_factory=list)
    wrong: str = ""
    error: str = ""
    answers: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    @property
    def median(self) -> float:
        """Median CPU microseconds an item; nan when there is none."""
        return statistics.median(self.micros) if self.micros else float("nan")

    @property
    def wall_median(self) -> float:
        """Median wall-clock microseconds an item; nan when there is none."""
        return statistics.median(self.wall) if self.wall else float("nan")

    def times(self, other: Samples) -> float:
        """Return how many times as much CPU as ``other`` this takes, the median round; nan if unknown.

        Each round's ratio is taken by itself, because both were measured within the same moment of a
        machine whose speed drifts.
        """
        ratios = [a / b for a, b in zip(self.micros, other.micros, strict=False) if b > 0]
        return statistics.median(ratios) if ratios else float("nan")


class Bench:
    """The processes of a run, started when first needed."""

    def __init__(self, sizes: Sizes, folder: Path | None = None, *, with_peers: bool = True) -> None:
        self.sizes = sizes
        self.folder = folder or cache_folder()
        self.with_peers = with_peers
        self._workers: dict[str, Worker] = {}
        self._refused: dict[str, str] = {}

    def worker(self, who: str, *, fresh: bool = False) -> Worker:
        """Return the process of ``ours``, ``bare`` or a peer; ``fresh`` ends the one that is there first.

        Raises
        ------
        MeasureError
            When the peer's environment cannot be made; asked again it is not tried again.
        """
        if fresh and who in self._workers:
            self._workers.pop(who).close()
        if who in self._refused:
            raise MeasureError(self._refused[who])
        if who not in self._workers:
            python, module = sys.executable, f"tests.benchmarks.{who}"
            if who in PEERS:
                python, module = self._peer_python(who), f"tests.benchmarks.peers.{who}"
            logs = self.folder / "logs"
            logs.mkdir(parents=True, exist_ok=True)
            self._workers[who] = Worker(python, module, logs / f"{who}.log")
        return self._workers[who]

    def _peer_python(self, who: str) -> str:
        if not self.with_peers:
            self._refused[who] = "left out: this run measures no peers"
            raise MeasureError(self._refused[who])
        try:
            return str(environment(PEERS[who], self.folder))
        except InstallError as failed:
            self._refused[who] = f"cannot be installed: {failed}"
            raise MeasureError(self._refused[who]) from failed

    def rounds(self, tasks: list[Task], repeats: int | None = None) -> dict[str, Samples]:
        """Run all tasks in turn, again and again, after one round that does not count."""
        samples = {task.label: Samples(task.label) for task in tasks}
        for number in range((repeats or self.sizes.repeats) + 1):
            for task in tasks:
                sample = samples[task.label]
                if not sample.error:
                    self._sample(task, sample, counts=number > 0)
        return samples

    def _sample(self, task: Task, sample: Samples, *, counts: bool) -> None:
        try:
            answer = self.worker(task.who).ask(task.measure, **task.given)
        except MeasureError as failed:
            sample.error = str(failed)
            return
        sample.wrong = sample.wrong or answer.get("wrong", "")
        if not counts:
            return
        sample.answers.append(answer)
        sample.micros.append(answer["seconds"] / answer["count"] * 1e6)
        if "wall" in answer:
            sample.wall.append(answer["wall"] / answer["count"] * 1e6)

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()
