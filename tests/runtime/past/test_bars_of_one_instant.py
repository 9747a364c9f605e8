"""Bars of trades of which several begin at one instant: which imported ones are which of those held."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mdnb.clock import EventClock
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, open_market, trade
from tests.same_frames import assert_same_frames


def six_a_second(feed: HandFeed, seconds: range) -> None:
    """Six trades a second, all of one instant: three bars of two."""
    assert isinstance(feed.clock, EventClock)
    for at in seconds:
        feed.clock.advance(START + at * SECOND)
        feed.trades(*(trade(at, 100.0 + at + k * 0.25, 1.0, at * 6 + k) for k in range(6)))


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_bars_of_one_instant_are_all_exported_and_imported(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"bars.{kind}"
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "2tick", "1min") as market:
        six_a_second(feed, range(1, 11))
        whole = market.data.get_data("2tick", closed_only=True)
        assert (len(whole), whole.index.is_unique) == (30, False)
        getattr(market.data, f"export_to_{kind}")("2tick", path)
        (again,) = market.load(path, "2tick") if kind != "parquet" else market.load(path)
        assert (again.kept, again.added, again.notes) == (30, 0, ())
        assert_same_frames(market.data.get_data("2tick", closed_only=True), whole)
    with open_market(HandFeed(clock=EventClock(START + 60 * MINUTE)), "2tick") as other:
        for added, kept in ((30, 0), (0, 30)):
            result = getattr(other.data, f"import_from_{kind}")(path, "2tick")
            assert (result.rows, result.added, result.kept, result.notes) == (30, added, kept, ())
            pd.testing.assert_frame_equal(other.data.get_data("2tick", closed_only=True), whole)


@pytest.mark.parametrize("overwrite", [False, True])
def test_bars_of_one_instant_are_put_between_those_that_are_held(tmp_path: Path, overwrite: bool) -> None:
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "2tick") as whole:
        six_a_second(feed, range(1, 6))
        path = whole.export(tmp_path / "whole.parquet")
        expected = whole.data.get_data("2tick", closed_only=True)
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "2tick") as market:
        # It came amid the second second, after the first bar of three, and missed the fourth.
        assert isinstance(feed.clock, EventClock)
        feed.clock.advance(START + 2 * SECOND)
        feed.trades(*(trade(2, 102.0 + k * 0.25, 1.0, 12 + k) for k in range(2, 6)))
        six_a_second(feed, range(3, 4))
        six_a_second(feed, range(5, 6))
        with market.data.engine.lock:
            then = pd.Timestamp(market.data.engine.read_ns(), tz="UTC")
        read = market.data.get_data("2tick", closed_only=True)
        assert len(read) == 8
        (result,) = market.load(path, overwrite=overwrite)
        assert (result.added, result.kept, result.replaced) == ((7, 0, 8) if overwrite else (7, 8, 0))
        pd.testing.assert_frame_equal(market.data.get_data("2tick", closed_only=True), expected)
        assert_same_frames(market.data.get_data("2tick", as_of=then), read)


def test_those_that_are_replaced_at_one_instant_can_be_read_as_they_were(tmp_path: Path) -> None:
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "2tick") as market:
        six_a_second(feed, range(1, 4))
        with market.data.engine.lock:
            then = pd.Timestamp(market.data.engine.read_ns(), tz="UTC")
        read = market.data.get_data("2tick", closed_only=True)
        other = read.iloc[:, :5].copy()
        other.iloc[[1, 4, 5]] *= 2.0
        other.to_csv(tmp_path / "other.csv")
        result = market.data.import_from_csv(tmp_path / "other.csv", "2tick", overwrite=True)
        assert (result.replaced, result.added) == (9, 0)
        now = market.data.get_data("2tick", closed_only=True)
        assert now["close"].tolist() == other["close"].tolist()
        assert_same_frames(market.data.get_data("2tick", as_of=then), read)
