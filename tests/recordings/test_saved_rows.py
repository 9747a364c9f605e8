"""Any market of trades that is saved ends, once it is opened and played, with the very bars it had."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import hypothesis.strategies as st
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

import mdnb
from mdnb.feeds.recorder import Recorder
from mdnb.io.saved_market import open_saved_market
from tests.io.frames import PROJECT
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START

MILLISECOND = SECOND // 1000
# How long after the one before, how late it is, its price and size.
TRADE = st.tuples(
    st.sampled_from([0, 1, 200, 900, 3_000, 20_000, 130_000]),
    st.sampled_from([0, 0, 0, 0, 700, 2_500, 9_000]),
    st.integers(-20, 20).map(lambda step: 100 + step / 4),
    st.integers(1, 400).map(lambda size: size / 100),
)


def written(path: Path, trades: list[tuple[int, int, float, float]], *, with_ids: bool) -> Path:
    at_ns = START
    with Recorder(path, "mdnb", ["X"]) as recorder:
        for number, (step, late, price, size) in enumerate(trades):
            at_ns += step * MILLISECOND
            row = [at_ns - late * MILLISECOND, price, size, 1, 1, number if with_ids else -1]
            recorder.frame(at_ns, json.dumps({"e": "trades", "s": "X", "r": [row]}))
    return path


def frames(market: mdnb.LiveMarket) -> dict[str, pd.DataFrame]:
    engine = market._parts.manager.market.engine
    return {name: engine.frame(name, closed_only=True) for name in market.timeframes}


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(TRADE, min_size=2, max_size=250),
    st.integers(1, 300),
    st.sampled_from([["1min", "5min"], ["1sec", "1min", "1hour"], ["1min", "7tick", "5vol"], ["9tick"]]),
    st.booleans(),
)
def test_what_is_saved_is_what_is_there_at_the_end(
    trades: list[tuple[int, int, float, float]], held: int, names: list[str], with_ids: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "r.jsonl", trades, with_ids=with_ids)
        config = mdnb.DataManagerConfig(max_ticks=held)
        feed = f"replay:{path}?speed=max"
        with mdnb.live("X", names, feed=feed, progress=False, data_manager_config=config) as market:
            market.wait_ended(LIMIT_SECONDS)
            saved = market.save(Path(folder) / "x.mdnb")
            with warnings.catch_warnings():
                # Of the one trade held, which is in no bar, that it is not played.
                warnings.simplefilter("ignore")
                again = mdnb.open(saved, speed="max", progress=False)
            with again:
                again.wait_ended(LIMIT_SECONDS)
                closed = [
                    {
                        name: one.data.get_data(name, closed_only=True, with_times=True)["closed_at"]
                        for name in names
                    }
                    for one in (market, again)
                ]
                ours, theirs = frames(market), frames(again)
                for name, frame in ours.items():
                    pd.testing.assert_frame_equal(frame, theirs[name], check_exact=True, check_freq=False)
                    pd.testing.assert_series_equal(closed[0][name], closed[1][name], check_freq=False)
                assert list(ours) == list(theirs)


def test_a_bar_that_began_with_a_late_trade_is_in_its_place_again(tmp_path: Path) -> None:
    """The second bar of three trades starts before the first one."""
    trades = [(1000, late, 100 + at, 1.0) for at, late in enumerate([0, 0, 0, 3_500, 0, 0, 0, 0])]
    for held in (3, 1000):
        path = written(tmp_path / f"{held}.jsonl", trades, with_ids=True)
        config = mdnb.DataManagerConfig(max_ticks=held)
        feed = f"replay:{path}?speed=max"
        with mdnb.live(
            "X", ["1min", "3tick"], feed=feed, progress=False, data_manager_config=config
        ) as market:
            market.wait_ended(LIMIT_SECONDS)
            ours = frames(market)["3tick"]
            assert ours.index.is_monotonic_decreasing
            assert ours["close"].tolist() == [102.0, 105.0]
            saved = market.save(tmp_path / f"{held}.mdnb")
        with mdnb.open(saved, speed="max", progress=False) as again:
            again.wait_ended(LIMIT_SECONDS)
            pd.testing.assert_frame_equal(ours, frames(again)["3tick"], check_freq=False)


def known_at(market: mdnb.LiveMarket, name: str, instants: pd.DatetimeIndex) -> list[list[pd.Timestamp]]:
    """What was known of a timeframe at some instants."""
    return [list(market.data.get_data(name, as_of=at, closed_only=True).index) for at in instants]


@pytest.mark.parametrize("speed", ["max", 2_000])
def test_no_bar_is_known_earlier_than_it_was_before_it_was_saved(speed: str | float, tmp_path: Path) -> None:
    path, names, at_ns = tmp_path / "r.jsonl", ["1sec", "5sec", "1min"], START
    with Recorder(path, "mdnb", ["X"]) as recorder:
        for number in range(600):
            at_ns += (37 + number * 7919 % 700 + (5_000 if number % 50 == 0 else 0)) * MILLISECOND
            # What the venue stamps, and comes up to 400 ms later.
            row = [at_ns - number * 104_729 % 400 * MILLISECOND, 100 + number % 7 / 4, 1.0, 1, 1, number]
            recorder.frame(at_ns, json.dumps({"e": "trades", "s": "X", "r": [row]}))
    with mdnb.live("X", names, feed=f"replay:{path}?speed=max", progress=False) as market:
        market.wait_ended(LIMIT_SECONDS)
        saved = market.save(tmp_path / "x.mdnb")
        with mdnb.open(saved, speed=speed, progress=False) as again:
            seen: list[tuple[str, pd.Timestamp, pd.Timestamp]] = []
            again.on("new_bar", lambda event: seen.append((event.timeframe, event.time, event.closed_at)))
            again.wait_ended(LIMIT_SECONDS)
            for name in names:
                ours = market.data.get_data(name, closed_only=True, with_times=True)
                theirs = again.data.get_data(name, closed_only=True, with_times=True)
                pd.testing.assert_frame_equal(ours, theirs, check_freq=False)
                closed = pd.DatetimeIndex(ours["closed_at"])[:-1:7]
                for instants in (closed, closed - pd.Timedelta("1us")):
                    assert known_at(market, name, instants) == known_at(again, name, instants)
                told = {time: at for of, time, at in seen if of == name}
                at_the_end = set(ours.index[-1:])
                wanted = dict(zip(ours.index, ours["closed_at"], strict=True))
                assert {
                    time: at for time, at in told.items() if time not in at_the_end
                }.items() <= wanted.items()
                # The first one is there at once; at a speed of its own more may have come before the handler.
                assert told.keys() >= set(ours.index[2:]) if speed == "max" else told


KILLED = """
import sys, os
import mdnb
from mdnb.io import atomic

market = mdnb.live("MNQ", "1min", feed="sim://?speed=1", initial_days=0.5, progress=False)
really = os.fsync

def wait(descriptor):
    really(descriptor)
    print("written", flush=True)
    sys.stdin.read()  # until it is killed

os.fsync = wait
market.save(sys.argv[1])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_process_that_is_killed_while_it_saves_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.mdnb"
    with mdnb.live("MES", "1min", feed="sim://?speed=1", initial_days=0.1, progress=False) as market:
        market.save(path)
    before = path.read_bytes()
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)],
        cwd=PROJECT,
        env=dict(os.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        child.send_signal(signal.SIGKILL)
    assert path.read_bytes() == before
    assert [each.symbol for each in open_saved_market(path).manifest.symbols] == ["MES"]
