"""How many files and calls of mdnb it takes to do four everyday things.

    python -m tests.benchmarks.walks            # a table
    python -m tests.benchmarks.walks --files    # and the calls of each file

Counted are the calls of mdnb's own functions on the caller's thread, the background loop and its worker, the
second time that the thing is done: imports and caches are not part of the way. The numbers of another commit:
this file, with that tree in ``PYTHONPATH``.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import pathlib
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import mdnb
from mdnb.runtime.process.bridge import call

__all__ = ["Walk", "main", "walk", "walks"]

_PACKAGE = str(pathlib.Path(mdnb.__file__).parent)


class Walk:
    """The calls of mdnb's functions, by file.

    Attributes
    ----------
    calls
        How many, by file.
    """

    def __init__(self) -> None:
        self.calls: collections.Counter[str] = collections.Counter()

    def note(self, frame: types.FrameType, event: str, _arg: Any) -> None:
        """Count a call; `sys.setprofile` tells of it."""
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(_PACKAGE):
            self.calls[file[len(_PACKAGE) + 1 :]] += 1


async def _profile(note: Callable[..., None] | None) -> None:
    sys.setprofile(note)


async def _profile_worker(run: Callable[..., Any], note: Callable[..., None] | None) -> None:
    await run(lambda: sys.setprofile(note))


@contextlib.contextmanager
def walk(workers: Any) -> Iterator[Walk]:
    """Count the calls made within: here, on the background loop, its one worker, and threads started."""
    found = Walk()
    call(_profile(found.note))
    call(_profile_worker(workers.run, found.note))
    threading.setprofile(found.note)
    sys.setprofile(found.note)
    try:
        yield found
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]  # None ends it
        call(_profile(None))
        call(_profile_worker(workers.run, None))


def walks(folder: pathlib.Path) -> Iterator[tuple[str, Walk]]:
    """Do each thing twice in a market that stands nearly still, and give the calls of the second time."""
    frames = ["1min", "5min", "15min"]
    feed = "sim://?seed=3&speed=0.001"
    with mdnb.live("MNQ", frames, feed=feed, initial_days=0.2, progress=False) as market:
        bars = folder / "bars.parquet"
        market.export(bars)
        sizes = iter((500, 600))
        session = getattr(market, "_session", None) or market._parts.session
        things: dict[str, Callable[[], Any]] = {
            "live.chart()": market.chart,
            "live.load(parquet)": lambda: market.load(bars),
            "max_bars_per_timeframe=": lambda: market.data.configure_memory_management(
                max_bars_per_timeframe=next(sizes)
            ),
            'live["1min"].tail()': lambda: market["1min"].tail(),  # noqa: PLW0108  # the first step counts too
        }
        for name, do in things.items():
            for _ in range(2):
                with walk(session.workers) as found:
                    made = do()
                if hasattr(made, "close") and hasattr(made, "draw"):
                    made.close()
            yield name, found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", action="store_true", help="the calls of each file too")
    given = parser.parse_args()
    print(f"{'walk':<30}{'files':>6}{'calls':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for name, found in walks(pathlib.Path(folder)):
            print(f"{name:<30}{len(found.calls):>6}{found.calls.total():>8}")
            if given.files:
                for file, count in found.calls.most_common():
                    print(f"    {file:<46}{count:>8}")


if __name__ == "__main__":
    main()
