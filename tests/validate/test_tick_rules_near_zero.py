"""Trades before they reach a bar: what is refused, and what near zero is no fault."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, strategies as st

from mdnb.rows import TradeRow
from mdnb.validate.tick_rules import TickRules


def rows(prices: Sequence[float]) -> list[TradeRow]:
    return [(i, price, 1.0, 1, 0, i) for i, price in enumerate(prices, start=1)]


def refused(rules: TickRules, prices: Sequence[float], each: int = 1) -> list[float]:
    """Return the prices that are refused, a batch of so many at a time."""
    taken = rows(prices)
    batches = [taken[at : at + each] for at in range(0, len(taken), each)]
    return [row[1] for batch in batches for _, row in rules.split(batch)[1]]


def near_zero(count: int = 400, seed: int = 20) -> list[float]:
    steps = np.random.default_rng(seed).integers(-3, 4, count)
    return (np.cumsum(steps - steps.mean()) / 100).round(2).tolist()


@pytest.mark.parametrize("each", [1, 7, 400])
@pytest.mark.parametrize("tick_size", [None, 0.01])
def test_a_misprint_near_zero_is_refused_and_the_market_is_not(each: int, tick_size: float | None) -> None:
    rules = TickRules(positive_prices=False, tick_size=tick_size)
    calm = near_zero()
    assert refused(rules, calm, each) == []
    assert refused(rules, [2e6, -2e6, 0.01, 0.0, -0.02], 1) == [2e6, -2e6]


def test_the_fall_of_oil_is_taken_whatever_came_before() -> None:
    rules = TickRules(positive_prices=False, tick_size=0.01)
    day = [18.27, 17.5, 17.0, 16.8, 15.0, 14.0, 13.9, 12.0, 11.0, 10.0, 9.0, 8.0]
    assert refused(rules, [*day, 3.0, 1.0, 0.0, -5.0, -37.6, -10.0]) == []


def test_ten_that_agree_become_the_level_below_zero_too() -> None:
    rules = TickRules(positive_prices=False, tick_size=0.01)
    rules.seed([0.0, 0.01] * 20)
    levels = [-500.0 - i / 100 for i in range(12)]
    assert refused(rules, levels) == levels[:9]


def test_a_deviation_is_one_of_ranges_where_a_share_of_the_level_is_nothing() -> None:
    rules = TickRules(positive_prices=False, tick_size=0.01)
    rules.seed([-0.01, 0.0, 0.01] * 10)
    rules.set_deviation(0.05)
    assert rules.split(rows([0.15, -0.15, 0.0]))[1] == []
    ((reason, row),) = rules.split(rows([1.0]))[1]
    assert (reason, row[1]) == ("price_deviation", 1.0)
    # Far off zero a share of the level is wider than its ranges.
    rules = TickRules(positive_prices=False, tick_size=0.01)
    rules.seed([100.0] * 20)
    rules.set_deviation(0.05)
    assert refused(rules, [104.9, 105.1]) == [105.1]


def test_while_all_prices_are_zero_and_no_tick_is_known_nothing_is_absurd() -> None:
    rules = TickRules(positive_prices=False)
    assert refused(rules, [0.0] * 40 + [5.0]) == []


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.integers(1, 20))
def test_whatever_comes_a_row_is_taken_or_refused_once(prices: list[float], each: int) -> None:
    rules = TickRules(positive_prices=False, tick_size=0.01)
    taken = rows(prices)
    for at in range(0, len(taken), each):
        good, bad = rules.split(taken[at : at + each])
        assert sorted([*good, *(row for _, row in bad)]) == taken[at : at + each]
        assert {reason for reason, _ in bad} <= {"price_absurd"}


def test_positive_prices_are_judged_by_ratios_as_ever() -> None:
    rules = TickRules()
    assert refused(rules, [100.0] * 40) == []
    assert [reason for reason, _ in rules.split(rows([1001.0, 9.0, 0.0, -1.0, float("nan")]))[1]] == [
        "price_absurd",
        "price_absurd",
        "price_not_positive",
        "price_not_positive",
        "not_finite",
    ]


def test_a_market_that_has_grown_wild_since_the_level_was_looked_at_is_taken() -> None:
    rules = TickRules(positive_prices=False, tick_size=0.01)
    assert refused(rules, [1.0, 1.01] * 20) == []
    assert refused(rules, [50.0]) == [50.0]
    # The level is looked at every 32 prices; since then the market has a range of 16 points.
    assert refused(rules, [9.0, -7.0] * 10) == []
    assert refused(rules, [50.0]) == []


def _far(known: Sequence[float], factor: float, ranges: float, ticks: float) -> tuple[float, float]:
    """Return what lies as far off the level of known prices as is allowed, by the words of the class."""
    ordered = sorted(known[-31:])
    level = ordered[len(ordered) // 2]
    few = len(ordered) // 8
    wide = ordered[len(ordered) - 1 - few] - ordered[few]
    reach = max((factor - 1) * abs(level), ranges * wide, ticks * 0.25)
    return level - reach, level + reach


@given(
    st.lists(st.integers(-40, 40).map(lambda n: n / 4), min_size=10, max_size=60),
    st.sampled_from([0.0, 0.0, 300.0, -300.0]),
    st.sampled_from([None, 0.05, 0.5]),
)
def test_how_far_a_price_may_be_is_the_largest_of_level_ranges_and_ticks(
    known: list[float], level: float, share: float | None
) -> None:
    known = [level + price for price in known]
    far = (10.0, 100.0, 1_000.0) if share is None else (1.0 + share, 10.0, 10.0)
    for begin in (0, 1):
        rules = TickRules(positive_prices=False, tick_size=0.25)
        if begin:
            rules.set_deviation(share)
        rules.seed(known)
        rules.set_deviation(share)
        low, high = _far(known, *far)
        assert (rules.low, rules.high) == pytest.approx((low, high))
        # Exactly as far is too far.
        exact = [rules.low, rules.high, np.nextafter(rules.low, 0.0), np.nextafter(rules.high, 0.0)]
        reasons = {reason for reason, _ in rules.split(rows(exact))[1]}
        assert reasons == {"price_absurd" if share is None else "price_deviation"}
        assert refused(TickRules(positive_prices=False), known) == []


def test_until_ten_prices_are_known_none_is_too_far_and_none_again_after_they_are_forgotten() -> None:
    rules = TickRules(positive_prices=False, tick_size=0.25)
    for _ in range(2):
        assert (rules.low, rules.high) == (-np.inf, np.inf)
        assert refused(rules, [0.25] * 9 + [1e9]) == []
        rules.forget()
        assert refused(rules, [0.25] * 10 + [1e9]) == [1e9]
        rules.forget()
    positive = TickRules()
    positive.seed([100.0] * 40)
    assert (positive.low, positive.high) == (10.0, 1_000.0)
    positive.forget()
    assert (positive.low, positive.high) == (0.0, np.inf)
    # What is no price of its kind teaches nothing.
    positive.seed([0.0, -1.0, np.inf, np.nan])
    assert (positive.low, positive.high) == (0.0, np.inf)


def test_those_that_agree_are_forgotten_with_the_level() -> None:
    for rules in (TickRules(), TickRules(positive_prices=False, tick_size=0.01)):
        rules.seed([100.0] * 40)
        assert refused(rules, [1e6] * 9) == [1e6] * 9
        rules.forget()
        rules.seed([100.0] * 40)
        assert refused(rules, [1e6] * 9) == [1e6] * 9
        # A good one between them, too.
        assert refused(rules, [100.0, *[1e6] * 9]) == [1e6] * 9
        assert refused(rules, [1e6, 1e6]) == []


@pytest.mark.parametrize("price", [1e-300, 1e-8, 0.5, 1.0, 1e9, 1e300])
def test_the_first_price_of_all_may_be_any_that_is_positive(price: float) -> None:
    rules = TickRules()
    assert refused(rules, [price] * 3) == []
    assert refused(rules, [price * 10, price / 10, price * 9.99, price / 9.99]) == [price * 10, price / 10]
