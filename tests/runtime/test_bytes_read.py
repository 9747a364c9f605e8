"""How much of what is on disk is read to answer a question: the system counts, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the system counts no bytes")

READ_OF_DISK = """
import asyncio, json, sys
from pathlib import Path
import mdnb
from mdnb.config import DataManagerConfig
from tests.manager.hand import HandFeed, minutes

def read():
    words = Path("/proc/self/io").read_text().split()
    return int(words[words.index("rchar:") + 1])

ROWS, LIMIT = 50_000, 1000
config = DataManagerConfig(
    max_bars_per_timeframe=LIMIT, enable_disk_overflow=True, disk_cache_path=sys.argv[1], auto_cleanup=False
)
feed = HandFeed(minutes(-ROWS, ROWS))
with mdnb.live("X", "1min", feed=feed, initial_days=40, progress=False, data_manager_config=config) as market:
    engine = market._parts.session.markets["X"].engine
    overflow = engine.overflow["1min"]
    waiting = overflow._waiting
    from mdnb.stores.columns import join_columns
    rest = join_columns(list(waiting))
    waiting.clear()
    for at in range(100):
        waiting.append(rest.part(at * len(rest) // 100, (at + 1) * len(rest) // 100))
        overflow.flush()
    files = len(overflow.segments.segments())
    data = market.data
    data.get_data("1min", count=5_000)
    told = {"files": files, "bytes": overflow.segments.nbytes}
    def asked(name, **how):
        before = read()
        frame = data.get_data("1min", **how)
        told[name] = [read() - before, len(frame)]
    whole = data.get_data("1min", count=ROWS)
    asked("memory", count=900)
    asked("count", count=1_400)
    asked("far", count=6_000)
    begin = whole.index[5_000]
    asked("range", start_time=begin, end_time=whole.index[5_400])
    asked("first", start_time=begin, count=300, end_time=whole.index[9_000])
    asked("all", count=ROWS)
    told["same"] = bool(data.get_data("1min", count=6_000).equals(whole.iloc[-6_000:]))
print(json.dumps(told))
"""


def told_by(code: str, *arguments: object) -> dict[str, Any]:
    """Run code in a process of its own and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = msgspec.json.decode(done.stdout.splitlines()[-1])
    return made


def test_a_market_reads_of_a_hundred_files_those_that_it_needs(tmp_path: Path) -> None:
    told = told_by(READ_OF_DISK, tmp_path)
    assert told["files"] == 100
    a_file = told["bytes"] / 100
    assert told["same"]
    assert told["memory"] == [told["memory"][0], 900]
    assert told["memory"][0] < a_file / 4, "memory has them"
    assert told["count"][1] == 1_400
    assert told["count"][0] <= 2.5 * a_file, "400 bars are in one file, or in two"
    assert told["far"][1] == 6_000
    assert told["far"][0] <= 12.5 * a_file, "5,000 bars are in eleven files, or in twelve"
    assert told["range"][1] == 401
    assert told["range"][0] <= 2.5 * a_file
    assert told["all"][0] > 90 * a_file, "it is counted"
