"""What was known at a moment before an import, or before a loss, is the same after it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.instruments import Instrument
from mdnb.market import LiveMarket
from mdnb.rows import BarRow
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.merge_bars import merge_bars
from mdnb.sessions import Sessions
from mdnb.stores.columns import PARTIAL, columns_from_rows
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, bar, minutes, open_market, trade
from tests.same_frames import assert_same_frames


def step(feed: HandFeed, seconds: float, *trades: tuple[float, float, int]) -> None:
    """Let the market's time pass, and trades of ``(seconds, price, id)`` arrive."""
    assert isinstance(feed.clock, EventClock)
    feed.clock.advance(START + round(seconds * SECOND))
    if trades:
        feed.trades(*(trade(at, price, 1.0, number) for at, price, number in trades))


def moment(market: LiveMarket) -> pd.Timestamp:
    with market.data.engine.lock:
        return pd.Timestamp(market.data.engine.read_ns(), tz="UTC")


def test_a_file_that_changes_no_bar_changes_nothing_that_was_read_before(tmp_path: Path) -> None:
    # One bar was put in by a late trade five minutes after the start, one was changed by another.
    feed = HandFeed(clock=EventClock(START - 31 * MINUTE))
    with open_market(feed, "1min", max_lateness_seconds=7200) as other:
        for minute in range(-30, 0):
            if minute != -10:
                step(feed, minute * 60 + 1, (minute * 60 + 1, 100.0 + minute, minute + 30))
        step(feed, 1, (1, 200.0, 31))
        step(feed, 300, (-10 * 60 + 1, 90.0, 20), (-20 * 60 + 30, 777.0, 41))
        step(feed, 301, (301, 200.0, 42))
        path = other.export(tmp_path / "other.parquet", "1min")
        bars = other.data.get_data("1min", closed_only=True).iloc[:30]
    history: list[BarRow] = [
        (at.value, *row[:5], int(row[5]), row[6] * row[4])
        for at, row in zip(bars.index, bars.to_numpy().tolist(), strict=True)
    ]
    feed = HandFeed(history)
    with open_market(feed, "1min") as market:
        step(feed, 120)
        then = moment(market)
        read, poll = market.data.get_data("1min", closed_only=True), market.alignment("1min")
        step(feed, 130, (130, 200.0, 50))
        step(feed, 600, (600, 201.0, 51))
        (result,) = market.load(path)
        assert result.kept == len(history) == len(read)
        assert_same_frames(market.data.get_data("1min", as_of=then), read)
        assert market.alignment("1min", as_of=poll.time) == poll
        # Before this market began the file's own times count.
        early = market.data.get_data("1min", as_of=pd.Timestamp(START - SECOND, tz="UTC"))
        assert len(early) == 28
        assert early["close"].iloc[10] == 80.0


@pytest.mark.parametrize("minute", [-400, 1])
def test_bars_that_an_import_adds_are_known_from_then_on(tmp_path: Path, minute: int) -> None:
    feed = HandFeed(minutes(-30, 30))
    with open_market(feed, "1min", "5min") as market:
        step(feed, 70, (1, 200.0, 31))
        step(feed, 240, (240, 200.0, 32))
        then = moment(market)
        names = ("1min", "5min")
        read = {name: market.data.get_data(name, closed_only=True) for name in names}
        poll = market.alignment(names)
        given = columns_from_rows(minutes(minute, 2))
        frame = pd.DataFrame(
            {name: getattr(given, name) for name in ("open", "high", "low", "close", "volume")},
            index=pd.DatetimeIndex(given.time_us * 1000, tz="UTC", name="timestamp"),
        )
        frame.to_csv(tmp_path / "x.csv")
        assert market.data.import_from_csv(tmp_path / "x.csv", "1min").added == 2
        for name in names:
            assert_same_frames(market.data.get_data(name, as_of=then), read[name])
        assert market.alignment(names, as_of=poll.time) == poll
        step(feed, 241, (241, 200.0, 33))
        assert len(market.data.get_data("1min", as_of=moment(market))) == len(read["1min"]) + 2
        # Nobody can have read before the market began: research on what was imported looks there.
        early = market.data.get_data("1min", as_of=pd.Timestamp(START - 20 * MINUTE, tz="UTC"))
        assert (frame.index[0] in early.index) == (minute < 0)


def test_what_was_read_before_trades_were_lost_is_not_marked(tmp_path: Path) -> None:
    names = ("1min", "5min", "3tick")
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, *names) as market:
        for number, at in enumerate(range(0, 400, 20)):
            step(feed, at, (at, 100.0 + at, number))
        then = moment(market)
        read = {name: market.data.get_data(name, closed_only=True) for name in names}
        assert market._parts is not None
        market._parts.session.markets["X"].pipeline.lose([(START + 70 * SECOND, START + 130 * SECOND)])
        for name in names:
            assert market.data.get_data(name).attrs["partial"]
            assert not read[name].attrs["partial"]
            assert_same_frames(market.data.get_data(name, as_of=then), read[name])
            assert market.data.get_data(name, as_of=moment(market)).attrs["partial"]
        path = market.export(tmp_path / "all.parquet")
        fine = market.export(tmp_path / "fine.parquet", "1min")
    for file in (path, fine):
        with open_market(HandFeed(clock=EventClock(START + 60 * MINUTE)), *names) as market:
            market.load(file)
            for name in names[:2]:
                assert_same_frames(market.data.get_data(name, as_of=then), read[name])
                assert market.data.get_data(name).attrs["partial"]


def test_a_mark_is_noted_once_and_only_of_the_bars_it_changes() -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["2tick"], DataManagerConfig())
    engine.cascade.closing.advance(START)
    bars = engine.activity["2tick"]
    # Three bars of one instant; the second one lacks trades.
    bars.push_rows([(START, 100.0 + number, 1.0, 1, 0, -1) for number in range(6)])
    log = engine.log("2tick")
    for second in (1, 2):
        engine.cascade.closing.advance(START + second * SECOND)
        log.mark(1, PARTIAL, 2)
    assert len(log.amendments) == 1
    assert engine.known("2tick", START + SECOND).attrs["partial"] == (1,)
    assert engine.known("2tick", START).attrs["partial"] == ()


@pytest.mark.parametrize("begins", [0, 1])
def test_a_coarser_bar_that_is_open_is_whole_when_its_finer_ones_are(begins: int) -> None:
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min", "5min", "15min"])
    first = START - 5 * MINUTE * (1 - begins)
    engine.cascade.push_bars([bar(minute, 100.0) for minute in range((first - START) // MINUTE + begins, 4)])
    log, coarser = engine.log("1min"), engine.cascade.node("5min")
    at = log.find(START + 2 * MINUTE)
    log.mark(at, PARTIAL, at + 1)
    coarser.partial = True
    merge_bars(engine, "1min", columns_from_rows([bar(2, 100.0)]))
    assert not (log.columns(0, len(log)).flags & PARTIAL).any()
    # It may lack its beginning besides.
    assert coarser.partial == bool(begins)
    engine.cascade.push_bars([bar(minute, 100.0) for minute in range(4, 6)])
    engine.cascade.close_until(START + 5 * MINUTE)
    held = engine.log("5min").columns(0, len(engine.log("5min")))
    assert np.flatnonzero(held.flags & PARTIAL).tolist() == [0] * begins
