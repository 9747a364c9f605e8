"""What reading a frame costs, and what a bar and a tick weigh."""

from __future__ import annotations

import statistics
from typing import Any

from tests.benchmarks.bench import Bench, MeasureError, Task
from tests.benchmarks.report import Figure, Group, Target

__all__ = ["frames", "memory"]

_BARS = 1000


def frames(bench: Bench) -> Group:
    """The newest 1,000 bars as a frame."""
    calls = max(50, bench.sizes.ticks // 100)
    many = bench.sizes.held_bars
    given = {"calls": calls, "bars": _BARS}
    found = bench.rounds(
        [
            Task("project-x-py, 1,000 held", "project_x", "get_data", given),
            Task(
                "mdnb, a trade between calls",
                "ours_stores",
                "get_data",
                {**given, "held": _BARS, "ticking": True},
            ),
            Task("mdnb, nothing new", "ours_stores", "get_data", {**given, "held": _BARS, "ticking": False}),
            Task(
                f"mdnb, a trade between calls, {many:,} held",
                "ours_stores",
                "get_data",
                {**given, "held": many, "ticking": True},
            ),
        ]
    )
    # The peer's frames are asked for with nothing in between too; neither side keeps one to give it twice.
    ours = found["mdnb, nothing new"]
    return Group(
        "frames",
        "CPU us an awaited call of get_data('1min', count=1000), the forming bar included",
        [Figure.of(samples) for samples in found.values()],
        [
            Target(
                "get_data(count=1000) over project-x-py's",
                ours.times(found["project-x-py, 1,000 held"]),
                "<=",
                1,
            )
        ],
    )


def memory(bench: Bench) -> Group:
    """Growth of the process, not what the store says of itself."""
    count = bench.sizes.held_bars
    bars = _fresh(bench, "memory_bars", count)
    ticks = _fresh(bench, "memory_ticks", count)
    figures = [
        _figure("a bar", bars, "bytes"),
        _figure("a bar, once a frame was read", bars, "bytes_with_frame"),
        _figure("a bar, by the store's own count", bars, "own"),
        _figure("a tick", ticks, "bytes"),
        _figure("a tick, by the store's own count", ticks, "own"),
    ]
    return Group(
        "memory",
        f"bytes of resident memory, {count:,} held, in fresh processes (median of {len(bars)})",
        figures,
        [
            Target("memory of a bar, once a frame was read", figures[1].value, "<=", 64, " bytes"),
            Target("memory of a tick", figures[3].value, "<=", 64, " bytes"),
        ],
    )


def _fresh(bench: Bench, measure: str, count: int) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    for _ in range(min(3, bench.sizes.repeats)):
        try:
            answers.append(bench.worker("ours_stores", fresh=True).ask(measure, count=count))
        except MeasureError as failed:
            answers.append({"wrong": f"NOT MEASURED: {failed}"})
    return answers


def _figure(label: str, answers: list[dict[str, Any]], name: str) -> Figure:
    values = [answer[name] for answer in answers if name in answer]
    wrong = next((answer["wrong"] for answer in answers if answer["wrong"]), "")
    return Figure(label, statistics.median(values) if values else float("nan"), "bytes", wrong)
