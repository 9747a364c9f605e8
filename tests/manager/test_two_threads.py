"""Timeframes that one thread removes while another one reads them all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mdnb.events.types import Event
from mdnb.market import LiveMarket
from mdnb.runtime.live.symbol_state import SymbolState
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import HandFeed, minutes, open_market, trade


def remove_after_they_are_named(engine: SymbolState, name: str) -> threading.Thread:
    """Have another thread remove a timeframe as soon as it can while all are asked for, before they are used.

    It can where who asks does not hold the lock; if everybody does, after this was waited for.
    """
    name_all = engine.timeframes
    other = threading.Thread(target=engine.remove_timeframe, args=(name,))

    def names() -> list[str]:
        given = name_all()
        if other.ident is None and not engine.lock._is_owned():  # type: ignore[attr-defined]
            other.start()
            other.join(LIMIT_SECONDS)
        return given

    engine.timeframes = names  # type: ignore[method-assign]
    return other


@pytest.mark.parametrize(
    "read",
    [
        lambda live, path: live.data.get_stats(),
        lambda live, path: str(live),
        lambda live, path: live.alignment(),
        lambda live, path: live.export(path / "bars.parquet"),
        lambda live, path: str(live.watch()),
    ],
    ids=["stats", "card", "alignment", "export", "watch list"],
)
def test_what_reads_all_timeframes_reads_those_of_one_moment(
    read: Callable[[LiveMarket, Path], object], tmp_path: Path
) -> None:
    with open_market(HandFeed(minutes(-60, 60)), "1min", "5min", "15min") as live:
        # The watch list reads the finest one only.
        gone = "1min" if "watch" in read.__code__.co_names else "15min"
        other = remove_after_they_are_named(live["1min"]._engine, gone)
        assert read(live, tmp_path)
        if other.ident is None:
            other.start()
        other.join(LIMIT_SECONDS)
        assert gone not in live
        assert read(live, tmp_path)


def test_updates_of_bars_are_told_while_a_timeframe_is_removed() -> None:
    feed = HandFeed(minutes(-60, 60))
    with open_market(feed, "1min", "5min", "15min") as live:
        seen: list[str] = []
        done = threading.Event()

        def told(event: Event) -> None:
            seen.append(event.timeframe)
            if event.timeframe == "15min" and event.close == 102.0:
                done.set()

        live.on("bar_updated", told)
        other = remove_after_they_are_named(live["1min"]._engine, "5min")
        feed.trades(trade(1.0, 101.0))
        if other.ident is None:
            other.start()
        other.join(LIMIT_SECONDS)
        feed.trades(trade(2.0, 102.0))
        assert done.wait(LIMIT_SECONDS)
        assert seen == ["1min", "5min", "15min", "1min", "15min"]


def test_bars_are_checked_while_a_timeframe_is_removed() -> None:
    feed = HandFeed(minutes(-60, 60))
    with open_market(feed, "1min", "5min") as live:
        live.data.enable_validation()
        pipeline = live._parts.manager.market.pipeline
        closed = [("5min", minutes(0, 1)[0], 0), ("1min", minutes(0, 1)[0], 0)]
        before = pipeline.quality.bars_validated
        live.remove_timeframe("5min")
        pipeline.publish(closed, [])
        assert pipeline.quality.bars_validated == before + 1
