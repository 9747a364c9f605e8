"""A recording closes the same bars at the same times at any speed, and what was known then stays known."""

from __future__ import annotations

import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest

import mdnb
from mdnb.config import DataManagerConfig
from mdnb.feeds.recorder import Recorder
from tests.limits import LIMIT_SECONDS
from tests.runtime.replays import check_paced, played, told

SECOND = 1_000_000_000
START = 1_700_000_100 * SECOND

Trade = tuple[int, float]


def walk(seed: int, count: int, *, late: float = 0.0, gaps: float = 0.01, grain: int = 1) -> list[Trade]:
    """Return times and prices in order of arrival: some late, some at one time, pauses in between."""
    dice = random.Random(seed)
    now, price, made = START, 100.0, []
    for _ in range(count):
        now += int(dice.expovariate(2.0) * SECOND) // grain * grain
        now += dice.randrange(1, 200) * SECOND if dice.random() < gaps else 0
        price = round(price + dice.gauss(0, 0.1), 2)
        made.append((now - int(dice.random() * 4 * SECOND) if dice.random() < late else now, price))
    return made


def rows_file(path: Path, trades: list[Trade]) -> Path:
    """Write trades as a file whose rows have no times of receipt."""
    rows = [
        [f"{ns // 10**6}.{ns % 10**6:06d}", str(number), None, "buy", price, 1.0, price]
        for number, (ns, price) in enumerate(trades)
    ]
    path.write_text(json.dumps(rows))
    return path


def frames_file(path: Path, trades: list[Trade], *, quotes: bool = False) -> Path:
    """Write a venue's frames, received some milliseconds after their stamps, some at one instant."""
    dice = random.Random(len(trades))
    received = 0
    with Recorder(path, "mdnb", ["X"]) as recorder:
        for number, (ns, price) in enumerate(trades):
            received = max(received, ns + dice.choice((0, 20, 80, 800)) * SECOND // 1000)
            row = [ns, price - 0.01, 1.0, price + 0.01, 2.0] if quotes else [ns, price, 1.0, 1, 1, number]
            frame = {"e": "quotes" if quotes else "trades", "s": "X", "r": [row]}
            recorder.frame(received, json.dumps(frame))
    return path


def quotes_file(path: Path, trades: list[Trade]) -> Path:
    """Write LEAN's quotes, whose rows have no times of receipt: milliseconds of one day."""
    midnight = START - START % (86_400 * SECOND)
    rows = [f"{(ns - midnight) // 10**6},{price - 0.01:.2f},{price + 0.01:.2f}" for ns, price in trades]
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        archive.writestr("20231114_xauusd_tick_quote.csv", "\n".join(rows))
    return path.with_suffix(".zip")


def candles_file(path: Path, count: int) -> Path:
    """Write minutes, some of which are not there."""
    dice = random.Random(count)
    first = START // SECOND // 3600 * 3600
    rows = [
        [(first + 60 * number) * 1000, price, price + 0.1, price - 0.1, price + 0.05, 5.0]
        for number in range(count)
        for price in [round(100 + dice.gauss(0, 1), 2)]
        if number not in (59, 60, 61, 124)
    ]
    path.write_text(json.dumps(rows))
    return path


SHORT = ["1sec", "7sec", "1min"]


@pytest.mark.parametrize(
    ("name", "names", "config"),
    [
        ("rows", SHORT, {}),
        ("rows of whole seconds", SHORT, {}),
        ("late rows", SHORT, {}),
        ("late rows", ["5sec", "20tick", "1min"], {}),
        ("rows", ["5sec", "1min"], {"fill_gaps": True}),
        ("late rows", SHORT, {"remove_outliers": True}),
        ("late frames", SHORT, {}),
        ("quotes", SHORT, {}),
        ("rows of quotes", SHORT, {}),
        ("candles", ["1min", "5min", "15min"], {}),
        ("candles", ["5min", "15min", "1hour"], {}),
        ("candles", ["1min", "7min"], {"fill_gaps": True}),
        ("rows", SHORT, {"max_bars_per_timeframe": 50}),
    ],
)
def test_a_recording_closes_the_same_bars_at_any_speed(
    tmp_path: Path, name: str, names: list[str], config: dict[str, Any]
) -> None:
    path = tmp_path / "recording.json"
    made = {
        "rows": lambda: rows_file(path, walk(1, 400)),
        "rows of whole seconds": lambda: rows_file(path, walk(2, 400, late=0.03, grain=SECOND)),
        "late rows": lambda: rows_file(path, walk(3, 400, late=0.05)),
        "late frames": lambda: frames_file(path, walk(4, 400, late=0.05)),
        "quotes": lambda: frames_file(path, walk(5, 400), quotes=True),
        "rows of quotes": lambda: quotes_file(path, walk(6, 400)),
        "candles": lambda: candles_file(path, 200),
    }[name]()
    symbol = "XAUUSD" if name == "rows of quotes" else "X"
    limits = DataManagerConfig(**config)
    expected = played(made, symbol, names, data_manager_config=limits)
    ends = [row[0] for row in expected]
    assert ends == sorted(ends)
    assert len(expected) > 40
    if "max_bars_per_timeframe" not in config:
        # What has left memory cannot be looked at later.
        assert played(made, symbol, names, late=True, data_manager_config=limits) == expected
    assert told("max", made, symbol, names, config=limits) == expected
    assert told("max", made, symbol, names, config=limits, handled=True) == expected
    speed = 20_000 if name == "candles" else 2000
    check_paced(lambda at: told(at, made, symbol, names, config=limits), expected, speed)


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one message"])
def test_what_is_told_after_a_newer_first_trade_is_where_it_belongs_stepwise_too(
    tmp_path: Path, together: bool
) -> None:
    # As venues do that tell their newest trade as soon as they are subscribed, and those before it then.
    path = tmp_path / "recording.jsonl"
    rows = [[START + number * SECOND, 100.0 + number % 7, 1.0, 1, 1, number] for number in range(60)]
    first, rest = [rows[9], *rows[1:9]], [[row] for row in rows[10:]]
    with Recorder(path, "mdnb", ["X"]) as recorder:
        for frame in [first, *rest] if together else [*([row] for row in first), *rest]:
            at = max(START + 9 * SECOND, int(frame[-1][0])) + SECOND // 10
            recorder.frame(at, json.dumps({"e": "trades", "s": "X", "r": frame}))
    expected = played(path, "X", SHORT)
    assert next(row for row in expected if row[1] == "1min")[2] == rows[1][1]
    assert told("max", path, "X", SHORT) == told("max", path, "X", SHORT, handled=True) == expected


@pytest.mark.parametrize(
    ("source", "symbol", "speed", "options"),
    [
        ("dataset:gold-ticks", "GC", 20_000, {"start": "2013-10-07T12:00", "end": "2013-10-07T16:00"}),
        ("dataset:gold-ticks", "GC", 60, {"start": "2013-10-07T13:29", "end": "2013-10-07T13:33"}),
        ("dataset:bitcoin-messages", "BTCUSDT", 20, {}),
    ],
)
def test_the_shipped_recordings_close_the_same_bars_at_any_speed(
    source: str, symbol: str, speed: float, options: dict[str, str]
) -> None:
    expected = played(source, symbol, **options)
    assert len(expected) > 5
    made = told(speed, source, symbol, **options)
    # What closed before somebody listened is not told to him.
    assert made == expected[len(expected) - len(made) :]
    assert len(made) > len(expected) * 0.8


def test_each_bar_of_trades_closes_with_its_last_one(tmp_path: Path) -> None:
    path = rows_file(tmp_path / "even.json", [(START + number * SECOND, 100.0) for number in range(600)])
    steps = list(mdnb.play(path, ["50tick", "1min"], symbol="X"))
    closed = [bar.closed_ns for step in steps for name, bar in step.bars.items() if name == "50tick"]
    assert closed == [START + number * SECOND for number in range(49, 600, 50)]


@pytest.mark.parametrize("form", ["rows", "frames"])
def test_a_moment_that_was_looked_at_stays_as_it_was_seen(tmp_path: Path, form: str) -> None:
    trades = [(START + ms * SECOND // 1000, price) for ms, price in _LATE]
    path = tmp_path / "late.json"
    made = rows_file(path, trades) if form == "rows" else frames_file(path, trades)
    seen: list[tuple[Any, list[float]]] = []
    views: list[tuple[Any, list[float]]] = []
    with mdnb.live("X", "1min", feed=f"replay:{made}?speed=max", initial_days=0, progress=False) as live:

        def look(_event: mdnb.Event) -> None:
            when = live.alignment().time
            seen.append((when, live.data.get_data("1min", closed_only=True)["low"].tolist()))

        live.on("tick_data", look)
        live.on("bars_closed", lambda event: views.append((event.view, event.view["1min"]["low"].tolist())))
        live.wait_ended(LIMIT_SECONDS)
        for when, low in seen:
            assert live.data.get_data("1min", as_of=when)["low"].tolist() == low, when
        for view, low in views:
            assert view["1min"]["low"].tolist() == low, view
    assert len(seen) == len(trades)


# The second one closes a minute, and the third one, of the same instant where it is received, is of it.
_LATE = [(10_000, 100.0), (60_100, 105.0), (59_000, 90.0), (90_000, 106.0), (121_000, 107.0), (119_000, 80.0)]


def test_a_trade_that_no_bar_takes_tells_the_time_too(tmp_path: Path) -> None:
    opens = 1_699_972_200  # 14 November 2023, 9:30 in New York
    minutes = [*range(0, 390, 10), 395]
    path = rows_file(tmp_path / "day.json", [((opens + 60 * at) * SECOND, 100.0) for at in minutes])
    names = ["1min", "1day"]
    expected = played(path, "X", names, calendar="NYSE")
    assert [row[-2] for row in expected if row[1] == "1day"] == [False]
    assert told("max", path, "X", names, calendar="NYSE") == expected
    assert told("max", path, "X", names, calendar="NYSE", handled=True) == expected


def test_what_has_left_memory_is_not_read_as_nothing(tmp_path: Path) -> None:
    path = rows_file(tmp_path / "long.json", walk(6, 400))
    config = DataManagerConfig(max_bars_per_timeframe=50)
    feed = f"replay:{path}?speed=max"
    with mdnb.live(
        "X", "1sec", feed=feed, initial_days=0, progress=False, data_manager_config=config
    ) as live:
        live.wait_ended(LIMIT_SECONDS)
        held = live["1sec"].frame
        early = held.index[0] - (held.index[1] - held.index[0]) * 100
        for ask in (
            lambda: live.data.get_data("1sec", as_of=early),
            lambda: live.data.get_data("1sec", 20, as_of=held.index[5]),
            lambda: live.alignment(as_of=early),
        ):
            with pytest.raises(mdnb.NoDataError, match="have left memory"):
                ask()
        assert len(live.data.get_data("1sec", 20, as_of=held.index[40])) == 20
