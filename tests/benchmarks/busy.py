"""What the main thread does while the feed's thread works, and how late the data then is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOADS", "percentiles", "run_beside"]


def _idle(done: threading.Event) -> None:
    done.wait()


def _python(done: threading.Event) -> None:
    total = 0
    while not done.is_set():
        for i in range(10_000):
            total += i * i % 7


def _numpy(done: threading.Event) -> None:
    values = np.random.default_rng(1).random(500_000)
    while not done.is_set():
        np.sort(values)


LOADS: dict[str, Callable[[threading.Event], None]] = {"idle": _idle, "python": _python, "numpy": _numpy}
"""An idle main thread, a cell that loops in Python, and one that lives in numpy, which lets go of the GIL."""


def run_beside(load: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run ``work`` on a loop in a daemon thread while the main thread does ``load``; raise what it raised."""
    done = threading.Event()
    failed: list[BaseException] = []

    def serve() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:  # noqa: BLE001  # handed to the main thread, which raises it
            failed.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    LOADS[load](done)
    thread.join()
    if failed:
        raise failed[0]


def percentiles(sent_ns: NDArray[np.int64], seen_ns: NDArray[np.int64]) -> dict[str, float]:
    """Return p50, p99 and the largest delay in milliseconds; the first tenth (connecting) does not count."""
    late = ((seen_ns - sent_ns) / 1e6)[len(sent_ns) // 10 :]
    return {
        "p50": float(np.percentile(late, 50)),
        "p99": float(np.percentile(late, 99)),
        "max": float(late.max()),
    }
