"""The bar engine against the peers: one tick a call, in bulk, many timeframes, many bars held."""

from __future__ import annotations

from tests.benchmarks.bench import Bench, Samples, Task
from tests.benchmarks.report import Figure, Group, Target
from tests.benchmarks.ticks import FIVE, ONE, TWENTY, ticks_file

__all__ = ["bulk", "growth", "held", "online"]


def online(bench: Bench) -> Group:
    """One tick a call, five timeframes."""
    sizes = bench.sizes
    path = str(ticks_file(bench.folder, sizes.ticks))
    given = {"path": path, "count": sizes.ticks, "timeframes": FIVE}
    slow = {**given, "count": sizes.slow_ticks}
    found = bench.rounds(
        [
            Task("mdnb", "ours", "online", given),
            Task("tickbar, Tick ready", "tickbar", "online", {**given, "ready": True}),
            Task("tickbar, Tick made", "tickbar", "online", {**given, "ready": False}),
            Task("nautilus, TradeTick ready", "nautilus", "online", {**given, "ready": True}),
            Task("nautilus, TradeTick made", "nautilus", "online", {**given, "ready": False}),
            Task("project-x-py", "project_x", "online", slow),
            *(Task(f"mdnb, rows by {n}", "ours", "batches", {**given, "batch": n}) for n in (10, 100, 1000)),
        ]
    )
    ours = found["mdnb"]
    figures = [Figure.of(samples) for samples in found.values()]
    figures += [
        Figure(f"{label}, over mdnb", found[label].times(ours), "x", "its own object given, not made")
        for label in ("tickbar, Tick ready", "nautilus, TradeTick ready")
    ]
    return Group(
        "online",
        "CPU us a tick, one tick a call, 30sec 1min 5min 15min 1hour (median, range)",
        figures,
        [
            Target(
                "online, tickbar (Rust) over ours, Tick ready",
                found["tickbar, Tick ready"].times(ours),
                ">=",
                1,
            ),
            Target(
                "online, nautilus_trader over ours, from time, price and size as ours",
                found["nautilus, TradeTick made"].times(ours),
                ">=",
                10,
            ),
            Target("online, project-x-py over ours", found["project-x-py"].times(ours), ">=", 5000),
        ],
    )


def bulk(bench: Bench) -> Group:
    """All ticks at once, five timeframes."""
    count = bench.sizes.bulk_ticks
    given = {"path": str(ticks_file(bench.folder, count)), "count": count, "timeframes": FIVE}
    found = bench.rounds(
        [
            Task("mdnb, push_arrays", "ours", "bulk", given),
            Task("polars, eager", "polars", "bulk", {**given, "together": False}),
            Task("polars, one lazy query", "polars", "bulk", {**given, "together": True}),
            Task("tickbar, push_from_buffer", "tickbar", "bulk", given),
        ]
    )
    ours = found["mdnb, push_arrays"]
    polars = [samples for label, samples in found.items() if label.startswith("polars")]
    return Group(
        "bulk",
        f"CPU us a tick, {count:,} ticks in columns into the five timeframes",
        [Figure.of(samples, note=f"wall {samples.wall_median:.3g}") for samples in found.values()],
        [
            Target(
                "in bulk, CPU of polars group_by_dynamic (its better way) over ours",
                _least(polars, ours),
                ">=",
                2,
            )
        ],
    )


def _least(others: list[Samples], ours: Samples) -> float:
    return min((other.times(ours) for other in others), default=float("nan"))


def growth(bench: Bench) -> Group:
    """One against twenty nested timeframes."""
    sizes = bench.sizes
    path = str(ticks_file(bench.folder, sizes.ticks))
    tasks = []
    for label, who, extra in (
        ("mdnb", "ours", {}),
        ("tickbar", "tickbar", {"ready": True}),
        ("nautilus", "nautilus", {"ready": True}),
    ):
        for name, timeframes in (("1min alone", ONE), ("1sec alone", {"1sec": 1}), ("20", TWENTY)):
            given = {"path": path, "count": sizes.ticks, "timeframes": timeframes, **extra}
            tasks.append(Task(f"{label}, {name}", who, "online", given))
    found = bench.rounds(tasks)
    figures = [Figure.of(samples) for samples in found.values()]
    for label in ("mdnb", "tickbar", "nautilus"):
        for one in ("1min alone", "1sec alone"):
            ratio = found[f"{label}, 20"].times(found[f"{label}, {one}"])
            figures.append(Figure(f"{label}, 20 over {one}", ratio, "x"))
    ratio = found["mdnb, 20"].times(found["mdnb, 1min alone"])
    return Group(
        "growth",
        "CPU us a tick, one tick a call: 20 nested timeframes from 1sec up, over one of them",
        figures,
        [Target("20 nested timeframes (1sec..12hour) over 1 (1min)", ratio, "<=", 3)],
    )


def held(bench: Bench) -> Group:
    """A thousand bars held against a million."""
    sizes = bench.sizes
    given = {"path": str(ticks_file(bench.folder, sizes.ticks)), "count": sizes.ticks}
    many = f"mdnb, {sizes.held_bars:,} bars held"
    found = bench.rounds(
        [
            Task("mdnb, 1,000 bars held", "ours", "held", {**given, "bars": 1000}),
            Task(many, "ours", "held", {**given, "bars": sizes.held_bars}),
        ],
        repeats=2 * sizes.repeats + 1,
    )
    ratio = found[many].times(found["mdnb, 1,000 bars held"])
    return Group(
        "held",
        "CPU us a tick, one tick a call, five timeframes, by how many 30sec bars are held already",
        [Figure.of(samples) for samples in found.values()],
        [Target(f"{sizes.held_bars:,} bars held over 1,000", ratio, "<=", 1.1)],
    )
