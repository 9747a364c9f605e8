"""What is done once a second, by a clock that the test moves."""

from __future__ import annotations

import queue
import shutil
from pathlib import Path

import mdnb
from mdnb.runtime.housekeeping import Housekeeping
from mdnb.runtime.process.bridge import call
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, minutes, open_market


def test_a_disk_that_takes_nothing_is_told_and_the_bars_stay_in_memory(tmp_path: Path) -> None:
    now = 0.0
    feed = HandFeed(minutes(-300, 300))
    with open_market(
        feed,
        "1min",
        max_bars_per_timeframe=50,
        enable_disk_overflow=True,
        disk_cache_path=str(tmp_path),
        cleanup_interval_minutes=10,
    ) as market:
        told: queue.Queue[mdnb.Event] = queue.Queue()
        market.on("data_quality_alert", told.put)
        session = market._parts.session
        housekeeping = Housekeeping(session.markets, lambda: now)
        segments = market.data.engine.overflow["1min"].segments
        call(housekeeping.look())
        shutil.rmtree(segments.folder)
        segments.folder.write_text("in the way")
        now = 600.0
        call(housekeeping.look())
        event = told.get(timeout=LIMIT_SECONDS)
        assert event.alert_type == "disk"
        assert "disk_cache_path" in event.description
        assert len(market.data.get_all_data("1min")) == 300
        segments.folder.unlink()
        segments.folder.mkdir()
        now = 1199.0
        call(housekeeping.look())
        assert len(segments) == 0, "it is not due yet"
        now = 1200.0
        call(housekeeping.look())
        assert len(segments) == 250
        assert len(market.data.get_all_data("1min")) == 300
