"""What a configuration changes in a market, at its beginning and while it runs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mdnb.errors import FeedError, FeedRefusedError
from mdnb.feeds.base import Channel
from mdnb.market import LiveMarket
from mdnb.runtime.apply_config import apply_config
from mdnb.runtime.live.outlier_gate import OutlierGate
from mdnb.runtime.process.bridge import call
from tests.manager.hand import HandFeed, minutes, open_market, trade


def apply(market: LiveMarket, **changes: Any) -> None:
    held = market._parts.session.markets["X"]
    call(apply_config(held, held.engine.config.replace(**changes)))


class Asked(HandFeed):
    """Notes what it is asked for; refuses the order book where told to."""

    def __init__(self, refuses: bool = False) -> None:
        super().__init__(minutes(-30, 30), bars=("1min",))
        self.refuses = refuses
        self.noted: list[tuple[str, tuple[str, ...]]] = []

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        self.noted.append((symbol, tuple(channels)))
        if self.refuses and "depth" in channels:
            raise FeedRefusedError("the plan has no order book")
        await super().subscribe(symbol, channels)


def test_the_order_book_is_asked_for_where_it_is_wanted_and_may_be_refused() -> None:
    feed = Asked()
    with open_market(feed, "1min"):
        assert feed.noted == [("X", ("trades", "quotes"))]
    feed = Asked()
    with open_market(feed, "1min", enable_level2_data=True) as market:
        assert feed.noted == [("X", ("trades", "quotes")), ("X", ("depth",))]
        assert "depth" in market._parts.session.markets["X"].pipeline.subscribed
        apply(market, max_ticks=50)
        assert len(feed.noted) == 2, "once is enough"
    with pytest.raises(FeedRefusedError, match="the plan has no order book"):
        open_market(Asked(refuses=True), "1min", enable_level2_data=True)


def test_limits_hold_from_the_first_moment_and_from_when_they_are_changed() -> None:
    feed = HandFeed(minutes(-30, 30))
    with open_market(feed, "1min", "5min", max_bars_per_timeframe=10, max_ticks=4) as market:
        engine = market.data.engine
        assert len(market.data.get_data("1min")) == 10
        feed.trades(*(trade(at, 100.0, number=at) for at in range(9)))
        feed.quotes(*((trade(at, 1.0)[0], 99.0, 1.0, 101.0, 1.0) for at in range(9)))
        assert (len(engine.ticks), len(engine.quotes)) == (4, 4)
        updates = engine.updates
        apply(market, max_bars_per_timeframe=3, max_ticks=2)
        assert engine.updates == updates + 1
        assert (len(engine.log("1min")), len(engine.log("5min"))) == (3, 3)
        assert (len(engine.ticks), len(engine.quotes)) == (2, 2)
        apply(market, enable_tick_data=False)
        assert len(engine.ticks) == 0
        apply(market, enable_tick_data=True)
        feed.trades(*(trade(at, 100.0, number=at) for at in range(9, 19)))
        assert len(engine.ticks) == 2


def test_what_is_switched_on_can_be_switched_off() -> None:
    feed = HandFeed()
    with open_market(feed, "1min", remove_outliers=True, batch_size=7) as market:
        session = market._parts.session
        held = session.markets["X"]
        assert isinstance(held.pipeline.outlier_gate, OutlierGate)
        assert (held.batcher.batch_size, held.pipeline.batch_size) == (7, 7)
        apply(market, batch_size=9)
        assert isinstance(held.pipeline.outlier_gate, OutlierGate), "it stays as it is"
        assert (held.batcher.batch_size, held.pipeline.batch_size) == (9, 9)
        apply(market, remove_outliers=False, max_lateness_seconds=2.5)
        assert held.pipeline.outlier_gate is None
        assert held.engine.cascade.max_lateness_ns == 2_500_000_000
        apply(market, cache_frequently_accessed=not held.engine.config.cache_frequently_accessed)
        assert held.engine.reader.caching == held.engine.config.cache_frequently_accessed
        apply(market, parallel_processing=not held.engine.config.parallel_processing)
        assert (session.workers.threads > 1) == held.engine.config.parallel_processing


def test_the_source_of_bars_is_switched_only_where_that_is_changed() -> None:
    feed = Asked()
    with open_market(feed, "1min") as market:
        apply(market, use_tick_data=False)
        assert "bars" in feed.subscribed
        count = len(feed.noted)
        apply(market, max_ticks=50)
        assert len(feed.noted) == count
        apply(market, use_tick_data=True)
        assert market.data.engine.source == "trades"


def test_a_folder_is_opened_moved_and_left_with_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with open_market(HandFeed(minutes(-30, 30)), "1min", max_bars_per_timeframe=10) as market:
        engine = market.data.engine
        apply(market, max_bars_per_timeframe=8)
        assert engine.overflow == {}
        apply(market, disk_cache_enabled=True, disk_cache_path=tmp_path / "a", max_bars_per_timeframe=5)
        market.data.cleanup_old_data()
        assert len(engine.overflow["1min"].segments) == 3, "what the limit drove out had a place to go"
        assert engine.overflow["1min"].segments.folder.is_relative_to(tmp_path / "a")
        apply(market, use_memory_mapping=not engine.config.use_memory_mapping)
        assert engine.overflow["1min"].segments.memory_map == engine.config.use_memory_mapping
        assert engine.overflow["1min"].segments.folder.is_relative_to(tmp_path / "a")
        apply(market, disk_cache_path=tmp_path / "b")
        assert engine.overflow["1min"].segments.folder.is_relative_to(tmp_path / "b")
        assert len(market.data.get_all_data("1min")) == 8
        apply(market, disk_cache_enabled=False)
        assert engine.overflow == {}
        assert len(market.data.get_all_data("1min")) == 5
        apply(market, disk_cache_enabled=True)
        market.data.cleanup_old_data()
        assert len(market.data.get_all_data("1min")) == 8, "what was left is there again"


def test_a_folder_that_was_opened_for_nothing_is_closed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise FeedError("the line is gone")

    with open_market(HandFeed(minutes(-30, 30), bars=("1min",)), "1min") as market:
        with monkeypatch.context() as patch:
            patch.setattr("mdnb.runtime.apply_config.switch_source", fail)
            with pytest.raises(FeedError, match="the line is gone"):
                apply(market, use_tick_data=False, disk_cache_enabled=True, disk_cache_path=tmp_path)
        assert not market.data.config.disk_cache_enabled
        apply(market, disk_cache_enabled=True, disk_cache_path=tmp_path)
        assert market.data.engine.overflow["1min"].segments.folder.is_relative_to(tmp_path)
