"""Every block of the reference page runs as it stands, and what it prints, writes and leaves is plausible."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import logging
import math
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mdnb
from tests.page import (
    PAGE,
    Block,
    Part,
    Run,
    bars_of_the_simulator,
    blocks,
    check_values,
    put_bad_data,
    read_output,
    run_block,
    through_an_outage,
    twice_lost,
)

# An hour and a half into a session in New York; a fifth of the trades, since the block prints each of them.
_START = pd.Timestamp("2026-03-04 15:00", tz="UTC")
_FEED = f"sim://?speed=60&seed=7&rate=0.2&start={_START:%Y-%m-%dT%H:%M}"
# For the block that asks for the last four hours of the wall's clock.
_NOW_FEED = "sim://?speed=60&seed=7"

_TEXT = PAGE.read_text(encoding="utf-8")
_BLOCKS = blocks(_TEXT)
_PRICES = ["open", "high", "low", "close"]
_COLUMNS = [*_PRICES, "volume"]

Found = dict[str, list[dict[str, Any]]]


@dataclasses.dataclass(frozen=True)
class Expected:
    """What is expected of a block.

    Attributes
    ----------
    parts
        What it prints.
    check
        What holds between the values printed, and what it leaves.
    in_order
        The parts are printed one after the other; else as events come.
    feed
        The market.
    before
        Puts into the folder what the block reads.
    during, after
        As in `tests.page.run_block`.
    """

    parts: dict[str, Part]
    check: Callable[[Run, Found], None]
    in_order: bool = True
    feed: str = _FEED
    before: Callable[[Path], None] | None = None
    during: Callable[[mdnb.TradingSuite], Awaitable[None]] | None = None
    after: Callable[[Run], Awaitable[None]] | None = None


def _lines(*lines: str) -> dict[str, Part]:
    return {"all": Part(lines)}


# What holds between the values


def _check_bars(run: Run, timeframe: str, printed: list[dict[str, Any]]) -> None:
    """The bars printed are bars held, one after the other."""
    held = run.bars(timeframe)
    rows = [tuple(row) for row in held[_COLUMNS].round(2).itertuples(index=False)]
    told = [tuple(float(row[name]) for name in _COLUMNS) for row in printed]
    for open_, high, low, close, volume in told:
        assert low <= min(open_, close) <= max(open_, close) <= high
        assert volume > 0
    at = rows.index(told[0])
    assert rows[at : at + len(told)] == told


def _quick_start(run: Run, found: Found) -> None:
    (row,) = found["all"]
    # Five days with a weekend: three trading days of 23 hours each.
    assert row["fine"] >= 3 * 23 * 60
    assert abs(row["fine"] - 5 * row["coarse"]) < 30


def _streaming(run: Run, found: Found) -> None:
    for timeframe, least in (("1min", 4), ("5min", 1)):
        bars = [row for row in found["bar"] if row["timeframe"] == timeframe]
        assert len(bars) >= least
        _check_bars(run, timeframe, bars)
    assert {row["timeframe"] for row in found["bar"]} == {"1min", "5min"}
    times = [row["time"] for row in found["tick"]]
    assert times == sorted(times)
    assert times[-1] - times[0] > pd.Timedelta("4min")
    held = run.bars("1min").iloc[-10:]
    assert all(held["low"].min() <= row["price"] <= held["high"].max() for row in found["tick"])


def _subscriptions(run: Run, found: Found) -> None:
    data = run.suite.data
    assert data.get_timeframes() == ["1min", "5min", "15min", "1hour"]
    assert len(run.bars("1hour")) > 60
    assert run.suite._parts.session.market("MNQ").pipeline.subscribed == {"quotes", "depth"}


def _current(run: Run, found: Found) -> None:
    (row,) = found["all"]
    assert row["bid"] < row["ask"]
    assert row["spread"] == pytest.approx(row["ask"] - row["bid"])
    assert row["spread"] < 10
    assert row["low"] <= row["open"] <= row["high"]
    assert row["low"] <= row["tick"] <= row["high"]
    # The session opened at 17:00 in Chicago the day before.
    opened = pd.Timestamp("2026-03-03 17:00", tz="America/Chicago").tz_convert("UTC")
    today = run.bars("1min").loc[opened : row["time"] - pd.Timedelta("1min")]
    assert len(today) >= 16 * 60
    assert row["open"] == today["open"].iloc[0]
    assert row["low"] <= today["low"].min()
    assert row["high"] >= today["high"].max()
    assert row["volume"] >= today["volume"].sum()
    for price in (row["price"], row["bid"], row["ask"], row["tick"]):
        assert 0.99 * row["low"] < price < 1.01 * row["high"]


def _history(run: Run, found: Found) -> None:
    (row,) = found["all"]
    assert (row["fine"], row["coarse"]) == (100, 50)
    assert 235 <= row["recent"] <= 242
    assert row["all"] > 2 * 23 * 12


def _ticks(run: Run, found: Found) -> None:
    assert found["head"] == [{"count": 50}]
    times = [row["time"] for row in found["tick"]]
    assert times == sorted(times)
    (row,) = found["figures"]
    assert row["per_minute"] > 10
    assert 0 < row["size"] < 100
    assert all(row["low"] <= tick["price"] <= row["high"] for tick in found["tick"])
    assert row["low"] < row["high"] < 1.05 * row["low"]


def _timeframes(run: Run, found: Found) -> None:
    (row,) = found["all"]
    assert row["names"] == ["30sec", "1min", "5min", "15min", "1hour"]
    assert row["has"]
    assert run.suite.data.get_timeframes() == ["1min", "5min", "15min", "30min", "1hour", "4hour"]
    for name in run.suite.data.get_timeframes():
        assert len(run.bars(name)) > 10


def _alignment(run: Run, found: Found) -> None:
    (row,) = found["all"]
    # One market: a few trades may have come between two of the calls.
    closes = [row["one"], row["five"], row["fifteen"]]
    assert max(closes) < 1.005 * min(closes)
    assert -1 <= row["score"] <= 1
    assert row["direction"] in {"bullish", "bearish", "neutral", "mixed"}
    if row["direction"] in {"bullish", "bearish"}:
        assert math.copysign(1, row["score"]) == (1 if row["direction"] == "bullish" else -1)


def _constructed(run: Run, found: Found) -> None:
    bars = found["bar"]
    assert len(bars) >= 2
    _check_bars(run, "1min", bars)
    held = run.bars("1min")["tick_count"].tolist()
    assert all(row["ticks"] in held and row["volume"] >= row["ticks"] for row in bars)
    config = run.suite.data.config
    assert config.use_tick_data
    assert config.fill_gaps
    assert config.validate_bars
    assert config.remove_outliers


def _validation(run: Run, found: Found) -> None:
    (row,) = found["figures"]
    assert row["bars"] > 1000
    # The simulator's market is clean.
    assert row["rate"] > 99
    assert len(found["error"]) == min(10, row["errors"])


def _memory(run: Run, found: Found) -> None:
    (row,) = found["all"]
    assert 1000 < row["bars"] <= 2000
    assert 0 < row["memory"] < 500
    assert row["disk"] < 1000
    assert 1 <= row["ratio"] < 100
    config = run.suite.data.config
    assert config.max_bars_per_timeframe == 1000
    assert config.enable_disk_overflow
    assert config.cleanup_frequency == 300
    assert config.compression_enabled


def _performance(run: Run, found: Found) -> None:
    (row,) = found["all"]
    assert row["access"] < 1000
    config = run.suite.data.config
    assert config.use_memory_mapping
    assert config.batch_size == 100
    assert config.parallel_processing
    assert config.cache_frequently_accessed


def _from_json(path: Path) -> pd.DataFrame:
    frame = pd.read_json(path, dtype=False)
    return frame.assign(timestamp=pd.to_datetime(frame["timestamp"], utc=True))


def _exported(run: Run, found: Found) -> None:
    files = {path.name for path in run.folder.iterdir()}
    assert files == {"mnq_1min_data.csv", "mnq_5min_data.json", "mnq_1min_data.parquet"}
    csv = pd.read_csv(run.folder / "mnq_1min_data.csv", parse_dates=["timestamp"])
    csv = csv.set_index("timestamp").tz_localize("UTC")
    from_json = _from_json(run.folder / "mnq_5min_data.json").set_index("timestamp")
    parquet = pd.read_parquet(run.folder / "mnq_1min_data.parquet")
    assert len((run.folder / "mnq_5min_data.json").read_text(encoding="utf-8").splitlines()) > len(from_json)
    for timeframe, read in (("1min", csv), ("5min", from_json), ("1min", parquet)):
        held = run.bars(timeframe).loc[: read.index[-1]]
        assert len(read) == len(held) > 500
        assert (read.index == held.index).all()
        # Text and Parquet bring back every bit.
        assert read[_COLUMNS].astype(float).to_numpy().tolist() == held[_COLUMNS].to_numpy().tolist()
    # The minutes that the block waited are there too.
    assert csv.index[-1] >= _START + pd.Timedelta("1min")
    assert len(parquet) >= len(csv)


def _older_bars() -> pd.DataFrame:
    """Return six hours of bars before the history, which overlap its first hour as such files do."""
    frame = bars_of_the_simulator(_FEED, 5.25)
    return frame.loc[: _START - pd.Timedelta(hours=4 * 24 + 23), _COLUMNS]


def _write_history(folder: Path) -> None:
    bars = _older_bars()
    third = len(bars) // 3
    oldest, middle, newest = bars[:third], bars[third : 2 * third], bars[2 * third :]
    newest.reset_index().to_csv(folder / "historical_data.csv", index=False)
    middle.reset_index().to_json(folder / "historical_data.json", orient="records", date_format="iso")
    oldest.reset_index().to_parquet(folder / "historical_data.parquet", index=False)


def _imported(run: Run, found: Found) -> None:
    assert found["all"] == [{"success": True}]
    csv = pd.read_csv(run.folder / "historical_data.csv", parse_dates=["timestamp"])
    from_json = _from_json(run.folder / "historical_data.json")
    parquet = pd.read_parquet(run.folder / "historical_data.parquet")
    given = pd.concat([parquet, from_json, csv]).set_index("timestamp")
    held = run.bars("1min")
    assert len(given) > 300
    assert held.index.is_monotonic_increasing
    assert held.index.is_unique
    assert held.index[0] == given.index[0]
    there = held.loc[given.index[0] : given.index[-1], _COLUMNS]
    assert (there.index == given.index).all()
    assert there.to_numpy().tolist() == given.astype(float).to_numpy().tolist()


async def _outage_and_bad_data(suite: mdnb.TradingSuite) -> None:
    await through_an_outage(suite)
    await put_bad_data(suite)


def _events(run: Run, found: Found) -> None:
    assert {row["timeframe"] for row in found["bar"]} == {"1min", "5min"}
    for timeframe in ("1min", "5min"):
        closes = run.bars(timeframe)["close"].round(2).tolist()
        told = [row["close"] for row in found["bar"] if row["timeframe"] == timeframe]
        assert set(told) <= set(closes)
    assert [row["status"] for row in found["status"]][:3] == ["disconnected", "reconnecting", "reconnected"]
    # Told when it is found, and when it is repaired.
    assert len(found["gap"]) == 2
    assert all(gap["seconds"] < 3600 for gap in found["gap"])
    assert "price_absurd" in {row["type"] for row in found["alert"]}
    (repaired,) = run.suite._parts.session.market("MNQ").pipeline.gaps
    assert repaired.repaired
    # No trade is lacking, none is there twice, and the bars are made of them.
    trades = pd.DataFrame(run.suite.data.engine.recent(1_000_000)).query("flag == 0")
    assert sorted(trades["trade_id"]) == list(range(trades["trade_id"].min(), trades["trade_id"].max() + 1))
    trades.index = pd.to_datetime(trades["ts_ns"], utc=True)
    volume = trades["size"].resample("1min").sum().iloc[1:-1]
    assert len(volume) > 10
    assert run.bars("1min")["volume"].reindex(volume.index).tolist() == volume.tolist()


def _statistics(run: Run, found: Found) -> None:
    (row,) = found["total"]
    assert row["bars"] > 4000
    assert row["per_minute"] < 1e4
    assert row["quality"] > 50
    assert row["uptime"] > 10
    assert row["latency"] < 60_000
    assert [each["timeframe"] for each in found["timeframe"]] == ["1min", "5min"]
    for each in found["timeframe"]:
        assert each["complete"] > 90
        # Bars were closed until the suite was.
        now = len(run.bars(each["timeframe"]))
        assert now - 30 <= each["bars"] <= now + 1
    # What was counted a moment before, without the two bars that are being made.
    assert 0 <= sum(each["bars"] for each in found["timeframe"]) - row["bars"] <= 30


def _configured(run: Run, found: Found) -> None:
    config = run.suite.data.config
    assert config.max_bars_per_timeframe == 2000
    assert config.enable_tick_data
    assert not config.enable_level2_data
    assert config.data_validation
    assert config.auto_cleanup
    assert config.cleanup_interval_minutes == 10
    assert config.compression_enabled
    assert config.disk_cache_enabled
    assert config.max_disk_cache_gb == 1.0
    assert run.suite.data.get_timeframes() == ["1min", "5min"]


def _efficient(run: Run, found: Found) -> None:
    assert len(run.names["data"]) == 100
    pd.testing.assert_frame_equal(run.names["recent_data"], run.names["data"].iloc[-20:])
    assert [suite.data.get_timeframes() for suite in run.suites[1:]] == [["5min", "15min"]]


def _watched(run: Run, found: Found) -> None:
    stats = run.names["stats"]
    assert 1000 < stats.total_bars <= 3000
    assert 0 < stats.memory_usage_mb < 500
    config = run.suite.data.config
    assert (config.max_bars_per_timeframe, config.cleanup_frequency) == (1000, 300)


def _handled(run: Run, found: Found) -> None:
    assert len(found["lost"]) == len(found["restored"]) == 2


_BAR = (
    "  Open: ${open:price}",
    "  High: ${high:price}",
    "  Low: ${low:price}",
    "  Close: ${close:price}",
    "  Volume: {volume:some}",
)

_EXPECTED = {
    "Quick Start": Expected(
        _lines("Current MNQ Price: ${price:price}", "1min bars: {fine:some}", "5min bars: {coarse:some}"),
        _quick_start,
    ),
    "Real-time Data Streaming / WebSocket Connection": Expected(
        {
            "bar": Part(("New {timeframe:name} bar:", *_BAR), 5, None),
            "tick": Part(("Tick: ${price:price} @ {time:time}",), 500, None),
        },
        _streaming,
        in_order=False,
    ),
    "Real-time Data Streaming / Data Subscriptions": Expected({}, _subscriptions),
    "Data Access / Current Market Data": Expected(
        _lines(
            "Current Price: ${price:price}",
            "Bid: ${bid:price}",
            "Ask: ${ask:price}",
            "Spread: ${spread:positive}",
            "Latest Tick: ${tick:price} @ {time:time}",
            "Open: ${open:price}",
            "High: ${high:price}",
            "Low: ${low:price}",
            "Volume: {volume:some}",
        ),
        _current,
    ),
    "Data Access / Historical Bar Data": Expected(
        _lines(
            "1-min bars: {fine:some}",
            "5-min bars: {coarse:some}",
            "Last 4 hours: {recent:some} bars",
            "Total 5-min bars in memory: {all:some}",
        ),
        _history,
        feed=_NOW_FEED,
    ),
    "Data Access / Tick Data Access": Expected(
        {
            "head": Part(("Recent ticks: {count:some}",)),
            "tick": Part(("  ${price:price} x {size:positive} @ {time:time}",), 5, 5),
            "figures": Part(
                (
                    "Ticks per minute: {per_minute:positive}",
                    "Average tick size: {size:positive}",
                    "Price range: ${low:price} - ${high:price}",
                )
            ),
        },
        _ticks,
    ),
    "Multi-Timeframe Management / Timeframe Configuration": Expected(
        _lines("Available timeframes: {names:names}", "Has 5min data: {has:truth}"), _timeframes
    ),
    "Multi-Timeframe Management / Cross-Timeframe Analysis": Expected(
        _lines(
            "Current prices:",
            "  1min: ${one:price}",
            "  5min: ${five:price}",
            "  15min: ${fifteen:price}",
            "Timeframe alignment score: {score:signed}",
            "Trend direction: {direction:name}",
        ),
        _alignment,
    ),
    "Data Processing / Bar Construction": Expected(
        {
            "bar": Part(
                (
                    "Bar constructed for 1min:",
                    "  OHLC: {open:price}/{high:price}/{low:price}/{close:price}",
                    "  Volume: {volume:some}",
                    "  Tick Count: {ticks:some}",
                ),
                2,
                None,
            )
        },
        _constructed,
    ),
    "Data Processing / Data Validation": Expected(
        {
            "figures": Part(
                (
                    "Validation Statistics:",
                    "  Bars validated: {bars:some}",
                    "  Errors detected: {errors:count}",
                    "  Corrections made: {corrections:count}",
                    "  Success rate: {rate:percent}%",
                )
            ),
            "error": Part(("Error: {type:name} - {description:text}",), 0, 10),
        },
        _validation,
    ),
    "Memory Management / Data Storage Configuration": Expected(
        _lines(
            "Memory Usage:",
            "  Total bars in memory: {bars:some}",
            "  Memory usage: {memory:positive} MB",
            "  Disk usage: {disk:amount} MB",
            "  Compression ratio: {ratio:positive}x",
        ),
        _memory,
    ),
    "Memory Management / Performance Optimization": Expected(
        _lines(
            "Performance Metrics:",
            "  Data processing rate: {rate:positive} bars/sec",
            "  Memory access time: {access:amount}ms",
            "  Cache hit rate: {hits:percent}%",
            "  CPU usage: {cpu:percent}%",
        ),
        _performance,
    ),
    "Data Export & Import / Data Export": Expected({}, _exported),
    "Data Export & Import / Data Import": Expected(
        _lines("Imported data validation: {success:truth}"), _imported, before=_write_history
    ),
    "Event Handling / Data Events": Expected(
        {
            "bar": Part(("New {timeframe:name} bar: ${close:price}",), 5, None),
            "gap": Part(("Data gap detected: {seconds:positive} seconds",), most=2),
            "alert": Part(("Data quality alert: {type:name} - {description:text}",), 1, None),
            "status": Part(("Connection status: {status:name}",), 3, None),
        },
        _events,
        in_order=False,
        during=_outage_and_bad_data,
    ),
    "Data Statistics": Expected(
        {
            "total": Part(
                (
                    "Data Manager Statistics:",
                    "  Total bars received: {bars:some}",
                    "  Bars per minute: {per_minute:positive}",
                    "  Data quality score: {quality:percent}/100",
                    "  Connection uptime: {uptime:percent}%",
                    "  Average latency: {latency:amount}ms",
                )
            ),
            "timeframe": Part(
                (
                    "",
                    "{timeframe:name} Statistics:",
                    "  Bars in memory: {bars:some}",
                    "  Last update: {time:time}",
                    "  Data completeness: {complete:percent}%",
                    "  Memory usage: {memory:amount} MB",
                ),
                2,
                2,
            ),
        },
        _statistics,
    ),
    "Configuration / DataManagerConfig": Expected({}, _configured),
    "Best Practices / Efficient Data Access": Expected({}, _efficient),
    "Best Practices / Memory Management": Expected({}, _watched),
    "Best Practices / Event Handling": Expected(
        {
            "lost": Part(("Connection lost - data may be incomplete",), 2, 2),
            "restored": Part(("Connection restored",), 2, 2),
        },
        _handled,
        in_order=False,
        after=twice_lost,
    ),
}


# The page itself


def test_the_page_is_the_one_that_was_given(shared_data: Path) -> None:
    given = shared_data.parent / "spec" / PAGE.name
    if not given.is_file():
        pytest.skip("the page as it was given is not here: shared/spec")
    assert given.read_bytes() == PAGE.read_bytes()


def test_no_block_is_forgotten() -> None:
    assert [block.heading for block in _BLOCKS] == list(_EXPECTED)
    assert len(_BLOCKS) == _TEXT.count("```python")
    assert sum(len(block.code.splitlines()) for block in _BLOCKS) > 400
    lines = _TEXT.splitlines(keepends=True)
    for block in _BLOCKS:
        held = block.code.splitlines(keepends=True)
        assert lines[block.line - 1 : block.line - 1 + len(held)] == held


@pytest.mark.parametrize("block", _BLOCKS, ids=lambda block: block.heading.rpartition(" / ")[2])
def test_the_block_does_what_the_page_says(
    block: Block, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = _EXPECTED[block.heading]
    if expected.before is not None:
        expected.before(tmp_path)
    in_a_cell = block.heading.startswith("Best Practices")
    run = run_block(
        block,
        tmp_path,
        expected.feed,
        in_a_cell=in_a_cell,
        during=expected.during,
        after=expected.after,
    )
    found = read_output(run.output, expected.parts, in_order=expected.in_order)
    check_values(expected.parts, found, *run.newest)
    expected.check(run, found)
    assert run.suite.status == "closed"
    assert run.suite.accounting().balanced
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


# What the page calls


@dataclasses.dataclass(frozen=True)
class Call:
    """A call of the page: on what, by which name, with which arguments, and whether it is awaited."""

    owner: str
    name: str
    arguments: int
    keywords: tuple[str, ...]
    awaited: bool
    line: int


def _calls() -> Iterator[Call]:
    owners = {"suite.data": "data", "data_manager": "data", "suite": "suite", "TradingSuite": "suite"}
    for block in _BLOCKS:
        tree = ast.parse(block.code)
        awaited = {node.value for node in ast.walk(tree) if isinstance(node, ast.Await)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = owners.get(ast.unparse(node.func.value))
                keywords = tuple(keyword.arg or "**" for keyword in node.keywords)
                if owner is not None:
                    line = block.line + node.lineno - 1
                    yield Call(owner, node.func.attr, len(node.args), keywords, node in awaited, line)


_CALLS = list(_calls())


def test_the_calls_of_the_page_are_found() -> None:
    named = {call.name for call in _CALLS if call.owner == "data"}
    assert named == set(re.findall(r"(?:suite\.data|data_manager)\.(\w+)\(", _TEXT))
    assert len(named) == 36
    assert {call.name for call in _CALLS if call.owner == "suite"} == {"create", "on", "disconnect"}


@pytest.mark.parametrize("call", _CALLS, ids=lambda call: f"{call.line}-{call.name}")
def test_what_the_page_calls_is_there_as_it_is_called(call: Call) -> None:
    owner = {"data": mdnb.RealtimeDataManager, "suite": mdnb.TradingSuite}[call.owner]
    method = getattr(owner, call.name)
    assert inspect.iscoroutinefunction(method) is call.awaited
    first = () if inspect.ismethod(method) else (None,)
    inspect.signature(method).bind(*first, *[None] * call.arguments, **dict.fromkeys(call.keywords))


def test_what_the_page_imports_is_there() -> None:
    nodes = [node for block in _BLOCKS for node in ast.walk(ast.parse(block.code))]
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module != "datetime"]
    assert {node.module for node in imports} == {"project_x_py", "project_x_py.types"}
    for node in imports:
        module = importlib.import_module(str(node.module).replace("project_x_py", "mdnb"))
        assert all(hasattr(module, name.name) for name in node.names)


# The reading of what is printed


@pytest.mark.parametrize(
    "printed",
    [
        "Price: $nan\nBars: 5\n",
        "Price: $inf\nBars: 5\n",
        "Price: $100.00\n",
        "Price: $100.00\nBars: 0\n",
        "Price: $10.00\nBars: 5\n",
        "Price: $100.00\nBars: 5\nTraceback\n",
        "Price: $100.00\nBars: None\n",
        "",
    ],
)
def test_what_is_not_plausible_is_found(printed: str) -> None:
    parts = {"all": Part(("Price: ${price:price}", "Bars: {count:some}"))}
    good = read_output("Price: $100.00\nBars: 1,234\n", parts, in_order=True)
    assert good == {"all": [{"price": 100.0, "count": 1234}]}
    check_values(parts, good, 0, 101.0)
    with pytest.raises(AssertionError):
        check_values(parts, read_output(printed, parts, in_order=True), 0, 101.0)
