"""The comparison data itself: a plain groupby of the trades gives the venues' own bars, without mdnb."""

from __future__ import annotations

import pytest

from tests.venues import truth

NONE = dict.fromkeys(("open", "high", "low", "close", "volume", "count", "missing", "extra"), 0)


def test_kraken() -> None:
    trades, bars = truth.kraken_trades(), truth.kraken_bars()
    ours = truth.whole_bars(truth.group_bars(trades, truth.MINUTE), trades, truth.MINUTE)
    venue = truth.whole_bars(bars[bars["count"] > 0], trades, truth.MINUTE)
    assert truth.mismatches(ours, venue) == NONE
    assert len(ours) == 138
    assert (trades["id"].diff().dropna() == 1).all()


def test_kraken_writes_flat_bars_for_empty_minutes() -> None:
    bars = truth.kraken_bars()
    assert (bars["start_ns"].diff().dropna() == truth.MINUTE).all()
    empty = bars["count"].eq(0) & bars.index.to_series().gt(0)
    before = bars["close"].shift()
    for name in ("open", "high", "low", "close"):
        assert (bars[name] == before)[empty].all()
    assert empty.sum() == 151
    assert (bars["volume"][empty] == 0).all()


def test_gold_differs_in_the_volume_of_its_last_minute_only() -> None:
    trades, bars = truth.lean_trades(), truth.lean_bars()
    ours = truth.group_bars(trades, truth.MINUTE)
    assert truth.mismatches(ours, bars) == {**NONE, "volume": 1}
    assert len(bars) == 1314
    both = ours.merge(bars, on="start_ns", suffixes=("", "_venue"))
    assert list(both["start_ns"][both["volume"] != both["volume_venue"]]) == [bars["start_ns"].iloc[-1]]
    assert (trades["size"] == 0).sum() == 92


@pytest.mark.parametrize(
    ("name", "day", "seconds", "minutes"),
    [("oanda_xauusd", "20140509", 28708, 1257), ("fxcm_eurusd", "20140505", 17495, 1410)],
)
@pytest.mark.parametrize("side", ["bid", "ask"])
def test_quotes(name: str, day: str, seconds: int, minutes: int, side: str) -> None:
    quotes = truth.lean_quotes(f"lean_{name}_tick_{day}_quote")
    for resolution, step, count in (("second", truth.SECOND, seconds), ("minute", truth.MINUTE, minutes)):
        bars = truth.lean_quote_bars(f"lean_{name}_{resolution}_{day}_quote", side)
        assert truth.mismatches(truth.group_bars(quotes, step, side), bars) == NONE
        assert len(bars) == count


def test_coinbase_minutes_are_its_seconds_folded() -> None:
    seconds = truth.lean_bars("lean_coinbase_btcusd_second_20161008_trade", "")
    minutes = truth.lean_bars("lean_coinbase_btcusd_minute_20161008_trade", "")
    assert truth.mismatches(truth.coarser_bars(seconds, truth.MINUTE), minutes) == NONE
    assert len(minutes) == 1400


def test_freqtrade() -> None:
    trades, bars = truth.ccxt_trades(), truth.freqtrade_bars()
    assert truth.mismatches(truth.group_bars(trades, truth.MINUTE), bars) == NONE
    assert len(bars) == 2469


def test_binance_klines_grow_by_the_trades_between_their_ids() -> None:
    klines, trades = truth.binance_klines(), truth.binance_aggtrades()
    added = truth.kline_increments(klines, trades)
    checked = added[added["complete"]]
    assert (len(klines), int(klines["closed"].sum()), len(added), len(checked)) == (67, 4, 56, 33)
    assert (checked["count"] == checked["trade_count"]).all()
    assert ((checked["volume"] - checked["trade_volume"]).abs() < 1e-6).all()
    with_trades = klines[klines["last_id"] >= 0]
    assert (with_trades["count"] == with_trades["last_id"] - with_trades["first_id"] + 1).all()
