"""A process of its own that lives through hours of market and says how it fares: one JSON line a checkpoint.

``python -m tests.runtime.soaking HOURS CHECKPOINTS``
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import pandas as pd
import psutil
import pyarrow.parquet as pq

import mdnb
from mdnb.runtime.process.bridge import call

TIMEFRAMES = ["1sec", "1min", "5min", "15min", "1hour", "1day", "500tick"]
SYMBOL = "BTC-USD"
LIMIT, TICKS = 1000, 10_000
# Loaded when they are first needed, which would look like growth.
_LOADED = (pd, pq)
COLUMNS = ["open", "high", "low", "close", "tick_count"]
_HOUR_NS = 3600 * 1_000_000_000


def _checkpoint(market: Any, seen: dict[str, int]) -> dict[str, Any]:
    process = psutil.Process()
    taken, used = market.accounting(), market.data.get_memory_stats()
    stats = market.data.get_stats()
    return {
        "ticks": taken.received,
        "balanced": taken.balanced,
        "rss": process.memory_info().rss,
        "cpu": time.process_time(),
        "threads": threading.active_count(),
        "files": process.num_fds() if hasattr(process, "num_fds") else 0,
        "bars": dict(used.by_timeframe),
        "kept_out": taken.held_back + taken.rejected_total + taken.late_dropped,
        "held_ticks": used.total_ticks,
        "disk_mb": used.disk_usage_mb,
        "on_disk": used.bars_on_disk,
        "score": stats.data_quality_score,
        "handled": dict(seen),
        "errors": market.data.get_validation_stats().errors_detected,
    }


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main(hours: float, checkpoints: int) -> None:
    """Live through so many market hours, and compare the bars held with the venue's at the end."""
    seen = {"bars": 0, "ticks": 0}

    def on_bar(_event: mdnb.Event) -> None:
        seen["bars"] += 1

    def on_tick(_event: mdnb.Event) -> None:
        seen["ticks"] += 1

    config = mdnb.DataManagerConfig(
        max_bars_per_timeframe=LIMIT,
        max_ticks=TICKS,
        enable_disk_overflow=True,
        compression_enabled=True,
        cleanup_frequency=2.0,
        max_disk_cache_gb=0.002,
        remove_outliers=True,
        fill_gaps=True,
        enable_level2_data=True,
    )
    feed = "sim://?seed=4&speed=600&rate=5&start=2026-03-03T00:00:00Z"
    with mdnb.live(
        SYMBOL, TIMEFRAMES, feed=feed, initial_days=0, data_manager_config=config, name="soak", progress=False
    ) as market:
        market.data.enable_validation()
        market.on("new_bar", on_bar)
        market.on("tick_data", on_tick)
        clock = market._parts.session.feed.clock
        start = clock.now_ns()
        for number in range(1, checkpoints + 1):
            due = start + int(hours * _HOUR_NS * number / checkpoints)
            market.wait_for("new_bar", 600, lambda event, due=due: event.time_ns >= due)  # type: ignore[misc]
            _say(_checkpoint(market, seen))
        out = market.data.get_validation_errors(1000, type="price_outlier")
        same = {name: _same(market, name, [one.time_ns for one in out]) for name in ("1min", "5min", "15min")}
        _say({"same": same})


def _same(market: Any, name: str, kept_out: list[int]) -> bool:
    """Return whether the bars held, on disk too, are the venue's own, but for trades that were kept out."""
    # Flat bars stand for minutes without a trade, which the venue has no bar of.
    mine = market.data.get_all_data(name).iloc[1:-1]
    mine = mine[mine["tick_count"] > 0]
    first, last = int(mine.index[0].value), int(mine.index[-1].value)
    feed = market._parts.session.feed
    theirs = call(feed.history_bars(SYMBOL, name, first, last + 1))
    grid = market.data.engine.grid(name)
    touched = {grid.span(at)[0] for at in kept_out}
    ours = {at.value: row for at, row in zip(mine.index, mine[COLUMNS].to_numpy().tolist(), strict=True)}
    venues = {row[0]: [*row[1:5], float(row[6])] for row in theirs}
    differ = {at for at in ours.keys() | venues.keys() if ours.get(at) != venues.get(at)}
    return len(ours) > 0 and differ <= touched


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
