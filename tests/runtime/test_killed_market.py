"""A kept market is killed, and the next one on the folder has what an uninterrupted one has."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import mdnb
from tests.limits import LIMIT_SECONDS

NAMES = ["open", "high", "low", "close", "volume", "tick_count", "vwap"]
FLUSHED_NS = 2_000_000_000
"""How much older than the newest bar told one is that has been written long since."""


def test_a_killed_market_is_there_again(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.runtime.live_kept", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(5)]
        process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.stdout]
        assert process.wait(LIMIT_SECONDS) == -signal.SIGKILL
    with mdnb.store(tmp_path) as store:
        assert not store.read_only
        held = store.frame("MNQ", "1sec").index.as_unit("ns").asi8.tolist()
        assert {ns for ns in told if ns < told[-1] - FLUSHED_NS} <= set(held)
        assert len(store.ticks("MNQ")) > 0
    timeframes = ["1sec", "5sec", "1min"]
    with mdnb.live("MNQ", timeframes, store=tmp_path, initial_days=0, progress=False) as again:
        for _ in range(3):
            again.wait_for("new_bar")
        assert not list(again._parts.session.markets["MNQ"].pipeline.gaps), (
            "the history reached to the last bar"
        )
        found = {name: again.data.get_data(name, count=10**6, closed_only=True) for name in timeframes}
    with mdnb.store(tmp_path) as store:
        stored = {name: store.frame("MNQ", name) for name in timeframes}
    # The simulator makes the same trades again for whoever asks.
    with mdnb.live("MNQ", timeframes, initial_days=0.02, progress=False) as whole:
        for name in timeframes:
            expected = whole.data.get_data(name, count=10**6, closed_only=True)[NAMES]
            # A history may begin in the midst of a coarser bar.
            both = expected.index.intersection(found[name].index[1:])
            assert len(both) > 3
            pd.testing.assert_frame_equal(found[name].loc[both, NAMES], expected.loc[both], check_freq=False)
            kept = stored[name].index.intersection(found[name].index)
            assert len(kept) >= len(both)
            pd.testing.assert_frame_equal(
                stored[name].loc[kept, NAMES], found[name].loc[kept, NAMES], check_freq=False
            )


@pytest.mark.parametrize("end", ["", "1 / 0"])
def test_a_script_that_does_not_close_its_market_has_kept_it_all_the_same(end: str, tmp_path: Path) -> None:
    script = f"""
import mdnb
feed, folder = "sim://?speed=10", {str(tmp_path)!r}
live = mdnb.live("MNQ", "1sec", feed=feed, initial_days=0.01, store=folder, progress=False)
print(live.wait_for("new_bar").time.value)
{end}
"""
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )
    lines = run.stderr.splitlines()
    assert lines == [] if not end else lines[-1] == "ZeroDivisionError: division by zero", run.stderr
    assert "mdnb/" not in run.stderr
    # Others read it: it is in Parquet.
    kept = pd.read_parquet(tmp_path, filters=[("timeframe", "==", "1sec")])
    assert int(run.stdout) in kept["timestamp"].astype("datetime64[ns, UTC]").astype("int64").to_list()
