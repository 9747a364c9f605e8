"""The switches of speed: each does what it says, and what is told of it is measured."""

from __future__ import annotations

import json
import threading
import time

import pandas as pd
import pytest

from mdnb.errors import OptionError
from mdnb.runtime.process.bridge import call
from mdnb.stores import segment_catalogue
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, minutes, open_market, trade


def test_frames_come_from_the_cache_until_the_data_changes() -> None:
    feed = HandFeed(minutes(-100, 100))
    with open_market(feed, "1min") as market:
        market.data.configure_performance(cache_frequently_accessed=True)
        first = market.data.get_data("1min", count=50)
        again = market.data.get_data("1min", count=50)
        pd.testing.assert_frame_equal(first, again)
        assert market.data.get_performance_metrics().cache_hit_rate == 0.5
        again.loc[again.index[0], "close"] = -1.0
        again.attrs["forming"] = "mine"
        third = market.data.get_data("1min", count=50)
        pd.testing.assert_frame_equal(third, first)
        assert third.attrs == first.attrs
        feed.trades(trade(1, 107.0, 1.0, 0))
        newest = market.data.get_data("1min", count=50)
        assert newest["close"].iloc[-1] == 107.0
        assert first["close"].iloc[-1] != 107.0
        metrics = market.data.get_performance_metrics()
        assert (metrics.accesses, metrics.cache_hit_rate) == (4, 0.5)
        market.data.configure_performance(cache_frequently_accessed=False)
        market.data.get_data("1min", count=50)
        market.data.get_data("1min", count=50)
        assert market.data.get_performance_metrics().cache_hit_rate == pytest.approx(2 / 6)


def test_batches_keep_to_the_ceiling() -> None:
    for size in (7, 5000):
        feed = HandFeed()
        with open_market(feed, "1min") as market:
            market.data.configure_performance(batch_size=size)
            rows = [trade(i, 100.0, 1.0, i) for i in range(300)]
            feed.trades(*rows)
            feed.send(
                *(
                    json.dumps({"e": "trades", "s": "X", "r": [trade(300 + i, 100.0, 1.0, 300 + i)]})
                    for i in range(50)
                )
            )
            assert market.data.get_performance_metrics().largest_batch == (7 if size == 7 else 300)
            assert market._parts.session.batcher.largest_batch == (7 if size == 7 else 50)
            assert market.accounting().in_bars == 350


def test_worker_threads_run_side_by_side_only_when_asked() -> None:
    with open_market(HandFeed(), "1min") as market:
        workers = market._parts.session.workers
        for parallel in (True, False):
            market.data.configure_performance(parallel_processing=parallel)
            assert market.data.get_performance_metrics().worker_threads == (
                workers.threads if parallel else 1
            )
            meeting = threading.Barrier(2, timeout=LIMIT_SECONDS if parallel else 0.2)

            def meet(meeting: threading.Barrier = meeting) -> bool:
                try:
                    meeting.wait()
                except threading.BrokenBarrierError:
                    return False
                return True

            assert call(workers.map([meet, meet])) == [parallel, parallel]


def test_memory_mapping_reads_views_of_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    mapped: list[bool] = []
    real = segment_catalogue.read_segment

    def spy(segment: segment_catalogue.Segment, *, memory_map: bool) -> object:
        mapped.append(memory_map)
        return real(segment, memory_map=memory_map)

    monkeypatch.setattr(segment_catalogue, "read_segment", spy)
    feed = HandFeed(minutes(-300, 300))
    with open_market(feed, "1min", max_bars_per_timeframe=50, enable_disk_overflow=True) as market:
        market.data.cleanup_old_data()
        frames = []
        for switch in (False, True):
            market.data.configure_performance(use_memory_mapping=switch)
            mapped.clear()
            frames.append(market.data.get_all_data("1min"))
            assert mapped == [switch]
        pd.testing.assert_frame_equal(*frames)


def test_figures_are_measured() -> None:
    feed = HandFeed(minutes(-1000, 1000))
    with open_market(feed, "1min", "5min") as market:
        before = market.data.get_performance_metrics()
        assert before.bars_per_second > 0
        assert 0 <= before.cpu_usage_percent <= 100
        assert before.avg_access_time_ms == 0.0
        began = time.monotonic()
        for _ in range(10):
            market.data.get_data("1min", count=100)
        took = time.monotonic() - began
        feed.trades(*(trade(i, 100.0, 1.0, i) for i in range(1000)))
        after = market.data.get_performance_metrics()
        assert after.accesses == 10
        assert 0 < after["avg_access_time_ms"] <= took / 10 * 1000
        assert after.ticks_per_second > 0

        async def burn() -> None:
            end = time.thread_time() + 0.05
            while time.thread_time() < end:
                pass

        began = time.monotonic()
        market.data.get_performance_metrics()
        call(burn())
        used = market.data.get_performance_metrics().cpu_usage_percent
        # The time between the two is a part of that between the clocks here, so the share is no less.
        assert 100 >= used >= min(100.0, 100 * 0.05 / (time.monotonic() - began))


def test_senseless_values_are_refused() -> None:
    with open_market(HandFeed(), "1min") as market:
        with pytest.raises(OptionError, match="batch_size must be a whole number of at least 1; got 0"):
            market.data.configure_performance(batch_size=0)
        with pytest.raises(OptionError, match="use_memory_mapping must be True or False; got 'yes'"):
            market.data.configure_performance(use_memory_mapping="yes")  # type: ignore[arg-type]
