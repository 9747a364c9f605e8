"""Zero and negative prices, of spreads and of oil in April 2020: one switch, wherever prices are judged."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as drawn, settings, strategies as st

import mdnb
from mdnb.analysis.trend import trend_of
from mdnb.analysis.trend_measures import log_returns
from mdnb.clock import EventClock
from mdnb.errors import DataImportError, OptionError, SymbolError
from mdnb.feeds.recorder import Recorder
from mdnb.instruments import Instrument, known_instrument
from mdnb.market import LiveMarket
from mdnb.validate.live_checks import quote_fault
from mdnb.widgets.tables.watch import WatchList
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, bar, trade

OIL = [3.0, 1.0, 0.0, -5.0, -37.6, -10.0]
"""As crude oil for May 2020 was traded on the twentieth of April."""


def market_of(feed: HandFeed, symbol: str = "X", **options: Any) -> LiveMarket:
    """Return a market that is fed by hand."""
    return mdnb.live(symbol, "1min", feed=feed, progress=False, **{"initial_days": 0, **options})


def oil() -> list[tuple[int, float, float, int, int, int]]:
    return [trade(i, price, number=i) for i, price in enumerate(OIL)]


def history(prices: Sequence[float] = OIL) -> list[tuple[int, float, float, float, float, float, int, float]]:
    """Return a bar a minute before the market begins."""
    return [bar(i - len(prices), price, spread=0.5) for i, price in enumerate(prices)]


@pytest.mark.parametrize(
    ("symbol", "is_positive"),
    [
        ("CLK0-CLM0", False),
        ("CLK20-CLM20", False),
        ("MNQM2026-MNQU2026", False),
        ("ESH6-M6", False),
        ("CL:BF K0-M0-N0", False),
        ("CLK0", True),
        ("CL", True),
        ("BTC-USD", True),
        ("ETH-BTC", True),
        ("BTC-USDT-SWAP", True),
        ("1INCH-USD", True),
        ("BTC-27DEC24", True),
    ],
)
def test_calendar_spreads_are_known_by_their_symbols(symbol: str, is_positive: bool) -> None:
    assert known_instrument(symbol).positive_prices is is_positive


def test_live_trades_below_zero_are_taken_where_the_market_says_so() -> None:
    feed = HandFeed()
    with market_of(feed, positive_prices=False) as market:
        feed.trades(*oil())
        taken = market.accounting()
        assert (taken.received, taken.in_bars, taken.rejected_total) == (6, 6, 0)
        forming = market.data.get_data("1min").iloc[-1]
        assert forming[["open", "high", "low", "close"]].tolist() == [3.0, 3.0, -37.6, -10.0]
        assert market.price == -10.0


def test_of_an_instrument_whose_prices_are_positive_they_are_refused_still() -> None:
    feed = HandFeed()
    with market_of(feed) as market:
        feed.trades(*oil())
        assert dict(market.accounting().rejected) == {"price_not_positive": 4}


@pytest.mark.parametrize("given", [{"X": False}, False])
def test_the_suite_takes_the_same_switch(given: Any) -> None:
    async def main() -> int:
        feed = HandFeed()
        made = mdnb.TradingSuite.create("X", "1min", feed=feed, initial_days=0, positive_prices=given)
        async with await made as suite:
            await asyncio.to_thread(feed.trades, *oil())
            return int(suite.accounting().in_bars)

    assert asyncio.run(main()) == 6


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ("no", OptionError, "positive_prices must be True, False or None"),
        ({"X": 0}, OptionError, "positive_prices must be True, False or None"),
        ({"Y": False}, SymbolError, "Y"),
    ],
)
def test_what_is_no_switch_is_refused(given: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        market_of(HandFeed(), positive_prices=given)


def test_history_quotes_and_own_bars_follow_the_switch() -> None:
    feed = HandFeed(history())
    with market_of(feed, positive_prices=False, initial_days=1) as market:
        assert market.data.get_data("1min", closed_only=True)["close"].tolist() == OIL
        assert market.accounting().rejected_total == 0
        feed.depth([(-1.5, 2.0), (-2.0, 1.0)], [(-1.25, 3.0), (0.0, 1.0)])
        feed.quotes((START + SECOND, -1.5, 2.0, -1.25, 3.0))
        assert (market.bid, market.ask) == (-1.5, -1.25)
        assert market.quote.mid == -1.375
        market.data.enable_validation()
        feed.quotes((START + 2 * SECOND, -0.25, 1.0, 0.0, 1.0), (START + 3 * SECOND, 0.0, 1.0, 0.25, 1.0))
        found = {one.type for one in market.data.get_validation_errors(100)}
        assert not found & {"price_not_positive", "unit_change", "split_not_applied", "quote_crossed"}


def test_quotes_that_cannot_be_are_refused_and_told_once() -> None:
    feed = HandFeed()
    with market_of(feed) as market:
        good = (START + SECOND, 100.0, 1.0, 100.25, 1.0)
        feed.quotes(good)
        bad = ((-1.0, 1.0, 100.0, 1.0), (-2.0, 1.0, -1.0, 1.0), (0.0, 1.0, 0.0, 1.0))
        feed.quotes(*((START + (2 + at) * SECOND, *row) for at, row in enumerate(bad)))
        taken = market.accounting()
        assert dict(taken.quotes_rejected) == {"quote_not_positive": 3}
        assert (market.bid, market.ask, taken.quotes, taken.balanced) == (100.0, 100.25, 4, True)
        assert "3 quotes refused:quote_not_positive" in str(taken)
        (fault,) = market.data.get_validation_errors(type="quote_not_positive")
        assert fault.count == 3
        assert fault.description.endswith("make the market with positive_prices=False")
        assert "4 received; 3 refused" in str(market)
        # A bid of nothing is one.
        feed.quotes((START + 10 * SECOND, 0.0, 0.0, 100.5, 1.0))
        assert market.bid == 0.0


@pytest.mark.parametrize("positive", [True, False])
def test_levels_of_the_book_that_cannot_be_are_counted_and_told_once(positive: bool) -> None:
    feed = HandFeed()
    with market_of(feed, positive_prices=positive) as market:
        market.data.subscribe_to_level2()
        feed.depth([(99.0, 2.0), (-1.0, 1.0)], [(100.0, 3.0), (100.5, 1.0)])
        feed.depth([(0.0, 1.0)], [])
        refused = 2 if positive else 0
        assert market.accounting().depth_refused == refused
        faults = market.data.get_validation_errors(type="depth_refused")
        assert [one.count for one in faults] == ([refused] if refused else [])
        assert all(one.description.endswith("with positive_prices=False") for one in faults)
        assert (f"{refused} levels of the order book refused" in str(market.accounting())) is positive
        for card in (str(market), market._repr_html_()):
            assert (f"{refused} levels refused" in card) is positive


def test_crossed_quotes_are_taken_counted_and_told_once() -> None:
    feed = HandFeed()
    with market_of(feed) as market:
        for at in range(3):
            feed.quotes((START + (1 + 90 * at) * SECOND, 100.5 + at, 1.0, 100.0, 1.0))
        feed.quotes((START + 300 * SECOND, 100.0, 1.0, 100.0, 1.0))
        assert market.accounting().quotes_crossed == 3
        (fault,) = market.data.get_validation_errors(type="quote_crossed")
        assert (fault.count, dict(fault.values)) == (3, {"bid": 102.5, "ask": 100.0})
        assert "4 received; 3 with the bid above the ask" in str(market)
        market.data.enable_validation()
        feed.quotes((START + 301 * SECOND, 101.0, 1.0, 100.0, 1.0))
        assert market.accounting().quotes_crossed == 4
        assert market.data.get_validation_stats().by_type["quote_crossed"] == 4


def test_of_bars_of_quotes_those_refused_are_in_the_account() -> None:
    feed = HandFeed()
    feed.source = "quotes"
    with market_of(feed) as market:
        feed.quotes((START, 100.0, 1.0, 100.5, 1.0), (START + 1, -1.0, 1.0, 300.0, 1.0))
        taken = market.accounting()
        assert (taken.received, taken.in_bars, dict(taken.rejected)) == (2, 1, {"quote_not_positive": 1})
        assert taken.balanced
        assert market.data.get_data("1min")["high"].max() == 100.25


@settings(deadline=None)
@drawn(st.floats(), st.floats(), st.floats(-9, 9), st.floats(-9, 9), st.booleans())
def test_no_quote_is_refused_but_for_a_price_that_cannot_be(
    bid: float, ask: float, bid_size: float, ask_size: float, positive: bool
) -> None:
    fault = quote_fault((0, bid, bid_size, ask, ask_size), positive_prices=positive)
    assert (fault == "quote_not_finite") == (math.isinf(bid) or math.isinf(ask))
    assert (fault == "quote_not_positive") == (
        positive and not math.isinf(bid) and not math.isinf(ask) and (bid < 0 or ask <= 0)
    )
    assert (fault is None) or fault != "quote_size_negative" or min(bid_size, ask_size) < 0
    assert fault is not None or min(bid_size, ask_size) >= 0


def test_bars_of_quotes_and_of_the_feed_itself_follow_the_switch() -> None:
    feed = HandFeed()
    feed.source = "quotes"
    with market_of(feed, positive_prices=False) as market:
        feed.quotes(
            *((START + i * SECOND, price - 0.25, 1.0, price + 0.25, 1.0) for i, price in enumerate(OIL))
        )
        assert market.accounting().in_bars == 6
        assert market.data.get_data("1min")["low"].tolist() == [-37.6]
    feed = HandFeed(bars=("1min",))
    feed.source = "bars"
    with market_of(feed, positive_prices=False) as market:
        feed.bars(*(bar(i, price) for i, price in enumerate(OIL)))
        assert market.accounting().in_bars == 6
        assert market.data.get_data("1min", closed_only=True)["close"].tolist() == OIL


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_files_follow_the_switch(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"oil.{kind}"
    with market_of(HandFeed(history()), positive_prices=False, initial_days=1) as market:
        market.export(path)
        expected = market.data.get_data("1min", closed_only=True)
    clock = EventClock(START + MINUTE)
    with market_of(HandFeed(clock=clock), positive_prices=False) as market:
        (result,) = market.load(path)
        assert (result.added, result.refused) == (6, 0)
        back = market.data.get_data("1min", closed_only=True)
        pd.testing.assert_frame_equal(back, expected, check_exact=True)
    with (
        market_of(HandFeed(clock=clock)) as market,
        pytest.raises(DataImportError, match="positive_prices=False"),
    ):
        market.load(path)


def test_alerts_are_fired_by_prices_below_zero() -> None:
    feed = HandFeed()
    with market_of(feed, positive_prices=False) as market:
        alerts = [market.alert(below=-20.0), market.alert(0.0), market.alert(above=-15.0)]
        feed.trades(*oil())
        assert [alert.trade_price for alert in alerts] == [-37.6, 0.0, -10.0]
        assert alerts[0].message == "X at or below -20.00"


def test_outliers_near_zero_are_told_by_the_steps_of_the_price() -> None:
    feed = HandFeed(instrument=Instrument("X"))
    rng = np.random.default_rng(15)
    calm = (rng.integers(-3, 4, 400) / 100).tolist()
    with mdnb.live(
        "X",
        "1min",
        feed=feed,
        initial_days=0,
        progress=False,
        positive_prices=False,
        data_manager_config=mdnb.DataManagerConfig(remove_outliers=True),
    ) as market:
        feed.trades(*(trade(i / 10, price, number=i) for i, price in enumerate(calm)))
        assert market.accounting().in_bars == 400
        feed.trades(trade(41, 0.0, number=400), trade(41.1, 1.0, number=401), trade(41.2, 0.01, number=402))
        taken = market.accounting()
        assert (taken.in_bars, taken.held_back) == (402, 1)


def test_a_replay_and_its_steps_follow_the_switch(tmp_path: Path) -> None:
    path = tmp_path / "oil.jsonl"
    for symbol in ("CLK0", "CLK0-CLM0"):
        with Recorder(path.with_stem(symbol), "mdnb", [symbol]) as recorder:
            for i, price in enumerate(OIL):
                row = trade(20 * i, price, number=i)
                recorder.frame(row[0], json.dumps({"e": "trades", "s": symbol, "r": [row]}))
    (first, second) = mdnb.play(path.with_stem("CLK0"), "1min", positive_prices=False)
    assert [first.bars["1min"].close, second.bars["1min"].low] == [0.0, -37.6]
    # A calendar spread needs no word.
    steps = list(mdnb.play(path.with_stem("CLK0-CLM0"), "1min"))
    assert [step.bars["1min"].close for step in steps] == [0.0, -10.0]
    with mdnb.live(
        "CLK0-CLM0", "1min", feed=f"replay:{path.with_stem('CLK0-CLM0')}?speed=max", initial_days=0
    ) as market:
        market.wait_ended()
        assert market.accounting().in_bars == 6


def test_the_wire_carries_them() -> None:
    from mdnb.decode import decoder

    frame = json.dumps({"e": "trades", "s": "X", "r": oil()})
    assert [row[1] for row in decoder("mdnb").feed([frame]).trades["X"]] == OIL


def test_a_logarithmic_axis_says_what_it_leaves_out_and_changes_have_their_sign() -> None:
    with market_of(HandFeed(history()), positive_prices=False, initial_days=1) as market:
        chart = market.chart()

        def legend() -> str:
            notes = chart.snapshot().layout.annotations
            return str(next(note.text for note in notes if note.name == "mdnb-legend"))

        # From -37.6 up to -10 is a rise of 73 %.
        assert "▲ +27.60 (+73.40%)" in legend()
        assert "log axis" not in legend() + chart.picture()
        chart.update_layout(yaxis_type="log")
        assert "(log axis: not drawn at zero and below)" in legend()
        picture = chart.picture()
        assert "(log axis: not drawn at zero and below)" in picture
        assert "nan" not in picture


def test_the_watch_list_tells_a_rise_below_zero_as_one() -> None:
    feed = HandFeed()
    with market_of(feed, positive_prices=False) as market:
        feed.trades(trade(0, -40.0, number=0), trade(1, -10.0, number=1))
        (row,) = WatchList([market.data.engine], [lambda: 0.0]).state().rows
        assert [cell.text for cell in row.cells][2:4] == ["▲ +30.00", "+75.00 %"]


def test_a_trend_through_zero_has_no_test_of_log_returns_and_says_so() -> None:
    trend = trend_of(np.linspace(1.0, -1.0, 40))
    assert (trend.tau, trend.momentum) == (-1.0, -1.0)
    assert np.isnan(trend.t)
    assert np.isnan(trend.sigma)
    with pytest.raises(OptionError, match="log returns need positive closes; got -1"):
        log_returns([1.0, -1.0])


def test_a_message_of_bars_all_of_which_are_refused_costs_no_other_symbol_anything() -> None:
    feed = HandFeed(bars=("1min",))
    feed.source = "bars"
    with mdnb.live(["X", "Y"], "1min", feed=feed, progress=False, initial_days=0) as market:
        bars = {"e": "bars", "tf": "1min", "closed": True}
        feed.send({**bars, "s": "X", "r": [bar(0, -5.0)]}, {**bars, "s": "Y", "r": [bar(0, 5.0)]})
        assert dict(market["X"].accounting().rejected) == {"bar_price_not_positive": 1}
        assert market["Y"].accounting().in_bars == 1
        feed.send({**bars, "s": "X", "r": [bar(1, 5.0)]})
        assert market["X"].accounting().in_bars == 1


def saved_oil(folder: Path, name: str, positive: bool | None) -> Path:
    """Save a market of trades and quotes at zero and below."""
    feed = HandFeed(history(), clock=EventClock(START))
    with market_of(feed, positive_prices=positive, initial_days=1) as market:
        feed.trades(*oil())
        feed.quotes(*((START + at * SECOND, price - 1, 1.0, price, 1.0) for at, price in enumerate(OIL)))
        return market.save(folder / f"{name}.mdnb")


def test_a_saved_market_is_opened_as_it_was_or_as_it_is_said(tmp_path: Path) -> None:
    path = saved_oil(tmp_path, "oil", False)
    counts = {}
    for positive in (None, False, True):
        with mdnb.open(path, speed="max", positive_prices=positive) as market:
            market.wait_ended()
            taken = market.accounting()
            counts[positive] = taken.in_bars, sum(taken.quotes_rejected.values())
            low = market.data.get_data("1min", count=100)["low"].min()
            assert (low > 0) == (positive is True)
    assert counts == {None: (6, 0), False: (6, 0), True: (2, 4)}
    with mdnb.open(path, speed="max", positive_prices={"X": True}) as market:
        market.wait_ended()
        assert market.accounting().in_bars == 2
    with pytest.raises(SymbolError, match="Y"):
        mdnb.open(path, positive_prices={"Y": True})


def test_a_recording_is_opened_with_prices_below_zero_where_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "oil.jsonl"
    with Recorder(path, "mdnb", ["CLK0"]) as recorder:
        for i, price in enumerate(OIL):
            row = trade(20 * i, price, number=i)
            recorder.frame(row[0], json.dumps({"e": "trades", "s": "CLK0", "r": [row]}))
    for positive, count in ((None, 2), (False, 6)):
        with mdnb.open(path, timeframes="1min", speed="max", positive_prices=positive) as market:
            market.wait_ended()
            assert market.accounting().in_bars == count


def test_what_was_saved_before_it_is_played_is_judged_as_live_data(tmp_path: Path) -> None:
    path = saved_oil(tmp_path, "oil", False)
    for positive in (False, True):
        with mdnb.open(path, speed="max", positive_prices=positive, start=START + MINUTE) as market:
            engine = market._parts.session.markets["X"].engine
            prices = engine.ticks.tail(100)["price"].tolist()
            bids = engine.quotes.tail(100)["bid"].tolist()
            assert prices == (OIL[:2] if positive else OIL)
            assert bids == [price - 1 for price in (OIL[:2] if positive else OIL)]
            found = market.data.get_validation_errors(9, "saved_rows_refused")
            assert len(found) == positive


@pytest.mark.parametrize("positive", [True, False])
def test_bars_of_a_store_are_judged_as_those_of_a_history(tmp_path: Path, positive: bool) -> None:
    feed = HandFeed(history())
    with market_of(feed, positive_prices=False, initial_days=1, store=tmp_path):
        pass
    again = HandFeed([], trades=())
    with market_of(again, positive_prices=positive, store=tmp_path, connect_timeout=2.0) as market:
        closes = market.data.get_data("1min")["close"].tolist()
        assert closes == ([3.0, 1.0] if positive else OIL)
        assert len(market.data.get_validation_errors(9, "price_not_positive")) == positive


def test_the_calendar_of_what_is_opened_may_be_another_one(tmp_path: Path) -> None:
    path = saved_oil(tmp_path, "oil", False)
    with mdnb.open(path, speed="max", calendar="CME_Equity") as market:
        sessions = market._parts.session.markets["X"].engine.sessions
        assert not sessions.always_open
    with pytest.raises(OptionError, match="calendar"):
        mdnb.open(path, calendar="no such calendar")
