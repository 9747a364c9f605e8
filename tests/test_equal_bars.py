"""Real input, equal bars: the whole live path (socket, decode, validate, bars, frame) against the venues'.

What a venue's bar is, and which rows are whole, is in `tests.venues.truth`, which does not use mdnb.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mdnb.config import DataManagerConfig
from mdnb.runtime.live.accounting import Accounting
from mdnb.suite import TradingSuite
from mdnb.timeframes import Timeframe
from tests.venues import truth

NONE = dict.fromkeys(("open", "high", "low", "close", "volume", "count"), 0)


def play(
    feed: str, symbol: str, timeframes: list[str], *, fill_gaps: bool = False
) -> tuple[dict[str, pd.DataFrame], Accounting]:
    """Return the frames of a recording played to its end over a real socket, and the accounting."""

    async def main() -> tuple[dict[str, pd.DataFrame], Accounting]:
        config = DataManagerConfig(fill_gaps=fill_gaps, max_bars_per_timeframe=200_000)
        suite = await TradingSuite.create(
            symbol, timeframes, feed=feed, initial_days=0, data_manager_config=config
        )
        async with suite:
            await suite.wait_ended()
            frames = {name: await suite.data.get_all_data(name) for name in timeframes}
            return frames, suite.accounting()

    return asyncio.run(main())


def as_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame in the form of `tests.venues.truth`."""
    start = frame.index.as_unit("ns").asi8
    table = frame.reset_index(drop=True)[["open", "high", "low", "close", "volume"]]
    return table.assign(start_ns=start, count=frame["tick_count"].to_numpy().astype(np.int64))


def assert_equal(ours: pd.DataFrame, venue: pd.DataFrame, least: int, **known: int) -> None:
    """Compare over what both sides cover; at least so many bars, none missing, none extra."""
    inside = ours["start_ns"].between(venue["start_ns"].iloc[0], venue["start_ns"].iloc[-1])
    found = truth.mismatches(ours[inside], venue)
    assert len(venue) >= least
    assert {name: found[name] for name in NONE} == NONE | known
    assert (found["missing"], found["extra"]) == (0, 0)


def check_balanced(accounting: Accounting) -> None:
    assert accounting.balanced, str(accounting)
    assert accounting.malformed == 0


def test_kraken_minutes_and_flat_minutes(shared_data: Path) -> None:
    trades = truth.kraken_trades()
    venue = truth.whole_bars(truth.kraken_bars(), trades, truth.MINUTE)
    feed = f"replay:{shared_data}/bars/kraken_xbtusdt_trades.json.gz?speed=max"
    frames, accounting = play(feed, "XBTUSDT", ["1min", "5min"], fill_gaps=True)
    check_balanced(accounting)
    assert accounting.in_bars == len(trades)
    assert_equal(as_table(frames["1min"]), venue, least=210)
    empty = venue["count"] == 0
    assert empty.sum() > 70
    plain, _ = play(feed, "XBTUSDT", ["1min"])
    assert_equal(as_table(plain["1min"]), venue[~empty], least=100)
    five = truth.coarser_bars(venue[~empty], 5 * truth.MINUTE)
    whole = truth.whole_bars(five, trades, 5 * truth.MINUTE)
    five_ours = as_table(frames["5min"])
    assert_equal(five_ours[five_ours["count"] > 0], whole, least=30)


@pytest.mark.parametrize("side", ["bid", "ask"])
@pytest.mark.parametrize(
    ("name", "symbol"),
    [("lean_oanda_xauusd_{}_20140509_quote", "XAUUSD"), ("lean_fxcm_eurusd_{}_20140505_quote", "EURUSD")],
)
def test_quotes_against_the_venues_seconds_and_minutes(
    shared_data: Path, name: str, symbol: str, side: str
) -> None:
    quotes = truth.lean_quotes(name.format("tick"))
    feed = f"replay:{shared_data}/bars/{name.format('tick')}.zip?speed=max&price={side}"
    frames, accounting = play(feed, symbol, ["1sec", "1min"])
    check_balanced(accounting)
    assert accounting.in_bars == len(quotes)
    for timeframe, kind, least in (("1sec", "second", 10_000), ("1min", "minute", 1_000)):
        step = Timeframe.parse(timeframe).step_ns
        venue = truth.whole_bars(truth.lean_quote_bars(name.format(kind), side), quotes, step)
        assert_equal(as_table(frames[timeframe]).assign(count=-1), venue, least)
    assert frames["1sec"].attrs["source"] == "quotes"
    assert "vwap" not in frames["1sec"]


def test_gold_trades_against_the_exchanges_minutes(shared_data: Path) -> None:
    trades = truth.lean_trades()
    feed = f"replay:{shared_data}/bars/lean_gc_tick_20131007_trade.zip?speed=max&symbol=GC201312"
    frames, accounting = play(feed, "GC201312", ["1min"])
    check_balanced(accounting)
    assert accounting.in_bars == len(trades)
    venue = truth.whole_bars(truth.lean_bars(), trades, truth.MINUTE)
    assert_equal(as_table(frames["1min"]), venue, least=1_300)
    # The one known difference: in the last minute, 23:59, the two files disagree by two contracts.
    last = as_table(frames["1min"]).set_index("start_ns").iloc[-1]
    theirs = truth.lean_bars().set_index("start_ns").iloc[-1]
    assert last.name == theirs.name
    assert (
        last[["open", "high", "low", "close"]].tolist() == theirs[["open", "high", "low", "close"]].tolist()
    )
    assert abs(theirs["volume"] - last["volume"]) == 2


def test_shipped_gold_trades_against_the_exchanges_minutes() -> None:
    frames, accounting = play("replay:dataset:gold-ticks?speed=max", "GC201312", ["1min"])
    check_balanced(accounting)
    assert len(frames["1min"]) >= 1_300


def test_coinbase_seconds_make_its_minutes(shared_data: Path) -> None:
    seconds = truth.lean_bars("lean_coinbase_btcusd_second_20161008_trade", "")
    minutes = truth.lean_bars("lean_coinbase_btcusd_minute_20161008_trade", "")
    feed = f"replay:{shared_data}/bars/lean_coinbase_btcusd_second_20161008_trade.zip?speed=max"
    frames, accounting = play(feed, "BTCUSD", ["1min"])
    check_balanced(accounting)
    assert accounting.in_bars == len(seconds)
    assert_equal(as_table(frames["1min"]).assign(count=-1), minutes, least=1_390)


def test_binance_trades_against_freqtrades_minutes(shared_data: Path) -> None:
    trades = truth.ccxt_trades()
    feed = f"replay:{shared_data}/bars/binance_xrpeth_aggtrades_20191011_ccxt.json.gz?speed=max"
    frames, accounting = play(feed, "XRP/ETH", ["1min"])
    check_balanced(accounting)
    assert accounting.in_bars + accounting.duplicate == len(trades)
    venue = truth.whole_bars(truth.freqtrade_bars(), trades, truth.MINUTE)
    assert_equal(as_table(frames["1min"]).assign(count=-1), venue, least=2_400)


def test_binance_futures_trades_against_the_klines_in_the_recording(shared_data: Path) -> None:
    klines, trades = truth.binance_klines(), truth.binance_aggtrades()
    compared = 0
    for symbol in sorted(trades["symbol"].unique()):
        feed = f"replay:{shared_data}/ws/binance_futures.txt.gz?speed=max&symbol={symbol}"
        frames, accounting = play(feed, symbol, ["1min"])
        check_balanced(accounting)
        own = trades[trades["symbol"] == symbol]
        assert accounting.in_bars == len(own)
        ours = as_table(frames["1min"]).set_index("start_ns")
        for start, updates in klines[klines["symbol"] == symbol].groupby("start_ns"):
            kline = updates.iloc[-1]
            inside = own[own["time_ns"] // truth.MINUTE * truth.MINUTE == start]
            if not len(inside) or inside["first_id"].min() != kline["first_id"]:
                continue  # the recording began within this minute
            # What was recorded after the last update is not in the kline yet; of an aggregated trade that is
            # in it by half only the number of its raw trades can be told apart, not their sizes.
            rest = inside[inside["last_id"] > kline["last_id"]]
            split = bool((rest["first_id"] <= kline["last_id"]).any())
            bar = ours.loc[start]
            assert bar["open"] == kline["open"]
            assert bar["high"] == max([kline["high"], *rest["price"]])
            assert bar["low"] == min([kline["low"], *rest["price"]])
            assert bar["close"] == (rest["price"].iloc[-1] if len(rest) else kline["close"])
            later = rest["last_id"] - rest["first_id"].clip(lower=kline["last_id"] + 1) + 1
            assert bar["count"] == kline["count"] + later.sum()
            whole = kline["volume"] + rest["size"].sum()
            assert bar["volume"] == pytest.approx(whole, rel=1e-12) or (split and bar["volume"] < whole)
            compared += 1
    assert compared == 4


def test_binance_spot_recording_holds_every_trade_by_id(shared_data: Path) -> None:
    frames, accounting = play(
        f"replay:{shared_data}/ws/binance_spot_btcusdt_20240808T2354.txt.gz?speed=max",
        "BTCUSDT",
        ["1sec", "1min"],
    )
    check_balanced(accounting)
    assert accounting.duplicate == accounting.late_dropped == 0
    assert frames["1sec"]["tick_count"].sum() == frames["1min"]["tick_count"].sum() == accounting.in_bars
    seconds = frames["1sec"]
    minutes = seconds.resample("1min").agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    )
    pd.testing.assert_frame_equal(
        minutes, frames["1min"][list(minutes)], check_freq=False, check_names=False, rtol=1e-12
    )
