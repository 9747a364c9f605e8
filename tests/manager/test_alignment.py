"""Alignment at the manager: from closed bars only, and the same whenever it is asked for a moment."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from mdnb.analysis.alignment import align
from mdnb.errors import OptionError, TimeframeError
from tests.manager.hand import MINUTE, HandFeed, minutes, open_market, trade


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
        assert market.alignment(minimum=5, as_of=at / 1e9).score == live.score
    closes: dict[str, list[float]] = {name: [] for name in names}
    for name, step in zip(names, (MINUTE, 5 * MINUTE), strict=True):
        groups: dict[int, float] = {}
        for row in rows[:stop]:
            groups[row[0] // step] = row[1]
        closes[name] = [close for key, close in groups.items() if (key + 1) * step <= at]
    import numpy as np

    again = align({name: np.array(values) for name, values in closes.items()}, minimum=5, as_of_ns=at)
    assert again.score == pytest.approx(live.score, abs=1e-12)


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
        for bad in ({"window": 2}, {"alpha": 0.0}, {"weights": "heavy"}, {"minimum": 60}):
            with pytest.raises(OptionError):
                market.alignment(**bad)  # type: ignore[arg-type]
        with pytest.raises(TimeframeError, match="keeps no 2min"):
            market.alignment(["2min"])
