"""How bars are made: outliers held back and let in, gaps filled, the feed's own bars, bad bars refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mdnb.errors import OptionError
from tests.manager.hand import MINUTE, START, HandFeed, bar, minutes, open_market, trade


def quiet(count: int, first: int = 0) -> list[tuple[int, float, float, int, int, int]]:
    return [trade(i * 0.5, 100.0 + 0.25 * (i % 3), 1.0, first + i) for i in range(first, first + count)]


def test_a_bad_tick_stays_out_of_bars_and_among_the_ticks_with_its_flag() -> None:
    feed = HandFeed()
    with open_market(feed, remove_outliers=True) as market:
        feed.trades(*quiet(100))
        feed.trades(trade(50.1, 140.0, 1.0, 100))
        feed.trades(*quiet(10, 101))
        bars = market.data.get_data("1min")
        assert bars["high"].max() == 100.5
        flags = {tick.trade_id: tick.flag for tick in market.data.get_recent_ticks(1000)}
        assert flags[100] == "outlier"
        assert sum(flag == "outlier" for flag in flags.values()) == 1
        taken = market.accounting()
        assert (taken.held_back, taken.received, taken.in_bars) == (1, 111, 110)
        assert taken.balanced
        assert market.data.get_tick_statistics().outliers == 1
        assert market.data.get_tick_statistics().max_price == 100.5


def test_a_jump_is_let_in_and_the_bar_is_what_it_would_have_been() -> None:
    rows = [*quiet(118), *(trade(59.2 + i * 0.1, 130.0 + 0.25 * i, 2.0, 118 + i) for i in range(2))]
    # The next minute begins on the old level, so the bar has closed when the jump is confirmed.
    after = [trade(60.2, 100.25, 1.0, 120)]
    after += [trade(60.5 + i * 0.5, 131.0 + 0.25 * (i % 2), 1.0, 121 + i) for i in range(60)]
    frames = []
    for remove_outliers in (True, False):
        feed = HandFeed()
        with open_market(feed, remove_outliers=remove_outliers) as market:
            for row in [*rows, *after]:
                feed.trades(row)
            frames.append({name: market.data.get_data(name) for name in ("1min", "5min")})
            taken = market.accounting()
            assert taken.held_back == 0
            assert taken.balanced
            assert taken.in_bars == len(rows) + len(after)
            if remove_outliers:
                assert all(tick.flag == "ok" for tick in market.data.get_recent_ticks(1000))
                assert market.data.get_timeframe_stats("1min").amended == 1
    for name in ("1min", "5min"):
        pd.testing.assert_frame_equal(frames[0][name], frames[1][name])
    assert frames[0]["1min"]["high"].iloc[0] == 130.25
    assert frames[0]["1min"]["close"].iloc[0] == 130.25


def test_a_jump_is_let_in_without_the_ticks_too() -> None:
    feed = HandFeed()
    with open_market(feed, remove_outliers=True, enable_tick_data=False) as market:
        feed.trades(*quiet(100))
        feed.trades(*(trade(50 + i, 130.0, 1.0, 100 + i) for i in range(2)))
        feed.trades(*(trade(52 + i, 130.0, 1.0, 102 + i) for i in range(5)))
        assert market.data.get_data("1min")["high"].iloc[-1] == 130.0
        assert market.data.get_data("1min")["tick_count"].iloc[-1] == 107
        assert market.accounting().balanced


def test_gaps_are_filled_inside_the_session_only_when_asked() -> None:
    for fill in (True, False):
        feed = HandFeed()
        with open_market(feed) as market:
            market.data.configure_bar_processing(fill_gaps=fill)
            feed.trades(trade(1, 100.0, 1, 0), trade(300, 101.0, 1, 1))
            bars = market.data.get_data("1min", closed_only=True)
            assert len(bars) == (5 if fill else 1)
            if fill:
                flat = bars.iloc[1:]
                assert (flat[["open", "high", "low", "close"]] == 100.0).all(axis=None)
                assert (flat[["volume", "tick_count"]] == 0).all(axis=None)


def test_the_feeds_own_bars_from_the_next_bar_on_and_back() -> None:
    feed = HandFeed(bars=("1min",))
    with open_market(feed) as market:
        feed.trades(trade(10, 100.0, 1, 0), trade(20, 101.0, 1, 1))
        market.data.configure_bar_processing(use_tick_data=False)
        assert "bars" in feed.subscribed
        # Still of the minute that was begun with trades; the bar of it is not ours any more.
        feed.trades(trade(30, 99.0, 1, 2))
        feed.bars(bar(0, 500.0))
        # From the next minute on the feed's bars count, and its trades do not.
        feed.trades(trade(70, 700.0, 1, 3))
        feed.bars(bar(1, 105.0))
        market.data.configure_bar_processing(use_tick_data=True)
        feed.trades(trade(115, 700.0, 1, 4))
        feed.trades(trade(130, 108.0, 1, 5))
        feed.bars(bar(2, 900.0))
        bars = market.data.get_data("1min")
        assert bars["close"].tolist() == [99.0, 105.0, 108.0]
        assert bars["open"].tolist() == [100.0, 105.0, 108.0]
        assert bars["high"].tolist() == [101.0, 106.0, 108.0]
        assert market.data.get_data("5min")["high"].tolist() == [108.0]
        assert [tick.trade_id for tick in market.data.get_recent_ticks()] == [0, 1, 2, 3, 4, 5]
        assert market.accounting().balanced


def test_frames_say_what_they_are_built_from() -> None:
    feed = HandFeed(bars=("1min",))
    with open_market(feed) as market:
        assert market.data.get_data("1min").attrs["source"] == "trades"
        market.data.configure_bar_processing(use_tick_data=False)
        assert market.data.get_data("1min").attrs["source"] == "bars"


def test_a_feed_without_bars_of_its_own_says_so_and_nothing_changes() -> None:
    for offered in ((), ("5min",)):
        feed = HandFeed(bars=offered)
        with open_market(feed) as market:
            with pytest.raises(OptionError, match=r"no bars|only 5min bars"):
                market.data.configure_bar_processing(use_tick_data=False, fill_gaps=True)
            assert market.data.config.use_tick_data
            assert not market.data.config.fill_gaps
            assert market.data.engine.source == "trades"


def test_impossible_bars_of_the_feed_are_refused_only_when_asked() -> None:
    impossible = (START + 2 * MINUTE, 100.0, 90.0, 95.0, 100.0, 5.0, 1, 500.0)
    for validate in (True, False):
        feed = HandFeed([bar(-2, 100.0), (START - MINUTE, *impossible[1:])], bars=("1min",))
        with open_market(feed, validate_bars=validate, use_tick_data=False) as market:
            assert len(market.data.get_data("1min")) == (1 if validate else 2)
            feed.bars(bar(1, 100.0), impossible)
            assert len(market.data.get_data("1min")) == (2 if validate else 4)
            taken = market.accounting()
            assert taken.rejected_total == (2 if validate else 0)
            assert taken.balanced


def test_what_is_not_given_stays_as_it_is() -> None:
    feed = HandFeed()
    with open_market(feed) as market:
        market.data.configure_bar_processing(fill_gaps=True)
        config = market.data.configure_bar_processing(remove_outliers=True)
        assert config == market.data.config
        assert (config.fill_gaps, config.remove_outliers, config.validate_bars) == (True, True, True)
        with pytest.raises(OptionError, match="fill_gaps must be True or False; got 1"):
            market.data.configure_bar_processing(fill_gaps=1)  # type: ignore[arg-type]


def test_an_import_leaves_out_what_the_published_rule_finds(tmp_path: object) -> None:
    rng = np.random.default_rng(3)
    walk = 100 + np.cumsum(rng.normal(0, 0.02, 400))
    rows = minutes(-500, 400, lambda i: float(walk[i]))
    spike = rows[200]
    rows[200] = (spike[0], spike[1], spike[1] * 1.3, *spike[3:])
    index = pd.DatetimeIndex([row[0] for row in rows], tz="UTC", name="timestamp").as_unit("us")
    frame = pd.DataFrame(
        {
            name: [row[at] for row in rows]
            for at, name in enumerate(("open", "high", "low", "close", "volume"), 1)
        },
        index=index,
    )
    path = f"{tmp_path}/spiky.csv"
    frame.to_csv(path)
    for remove in (True, False):
        with open_market(HandFeed(), remove_outliers=remove) as market:
            result = market.data.import_from_csv(path, "1min")
            assert (result.outliers, result.added) == ((1, 399) if remove else (0, 400))
            if remove:
                assert result.findings[0].time_ns == spike[0]
