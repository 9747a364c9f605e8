"""A recording's time: bars close when they were known, and nobody is told of one who finds a later one."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mdnb
from mdnb.config import DataManagerConfig
from mdnb.feeds.recorder import Recorder
from tests.limits import LIMIT_SECONDS
from tests.runtime.replays import played, told

SECOND = 1_000_000_000
MS = SECOND // 1000
MINUTE = 60 * SECOND
GRACE = 500 * MS
START = 1_700_042_400 * SECOND  # 15 November 2023, 10:00

Told = tuple[int, str, str, int]
"""When it was received, ``trades`` or ``quotes``, the symbol, and the time in it."""


def recording(path: Path, frames: Sequence[Told]) -> Path:
    """Write a frame for each; the price of a trade is its number, so that a close names the trade."""
    with Recorder(path, "mdnb", sorted({symbol for _, _, symbol, _ in frames})) as recorder:
        for number, (received, kind, symbol, stamp) in enumerate(frames):
            row = (
                [stamp, 100.0 + number, 1.0, 1, 1, number]
                if kind == "trades"
                else [stamp, 1.0, 1.0, 2.0, 1.0]
            )
            recorder.frame(received, json.dumps({"e": kind, "s": symbol, "r": [row]}))
    return path


def at(seconds: float) -> int:
    return START + round(seconds * 1000) * MS


def frame(kind: str, stamp: float, received: float | None = None, symbol: str = "X") -> Told:
    return at(stamp if received is None else received), kind, symbol, at(stamp)


def quiet_market() -> list[Told]:
    """Return frames of a market in which a minute's only trade comes 1.5 s after its bar was due."""
    return [
        frame("trades", 10),
        frame("quotes", 70),
        frame("quotes", 240.7),
        frame("trades", 239.9, 242),
        frame("quotes", 243),
        frame("trades", 301),
        frame("trades", 302),
    ]


def slow_line(seed: int, count: int = 150) -> list[Told]:
    """Return frames that come up to 1.9 s after their stamps, with pauses, and quotes that come at once."""
    dice = random.Random(seed)
    made, now = [], START
    for _ in range(count):
        now += dice.choice((100, 700, 1300, 2500, 5000, 61_000)) * MS + dice.randrange(1000)
        made.append((now + dice.randrange(1900) * MS + dice.randrange(1000), "trades", "X", now))
        made.append((now + GRACE + MS * dice.randrange(900), "quotes", "X", now + GRACE))
    return sorted(made)


def first_arrivals(frames: Sequence[Told], step_ns: int) -> dict[int, int]:
    """Return when each interval that has trades had its first one, by the interval's end."""
    found: dict[int, int] = {}
    for received, kind, _, stamp in frames:
        if kind == "trades":
            found.setdefault(stamp // step_ns * step_ns + step_ns, received)
    return found


STEPS = {"1sec": SECOND, "5sec": 5 * SECOND, "1min": MINUTE, "5min": 5 * MINUTE}


@pytest.mark.parametrize("frames", [quiet_market(), slow_line(1), slow_line(2)])
@pytest.mark.parametrize("names", [["1sec", "5sec", "1min"], ["1min", "5min"]])
def test_no_bar_is_closed_before_its_first_trade_came(
    tmp_path: Path, frames: list[Told], names: list[str]
) -> None:
    path = recording(tmp_path / "r.json", frames)
    expected = played(path, "X", names)
    assert {row[1] for row in expected} == set(names)
    for end_ns, name, *_, closed_ns, _, _ in expected:
        assert closed_ns > first_arrivals(frames, STEPS[name])[end_ns], (name, pd.Timestamp(end_ns))
    assert told("max", path, "X", names) == expected
    assert told("max", path, "X", names, handled=True) == expected
    paced = told(2000, path, "X", names)
    # What closed before somebody listened is not told to him.
    assert paced == expected[len(expected) - len(paced) :]
    assert paced or len(frames) < 100


def test_a_bar_that_was_over_when_its_trade_came_closes_right_after_it(tmp_path: Path) -> None:
    path = recording(tmp_path / "r.json", quiet_market())
    closed = {(row[1], row[0]): row[-3] for row in played(path, "X", ["1min", "5min"])}
    assert closed["1min", at(60)] == at(60) + GRACE
    assert closed["1min", at(240)] == at(242) + 1000
    assert closed["5min", at(300)] == at(300) + GRACE


@pytest.mark.parametrize("config", [{}, {"fill_gaps": True}, {"grace_ms": 0}])
@pytest.mark.parametrize("seed", [3, 4])
def test_what_a_handler_reads_is_what_was_known_then(
    tmp_path: Path, seed: int, config: dict[str, Any]
) -> None:
    frames = sorted(
        [*slow_line(seed, 40), *((ns, "quotes", "X", ns) for ns in range(START, START + 20 * SECOND, GRACE))]
    )
    path = recording(tmp_path / "r.json", frames)
    names = ["5sec", "1min"] if config.get("fill_gaps") else ["1sec", "5sec", "1min"]
    seen: list[tuple[pd.Timestamp, dict[str, pd.DataFrame]]] = []
    with mdnb.live(
        "X",
        names,
        feed=f"replay:{path}?speed=max",
        initial_days=0,
        progress=False,
        data_manager_config=DataManagerConfig(**config),
    ) as live:

        def look(_event: mdnb.Event) -> None:
            read = {name: live.data.get_data(name, closed_only=True) for name in names}
            seen.append((live.alignment().time, read))

        handlers = [live.on(kind, look) for kind in ("quote_update", "tick_data", "bars_closed")]
        live.wait_ended(LIMIT_SECONDS)
        assert [handler.last_error for handler in handlers] == [None] * 3
        assert len(seen) > 130
        for when, read in seen:
            for name in names:
                then = live.data.get_data(name, as_of=when)
                pd.testing.assert_frame_equal(then, read[name], check_freq=False)


def pauses() -> list[Told]:
    """Return frames of two symbols, with pauses of more than an hour."""
    seconds = [(10, "X"), (20, "Y"), (4200, "X"), (4300, "Y"), (4300, "X"), (4370.25, "Y")]
    return [frame("trades", second, symbol=symbol) for second, symbol in seconds]


@pytest.mark.parametrize("fill", [False, True])
@pytest.mark.parametrize("symbols", [["X"], ["X", "Y"], ["Y", "X"]])
def test_a_handler_finds_nothing_that_closed_later_than_its_bars(
    tmp_path: Path, symbols: list[str], fill: bool
) -> None:
    path = recording(tmp_path / "r.json", pauses())
    config = DataManagerConfig(fill_gaps=fill)
    assert_nothing_later(f"replay:{path}?speed=max", symbols, ["1min", "5min", "1hour"], config, 10)


def test_a_handler_of_a_shipped_recording_finds_nothing_that_closed_later() -> None:
    feed = "replay:dataset:gold-ticks?speed=max&start=2013-10-07T20:00&end=2013-10-07T23:30"
    assert_nothing_later(feed, ["GC"], ["1min", "5min", "1hour"], DataManagerConfig(), 50)


def assert_nothing_later(
    feed: str, symbols: list[str], names: list[str], config: DataManagerConfig, least: int
) -> None:
    later: list[Any] = []
    told: list[pd.Timestamp] = []
    with mdnb.live(
        symbols, names, feed=feed, initial_days=0, progress=False, data_manager_config=config
    ) as live:

        def look(event: mdnb.Event) -> None:
            known = event.closed_at
            told.append(known)
            if live[event.symbol].alignment().time != known:
                later.append((known, "time", live[event.symbol].alignment().time))
            for symbol in symbols:
                if live[symbol].alignment().time > known:
                    later.append((known, symbol, live[symbol].alignment().time))
                for name in names:
                    closed = live[symbol].data.get_data(name, closed_only=True, with_times=True)["closed_at"]
                    if (closed > known).any():
                        later.append((known, symbol, name, closed.iloc[-1]))
                    if len(closed) != len(live[symbol].data.get_data(name, as_of=known)):
                        later.append((known, symbol, name, "another number of bars"))

        handlers = [live.on(kind, look) for kind in ("bars_closed", "new_bar")]
        live.wait_ended(LIMIT_SECONDS)
        assert [handler.last_error for handler in handlers] == [None] * 2
    assert later == []
    assert len(told) > least


def test_several_symbols_close_the_same_bars_together_and_each_by_itself(tmp_path: Path) -> None:
    path = recording(tmp_path / "r.json", pauses())
    made: dict[str, list[Any]] = {"X": [], "Y": []}
    names = ["1min", "5min", "1hour"]
    with mdnb.live(
        ["X", "Y"], names, feed=f"replay:{path}?speed=max", initial_days=0, progress=False
    ) as live:
        live.on(
            "new_bar", lambda event: made[event.symbol].append((event.end, event.timeframe, event.closed_at))
        )
        live.wait_ended(LIMIT_SECONDS)
    for symbol, rows in made.items():
        steps = mdnb.play(path, names, symbol=symbol)
        assert rows == [(bar.end, name, bar.closed_at) for step in steps for name, bar in step.bars.items()]


def test_nothing_is_known_a_nanosecond_before_it_was_closed(tmp_path: Path) -> None:
    stamps = [START + second * SECOND + 123_456_789 for second in (10, 60, 125, 180, 200)]
    path = recording(tmp_path / "r.json", [(ns + 1, "trades", "X", ns) for ns in stamps])
    bars: list[mdnb.Bar] = []
    with mdnb.live("X", ["1min"], feed=f"replay:{path}?speed=max", initial_days=0, progress=False) as live:
        live.on("new_bar", lambda event: bars.append(event.bar))
        live.wait_ended(LIMIT_SECONDS)
        frame = live.data.get_data("1min", closed_only=True, with_times=True)
        assert [bar.closed_at for bar in bars] == frame["closed_at"].tolist()
        for count, bar in enumerate(bars, 1):
            assert len(live.data.get_data("1min", as_of=bar.closed_at)) == count
            assert (
                len(live.data.get_data("1min", as_of=pd.Timestamp(bar.closed_ns - 1, tz="UTC"))) == count - 1
            )
    # By the trade at 60 s, received a nanosecond later.
    assert bars[0].closed_ns == START + 60 * SECOND + 123_457_000


def test_what_one_frame_closes_is_closed_at_one_time(tmp_path: Path) -> None:
    stamps = [at(second) for second in (10.5, 11.1, 12.6)]  # the last ones ahead of the receiver's clock
    path = tmp_path / "r.json"
    with Recorder(path, "mdnb", ["X"]) as recorder:
        rows = [[ns, 100.0, 1.0, 1, 1, number] for number, ns in enumerate(stamps)]
        recorder.frame(at(11), json.dumps({"e": "trades", "s": "X", "r": rows}))
        recorder.frame(at(20), json.dumps({"e": "quotes", "s": "X", "r": [[at(20), 1.0, 1.0, 2.0, 1.0]]}))
    closed = {row[0]: row[-3] for row in played(path, "X", ["1sec"])}
    assert closed == {at(11): at(12.6), at(12): at(12.6), at(13): at(13) + GRACE}
    assert_nothing_later(f"replay:{path}?speed=max", ["X"], ["1sec"], DataManagerConfig(), 4)
