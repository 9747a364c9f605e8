"""The floor: a bare ``websockets`` receive that does nothing with the frames."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import numpy as np
from websockets.asyncio.client import connect

from tests.benchmarks.busy import percentiles, run_beside

__all__ = ["MEASURES"]


async def _receive(url: str) -> int:
    got = 0
    async with connect(url, compression=None) as socket:
        async for _ in socket:
            got += 1
    return got


def path(url: str, count: int) -> dict[str, Any]:
    """Receive all frames."""
    wall, begun = time.perf_counter(), time.process_time()
    got = asyncio.run(_receive(url))
    seconds, wall = time.process_time() - begun, time.perf_counter() - wall
    return {
        "seconds": seconds,
        "wall": wall,
        "count": count,
        "wrong": "" if got == count else f"{got} of {count}",
    }


def latency(url: str, count: int, load: str) -> dict[str, Any]:
    """Receive paced frames beside a busy main thread: the delay until the frame is there."""
    seen: list[tuple[int, str | bytes]] = []

    async def run() -> None:
        async with connect(url, compression=None) as socket:
            async for frame in socket:
                seen.append((time.time_ns(), frame))  # noqa: PERF401  # the clock is read frame by frame

    begun = time.process_time()
    run_beside(load, run)
    seconds = time.process_time() - begun
    sent = np.array([json.loads(frame)["r"][0][0] for _, frame in seen])
    found = percentiles(sent, np.array([at for at, _ in seen]))
    return {
        "seconds": seconds,
        "count": count,
        "wrong": "" if len(seen) == count else f"{len(seen)} frames",
        **found,
    }


def turns(count: int) -> dict[str, Any]:
    """Turn the loop round, with one call to make in each turn: what a trade a turn costs, less the trade."""

    async def run() -> float:
        loop = asyncio.get_running_loop()
        begun = time.process_time()
        for _ in range(count):
            loop.call_soon(_nothing)
            await asyncio.sleep(0)
        return time.process_time() - begun

    return {"seconds": asyncio.run(run()), "count": count}


def _nothing() -> None:
    return


MEASURES = {"path": path, "latency": latency, "turns": turns}
