"""What handlers raise and lose is kept with the symbol's other faults: once a handler and kind."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

import mdnb
from mdnb.events.types import Event
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, open_market, trade


def test_a_handler_that_raises_is_kept_once_with_its_count() -> None:
    feed = HandFeed()
    done = threading.Event()
    count = 0

    def fails(event: Event) -> None:
        nonlocal count
        count += 1
        if count == 5:
            done.set()
        raise ValueError(f"no {count}")

    def fails_too(event: Event) -> None:
        raise KeyError("mine")

    with open_market(feed) as live:
        live.on("tick_data", fails)
        subscription = live.on("tick_data", fails_too)
        for at in range(5):
            feed.trades(trade(at, 100.0, 1.0, at))
        assert done.wait(LIMIT_SECONDS)
        live.off("tick_data", fails)
        subscription.off()
    kept = {one.description: one.count for one in live.data.get_validation_errors(type="handler_failed")}
    assert len(kept) == 2
    (first,) = [text for text in kept if "fails of X" in text or "fails raised" in text]
    assert first.endswith("raised ValueError: no 5")
    assert kept[first] == 5


def test_a_handler_that_loses_events_is_told_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    feed = HandFeed()
    begun, go_on = threading.Event(), threading.Event()

    def stands(event: Event) -> None:
        begun.set()
        go_on.wait(LIMIT_SECONDS)

    with caplog.at_level(logging.WARNING, "mdnb.events"), open_market(feed) as live:
        subscription = live.on("tick_data", stands)
        feed.trades(trade(0, 100.0, 1.0, 0))
        assert begun.wait(LIMIT_SECONDS)
        feed.trades(*(trade(1, 100.0, 1.0, at) for at in range(1, 10_200)))
        assert subscription.dropped == 199
        (kept,) = live.data.get_validation_errors(type="handler_dropped")
        assert (kept.count, kept.symbol) == (199, "X")
        assert "stands" in kept.description
        assert "lost events" in kept.description
        assert any("199 events dropped" in sentence for sentence in live.data.get_stats().troubles)
        assert str(live).count("199 events dropped") == 1
        go_on.set()
        live.off("tick_data")
    assert any("dropped" in record.getMessage() for record in caplog.records)


def test_so_it_is_in_the_awaited_face() -> None:
    async def main() -> tuple[list[int], tuple[str, ...]]:
        failed = asyncio.Event()

        async def fails(event: Event) -> None:
            failed.set()
            raise ValueError("mine")

        suite = await mdnb.TradingSuite.create(
            "GC", timeframes=["1min"], feed="sim://?speed=60", initial_days=0
        )
        await suite.on("tick_data", fails)
        await asyncio.wait_for(failed.wait(), LIMIT_SECONDS)
        await asyncio.sleep(0)
        kept = await suite.data.get_validation_errors(type="handler_failed")
        stats = await suite.data.get_stats()
        await suite.disconnect()
        return [one.count for one in kept], stats.troubles

    counts, troubles = asyncio.run(main())
    assert len(counts) == 1
    assert counts[0] >= 1
    assert any("ValueError: mine" in sentence for sentence in troubles)
