"""Alignment of timeframes: the score is what it says, has no foresight, and says when it knows nothing."""

from __future__ import annotations

import copy
import dataclasses
import html.parser
import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray
from scipy import stats

from mdnb.analysis.alignment import TimeframeAlignment, align
from mdnb.analysis.average_signs import AverageSign
from mdnb.analysis.trend import trend_of
from mdnb.analysis.trend_measures import hac_t
from mdnb.errors import OptionError, TimeframeError
from mdnb.types import Record
from tests.analysis.walks import garch_steps, walk_steps

_NAMES = ("1min", "5min", "15min", "1hour", "4hour")
_MINUTES = (1, 5, 15, 60, 240)
_UP, _DOWN, _FLAT = np.arange(100.0, 150.0), np.arange(150.0, 100.0, -1.0), np.full(50, 100.0)

_closes = st.dictionaries(
    st.sampled_from(_NAMES),
    # Of a few lengths, as what chance gives is simulated for each set of them.
    st.sampled_from((0, 12, 30, 60)).flatmap(
        lambda size: st.lists(st.integers(1, 400), min_size=size, max_size=size).map(
            lambda steps: 0.25 * np.array(steps)
        )
    ),
    max_size=5,
)


def _nested(seed: int, bars: int = 50) -> dict[str, NDArray[np.float64]]:
    """Return the closes of one walk in all timeframes, as a market has them."""
    steps = np.random.default_rng(seed).normal(0, 5e-4, bars * _MINUTES[-1])
    minutes = np.round(21_000 * np.exp(np.cumsum(steps)) / 0.25) * 0.25
    return {name: minutes[size - 1 :: size] for name, size in zip(_NAMES, _MINUTES, strict=True)}


def _drifting(tau_sign: int, drift: float, seed: int = 1) -> NDArray[np.float64]:
    steps = np.random.default_rng(seed).normal(drift, 1e-3, 50)
    return 100 * np.exp(tau_sign * np.cumsum(steps))


# The score


@pytest.mark.parametrize(
    "weights", ["equal", "sqrt_minutes", {"1min": 3, "5min": 0, "15min": 1, "1hour": 0.5}]
)
def test_the_score_is_the_weighted_mean_of_scipys_tau(weights: object) -> None:
    for seed in range(50):
        closes = _nested(seed)
        del closes["4hour"]
        found = align(closes, weights=weights)
        if weights == "equal":
            shares = np.ones(4)
        elif weights == "sqrt_minutes":
            shares = np.sqrt(_MINUTES[:4])
        else:
            shares = np.array([3, 0, 1, 0.5])
        taus = [stats.kendalltau(np.arange(50), close[-50:]).statistic for close in closes.values()]
        assert found.score == pytest.approx(np.average(taus, weights=shares), rel=0, abs=1e-12)
        assert found.agreement == pytest.approx(abs(np.average(np.sign(taus), weights=shares)), abs=1e-12)
        assert list(found.weights.values()) == pytest.approx(list(shares / shares.sum()))
        assert {name: trend.tau for name, trend in found.timeframes.items()} == pytest.approx(
            dict(zip(closes, taus, strict=True)), rel=0, abs=1e-12
        )


@pytest.mark.parametrize(
    "weights", ["equal", "sqrt_minutes", dict(zip(_NAMES, (0.1, 0.2, 0.3, 0.7, 9.9), strict=True))]
)
def test_ladders(weights: object) -> None:
    up, down, flat = (align(dict.fromkeys(_NAMES, close), weights=weights) for close in (_UP, _DOWN, _FLAT))
    assert (up.score, up.agreement, up.trend_direction) == (1.0, 1.0, "bullish")
    assert (down.score, down.agreement, down.trend_direction) == (-1.0, 1.0, "bearish")
    assert (flat.score, flat.agreement, flat.trend_direction) == (0.0, 0.0, "neutral")
    assert up.available
    assert flat.available


@given(_closes)
def test_a_mirrored_market_has_the_opposite_score(closes: dict[str, NDArray[np.float64]]) -> None:
    found = align(closes)
    mirrored = align({name: 1 / close for name, close in closes.items()})
    opposite = {"bullish": "bearish", "bearish": "bullish"}
    assert mirrored.score == -found.score
    assert mirrored.agreement == found.agreement
    assert mirrored.trend_direction == opposite.get(found.trend_direction, found.trend_direction)
    assert mirrored.confirmed == found.confirmed
    assert mirrored.null_band == pytest.approx(found.null_band, nan_ok=True)


@given(_closes, st.floats(1e-6, 1e6))
def test_the_scale_of_price_does_not_matter(closes: dict[str, NDArray[np.float64]], factor: float) -> None:
    found, scaled = align(closes), align({name: close * factor for name, close in closes.items()})
    assert (scaled.score, scaled.agreement) == (found.score, found.agreement)
    assert scaled.trend_direction == found.trend_direction


@given(_closes)
def test_score_and_agreement_are_finite_and_bounded(closes: dict[str, NDArray[np.float64]]) -> None:
    found = align(closes)
    assert -1 <= found.score <= 1
    assert 0 <= found.agreement <= 1
    assert f"{found.score:.2f}" not in {"nan", "inf"}
    assert found.available == any(len(close) >= 20 for close in closes.values())
    assert math.fsum(found.weights.values()) == pytest.approx(1.0 if found.available else 0.0)
    assert list(found.timeframes) == sorted(closes, key=_NAMES.index)


# No foresight


def test_only_the_last_closes_of_the_window_matter() -> None:
    closes = _nested(3, bars=70)
    cut = {name: close[-50:] for name, close in closes.items()}
    other = {name: np.concatenate((_DOWN, close)) for name, close in cut.items()}
    assert align(closes).timeframes == align(cut).timeframes == align(other).timeframes
    assert align(closes).score == align(cut).score == align(other).score
    assert align(closes, window=60).score != align(cut, window=60).score


def test_later_bars_do_not_change_what_was_told_before() -> None:
    closes = _nested(4, bars=120)
    for count in (20, 60, 119):
        then = align({name: close[:count] for name, close in closes.items()})
        copied = {name: close[:count].copy() for name, close in closes.items()}
        assert align(copied) == then


def test_a_bar_that_ends_after_the_instant_is_refused() -> None:
    ends = {"1min": 120_000_000_000, "5min": 0}
    closes = {"1min": _UP, "5min": _UP}
    found = align(closes, ends=ends, as_of_ns=120_000_000_000)
    assert found.timeframes["1min"].end_ns == 120_000_000_000
    with pytest.raises(OptionError, match="1min bar ends at 120000000000 ns, after as_of_ns=119999999999"):
        align(closes, ends=ends, as_of_ns=119_999_999_999)


# Directions and words


def _closes_of_tau(rising: int) -> NDArray[np.float64]:
    """Return 21 closes of which exactly so many of the 210 pairs rise."""
    codes = []
    for i in range(21):
        codes.append(min(i, rising))
        rising -= codes[-1]
    order: list[int] = []
    for i, code in enumerate(codes):
        order.insert(code, i)  # so many earlier ones lie below
    ranks = np.empty(21)
    ranks[order] = np.arange(1.0, 22.0)
    return ranks


@pytest.mark.parametrize(
    ("rising", "direction"),
    # Of 210 pairs: 110 rising ones are a tau of 0.048, 111 of 0.057.
    [(210, "bullish"), (111, "bullish"), (110, "neutral"), (100, "neutral"), (99, "bearish"), (0, "bearish")],
)
def test_the_word_is_that_of_the_sign(rising: int, direction: str) -> None:
    closes = _closes_of_tau(rising)
    found = align({"1min": closes})
    assert found.score == pytest.approx(2 * rising / 210 - 1)
    assert (found.trend_direction, found.timeframes["1min"].direction) == (direction, direction)
    assert (
        align({"1min": closes, "5min": closes}, weights={"1min": 1, "5min": 9}).trend_direction == direction
    )


@pytest.mark.parametrize(
    ("rising", "direction"),
    [
        ((130, 120, 111), "bullish"),
        ((80, 90, 99), "bearish"),
        ((110, 100, 105), "neutral"),
        ((210, 210, 110), "mixed"),
        ((210, 210, 99), "mixed"),
        ((0, 0, 105), "mixed"),
    ],
)
def test_one_timeframe_that_reads_otherwise_makes_it_mixed(rising: tuple[int, ...], direction: str) -> None:
    closes = dict(zip(_NAMES, map(_closes_of_tau, rising), strict=False))
    assert align(closes).trend_direction == direction
    # Weights do not change the word; a timeframe without one is not asked.
    assert align(closes, weights=dict(zip(closes, (9, 9, 0.1), strict=True))).trend_direction == direction
    if direction == "mixed":
        alone = align(closes, weights=dict(zip(closes, (1, 1, 0), strict=True)))
        assert alone.trend_direction in {"bullish", "bearish"}


def test_nothing_advises() -> None:
    found = align(_nested(1), symbol="MNQ")
    for text in (repr(found), str(found), found._repr_html_(), " ".join(found.keys())):
        for word in ("buy", "sell", "strong", "label"):
            assert word not in text.replace("<strong>", "").replace("</strong>", "")


# Confirmed


@pytest.mark.parametrize("make", [walk_steps, garch_steps])
@pytest.mark.parametrize("lengths", [(1, 5), (1, 2, 3, 5, 10)])
def test_markets_without_a_trend_are_confirmed_one_time_in_twenty(
    make: Callable[[int, int, int], NDArray[np.float64]], lengths: tuple[int, ...]
) -> None:
    # The rule it replaces called two timeframes bullish or bearish in 13.4 %, 82 % of those inside the band;
    # five in 1.0 %.
    paths = 2_500
    steps = make(49 * lengths[-1], paths, 61)
    confirmed = outside = 0
    for prices in np.exp(np.vstack([np.zeros(paths), np.cumsum(steps, axis=0)])).T:
        found = align({f"{length}min": prices[::-1][::length][::-1] for length in lengths})
        beyond = abs(found.score) >= found.null_band[1] - 1e-6
        assert beyond or not found.confirmed
        confirmed += found.confirmed is True
        outside += beyond
        ways = {np.sign(trend.tau) * (abs(trend.tau) > 0.05) for trend in found.timeframes.values()}
        assert (found.trend_direction == "mixed") == (len(ways) > 1)
    assert confirmed / paths == pytest.approx(0.05, abs=0.01)
    assert outside / paths == pytest.approx(0.10, abs=0.02)


def test_confirmed_is_the_rule_on_the_finest_returns_over_the_longest_window() -> None:
    states = set()
    for seed in range(60):
        closes = _nested(seed)
        del closes["4hour"], closes["1hour"]
        found = align(closes)
        pooled = closes["1min"][-49 * 15 - 1 :]
        fitted = hac_t(np.log(pooled[1:] / pooled[:-1]))
        assert found.t == fitted.t
        extreme = abs(found.score) >= found.null_band[1] - 1e-6
        assert found.confirmed == (extreme and found.score * found.t > 0 and found.p_value < 0.05)
        assert align(closes, finest=pooled) == found
        states.add(found.confirmed)
    assert states == {True, False}


@pytest.mark.parametrize("held", [50, 49 * 5])
def test_without_the_finest_returns_it_is_not_known(held: int) -> None:
    found = align({"1min": np.arange(1.0, held + 1), "5min": _UP})
    assert (found.confirmed, found.score, found.verdict) == (None, 1.0, "confirmation unknown")
    assert math.isnan(found.t)
    assert math.isnan(found.p_value)
    assert found.null_band[1] < 0.7
    assert align({"1min": np.arange(1.0, 49 * 5 + 2), "5min": _UP}).confirmed is True


def test_timeframes_that_take_no_part_change_nothing() -> None:
    closes = _nested(5)
    some = {name: closes[name] for name in ("1min", "5min")}
    base = align(some)
    for more, weights in (
        ({"15min": closes["15min"][:19]}, "equal"),
        ({"15min": closes["15min"]}, {"1min": 1, "5min": 1, "15min": 0}),
    ):
        found = align(some | more, weights=weights)
        for name in ("score", "null_band", "t", "p_value", "confirmed", "trend_direction"):
            assert found[name] == base[name], name
        assert found.significance_null_rate == base.significance_null_rate


def test_prices_that_are_not_positive_have_no_returns() -> None:
    found = align({"1min": np.arange(-25.0, 25.0)})
    assert (found.score, found.trend_direction, found.confirmed) == (1.0, "bullish", None)
    assert math.isnan(found.t)


def test_bars_of_trades_are_compared_among_themselves_alone() -> None:
    walk = _nested(6)["1min"]
    trades = align({"500tick": walk, "1000tick": walk[::-1][::2][::-1]})
    clock = align({"1min": walk, "2min": walk[::-1][::2][::-1]})
    assert (trades.null_band, trades.t, trades.confirmed) == (clock.null_band, clock.t, clock.confirmed)
    mixed = align({"1min": walk, "500tick": walk})
    assert mixed.null_band == mixed.timeframes["1min"].null_band
    assert mixed.confirmed is None
    assert "some timeframe is significant" not in repr(mixed)
    told = align({"1min": walk, "500tick": walk}, bars_per_year={"500tick": 365.25 * 1440 / 5})
    assert told.null_band == align({"1min": walk, "5min": walk}).null_band


def test_a_day_is_as_long_as_its_session() -> None:
    walk = _nested(7)["1min"]
    days = {"1hour": walk[-200:], "1day": walk[-50:]}
    year = {"1hour": 252 * 6.5, "1day": 252.0}
    # 49 days of 6.5 hours are 319 of them, 49 days round the clock 1176.
    assert align(days, bars_per_year=year).confirmed is None
    days["1hour"] = walk[-320:]
    assert align(days, bars_per_year=year).confirmed is not None
    assert align(days).confirmed is None


# Averages


@pytest.mark.parametrize("method", ["ema", "macd"])
def test_signs_of_averages_are_scored_beside_their_null_rate(method: str) -> None:
    closes = _nested(8)
    found = align(closes, method=method)
    for name, close in closes.items():
        sign = AverageSign(method, min(400, len(close))).of(close)
        assert found.readings[name] == sign
        assert found.timeframes[name].tau == align(closes).timeframes[name].tau
    assert found.score == pytest.approx(np.mean(list(found.readings.values())))
    assert f"{method} all one way in {100 * found.direction_null_rate:.0f} %" in repr(found)
    heads = str(found).splitlines()[2].split()
    assert heads[3] == method
    assert found.confirmed is not None


def test_few_closes_leave_averages_out() -> None:
    found = align({"1min": _UP[:33], "5min": _UP[:34]}, method="macd")
    assert math.isnan(found.readings["1min"])
    assert dict(found.weights) == {"1min": 0.0, "5min": 1.0}
    assert "has 34 closed bars" in repr(align({"1min": _UP[:33]}, method="macd"))


# Timeframes without bars, weights


def test_timeframes_with_too_few_bars_count_for_nothing() -> None:
    closes = {"1min": _UP, "5min": _DOWN[:19], "1hour": np.array([])}
    found = align(closes)
    assert (found.score, found.agreement, found.trend_direction) == (1.0, 1.0, "bullish")
    assert dict(found.weights) == {"1min": 1.0, "5min": 0.0, "1hour": 0.0}
    assert math.isnan(found.timeframes["5min"].tau)
    assert found.null_band == found.timeframes["1min"].null_band


@pytest.mark.parametrize("closes", [{}, {"1min": _UP[:3]}, {"1min": _UP[:19], "5min": _DOWN[:5]}])
def test_nothing_to_tell(closes: dict[str, NDArray[np.float64]]) -> None:
    found = align(closes, symbol="MNQ")
    assert (found.score, found.agreement, found.trend_direction) == (0.0, 0.0, "neutral")
    assert (found.available, found.confirmed) == (False, None)
    assert math.isnan(found.null_band[0])
    for text in (repr(found), str(found), found._repr_html_()):
        assert "not available: no timeframe with a weight has 20 closed bars" in text


def test_weight_on_unavailable_timeframes_alone() -> None:
    found = align({"1min": _UP, "5min": _UP[:3]}, weights={"1min": 0, "5min": 1})
    assert (found.available, found.score) == (False, 0.0)


def test_names_are_understood_and_ordered_fine_to_coarse() -> None:
    found = align({"1h": _UP, "500tick": _UP, "1T": _UP}, weights={"60min": 2, "1min": 1, "500tick": 1})
    assert dict(found.weights) == {"1min": 0.25, "1hour": 0.5, "500tick": 0.25}


def test_bars_per_year_follow_the_clock_or_the_caller() -> None:
    close = _drifting(1, 1e-3)
    found = align({"1day": close, "500tick": close}).timeframes
    assert found["1day"].sigma == trend_of(close, bars_per_year=365.25).sigma
    assert math.isnan(found["500tick"].position)
    told = align({"1day": close, "5min": close}, bars_per_year={"1day": 252}).timeframes
    assert told["1day"].sigma == trend_of(close, bars_per_year=252).sigma
    assert told["5min"].sigma == trend_of(close, bars_per_year=365.25 * 288).sigma


@pytest.mark.parametrize(
    "options",
    [
        {"weights": "sqrt"},
        {"weights": {"1min": 1}},
        {"weights": {"1min": 1, "5min": -1}},
        {"weights": {"1min": 1, "5min": math.nan}},
        {"weights": {"1min": 0, "5min": 0}},
        {"weights": {"1min": 1, "5min": 1, "1hour": 1}},
        {"weights": {"1min": 1, "60sec": 1, "5min": 1}},
        {"ends": {"1hour": 0}},
        {"bars_per_year": {"1hour": 1.0}},
        {"window": 10},
        {"alpha": 2.0},
        {"method": "rsi"},
        {"finest": [1.0, math.nan, 2.0]},
    ],
)
def test_options_outside_what_is_allowed(options: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        align({"1min": _UP, "5min": _UP}, **options)


def test_names_that_are_no_timeframes_or_the_same_one() -> None:
    with pytest.raises(TimeframeError):
        align({"sometimes": _UP})
    with pytest.raises(OptionError, match="names 1min twice"):
        align({"1min": _UP, "60sec": _UP})
    with pytest.raises(OptionError, match="activity bars have no length"):
        align({"500tick": _UP}, weights="sqrt_minutes")


# The record


def test_an_alignment_reads_by_attribute_and_by_key_and_stays_as_it_is() -> None:
    found = align({"1min": _UP}, symbol="MNQ", as_of_ns=1_772_409_600_000_000_000, tz="America/Chicago")
    assert isinstance(found, Record)
    assert found["score"] == found.score == 1.0
    assert found["timeframes"]["1min"]["tau"] == 1.0
    assert str(found.timestamp) == str(found["time"]) == "2026-03-01 18:00:00-06:00"
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.score = 0.0
    with pytest.raises(TypeError):
        found.weights["1min"] = 0.5
    with pytest.raises(TypeError):
        found.timeframes["1min"] = None
    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found
    assert hash(found) == hash(copy.deepcopy(found))


def test_the_table_names_every_timeframe_and_the_range_of_chance() -> None:
    found = align(
        {"1min": _UP, "5min": _DOWN, "1hour": _UP[:5]}, symbol="MNQ", as_of_ns=1_772_409_600_000_000_000
    )
    lines = str(found).splitlines()
    assert lines[0] == "timeframe alignment · MNQ · 2026-03-02 00:00:00 UTC"
    low, high = found.null_band
    assert lines[1] == (
        f"score +0.00, by chance {low:+.2f}..{high:+.2f} · mixed, confirmation unknown · agreement 0.00"
        f" · by chance some timeframe is significant in {100 * found.significance_null_rate:.0f} %, "
        f"all one way in {100 * found.direction_null_rate:.0f} %"
    )
    assert align({"1min": _UP}).null_band == align({"1min": _UP}).timeframes["1min"].null_band
    assert [line.split()[0] for line in lines[2:6]] == ["timeframe", "1min", "5min", "1hour"]
    assert lines[3].split()[1:5] == ["50", "0.50", "+1.00", "-0.75..+0.75"]
    assert lines[5].split()[1:] == ["5", "-", "n/a", "n/a"]
    assert repr(found) == f"<TimeframeAlignment MNQ: {lines[1]}>"


def test_a_frame_has_a_row_for_each_timeframe() -> None:
    found = align({"1min": _UP, "5min": _DOWN, "1hour": _UP[:5]}, symbol="MNQ")
    frame = found.to_frame()
    assert frame.index.tolist() == ["1min", "5min", "1hour"]
    assert frame["tau"].tolist()[:2] == [1.0, -1.0]
    assert frame["direction"].tolist() == ["bullish", "bearish", "n/a"]
    assert frame["weight"].tolist() == [0.5, 0.5, 0.0]
    assert frame["available"].tolist() == [True, True, False]
    assert frame["null_high"].tolist()[0] == found.timeframes["1min"].null_band[1]
    assert frame["p_value"].tolist()[0] == found.timeframes["1min"].p_value
    assert frame.attrs["symbol"] == "MNQ"
    assert (frame.attrs["score"], frame.attrs["confirmed"]) == (found.score, found.confirmed)
    assert frame.attrs["null_band"] == found.null_band
    assert align({}).to_frame().empty


class _Reader(html.parser.HTMLParser):
    """Collects the tags and texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


def test_the_html_is_the_table_escaped() -> None:
    found = align({"1min": _UP, "1hour": _UP[:5]}, symbol='<script>alert("1")</script>')
    reader = _Reader()
    reader.feed(found._repr_html_())
    assert "script" not in reader.tags
    assert any('<script>alert("1")</script>' in cell for cell in reader.cells)
    assert {"1min", "1hour", "+1.00", "n/a", "-0.75..+0.75"} <= set(reader.cells)
    assert isinstance(found, TimeframeAlignment)
