"""Every option there is, switched, and the difference observed. One without an entry here fails the suite."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mdnb.clock import EventClock, SystemClock
from mdnb.config import TWINS, DataManagerConfig
from mdnb.manager import RealtimeDataManager
from mdnb.market import LiveMarket
from mdnb.runtime.disk_overflow import tidy
from mdnb.runtime.process.bridge import call
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, bar, minutes, open_market, trade

Observe = Callable[[LiveMarket, Any, Path], Any]


def quiet(market: LiveMarket, count: int = 60) -> None:
    feed(market).trades(*(trade(i, 100.0 + 0.25 * (i % 3), 1.0, i) for i in range(count)))


def feed(market: LiveMarket) -> HandFeed:
    made = market._parts.session.feed
    assert isinstance(made, HandFeed)
    return made


def held_bars(market: LiveMarket, _value: Any, _path: Path) -> int:
    return len(market.data.get_data("1min"))


def held_ticks(market: LiveMarket, _value: Any, _path: Path) -> int:
    quiet(market)
    return len(market.data.get_recent_ticks(1000))


def depth_is_received(market: LiveMarket, _value: Any, _path: Path) -> bool:
    feed(market).depth([(99.0, 1.0)], [(101.0, 1.0)])
    return "depth" in feed(market).subscribed and market.data.engine.depth.ready


def absurd_is_refused(market: LiveMarket, _value: Any, _path: Path) -> bool:
    quiet(market)
    feed(market).trades(trade(60, 2_000_000.0, 1.0, 60))
    return bool(market.data.get_data("1min")["high"].max() < 2_000_000.0)


def builds_from_trades(market: LiveMarket, _value: Any, _path: Path) -> bool:
    feed(market).trades(trade(70, 100.0, 1.0, 0))
    feed(market).bars(bar(1, 105.0))
    return bool(market.data.get_data("1min")["close"].iloc[-1] == 100.0)


def flat_bars(market: LiveMarket, _value: Any, _path: Path) -> int:
    feed(market).trades(trade(1, 100.0, 1.0, 0), trade(301, 100.0, 1.0, 1))
    return int((market.data.get_data("1min")["tick_count"] == 0).sum())


def bars_taken(market: LiveMarket, _value: Any, _path: Path) -> int:
    market.data.configure_bar_processing(use_tick_data=False)
    feed(market).bars((START + MINUTE, *IMPOSSIBLE[1:]))
    return len(market.data.get_data("1min"))


def bad_tick_in_bars(market: LiveMarket, _value: Any, _path: Path) -> bool:
    quiet(market)
    feed(market).trades(trade(59.5, 150.0, 1.0, 60))
    return bool(market.data.get_data("1min")["high"].max() == 150.0)


def tidied_by_itself(market: LiveMarket, _value: Any, _path: Path) -> bool:
    """Whether the disk is tidied without being asked when a minute has passed."""
    housekeeping = market._parts.session.housekeeping
    now = housekeeping._now()
    housekeeping._now = lambda: now + 60.0
    call(housekeeping.look())
    return len(market.data.engine.overflow["1min"].segments) > 0


def packed(market: LiveMarket, _value: Any, _path: Path) -> bool:
    call(tidy(market.data.engine, market._parts.session.workers))
    return all(segment.compressed for segment in market.data.engine.overflow["1min"].segments.segments())


def older_bars(market: LiveMarket, _value: Any, _path: Path) -> bool:
    feed(market).trades(*(trade(60 * i, 100.0, 1.0, i) for i in range(60)))
    return len(market.data.get_all_data("1min")) > len(market.data.get_data("1min")) == 50


def disk_within(market: LiveMarket, _value: Any, _path: Path) -> bool:
    call(tidy(market.data.engine, market._parts.session.workers))
    return market.data.get_memory_stats().disk_usage_mb == 0.0


def folder(market: LiveMarket, _value: Any, path: Path) -> bool:
    call(tidy(market.data.engine, market._parts.session.workers))
    return any(path.rglob("bars-*"))


def mapped(market: LiveMarket, _value: Any, _path: Path) -> bool:
    return market.data.engine.overflow["1min"].segments.memory_map


def batch(market: LiveMarket, _value: Any, _path: Path) -> int:
    quiet(market)
    return market.data.get_performance_metrics().largest_batch


def threads(market: LiveMarket, _value: Any, _path: Path) -> int:
    return market.data.get_performance_metrics().worker_threads


def cache_hits(market: LiveMarket, _value: Any, _path: Path) -> float:
    market.data.get_data("1min")
    market.data.get_data("1min")
    return market.data.get_performance_metrics().cache_hit_rate


def closed_by_timer(market: LiveMarket, _value: Any, _path: Path) -> bool:
    """Whether a minute that began an hour ago is closed without another trade."""
    feed(market).trades((feed(market).clock.now_ns() - 61 * SECOND, 100.0, 1.0, 1, 1, 0))
    pipeline = market._parts.session.market("X").pipeline
    # One old trade is no backlog that the timer would have to wait for.
    pipeline.note_lag(0.0)
    pipeline.close_due()
    return len(market.data.get_data("1min", closed_only=True)) == 1


def late_amends(market: LiveMarket, _value: Any, _path: Path) -> int:
    feed(market).trades(trade(1, 100.0, 1.0, 0), trade(90, 100.0, 1.0, 1), trade(50, 120.0, 1.0, 2))
    return market.accounting().late_dropped


IMPOSSIBLE = (START - MINUTE, 100.0, 90.0, 95.0, 100.0, 5.0, 1, 500.0)
DISK = {"max_bars_per_timeframe": 50, "disk_cache_enabled": True, "auto_cleanup": False}

# option: values, what is observed for each, other options and the feed's history.
OPTIONS: dict[str, tuple[list[Any], list[Any], Observe, dict[str, Any]]] = {
    "max_bars_per_timeframe": ([10, 20], [10, 20], held_bars, {}),
    "max_ticks": ([10, 30], [10, 30], held_ticks, {}),
    "enable_tick_data": ([True, False], [60, 0], held_ticks, {}),
    "enable_level2_data": ([True, False], [True, False], depth_is_received, {}),
    "data_validation": ([True, False], [True, False], absurd_is_refused, {}),
    "use_tick_data": ([True, False], [True, False], builds_from_trades, {}),
    "fill_gaps": ([True, False], [4, 0], flat_bars, {}),
    "validate_bars": ([True, False], [1, 2], bars_taken, {"history": [bar(-2, 100.0)]}),
    "remove_outliers": ([True, False], [False, True], bad_tick_in_bars, {}),
    "auto_cleanup": ([True, False], [True, False], tidied_by_itself, {**DISK, "cleanup_frequency": 0.5}),
    "cleanup_interval_minutes": ([0.01, 60], [True, False], tidied_by_itself, {**DISK, "auto_cleanup": True}),
    "cleanup_frequency": ([0.5, 3600], [True, False], tidied_by_itself, {**DISK, "auto_cleanup": True}),
    "compression_enabled": ([True, False], [True, False], packed, DISK),
    "disk_cache_enabled": ([True, False], [True, False], older_bars, {"max_bars_per_timeframe": 50}),
    "enable_disk_overflow": ([True, False], [True, False], older_bars, {"max_bars_per_timeframe": 50}),
    "max_disk_cache_gb": ([1e-6, 1.0], [True, False], disk_within, DISK),
    "disk_cache_path": (["PATH", None], [True, False], folder, DISK),
    "use_memory_mapping": ([True, False], [True, False], mapped, DISK),
    "batch_size": ([5, 5000], [5, 60], batch, {}),
    "parallel_processing": ([True, False], [2, 1], threads, {}),
    "cache_frequently_accessed": ([True, False], [0.5, 0.0], cache_hits, {}),
    "grace_ms": ([0.0, 1e7], [True, False], closed_by_timer, {"clock": "system", "history": []}),
    "max_lateness_seconds": ([0.0, 60.0], [1, 0], late_amends, {}),
}


def built(option: str, value: Any, path: Path) -> tuple[HandFeed, dict[str, Any]]:
    others = dict(OPTIONS[option][3])
    history = others.pop("history", minutes(-100, 100))
    clock = SystemClock() if others.pop("clock", "") == "system" else EventClock(START)
    others.pop(option, None)
    made = {**others, option: str(path) if value == "PATH" else value}
    return HandFeed(history, bars=("1min",), clock=clock), made


@pytest.mark.parametrize("option", OPTIONS)
def test_each_option_of_the_configuration_changes_something(option: str, tmp_path: Path) -> None:
    values, expected, observe, _ = OPTIONS[option]
    seen = []
    for at, value in enumerate(values):
        place = tmp_path / str(at)
        made, config = built(option, value, place)
        with open_market(made, "1min", **config) as market:
            assert getattr(market.data.config, option) == (place if value == "PATH" else value)
            seen.append(observe(market, value, place))
    if option == "parallel_processing":
        expected = [max(2, seen[0]), 1]
    assert seen == expected


CALLS = ("configure_bar_processing", "configure_memory_management", "configure_performance")


GIVEN = [
    (method, option)
    for method in CALLS
    for option in inspect.signature(getattr(RealtimeDataManager, method)).parameters
    if option != "self"
]


@pytest.mark.parametrize(("method", "option"), GIVEN)
def test_each_option_of_the_calls_changes_the_same_on_a_running_market(
    method: str, option: str, tmp_path: Path
) -> None:
    values, expected, observe, _ = OPTIONS[option]
    seen = []
    for at, value in enumerate(values):
        place = tmp_path / str(at)
        made, config = built(option, value, place)
        given = config.pop(option)
        if value is None:
            # None leaves an option as it is, and it is the default.
            config.pop(option, None)
        with open_market(made, "1min", **config) as market:
            getattr(market.data, method)(**{option: given})
            seen.append(observe(market, value, place))
    if option == "parallel_processing":
        expected = [max(2, seen[0]), 1]
    assert seen == expected


def test_no_option_is_without_an_entry() -> None:
    fields = {field.name for field in dataclasses.fields(DataManagerConfig)}
    assert set(OPTIONS) == fields | set(TWINS)
    given = set(inspect.signature(DataManagerConfig.__init__).parameters) - {"self"}
    assert given == fields | set(TWINS)
