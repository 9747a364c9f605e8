"""Alignment at the manager: from closed bars only, and the same whenever it is asked for a moment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mdnb.analysis.alignment import align
from mdnb.errors import OptionError, TimeframeError
from mdnb.sessions import Sessions
from tests.analysis.walks import ts
from tests.manager.hand import MINUTE, START, HandFeed, minutes, open_market, trade


def test_a_ladder_is_one_and_its_reflection_minus_one() -> None:
    for sign, direction in ((1, "bullish"), (-1, "bearish")):
        feed = HandFeed(minutes(-1500, 1500, lambda i, s=sign: 1000.0 + s * i * 0.25))  # type: ignore[misc]
        with open_market(feed, "1min", "5min", "15min") as market:
            result = market.alignment()
            assert result.score == sign
            assert result.agreement == 1.0
            assert result.trend_direction == direction
            assert result["score"] == result.score
            assert set(result.timeframes) == {"1min", "5min", "15min"}


def test_nothing_to_tell_is_neutral() -> None:
    with open_market(HandFeed(minutes(-5, 5)), "1min", "5min") as market:
        result = market.alignment()
        assert (result.score, result.trend_direction, result.available) == (0.0, "neutral", False)
        assert f"{result.score:.2f}" == "0.00"


@settings(max_examples=15)
@given(
    st.lists(st.sampled_from([-0.5, -0.25, 0.0, 0.25, 0.5]), min_size=400, max_size=400),
    st.integers(200, 399),
)
def test_there_is_no_look_ahead(moves: list[float], stop: int) -> None:
    price, prices = 1000.0, []
    for move in moves:
        price += move
        prices.append(price)
    rows = [trade(i * 20 + 1, each, 1.0, i) for i, each in enumerate(prices)]
    names = ("1min", "5min")
    with open_market(HandFeed(), *names) as market:
        feed = market._parts.session.feed
        feed.trades(*rows[:stop])  # type: ignore[attr-defined]
        live = market.alignment(minimum=5)
        at = market.data.get_latest_tick().time_ns
        # Ticks inside the open bars change nothing.
        inside = min(
            market.data.engine.forming(name)[0] + (60 if name == "1min" else 300) * 10**9 for name in names
        )  # type: ignore[index]
        for more in rows[stop:]:
            if more[0] >= inside:
                break
            feed.trades(more)  # type: ignore[attr-defined]
            assert market.alignment(minimum=5).score == live.score
        feed.trades(*rows[stop:])  # type: ignore[attr-defined]
        # Asked later for that moment it says the same, and so do the bars made of the ticks before it.
        later = market.alignment(minimum=5, as_of=at / 1e9)
        for name in ("score", "null_band", "confirmed", "p_value", "timeframes"):
            assert later[name] == live[name], name
        assert later.t == pytest.approx(live.t, nan_ok=True)
    closes: dict[str, list[float]] = {name: [] for name in names}
    for name, step in zip(names, (MINUTE, 5 * MINUTE), strict=True):
        groups: dict[int, float] = {}
        for row in rows[:stop]:
            groups[row[0] // step] = row[1]
        closes[name] = [close for key, close in groups.items() if (key + 1) * step <= at]
    again = align({name: np.array(values) for name, values in closes.items()}, minimum=5, as_of_ns=at)
    assert again.score == pytest.approx(live.score, abs=1e-12)
    assert again.null_band == live.null_band


def _wandering(count: int, drift: float = 0.0, seed: int = 5) -> HandFeed:
    steps = np.random.default_rng(seed).normal(drift, 1.0, count)
    prices = (10_000 + np.cumsum(steps)).round(2)
    return HandFeed(minutes(-count, count, lambda i: float(prices[i])))


@pytest.mark.parametrize("drift", [0.0, 0.3])
def test_confirmed_is_by_the_finest_returns_over_the_longest_window(drift: float) -> None:
    with open_market(_wandering(1_200, drift), "1min", "5min", "15min") as market:
        found = market.alignment()
        coarse = market.data.get_data("15min", count=50, with_times=True)
        fine = market.data.get_data("1min", with_times=True)
        # From the price at which the first of the fifty bars ended, to the newest.
        pooled = fine["close"][fine["end"] >= coarse["end"].iloc[0]].to_numpy()
        assert len(pooled) >= 49 * 15 + 1
        assert found.t == pytest.approx(ts(np.diff(np.log(pooled))[:, None])[0], rel=1e-9)
        assert found.confirmed is (drift > 0)
        assert market.alignment(["5min"]).confirmed is not None


def test_confirmed_is_not_known_where_the_finest_bars_do_not_reach_back() -> None:
    with open_market(_wandering(1_200, 0.3), "1min", "5min", max_bars_per_timeframe=200) as market:
        found = market.alignment()
        assert (found.confirmed, found.trend_direction) == (None, "bullish")
        assert found.null_band[1] < 0.7
        assert "confirmation unknown" in repr(found)
        # Of one timeframe, and where the coarse one takes no part, what is held is enough.
        assert market.alignment(["5min"]).confirmed is True
        assert market.alignment(weights={"1min": 1.0, "5min": 0.0}).confirmed is True


def test_it_is_later_what_it_was_then_though_hours_were_others_since() -> None:
    hours = Sessions([START - 600 * MINUTE, START + 600 * MINUTE], [START + MINUTE, START + 1_200 * MINUTE])
    feed = _wandering(500)
    with open_market(HandFeed(feed.history, sessions=hours), "1min", "5min") as market:
        hand = market._parts.session.feed
        hand.trades(trade(1, 10_000.0))  # type: ignore[attr-defined]
        live = market.alignment()
        hand.trades(*(trade(60 * (600 + at), 10_000.0 + at) for at in range(60)))  # type: ignore[attr-defined]
        assert market.alignment().score != live.score
        later = market.alignment(as_of=live.time)
        assert later == live
        assert later.timeframes["1min"].sigma == live.timeframes["1min"].sigma


def test_options_are_heard() -> None:
    prices = [1000.0 + (i if i < 1100 else 2200 - i) * 0.25 for i in range(1500)]
    feed = HandFeed(minutes(-1500, 1500, lambda i: prices[i]))
    with open_market(feed, "1min", "15min") as market:
        base = market.alignment()
        assert market.alignment(["1min"]).score != base.score
        assert market.alignment(weights="sqrt_minutes").score != base.score
        assert market.alignment(weights={"1min": 1.0, "15min": 0.0}).score == market.alignment(["1m"]).score
        assert market.alignment(window=90).score != base.score
        assert (
            not market.alignment(minimum=50, window=5000).timeframes["15min"].available or len(prices) > 750
        )
        assert market.alignment(method="ema").readings["1min"] in {-1.0, 1.0}
        for bad in ({"method": "rsi"}, {"window": 2}, {"alpha": 0.0}, {"weights": "heavy"}, {"minimum": 60}):
            with pytest.raises(OptionError):
                market.alignment(**bad)  # type: ignore[arg-type]
        with pytest.raises(TimeframeError, match="keeps no 2min"):
            market.alignment(["2min"])
