"""A process that writes a store is killed at any moment: what it had told is there, and all can read it."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

import mdnb
from tests.limits import LIMIT_SECONDS
from tests.market_store.keep_numbered import AMENDED, FIRST_US, STEP_US, TRADES, numbered

MODULE = "tests.market_store.keep_numbered"


def killed(folder: Path, segment_rows: int, rows: int, told: int) -> int:
    """Let a process write until it has told so often of rows, kill it, and return how many it had told of."""
    command = [sys.executable, "-m", MODULE, str(folder), str(segment_rows), str(rows), "amends"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        word, count = process.stdout.readline().split()
        assert word == "ready"
        acked = int(count)
        for _ in range(told):
            acked = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        for line in process.stdout:  # what it had told before it was gone
            acked = int(line)
        assert process.wait(LIMIT_SECONDS) == -signal.SIGKILL
    return acked


def check(folder: Path, acked: int) -> int:
    """Check that what was told is there, each once and as it was; return how many bars are there."""
    with mdnb.store(folder) as store:
        frame = store.frame("BTC/USD", "1min")
        ticks = store.ticks("BTC/USD")
    count = len(frame)
    assert count >= acked
    number = np.arange(count, dtype="i8")
    whole = numbered(number)
    assert frame.index.asi8.tolist() == whole.time_us.tolist()
    for name in ("open", "high", "low", "close", "vwap", "tick_count"):
        np.testing.assert_array_equal(frame[name], getattr(whole, name).astype(float))
    assert set(frame["volume"] - number) <= {0.0, AMENDED}
    assert len(ticks) >= acked * TRADES
    np.testing.assert_array_equal(ticks["trade_id"], np.arange(len(ticks)))
    return count


def check_with_others(folder: Path, count: int) -> None:
    """Check that other programs read the sealed files, and find nothing twice and nothing else."""
    tree = folder / "symbol=BTC%2FUSD" / "timeframe=1min"
    if not tree.exists():
        return
    pattern = f"{tree}/**/*.parquet"
    frames = [
        pd.read_parquet(tree),
        pl.scan_parquet(pattern, hive_partitioning=True).collect().to_pandas(),
        duckdb.sql(f"from read_parquet('{pattern}', hive_partitioning=true)").arrow().read_all().to_pandas(),
    ]
    for frame in frames:
        sealed = frame.sort_values("timestamp")
        number = (sealed["timestamp"].astype("datetime64[us, UTC]").astype("int64") - FIRST_US) // STEP_US
        assert number.tolist() == list(range(len(sealed)))
        assert (sealed["open"] == number.to_numpy() / 4).all()
        assert len(sealed) <= count


@pytest.mark.parametrize("segment_rows", [50, 700])
def test_a_killed_writer_loses_nothing_that_it_told(tmp_path: Path, segment_rows: int) -> None:
    draw = random.Random(segment_rows)
    for _ in range(5):
        acked = killed(tmp_path, segment_rows, draw.choice([1, 30, 200]), draw.randrange(1, 60))
        count = check(tmp_path, acked)
        check_with_others(tmp_path, count)


@pytest.mark.slow
@pytest.mark.parametrize("segment_rows", [1, 37, 500, 20_000])
def test_fifty_kills_with_segments_of_any_size(tmp_path: Path, segment_rows: int) -> None:
    draw = random.Random(segment_rows)
    for run in range(50):
        acked = killed(tmp_path, segment_rows, draw.choice([1, 30, 200]), draw.randrange(1, 80))
        count = check(tmp_path, acked)
        if run % 5 == 0:
            check_with_others(tmp_path, count)


def test_who_opens_after_a_kill_finds_it_unlocked_and_writes(tmp_path: Path) -> None:
    acked = killed(tmp_path, 10_000, 5, 3)
    with mdnb.store(tmp_path) as store:
        assert not store.read_only
        bars = store.frame("BTC/USD", "1min")
        written = store.write("BTC/USD", "1min", bars, positive_prices=False)
        assert written.kept == len(bars) >= acked
    hidden = tmp_path / ".mdnb"
    assert not list(hidden.glob("*.arrows")), "what was in the tails is in Parquet"
    check_with_others(tmp_path, len(bars))
