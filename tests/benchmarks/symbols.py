"""Many symbols in one session, and a calm market that brings one trade at a time."""

from __future__ import annotations

from tests.benchmarks.bench import Bench, Task
from tests.benchmarks.path import server
from tests.benchmarks.report import Figure, Group, Target
from tests.benchmarks.ticks import FIVE, ticks_file

__all__ = ["calm", "symbols"]

_SYMBOLS = (1, 10, 100, 1000)
_FRAMES_A_TURN = 200
_RATE = 2000


def symbols(bench: Bench) -> Group:
    """From the frames to the bars of 1 to 1,000 symbols."""
    count = bench.sizes.messages
    ticks = str(ticks_file(bench.folder, max(bench.sizes.ticks, count)))
    given = {"path": ticks, "count": count, "timeframes": FIVE}
    most = _SYMBOLS[-1]
    with server(ticks) as address:
        found = bench.rounds(
            [
                *(
                    Task(
                        f"mdnb, {n:,} symbols",
                        "ours_symbols",
                        "symbols",
                        given | {"symbols": n, "turn": _FRAMES_A_TURN},
                    )
                    for n in _SYMBOLS
                ),
                Task(
                    f"bare websockets receive, {most:,} symbols",
                    "bare",
                    "path",
                    {"url": f"{address}/symbols/{count}/{most}", "count": count},
                ),
                *(
                    Task(
                        f"nautilus, {n:,} symbols, TradeTick made",
                        "nautilus",
                        "symbols",
                        given | {"symbols": n},
                    )
                    for n in (1, most)
                ),
            ]
        )
    ours = found[f"mdnb, {most:,} symbols"]
    return Group(
        "symbols",
        f"CPU us a trade; {count:,} one-trade frames, {_FRAMES_A_TURN} a turn of the loop, five timeframes",
        [Figure.of(samples) for samples in found.values()],
        [Target(f"a trade, {most:,} symbols", ours.median, "<=", 8, "us")],
    )


def calm(bench: Bench) -> Group:
    """One trade at a time."""
    sizes = bench.sizes
    count, paced = sizes.messages, int(_RATE * sizes.latency_seconds)
    ticks = str(ticks_file(bench.folder, max(sizes.ticks, count)))
    given = {"path": ticks, "count": count, "timeframes": FIVE, "symbols": 1}
    with server(ticks) as address:
        socket = {"url": f"{address}/paced/{paced}/{_RATE}", "count": paced, "load": "idle"}
        found = bench.rounds(
            [
                Task("mdnb, one trade a turn of the loop", "ours_symbols", "symbols", given | {"turn": 1}),
                Task("the loop alone, one call a turn", "bare", "turns", {"count": count}),
                Task("nautilus, TradeTick made, no loop", "nautilus", "symbols", given),
                Task("bare websockets, one frame at a time", "bare", "latency", socket),
                Task("mdnb, one frame at a time from a socket", "ours_path", "latency", socket),
            ]
        )
    return Group(
        "calm",
        f"CPU us a trade; {count:,} trades from memory, {paced:,} from a socket at {_RATE:,} a second",
        [Figure.of(samples) for samples in found.values()],
        [
            Target(
                "a trade, one a turn of the loop, with the loop's own cost",
                found["mdnb, one trade a turn of the loop"].median,
                "<=",
                15,
                "us",
            )
        ],
    )
