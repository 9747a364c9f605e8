"""Alignment of timeframes: the score is what it says, has no foresight, and says when it knows nothing."""

from __future__ import annotations

import copy
import dataclasses
import html.parser
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray
from scipy import stats

from mdnb.analysis.alignment import TimeframeAlignment, align
from mdnb.analysis.trend import trend_of
from mdnb.errors import OptionError, TimeframeError
from mdnb.types import Record

_NAMES = ("1min", "5min", "15min", "1hour", "4hour")
_MINUTES = (1, 5, 15, 60, 240)
_UP, _DOWN, _FLAT = np.arange(100.0, 150.0), np.arange(150.0, 100.0, -1.0), np.full(50, 100.0)

_closes = st.dictionaries(
    st.sampled_from(_NAMES),
    st.lists(st.integers(1, 400), min_size=0, max_size=60).map(lambda steps: 0.25 * np.array(steps)),
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
    assert (up.score, up.agreement, up.trend_direction, up.label) == (1.0, 1.0, "bullish", "strong buy")
    assert (down.score, down.agreement, down.trend_direction, down.label) == (
        -1.0,
        1.0,
        "bearish",
        "strong sell",
    )
    assert (flat.score, flat.agreement, flat.trend_direction, flat.label) == (0.0, 0.0, "neutral", "neutral")
    assert up.available
    assert flat.available


@given(_closes)
def test_a_mirrored_market_has_the_opposite_score(closes: dict[str, NDArray[np.float64]]) -> None:
    found = align(closes)
    mirrored = align({name: 1 / close for name, close in closes.items()})
    opposite = {"bullish": "bearish", "bearish": "bullish", "buy": "sell", "sell": "buy"}
    assert mirrored.score == -found.score
    assert mirrored.agreement == found.agreement
    assert mirrored.label.split()[-1] == opposite.get(found.label.split()[-1], "neutral")
    if all(abs(trend.p_value - 0.05) > 1e-6 for trend in found.timeframes.values() if trend.available):
        assert mirrored.trend_direction == opposite.get(found.trend_direction, found.trend_direction)


@given(_closes, st.floats(1e-6, 1e6))
def test_the_scale_of_price_does_not_matter(closes: dict[str, NDArray[np.float64]], factor: float) -> None:
    found, scaled = align(closes), align({name: close * factor for name, close in closes.items()})
    assert (scaled.score, scaled.agreement, scaled.label) == (found.score, found.agreement, found.label)


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
    assert align(closes) == align(cut) == align(other)
    assert align(closes, window=60) != align(cut, window=60)


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


def test_half_of_the_weight_must_be_significant_for_a_direction() -> None:
    trending, wandering = _drifting(1, 1.5e-3), _drifting(1, 2e-4, seed=3)
    assert trend_of(trending).direction == "bullish"
    assert trend_of(wandering).direction == "neutral"
    assert trend_of(wandering).tau > 0.1
    half = {"1min": trending, "5min": trending, "15min": wandering, "1hour": wandering}
    assert align(half).trend_direction == "bullish"
    assert align({name: 1 / close for name, close in half.items()}).trend_direction == "bearish"
    less = {"1min": trending, "5min": wandering, "15min": wandering}
    assert align(less).trend_direction == "mixed"
    assert align(less, weights={"1min": 0.3, "5min": 0.1, "15min": 0.2}).trend_direction == "bullish"
    assert align(less, weights={"1min": 0.29, "5min": 0.1, "15min": 0.2}).trend_direction == "mixed"
    parts = {"1min": trending, "5min": trending, "15min": wandering}
    assert align(parts, weights={"1min": 0.1, "5min": 0.7, "15min": 0.8}).trend_direction == "bullish"


def test_significant_trends_that_oppose_each_other_are_neutral_or_mixed() -> None:
    found = align({"1min": _UP, "5min": _DOWN})
    assert (found.score, found.agreement, found.trend_direction, found.label) == (
        0.0,
        0.0,
        "neutral",
        "neutral",
    )
    found = align({"1min": _UP, "5min": _DOWN}, weights={"1min": 2, "5min": 1})
    assert (found.agreement, found.trend_direction, found.label) == (pytest.approx(1 / 3), "bullish", "buy")


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
    ("rising", "label"),
    [
        (210, "strong buy"),
        (158, "strong buy"),
        (157, "buy"),
        (116, "buy"),
        (115, "neutral"),
        (105, "neutral"),
        (95, "neutral"),
        (94, "sell"),
        (53, "sell"),
        (52, "strong sell"),
        (0, "strong sell"),
    ],
)
def test_words_change_at_a_tenth_and_a_half(rising: int, label: str) -> None:
    found = align({"1min": _closes_of_tau(rising)})
    assert found.score == pytest.approx(2 * rising / 210 - 1)
    assert found.label == label
    assert (found.trend_direction == "neutral") == (label == "neutral")


def test_driftless_markets_are_seldom_called_a_trend() -> None:
    found = [align(_nested(seed)) for seed in range(150)]
    called = [one.trend_direction in {"bullish", "bearish"} for one in found]
    assert np.mean(called) <= 0.10
    low, high = found[0].null_band
    assert np.mean([low <= one.score <= high for one in found]) > 0.95


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
    assert (found.score, found.agreement, found.trend_direction, found.label) == (
        0.0,
        0.0,
        "neutral",
        "neutral",
    )
    assert not found.available
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
    assert lines[1].startswith("score +0.00 (neutral), by chance -0.75..+0.75 · neutral · agreement 0.00")
    assert [line.split()[0] for line in lines[2:6]] == ["timeframe", "1min", "5min", "1hour"]
    assert lines[3].split()[1:5] == ["50", "0.50", "+1.00", "-0.75..+0.75"]
    assert lines[5].split()[1:] == ["5", "-", "n/a", "n/a"]
    assert repr(found) == f"<TimeframeAlignment MNQ: {lines[1]}>"


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
