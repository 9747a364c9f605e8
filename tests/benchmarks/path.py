"""The whole way of a message: socket, decode, validate, bars, store, accounting."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.bench import Bench, Task
from tests.benchmarks.busy import LOADS
from tests.benchmarks.report import Figure, Group, Target
from tests.benchmarks.ticks import FIVE, ticks_file
from tests.venues.dialects import DIALECTS

__all__ = ["latency", "path", "pipeline", "server", "venues"]

_JUDGED_BATCH = 100
_RATE = 2000


@contextlib.contextmanager
def server(ticks: str) -> Iterator[str]:
    """Run the frame server in its own process; yields its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.server", ticks],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"ws://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(10.0)


def path(bench: Bench) -> Group:
    """From the socket to the books."""
    sizes = bench.sizes
    ticks = str(ticks_file(bench.folder, max(sizes.ticks, sizes.messages)))
    few, many = sizes.slow_messages, sizes.messages
    with server(ticks) as address:
        trades, gateway = f"{address}/trades/{many}", f"{address}/gateway/{few}"
        found = bench.rounds(
            [
                Task("bare websockets receive", "bare", "path", {"url": trades, "count": many}),
                Task(
                    "mdnb, whole path",
                    "ours_path",
                    "path",
                    {"url": trades, "path": ticks, "count": many, "timeframes": FIVE},
                ),
                Task(
                    "project-x-py behind the same receive",
                    "project_x",
                    "path",
                    {"url": gateway, "count": few, "timeframes": FIVE},
                ),
            ]
        )
    ours, bare = found["mdnb, whole path"], found["bare websockets receive"]
    theirs = found["project-x-py behind the same receive"]
    figures = [Figure.of(samples) for samples in found.values()]
    flushes = [many / answer["flushes"] for answer in ours.answers if answer["flushes"]]
    if flushes:
        figures.append(Figure("mdnb, messages a batch", sum(flushes) / len(flushes), ""))
    return Group(
        "path",
        f"CPU us a message of the client's process; {many:,} one-trade frames, server in another process",
        figures,
        [
            Target("whole path over a bare websockets receive", ours.times(bare), "<=", 2),
            Target("whole path, CPU of project-x-py over ours", theirs.times(ours), ">=", 300),
        ],
    )


def venues(bench: Bench) -> Group:
    """From the socket to the books, in each venue's own frames."""
    count = bench.sizes.messages
    ticks = str(ticks_file(bench.folder, max(bench.sizes.ticks, count)))
    tasks = []
    # A venue of several markets has a dialect of each.
    names = [f"{dialect.name} {number}" for number, dialect in enumerate(DIALECTS)]
    with server(ticks) as address:
        for number in range(len(DIALECTS)):
            url = f"{address}/venue/{count}/{number}"
            given = {"url": url, "path": ticks, "count": count, "timeframes": FIVE, "number": number}
            tasks += [
                Task(
                    f"bare websockets receive, {names[number]}", "bare", "path", {"url": url, "count": count}
                ),
                Task(f"mdnb, {names[number]}", "ours_path", "venue", given),
            ]
        found = bench.rounds(tasks)
    return Group(
        "venues",
        f"CPU us a message of the client's process; {count:,} frames of one trade as each venue writes them",
        [Figure.of(samples) for samples in found.values()],
        [
            Target(
                f"{name} over a bare websockets receive",
                found[f"mdnb, {name}"].times(found[f"bare websockets receive, {name}"]),
                "<=",
                2,
            )
            for name in names
        ],
    )


def pipeline(bench: Bench) -> Group:
    """Without the socket."""
    sizes = bench.sizes
    ticks = str(ticks_file(bench.folder, max(sizes.ticks, sizes.messages)))
    given = {"path": ticks, "count": sizes.messages, "timeframes": FIVE}
    found = bench.rounds(
        [
            Task(f"mdnb, {batch} frames a drain", "ours_path", "pipeline", {**given, "batch": batch})
            for batch in (1, 10, _JUDGED_BATCH, 1000)
        ]
    )
    judged = found[f"mdnb, {_JUDGED_BATCH} frames a drain"]
    return Group(
        "pipeline",
        "CPU us a message without the socket: decode, validate, bars, store, accounting",
        [Figure.of(samples, note=f"{1e6 / samples.median:,.0f} a second") for samples in found.values()],
        [
            Target(
                f"without the socket, messages a second of CPU, {_JUDGED_BATCH} a drain",
                1e6 / judged.median,
                ">=",
                200_000,
                "/s",
            )
        ],
    )


def latency(bench: Bench) -> Group:
    """From the server's send to the bar, beside an idle and a busy main thread."""
    sizes = bench.sizes
    count = int(_RATE * sizes.latency_seconds)
    ticks = str(ticks_file(bench.folder, sizes.ticks))
    with server(ticks) as address:
        given = {"url": f"{address}/paced/{count}/{_RATE}", "count": count}
        tasks = [
            Task(f"{label}, main thread {load}", who, "latency", {**given, "load": load})
            for load in LOADS
            for label, who in (("bare websockets", "bare"), ("mdnb", "ours_path"))
        ]
        found = bench.rounds(tasks, repeats=max(1, sizes.repeats - 2))
    figures = []
    for label, samples in found.items():
        for name in ("p50", "p99"):
            values = [answer[name] for answer in samples.answers]
            note = samples.error and f"NOT MEASURED: {samples.error}"
            note = note or f"{min(values):.3g}..{max(values):.3g}" + (
                f"  WRONG: {samples.wrong}" * bool(samples.wrong)
            )
            value = statistics.median(values) if values else float("nan")
            figures.append(Figure(f"{label}, {name}", value, "ms", note))
    figures += [
        Figure.of(samples, note="CPU a message, one by one")
        for label, samples in found.items()
        if label.endswith("idle")
    ]
    about = f"ms from the server's send at {_RATE:,} a second until received (bare) or in the bars (mdnb)"
    return Group("latency", about, figures)
